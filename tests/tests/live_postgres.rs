//! The change stream against a real PostgreSQL.

mod live_support;

use covenant_model::version::Lsn;
use covenant_runtime::landing::SourcePosition;
use live_support::{Database, show, transaction};

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
