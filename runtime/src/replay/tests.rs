//! Names of replays, and portions over landing in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{PortionLimits, ReplayJob, ReplayLane, ReplayRequest};
use crate::backfill::lane::{AlwaysOpen, Gate};
use crate::capture::test_support::{self, STORE, insert, lane, order, orders, transaction};
use crate::error::ErrorKind;
use crate::landing::manifest::commit_path;
use crate::landing::memory::MemoryLanding;
use crate::landing::{CommitNumber, Landing, SourcePosition};
use crate::testing;

const ENTITIES: [&str; 2] = ["shop.customer", "shop.order"];

fn asked(
    request: &ReplayRequest,
    known: &BTreeMap<String, SourcePosition>,
) -> Result<ReplayJob, String> {
    ReplayJob::asked(request, CommitNumber(40), &ENTITIES, known)
}

#[test]
fn a_name_says_all_about_its_job() {
    let requests = [
        ReplayRequest { from: 3, ..ReplayRequest::default() },
        ReplayRequest { from: 1, to: Some(1), entity: Some("shop.order".into()), rederive: true },
    ];
    for request in requests {
        let job = asked(&request, &BTreeMap::new()).unwrap();
        assert_eq!(ReplayJob::parse(&job.id), Some(job.clone()));
        assert_eq!((job.from.0, job.to.0), (request.from, request.to.unwrap_or(40)));
        assert_eq!((job.entity, job.rederive), (request.entity, request.rederive));
    }
    for other in ["store", "initial/shop.order", "backfill/shop.order////1", "replay/*/x/2/1"] {
        assert_eq!(ReplayJob::parse(other), None, "{other}");
    }
}

#[test]
fn wrong_ranges_and_entities_are_refused_in_words() {
    let wrong = |from, to, entity: Option<&str>| {
        let entity = entity.map(str::to_owned);
        asked(&ReplayRequest { from, to, entity, rederive: false }, &BTreeMap::new()).unwrap_err()
    };
    for (from, to) in [(0, None), (41, None), (5, Some(4)), (1, Some(41))] {
        assert!(wrong(from, to, None).contains("the newest one 40"), "{from} {to:?}");
    }
    assert!(wrong(1, None, Some("shop.ordre")).contains("shop.customer, shop.order"));
}

#[test]
fn a_request_names_its_job_until_that_is_done() {
    let request = ReplayRequest { from: 2, ..ReplayRequest::default() };
    let first = asked(&request, &BTreeMap::new()).unwrap();
    let mut known = BTreeMap::from([(first.id.clone(), first.position(Some(CommitNumber(9)), 4))]);
    // Commits that were landed since do not make it another one.
    let again = ReplayJob::asked(&request, CommitNumber(50), &ENTITIES, &known).unwrap();
    assert_eq!(again, first);
    assert_eq!(ReplayJob::unfinished(&known).len(), 1);
    assert_eq!(first.resumed(known.get(&first.id)), (CommitNumber(10), 4));
    let rederive = ReplayRequest { rederive: true, ..request.clone() };
    let derived = asked(&rederive, &known).unwrap();
    assert_ne!(derived.id, first.id);
    // One that is under way may have begun under an earlier contract.
    known.insert(derived.id.clone(), derived.position(Some(CommitNumber(9)), 4));
    assert_ne!(asked(&rederive, &known).unwrap().id, derived.id);
    known.remove(&derived.id);
    known.insert(first.id.clone(), first.position(Some(CommitNumber(40)), 9));
    assert_eq!(ReplayJob::unfinished(&known), []);
    assert_ne!(asked(&request, &known).unwrap().id, first.id);
}

/// Five commits of an order each.
async fn landing() -> MemoryLanding {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    for number in 0..5u64 {
        let op = insert(order(u128::from(number), &[]));
        let told = transaction(20 + number * 10, vec![(orders(), op)]);
        lane.accept_transaction(STORE, &told).unwrap();
        lane.commit().await.unwrap();
    }
    landing
}

fn replays(landing: &MemoryLanding, gate: Arc<dyn Gate>) -> ReplayLane {
    let registry = test_support::registry(testing::entities());
    let deriver = crate::capture::derive::Deriver::new(registry, test_support::protector());
    let limits = PortionLimits { rows: 2, commits: 100 };
    ReplayLane::new(Arc::new(landing.clone()), deriver, gate, limits)
}

#[tokio::test]
async fn a_replay_lands_the_same_files_in_portions_with_its_position() {
    let landing = landing().await;
    let mut capture = lane(&landing).await;
    let newest = capture.last_commit();
    let request = ReplayRequest { from: 1, ..ReplayRequest::default() };
    let job = ReplayJob::asked(&request, newest, &ENTITIES, capture.positions()).unwrap();
    let mut replays = replays(&landing, Arc::new(AlwaysOpen));
    replays.resume(job.clone(), None);
    let mut landed = Vec::new();
    while let Some(portion) = replays.step().await.unwrap() {
        assert!(portion.files.iter().map(|file| file.rows).sum::<u64>() <= 2);
        capture.accept_replay(portion).unwrap();
        let committed = capture.commit().await.unwrap().unwrap();
        landed.push(landing.commit_at(committed.number).await.unwrap().unwrap());
    }
    assert!(replays.is_idle() && landed.len() == 3, "{}", landed.len());
    let files = landed.iter().flat_map(|commit| &commit.files);
    assert!(files.clone().all(|file| file.again && file.committed_at_us.is_none()));
    let again: Vec<_> = files.map(|file| file.path.clone()).collect();
    let mut first = Vec::new();
    for number in 1..=newest.0 {
        let commit = landing.commit_at(CommitNumber(number)).await.unwrap().unwrap();
        first.extend(commit.files.into_iter().map(|file| file.path));
    }
    assert_eq!(again, first);
    let position = landed.last().unwrap().positions.get(&job.id).unwrap();
    assert!(
        matches!(position, SourcePosition::Backfill { done: true, rows: 5, .. }),
        "{position:?}"
    );
    // Counters of what sources told do not know of it.
    assert_eq!(capture.stats().changes.values().sum::<u64>(), 0);
}

#[tokio::test]
async fn a_commit_that_landing_no_longer_holds_ends_the_job_by_name() {
    let landing = landing().await;
    let capture = lane(&landing).await;
    let request = ReplayRequest { from: 2, ..ReplayRequest::default() };
    let known = BTreeMap::new();
    let job = ReplayJob::asked(&request, capture.last_commit(), &ENTITIES, &known).unwrap();
    landing.remove(&commit_path(CommitNumber(2)));
    landing.remove(&commit_path(CommitNumber(3)));
    let mut replays = replays(&landing, Arc::new(AlwaysOpen));
    replays.resume(job.clone(), None);
    let error = replays.step().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Gap);
    let text = error.to_string();
    assert!(text.contains("needs commit 2") && text.contains("replay from commit 4"), "{text}");
    assert_eq!(replays.given_up(), Some(job.id));
    assert!(replays.is_idle());
}

#[tokio::test]
async fn a_closed_gate_holds_replays_back() {
    struct Closed;
    impl Gate for Closed {
        fn may_run(&self) -> bool {
            false
        }
    }
    let landing = landing().await;
    let mut replays = replays(&landing, Arc::new(Closed));
    replays.resume(ReplayJob::parse("replay/*/1/2/1").unwrap(), None);
    assert_eq!(replays.step().await.unwrap(), None);
    assert!(!replays.is_idle());
}
