//! Crashes and lost replies at every operation of the landing: whatever happens, the final fold is that of an undisturbed run,
//! and nothing was ever acknowledged that was not durable.

use std::sync::Arc;
use std::sync::Mutex;

use covenant_model::version::Lsn;
use proptest::prelude::*;

use super::test_support::*;
use crate::fault::{Fault, Faults};
use crate::landing::memory::MemoryLanding;
use crate::landing::{Landing, SourcePosition};
use crate::source::{RowOp, Transaction};

/// How often a driver starts over before the test gives up: faults run out long before.
const STARTS_MAX: usize = 400;

/// Faults in the order drawn; none once they have run out.
struct Drawn(Mutex<Vec<u8>>);

impl Faults for Drawn {
    fn at(&self, _: &str) -> Fault {
        match self.0.lock().unwrap().pop() {
            Some(0) => Fault::Refused,
            Some(1) => Fault::ReplyLost,
            Some(_) | None => Fault::None,
        }
    }
}

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Insert(u8),
    Bad(u8),
    Update(u8, u8),
    Delete(u8),
    Rekey(u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4u8).prop_map(Step::Insert),
        (0..4u8).prop_map(Step::Bad),
        (0..4u8, any::<u8>()).prop_map(|(key, points)| Step::Update(key, points)),
        (0..4u8).prop_map(Step::Delete),
        (0..4u8, 4..8u8).prop_map(|(from, to)| Step::Rekey(from, to)),
    ]
}

fn op(step: &Step) -> RowOp {
    let name = |key: &u8| format!("C{key}");
    match step {
        Step::Insert(key) => insert(customer(&name(key), "1")),
        Step::Bad(key) => insert(customer(&name(key), "many")),
        Step::Update(key, points) => {
            RowOp::Update { old: None, new: customer(&name(key), &points.to_string()) }
        }
        Step::Delete(key) => RowOp::Delete { old: key_only(&customers(), &name(key)) },
        Step::Rekey(from, to) => RowOp::Update {
            old: Some(key_only(&customers(), &name(from))),
            new: customer(&name(to), "2"),
        },
    }
}

fn history(steps: &[Vec<Step>]) -> Vec<Transaction> {
    let numbered = steps.iter().zip((20..).step_by(10));
    numbered
        .map(|(steps, end)| {
            transaction(end, steps.iter().map(|step| (customers(), op(step))).collect())
        })
        .collect()
}

/// What the source was told to forget; a lane that starts gets everything behind it again.
async fn drive(memory: &MemoryLanding, faults: Arc<Drawn>, source: &[Transaction], batch: usize) {
    let end = source.last().map_or(Lsn(10), |last| last.end);
    let mut acknowledged = Lsn(10);
    for _ in 0..STARTS_MAX {
        let faulty = memory.under(faults.clone());
        let Ok(mut lane) = try_lane(&faulty).await else { continue };
        let mut failed = false;
        let unacknowledged: Vec<_> =
            source.iter().filter(|transaction| transaction.end > acknowledged).collect();
        for some in unacknowledged.chunks(batch) {
            for transaction in some {
                lane.accept_transaction(STORE, transaction).unwrap();
            }
            // One more attempt in the same lane, then a crash.
            failed = lane.commit().await.is_err() && lane.commit().await.is_err();
            let to = lane.acknowledge(STORE).unwrap().0;
            assert!(to <= durable(memory).await, "{to} was acknowledged and is not durable");
            acknowledged = acknowledged.max(to);
            if failed {
                break;
            }
        }
        while !failed && acknowledged < end {
            failed = lane.commit().await.is_err();
            acknowledged = acknowledged.max(lane.acknowledge(STORE).unwrap().0);
        }
        if !failed {
            return;
        }
    }
    panic!("never came to an end");
}

async fn durable(memory: &MemoryLanding) -> Lsn {
    match memory.newest().await.unwrap().and_then(|commit| commit.positions.get(STORE).cloned()) {
        Some(SourcePosition::Postgres { lsn, .. }) => lsn,
        Some(
            SourcePosition::Stream { .. }
            | SourcePosition::Salesforce { .. }
            | SourcePosition::Backfill { .. },
        )
        | None => Lsn(10),
    }
}

fn run(steps: &[Vec<Step>], faults: Vec<u8>, batch: usize) -> Landed {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let memory = MemoryLanding::new();
        drive(&memory, Arc::new(Drawn(Mutex::new(faults))), &history(steps), batch).await;
        landed(&memory).await
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn crashes_and_lost_replies_do_not_change_the_outcome(
        steps in proptest::collection::vec(proptest::collection::vec(step(), 1..4), 1..6),
        faults in proptest::collection::vec(0..6u8, 0..60),
        batch in 1..4usize,
    ) {
        let calm = run(&steps, Vec::new(), 2);
        let rough = run(&steps, faults, batch);
        prop_assert_eq!(calm.fold("shop.customer"), rough.fold("shop.customer"));
        let ids = |landed: &Landed| {
            let ids = landed.quarantined.iter().map(|record| record.id.clone());
            ids.collect::<std::collections::BTreeSet<_>>()
        };
        prop_assert_eq!(ids(&calm), ids(&rough));
    }
}

/// A crash right behind the commit, before the acknowledgement: everything comes again and changes nothing.
#[tokio::test]
async fn a_crash_between_commit_and_acknowledgement_repeats_without_effect() {
    let landing = MemoryLanding::new();
    let source = history(&[vec![Step::Insert(1)], vec![Step::Rekey(1, 5)], vec![Step::Bad(2)]]);
    let mut first = lane(&landing).await;
    for transaction in &source {
        first.accept_transaction(STORE, transaction).unwrap();
    }
    first.commit().await.unwrap();
    let before = landed(&landing).await;
    drop(first);
    let mut second = lane(&landing).await;
    for transaction in &source {
        second.accept_transaction(STORE, transaction).unwrap();
    }
    assert_eq!(second.commit().await.unwrap(), None, "landing knows how far it has come");
    assert_eq!(second.acknowledge(STORE).unwrap().0, Lsn(40));
    assert_eq!(landed(&landing).await.fold("shop.customer"), before.fold("shop.customer"));
}

/// A crash between the files and the manifest: the files are there, nothing speaks of them.
#[tokio::test]
async fn files_without_a_manifest_do_not_exist() {
    struct NoCommits;
    impl Faults for NoCommits {
        fn at(&self, operation: &str) -> Fault {
            if operation == "landing.commit" { Fault::Refused } else { Fault::None }
        }
    }
    let memory = MemoryLanding::new();
    let mut first = lane(&memory).await;
    first.landing = Arc::new(memory.under(Arc::new(NoCommits)));
    let source = history(&[vec![Step::Insert(1), Step::Bad(2)]]);
    first.accept_transaction(STORE, &source[0]).unwrap();
    assert!(first.commit().await.is_err());
    let files = memory.objects().keys().filter(|path| !path.starts_with("commits/")).count();
    assert_eq!(files, 2);
    assert!(landed(&memory).await.changes.is_empty());
    let mut second = lane(&memory).await;
    second.accept_transaction(STORE, &source[0]).unwrap();
    second.commit().await.unwrap();
    assert_eq!(landed(&memory).await.changes.len(), 1);
    let again = memory.objects().keys().filter(|path| !path.starts_with("commits/")).count();
    assert!(again <= 3, "the data file has the same bytes and is the same file");
}
