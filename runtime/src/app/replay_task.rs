//! Gives the replay lane time, in a task of its own: reading landing again never holds up live changes.

use std::sync::Arc;
use std::time::Duration;

use covenant_model::manifest::Manifest;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::drive::Phase;
use crate::capture::CaptureLane;
use crate::env::{Backoff, Env};
use crate::error::{Reaction, Result, RuntimeError};
use crate::landing::{Landing, SourcePosition, reach};
use crate::replay::{Portion, ReplayJob, ReplayLane, ReplayRequest};
use crate::telemetry::status::{BackfillStatus, Board, LaneState};

/// Portions that may wait for capture: with one that is being read, this bounds the memory of replays.
pub const PORTIONS_QUEUE: usize = 1;
/// Longest time without a look at the phase.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Name on the board.
const NAME: &str = "replay";

/// A job and where it goes on.
pub type Take = (ReplayJob, Option<SourcePosition>);

/// The task.
pub struct ReplayTask {
    /// Reads landing.
    pub lane: ReplayLane,
    /// Jobs to take over.
    pub jobs: mpsc::Receiver<Take>,
    /// To capture.
    pub portions: mpsc::Sender<Portion>,
    /// Told about every portion.
    pub board: Board,
    /// Time and chance.
    pub env: Env,
    /// Phase of the process.
    pub phase: watch::Receiver<Phase>,
}

impl ReplayTask {
    /// Runs until the process drains or stops: what is not landed is read again by the next start.
    ///
    /// # Errors
    /// Where a failure means that the process must stop.
    pub async fn run(mut self) -> Result<()> {
        let mut backoff = Backoff::default();
        while *self.phase.borrow() == Phase::Running {
            while let Ok(take) = self.jobs.try_recv() {
                self.take(take);
            }
            match self.lane.step().await {
                Ok(Some(portion)) => {
                    backoff.reset();
                    self.tell(&portion);
                    if self.portions.send(portion).await.is_err() {
                        break;
                    }
                }
                Ok(None) => self.wait().await,
                Err(error) => self.failed(error, &mut backoff).await?,
            }
        }
        Ok(())
    }

    fn take(&mut self, (job, position): Take) {
        let (_, rows) = job.resumed(position.as_ref());
        let shown = BackfillStatus {
            entity: job.entity.clone().unwrap_or_else(|| "all".to_owned()),
            rows,
            rows_estimated: rows,
            state: "running".to_owned(),
            ..BackfillStatus::default()
        };
        self.board.update(|status| {
            status.backfills.insert(job.id.clone(), shown);
        });
        self.board.lane(NAME, |lane| lane.state = LaneState::Running);
        self.lane.resume(job, position.as_ref());
    }

    /// Until something may have changed.
    async fn wait(&mut self) {
        let idle = self.lane.is_idle();
        tokio::select! {
            Some(take) = self.jobs.recv() => self.take(take),
            () = self.env.clock.sleep(LOOK_EVERY) => {}
        }
        if !idle {
            self.board.lane(NAME, |lane| lane.detail = "paused: live changes first".into());
        }
    }

    /// What heals is tried again. What does not ends the replays of this process, and nothing else: they read what is safe.
    async fn failed(&mut self, error: RuntimeError, backoff: &mut Backoff) -> Result<()> {
        tracing::warn!(lane = NAME, kind = ?error.kind, "{error}");
        let given_up = self.lane.given_up();
        let reaction = error.reaction();
        self.board.update(|status| {
            if let Some(shown) = given_up.as_ref().and_then(|job| status.backfills.get_mut(job)) {
                shown.state = "given up: landing no longer holds its commits".to_owned();
            }
        });
        self.board.lane(NAME, |lane| {
            lane.state = if given_up.is_some() { LaneState::Running } else { LaneState::Retrying };
            lane.last_error = Some(error.to_string());
            lane.failures += 1;
        });
        match reaction {
            Reaction::Stop => return Err(error),
            Reaction::Park | Reaction::Retry | Reaction::RetryAfter(_) => {
                let wait = backoff.next(self.env.chance.as_ref());
                self.env.clock.sleep(wait).await;
            }
        }
        Ok(())
    }

    fn tell(&self, portion: &Portion) {
        let now_us = self.env.clock.now_us();
        self.board.update(|status| {
            let lane = status.lanes.entry(NAME.into()).or_default();
            lane.state = LaneState::Running;
            lane.last_success_us = now_us;
            lane.detail = format!("{}: up to commit {}", portion.job, portion.upto.0);
            let Some(shown) = status.backfills.get_mut(&portion.job) else { return };
            shown.rows = portion.rows_total;
            shown.rows_estimated = estimated(portion);
            shown.refused += portion.refused;
            if let Some(why) = &portion.refusal {
                tracing::warn!(job = portion.job, refused = portion.refused, "{why}");
                shown.refusal.get_or_insert_with(|| why.clone());
            }
            shown.state = if portion.done { "done".into() } else { "running".into() };
        });
    }
}

/// All rows of the job, if the rest of its commits is like those behind it.
fn estimated(portion: &Portion) -> u64 {
    let Some(job) = ReplayJob::parse(&portion.job) else { return portion.rows_total };
    let whole = u128::from(job.to.0.saturating_sub(job.from.0) + 1);
    let read = u128::from(portion.upto.0.saturating_sub(job.from.0) + 1);
    u64::try_from(u128::from(portion.rows_total) * whole / read).unwrap_or(u64::MAX)
}

/// What an operator asked for as a job with its position, adopted and not yet durable; or what is wrong with it.
///
/// # Errors
/// Those of landing.
pub(super) async fn order(
    lane: &mut CaptureLane,
    landing: &Arc<dyn Landing>,
    manifest: &Manifest,
    request: &ReplayRequest,
) -> Result<std::result::Result<Take, String>> {
    let entities: Vec<&str> = manifest.entities.iter().map(|entity| entity.name.as_str()).collect();
    let newest = lane.last_commit();
    let job = match ReplayJob::asked(request, newest, &entities, lane.positions()) {
        Ok(job) => job,
        Err(why) => return Ok(Err(why)),
    };
    if landing.commit_at(job.from).await?.is_none() {
        let held = reach::first_held(landing.as_ref(), job.from, newest).await?;
        return Ok(Err(format!(
            "landing no longer holds commit {}: the first one that it holds is {}. Put the missing manifests and their data \
             files back, or replay from {}",
            job.from.0, held.0, held.0
        )));
    }
    if lane.position(&job.id).is_none() {
        lane.adopt(&job.id, job.position(None, 0))?;
    }
    let position = lane.position(&job.id).cloned();
    Ok(Ok((job, position)))
}

/// The answer to it.
pub(super) fn answer(job: &ReplayJob) -> Value {
    json!({ "job": job.id, "from": job.from, "to": job.to })
}
