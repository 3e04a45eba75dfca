//! TRUNCATE in the lane: a floor per table that it names.

use covenant_model::version::Lsn;

use super::batch::BATCH_LINGER;
use super::test_support::*;
use crate::backfill::lane::ReadyChunk;
use crate::crm::external_id_of;
use crate::landing::memory::MemoryLanding;
use crate::source::{RowOp, Tuple};
use crate::testing;

fn read_of(row: Tuple, bound: Lsn) -> ReadyChunk {
    ReadyChunk {
        job: "backfill-1".to_owned(),
        entity: "shop.order".to_owned(),
        relation: orders(),
        rows: vec![row],
        bound,
        read_at_us: 5,
        after: None,
        rows_total: 1,
        done: true,
        asked: Vec::new(),
        key: Vec::new(),
    }
}

#[tokio::test]
async fn a_truncation_raises_the_floor_of_every_table_that_it_names() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let ops = vec![
        (orders(), insert(order(1, &[]))),
        (customers(), RowOp::Truncate),
        (orders(), RowOp::Truncate),
        (orders(), insert(order(2, &[]))),
    ];
    lane.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    lane.commit().await.unwrap();
    // a read that began before it and comes out behind it
    lane.accept_chunk(STORE, &read_of(order(3, &[]), Lsn(18))).unwrap();
    lane.commit().await.unwrap();
    let landed = landed(&landing).await;
    let raised: Vec<_> = landed.floors.iter().map(|floor| floor.entity.as_str()).collect();
    assert_eq!(raised, ["shop.customer", "shop.order"]);
    let table = landed.fold("shop.order");
    let alive: Vec<_> = table.presented().map(|(key, _)| external_id_of(key)).collect();
    assert_eq!(alive, [uuid(2)]);
    assert_eq!(table.rows().len(), 3);
    assert!(landed.quarantined.is_empty());
    assert_eq!(lane.stats().alarms, 2);
    assert_eq!(lane.stats().truncations["shop.order"], 1);
}

#[tokio::test]
async fn a_truncation_alone_is_landed_too() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    lane.accept_transaction(STORE, &transaction(20, vec![(orders(), RowOp::Truncate)])).unwrap();
    assert_eq!(lane.commit_due_in().map(|wait| wait <= BATCH_LINGER), Some(true));
    lane.commit().await.unwrap();
    assert_eq!(landed(&landing).await.floors.len(), 1);
}

#[tokio::test]
async fn a_truncation_of_a_table_that_does_not_own_the_rows_says_nothing() {
    let landing = MemoryLanding::new();
    let mut customer = testing::customer();
    customer.existence_owner = "salesforce".to_owned();
    let mut lane = lane_of(vec![customer], &landing).await.unwrap();
    let truncate = vec![(customers(), RowOp::Truncate)];
    lane.accept_transaction(STORE, &transaction(20, truncate)).unwrap();
    lane.commit().await.unwrap();
    assert!(landed(&landing).await.floors.is_empty());
    assert_eq!((lane.stats().ignored, lane.stats().alarms), (1, 0));
}
