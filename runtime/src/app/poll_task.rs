//! Gives the polls of Salesforce time.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::drive::Phase;
use crate::env::{Backoff, Env};
use crate::error::{Reaction, Result};
use crate::source::poll::{PollLane, Polled};
use crate::telemetry::metric_names::lane_up;
use crate::telemetry::status::{Board, LaneState};

/// Longest time without a look at the phase.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A parked poll tries again after this: what parks it (credentials, metadata) is repaired outside.
const PARKED_WAIT: Duration = Duration::from_secs(60);
/// Name on the board.
const NAME: &str = "poll.salesforce";

/// The task.
pub struct PollTask {
    /// The lane.
    pub lane: PollLane,
    /// To capture.
    pub polled: mpsc::Sender<Polled>,
    /// Told about every poll.
    pub board: Board,
    /// Time and chance.
    pub env: Env,
    /// Phase of the process.
    pub phase: watch::Receiver<Phase>,
}

impl PollTask {
    /// Runs until the process drains or stops.
    ///
    /// # Errors
    /// Where a failure means that the process must stop.
    pub async fn run(mut self) -> Result<()> {
        let mut backoff = Backoff::default();
        self.board.lane(NAME, |status| status.state = LaneState::Running);
        while *self.phase.borrow() == Phase::Running {
            let stepped = self.lane.step().await;
            lane_up(NAME, stepped.is_ok());
            match stepped {
                Ok(Some(polled)) => {
                    backoff.reset();
                    self.tell(&polled);
                    if self.polled.send(polled).await.is_err() {
                        break;
                    }
                }
                Ok(None) => self.env.clock.sleep(LOOK_EVERY).await,
                Err(error) => {
                    tracing::warn!(lane = NAME, kind = ?error.kind, "{error}");
                    let reaction = error.reaction();
                    self.board.lane(NAME, |status| {
                        status.state = LaneState::Retrying;
                        status.last_error = Some(error.to_string());
                        status.failures += 1;
                    });
                    let wait = match reaction {
                        Reaction::Stop => return Err(error),
                        Reaction::Park => PARKED_WAIT,
                        Reaction::RetryAfter(wait) => wait,
                        Reaction::Retry => backoff.next(self.env.chance.as_ref()),
                    };
                    self.nap(wait).await;
                }
            }
        }
        lane_up(NAME, false);
        self.board.lane(NAME, |status| status.state = LaneState::Stopped);
        Ok(())
    }

    async fn nap(&self, wait: Duration) {
        let mut left = wait;
        while !left.is_zero() && *self.phase.borrow() == Phase::Running {
            let piece = left.min(LOOK_EVERY);
            self.env.clock.sleep(piece).await;
            left -= piece;
        }
    }

    fn tell(&self, polled: &Polled) {
        let now_us = self.env.clock.now_us();
        self.board.lane(NAME, |status| {
            status.state = LaneState::Running;
            status.last_success_us = now_us;
            status.detail =
                format!("{}: {} records in the last window", polled.object, polled.records.len());
        });
    }
}
