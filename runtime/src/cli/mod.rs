//! The command line of the container. Thin: `run` and `doctor` work in this process, the others ask the running runtime.

mod client;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use covenant_model::codec::EntityCodec;

use crate::app::config::Config;
use crate::app::http::{BackfillRequest, QuarantineCommand, ReleaseRequest};
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
    Run,
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
    },
    /// Compare sources with targets; exit 1 where they differ
    Reconcile,
    /// What is on its way to Salesforce
    Deliver {
        #[command(subcommand)]
        command: Deliver,
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
        Command::Run => crate::app::run::run(config, codecs).await.map(|()| OK),
        Command::Doctor => crate::app::doctor::doctor(&config, codecs).await.map(|report| {
            print!("{report}");
            if report.has_errors() { FINDINGS } else { OK }
        }),
        Command::Status { json } => client::status(&config, json).await.map(|()| OK),
        Command::Backfill { entity, column, from, to } => {
            let request = BackfillRequest { entity, column, from, to };
            client::ask(&config, "/api/backfill", &request).await.map(|_| OK)
        }
        Command::Reconcile => client::ask(&config, "/api/reconcile", &()).await.map(|report| {
            let clean = report.get("clean").and_then(serde_json::Value::as_bool);
            if clean == Some(true) { OK } else { FINDINGS }
        }),
        Command::Deliver { command: Deliver::Release { entity } } => {
            let request = ReleaseRequest { entity };
            client::ask(&config, "/api/deliver/release", &request).await.map(|_| OK)
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
