//! The change stream against a real PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{Database, PATIENCE, SystemClock, at, item, show, transaction};
use covenant_model::position::Acknowledged;
use covenant_model::version::Lsn;
use covenant_runtime::error::ErrorKind;
use covenant_runtime::landing::SourcePosition;
use covenant_runtime::source::postgres::connect::Endpoint;
use covenant_runtime::source::postgres::gap::accept;
use covenant_runtime::source::postgres::lineage::Start;
use covenant_runtime::source::postgres::reader::PostgresReader;
use covenant_runtime::source::postgres::stream::{StreamSettings, inspect, open};
use covenant_runtime::source::{ChangeStream, RowChange, RowOp, StreamItem, TableReader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, note text, big text);
     ALTER TABLE t ALTER big SET STORAGE EXTERNAL;";

fn end_of(position: &SourcePosition) -> Lsn {
    match position {
        SourcePosition::Postgres { lsn, .. } => *lsn,
        other => panic!("not PostgreSQL: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_arrives_whole_and_in_order() {
    let db = Database::new("ops", TABLE).await;
    let mut opened = db.open(None).await;
    assert!(opened.fresh);
    let stream = &mut opened.stream;

    db.run("INSERT INTO t VALUES (1, 'a', NULL), (2, NULL, 'x')").await;
    let first = transaction(stream).await;
    assert_eq!(show(&first), "1:t+(1,a,null) 2:t+(2,null,x)");
    assert!(first.commit < first.end);
    assert!(first.commit >= end_of(&opened.position));

    db.run(
        "BEGIN; UPDATE t SET note = 'b' WHERE id = 1; UPDATE t SET id = 9 WHERE id = 1;
         DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (3, 'c', NULL); COMMIT",
    )
    .await;
    let second = transaction(stream).await;
    assert_eq!(
        show(&second),
        "1:t~(1,b,null) 2:t~(1,null,null)->(9,b,null) 4:t-(2,null,null) 5:t+(3,c,null)"
    );
    assert!(second.commit > first.commit && second.commit >= first.end);
    assert!(second.committed_at_us >= first.committed_at_us);

    db.run("TRUNCATE t").await;
    assert_eq!(show(&transaction(stream).await), "1:ttruncate");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_value_that_did_not_change_is_not_null() {
    let db = Database::new("toast", TABLE).await;
    let mut opened = db.open(None).await;
    let stream = &mut opened.stream;
    db.run("INSERT INTO t VALUES (1, 'a', repeat('x', 10000))").await;
    transaction(stream).await;
    db.run("UPDATE t SET note = 'b'").await;
    assert_eq!(show(&transaction(stream).await), "1:t~(1,b,same)");
    db.run("ALTER TABLE t REPLICA IDENTITY FULL; UPDATE t SET note = 'c'").await;
    let full = show(&transaction(stream).await);
    let big = "x".repeat(10_000);
    assert_eq!(full, format!("1:t~(1,b,{big})->(1,c,{big})"));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_added_while_streaming_are_seen() {
    let db = Database::new("added", TABLE).await;
    let mut opened = db.open(None).await;
    let stream = &mut opened.stream;
    db.run("INSERT INTO t VALUES (1)").await;
    assert_eq!(transaction(stream).await.changes[0].relation.columns.len(), 3);
    db.run("ALTER TABLE t ADD COLUMN more int DEFAULT 7; INSERT INTO t VALUES (2)").await;
    let after = transaction(stream).await;
    assert_eq!(show(&after), "1:t+(2,null,null,7)");
    assert_eq!(after.changes[0].relation.columns[3].name, "more");
    assert!(after.changes[0].relation.columns[0].key);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_comes_again() {
    let db = Database::new("again", TABLE).await;
    let mut opened = db.open(None).await;
    db.run("INSERT INTO t VALUES (1)").await;
    let first = transaction(&mut opened.stream).await;
    db.run("INSERT INTO t VALUES (2)").await;
    let second = transaction(&mut opened.stream).await;
    opened.stream.acknowledge(Acknowledged(first.end)).await.unwrap();
    let beyond = Acknowledged(Lsn(second.end.0 + 1_000_000));
    assert_eq!(opened.stream.acknowledge(beyond).await.unwrap_err().kind, ErrorKind::Bug);
    let landed = at(&opened.position, first.end);
    drop(opened);

    let mut opened = db.open(Some(&landed)).await;
    assert!(!opened.fresh);
    assert_eq!(transaction(&mut opened.stream).await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_stream_moves_on_and_the_slot_with_it() {
    let db = Database::new("idle", TABLE).await;
    db.run("CREATE TABLE other (id int); ALTER PUBLICATION idle OWNER TO CURRENT_USER").await;
    db.run("DROP PUBLICATION idle; CREATE PUBLICATION idle FOR TABLE t").await;
    let mut opened = db.open(None).await;
    let start = end_of(&opened.position);
    db.run("INSERT INTO other SELECT generate_series(1, 1000)").await;
    let target: String =
        db.sql.query_one("SELECT pg_current_wal_flush_lsn()::text", &[]).await.unwrap().get(0);
    let target: Lsn = target.parse().unwrap();
    assert!(target > start);
    let reached = loop {
        match item(&mut opened.stream).await {
            StreamItem::Passed(lsn) if lsn >= target => break lsn,
            StreamItem::Passed(_) => {}
            other @ (StreamItem::Transaction(_) | StreamItem::Part(_)) => {
                panic!("unexpected {other:?}")
            }
        }
    };
    opened.stream.acknowledge(Acknowledged(reached)).await.unwrap();
    let confirmed =
        "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = 'idle'";
    for _ in 0..100 {
        let text: String = db.sql.query_one(confirmed, &[]).await.unwrap().get(0);
        if text.parse::<Lsn>().unwrap() >= target {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the slot did not follow the acknowledgement");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_confirmed_that_was_not_acknowledged() {
    let db = Database::new("unacked", TABLE).await;
    let mut opened = db.open(None).await;
    let start = end_of(&opened.position);
    db.run("INSERT INTO t SELECT generate_series(1, 10)").await;
    transaction(&mut opened.stream).await;
    // longer than the status interval
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    let confirmed =
        "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = 'unacked'";
    let text: String = db.sql.query_one(confirmed, &[]).await.unwrap().get(0);
    assert_eq!(text.parse::<Lsn>().unwrap(), start);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_gone_or_recreated_is_a_gap() {
    let db = Database::new("lineage", TABLE).await;
    let opened = db.open(None).await;
    let landed = opened.position.clone();
    drop(opened);
    let refused = async || {
        let opened = open(&db.endpoint(), &db.settings(), Some(&landed), &SystemClock).await;
        opened.err().expect("a gap must be refused")
    };
    drop_slot(&db).await;
    let gone = refused().await;
    assert_eq!(gone.kind, ErrorKind::Gap);
    assert!(gone.to_string().contains("the slot is gone"), "{gone}");

    db.run("INSERT INTO t VALUES (1)").await;
    db.run("SELECT pg_create_logical_replication_slot('lineage', 'pgoutput')").await;
    let recreated = refused().await;
    assert_eq!(recreated.kind, ErrorKind::Gap);
    assert!(recreated.to_string().contains("recreated"), "{recreated}");

    let SourcePosition::Postgres { incarnation, timeline, slot, lsn, .. } = landed.clone() else {
        panic!("not PostgreSQL");
    };
    let elsewhere =
        SourcePosition::Postgres { incarnation, system_id: "1".into(), timeline, slot, lsn };
    let (_, start) = inspect(&db.endpoint(), &db.settings(), Some(&elsewhere)).await.unwrap();
    assert!(matches!(start, Start::Gap(_)), "{start:?}");
}

async fn drop_slot(db: &Database) {
    let sql = format!("SELECT pg_drop_replication_slot('{}')", db.name);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while let Err(error) = db.sql.batch_execute(&sql).await {
        assert!(tokio::time::Instant::now() < deadline, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_read_elsewhere_fences_us() {
    struct Hasty;
    #[async_trait::async_trait]
    impl covenant_runtime::env::Clock for Hasty {
        fn now_us(&self) -> i64 {
            0
        }
        async fn sleep(&self, _time: std::time::Duration) {}
    }
    let db = Database::new("fenced", TABLE).await;
    let first = db.open(None).await;
    let second = open(&db.endpoint(), &db.settings(), Some(&first.position), &Hasty).await;
    let error = second.err().expect("two readers of one slot");
    assert_eq!(error.kind, ErrorKind::Fenced, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_named_and_show_no_password() {
    let db = Database::new("refusals", TABLE).await;
    let url = |user: &str, port: u16, database: &str| {
        format!("postgres://{user}:s3cret-w0rd@127.0.0.1:{port}/{database}")
    };
    let admin = covenant_sandbox::postgres::ADMIN;
    let port = db.cluster.port();
    let cases = [
        (url(admin, port, "refusals"), ErrorKind::Credentials),
        (url(admin, 1, "refusals"), ErrorKind::Unavailable),
        (db.cluster.url(admin, "no_such_database"), ErrorKind::Config),
    ];
    for (url, kind) in cases {
        let endpoint = Endpoint::parse("store", &url, None).unwrap();
        let streamed = open(&endpoint, &db.settings(), None, &SystemClock).await.err().unwrap();
        let connected = endpoint.connect().await.err().unwrap();
        for error in [streamed, connected] {
            assert_eq!(error.kind, kind, "{error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
            assert!(error.to_string().starts_with("postgres store: "), "{error}");
        }
    }
    let mut settings = db.settings();
    settings.publication = "no_such_publication".into();
    let error = open(&db.endpoint(), &settings, None, &SystemClock).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::SchemaMismatch, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_beyond_the_bound_comes_in_parts_and_again_whole_after_a_cut() {
    const ROWS: u32 = 2_000;
    let db = Database::new("bound", TABLE).await;
    let mut settings = db.settings();
    settings.transaction_bytes = 64 * 1024;
    let mut opened = open(&db.endpoint(), &settings, None, &SystemClock).await.unwrap();
    let start = opened.position.clone();
    db.run(&format!("INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, {ROWS}) i"))
        .await;
    let mut ordinals = Vec::new();
    while ordinals.len() < 1_000 {
        match item(&mut opened.stream).await {
            StreamItem::Part(part) => {
                let bytes: usize = part.changes.iter().map(bytes_of).sum();
                assert!(bytes < 2 * settings.transaction_bytes, "memory is bounded: {bytes}");
                ordinals.extend(part.changes.iter().map(|change| change.ordinal));
            }
            StreamItem::Passed(_) => assert!(ordinals.is_empty(), "passed within a transaction"),
            StreamItem::Transaction(whole) => panic!("it is larger than the bound: {whole:?}"),
        }
    }
    let beyond = Acknowledged(Lsn(end_of(&start).0 + 1));
    assert!(opened.stream.acknowledge(beyond).await.is_err(), "a part may not be acknowledged");
    drop(opened);

    let mut opened = open(&db.endpoint(), &settings, Some(&start), &SystemClock).await.unwrap();
    let (mut again, mut parts) = (Vec::new(), 0);
    let end = loop {
        match item(&mut opened.stream).await {
            StreamItem::Part(part) => {
                again.extend(part.changes.iter().map(|change| change.ordinal));
                parts += 1;
            }
            StreamItem::Passed(_) => {}
            StreamItem::Transaction(last) => {
                again.extend(last.changes.iter().map(|change| change.ordinal));
                break last.end;
            }
        }
    };
    assert!(parts > 3, "{parts} parts");
    assert_eq!(again, (1..=ROWS).collect::<Vec<_>>(), "all of it, in order, once");
    assert!(again.starts_with(&ordinals), "the same changes have the same ordinals");
    opened.stream.acknowledge(Acknowledged(end)).await.unwrap();
}

fn bytes_of(change: &RowChange) -> usize {
    match &change.op {
        RowOp::Insert { new } | RowOp::Update { new, .. } => new.bytes.len(),
        RowOp::Delete { old } => old.bytes.len(),
        RowOp::Truncate => 0,
    }
}

/// The server's patience in seconds, more than twice what a status takes; ours is two and a half times as long.
fn patient_for(db: &Database, seconds: u64) -> StreamSettings {
    let sender_timeout = Duration::from_secs(seconds);
    StreamSettings { sender_timeout, ..db.settings() }
}

/// Nothing happens for much longer than a dead connection would be borne.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_database_is_quiet() {
    let db = Database::new("quiet", TABLE).await;
    // the server's own settings ask nobody anything
    let admin = covenant_sandbox::postgres::ADMIN;
    db.run(&format!("ALTER ROLE {admin} IN DATABASE quiet SET wal_sender_timeout = 0")).await;
    let settings = patient_for(&db, 4);
    let mut opened = open(&db.endpoint(), &settings, None, &SystemClock).await.unwrap();
    let until = tokio::time::Instant::now() + Duration::from_secs(13);
    while let Ok(item) = tokio::time::timeout_at(until, opened.stream.next()).await {
        // a checkpoint or the like
        assert!(matches!(item.unwrap(), StreamItem::Passed(_)));
    }
    db.run("INSERT INTO t VALUES (1)").await;
    assert_eq!(show(&transaction(&mut opened.stream).await), "1:t+(1,null,null)");
}

/// A line between us and the server that can be cut without either side hearing of it.
async fn line(server: u16) -> (u16, Arc<AtomicBool>) {
    let cut = Arc::new(AtomicBool::new(false));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (port, is_cut) = (listener.local_addr().unwrap().port(), Arc::clone(&cut));
    tokio::spawn(async move {
        while let Ok((ours, _)) = listener.accept().await {
            let theirs = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            let ((from_us, to_us), (from_them, to_them)) = (ours.into_split(), theirs.into_split());
            tokio::spawn(carry(from_us, to_them, Arc::clone(&is_cut)));
            tokio::spawn(carry(from_them, to_us, Arc::clone(&is_cut)));
        }
    });
    (port, cut)
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cut: Arc<AtomicBool>) {
    let mut bytes = vec![0; 8_192];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if cut.load(Ordering::Relaxed) {
            // both ends stay open, and nothing arrives
            return std::future::pending().await;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_dies_without_a_word_is_noticed() {
    let db = Database::new("dead", TABLE).await;
    let settings = patient_for(&db, 2);
    let (port, cut) = line(db.cluster.port()).await;
    let url = db.cluster.url(covenant_sandbox::postgres::ADMIN, &db.name);
    let url = url.replace(&format!(":{}/", db.cluster.port()), &format!(":{port}/"));
    let endpoint = Endpoint::parse("store", &url, None).unwrap();
    let mut opened = open(&endpoint, &settings, None, &SystemClock).await.unwrap();
    db.run("INSERT INTO t VALUES (1)").await;
    transaction(&mut opened.stream).await;
    cut.store(true, Ordering::Relaxed);
    let died = async {
        loop {
            if let Err(error) = opened.stream.next().await {
                return error;
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, died).await.expect("nobody noticed");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.to_string().contains("silent for 5s"), "{error}");
}

/// A consumer that does nothing for longer than the server's patience must not lose its connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_consumer_keeps_its_connection() {
    let db = Database::new("slow", TABLE).await;
    let settings = patient_for(&db, 3);
    let mut opened = open(&db.endpoint(), &settings, None, &SystemClock).await.unwrap();
    db.run("INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 60000) i").await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(transaction(&mut opened.stream).await.changes.len(), 60_000);
    db.run("INSERT INTO t VALUES (0)").await;
    assert_eq!(transaction(&mut opened.stream).await.changes.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_gap_streams_on_under_the_next_incarnation() {
    let db = Database::new("accepted", TABLE).await;
    let opened = db.open(None).await;
    let landed = opened.position.clone();
    drop(opened);
    let nothing = accept(&db.endpoint(), &db.settings(), &landed).await;
    assert_eq!(nothing.unwrap_err().kind, ErrorKind::Config, "there was no gap");
    drop_slot(&db).await;
    db.run("INSERT INTO t VALUES (1)").await;
    let after = accept(&db.endpoint(), &db.settings(), &landed).await.unwrap();
    let SourcePosition::Postgres { incarnation, .. } = &after else { panic!("not PostgreSQL") };
    assert_eq!(incarnation.get(), 2);
    assert!(end_of(&after) > end_of(&landed));
    let mut opened = db.open(Some(&after)).await;
    assert_eq!(opened.position, after);
    db.run("INSERT INTO t VALUES (2)").await;
    assert_eq!(show(&transaction(&mut opened.stream).await), "1:t+(2,null,null)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_server_ends_is_unavailable_and_can_be_opened_again() {
    let db = Database::new("ended", TABLE).await;
    let mut opened = db.open(None).await;
    let mut reader = PostgresReader::new(db.endpoint());
    db.run("INSERT INTO t VALUES (1)").await;
    let first = transaction(&mut opened.stream).await;
    reader.snapshot().await.unwrap();
    db.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = 'ended' AND pid <> pg_backend_pid()",
    )
    .await;
    let error = loop {
        match tokio::time::timeout(PATIENCE, opened.stream.next()).await.unwrap() {
            Ok(StreamItem::Passed(_)) => {}
            Ok(other @ (StreamItem::Transaction(_) | StreamItem::Part(_))) => {
                panic!("unexpected {other:?}")
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    // the reader fails at most once
    if let Err(error) = reader.snapshot().await {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        reader.snapshot().await.unwrap();
    }
    let landed = opened.position.clone();
    drop(opened);
    let mut opened = db.open(Some(&landed)).await;
    assert_eq!(transaction(&mut opened.stream).await, first);
}
