//! `run --once`: what was there at the start goes all the way, then the process drains.
//!
//! **A run has succeeded when its fence was reached and its counts were proved**, not when nothing failed. The fence is the end
//! of the source's log at the start; counts are proved by a reconciliation, unless the run was for one job of several: the
//! schedule then has a job of its own for that.

use std::time::Duration;

use covenant_model::manifest::{JobKind, JobSpec, Manifest};
use tokio::sync::{mpsc, oneshot};

use super::http::{Control, Landed};
use super::reconcile_task::{Desk, ReconcileRequest};
use super::start::Store;
use crate::env::Env;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::SourcePosition;
use crate::source::TableReader;
use crate::source::postgres::reader::PostgresReader;
use crate::source::postgres::stream;
use crate::telemetry::status::{Board, LaneState, Status};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Lanes that serve targets, by the first part of their names.
const APPLY: &str = "apply";
const DELIVER: &str = "deliver";

/// What a run must reach.
pub struct Once {
    pub(super) store: Option<Store>,
    pub(super) board: Board,
    pub(super) control: mpsc::Sender<Control>,
    pub(super) desk: Desk,
    pub(super) env: Env,
    /// None: everything.
    pub(super) job: Option<JobKind>,
}

/// The kind of the job of that name; none where none is named.
///
/// # Errors
/// `Config` where the manifest has no such job.
pub(super) fn job(manifest: &Manifest, name: Option<&str>) -> Result<Option<JobKind>> {
    let Some(name) = name else { return Ok(None) };
    let found = manifest.jobs.iter().find(|job| job.name == name);
    let known = || manifest.jobs.iter().map(|job: &JobSpec| job.name.as_str()).collect::<Vec<_>>();
    found.map(|job| Some(job.kind)).ok_or_else(|| {
        let what = format!("there is no job `{name}`; there are {}", known().join(", "));
        RuntimeError::new(ErrorKind::Config, "run", what, "Deploy manifest and schedule together.")
    })
}

impl Once {
    /// Waits until the fence is reached, and proves the counts. False: they are wrong.
    ///
    /// # Errors
    /// A parked lane: it would never be reached.
    pub(super) async fn reached(self) -> Result<bool> {
        let commit = self.landed().await?;
        loop {
            let status = self.board.snapshot();
            parked(&status)?;
            if self.has(&status, commit) {
                break;
            }
            self.env.clock.sleep(LOOK_EVERY).await;
        }
        if self.job.is_some() || self.store.is_none() {
            return Ok(true);
        }
        self.proved().await
    }

    /// The commit that holds everything which the source had when it was asked, and every backfill to its end.
    async fn landed(&self) -> Result<u64> {
        let Some(store) = &self.store else {
            return Ok(self.ask().await?.commit.0);
        };
        let mut nudger = PostgresReader::new(store.endpoint.clone());
        let (identity, _) = stream::inspect(&store.endpoint, &store.settings, None).await?;
        loop {
            parked(&self.board.snapshot())?;
            let landed = self.ask().await?;
            let there = landed.positions.iter().all(|(name, position)| match position {
                SourcePosition::Postgres { lsn, .. } if *name == store.system => {
                    *lsn >= identity.flushed
                }
                SourcePosition::Backfill { done, .. } => *done,
                SourcePosition::Postgres { .. }
                | SourcePosition::Stream { .. }
                | SourcePosition::Salesforce { .. } => true,
            });
            if there && landed.positions.contains_key(&store.system) {
                return Ok(landed.commit.0);
            }
            nudger.nudge().await?;
            self.env.clock.sleep(LOOK_EVERY).await;
        }
    }

    async fn ask(&self) -> Result<Landed> {
        let (answer, answered) = oneshot::channel();
        self.control.send(Control::Land(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())
    }

    /// Whether the targets that this run is about have the commit.
    fn has(&self, status: &Status, commit: u64) -> bool {
        let lane = |first: &str| {
            let mut lanes = status.lanes.iter().filter(|(name, _)| name.starts_with(first));
            lanes.all(|(_, lane)| lane.commit >= commit)
        };
        let delivered = || status.delivery.values().all(|rows| rows.waiting == 0);
        match self.job {
            Some(JobKind::Capture | JobKind::Backfill) => true,
            Some(JobKind::Apply | JobKind::Transform) => lane(APPLY),
            Some(JobKind::Deliver) => lane(DELIVER) && delivered(),
            Some(JobKind::Reconcile) | None => lane(APPLY) && lane(DELIVER) && delivered(),
        }
    }

    async fn proved(&self) -> Result<bool> {
        let refused = |why| RuntimeError::new(ErrorKind::Bug, "run", why, "Please report it.");
        self.desk.ask(ReconcileRequest::default()).map_err(refused)?;
        loop {
            let run = self.desk.look();
            if !run.running {
                if let Some(error) = &run.error {
                    tracing::error!(%error, "counts could not be proved");
                }
                let left = run.reports.iter().filter(|report| !report.clean());
                for report in left {
                    tracing::error!("differs: {report}");
                }
                return Ok(run.clean == Some(true));
            }
            self.env.clock.sleep(LOOK_EVERY).await;
        }
    }
}

fn parked(status: &Status) -> Result<()> {
    let parked = status.lanes.iter().find(|(_, lane)| lane.state == LaneState::Parked);
    let Some((name, lane)) = parked else { return Ok(()) };
    let what = format!("{name} is parked: {}", lane.last_error.as_deref().unwrap_or("see the log"));
    Err(RuntimeError::new(ErrorKind::Config, "run", what, "Do what it says, then run again."))
}

fn gone() -> RuntimeError {
    RuntimeError::new(ErrorKind::Unavailable, "run", "capture has stopped", "See the log.")
}
