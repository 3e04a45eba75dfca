//! `covenant-runtime run`: every lane on tokio, from start to drained.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::middleware;
use covenant_model::codec::EntityCodec;
use covenant_model::manifest::Manifest;
use covenant_model::spec::SystemSpec;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::backfill_task::{BackfillTask, CHUNKS_QUEUE, JOBS_QUEUE, Lag, MARKS_QUEUE};
use super::capture_task::{CaptureTask, Inputs, Outputs};
use super::config::Config;
use super::drive::{Drive, Lane, Phase};
use super::http::{CONTROL_QUEUE, Control, Shared, guard, probes, router};
use super::lanes::{Apply, Deliver};
use super::once::{self, Once};
use super::poll_task::PollTask;
use super::quarantine_lane::QuarantineLane;
use super::reconcile_task::{Inbox, ReconcileTask, desk};
use super::start::{Started, start};
use super::{doctor, signals};
use crate::apply::ApplyLane;
use crate::capture::derive::Deriver;
use crate::capture::{CaptureLane, Limits};
use crate::crm::salesforce::{Grant, Salesforce};
use crate::deliver::{CALL_LIFE, DeliverLane, Parts};
use crate::env::Env;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::keys::seams::DeliveryReveal;
use crate::landing::{Epoch, Landing, SourcePosition};
use crate::ledger::Ledger;
use crate::ledger::sqlite::SqliteLedger;
use crate::quarantine::Quarantine;
use crate::reconcile::run::Reconciler;
use crate::source::events::http::{self as ingest, Access};
use crate::source::events::pump::Pump;
use crate::source::events::queue::{QUEUE_BYTES, QUEUE_REQUESTS, event_queue};
use crate::source::poll::{PollLane, Polled};
use crate::source::postgres::reader::PostgresReader;
use crate::telemetry::status::Board;
use crate::warehouse::duckdb::{DuckOptions, DuckWarehouse};

/// How long lanes may take to finish what is landed once the process is asked to end; the rest is done by the next start.
const DRAIN_MAX: Duration = Duration::from_secs(25);
/// Polls that may wait for capture.
const POLLED_QUEUE: usize = 4;
/// The embedded delivery ledger, in the data folder.
const LEDGER_FILE: &str = "ledger.sqlite";
/// Lane of the delivery, as the audit names it.
const DELIVERY: &str = "deliver.salesforce";

/// How long to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// SIGTERM or SIGINT.
    Asked,
    /// What is there at the start has arrived; of one job, or of all.
    Arrived {
        /// Its name in the manifest.
        job: Option<String>,
    },
}

/// Runs until it is asked to end, until everything has arrived, or until a lane finds that going on could lose data. False:
/// everything has arrived, and the counts are wrong.
///
/// # Errors
/// What stopped it; everything durable stays as it is, and the next start goes on from there.
pub async fn run(config: Config, codecs: Vec<Box<dyn EntityCodec>>, until: Until) -> Result<bool> {
    let started = start(&config, codecs, Env::system())?;
    let job = match &until {
        Until::Asked => None,
        Until::Arrived { job } => once::job(&started.manifest, job.as_deref())?,
    };
    let report = doctor::check(&config, &started).await?;
    for finding in report.findings() {
        tracing::warn!("{finding}");
    }
    if report.has_errors() {
        return Err(RuntimeError::new(
            ErrorKind::SchemaMismatch,
            "preflight",
            format!("a system is not what the contracts say\n{report}"),
            "Do what the findings say, and look again with `covenant-runtime doctor`.",
        ));
    }
    let recorder = PrometheusBuilder::new().install_recorder().map_err(|error| {
        RuntimeError::new(ErrorKind::Bug, "metrics", error, "Please report it.")
    })?;
    let board = Board::default();
    let (phase, phases) = watch::channel(Phase::Running);
    let (events, event_inbox) = event_queue(QUEUE_REQUESTS, QUEUE_BYTES);
    let (control, control_inbox) = mpsc::channel(CONTROL_QUEUE);
    let (desk, reconciliations) = desk();
    let shared = Shared {
        board: board.clone(),
        control: control.clone(),
        reconcile: desk.clone(),
        metrics: recorder,
        token: config.http_token.clone(),
        releases: started.releases.clone(),
    };
    let ingest_token = std::env::var(ingest::TOKEN_ENV).ok();
    let access = Access::of(config.http, ingest_token.as_deref())?;
    let streams: Vec<String> = started.registry.streams().map(str::to_owned).collect();
    let app = router(shared)
        .layer(middleware::from_fn_with_state(config.http_token.clone(), guard))
        .merge(ingest::router(events, streams, access))
        .merge(probes(board.clone()));
    let server = serve(&config, app, phases.clone()).await?;
    let once = (until != Until::Asked).then(|| Once {
        store: started.store.clone(),
        board: board.clone(),
        control: control.clone(),
        desk,
        env: started.env.clone(),
        job,
    });
    let commands = Commands { control, control_inbox, reconciliations };
    let events = Pump::new(event_inbox);
    let lanes = Lanes::open(&config, started, board.clone(), events, commands, phases).await?;
    board.update(|status| status.ready = true);
    tracing::info!(address = %config.http, "running");
    let ended = lanes.run(phase, once).await;
    board.update(|status| status.ready = false);
    server.abort();
    ended
}

/// The Salesforce org that is configured, if the project has one.
///
/// # Errors
/// `Config`.
pub fn salesforce(config: &Config, started: &Started) -> Result<Option<Salesforce>> {
    let Some(org) = &config.salesforce else { return Ok(None) };
    let version = started.manifest.project.systems.values().find_map(|system| match system {
        SystemSpec::Salesforce { api_version, .. } => Some(api_version.clone()),
        SystemSpec::Postgres { .. } | SystemSpec::Stream { .. } | SystemSpec::Snowflake { .. } => {
            None
        }
    });
    let Some(version) = version else { return Ok(None) };
    let grant = Grant::ClientCredentials {
        client_id: org.client_id.clone(),
        client_secret: org.client_secret.clone(),
    };
    Salesforce::new(&org.url, &version, grant, started.env.clone()).map(Some)
}

async fn serve(
    config: &Config,
    app: axum::Router,
    mut phase: watch::Receiver<Phase>,
) -> Result<JoinHandle<()>> {
    let listener = tokio::net::TcpListener::bind(config.http).await.map_err(|error| {
        let place = format!("http {}", config.http);
        let advice = "Is another runtime running? Set COVENANT_HTTP_ADDR to a free address.";
        RuntimeError::new(ErrorKind::Config, place, error, advice)
    })?;
    Ok(tokio::spawn(async move {
        let stopping = async move {
            while *phase.borrow() != Phase::Stopping {
                if phase.changed().await.is_err() {
                    return;
                }
            }
        };
        if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stopping).await {
            tracing::error!(%error, "the API has ended");
        }
    }))
}

/// What the API asks for.
struct Commands {
    control: mpsc::Sender<Control>,
    control_inbox: mpsc::Receiver<Control>,
    reconciliations: Inbox,
}

/// Every task, opened and not yet running.
struct Lanes {
    capture: CaptureTask,
    reconcile: Option<ReconcileTask>,
    backfill: Option<BackfillTask>,
    poll: Option<PollTask>,
    apply: Box<dyn Lane>,
    deliver: Option<Box<dyn Lane>>,
    quarantine: Box<dyn Lane>,
    board: Board,
    env: Env,
    wake: Arc<Notify>,
    /// Set where models are to run at the next step.
    models_due: Arc<AtomicBool>,
}

impl Lanes {
    async fn open(
        config: &Config,
        started: Started,
        board: Board,
        events: Pump,
        commands: Commands,
        phase: watch::Receiver<Phase>,
    ) -> Result<Self> {
        let org = salesforce(config, &started)?.map(Arc::new);
        let env = started.env.clone();
        let landing: Arc<dyn Landing> = started.landing.clone();
        let lane = CaptureLane::open(
            started.registry.clone(),
            started.protector.clone(),
            landing.clone(),
            env.clock.clone(),
            Limits::default(),
        )
        .await?;
        let epoch = lane.epoch();
        introduce(&board, &started.manifest, epoch, &env);
        let landed = Arc::new(AtomicU64::new(0));
        let applied = Arc::new(AtomicU64::new(0));
        let wake = Arc::new(Notify::new());
        let (marks, mark_inbox) = mpsc::channel(MARKS_QUEUE);
        let (jobs, job_inbox) = mpsc::channel(JOBS_QUEUE);
        let (chunks, chunk_inbox) = mpsc::channel(CHUNKS_QUEUE);
        let (polled, polled_inbox) = mpsc::channel(POLLED_QUEUE);
        let models_due = Arc::<AtomicBool>::default();
        let (apply, warehouse) =
            open_apply(config, &started, epoch, applied.clone(), models_due.clone()).await?;
        let deliver = match &org {
            Some(org) => Some(open_delivery(config, &started, org.clone(), epoch)?),
            None => None,
        };
        let poll = org.map(|org| poll_task(&lane, org, &env, polled, &board, phase.clone()));
        // Without a database the other end of the marks would be gone at once.
        let backfill = started.store.as_ref().map(|store| BackfillTask {
            reader: Box::new(PostgresReader::new(store.endpoint.clone())),
            marks: mark_inbox,
            jobs: job_inbox,
            chunks,
            gate: Arc::new(Lag { landed: landed.clone(), applied }),
            board: board.clone(),
            env: env.clone(),
            phase: phase.clone(),
        });
        let manifest = Arc::new(started.manifest.clone());
        let reconcile =
            open_reconcile(config, &started, &manifest, warehouse, commands.control, &phase)?;
        let reconcile = reconcile.map(|open| open(commands.reconciliations));
        let control = commands.control_inbox;
        let inputs = Inputs { chunks: chunk_inbox, events, polled: polled_inbox, control, phase };
        let outputs = Outputs { marks, jobs, wake: wake.clone(), landed, board: board.clone() };
        let quarantine = Box::new(QuarantineLane { quarantine: Quarantine::new(landing.clone()) });
        let store = started.store;
        let capture =
            CaptureTask::new(lane, manifest, store, landing, env.clone(), inputs, outputs);
        Ok(Self {
            capture,
            reconcile,
            backfill,
            poll,
            apply,
            deliver,
            quarantine,
            board,
            env,
            wake,
            models_due,
        })
    }

    /// Runs all tasks; ends them in order: first what takes in, then what brings out.
    async fn run(self, phase: watch::Sender<Phase>, once: Option<Once>) -> Result<bool> {
        // Lanes that bring out drain only once capture has committed its last batch.
        let (out_phase, out_phases) = watch::channel(Phase::Running);
        let drive = Drive {
            board: self.board.clone(),
            env: self.env.clone(),
            wake: self.wake.clone(),
            phase: out_phases,
        };
        let (capture, apply) = (self.capture, self.apply);
        let mut capture = spawn(|| capture.run());
        let lane = |lane: Box<dyn Lane>| {
            let drive = drive.clone();
            spawn(|| drive.run(lane))
        };
        let mut others: Vec<JoinHandle<Result<()>>> = vec![lane(apply), lane(self.quarantine)];
        others.extend(self.deliver.map(lane));
        let mut inner: Vec<JoinHandle<Result<()>>> = Vec::new();
        inner.extend(self.backfill.map(|task| spawn(|| task.run())));
        inner.extend(self.poll.map(|task| spawn(|| task.run())));
        inner.extend(self.reconcile.map(|task| spawn(|| task.run())));
        let mut proved = true;
        let models_due = self.models_due;
        let arrived = async {
            match once {
                Some(once) => once.reached().await,
                None => std::future::pending().await,
            }
        };
        let mut ended = tokio::select! {
            () = signals::asked_to_end() => Ok(()),
            reached = arrived => reached.map(|counts| {
                proved = counts;
                // The drain runs them, over everything that has arrived.
                models_due.store(true, Ordering::Relaxed);
            }),
            result = &mut capture => joined(result),
            result = first(&mut others) => result,
            result = first(&mut inner) => result,
        };
        let asked = ended.is_ok();
        phase.send_replace(if asked { Phase::Draining } else { Phase::Stopping });
        if !capture.is_finished() {
            ended = ended.and(within(&mut capture).await);
        }
        self.wake.notify_waiters();
        out_phase.send_replace(if asked { Phase::Draining } else { Phase::Stopping });
        for task in others.iter_mut().chain(&mut inner).filter(|task| !task.is_finished()) {
            ended = ended.and(within(task).await);
        }
        phase.send_replace(Phase::Stopping);
        out_phase.send_replace(Phase::Stopping);
        ended.map(|()| proved)
    }
}

/// A lane blocks its thread while SQLite or DuckDB work, so it gets one of its own, and its future never leaves it.
fn spawn<F: Future<Output = Result<()>>>(
    task: impl FnOnce() -> F + Send + 'static,
) -> JoinHandle<Result<()>> {
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || handle.block_on(task()))
}

fn joined(result: std::result::Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    result.unwrap_or_else(|error| {
        Err(RuntimeError::new(ErrorKind::Bug, "lane", error, "Please report it."))
    })
}

/// The first of the tasks that ends; never, without tasks.
async fn first(tasks: &mut [JoinHandle<Result<()>>]) -> Result<()> {
    if tasks.is_empty() {
        return std::future::pending().await;
    }
    let (result, _, _) = futures::future::select_all(tasks.iter_mut()).await;
    joined(result)
}

async fn within(task: &mut JoinHandle<Result<()>>) -> Result<()> {
    match tokio::time::timeout(DRAIN_MAX, task).await {
        Ok(result) => joined(result),
        // The same as a crash: nothing that is durable depends on it.
        Err(_) => {
            tracing::warn!("a lane did not finish in time; the next start goes on from landing");
            Ok(())
        }
    }
}

fn introduce(board: &Board, manifest: &Manifest, epoch: Epoch, env: &Env) {
    let started_at_us = env.clock.now_us();
    board.update(|status| {
        status.project.clone_from(&manifest.project.name);
        status.version = env!("CARGO_PKG_VERSION").to_owned();
        status.epoch = epoch.0;
        status.started_at_us = started_at_us;
        for entity in &manifest.entities {
            let sinks = [
                ("warehouse", entity.warehouse.as_ref().map(|sink| &sink.system)),
                ("salesforce", entity.salesforce.as_ref().map(|sink| &sink.system)),
            ];
            for (kind, system) in sinks {
                let Some(system) = system else { continue };
                let entry = status.freshness.entry(format!("{kind} {}", entity.name)).or_default();
                entry.slo_s = entity.expect.freshness_s.get(system).copied();
            }
        }
    });
}

async fn open_apply(
    config: &Config,
    started: &Started,
    epoch: Epoch,
    applied: Arc<AtomicU64>,
    models_due: Arc<AtomicBool>,
) -> Result<(Box<dyn Lane>, DuckWarehouse)> {
    let options = DuckOptions::file(&config.data_dir.join("warehouse.duckdb"));
    let entities = &started.manifest.entities;
    let warehouse = DuckWarehouse::new(options, started.sql.clone(), entities).await?;
    let beside = warehouse.beside().await?;
    let lane = ApplyLane::open(
        started.landing.clone(),
        Box::new(warehouse),
        started.manifest.models.clone(),
        started.env.clone(),
        epoch,
    )
    .await?;
    Ok((Box::new(Apply { lane, applied, models_due }), beside))
}

fn open_delivery(
    config: &Config,
    started: &Started,
    org: Arc<Salesforce>,
    epoch: Epoch,
) -> Result<Box<dyn Lane>> {
    let path = config.data_dir.join(LEDGER_FILE);
    let ledger = SqliteLedger::open(&path, started.protector.clone())?;
    let reveal = DeliveryReveal::new(started.protector.clone(), started.audit.clone(), DELIVERY);
    let parts = Parts {
        landing: started.landing.clone(),
        ledger: Box::new(ledger),
        crm: org,
        reveal: Arc::new(reveal),
        sealer: started.protector.clone(),
        env: started.env.clone(),
        epoch,
        daily_share: daily_share(&started.manifest),
        releases: started.releases.clone(),
        call_life: config.call_life.unwrap_or(CALL_LIFE),
    };
    let lane = DeliverLane::new(parts, &started.manifest.entities)?;
    let clock = started.env.clock.clone();
    Ok(Box::new(Deliver { lane, folded: 0, counted_at_us: 0, clock }))
}

/// A reconciliation reads through connections of its own. None without a database: there is nothing to compare with.
fn open_reconcile(
    config: &Config,
    started: &Started,
    manifest: &Arc<Manifest>,
    warehouse: DuckWarehouse,
    control: mpsc::Sender<Control>,
    phase: &watch::Receiver<Phase>,
) -> Result<Option<impl FnOnce(Inbox) -> ReconcileTask>> {
    let Some(store) = &started.store else { return Ok(None) };
    let ledger: Option<Box<dyn Ledger>> = match &config.salesforce {
        Some(_) => {
            let path = config.data_dir.join(LEDGER_FILE);
            Some(Box::new(SqliteLedger::open(&path, started.protector.clone())?))
        }
        None => None,
    };
    let reconciler = Reconciler::new(
        Box::new(PostgresReader::new(store.endpoint.clone())),
        Deriver::new(started.registry.clone(), started.protector.clone()),
        started.protector.clone(),
        Box::new(warehouse),
        ledger,
        started.env.clock.clone(),
    );
    let nudger = PostgresReader::new(store.endpoint.clone());
    let quarantine = Quarantine::new(started.landing.clone());
    let (manifest, system) = (manifest.clone(), store.system.clone());
    let (env, phase) = (started.env.clone(), phase.clone());
    Ok(Some(move |inbox| ReconcileTask {
        reconciler,
        nudger,
        manifest,
        system,
        control,
        quarantine,
        inbox,
        env,
        phase,
    }))
}

/// API calls a day that the project may use.
fn daily_share(manifest: &Manifest) -> u64 {
    let shares = manifest.project.systems.values().filter_map(|system| match system {
        SystemSpec::Salesforce { daily_calls, share_percent, .. } => {
            Some(u64::from(*daily_calls) * u64::from(*share_percent) / 100)
        }
        SystemSpec::Postgres { .. } | SystemSpec::Stream { .. } | SystemSpec::Snowflake { .. } => {
            None
        }
    });
    shares.max().unwrap_or(0)
}

fn poll_task(
    lane: &CaptureLane,
    org: Arc<Salesforce>,
    env: &Env,
    polled: mpsc::Sender<Polled>,
    board: &Board,
    phase: watch::Receiver<Phase>,
) -> PollTask {
    let objects = lane.registry().objects();
    let mut polled_to_us: BTreeMap<String, i64> = BTreeMap::new();
    for position in lane.positions().values() {
        if let SourcePosition::Salesforce { polled_to_us: known, .. } = position {
            polled_to_us.extend(known.clone());
        }
    }
    let lane = PollLane::new(org, env.clone(), objects, polled_to_us);
    PollTask { lane, polled, board: board.clone(), env: env.clone(), phase }
}
