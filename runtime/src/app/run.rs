//! `covenant-runtime run`: every lane on tokio, from start to drained.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::middleware;
use covenant_model::codec::EntityCodec;
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
use super::once::{Once, Wanted};
use super::poll_task::PollTask;
use super::quarantine_lane::QuarantineLane;
use super::reconcile_task::{Inbox, ReconcileTask, desk};
use super::replay_task::{PORTIONS_QUEUE, ReplayTask};
use super::start::{Started, start};
use super::{doctor, open, signals};
use crate::capture::{CaptureLane, Limits};
use crate::crm::salesforce::{Grant, Salesforce};
use crate::env::Env;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::Landing;
use crate::quarantine::Quarantine;
use crate::replay::{PortionLimits, ReplayLane};
use crate::source::events::http::{self as ingest, Access};
use crate::source::events::pump::Pump;
use crate::source::events::queue::{QUEUE_BYTES, QUEUE_REQUESTS, event_queue};
use crate::source::postgres::reader::PostgresReader;
use crate::telemetry::introduce;
use crate::telemetry::status::Board;

/// How long lanes may take to finish what is landed once the process is asked to end; the rest is done by the next start.
const DRAIN_MAX: Duration = Duration::from_secs(25);
/// Polls that may wait for capture.
const POLLED_QUEUE: usize = 4;

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
    let mut started = start(&config, codecs, Env::system())?;
    let wanted = match &until {
        Until::Asked => Wanted::everything(),
        Until::Arrived { job } => Wanted::once(&started.manifest, job.as_deref())?,
    };
    let report = doctor::check(&config, &started).await?;
    for finding in report.findings() {
        tracing::warn!("{finding}");
    }
    // A run that is to end does not wait for a system that may never answer.
    let refused = if until == Until::Asked { report.refuses() } else { report.has_errors() };
    if refused {
        return Err(report.refusal());
    }
    if let Some(store) = &mut started.store {
        store.is_checked = !report.waits_for(store.endpoint.place());
    }
    let recorder = PrometheusBuilder::new().install_recorder().map_err(|error| {
        RuntimeError::new(ErrorKind::Bug, "metrics", error, "Please report it.")
    })?;
    introduce::series(&started.manifest);
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
        adoptions: started.adoptions.clone(),
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
        job: wanted.job(),
    });
    let commands = Commands { control, control_inbox, reconciliations };
    let events = Pump::new(event_inbox);
    let lanes =
        Lanes::open(&config, started, board.clone(), events, commands, (phases, wanted)).await?;
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
    replay: ReplayTask,
    /// None where the run is for a job that does not need it; so below.
    apply: Option<Box<dyn Lane>>,
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
        (phase, wanted): (watch::Receiver<Phase>, Wanted),
    ) -> Result<Self> {
        let org = salesforce(config, &started)?.map(Arc::new);
        let warehouse = open::warehouse(config, &started).await?;
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
        open::introduce(&board, &started.manifest, epoch, &env);
        let landed = Arc::new(AtomicU64::new(0));
        // Nothing waits for a warehouse that is not filled.
        let applied = Arc::new(AtomicU64::new(if wanted.apply { 0 } else { u64::MAX }));
        let wake = Arc::new(Notify::new());
        let (marks, mark_inbox) = mpsc::channel(MARKS_QUEUE);
        let (jobs, job_inbox) = mpsc::channel(JOBS_QUEUE);
        let (chunks, chunk_inbox) = mpsc::channel(CHUNKS_QUEUE);
        let (polled, polled_inbox) = mpsc::channel(POLLED_QUEUE);
        let (portions, portion_inbox) = mpsc::channel(PORTIONS_QUEUE);
        let (replays, replay_inbox) = mpsc::channel(JOBS_QUEUE);
        let gate = Arc::new(Lag { landed: landed.clone(), applied: applied.clone() });
        let deriver = lane.deriver().clone();
        let models_due = Arc::<AtomicBool>::default();
        let (apply, warehouse) =
            open::apply(warehouse, &started, epoch, applied, models_due.clone(), &wanted).await?;
        let delivery = match &org {
            Some(org) if wanted.deliver => {
                Some(open::delivery(config, &started, org.clone(), epoch, wanted.once)?)
            }
            Some(_) | None => None,
        };
        let (deliver, compared) = delivery.unzip();
        let poll = org
            .filter(|_| wanted.poll)
            .map(|org| open::poll(&lane, org, &env, polled, &board, phase.clone()));
        let replay = ReplayTask {
            lane: ReplayLane::new(landing.clone(), deriver, gate.clone(), PortionLimits::default()),
            jobs: replay_inbox,
            portions,
            board: board.clone(),
            env: env.clone(),
            phase: phase.clone(),
        };
        // Without a database the other end of the marks would be gone at once.
        let backfill = started.store.as_ref().map(|store| BackfillTask {
            reader: Box::new(PostgresReader::new(store.endpoint.clone())),
            marks: mark_inbox,
            jobs: job_inbox,
            chunks,
            gate,
            board: board.clone(),
            env: env.clone(),
            phase: phase.clone(),
        });
        let manifest = Arc::new(started.manifest.clone());
        let targets = (warehouse, compared);
        let reconcile = open::reconcile(
            config,
            &started,
            targets,
            commands.control,
            &board,
            (&phase, &wanted),
        )?;
        let reconcile = reconcile.map(|open| open(commands.reconciliations));
        let control = commands.control_inbox;
        let inputs = Inputs {
            chunks: chunk_inbox,
            portions: portion_inbox,
            events,
            polled: polled_inbox,
            control,
            phase,
        };
        let outputs =
            Outputs { marks, jobs, replays, wake: wake.clone(), landed, board: board.clone() };
        let quarantine = Box::new(QuarantineLane { quarantine: Quarantine::new(landing.clone()) });
        let store = started.store;
        let capture =
            CaptureTask::new(lane, manifest, store, landing, env.clone(), inputs, outputs);
        Ok(Self {
            capture,
            reconcile,
            backfill,
            poll,
            replay,
            apply: wanted.apply.then_some(apply),
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
        let capture = self.capture;
        let mut capture = spawn(|| capture.run());
        let lane = |lane: Box<dyn Lane>| {
            let drive = drive.clone();
            spawn(|| drive.run(lane))
        };
        let mut others: Vec<JoinHandle<Result<()>>> = vec![lane(self.quarantine)];
        others.extend(self.apply.map(lane));
        others.extend(self.deliver.map(lane));
        let replay = self.replay;
        let mut inner: Vec<JoinHandle<Result<()>>> = vec![spawn(|| replay.run())];
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
