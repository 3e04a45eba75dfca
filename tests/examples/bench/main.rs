//! The figures of docs/performance.md. `scripts/bench` builds this program and runs each figure in a process of its own.
//!
//! ```text
//! bench FIGURE [--quick]           takes one figure; rows of `figure::Row` as tab-separated text on stdout
//! bench part NAME ARGUMENT...      one measured part, started by a figure: its memory and CPU time are its own
//! bench table FILE                 rows as a Markdown table
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`figure`] | a row of the table: printed, read, shown |
//! | [`part`] | a part in a process of its own, and a peer's program beside it |
//! | [`shop`] | a private PostgreSQL with Acme's tables, rows that keep the contract |
//! | [`records`] | validate + decode, on one core |
//! | [`capture`] | a backlog drained by `pg_recvlogical`, by our stream, by the whole capture lane |
//! | [`snapshot`] | a table read by `COPY`, by our reader, by the reader and the capture lane |
//! | [`apply`] | batches into the embedded warehouse, both forms |
//! | [`latency`] | the real process under open load: commit to both targets |
//! | [`compile`] | rustc for the generated crate |
//!
//! Nothing here passes or fails, but every part counts its results: a fast wrong answer is the usual bug.

mod apply;
mod capture;
mod compile;
mod figure;
mod latency;
mod part;
mod records;
mod shop;
mod snapshot;

use std::process::ExitCode;

use covenant_sandbox::error::causes;

/// What can go wrong here is told and ends the program.
type Failure = Box<dyn std::error::Error>;

/// Figures, in the order of the table.
const FIGURES: [&str; 7] =
    ["records", "capture", "snapshot", "apply", "latency-250", "latency-2500", "compile"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {}", causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), Failure> {
    let quick = words.contains(&"--quick");
    let rows = match words {
        ["part", name, arguments @ ..] => return part(name, arguments),
        ["table", file] => return table(file),
        ["list"] => {
            println!("{}", FIGURES.join(" "));
            return Ok(());
        }
        ["records", ..] => records::figure(quick)?,
        ["capture", ..] => capture::figure(quick)?,
        ["snapshot", ..] => snapshot::figure(quick)?,
        ["apply", ..] => apply::figure(quick)?,
        ["latency-250", ..] => latency::figure(250, quick)?,
        ["latency-2500", ..] => latency::figure(2_500, quick)?,
        ["compile", ..] => compile::figure()?,
        _ => return Err(format!("usage: bench {} [--quick]", FIGURES.join("|")).into()),
    };
    rows.iter().for_each(|row| println!("{}", row.to_line()));
    Ok(())
}

fn table(file: &str) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file)?;
    let rows = text.lines().map(figure::Row::read).collect::<Result<Vec<_>, _>>()?;
    print!("{}", figure::markdown(&rows));
    Ok(())
}

fn part(name: &str, arguments: &[&str]) -> Result<(), Failure> {
    let measured = match (name, arguments) {
        ("records", [what, seconds]) => records::part(what, seconds.parse()?)?,
        ("stream", [slot, changes]) => capture::stream_part(slot, changes.parse()?)?,
        ("lane", [slot, changes]) => capture::lane_part(slot, changes.parse()?)?,
        ("reader", [rows]) => snapshot::reader_part(rows.parse()?)?,
        ("backfill", [slot, rows]) => snapshot::lane_part(slot, rows.parse()?)?,
        ("fill", [folder, rows]) => apply::fill_part(folder, rows.parse()?)?,
        ("apply", [folder, form, keys, batches]) => {
            apply::apply_part(folder, form, keys, batches.parse()?)?
        }
        _ => return Err(format!("there is no part {name} with these arguments").into()),
    };
    println!("{}", measured.to_line());
    Ok(())
}
