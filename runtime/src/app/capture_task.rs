//! Gives capture time: takes in from every source, commits when it is due, tells sources what they may forget, and answers whoever
//! waits for durability. One task owns the lane, so that there is one writer of landing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use covenant_model::manifest::Manifest;
use tokio::sync::{Notify, mpsc, watch};

use super::backfill_task::{Mark, Take};
use super::control;
use super::drive::Phase;
use super::http::{Control, Landed};
use super::jobs;
use super::replay_task;
use super::start::Store;
use crate::backfill::lane::ReadyChunk;
use crate::capture::{CaptureLane, Committed};
use crate::env::{Backoff, Env};
use crate::error::{ErrorKind, Reaction, Result, RuntimeError};
use crate::finding::Severity;
use crate::landing::{Landing, SourcePosition};
use crate::quarantine::Quarantine;
use crate::replay::{Portion, ReplayJob};
use crate::source::events::pump::Pump;
use crate::source::poll::Polled;
use crate::source::postgres::preflight;
use crate::source::postgres::stream::{self, PostgresStream};
use crate::source::{ChangeStream, StreamItem};
use crate::telemetry::metric_names::{self, lane_up};
use crate::telemetry::sequence_gaps;
use crate::telemetry::status::{Board, LaneState};

/// Longest wait without looking whether anything is due.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often the board is told, at most.
const TELL_EVERY_US: i64 = 500_000;
/// Name on the board.
const NAME: &str = "capture";

/// Everything that the task listens to.
pub struct Inputs {
    /// Ready chunks of table reads.
    pub chunks: mpsc::Receiver<ReadyChunk>,
    /// Landed changes once more.
    pub portions: mpsc::Receiver<Portion>,
    /// Events from HTTP, and whoever waits for their durability.
    pub events: Pump,
    /// What polls of Salesforce found.
    pub polled: mpsc::Receiver<Polled>,
    /// Commands.
    pub control: mpsc::Receiver<Control>,
    /// Phase of the process.
    pub phase: watch::Receiver<Phase>,
}

/// Everything that the task tells.
pub struct Outputs {
    /// What the stream delivered, for bounds.
    pub marks: mpsc::Sender<Mark>,
    /// Backfills to take over.
    pub jobs: mpsc::Sender<Take>,
    /// Replays to take over.
    pub replays: mpsc::Sender<replay_task::Take>,
    /// Rung by every commit.
    pub wake: Arc<Notify>,
    /// Number of the newest commit.
    pub landed: Arc<AtomicU64>,
    /// The board.
    pub board: Board,
}

/// The task.
pub struct CaptureTask {
    lane: CaptureLane,
    manifest: Arc<Manifest>,
    store: Option<Store>,
    env: Env,
    inputs: Inputs,
    outputs: Outputs,
    landing: Arc<dyn Landing>,
    quarantine: Quarantine,
    told_at_us: i64,
    told: BTreeMap<(String, String), u64>,
    /// Entity -> TRUNCATEs that were told.
    truncations: BTreeMap<String, u64>,
    /// Refused rows whose values were given up, as far as told.
    dropped: u64,
}

/// What came first.
enum Came {
    Stream(Result<StreamItem>),
    Chunk(ReadyChunk),
    Portion(Portion),
    Events,
    Polled(Polled),
    Control(Control),
    Nothing,
}

impl CaptureTask {
    /// A task over an open lane.
    pub fn new(
        lane: CaptureLane,
        manifest: Arc<Manifest>,
        store: Option<Store>,
        landing: Arc<dyn Landing>,
        env: Env,
        inputs: Inputs,
        outputs: Outputs,
    ) -> Self {
        Self {
            lane,
            manifest,
            store,
            env,
            inputs,
            outputs,
            quarantine: Quarantine::new(landing.clone()),
            landing,
            told_at_us: 0,
            told: BTreeMap::new(),
            truncations: BTreeMap::new(),
            dropped: 0,
        }
    }

    /// Runs until the process drains or stops; what is accepted is committed before it ends.
    ///
    /// # Errors
    /// Where a failure means that the process must stop.
    pub async fn run(mut self) -> Result<()> {
        let mut backoff = Backoff::default();
        for (job, position) in ReplayJob::unfinished(self.lane.positions()) {
            self.replay((job, Some(position))).await?;
        }
        let mut resumed = false;
        loop {
            let ended = match self.open().await {
                Ok(mut stream) => {
                    if !resumed {
                        self.resume_jobs().await?;
                        resumed = true;
                    }
                    backoff.reset();
                    self.pump(stream.as_mut()).await
                }
                Err(error) => Err(error),
            };
            let Err(error) = ended else { return Ok(()) };
            let reaction = error.reaction();
            self.failed(&error, reaction);
            match reaction {
                Reaction::Stop => return Err(error),
                // Events and Salesforce go on without the database.
                Reaction::Park => return self.pump(None).await,
                Reaction::Retry | Reaction::RetryAfter(_) => {
                    let wait = backoff.next(self.env.chance.as_ref());
                    self.env.clock.sleep(wait).await;
                }
            }
            if *self.inputs.phase.borrow() != Phase::Running {
                return self.finish().await;
            }
        }
    }

    /// Opens the stream at the durable position. On the very first start, every table is to be loaded.
    async fn open(&mut self) -> Result<Option<PostgresStream>> {
        let Some(store) = self.store.clone() else {
            lane_up(NAME, true);
            return Ok(None);
        };
        let landed = self.lane.position(&store.system).cloned();
        if !store.is_checked {
            self.check(&store, landed.as_ref()).await?;
        }
        let opened = stream::open(
            &store.endpoint,
            &store.settings,
            landed.as_ref(),
            self.env.clock.as_ref(),
        )
        .await?;
        if opened.fresh {
            for job in jobs::initial(&self.manifest, &store.system) {
                let (entity, after) = (job.entity.clone(), None);
                let start = SourcePosition::Backfill { entity, after, rows: 0, done: false };
                self.lane.adopt(&job.id, start)?;
            }
        }
        self.lane.adopt(&store.system, opened.position)?;
        for (repair, ended) in jobs::given_up(self.lane.positions()) {
            self.lane.adopt(&repair, ended)?;
        }
        self.commit().await?;
        self.outputs.board.lane(NAME, |status| status.state = LaneState::Running);
        lane_up(NAME, true);
        Ok(Some(opened.stream))
    }

    /// What the start could not look at, because the server did not answer.
    async fn check(&mut self, store: &Store, landed: Option<&SourcePosition>) -> Result<()> {
        let Store { system, endpoint, settings, .. } = store;
        let found = preflight::check(endpoint, system, settings, &self.manifest, landed).await?;
        for finding in &found {
            tracing::warn!("{finding}");
        }
        if preflight::refuses(&found) {
            let errors = found.iter().filter(|finding| finding.severity == Severity::Error);
            let what: Vec<String> = errors.map(ToString::to_string).collect();
            return Err(RuntimeError::new(
                ErrorKind::SchemaMismatch,
                endpoint.place(),
                what.join("; "),
                "Do what is said there, and start again.",
            ));
        }
        if let Some(store) = &mut self.store {
            store.is_checked = true;
        }
        Ok(())
    }

    /// Hands over every backfill that landing says is not done.
    async fn resume_jobs(&mut self) -> Result<()> {
        let Some(store) = &self.store else { return Ok(()) };
        for job in jobs::unfinished(&self.manifest, &store.system, self.lane.positions()) {
            let position = self.lane.position(&job.id).cloned();
            self.hand_over(Take { job, position }).await?;
        }
        Ok(())
    }

    async fn hand_over(&self, take: Take) -> Result<()> {
        self.outputs.jobs.send(take).await.map_err(|_| ended("the backfill task"))
    }

    async fn replay(&self, take: replay_task::Take) -> Result<()> {
        self.outputs.replays.send(take).await.map_err(|_| ended("the replay task"))
    }

    async fn pump(&mut self, mut stream: Option<&mut PostgresStream>) -> Result<()> {
        loop {
            if self.commit_is_due() {
                self.commit().await?;
                self.acknowledge(stream.as_deref_mut()).await?;
            }
            if *self.inputs.phase.borrow() != Phase::Running {
                return self.finish().await;
            }
            match self.next(stream.as_deref_mut()).await {
                Came::Stream(item) => self.streamed(item?).await?,
                Came::Chunk(chunk) => {
                    let system = self.system();
                    self.lane.accept_chunk(&system, &chunk)?;
                }
                Came::Portion(portion) => self.lane.accept_replay(portion)?,
                // Repeats of what is durable are answered at once.
                Came::Events => {
                    self.inputs.events.fill(&mut self.lane)?;
                    self.inputs.events.settle(&self.lane);
                }
                Came::Polled(polled) => {
                    let (system, object) = (&polled.system, &polled.object);
                    self.lane.accept_crm(system, object, &polled.records, polled.window_end_us)?;
                }
                Came::Control(command) => self.control(command).await?,
                Came::Nothing => {}
            }
            self.tell();
        }
    }

    async fn next(&mut self, stream: Option<&mut PostgresStream>) -> Came {
        let due = self.lane.commit_due_in().unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
        let inputs = &mut self.inputs;
        tokio::select! {
            item = streamed(stream) => Came::Stream(item),
            Some(chunk) = inputs.chunks.recv() => Came::Chunk(chunk),
            Some(portion) = inputs.portions.recv() => Came::Portion(portion),
            () = inputs.events.ready() => Came::Events,
            Some(polled) = inputs.polled.recv() => Came::Polled(polled),
            Some(command) = inputs.control.recv() => Came::Control(command),
            () = self.env.clock.sleep(due) => Came::Nothing,
            changed = inputs.phase.changed() => {
                // The application is gone: the phase that it left stands.
                if changed.is_err() {
                    self.env.clock.sleep(LOOK_EVERY).await;
                }
                Came::Nothing
            }
        }
    }

    fn system(&self) -> String {
        self.store.as_ref().map(|store| store.system.clone()).unwrap_or_default()
    }

    async fn streamed(&mut self, item: StreamItem) -> Result<()> {
        let system = self.system();
        match item {
            StreamItem::Transaction(transaction) => {
                self.lane.accept_transaction(&system, &transaction)?;
                let (xid, commit) = (transaction.xid, transaction.commit);
                self.mark(Mark::Transaction { xid, commit }).await?;
                self.mark(Mark::Passed(transaction.end)).await
            }
            StreamItem::Part(part) => self.lane.accept_part(&system, &part),
            StreamItem::Passed(lsn) => {
                self.lane.accept_passed(&system, lsn)?;
                self.mark(Mark::Passed(lsn)).await
            }
        }
    }

    async fn mark(&self, mark: Mark) -> Result<()> {
        self.outputs.marks.send(mark).await.map_err(|_| ended("the backfill task"))
    }

    async fn control(&mut self, command: Control) -> Result<()> {
        match command {
            Control::Backfill(request, answer) => {
                let system = self.system();
                let known = self.lane.positions();
                let job = match jobs::asked(&self.manifest, &system, &request, known) {
                    Ok(job) => job,
                    Err(why) => {
                        control::answer(answer, Err(why));
                        return Ok(());
                    }
                };
                if self.lane.position(&job.id).is_none() {
                    let (entity, after) = (job.entity.clone(), None);
                    let start = SourcePosition::Backfill { entity, after, rows: 0, done: false };
                    self.lane.adopt(&job.id, start)?;
                }
                // Durable before it is promised: a crash right after the answer must not forget the job.
                self.commit().await?;
                let position = self.lane.position(&job.id).cloned();
                let id = job.id.clone();
                self.hand_over(Take { job, position }).await?;
                control::answer(answer, Ok(serde_json::json!({ "job": id })));
            }
            Control::Quarantine(command, answer) => {
                let outcome =
                    control::quarantine(&mut self.quarantine, &mut self.lane, &command).await;
                self.commit().await?;
                control::answer(answer, outcome.map_err(|error| error.to_string()));
            }
            Control::Replay(request, answer) => {
                let (landing, manifest) = (self.landing.clone(), self.manifest.clone());
                match replay_task::order(&mut self.lane, &landing, &manifest, &request).await {
                    Ok(Ok(take)) => {
                        // Durable before it is promised.
                        self.commit().await?;
                        let said = replay_task::answer(&take.0);
                        self.replay(take).await?;
                        control::answer(answer, Ok(said));
                    }
                    Ok(Err(why)) => control::answer(answer, Err(why)),
                    Err(error) => control::answer(answer, Err(error.to_string())),
                }
            }
            Control::Land(answer) => {
                // Twice: the first may put a batch whose outcome was unknown.
                self.commit().await?;
                self.commit().await?;
                let (commit, positions) = (self.lane.last_commit(), self.lane.positions().clone());
                control::told(answer, Landed { commit, positions });
            }
            Control::Paid(names, answer) => {
                self.lane.paid(&names)?;
                self.commit().await?;
                control::told(answer, ());
            }
            Control::Repair(job, answer) => {
                let (entity, after) = (job.entity.clone(), None);
                let start = SourcePosition::Backfill { entity, after, rows: 0, done: false };
                self.lane.adopt(&job.id, start)?;
                self.commit().await?;
                self.hand_over(Take { job, position: None }).await?;
                control::told(answer, ());
            }
        }
        Ok(())
    }

    fn commit_is_due(&self) -> bool {
        !self.lane.may_accept() || self.lane.commit_due_in() == Some(Duration::ZERO)
    }

    /// Commits, with retries where the failure may heal: nothing else can go on before.
    async fn commit(&mut self) -> Result<()> {
        let mut backoff = Backoff::default();
        loop {
            match self.lane.commit().await {
                Ok(None) => return Ok(()),
                Ok(Some(committed)) => {
                    self.committed(&committed);
                    return Ok(());
                }
                Err(error) => {
                    let reaction = error.reaction();
                    self.failed(&error, reaction);
                    match reaction {
                        Reaction::Retry | Reaction::RetryAfter(_) => {
                            let wait = backoff.next(self.env.chance.as_ref());
                            self.env.clock.sleep(wait).await;
                        }
                        Reaction::Park | Reaction::Stop => return Err(error),
                    }
                }
            }
        }
    }

    fn committed(&mut self, committed: &Committed) {
        let number = committed.number.0;
        self.outputs.landed.store(number, Ordering::Relaxed);
        metrics::counter!(metric_names::LANDING_COMMITS).increment(1);
        metrics::gauge!(metric_names::LANDING_COMMIT).set(number as f64);
        lane_up(NAME, true);
        self.inputs.events.settle(&self.lane);
        let now_us = self.env.clock.now_us();
        self.outputs.board.update(|status| {
            status.landing_commit = number;
            let lane = status.lanes.entry(NAME.into()).or_default();
            lane.state = LaneState::Running;
            lane.commit = number;
            lane.last_success_us = now_us;
        });
        self.outputs.wake.notify_waiters();
    }

    async fn acknowledge(&mut self, stream: Option<&mut PostgresStream>) -> Result<()> {
        let (Some(store), Some(stream)) = (&self.store, stream) else { return Ok(()) };
        let to = self.lane.acknowledge(&store.system)?;
        stream.acknowledge(to).await
    }

    /// What is accepted becomes durable; then the task ends.
    async fn finish(&mut self) -> Result<()> {
        self.commit().await?;
        lane_up(NAME, false);
        self.outputs.board.lane(NAME, |status| status.state = LaneState::Stopped);
        Ok(())
    }

    fn failed(&self, error: &RuntimeError, reaction: Reaction) {
        tracing::warn!(lane = NAME, kind = ?error.kind, reaction = ?reaction, "{error}");
        let kind = format!("{:?}", error.kind);
        metrics::counter!(metric_names::LANE_FAILURES, "lane" => NAME, "kind" => kind).increment(1);
        lane_up(NAME, false);
        self.outputs.board.update(|status| {
            let lane = status.lanes.entry(NAME.into()).or_default();
            lane.state = match reaction {
                Reaction::Retry | Reaction::RetryAfter(_) => LaneState::Retrying,
                Reaction::Park => LaneState::Parked,
                Reaction::Stop => LaneState::Stopped,
            };
            lane.last_error = Some(error.to_string());
            lane.failures += 1;
            if reaction == Reaction::Park {
                status.ready = false;
            }
        });
    }

    /// Counters, a few times a second.
    fn tell(&mut self) {
        let now_us = self.env.clock.now_us();
        if now_us.saturating_sub(self.told_at_us) < TELL_EVERY_US {
            return;
        }
        self.told_at_us = now_us;
        sequence_gaps::show(&self.outputs.board, self.lane.sequences(), now_us);
        let stats = self.lane.stats();
        let mut changes: BTreeMap<String, u64> = BTreeMap::new();
        for ((entity, source), count) in &stats.changes {
            *changes.entry(entity.clone()).or_default() += count;
            let told = self.told.entry((entity.clone(), source.clone())).or_default();
            let labels = [("entity", entity.clone()), ("source", source.clone())];
            metrics::counter!(metric_names::CHANGES_LANDED, &labels).increment(count - *told);
            *told = *count;
        }
        let refused = stats.broken_rules.iter();
        let refused: BTreeMap<String, u64> =
            refused.map(|((entity, rule), count)| (format!("{entity}: {rule}"), *count)).collect();
        for (entity, count) in &stats.quarantined {
            let entity = entity.clone();
            metrics::counter!(metric_names::QUARANTINED, "entity" => entity).absolute(*count);
        }
        for (entity, count) in &stats.truncations {
            let told = self.truncations.insert(entity.clone(), *count).unwrap_or(0);
            let emptied = metrics::counter!(metric_names::TRUNCATIONS, "entity" => entity.clone());
            emptied.increment(count - told);
            if *count > told {
                tracing::warn!(entity, "its table was emptied by TRUNCATE: every row is deleted");
            }
        }
        let dropped = self.lane.withheld_dropped();
        if dropped > self.dropped {
            let rows = dropped - self.dropped;
            tracing::warn!(
                rows,
                "values of refused rows were given up: settle the quarantine, then `reconcile --repair`"
            );
            self.dropped = dropped;
        }
        let detail = format!(
            "{} commits, {} repeats dropped, {} alarms",
            stats.commits, stats.duplicates, stats.alarms
        );
        self.outputs.board.update(|status| {
            status.changes = changes;
            status.quarantined = refused;
            status.lanes.entry(NAME.into()).or_default().detail = detail;
        });
    }
}

async fn streamed(stream: Option<&mut PostgresStream>) -> Result<StreamItem> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

fn ended(what: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Bug,
        NAME,
        format!("{what} has ended before capture"),
        "The runtime stops and starts again from landing; report it if it repeats.",
    )
}
