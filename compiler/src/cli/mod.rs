//! The command line.

use std::path::Path;
use std::process::ExitCode;

use crate::{compile, diagnostic, driver, plan};

/// Exit code where contracts have errors.
const FINDINGS: u8 = 1;
/// Exit code where nothing could be read.
const UNREADABLE: u8 = 2;

/// Prints the plan of a folder of contracts, or what is wrong with them.
pub fn main() -> ExitCode {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "contracts".to_owned());
    let sources = match driver::read_contracts(Path::new(&folder)) {
        Ok(sources) => sources,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(UNREADABLE);
        }
    };
    let compiled = compile(sources);
    print!("{}", diagnostic::human::render(&compiled.diagnostics, &compiled.sources));
    match &compiled.plan {
        Some(plan) => {
            print!("{}", plan::show::show(plan));
            ExitCode::SUCCESS
        }
        None => ExitCode::from(FINDINGS),
    }
}
