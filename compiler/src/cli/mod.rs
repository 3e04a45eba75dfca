//! The command line: arguments in, one of four exit codes out.

mod baseline;
mod commands;
mod diff;
mod dump;
mod explain;
mod export;
mod fix;
mod import;
mod lineage;
mod live;
mod migrate;
mod output;
mod test;
mod unreadable;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;

use crate::diagnostic::{Applicability, Severity};
use crate::report;

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
    /// Writes findings into a file instead of printing them.
    #[arg(long, global = true, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Adds findings to a file as Markdown too, such as `$GITHUB_STEP_SUMMARY`.
    #[arg(long, global = true, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// The mildest finding that ends with exit code 1.
    #[arg(long, global = true, value_enum, default_value_t = FailOn::Error)]
    fail_on: FailOn,
    /// The day against which waivers end; today without it.
    #[arg(long, global = true, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    #[command(subcommand)]
    command: Command,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// With source lines.
    #[value(alias = "full")]
    Human,
    /// One line each.
    Concise,
    /// One document, for programs; `docs/report.schema.json` describes it.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands: annotations on a pull request.
    Github,
    /// A GitLab code quality report.
    Gitlab,
    /// JUnit XML, for everything that shows tests.
    Junit,
    /// A comment on a pull request.
    Markdown,
}

/// The mildest finding that ends with exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Errors.
    Error,
    /// Warnings too.
    Warning,
    /// Any finding.
    Info,
    /// None: the exit code says whether the command could do its work.
    Never,
}

impl FailOn {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Info => Some(Severity::Info),
            Self::Never => None,
        }
    }
}

/// What every command on contracts needs.
struct Context {
    contracts: PathBuf,
    format: Format,
    output: Option<PathBuf>,
    summary: Option<PathBuf>,
    fail_on: FailOn,
    today: Date,
    command: report::Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reads and checks every contract; writes nothing.
    Check(live::Arguments),
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
        /// `git:<revision>`, a folder of contracts, or `released`.
        #[arg(long, value_name = "BASE")]
        against: String,
        /// An older version that landing still holds, for promises that are `_transitive`; several
        /// from the oldest on.
        #[arg(long, value_name = "BASE")]
        alive: Vec<String>,
        /// Shows what hurts nobody, too.
        #[arg(long)]
        all: bool,
    },
    /// Mends what can be mended without asking.
    Fix {
        /// Makes the changes, too, that may mean something else: read them afterwards.
        #[arg(long = "unsafe")]
        risky: bool,
        /// Mends the findings about the change against another version, too.
        #[arg(long, value_name = "BASE")]
        against: Option<String>,
        /// Shows the changes and makes none; exit code 1 where there are any.
        #[arg(long, visible_alias = "dry-run")]
        diff: bool,
    },
    /// Accepts a finding about a change, for a reason and until a day.
    Waive {
        /// Of the finding: twelve hexadecimal digits.
        fingerprint: String,
        /// Why it is accepted.
        #[arg(long)]
        reason: String,
        /// Who answers for that.
        #[arg(long)]
        owner: String,
        /// The last day.
        #[arg(long, value_name = "YYYY-MM-DD")]
        until: Date,
        /// Of the finding; looked up by its fingerprint otherwise.
        #[arg(long)]
        code: Option<String>,
        /// Where the finding is looked up.
        #[arg(long, value_name = "BASE", default_value = "released")]
        against: String,
    },
    /// Says how stored data gets from older contracts to these: numbered steps per system. `--output`
    /// names a folder for the plan and the files that run; without it the plan is printed.
    Migrate(migrate::Arguments),
    /// Shows what a dataset or a field comes from and goes to, column by column.
    Lineage(lineage::Arguments),
    /// Runs the tests that stand beside the contracts (`*.tests.yaml`) through the real checks and the real fold.
    Test(test::Arguments),
    /// Writes the contracts in the words of another standard.
    Export {
        /// Which one.
        #[arg(value_enum)]
        standard: crate::interop::Standard,
        /// The folder that its files go to; other files there stay.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Writes contracts made from something else: a draft to go on with.
    Import {
        /// What they are made from.
        #[command(subcommand)]
        from: import::From,
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

/// The command line as a value: tests read the commands of the documentation against it.
pub fn arguments() -> clap::Command {
    Arguments::command()
}

impl Command {
    fn kind(&self) -> report::Command {
        match self {
            Self::Check(_) => report::Command::Check,
            Self::Build { .. } => report::Command::Build,
            Self::Diff { .. } => report::Command::Diff,
            Self::Fix { .. } => report::Command::Fix,
            Self::Waive { .. }
            | Self::Migrate(_)
            | Self::Lineage(_)
            | Self::Test(_)
            | Self::Export { .. }
            | Self::Import { .. }
            | Self::Explain { .. }
            | Self::Dump { .. } => report::Command::Other,
        }
    }
}

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let context = Context {
        contracts: arguments.contracts,
        format: arguments.format,
        output: arguments.output,
        summary: arguments.summary,
        fail_on: arguments.fail_on,
        // The only clock of the compiler; in UTC, so that every machine says the same.
        today: arguments
            .today
            .unwrap_or_else(|| jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()),
        command: arguments.command.kind(),
    };
    ExitCode::from(run(&context, arguments.command).code())
}

fn run(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Check(asked) => commands::check(context, &asked),
        Command::Build { check, out } => commands::build(context, &out, check),
        Command::Diff { against, alive, all } => diff::diff(context, &against, &alive, all),
        Command::Fix { risky, against, diff } => {
            let trust = if risky { Applicability::Unsafe } else { Applicability::Safe };
            fix::fix(context, trust, against.as_deref(), diff)
        }
        Command::Waive { fingerprint, reason, owner, until, code, against } => {
            diff::waive(context, diff::Waive { fingerprint, code, reason, owner, until, against })
        }
        Command::Migrate(arguments) => migrate::migrate(context, &arguments),
        Command::Lineage(arguments) => lineage::lineage(context, &arguments),
        Command::Test(arguments) => test::test(context, &arguments),
        Command::Export { standard, out } => export::export(context, standard, &out),
        Command::Import { from } => import::import(context, &from),
        Command::Explain { code } => explain::explain(code.as_deref()),
        Command::Dump { stage, json } => dump::dump(context, stage, json),
    }
}
