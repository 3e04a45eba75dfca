//! First figures of source and reader; not part of the suite. Run with
//! `cargo test -p covenant-tests --test live_postgres figures -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::Instant;

use covenant_runtime::backfill::lane::{AlwaysOpen, BackfillLane, Job, LaneSettings};
use covenant_runtime::source::postgres::reader::PostgresReader;
use futures::TryStreamExt;

use crate::backfill::{ready, request};
use crate::support::{Database, clock, transaction};

const ROWS: u32 = 300_000;
const TRANSACTIONS: u32 = 3_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, proves nothing"]
async fn figures() {
    let db = Database::new(
        "figures",
        "CREATE TABLE t (id int8 PRIMARY KEY, a uuid, b numeric(12,2), c timestamptz, d text, e text, f bool, g int);
         CREATE PROCEDURE fill(transactions int, rows int) LANGUAGE plpgsql AS $$
         BEGIN FOR n IN 0 .. transactions - 1 LOOP
           INSERT INTO t SELECT n * rows + i, md5(i::text)::uuid, i * 0.37, now(), 'placed', 'some text ' || i, true, i
             FROM generate_series(1, rows) i;
           COMMIT;
         END LOOP; END $$;",
    )
    .await;
    let mut opened = db.open(None).await;
    let position = opened.position.clone();
    drop(opened);
    db.run("SET synchronous_commit = off").await;
    db.run(&format!("CALL fill({TRANSACTIONS}, {})", ROWS / TRANSACTIONS)).await;

    let started = Instant::now();
    opened = db.open(Some(&position)).await;
    let mut changes = 0;
    while changes < ROWS as usize {
        changes += transaction(&mut opened.stream).await.changes.len();
    }
    rate("stream, decoded to tuples", ROWS, started);

    let started = Instant::now();
    let copy = db.sql.copy_out("COPY t TO STDOUT").await.unwrap();
    let mut copy = std::pin::pin!(copy);
    while copy.try_next().await.unwrap().is_some() {}
    rate("bare COPY", ROWS, started);

    let mut reader = PostgresReader::new(db.endpoint());
    let settings = LaneSettings { rows_per_s: 100_000_000, ..LaneSettings::default() };
    let mut lane = BackfillLane::new(clock(), Arc::new(AlwaysOpen), settings);
    let columns = ["id", "a", "b", "c", "d", "e", "f", "g"];
    let job = Job { id: "t".into(), entity: "t".into(), request: request("t", &columns, &["id"]) };
    lane.resume(job, None).unwrap();
    let started = Instant::now();
    while !ready(&mut lane, &mut reader, &mut opened.stream).await.done {}
    rate("backfill lane, released", ROWS, started);
    println!("{:?}", lane.counts());
}

fn rate(what: &str, rows: u32, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{what}: {:.2} s, {:.0} rows/s", seconds, f64::from(rows) / seconds);
}
