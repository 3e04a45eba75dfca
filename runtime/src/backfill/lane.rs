//! The backfill lane: reads tables in chunks, holds each chunk until its bound is known, hands it out for landing.
//!
//! ```text
//! resume(job) ─> read chunk ─> held ──(stream has passed the read)──> ReadyChunk ─> capture lands rows and position
//!                   ^            │
//!                   └─ hazard ───┘   read again from the first row that was not handed out
//! ```
//!
//! The lane is a state machine of one owner: [`BackfillLane::step`] does at most one read, and never waits for the stream.
//! What it has handed out counts as landed; when landing fails, the owner starts over with a new lane and [`resume`].
//!
//! [`resume`]: BackfillLane::resume

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use covenant_model::version::Lsn;

use super::bound::{BoundTracker, Decision};
use super::budget::RowBudget;
use crate::env::Clock;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::SourcePosition;
use crate::source::{Chunk, ChunkRequest, Relation, TableReader, Tuple};

/// Most rows of one read.
pub const CHUNK_ROWS: usize = 2_000;
/// Rows of the first read of a job, whose width is not known yet.
const FIRST_ROWS: usize = 200;
/// Bytes that a read aims at, by the width of the rows of the read before.
pub const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Chunks that may wait for the stream at the same time: with [`CHUNK_BYTES`] this bounds the lane's memory.
pub const HELD_CHUNKS: usize = 4;
/// Rows per second where the operator says nothing.
pub const ROWS_PER_S: u64 = 50_000;
/// How long a chunk waits for the stream before the log is nudged, and between two nudges, microseconds.
pub const NUDGE_AFTER_US: i64 = 50_000;
/// How long a doubtful chunk waits before it is read again, microseconds.
pub const HAZARD_WAIT_US: i64 = 200_000;
/// When to step again where the lane waits for the stream or is held by the gate.
pub const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Whether the lane may read now. Capture says no while live freshness suffers.
pub trait Gate: Send + Sync {
    /// Asked before every read.
    fn may_run(&self) -> bool;
}

/// A gate that is always open.
pub struct AlwaysOpen;

impl Gate for AlwaysOpen {
    fn may_run(&self) -> bool {
        true
    }
}

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Job {
    /// Unique; the name of its position in landing.
    pub id: String,
    /// Entity that the rows belong to.
    pub entity: String,
    /// Which rows.
    pub request: ChunkRequest,
}

/// Bounds of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSettings {
    /// Most rows of one read.
    pub chunk_rows: usize,
    /// Chunks that may wait for the stream.
    pub held_chunks: usize,
    /// Budget.
    pub rows_per_s: u64,
}

impl Default for LaneSettings {
    fn default() -> Self {
        Self { chunk_rows: CHUNK_ROWS, held_chunks: HELD_CHUNKS, rows_per_s: ROWS_PER_S }
    }
}

/// A chunk whose place in the log is known: land `rows` at `Position::read(bound)` together with
/// `SourcePosition::Backfill { entity, after, rows: rows_total, done }` under the name `job`.
#[derive(Clone, Debug)]
pub struct ReadyChunk {
    /// [`Job::id`].
    pub job: String,
    /// [`Job::entity`].
    pub entity: String,
    /// Columns of the rows.
    pub relation: Arc<Relation>,
    /// The rows, in key order. The last chunk of a job may have none.
    pub rows: Vec<Tuple>,
    /// Every change that the rows do not show stands above it.
    pub bound: Lsn,
    /// When they were read, microseconds since 1970 by the source's clock.
    pub read_at_us: i64,
    /// Where the next chunk starts; none only once the job is done.
    pub after: Option<Vec<String>>,
    /// Rows of the job so far, these included.
    pub rows_total: u64,
    /// Whether the job is done.
    pub done: bool,
    /// The keys that the job asked for: those without a row were not there at `bound`. Empty: it asked for no keys.
    pub asked: Vec<Vec<String>>,
    /// Names of the key columns, in the order of the texts of [`ReadyChunk::asked`].
    pub key: Vec<String>,
}

impl ReadyChunk {
    /// What to land together with the rows.
    pub fn position(&self) -> SourcePosition {
        SourcePosition::Backfill {
            entity: self.entity.clone(),
            after: self.after.clone(),
            rows: self.rows_total,
            done: self.done,
        }
    }
}

/// Counters for the status page and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// Rows handed out.
    pub rows: u64,
    /// Chunks handed out.
    pub chunks: u64,
    /// Reads that were thrown away because of a hazard.
    pub hazards: u64,
    /// Messages written to move the stream on.
    pub nudges: u64,
}

/// Where reading goes on.
#[derive(Clone, Debug)]
struct Cursor {
    after: Option<Vec<String>>,
    rows: u64,
}

#[derive(Debug)]
struct Active {
    job: Job,
    /// Behind the last chunk that was handed out.
    landed: Cursor,
    /// Where the next read starts.
    next: Option<Vec<String>>,
    /// The end of the table has been read.
    at_end: bool,
    /// Rows of the next read.
    limit: usize,
}

#[derive(Debug)]
struct Held {
    chunk: Chunk,
    since_us: i64,
}

/// The lane. One owner; see the module.
pub struct BackfillLane {
    clock: Arc<dyn Clock>,
    gate: Arc<dyn Gate>,
    settings: LaneSettings,
    tracker: BoundTracker,
    budget: RowBudget,
    /// The first one is being read.
    jobs: VecDeque<Active>,
    /// Chunks of the first job, in the order of their reads.
    held: VecDeque<Held>,
    not_before_us: i64,
    nudged_at_us: i64,
    counts: LaneCounts,
}

impl BackfillLane {
    /// A lane without jobs.
    pub fn new(clock: Arc<dyn Clock>, gate: Arc<dyn Gate>, settings: LaneSettings) -> Self {
        Self {
            clock,
            gate,
            settings,
            tracker: BoundTracker::default(),
            budget: RowBudget::new(settings.rows_per_s),
            jobs: VecDeque::new(),
            held: VecDeque::new(),
            not_before_us: i64::MIN,
            nudged_at_us: i64::MIN,
            counts: LaneCounts::default(),
        }
    }

    /// Adds a job behind the others, from where landing says it has come to (none: from the start). A job that is done, or
    /// already there, is not added.
    ///
    /// # Errors
    /// `Bug` where the position is none of a backfill of the job's entity.
    pub fn resume(&mut self, job: Job, position: Option<&SourcePosition>) -> Result<()> {
        if self.jobs.iter().any(|active| active.job.id == job.id) {
            return Ok(());
        }
        let landed = match position {
            None => Cursor { after: None, rows: 0 },
            Some(SourcePosition::Backfill { done: true, .. }) => return Ok(()),
            Some(SourcePosition::Backfill { entity, after, rows, .. }) if *entity == job.entity => {
                Cursor { after: after.clone(), rows: *rows }
            }
            Some(
                SourcePosition::Backfill { .. }
                | SourcePosition::Postgres { .. }
                | SourcePosition::Stream { .. }
                | SourcePosition::Salesforce { .. },
            ) => {
                return Err(RuntimeError::new(
                    ErrorKind::Bug,
                    "backfill",
                    format!(
                        "the landed position of {} is none of a backfill of {}",
                        job.id, job.entity
                    ),
                    "Report this, with the newest landing manifest",
                ));
            }
        };
        let next = landed.after.clone();
        let limit = match job.request.keys.len() {
            0 => FIRST_ROWS.min(self.settings.chunk_rows).max(1),
            // One more than there can be: the read comes to its end at once, so that absence is told of all keys together.
            keys => keys + 1,
        };
        self.jobs.push_back(Active { job, landed, next, at_end: false, limit });
        Ok(())
    }

    /// Removes a job; what was handed out stays.
    pub fn cancel(&mut self, id: &str) {
        if self.jobs.front().is_some_and(|active| active.job.id == id) {
            self.held.clear();
        }
        self.jobs.retain(|active| active.job.id != id);
        self.rest_if_idle();
    }

    /// The stream has delivered a transaction. Call it for every one, before [`BackfillLane::passed`] of its end.
    pub fn observe_transaction(&mut self, xid: u32, commit: Lsn) {
        self.tracker.observe(xid, commit);
    }

    /// The stream has delivered everything that commits before `lsn`: the end of a transaction, or a `Passed` item.
    pub fn passed(&mut self, lsn: Lsn) {
        self.tracker.passed(lsn);
    }

    /// Whether no job is left.
    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    /// When to step again after a step that gave nothing; none: not before a job comes.
    pub fn next_step_in(&self) -> Option<Duration> {
        (!self.is_idle()).then_some(LOOK_AGAIN)
    }

    /// Counters since the lane began.
    pub fn counts(&self) -> LaneCounts {
        self.counts
    }

    /// Hands out a chunk whose bound is known, or else does a bounded amount of work towards one: at most one read and one
    /// nudge. `None`: nothing is ready; see [`BackfillLane::next_step_in`].
    ///
    /// # Errors
    /// The reader's. The lane's state is as before; step again after a backoff.
    pub async fn step(&mut self, reader: &mut dyn TableReader) -> Result<Option<ReadyChunk>> {
        if self.jobs.is_empty() {
            return Ok(None);
        }
        if !self.tracker.listens() {
            let fresh = reader.snapshot().await?;
            self.tracker.listen(&fresh);
        }
        if let Some(ready) = self.release()? {
            return Ok(Some(ready));
        }
        self.read_next(reader).await?;
        self.nudge_if_waiting(reader).await?;
        self.release()
    }

    /// Hands out the oldest held chunk if its bound is known.
    fn release(&mut self) -> Result<Option<ReadyChunk>> {
        let Some(front) = self.held.front() else { return Ok(None) };
        match self.tracker.decide(&front.chunk.snapshot, front.chunk.read_at) {
            Decision::NotYet => Ok(None),
            Decision::Hazard => {
                self.read_again();
                Ok(None)
            }
            Decision::Bound(bound) => {
                let (Some(held), Some(active)) = (self.held.pop_front(), self.jobs.front_mut())
                else {
                    return Err(no_job());
                };
                self.tracker.released(&held.chunk.snapshot);
                let chunk = held.chunk;
                active.landed.rows += chunk.rows.len() as u64;
                active.landed.after.clone_from(&chunk.next);
                let ready = ReadyChunk {
                    job: active.job.id.clone(),
                    entity: active.job.entity.clone(),
                    relation: chunk.relation,
                    bound,
                    read_at_us: chunk.read_at_us,
                    rows_total: active.landed.rows,
                    done: chunk.next.is_none(),
                    after: chunk.next,
                    rows: chunk.rows,
                    asked: active.job.request.keys.clone(),
                    key: active.job.request.key.clone(),
                };
                self.counts.rows += ready.rows.len() as u64;
                self.counts.chunks += 1;
                if ready.done {
                    self.jobs.pop_front();
                    self.held.clear();
                    self.rest_if_idle();
                }
                Ok(Some(ready))
            }
        }
    }

    /// Drops what is held, and reads it again after a while.
    fn read_again(&mut self) {
        self.held.clear();
        self.counts.hazards += 1;
        self.not_before_us = self.clock.now_us().saturating_add(HAZARD_WAIT_US);
        if let Some(active) = self.jobs.front_mut() {
            active.next.clone_from(&active.landed.after);
            active.at_end = false;
        }
    }

    async fn read_next(&mut self, reader: &mut dyn TableReader) -> Result<()> {
        let now_us = self.clock.now_us();
        let waits = now_us < self.not_before_us && self.not_before_us - now_us <= HAZARD_WAIT_US;
        if waits
            || self.held.len() >= self.settings.held_chunks.max(1)
            || !self.gate.may_run()
            || self.budget.wait_us(now_us) > 0
        {
            return Ok(());
        }
        let Some(active) = self.jobs.front_mut() else { return Ok(()) };
        if active.at_end {
            return Ok(());
        }
        let chunk = reader.read(&active.job.request, active.next.as_deref(), active.limit).await?;
        self.budget.spend(chunk.rows.len());
        active.limit = next_limit(&chunk.rows, self.settings.chunk_rows);
        active.at_end = chunk.next.is_none();
        active.next.clone_from(&chunk.next);
        self.held.push_back(Held { chunk, since_us: now_us });
        Ok(())
    }

    /// An idle database's stream would never pass the read.
    async fn nudge_if_waiting(&mut self, reader: &mut dyn TableReader) -> Result<()> {
        let Some(front) = self.held.front() else { return Ok(()) };
        if self.tracker.position() >= front.chunk.read_at {
            return Ok(());
        }
        let now_us = self.clock.now_us();
        let since = front.since_us.max(self.nudged_at_us);
        if (0..NUDGE_AFTER_US).contains(&now_us.saturating_sub(since)) {
            return Ok(());
        }
        self.nudged_at_us = now_us;
        self.counts.nudges += 1;
        reader.nudge().await
    }

    fn rest_if_idle(&mut self) {
        if self.jobs.is_empty() {
            self.tracker.rest();
        }
    }
}

/// As many rows as [`CHUNK_BYTES`] hold, by the average width of the last ones.
fn next_limit(last: &[Tuple], most: usize) -> usize {
    let bytes: usize = last.iter().map(|row| row.bytes.len()).sum();
    let width = (bytes / last.len().max(1)).max(1);
    (CHUNK_BYTES / width).clamp(1, most.max(1))
}

fn no_job() -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Bug,
        "backfill",
        "a held chunk belongs to no job",
        "Report this; a restart resumes the backfill from landing",
    )
}
