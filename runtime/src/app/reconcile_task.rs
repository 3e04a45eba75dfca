//! Runs reconciliations, one at a time, in a task of its own: lanes go on beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use covenant_model::manifest::Manifest;
use covenant_model::version::Lsn;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use super::drive::Phase;
use super::http::{Control, Landed};
use super::jobs;
use super::owed::{OWED_LOOK, Owed};
use crate::env::Env;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::{CommitNumber, SourcePosition};
use crate::quarantine::Quarantine;
use crate::reconcile::Report;
use crate::reconcile::org::OrgSide;
use crate::reconcile::run::{Lanes, Reconciler};
use crate::source::postgres::reader::PostgresReader;
use crate::source::{ChunkRequest, TableReader};
use crate::telemetry::metric_names;
use crate::telemetry::status::Board;

/// How long landing may take to pass the end of the log as it was at a read, microseconds.
const LANDED_WAIT_MAX_US: i64 = 300_000_000;
/// Between two looks at landing.
const LANDED_LOOK: Duration = Duration::from_millis(100);

/// What is to be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileRequest {
    /// One entity; none: all that are read from a table.
    pub entity: Option<String>,
    /// Whether differences are repaired.
    pub repair: bool,
}

impl ReconcileRequest {
    /// Everything, and what differs is repaired.
    pub fn repairing() -> Self {
        Self { entity: None, repair: true }
    }
}

/// A run, as callers see it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// Counts the runs of this process; 0: there was none.
    pub number: u64,
    /// Whether it is under way.
    pub running: bool,
    /// What it is doing.
    pub doing: String,
    /// When it ended, microseconds since 1970; 0: it has not.
    #[serde(default)]
    pub ended_at_us: i64,
    /// Everything that is compared so far.
    pub reports: Vec<Report>,
    /// Once it has ended: whether every fence was reached and nothing is left wrong.
    pub clean: Option<bool>,
    /// What ended it early, without values.
    pub error: Option<String>,
}

/// Where runs are asked for and looked at.
#[derive(Clone)]
pub struct Desk {
    run: Arc<Mutex<Run>>,
    requests: mpsc::Sender<ReconcileRequest>,
}

/// The task's end of a [`Desk`].
pub struct Inbox {
    run: Arc<Mutex<Run>>,
    requests: mpsc::Receiver<ReconcileRequest>,
}

/// A desk and its other end.
pub fn desk() -> (Desk, Inbox) {
    let (sender, receiver) = mpsc::channel(1);
    let run = Arc::<Mutex<Run>>::default();
    (Desk { run: run.clone(), requests: sender }, Inbox { run, requests: receiver })
}

impl Desk {
    /// Starts a run. Where one is under way it goes on, and the caller is told of it.
    ///
    /// # Errors
    /// Where nobody runs reconciliations, in words.
    pub fn ask(&self, request: ReconcileRequest) -> std::result::Result<Run, String> {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        if !run.running {
            self.requests.try_send(request).map_err(|_| {
                "no database is configured (COVENANT_STORE_URL): there is nothing to compare with"
                    .to_owned()
            })?;
            *run = Run { number: run.number + 1, running: true, ..Run::default() };
        }
        Ok(run.clone())
    }

    /// The newest run.
    pub fn look(&self) -> Run {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The task.
pub struct ReconcileTask {
    /// What to compare.
    pub reconciler: Reconciler,
    /// The CRM itself, where something is delivered.
    pub org: Option<OrgSide>,
    /// Told of every run.
    pub board: Board,
    /// Moves an idle log.
    pub nudger: PostgresReader,
    /// Entities and their tables.
    pub manifest: Arc<Manifest>,
    /// The database's name in the project.
    pub system: String,
    /// To capture.
    pub control: mpsc::Sender<Control>,
    /// Refused records.
    pub quarantine: Quarantine,
    /// Requests.
    pub inbox: Inbox,
    /// Time.
    pub env: Env,
    /// Phase of the process.
    pub phase: watch::Receiver<Phase>,
    /// What a raised incarnation has made due.
    pub owed: Owed,
}

impl ReconcileTask {
    /// Runs until the process drains; a run that is under way ends with it, and harms nothing.
    ///
    /// # Errors
    /// None: what goes wrong is in the run.
    pub async fn run(self) -> Result<()> {
        let Self {
            mut reconciler,
            mut org,
            board,
            nudger,
            manifest,
            system,
            control,
            quarantine,
            inbox,
            env,
            mut phase,
            mut owed,
        } = self;
        let Inbox { run, mut requests } = inbox;
        let clock = env.clock.clone();
        let mut lanes =
            Beside { nudger, control, quarantine, env, system: system.clone(), run: run.clone() };
        loop {
            let asked = tokio::select! {
                request = requests.recv() => request,
                () = clock.sleep(OWED_LOOK), if owed.open() => None,
                _ = phase.wait_for(|phase| *phase != Phase::Running) => return Ok(()),
            };
            let (request, paying) = match asked {
                Some(request) => (request, false),
                None if !owed.open() => return Ok(()),
                None => match owed.due(&mut lanes, &board).await {
                    // Where somebody asked meanwhile, that run comes first.
                    true if begin(&run) => (ReconcileRequest::repairing(), true),
                    true | false => continue,
                },
            };
            let ended = tokio::select! {
                ended = compare(&mut reconciler, &mut org, &mut lanes, &manifest, &request) => ended,
                _ = phase.wait_for(|phase| *phase != Phase::Running) => return Ok(()),
            };
            let clean = end(&run, ended, clock.now_us(), &board);
            // Whoever asked: a run over everything that leaves nothing wrong is what is owed.
            let proves = clean && request.entity.is_none() && owed.open();
            if paying || proves {
                owed.ended(&mut lanes, &board, clean).await;
            }
        }
    }
}

/// Begins a run that nobody has asked for, unless one is under way.
fn begin(run: &Mutex<Run>) -> bool {
    let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
    if run.running {
        return false;
    }
    *run = Run { number: run.number + 1, running: true, ..Run::default() };
    true
}

/// Tells how a run has ended; whether nothing is left wrong.
fn end(run: &Mutex<Run>, ended: Result<()>, now_us: i64, board: &Board) -> bool {
    let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
    (run.running, run.ended_at_us) = (false, now_us);
    run.doing = String::new();
    match ended {
        Ok(()) => run.clean = Some(run.reports.iter().all(Report::clean)),
        Err(error) => {
            tracing::warn!(%error, "a reconciliation has ended early");
            (run.clean, run.error) = (Some(false), Some(error.to_string()));
        }
    }
    board.update(|status| status.reconciliation = Some(run.clone()));
    run.clean == Some(true)
}

async fn compare(
    reconciler: &mut Reconciler,
    org: &mut Option<OrgSide>,
    lanes: &mut Beside,
    manifest: &Manifest,
    request: &ReconcileRequest,
) -> Result<()> {
    let system = lanes.system.clone();
    let delivered = org.as_ref().map(OrgSide::entities).unwrap_or_default();
    if let Some(name) = &request.entity
        && manifest.entity(name).and_then(|entity| jobs::whole(entity, &system)).is_none()
        && !delivered.contains(name)
    {
        let what = format!("there is no entity `{name}` that is read from a table of {system}");
        let advice = "See `covenant-runtime status` for the entities.";
        return Err(RuntimeError::new(ErrorKind::Rejected, "reconcile", what, advice));
    }
    let wanted = |name: &str| request.entity.as_ref().is_none_or(|only| only == name);
    for entity in manifest.entities.iter().filter(|entity| wanted(&entity.name)) {
        // What only events or Salesforce tell cannot be read again.
        let Some((source, read)) = jobs::whole(entity, &system) else { continue };
        let repair = request.repair;
        let found = reconciler.entity(lanes, &entity.name, &source, read, repair).await?;
        lanes.found(found);
    }
    // Behind the ledger, which says what the org should show; and parents first.
    for name in delivered.iter().filter(|name| wanted(name)) {
        if let Some(org) = org {
            let found = org.entity(lanes, name, request.repair).await?;
            lanes.found(vec![found]);
        }
    }
    Ok(())
}

/// The running lanes.
pub(super) struct Beside {
    nudger: PostgresReader,
    pub(super) control: mpsc::Sender<Control>,
    quarantine: Quarantine,
    pub(super) env: Env,
    system: String,
    run: Arc<Mutex<Run>>,
}

impl Beside {
    /// Adds to the run's reports, and tells the metrics.
    fn found(&self, found: Vec<Report>) {
        for report in &found {
            let labels = [("entity", report.entity.clone()), ("target", report.target.clone())];
            let left = report.differences().saturating_sub(report.repaired);
            metrics::gauge!(metric_names::RECONCILE_DIFFERENCES, &labels).set(left as f64);
            if report.edited > 0 {
                let entity = report.entity.clone();
                metrics::counter!(metric_names::RECONCILE_EDITED, "entity" => entity)
                    .increment(report.edited);
            }
        }
        self.run.lock().unwrap_or_else(PoisonError::into_inner).reports.extend(found);
    }

    pub(super) async fn landed(&mut self) -> Result<Landed> {
        let (answer, answered) = oneshot::channel();
        self.control.send(Control::Land(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())
    }

    /// Waits until landing is as `reached` wants it.
    async fn until(
        &mut self,
        what: &str,
        reached: impl Fn(&BTreeMap<String, SourcePosition>) -> bool,
    ) -> Result<CommitNumber> {
        let until_us = self.env.clock.now_us().saturating_add(LANDED_WAIT_MAX_US);
        loop {
            let landed = self.landed().await?;
            if reached(&landed.positions) {
                return Ok(landed.commit);
            }
            if self.env.clock.now_us() > until_us {
                return Err(RuntimeError::new(
                    ErrorKind::Unavailable,
                    "reconcile",
                    format!("landing did not reach {what}"),
                    "See in `covenant-runtime status` what holds capture up, then run it again.",
                ));
            }
            self.nudger.nudge().await?;
            self.env.clock.sleep(LANDED_LOOK).await;
        }
    }
}

#[async_trait(?Send)]
impl Lanes for Beside {
    async fn landed_past(&mut self, lsn: Lsn) -> Result<CommitNumber> {
        let system = self.system.clone();
        let what = format!("{lsn}, the log's end at the read");
        self.until(&what, |positions| match positions.get(&system) {
            Some(SourcePosition::Postgres { lsn: landed, .. }) => *landed >= lsn,
            Some(
                SourcePosition::Stream { .. }
                | SourcePosition::Salesforce { .. }
                | SourcePosition::Backfill { .. },
            )
            | None => false,
        })
        .await
    }

    async fn repair(&mut self, entity: &str, request: ChunkRequest) -> Result<CommitNumber> {
        let job = jobs::repair(entity, request);
        let id = job.id.clone();
        let (answer, answered) = oneshot::channel();
        self.control.send(Control::Repair(job, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?;
        self.until("the end of the repair", |positions| {
            matches!(positions.get(&id), Some(SourcePosition::Backfill { done: true, .. }))
        })
        .await
    }

    async fn waiting(&mut self, entity: &str) -> Result<BTreeSet<String>> {
        self.quarantine.refresh().await?;
        Ok(self.quarantine.keys_waiting(entity))
    }

    fn progress(&mut self, doing: String) {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).doing = doing;
    }
}

fn gone() -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Unavailable,
        "reconcile",
        "capture has stopped",
        "See `covenant-runtime status`; run it again once capture runs.",
    )
}
