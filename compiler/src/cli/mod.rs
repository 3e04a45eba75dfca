//! The command line: arguments in, one of four exit codes out.

mod commands;
mod diff;
mod output;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing stands in the way.
    Fine,
    /// Contracts have errors, or generated files are stale.
    Findings,
    /// Wrong arguments, or input that cannot be read.
    Unreadable,
    /// A bug of the compiler.
    Internal,
}

impl Outcome {
    /// Fixed for good: scripts depend on it.
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Findings => 1,
            Self::Unreadable => 2,
            Self::Internal => 3,
        }
    }
}

/// Data contracts in, everything that moves the data out.
///
/// Exit codes: 0 fine, 1 findings, 2 usage or unreadable input, 3 internal error.
#[derive(Debug, Parser)]
#[command(name = "covenant", version, disable_help_subcommand = true)]
struct Arguments {
    /// Folder of the contracts.
    #[arg(long, global = true, default_value = "contracts", value_name = "DIR")]
    contracts: PathBuf,
    /// How findings are printed.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// With source lines.
    Human,
    /// One document, for programs.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands: annotations on a pull request.
    Github,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reads and checks every contract; writes nothing.
    Check,
    /// Generates every target.
    Build {
        /// Writes nothing; names the files that would change.
        #[arg(long)]
        check: bool,
        /// Where generated files go.
        #[arg(long, default_value = "generated", value_name = "DIR")]
        out: PathBuf,
    },
    /// Says what the contracts break against others, and whom. Only errors end with exit code 1.
    Diff {
        /// A folder of contracts, or a git revision.
        #[arg(long, value_name = "REF")]
        against: String,
        /// Shows what hurts nobody, too.
        #[arg(long)]
        all: bool,
    },
    /// Says what a code means and what to do; without a code lists them all.
    Explain {
        /// For example CV3005.
        code: Option<String>,
    },
    /// Shows what the compiler made of the contracts.
    Dump {
        /// Which of its stages.
        #[arg(long, value_enum, default_value_t = Stage::Plan)]
        stage: Stage,
        /// As JSON (of the plan, or what of the IR is data).
        #[arg(long)]
        json: bool,
    },
}

/// A stage that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// As written.
    Ast,
    /// With names looked up.
    Ir,
    /// With merge groups, lineage and jobs.
    Plan,
}

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let context = commands::Context { contracts: arguments.contracts, format: arguments.format };
    let outcome = match arguments.command {
        Command::Check => commands::check(&context),
        Command::Build { check, out } => commands::build(&context, &out, check),
        Command::Diff { against, all } => diff::diff(&context, &against, all),
        Command::Explain { code } => commands::explain(code.as_deref()),
        Command::Dump { stage, json } => commands::dump(&context, stage, json),
    };
    ExitCode::from(outcome.code())
}
