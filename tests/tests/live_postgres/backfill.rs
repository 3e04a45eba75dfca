//! Table reads beside the stream, against a real PostgreSQL: the same texts on both paths, paging, and the race that loses
//! updates for a reader that stamps rows with the position at which it read them.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Database, PATIENCE, clock, item, row, transaction};
use covenant_model::version::{Lsn, Position};
use covenant_runtime::backfill::bound::{BoundTracker, Decision};
use covenant_runtime::backfill::lane::{AlwaysOpen, BackfillLane, Job, LaneSettings, ReadyChunk};
use covenant_runtime::error::ErrorKind;
use covenant_runtime::source::postgres::reader::PostgresReader;
use covenant_runtime::source::{
    ChangeStream, ChunkRequest, RowOp, StreamItem, TableReader, Transaction,
};
use covenant_sandbox::postgres::{ADMIN, Cluster, connect};

pub(crate) fn request(table: &str, columns: &[&str], key: &[&str]) -> ChunkRequest {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ChunkRequest {
        schema: "public".into(),
        table: table.into(),
        columns: texts(columns),
        key: texts(key),
        range: None,
        keys: Vec::new(),
        part: None,
        rows: None,
    }
}

/// Types whose text depends on session settings, or differs between a cast and the output function.
const ALL_TYPES: &str = "CREATE TYPE mood AS ENUM ('glad', 'it''s \"odd\"');
CREATE TABLE types (
  id int8 PRIMARY KEY, flag bool, small int2, price numeric(12,2), odd numeric, ratio float8, real4 float4,
  at timestamptz, local timestamp, day date, clock time, zoned timetz, span interval, raw bytea, doc json,
  docb jsonb, uid uuid, padded char(6), name varchar(20), note text, host inet, mood mood, tags text[],
  money money);
INSERT INTO types VALUES
 (1, true, -5, 1.5, 1e-9, 0.1, 0.1, '2026-03-29 02:30:00.123456+05:30', '2026-01-01', '2026-12-31', '23:59:59.5',
  '12:00+02', '1 year -2 days 3 hours', '\\x00ff5c', '{\"a\":  [1, null]}', '{\"b\": \"\\u00e9\"}',
  'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'ab', 'x', E'tab\\t nl\\n cr\\r bs\\\\ \\\\N é', '10.1.2.3',
  'it''s \"odd\"', ARRAY['a,b', NULL, '\"'], 12.5),
 (2, false, NULL, NULL, 'NaN', '-Infinity', 1e-20, 'infinity', '0044-03-15 BC', '-infinity', NULL, NULL, '-1 mon', '',
  NULL, NULL, NULL, '', '', '', '::1/64', NULL, '{}', NULL)";

#[tokio::test(flavor = "multi_thread")]
async fn a_read_and_the_stream_give_the_same_texts() {
    let db = Database::new("texts", ALL_TYPES).await;
    // settings of the role must not leak into either path
    db.run(&format!(
        "ALTER ROLE {ADMIN} IN DATABASE texts SET DateStyle = 'German';
         ALTER ROLE {ADMIN} IN DATABASE texts SET TimeZone = 'Asia/Kolkata';
         ALTER ROLE {ADMIN} IN DATABASE texts SET IntervalStyle = 'iso_8601';
         ALTER ROLE {ADMIN} IN DATABASE texts SET bytea_output = 'escape';
         ALTER ROLE {ADMIN} IN DATABASE texts SET extra_float_digits = -5;"
    ))
    .await;
    let mut opened = db.open(None).await;
    db.run("UPDATE types SET id = id").await;
    let changes = transaction(&mut opened.stream).await.changes;
    let columns: Vec<&str> =
        changes[0].relation.columns.iter().map(|column| column.name.as_str()).collect();
    let streamed: Vec<String> = changes
        .iter()
        .map(|change| match &change.op {
            RowOp::Update { new, .. } => row(new),
            RowOp::Insert { .. } | RowOp::Delete { .. } | RowOp::Truncate => panic!("no update"),
        })
        .collect();
    let mut reader = PostgresReader::new(db.endpoint());
    let chunk = reader.read(&request("types", &columns, &["id"]), None, 10).await.unwrap();
    let read: Vec<String> = chunk.rows.iter().map(row).collect();
    assert_eq!(read, streamed);
    assert!(read[0].contains("2026-03-28 21:00:00.123456+00"), "{}", read[0]);
    let types = |relation: &covenant_runtime::source::Relation| {
        relation.columns.iter().map(|column| column.type_oid).collect::<Vec<_>>()
    };
    assert_eq!(types(&chunk.relation), types(&changes[0].relation));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_a_composite_key() {
    let db = Database::new(
        "pages",
        "CREATE TABLE lines (\"Order Id\" uuid, no int2, code char(3), note text,
           PRIMARY KEY (\"Order Id\", no, code));
         INSERT INTO lines SELECT md5((i / 7)::text)::uuid, i % 7, 'a', i FROM generate_series(1, 500) i;",
    )
    .await;
    let mut asked =
        request("lines", &["note", "Order Id", "no", "code"], &["Order Id", "no", "code"]);
    let mut reader = PostgresReader::new(db.endpoint());
    let (mut after, mut seen, mut chunks) = (None::<Vec<String>>, Vec::new(), 0);
    loop {
        let chunk = reader.read(&asked, after.as_deref(), 33).await.unwrap();
        seen.extend(chunk.rows.iter().map(row));
        chunks += 1;
        after = chunk.next;
        if after.is_none() {
            break;
        }
    }
    let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len(), chunks), (500, 500, 16));
    asked.range = Some(("no".into(), "2".into(), "4".into()));
    let chunk = reader.read(&asked, None, 1_000).await.unwrap();
    assert!(chunk.rows.len() > 130 && chunk.rows.len() < 150, "{}", chunk.rows.len());
    assert!(reader.estimate(&asked).await.unwrap() > 0);

    let missing = request("lines", &["note", "no", "nope"], &["no"]);
    let error = reader.read(&missing, None, 1).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("nope"), "{error}");
    let error = reader.read(&request("gone", &["a"], &["a"]), None, 1).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::SchemaMismatch);
}

/// Steps the lane and the stream in turn until a chunk is ready.
pub(crate) async fn ready(
    lane: &mut BackfillLane,
    reader: &mut PostgresReader,
    stream: &mut dyn ChangeStream,
) -> ReadyChunk {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        assert!(tokio::time::Instant::now() < deadline, "no chunk became ready");
        if let Some(chunk) = lane.step(reader).await.unwrap() {
            return chunk;
        }
        if let Ok(item) = tokio::time::timeout(Duration::from_millis(20), stream.next()).await {
            observe(lane, &item.unwrap());
        }
    }
}

fn observe(lane: &mut BackfillLane, item: &StreamItem) {
    match item {
        StreamItem::Transaction(transaction) => {
            lane.observe_transaction(transaction.xid, transaction.commit);
            lane.passed(transaction.end);
        }
        StreamItem::Part(_) => {}
        StreamItem::Passed(lsn) => lane.passed(*lsn),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_database_is_nudged_until_the_chunk_is_released() {
    let db = Database::new(
        "idle_read",
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100);",
    )
    .await;
    let mut opened = db.open(None).await;
    let mut reader = PostgresReader::new(db.endpoint());
    let settings = LaneSettings { chunk_rows: 40, ..LaneSettings::default() };
    let mut lane = BackfillLane::new(clock(), Arc::new(AlwaysOpen), settings);
    let job = Job { id: "t".into(), entity: "t".into(), request: request("t", &["id"], &["id"]) };
    lane.resume(job, None).unwrap();
    let mut rows = 0;
    loop {
        let chunk = ready(&mut lane, &mut reader, &mut opened.stream).await;
        rows += chunk.rows.len();
        if chunk.done {
            assert_eq!((rows, chunk.rows_total), (100, 100));
            break;
        }
    }
}

/// A commit whose record is flushed and streamed, but which waits for a standby that never comes: its row is not visible.
struct Stuck {
    commit: tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>,
    pid: i32,
}

async fn stuck_commit(db: &Database, sql: &'static str) -> Stuck {
    let other = connect(&db.cluster.url(ADMIN, &db.name)).await.unwrap();
    let pid: i32 = other.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    db.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await;
    db.run("SELECT pg_reload_conf()").await;
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'";
    other.batch_execute("SELECT pg_sleep(0.5)").await.unwrap();
    let commit = tokio::spawn(async move { other.batch_execute(sql).await });
    for _ in 0..200 {
        let waiting: i64 = db.sql.query_one(waits, &[&pid]).await.unwrap().get(0);
        if waiting == 1 {
            return Stuck { commit, pid };
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the commit does not wait for a standby");
}

impl Stuck {
    async fn release(self, db: &Database) {
        db.sql.execute("SELECT pg_cancel_backend($1)", &[&self.pid]).await.unwrap();
        self.commit.await.unwrap().unwrap();
        db.run("ALTER SYSTEM RESET synchronous_standby_names").await;
        db.run("SELECT pg_reload_conf()").await;
    }
}

async fn racing_database(name: &str) -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Arc::new(Cluster::start(dir.path()).unwrap());
    let table = "CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t VALUES (1, 'old');";
    let db = Database::within(cluster, name, table).await;
    db.run("SET synchronous_commit = local").await;
    (dir, db)
}

fn new_note(transaction: &Transaction) -> String {
    match &transaction.changes[0].op {
        RowOp::Insert { new } | RowOp::Update { new, .. } => row(new),
        RowOp::Delete { .. } | RowOp::Truncate => panic!("no row"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_streamed_before_it_is_visible_is_not_lost() {
    let (_dir, db) = racing_database("race").await;
    let mut opened = db.open(None).await;
    let mut reader = PostgresReader::new(db.endpoint());
    let mut tracker = BoundTracker::default();
    tracker.listen(&reader.snapshot().await.unwrap());

    let stuck = stuck_commit(&db, "UPDATE t SET note = 'new'").await;
    let streamed = transaction(&mut opened.stream).await;
    assert_eq!(new_note(&streamed), "(1,new)");
    tracker.observe(streamed.xid, streamed.commit);
    tracker.passed(streamed.end);

    let asked = request("t", &["id", "note"], &["id"]);
    let chunk = reader.read(&asked, None, 10).await.unwrap();
    assert_eq!(row(&chunk.rows[0]), "(1,old)", "the snapshot does not show the commit");
    reader.nudge().await.unwrap();
    while tracker.position() < chunk.read_at {
        match item(&mut opened.stream).await {
            StreamItem::Passed(lsn) => tracker.passed(lsn),
            other @ (StreamItem::Transaction(_) | StreamItem::Part(_)) => {
                panic!("unexpected: {other:?}")
            }
        }
    }
    let change = Position::streamed(streamed.commit, streamed.changes[0].ordinal);
    assert!(Position::read(chunk.read_at) > change, "a naive reader loses the update");
    match tracker.decide(&chunk.snapshot, chunk.read_at) {
        Decision::Bound(bound) => {
            assert_eq!(bound, Lsn(streamed.commit.0 - 1));
            assert!(Position::read(bound) < change);
        }
        other => panic!("{other:?}"),
    }

    // after a restart nothing is known of the commit that the stream will not repeat
    let mut restarted = BoundTracker::default();
    restarted.listen(&reader.snapshot().await.unwrap());
    let chunk = reader.read(&asked, None, 10).await.unwrap();
    restarted.passed(chunk.read_at);
    assert_eq!(restarted.decide(&chunk.snapshot, chunk.read_at), Decision::Hazard);

    stuck.release(&db).await;
    let chunk = reader.read(&asked, None, 10).await.unwrap();
    restarted.passed(chunk.read_at);
    assert_eq!(row(&chunk.rows[0]), "(1,new)");
    assert_eq!(restarted.decide(&chunk.snapshot, chunk.read_at), Decision::Bound(chunk.read_at));
}
