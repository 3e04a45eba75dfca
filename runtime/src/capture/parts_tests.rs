//! Transactions that are too large to be held whole: landed in parts, acknowledged at their end, and told again from the start
//! where that did not come.

use covenant_model::version::Lsn;

use super::CaptureLane;
use super::test_support::*;
use crate::landing::memory::MemoryLanding;
use crate::source::{Transaction, TransactionPart};

/// A transaction of one customer's rise from 1 to 6 points, as parts of two changes each and a last one.
fn rise() -> (Vec<TransactionPart>, Transaction) {
    let points = ["1", "2", "3", "4", "5", "6"];
    let ops = points.map(|points| (customers(), insert(customer("C1", points))));
    let mut last = transaction(20, ops.into());
    let mut parts = Vec::new();
    while last.changes.len() > 2 {
        let rest = last.changes.split_off(2);
        let changes = std::mem::replace(&mut last.changes, rest);
        let (commit, committed_at_us) = (last.commit, last.committed_at_us);
        parts.push(TransactionPart { commit, committed_at_us, changes });
    }
    (parts, last)
}

fn whole() -> Transaction {
    let (parts, mut last) = rise();
    let first = parts.into_iter().flat_map(|part| part.changes);
    last.changes = first.chain(std::mem::take(&mut last.changes)).collect();
    last
}

fn ends(lane: &mut CaptureLane) -> (Lsn, Lsn) {
    let accepted = lane.progress(STORE).unwrap().accepted().0;
    (accepted, lane.acknowledge(STORE).unwrap().0)
}

#[tokio::test]
async fn parts_are_landed_as_they_come_and_only_the_end_moves_the_position() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let (parts, last) = rise();
    for part in &parts {
        lane.accept_part(STORE, part).unwrap();
        assert!(lane.commit().await.unwrap().is_some(), "nothing of it waits in memory");
        assert_eq!(ends(&mut lane), (Lsn(10), Lsn(10)), "a part is not the transaction");
    }
    lane.accept_transaction(STORE, &last).unwrap();
    assert_eq!(ends(&mut lane), (Lsn(20), Lsn(10)), "nothing is acknowledged before its manifest");
    lane.commit().await.unwrap();
    assert_eq!(ends(&mut lane), (Lsn(20), Lsn(20)));
    let all = landed(&landing).await;
    assert_eq!(all.of("shop.customer").len(), 6);
    let reference = MemoryLanding::new();
    let mut other = super::test_support::lane(&reference).await;
    other.accept_transaction(STORE, &whole()).unwrap();
    other.commit().await.unwrap();
    let expected = landed(&reference).await;
    assert_eq!(all.changes, expected.changes, "the same changes with the same versions");
}

#[tokio::test]
async fn a_start_in_the_middle_hears_all_of_it_again_and_nothing_is_doubled() {
    let landing = MemoryLanding::new();
    let (parts, last) = rise();
    let mut first = lane(&landing).await;
    for part in &parts {
        first.accept_part(STORE, part).unwrap();
        first.commit().await.unwrap();
    }
    drop(first);
    // The next instance has more memory, or another bound: it gets the transaction whole.
    let mut second = lane(&landing).await;
    assert_eq!(ends(&mut second), (Lsn(10), Lsn(10)));
    second.accept_transaction(STORE, &whole()).unwrap();
    second.commit().await.unwrap();
    assert_eq!(ends(&mut second), (Lsn(20), Lsn(20)));
    // and the stream tells it once more, in parts
    for part in &parts {
        second.accept_part(STORE, part).unwrap();
    }
    second.accept_transaction(STORE, &last).unwrap();
    assert!(second.commit().await.unwrap().is_none(), "it is known to be durable");
    let all = landed(&landing).await;
    let table = all.fold("shop.customer");
    let rows: Vec<_> = table.presented().collect();
    assert_eq!(rows.len(), 1);
    let reference = MemoryLanding::new();
    let mut other = lane(&reference).await;
    other.accept_transaction(STORE, &whole()).unwrap();
    other.commit().await.unwrap();
    assert_eq!(
        rows,
        landed(&reference).await.fold("shop.customer").presented().collect::<Vec<_>>()
    );
}
