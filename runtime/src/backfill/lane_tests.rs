//! The lane over a table in memory and a clock that stands still unless it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use covenant_model::codec::PgDatum;
use covenant_model::version::Lsn;

use super::lane::{
    AlwaysOpen, BackfillLane, Gate, HAZARD_WAIT_US, Job, LaneSettings, NUDGE_AFTER_US, ReadyChunk,
};
use crate::env::Clock;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::source::{Chunk, ChunkRequest, Relation, Snapshot, TableReader, Tuple};

#[derive(Default)]
struct Stopped(AtomicI64);

impl Stopped {
    fn advance(&self, us: i64) {
        self.0.fetch_add(us, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Stopped {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    async fn sleep(&self, time: Duration) {
        self.advance(i64::try_from(time.as_micros()).unwrap());
    }
}

/// Keys `0..rows`, two digits each; the log ends at `log_end`.
struct Table {
    rows: usize,
    log_end: u64,
    chunk_sees: Snapshot,
    reads: usize,
    nudges: usize,
    fails: bool,
}

impl Table {
    fn new(rows: usize) -> Self {
        let chunk_sees = Snapshot { xmin: 100, xmax: 100, in_progress: vec![] };
        Self { rows, log_end: 50, chunk_sees, reads: 0, nudges: 0, fails: false }
    }
}

#[async_trait]
impl TableReader for Table {
    async fn read(
        &mut self,
        request: &ChunkRequest,
        after: Option<&[String]>,
        limit: usize,
    ) -> Result<Chunk> {
        if self.fails {
            return Err(RuntimeError::new(ErrorKind::Unavailable, "table", "gone", "wait"));
        }
        self.reads += 1;
        let start = after.map_or(0, |after| after[0].parse::<usize>().unwrap() + 1);
        let keys: Vec<String> =
            (start..self.rows).take(limit).map(|key| format!("{key:02}")).collect();
        let next = (keys.len() == limit).then(|| vec![keys[keys.len() - 1].clone()]);
        Ok(Chunk {
            snapshot: self.chunk_sees.clone(),
            read_at: Lsn(self.log_end),
            read_at_us: 1,
            relation: Arc::new(Relation {
                schema: request.schema.clone(),
                table: request.table.clone(),
                columns: vec![],
            }),
            rows: keys.iter().map(|key| Tuple::from_texts([Some(key.as_bytes())])).collect(),
            next,
        })
    }

    async fn snapshot(&mut self) -> Result<Snapshot> {
        Ok(Snapshot { xmin: 50, xmax: 50, in_progress: vec![] })
    }

    async fn nudge(&mut self) -> Result<()> {
        self.nudges += 1;
        Ok(())
    }

    async fn estimate(&mut self, _request: &ChunkRequest) -> Result<u64> {
        Ok(self.rows as u64)
    }
}

fn job(id: &str) -> Job {
    Job {
        id: id.into(),
        entity: "sales.order".into(),
        request: ChunkRequest {
            schema: "public".into(),
            table: "orders".into(),
            columns: vec!["id".into()],
            key: vec!["id".into()],
            range: None,
            keys: Vec::new(),
            part: None,
            rows: None,
        },
    }
}

fn lane(clock: &Arc<Stopped>, gate: Arc<dyn Gate>, rows_per_s: u64) -> BackfillLane {
    let settings = LaneSettings { chunk_rows: 10, held_chunks: 2, rows_per_s };
    BackfillLane::new(clock.clone(), gate, settings)
}

fn open_lane(clock: &Arc<Stopped>) -> BackfillLane {
    lane(clock, Arc::new(AlwaysOpen), 1_000)
}

fn keys(chunk: &ReadyChunk) -> Vec<String> {
    let text = |tuple: &Tuple| match tuple.datums()[0] {
        PgDatum::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
        PgDatum::Null | PgDatum::Unchanged => panic!("no text"),
    };
    chunk.rows.iter().map(text).collect()
}

async fn drain(lane: &mut BackfillLane, table: &mut Table) -> Vec<ReadyChunk> {
    let mut ready = Vec::new();
    for _ in 0..100 {
        ready.extend(lane.step(table).await.unwrap());
    }
    ready
}

#[tokio::test]
async fn a_table_comes_whole_and_resumes_behind_what_was_landed() {
    let clock = Arc::new(Stopped::default());
    let (mut table, mut first) = (Table::new(25), open_lane(&clock));
    first.resume(job("load"), None).unwrap();
    first.passed(Lsn(50));
    let ready = drain(&mut first, &mut table).await;
    let sizes: Vec<(usize, u64, bool)> =
        ready.iter().map(|chunk| (chunk.rows.len(), chunk.rows_total, chunk.done)).collect();
    assert_eq!(sizes, [(10, 10, false), (10, 20, false), (5, 25, true)]);
    assert!(first.is_idle() && first.next_step_in().is_none());

    // a crash after the first chunk was landed
    let mut second = open_lane(&clock);
    second.resume(job("load"), Some(&ready[0].position())).unwrap();
    second.passed(Lsn(50));
    let again = drain(&mut second, &mut table).await;
    assert_eq!(keys(&again[0]), keys(&ready[1]));
    assert_eq!(again.last().unwrap().rows_total, 25);

    let mut third = open_lane(&clock);
    third.resume(job("load"), Some(&ready[2].position())).unwrap();
    assert!(third.is_idle(), "a job that is done does not come again");
}

#[tokio::test]
async fn a_last_chunk_that_is_exactly_full_ends_the_job_as_well() {
    let clock = Arc::new(Stopped::default());
    let (mut table, mut lane) = (Table::new(20), open_lane(&clock));
    lane.resume(job("load"), None).unwrap();
    lane.passed(Lsn(50));
    let ready = drain(&mut lane, &mut table).await;
    let last = ready.last().unwrap();
    assert!(last.done && last.rows.is_empty() && last.rows_total == 20);
}

#[tokio::test]
async fn chunks_wait_for_the_stream_which_is_nudged() {
    let clock = Arc::new(Stopped::default());
    let (mut table, mut lane) = (Table::new(90), open_lane(&clock));
    lane.resume(job("load"), None).unwrap();
    lane.passed(Lsn(49));
    assert!(drain(&mut lane, &mut table).await.is_empty());
    assert_eq!(table.reads, 2, "no more than may be held");
    assert_eq!(table.nudges, 0, "not at once");
    clock.advance(NUDGE_AFTER_US);
    assert!(drain(&mut lane, &mut table).await.is_empty());
    assert_eq!(table.nudges, 1, "and not over and over");
    lane.passed(Lsn(50));
    assert_eq!(lane.step(&mut table).await.unwrap().unwrap().bound, Lsn(50));
}

#[tokio::test]
async fn what_was_streamed_and_not_seen_lowers_the_bound() {
    let clock = Arc::new(Stopped::default());
    let (mut table, mut lane) = (Table::new(5), open_lane(&clock));
    lane.resume(job("load"), None).unwrap();
    table.chunk_sees = Snapshot { xmin: 99, xmax: 100, in_progress: vec![99] };
    assert!(lane.step(&mut table).await.unwrap().is_none());
    lane.observe_transaction(99, Lsn(30));
    lane.passed(Lsn(60));
    assert_eq!(lane.step(&mut table).await.unwrap().unwrap().bound, Lsn(29));
}

#[tokio::test]
async fn a_doubtful_chunk_is_read_again_from_the_same_key() {
    let clock = Arc::new(Stopped::default());
    let (mut table, mut lane) = (Table::new(35), open_lane(&clock));
    lane.resume(job("load"), None).unwrap();
    lane.passed(Lsn(50));
    let first = lane.step(&mut table).await.unwrap().unwrap();
    // 40 had its id before the lane began to listen, and was not streamed since
    table.chunk_sees = Snapshot { xmin: 40, xmax: 100, in_progress: vec![40] };
    assert!(drain(&mut lane, &mut table).await.is_empty());
    assert_eq!(lane.counts().hazards, 1, "it waits before it reads again");
    table.chunk_sees = Snapshot { xmin: 101, xmax: 101, in_progress: vec![] };
    clock.advance(HAZARD_WAIT_US);
    let rest = drain(&mut lane, &mut table).await;
    let all: Vec<String> = std::iter::once(&first).chain(&rest).flat_map(keys).collect();
    let expected: Vec<String> = (0..35).map(|key| format!("{key:02}")).collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn the_budget_and_the_gate_hold_it_back() {
    struct Door(AtomicBool);
    impl Gate for Door {
        fn may_run(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }
    let clock = Arc::new(Stopped::default());
    let door = Arc::new(Door(AtomicBool::new(true)));
    let (mut table, mut lane) = (Table::new(90), lane(&clock, door.clone(), 20));
    lane.resume(job("load"), None).unwrap();
    lane.passed(Lsn(50));
    assert_eq!(drain(&mut lane, &mut table).await.len(), 2);
    clock.advance(500_000);
    assert_eq!(drain(&mut lane, &mut table).await.len(), 1, "10 rows in half a second");
    door.0.store(false, Ordering::SeqCst);
    clock.advance(5_000_000);
    assert!(drain(&mut lane, &mut table).await.is_empty());
    assert!(lane.next_step_in().is_some(), "it looks again");
}

#[tokio::test]
async fn a_failed_read_changes_nothing() {
    let clock = Arc::new(Stopped::default());
    let (mut table, mut lane) = (Table::new(15), open_lane(&clock));
    lane.resume(job("load"), None).unwrap();
    lane.passed(Lsn(50));
    table.fails = true;
    assert_eq!(lane.step(&mut table).await.unwrap_err().kind, ErrorKind::Unavailable);
    table.fails = false;
    assert_eq!(drain(&mut lane, &mut table).await.len(), 2);
}

#[tokio::test]
async fn wide_rows_make_small_reads() {
    struct Wide(Vec<usize>);
    #[async_trait]
    impl TableReader for Wide {
        async fn read(
            &mut self,
            request: &ChunkRequest,
            after: Option<&[String]>,
            limit: usize,
        ) -> Result<Chunk> {
            self.0.push(limit);
            let mut chunk = Table::new(50_000).read(request, after, limit).await?;
            let wide = vec![b'x'; 64 * 1024];
            chunk.rows = vec![Tuple::from_texts([Some(wide.as_slice())]); limit];
            Ok(chunk)
        }
        async fn snapshot(&mut self) -> Result<Snapshot> {
            Table::new(0).snapshot().await
        }
        async fn nudge(&mut self) -> Result<()> {
            Ok(())
        }
        async fn estimate(&mut self, _request: &ChunkRequest) -> Result<u64> {
            Ok(0)
        }
    }
    let clock = Arc::new(Stopped::default());
    let mut lane = BackfillLane::new(clock, Arc::new(AlwaysOpen), LaneSettings::default());
    lane.resume(job("load"), None).unwrap();
    lane.passed(Lsn(50));
    let mut wide = Wide(Vec::new());
    for _ in 0..3 {
        lane.step(&mut wide).await.unwrap();
    }
    assert_eq!(wide.0, [200, 64, 64]);
}

#[tokio::test]
async fn jobs_run_one_after_the_other_and_can_be_cancelled() {
    let clock = Arc::new(Stopped::default());
    let (mut table, mut lane) = (Table::new(5), open_lane(&clock));
    for id in ["one", "two", "two", "three"] {
        lane.resume(job(id), None).unwrap();
    }
    lane.cancel("three");
    lane.passed(Lsn(50));
    let jobs: Vec<String> =
        drain(&mut lane, &mut table).await.into_iter().map(|chunk| chunk.job).collect();
    assert_eq!(jobs, ["one", "two"]);
}
