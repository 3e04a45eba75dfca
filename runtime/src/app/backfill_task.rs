//! Gives the backfill lane time, in a task of its own: a slow read of a table never holds up live changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use covenant_model::version::Lsn;
use tokio::sync::{mpsc, watch};

use super::drive::Phase;
use crate::backfill::lane::{BackfillLane, Gate, Job, LaneSettings, ReadyChunk};
use crate::env::{Backoff, Env};
use crate::error::{Reaction, Result};
use crate::landing::SourcePosition;
use crate::source::TableReader;
use crate::telemetry::metric_names;
use crate::telemetry::status::{BackfillStatus, Board, LaneState};

/// Marks that may wait: capture is held up only where the backfill stands still for this many transactions.
pub const MARKS_QUEUE: usize = 262_144;
/// Chunks that may wait for capture.
pub const CHUNKS_QUEUE: usize = 2;
/// Jobs that may wait to be taken over.
pub const JOBS_QUEUE: usize = 64;
/// Landing commits that the warehouse may be behind before backfills pause: live changes come first.
const COMMITS_BEHIND_MAX: u64 = 50;
/// Longest time without a look at the phase.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Name on the board.
const NAME: &str = "backfill";

/// What the stream delivered, for bounds.
#[derive(Clone, Copy, Debug)]
pub enum Mark {
    /// A transaction.
    Transaction {
        /// Its id.
        xid: u32,
        /// Start of its commit record.
        commit: Lsn,
    },
    /// Everything up to here.
    Passed(Lsn),
}

/// A job and where it goes on.
#[derive(Clone, Debug)]
pub struct Take {
    /// The job.
    pub job: Job,
    /// Its position in landing.
    pub position: Option<SourcePosition>,
}

/// Holds backfills back while the warehouse lags.
pub struct Lag {
    /// Newest landing commit.
    pub landed: Arc<AtomicU64>,
    /// Last applied one.
    pub applied: Arc<AtomicU64>,
}

impl Gate for Lag {
    fn may_run(&self) -> bool {
        let behind = self
            .landed
            .load(Ordering::Relaxed)
            .saturating_sub(self.applied.load(Ordering::Relaxed));
        behind <= COMMITS_BEHIND_MAX
    }
}

/// The task.
pub struct BackfillTask {
    /// Reads tables.
    pub reader: Box<dyn TableReader>,
    /// What the stream delivered.
    pub marks: mpsc::Receiver<Mark>,
    /// Jobs to take over.
    pub jobs: mpsc::Receiver<Take>,
    /// To capture.
    pub chunks: mpsc::Sender<ReadyChunk>,
    /// Lag of the warehouse.
    pub gate: Arc<Lag>,
    /// Told about every chunk.
    pub board: Board,
    /// Time and chance.
    pub env: Env,
    /// Phase of the process.
    pub phase: watch::Receiver<Phase>,
}

impl BackfillTask {
    /// Runs until the process drains or stops: what is not landed is read again by the next start.
    ///
    /// # Errors
    /// Where a failure means that the process must stop.
    pub async fn run(mut self) -> Result<()> {
        let mut lane =
            BackfillLane::new(self.env.clock.clone(), self.gate.clone(), LaneSettings::default());
        let mut backoff = Backoff::default();
        self.board.lane(NAME, |status| status.state = LaneState::Running);
        while *self.phase.borrow() == Phase::Running {
            self.take_in(&mut lane).await?;
            match lane.step(self.reader.as_mut()).await {
                Ok(Some(chunk)) => {
                    backoff.reset();
                    self.tell(&chunk);
                    if self.chunks.send(chunk).await.is_err() {
                        break;
                    }
                }
                Ok(None) => self.wait(&mut lane).await?,
                Err(error) => {
                    tracing::warn!(kind = ?error.kind, "{error}");
                    let reaction = error.reaction();
                    self.board.lane(NAME, |status| {
                        status.state = if reaction == Reaction::Park {
                            LaneState::Parked
                        } else {
                            LaneState::Retrying
                        };
                        status.last_error = Some(error.to_string());
                        status.failures += 1;
                    });
                    match reaction {
                        Reaction::Stop => return Err(error),
                        Reaction::Park => self.parked().await,
                        Reaction::Retry | Reaction::RetryAfter(_) => {
                            let wait = backoff.next(self.env.chance.as_ref());
                            self.env.clock.sleep(wait).await;
                        }
                    }
                }
            }
        }
        self.board.lane(NAME, |status| status.state = LaneState::Stopped);
        Ok(())
    }

    /// Everything that is waiting.
    async fn take_in(&mut self, lane: &mut BackfillLane) -> Result<()> {
        while let Ok(mark) = self.marks.try_recv() {
            observe(lane, mark);
        }
        while let Ok(take) = self.jobs.try_recv() {
            self.take(lane, take).await?;
        }
        Ok(())
    }

    async fn take(&mut self, lane: &mut BackfillLane, take: Take) -> Result<()> {
        // For the bar only: a job whose size is unknown runs all the same.
        let estimated = self.reader.estimate(&take.job.request).await.unwrap_or(0);
        let (id, entity) = (take.job.id.clone(), take.job.entity.clone());
        let rows = match &take.position {
            Some(SourcePosition::Backfill { rows, .. }) => *rows,
            Some(
                SourcePosition::Postgres { .. }
                | SourcePosition::Stream { .. }
                | SourcePosition::Salesforce { .. },
            )
            | None => 0,
        };
        lane.resume(take.job, take.position.as_ref())?;
        self.board.update(|status| {
            let state = "running".to_owned();
            let shown = BackfillStatus {
                entity,
                rows,
                rows_estimated: estimated,
                state,
                ..BackfillStatus::default()
            };
            status.backfills.insert(id, shown);
        });
        Ok(())
    }

    /// Until something may have changed. Marks are taken in all the while.
    async fn wait(&mut self, lane: &mut BackfillLane) -> Result<()> {
        let wait = lane.next_step_in().unwrap_or(LOOK_EVERY);
        tokio::select! {
            mark = self.marks.recv() => match mark {
                Some(mark) => observe(lane, mark),
                // Capture is gone: it ends the process.
                None => self.env.clock.sleep(LOOK_EVERY).await,
            },
            take = self.jobs.recv() => if let Some(take) = take { self.take(lane, take).await? },
            () = self.env.clock.sleep(wait.min(LOOK_EVERY)) => {}
        }
        if !self.gate.may_run() && !lane.is_idle() {
            self.board.lane(NAME, |status| status.detail = "paused: live changes first".into());
        }
        Ok(())
    }

    /// Until the process ends; marks are thrown away, so that capture is never held up.
    async fn parked(&mut self) {
        while *self.phase.borrow() == Phase::Running {
            tokio::select! {
                mark = self.marks.recv() => if mark.is_none() { return },
                () = self.env.clock.sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn tell(&self, chunk: &ReadyChunk) {
        let now_us = self.env.clock.now_us();
        let entity = chunk.entity.clone();
        metrics::gauge!(metric_names::BACKFILL_ROWS, "entity" => entity)
            .set(chunk.rows_total as f64);
        self.board.update(|status| {
            if let Some(shown) = status.backfills.get_mut(&chunk.job) {
                shown.rows = chunk.rows_total;
                shown.state = if chunk.done { "done".into() } else { "running".into() };
            }
            let lane = status.lanes.entry(NAME.into()).or_default();
            lane.state = LaneState::Running;
            lane.last_success_us = now_us;
            lane.detail = format!("{}: {} rows", chunk.job, chunk.rows_total);
        });
    }
}

fn observe(lane: &mut BackfillLane, mark: Mark) {
    match mark {
        Mark::Transaction { xid, commit } => lane.observe_transaction(xid, commit),
        Mark::Passed(lsn) => lane.passed(lsn),
    }
}
