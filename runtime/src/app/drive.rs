//! Drives a lane: step, wait, back off, park or stop, and tell the board. One function, so that every lane behaves alike.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use crate::env::{Backoff, Env};
use crate::error::{Reaction, Result, RuntimeError};
use crate::telemetry::metric_names;
use crate::telemetry::status::{Board, LaneState};

/// How long an idle lane waits where nothing wakes it.
const IDLE_WAIT: Duration = Duration::from_millis(250);
/// Longest piece of a backoff that is slept without looking whether the process stops.
const NAP_MAX: Duration = Duration::from_millis(200);

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something: step again at once.
    Worked,
    /// Nothing to do.
    Idle,
}

/// Something that can be driven.
#[async_trait(?Send)]
pub trait Lane: Send {
    /// Its name: `apply`, `deliver.salesforce`.
    fn name(&self) -> String;

    /// Does a bounded amount of work.
    ///
    /// # Errors
    /// Whatever went wrong; the lane's state is such that the next step tries again.
    async fn step(&mut self) -> Result<Progress>;

    /// The process drains: what the lane would keep back to save work goes with the next step.
    fn drain(&mut self) {}

    /// Tells the board what only the lane knows.
    fn report(&mut self, board: &Board);
}

/// In which phase the process is. Lanes only ever see it move forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everything runs.
    Running,
    /// Capture has stopped; the others finish what is landed, then end.
    Draining,
    /// Everything ends at once.
    Stopping,
}

/// What every lane is given.
#[derive(Clone)]
pub struct Drive {
    /// Told about every step.
    pub board: Board,
    /// Time and chance.
    pub env: Env,
    /// Wakes idle lanes: rung by every landing commit.
    pub wake: Arc<Notify>,
    /// Phase of the process.
    pub phase: watch::Receiver<Phase>,
}

impl Drive {
    /// Runs a lane until the process stops, or until it is idle while the process drains.
    ///
    /// # Errors
    /// Where the lane's failure means that the process must stop.
    pub async fn run(mut self, mut lane: Box<dyn Lane>) -> Result<()> {
        let name = lane.name();
        let mut backoff = Backoff::default();
        self.board.lane(&name, |status| status.state = LaneState::Running);
        loop {
            let phase = *self.phase.borrow();
            if phase == Phase::Stopping {
                break;
            }
            if phase == Phase::Draining {
                lane.drain();
            }
            match lane.step().await {
                Ok(progress) => {
                    backoff.reset();
                    self.succeeded(&name, progress);
                    lane.report(&self.board);
                    if progress == Progress::Idle {
                        // Only a step that knew of it has left nothing behind.
                        if phase >= Phase::Draining {
                            break;
                        }
                        self.idle().await;
                    }
                }
                Err(error) => {
                    let reaction = error.reaction();
                    self.failed(&name, &error, reaction);
                    lane.report(&self.board);
                    match reaction {
                        Reaction::Retry => {
                            let wait = backoff.next(self.env.chance.as_ref());
                            self.nap(wait).await;
                        }
                        Reaction::RetryAfter(wait) => self.nap(wait).await,
                        Reaction::Park => self.parked().await,
                        Reaction::Stop => return Err(error),
                    }
                }
            }
        }
        self.board.lane(&name, |status| status.state = LaneState::Stopped);
        metrics::gauge!(metric_names::LANE_UP, "lane" => name).set(0.0);
        Ok(())
    }

    fn succeeded(&self, name: &str, progress: Progress) {
        let now_us = self.env.clock.now_us();
        metrics::gauge!(metric_names::LANE_UP, "lane" => name.to_owned()).set(1.0);
        self.board.lane(name, |status| {
            status.state = LaneState::Running;
            if progress == Progress::Worked || status.last_success_us == 0 {
                status.last_success_us = now_us;
            }
        });
    }

    fn failed(&self, name: &str, error: &RuntimeError, reaction: Reaction) {
        let kind = format!("{:?}", error.kind);
        metrics::counter!(metric_names::LANE_FAILURES, "lane" => name.to_owned(), "kind" => kind)
            .increment(1);
        metrics::gauge!(metric_names::LANE_UP, "lane" => name.to_owned()).set(0.0);
        tracing::warn!(lane = name, kind = ?error.kind, reaction = ?reaction, "{error}");
        self.board.lane(name, |status| {
            status.state = match reaction {
                Reaction::Retry | Reaction::RetryAfter(_) => LaneState::Retrying,
                Reaction::Park => LaneState::Parked,
                Reaction::Stop => LaneState::Stopped,
            };
            status.last_error = Some(error.to_string());
            status.failures += 1;
        });
        if reaction == Reaction::Park {
            self.board.update(|status| status.ready = false);
        }
    }

    /// Until work may have come, or the phase changes.
    async fn idle(&mut self) {
        tokio::select! {
            () = self.wake.notified() => {}
            () = self.env.clock.sleep(IDLE_WAIT) => {}
            changed = self.phase.changed() => {
                if changed.is_err() {
                    // The application is gone: its phases end with it.
                    self.env.clock.sleep(IDLE_WAIT).await;
                }
            }
        }
    }

    /// A backoff that does not hold up the end of the process.
    async fn nap(&mut self, wait: Duration) {
        let mut left = wait;
        while !left.is_zero() && *self.phase.borrow() == Phase::Running {
            let piece = left.min(NAP_MAX);
            self.env.clock.sleep(piece).await;
            left -= piece;
        }
    }

    /// Until the process ends.
    async fn parked(&mut self) {
        while *self.phase.borrow() == Phase::Running {
            if self.phase.changed().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    struct Scripted {
        script: Vec<Result<Progress>>,
    }

    #[async_trait(?Send)]
    impl Lane for Scripted {
        fn name(&self) -> String {
            "scripted".into()
        }
        async fn step(&mut self) -> Result<Progress> {
            self.script.pop().unwrap_or(Ok(Progress::Idle))
        }
        fn report(&mut self, _: &Board) {}
    }

    fn error(kind: ErrorKind) -> RuntimeError {
        RuntimeError::new(kind, "test", "it failed", "Look.")
    }

    async fn drive(script: Vec<Result<Progress>>, phase: Phase) -> (Result<()>, Board) {
        let board = Board::default();
        let (_sender, receiver) = watch::channel(phase);
        let drive = Drive {
            board: board.clone(),
            env: Env::system(),
            wake: Arc::new(Notify::new()),
            phase: receiver,
        };
        (drive.run(Box::new(Scripted { script })).await, board)
    }

    #[tokio::test]
    async fn a_draining_lane_finishes_its_work_and_survives_a_failure_that_heals() {
        let script = vec![Ok(Progress::Worked), Err(error(ErrorKind::Unavailable))];
        let (ended, board) = drive(script, Phase::Draining).await;
        assert!(ended.is_ok());
        let status = board.snapshot().lanes["scripted"].clone();
        assert_eq!((status.failures, status.state), (1, LaneState::Stopped));
    }

    #[tokio::test]
    async fn a_fenced_lane_stops_the_process() {
        let (ended, _) = drive(vec![Err(error(ErrorKind::Fenced))], Phase::Running).await;
        assert_eq!(ended.unwrap_err().kind, ErrorKind::Fenced);
    }
}
