//! The demo's program: runs until it is proved, disproved, or interrupted; leaves no process behind.

use std::process::ExitCode;

use clap::Parser;
use covenant_sandbox::demo::options::Options;
use covenant_sandbox::demo::stage;
use tokio::signal::unix::{SignalKind, signal};

/// It could not run.
const BROKEN: u8 = 2;
/// What a shell reports for Ctrl-C.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let keep = options.keep;
    let mut terminated = match signal(SignalKind::terminate()) {
        Ok(stream) => stream,
        Err(error) => {
            eprintln!("demo: SIGTERM cannot be waited for: {error}");
            return BROKEN.into();
        }
    };
    // Dropping the run ends its processes: each is stopped by its guard, and by its watchdog should we be killed.
    tokio::select! {
        ended = Box::pin(stage::run(options)) => match ended {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("{error}");
                BROKEN.into()
            }
        },
        _ = tokio::signal::ctrl_c(), if !keep => INTERRUPTED.into(),
        _ = terminated.recv() => INTERRUPTED.into(),
    }
}
