//! The pipeline's process. Plays the part of the orchestrator: starts it, notices its end, starts it again.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::error::{At, Result, SandboxError};
use crate::process::Guarded;

/// How long a drain may take before the process is killed.
const DRAIN_GRACE: Duration = Duration::from_secs(60);
/// Ends that nobody asked for before the demo gives up.
const UNASKED_MAX: u32 = 20;
/// Lines of the log that a failure shows.
const TAIL_LINES: usize = 12;
const PLACE: &str = "runtime";

/// How to start it.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its environment; holds secrets, so nothing of it is shown.
    pub environment: Vec<(String, String)>,
    /// Where its log goes; appended to.
    pub log: PathBuf,
}

/// The process, which may be between two lives.
#[derive(Clone, Debug)]
pub struct Runtime {
    launch: Arc<Launch>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    process: Option<Guarded>,
    kills: u32,
    unasked: u32,
}

impl Runtime {
    /// Starts it.
    ///
    /// # Errors
    /// Where the program is not built or cannot run.
    pub fn start(launch: Launch) -> Result<Self> {
        if !launch.program.exists() {
            let what = format!("{} is not there", launch.program.display());
            return Err(SandboxError::new(PLACE, what, "Build it: cargo build -p acme-pipeline"));
        }
        let runtime = Self { launch: Arc::new(launch), state: Arc::default() };
        runtime.revive()?;
        Ok(runtime)
    }

    /// Kills it at once, as a crash of its machine would.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn kill(&self) -> Result<()> {
        let mut state = self.lock();
        if let Some(mut process) = state.process.take() {
            process.kill()?;
            state.kills += 1;
        }
        Ok(())
    }

    /// Starts it where it is not running.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn revive(&self) -> Result<()> {
        let mut state = self.lock();
        if state.process.is_none() {
            state.process = Some(spawn(&self.launch)?);
        }
        Ok(())
    }

    /// Notices an end that nobody asked for, and starts it again. Returns what ended, if anything did.
    ///
    /// # Errors
    /// Where that has happened too often.
    pub fn supervise(&self) -> Result<Option<ExitStatus>> {
        let mut state = self.lock();
        let Some(process) = state.process.as_mut() else { return Ok(None) };
        let Some(status) = process.ended()? else { return Ok(None) };
        state.process = None;
        state.unasked += 1;
        if state.unasked > UNASKED_MAX {
            return Err(self.failed(&format!("it ended by itself {UNASKED_MAX} times")));
        }
        Ok(Some(status))
    }

    /// Asks it to drain, and waits for its end.
    ///
    /// # Errors
    /// Where it does not end well.
    pub fn drain(&self) -> Result<()> {
        let Some(mut process) = self.lock().process.take() else {
            return Err(self.failed("it was not running when it should drain"));
        };
        let status = process.stop()?;
        if status.success() {
            Ok(())
        } else {
            Err(self.failed(&format!("drain ended with {status}")))
        }
    }

    /// Process id; none between two lives.
    pub fn id(&self) -> Option<u32> {
        self.lock().process.as_ref().map(Guarded::id)
    }

    /// How often it was killed.
    pub fn kills(&self) -> u32 {
        self.lock().kills
    }

    /// How often it ended by itself.
    pub fn unasked_ends(&self) -> u32 {
        self.lock().unasked
    }

    /// An error with the end of the log.
    pub fn failed(&self, what: &str) -> SandboxError {
        let advice = format!("Its log: {}", self.launch.log.display());
        SandboxError::new(PLACE, format!("{what}\n{}\n", tail(&self.launch.log)), advice)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spawn(launch: &Launch) -> Result<Guarded> {
    let told = format!("{} cannot be written", launch.log.display());
    let log =
        OpenOptions::new().create(true).append(true).open(&launch.log).at(PLACE, &told, "")?;
    let errors = log.try_clone().at(PLACE, &told, "")?;
    let mut command = Command::new(&launch.program);
    command.arg("run").stdout(Stdio::from(log)).stderr(Stdio::from(errors));
    command.envs(launch.environment.iter().map(|(name, value)| (name, value)));
    Guarded::spawn(PLACE, command, None, Signal::SIGTERM, DRAIN_GRACE)
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(TAIL_LINES).collect();
    lines.into_iter().rev().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}
