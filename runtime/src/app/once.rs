//! `run --once`: what was there at the start goes all the way, then the process drains.
//!
//! **A run has succeeded when its fence was reached and its counts were proved**, not when nothing failed. The fence is the end
//! of the source's log at the start; counts are proved by a reconciliation, unless the run was for one job of several: the
//! schedule then has a job of its own for that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use covenant_model::manifest::{JobKind, JobSpec, Manifest};
use covenant_model::spec::{ModelSpec, SystemSpec};
use tokio::sync::{mpsc, oneshot};

use super::http::{Control, Landed};
use super::reconcile_task::{Desk, ReconcileRequest};
use super::start::Store;
use crate::capture::owed;
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

/// What a run needs. Landing has one writer, so capture always runs, and with it the table reads that it promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    job: Option<JobKind>,
    /// Whether it ends once everything has arrived.
    pub(super) once: bool,
    /// The warehouse's lane.
    pub(super) apply: bool,
    /// The delivery's lane.
    pub(super) deliver: bool,
    /// The polls of what Salesforce owns.
    pub(super) poll: bool,
    /// None: all.
    models: Option<BTreeSet<String>>,
}

impl Wanted {
    /// Everything, until somebody asks for the end.
    pub(super) fn everything() -> Self {
        Self { job: None, once: false, apply: true, deliver: true, poll: true, models: None }
    }

    /// What the job of that name needs: itself and every job that it reads from, however far upstream. All jobs where none is
    /// named.
    ///
    /// # Errors
    /// `Config` where the manifest has no such job.
    pub(super) fn once(manifest: &Manifest, name: Option<&str>) -> Result<Self> {
        let Some(name) = name else { return Ok(Self { once: true, ..Self::everything() }) };
        let job = |name: &str| manifest.jobs.iter().find(|job| job.name == name);
        let Some(asked) = job(name) else {
            let known: Vec<&str> = manifest.jobs.iter().map(|job| job.name.as_str()).collect();
            let what = format!("there is no job `{name}`; there are {}", known.join(", "));
            let advice = "Deploy manifest and schedule together.";
            return Err(RuntimeError::new(ErrorKind::Config, "run", what, advice));
        };
        let mut needed: BTreeMap<&str, &JobSpec> = BTreeMap::new();
        let mut open = vec![asked];
        while let Some(next) = open.pop() {
            if needed.insert(&next.name, next).is_none() {
                open.extend(next.needs.iter().filter_map(|name| job(name)));
            }
        }
        let has = |kind: JobKind| needed.values().any(|job| job.kind == kind);
        let from_crm = |job: &&JobSpec| {
            let system = manifest.project.systems.get(&job.system);
            job.kind == JobKind::Capture && matches!(system, Some(SystemSpec::Salesforce { .. }))
        };
        let transforms = needed.values().filter(|job| job.kind == JobKind::Transform);
        Ok(Self {
            job: Some(asked.kind),
            once: true,
            apply: has(JobKind::Apply),
            deliver: has(JobKind::Deliver),
            poll: needed.values().copied().any(|job| from_crm(&job)),
            models: Some(transforms.flat_map(|job| job.datasets.iter().cloned()).collect()),
        })
    }

    /// What the job is; none: everything.
    pub(super) fn job(&self) -> Option<JobKind> {
        self.job
    }

    /// The models that run, in dependency order.
    pub(super) fn models(&self, manifest: &Manifest) -> Vec<ModelSpec> {
        let wanted = |model: &&ModelSpec| {
            self.models.as_ref().is_none_or(|models| models.contains(&model.name))
        };
        manifest.models.iter().filter(wanted).cloned().collect()
    }
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
            unreviewed(&status)?;
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
                // Nothing is read for it: the proof at the end of a whole run waits for it.
                SourcePosition::Backfill { .. } if owed::is_owed(name) => true,
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
        // Behind a gap the proof is the reconciliation that is owed, and mends what it finds.
        let repair = self.board.snapshot().reconcile_owed.is_some();
        self.desk.ask(ReconcileRequest { entity: None, repair }).map_err(refused)?;
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

/// Rows behind a plan that nobody has looked at never arrive by themselves.
fn unreviewed(status: &Status) -> Result<()> {
    let Some(waits) = status.adoptions.iter().find(|it| !it.open && it.waits) else {
        return Ok(());
    };
    let what = format!("the adoption of {} {}", waits.entity, waits.state);
    let advice = "Look at it in a running runtime with `covenant-runtime adopt show`, apply its plan, then run again.";
    Err(RuntimeError::new(ErrorKind::Config, "run", what, advice))
}

fn gone() -> RuntimeError {
    RuntimeError::new(ErrorKind::Unavailable, "run", "capture has stopped", "See the log.")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn manifest() -> Manifest {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(own.join("../generated/manifest.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Apply, deliver, poll, and how many models.
    fn needs(job: Option<&str>) -> (bool, bool, bool, usize) {
        let manifest = manifest();
        let wanted = Wanted::once(&manifest, job).unwrap();
        (wanted.apply, wanted.deliver, wanted.poll, wanted.models(&manifest).len())
    }

    #[test]
    fn a_job_runs_what_it_reads_from_and_nothing_else() {
        assert_eq!(needs(None), (true, true, true, 2));
        assert_eq!(needs(Some("capture.store")), (false, false, false, 0));
        assert_eq!(needs(Some("capture.salesforce")), (false, false, true, 0));
        assert_eq!(needs(Some("backfill.store")), (false, false, false, 0));
        assert_eq!(needs(Some("apply.warehouse")), (true, false, true, 0));
        assert_eq!(needs(Some("deliver.salesforce")), (false, true, true, 0));
        assert_eq!(needs(Some("transform.analytics.daily_sales")), (true, false, true, 1));
        assert_eq!(needs(Some("transform.analytics.inventory_position")), (true, false, true, 2));
        assert_eq!(needs(Some("reconcile")), (true, true, true, 0));
    }

    #[test]
    fn an_unknown_job_is_refused_with_those_there_are() {
        let error = Wanted::once(&manifest(), Some("apply.nothing")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Config);
        assert!(error.to_string().contains("deliver.salesforce"), "{error}");
    }
}
