//! Child processes that never outlive us, however we end.
//!
//! A watchdog shell waits on a pipe whose other end only we hold. When we exit, crash or are killed, the pipe closes and
//! the watchdog ends the child. (A parent-death signal would need unsafe code, and follows the spawning thread, not the
//! process.)

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{At, Result, SandboxError};

/// How often a child is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// Who runs a child, where we are root and the child must not be.
#[derive(Clone, Copy, Debug)]
pub struct RunAs {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// A child with its watchdog.
#[derive(Debug)]
pub struct Guarded {
    name: String,
    child: Child,
    watchdog: Child,
    soft: Signal,
    grace: Duration,
}

impl Guarded {
    /// Starts `command` in a process group of its own, so that Ctrl-C reaches us first. `soft` asks it to end; after `grace`
    /// it is killed.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub fn spawn(
        name: &str,
        mut command: Command,
        run_as: Option<RunAs>,
        soft: Signal,
        grace: Duration,
    ) -> Result<Self> {
        apply_user(&mut command, run_as);
        let mut child = command.process_group(0).stdin(Stdio::null()).spawn().at(
            name,
            "could not be started",
            "Is the program installed and built?",
        )?;
        let mut watch = Command::new("sh");
        apply_user(&mut watch, run_as);
        let script = "cat >/dev/null; kill -s \"$2\" \"$1\" 2>/dev/null; sleep \"$3\"; \
                      kill -s KILL \"$1\" 2>/dev/null";
        let watchdog = watch
            .args(["-c", script, "watchdog", &child.id().to_string()])
            .args([soft.as_str().trim_start_matches("SIG"), &grace.as_secs().to_string()])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match watchdog {
            Ok(watchdog) => Ok(Self { name: name.to_owned(), child, watchdog, soft, grace }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(SandboxError::new(
                    name,
                    format!("its watchdog could not be started: {error}"),
                    "A POSIX shell `sh` must be on the PATH.",
                ))
            }
        }
    }

    /// Process id of the child.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, where it has ended.
    ///
    /// # Errors
    /// Where the system cannot tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().at(&self.name, "its state cannot be read", "")
    }

    /// Sends a signal; a child that has ended is no error.
    ///
    /// # Errors
    /// Where the system refuses it.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        kill(pid(self.child.id()), signal).at(&self.name, format!("{signal} was refused"), "")
    }

    /// Waits up to `bound` for the end; `None` when it still runs.
    ///
    /// # Errors
    /// Where the system cannot tell.
    pub fn wait(&mut self, bound: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + bound;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end, waits, and kills it after the grace. Returns its status.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.disarm();
        self.signal(self.soft)?;
        if let Some(status) = self.wait(self.grace)? {
            return Ok(status);
        }
        self.signal(Signal::SIGKILL)?;
        self.child.wait().at(&self.name, "did not end", "")
    }

    /// Kills it at once: what a crash of the machine would do to it.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.disarm();
        self.signal(Signal::SIGKILL)?;
        self.child.wait().at(&self.name, "did not end", "")
    }

    /// Ends the watchdog before the child, so that it never signals a reused process id.
    fn disarm(&mut self) {
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Nobody is left to tell; the watchdog is gone only after the child has been asked.
        let _ = self.stop();
    }
}

fn apply_user(command: &mut Command, run_as: Option<RunAs>) {
    if let Some(user) = run_as {
        command.uid(user.uid).gid(user.gid);
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_child_is_gone_and_its_watchdog_too() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let mut child =
            Guarded::spawn("sleeper", command, None, Signal::SIGTERM, Duration::from_secs(5))
                .unwrap();
        assert!(child.ended().unwrap().is_none());
        let status = child.stop().unwrap();
        assert!(!status.success());
        assert!(child.watchdog.try_wait().unwrap().is_some());
    }

    #[test]
    fn when_our_end_of_the_pipe_closes_the_child_ends() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let mut child =
            Guarded::spawn("sleeper", command, None, Signal::SIGTERM, Duration::from_secs(5))
                .unwrap();
        drop(child.watchdog.stdin.take());
        assert!(child.wait(Duration::from_secs(10)).unwrap().is_some());
    }

    #[test]
    fn a_missing_program_is_named() {
        let command = Command::new("no-such-program-here");
        let error = Guarded::spawn("nothing", command, None, Signal::SIGTERM, Duration::ZERO);
        assert!(error.unwrap_err().to_string().starts_with("nothing: could not be started"));
    }
}
