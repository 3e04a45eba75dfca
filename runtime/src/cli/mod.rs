//! The command line of the container. Thin: `run` and `doctor` work in this process, the others ask the running runtime.

mod adopt;
mod client;
mod reconcile;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use covenant_model::codec::EntityCodec;

use crate::app::config::Config;
use crate::app::gap;
use crate::app::http::{BackfillRequest, QuarantineCommand, ReleaseRequest};
use crate::app::reconcile_task::ReconcileRequest;
use crate::app::run::Until;
use crate::replay::ReplayRequest;
use crate::telemetry::logs;

/// Everything went well.
const OK: u8 = 0;
/// Something was found: a failed check, a difference.
const FINDINGS: u8 = 1;
/// Usage or configuration.
const USAGE: u8 = 2;
/// The runtime stopped because going on could lose data, or a system refused it.
const STOPPED: u8 = 3;

/// Runs what the compiler generated.
#[derive(Parser)]
#[command(name = "covenant-runtime", version, about, long_about = None)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run all lanes; SIGTERM drains
    Run {
        /// Until what is there now has arrived and models have run; exit 1 where the counts are wrong
        #[arg(long)]
        once: bool,
        /// With `--once`: what this job of the manifest serves, without proving the counts
        #[arg(long, requires = "once")]
        job: Option<String>,
    },
    /// Check every system before anything starts, and say what to do
    Doctor,
    /// What the running runtime is doing
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Read a table, or a range of it, again beside live traffic
    Backfill {
        /// `sales.order`
        entity: String,
        /// Column of the range
        #[arg(long, requires_all = ["from", "to"])]
        column: Option<String>,
        /// First value
        #[arg(long, requires = "column")]
        from: Option<String>,
        /// First value behind the range
        #[arg(long, requires = "column")]
        to: Option<String>,
        /// Only one part of the table: `2/8` is the second of eight
        #[arg(long, conflicts_with = "column")]
        chunk: Option<String>,
    },
    /// Apply landing commits again, in the warehouse and for Salesforce; a no-op where nothing was lost
    Replay {
        /// First landing commit
        #[arg(long)]
        from: u64,
        /// Last landing commit; the newest one where none is named
        #[arg(long)]
        to: Option<u64>,
        /// `sales.order`; all where none is named
        #[arg(long)]
        entity: Option<String>,
        /// Derive the changes again by the contract of today, to win over their old results
        #[arg(long)]
        rederive: bool,
    },
    /// Compare sources with targets; exit 1 where differences are left
    Reconcile {
        /// `sales.order`; all that are read from a table where none is named
        entity: Option<String>,
        /// Read again what differs, and delete what the source does not have
        #[arg(long)]
        repair: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// A slot that does not continue where landing ends
    Gap {
        #[command(subcommand)]
        command: Gap,
    },
    /// What is on its way to Salesforce
    Deliver {
        #[command(subcommand)]
        command: Deliver,
    },
    /// Records that people made in Salesforce before us: matched, reviewed, given their external id
    Adopt {
        #[command(subcommand)]
        command: Adopt,
    },
    /// Refused records
    Quarantine {
        #[command(subcommand)]
        command: Quarantine,
    },
}

#[derive(Subcommand)]
enum Deliver {
    /// Let held removals go: somebody has looked, and they are meant
    Release {
        /// `sales.order`
        entity: String,
    },
}

#[derive(Subcommand)]
enum Adopt {
    /// Read both sides, match them, and show the plan; changes nothing
    Plan {
        /// `sales.customer`
        entity: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// The newest plan and what was applied; exit 1 where a person has something to do
    Show {
        /// `sales.customer`; all where none is named
        entity: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Stamp the pairs of a plan, and let the entity's rows flow
    Apply {
        /// `sales.customer`
        entity: String,
        /// The plan's digest, as `plan` and `show` tell it
        #[arg(long)]
        plan: String,
        /// Who, for the record
        #[arg(long, default_value = "operator")]
        by: String,
    },
    /// Decide which record is a row's where the plan is ambiguous; the next plan has it
    Pick {
        /// `sales.customer`
        entity: String,
        /// External id of the row
        row: String,
        /// Id of the record
        #[arg(required_unless_present = "new")]
        record: Option<String>,
        /// None of them: the row gets a record of its own
        #[arg(long, conflicts_with = "record")]
        new: bool,
        /// Who, for the record
        #[arg(long, default_value = "operator")]
        by: String,
    },
    /// Under `unmatched: wait`: let rows that match nothing make records
    Create {
        /// `sales.customer`
        entity: String,
        /// Who, for the record
        #[arg(long, default_value = "operator")]
        by: String,
    },
}

#[derive(Subcommand)]
enum Gap {
    /// What it is, with both positions; exit 1 where there is one
    Show,
    /// Go on behind it as a new incarnation, and read every table again
    Accept {
        /// Why, for the record
        #[arg(long)]
        reason: String,
        /// Who, for the record
        #[arg(long, default_value = "operator")]
        by: String,
    },
}

#[derive(Subcommand)]
enum Quarantine {
    /// All that are open
    List {
        /// Of one entity only
        #[arg(long)]
        entity: Option<String>,
    },
    /// One, with every rule it breaks
    Show {
        /// Its id
        id: String,
    },
    /// Decode it again under the current contract, at its own version
    Retry {
        /// Its id
        id: String,
    },
    /// Close it without landing it
    Discard {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// The binary's `main`: `codecs` are what the compiler generated.
pub fn main(codecs: Vec<Box<dyn EntityCodec>>) -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(help) => {
            // Help and version are no failures; clap prints them to the right stream.
            let code = if help.use_stderr() { USAGE } else { OK };
            return if help.print().is_ok() { code.into() } else { USAGE.into() };
        }
    };
    logs::init();
    let config = match Config::from_env(|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(error) => return fail(&error, USAGE),
    };
    let started = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match started {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: threads could not be started: {error}");
            return STOPPED.into();
        }
    };
    runtime.block_on(dispatch(args.command, config, codecs)).into()
}

async fn dispatch(command: Command, config: Config, codecs: Vec<Box<dyn EntityCodec>>) -> u8 {
    let ended = match command {
        Command::Run { once, job } => {
            let until = if once { Until::Arrived { job } } else { Until::Asked };
            let ended = crate::app::run::run(config, codecs, until).await;
            ended.map(|proved| if proved { OK } else { FINDINGS })
        }
        Command::Doctor => crate::app::doctor::doctor(&config, codecs).await.map(|report| {
            print!("{report}");
            if report.has_errors() { FINDINGS } else { OK }
        }),
        Command::Status { json } => client::status(&config, json).await.map(|()| OK),
        Command::Backfill { entity, column, from, to, chunk } => {
            let request = BackfillRequest { entity, column, from, to, chunk };
            client::ask(&config, "/api/backfill", &request).await.map(|_| OK)
        }
        Command::Replay { from, to, entity, rederive } => {
            let request = ReplayRequest { from, to, entity, rederive };
            client::ask(&config, "/api/replay", &request).await.map(|_| OK)
        }
        Command::Deliver { command: Deliver::Release { entity } } => {
            let request = ReleaseRequest { entity };
            client::ask(&config, "/api/deliver/release", &request).await.map(|_| OK)
        }
        Command::Adopt { command } => {
            let ended = adopt::run(&config, command).await;
            ended.map(|settled| if settled { OK } else { FINDINGS })
        }
        Command::Reconcile { entity, repair, json } => {
            let request = ReconcileRequest { entity, repair };
            let ended = reconcile::run(&config, &request, json).await;
            ended.map(|clean| if clean { OK } else { FINDINGS })
        }
        Command::Gap { command: Gap::Show } => match gap::show(&config, codecs).await {
            Ok(shown) => {
                client::print(&shown.answer).map(|()| if shown.gap { FINDINGS } else { OK })
            }
            Err(error) => Err(error),
        },
        Command::Gap { command: Gap::Accept { reason, by } } => {
            match gap::accept(&config, codecs, &by, &reason).await {
                Ok(answer) => client::print(&answer).map(|()| OK),
                Err(error) => Err(error),
            }
        }
        Command::Quarantine { command } => {
            let command = match command {
                Quarantine::List { entity } => QuarantineCommand::List { entity },
                Quarantine::Show { id } => QuarantineCommand::Show { id },
                Quarantine::Retry { id } => QuarantineCommand::Retry { id },
                Quarantine::Discard { id, reason } => QuarantineCommand::Discard { id, reason },
            };
            client::ask(&config, "/api/quarantine", &command).await.map(|_| OK)
        }
    };
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        let usage = error.kind == crate::error::ErrorKind::Config;
        if usage { USAGE } else { STOPPED }
    })
}

fn fail(error: &crate::error::RuntimeError, code: u8) -> ExitCode {
    eprintln!("error: {error}");
    code.into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    /// Every command line in a generated state machine, with examples in the place of what its input says.
    fn commands(value: &Value, into: &mut Vec<Vec<String>>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::Array(words)) = members.get("Command") {
                    into.push(words.iter().map(|word| word.as_str().unwrap().into()).collect());
                }
                if let Some(Value::String(array)) = members.get("Command.$") {
                    let words = array.strip_prefix("States.Array(").unwrap();
                    let words = words.strip_suffix(')').unwrap().split(", ");
                    into.push(words.map(example).collect());
                }
                members.values().for_each(|member| commands(member, into));
            }
            Value::Array(items) => items.iter().for_each(|item| commands(item, into)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn example(word: &str) -> String {
        match word {
            "$.entity" => "sales.order".to_owned(),
            "$.chunk" => "2/8".to_owned(),
            literal => literal.trim_matches('\'').to_owned(),
        }
    }

    #[test]
    fn every_generated_command_line_is_one_of_ours() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = own.join("../generated/aws/orchestration.json");
        let json: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut all = Vec::new();
        commands(&json, &mut all);
        for first in ["run", "backfill", "reconcile"] {
            assert!(all.iter().any(|words| words[0] == first), "no `{first}` in {all:?}");
        }
        for words in all {
            let line = std::iter::once("covenant-runtime".to_owned()).chain(words.clone());
            assert!(Args::try_parse_from(line).is_ok(), "{words:?}");
        }
    }

    fn page() -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
        std::fs::read_to_string(path).unwrap()
    }

    /// Every command that does something, by its words, with its options.
    fn leaves(command: &clap::Command, words: &str, into: &mut Vec<(String, Vec<String>)>) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            leaves(sub, &format!("{words} {}", sub.get_name()), into);
        }
        if !command.has_subcommands() {
            let longs = command.get_arguments().filter_map(clap::Arg::get_long);
            let longs = longs.filter(|long| !["help", "version"].contains(long));
            into.push((words.to_owned(), longs.map(|long| format!("--{long}")).collect()));
        }
    }

    #[test]
    fn every_command_and_option_is_on_the_page_of_operations() {
        let page = page();
        let table = page.split("## Commands").nth(1).unwrap().split("\n#").next().unwrap();
        let mut all = Vec::new();
        leaves(&<Args as clap::CommandFactory>::command(), "covenant-runtime", &mut all);
        assert!(all.len() > 10, "the commands were not found: {all:?}");
        for (words, options) in all {
            let starts = [format!("| `{words} "), format!("| `{words}`")];
            let rows =
                table.lines().filter(|row| starts.iter().any(|start| row.starts_with(start)));
            let rows: Vec<&str> = rows.collect();
            assert!(!rows.is_empty(), "no row for `{words}`");
            for option in options {
                let told = rows.iter().any(|row| row.contains(&option));
                assert!(told, "`{words}`: {option} is not told");
            }
        }
    }

    #[test]
    fn every_command_on_the_page_of_operations_is_one() {
        let command = <Args as clap::CommandFactory>::command();
        let page = page();
        let mut told = 0;
        for (place, _) in page.match_indices("covenant-runtime ") {
            let words = &page[place..].split(['`', '\n']).next().unwrap();
            let mut known = &command;
            for word in words.split(' ').skip(1).take(2) {
                if !known.has_subcommands() {
                    break;
                }
                let found = known.get_subcommands().find(|sub| sub.get_name() == word);
                known = found.unwrap_or_else(|| panic!("`{words}`: no command `{word}`"));
                told += 1;
            }
        }
        assert!(told > 10, "only {told} found");
    }

    #[test]
    fn a_chunk_and_a_range_exclude_each_other() {
        let line = "covenant-runtime backfill sales.order --chunk 1/2 --column a --from 1 --to 2";
        assert!(Args::try_parse_from(line.split(' ')).is_err());
    }
}
