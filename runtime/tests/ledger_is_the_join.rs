//! The ledger's fold is the join: any permutation, duplication and split of a change set into commits, with the ledger closed
//! and opened between them, gives the state of [`covenant_model::join::Table`].
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use covenant_model::change::{Change, Key};
use covenant_model::floor::Floor;
use covenant_model::join::Table;
use covenant_model::value::Value;
use covenant_model::version::Guard;
use covenant_runtime::landing::CommitNumber;
use covenant_runtime::ledger::sqlite::SqliteLedger;
use covenant_runtime::ledger::{Ledger, Outcome, Work};
use proptest::prelude::*;
use support::{TestSealer, change, floor, version};

const ENTITY: &str = "sales.customer";
/// Few keys, so that changes meet.
const KEYS: i64 = 4;

fn key(number: i64) -> Key {
    Key(vec![Value::Int(number)])
}

fn open(path: &Path) -> SqliteLedger {
    SqliteLedger::open(path, Arc::new(TestSealer)).unwrap()
}

/// What a source tells.
#[derive(Clone, Debug)]
enum Told {
    Change(Change),
    Truncate(Floor),
}

fn told() -> impl Strategy<Value = Vec<Told>> {
    let one = (
        prop::bool::weighted(0.1),
        0..KEYS,
        prop::option::weighted(0.25, 0..KEYS),
        prop::option::of(any::<bool>()),
        any::<[bool; 3]>(),
        0..4u16,
        0..5i64,
    );
    prop::collection::vec(one, 1..20).prop_map(|said| {
        said.into_iter()
            .zip(1u64..)
            .map(|((truncate, at, from, alive, with, rank, seen), place)| {
                if truncate {
                    return Told::Truncate(floor(ENTITY, place));
                }
                let groups = [
                    (Guard::latest(version(place)), Value::Text(format!("v{place}"))),
                    (Guard::ranked(0, rank), Value::Text(format!("rank {rank}"))),
                    (Guard::max(seen.into()).unwrap(), Value::Int(seen)),
                ];
                let mut with = with.into_iter();
                let groups = groups.map(|group| with.next().unwrap().then_some(group));
                let from = from.filter(|from| *from != at).map(key);
                Told::Change(change(key(at), place, alive, groups, from))
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_split_and_repeat_gives_one_state(
        set in told(),
        order in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<bool>()), 0..30),
    ) {
        let mut expected = Table::default();
        for said in &set {
            match said {
                Told::Change(change) => expected.fold(change),
                Told::Truncate(floor) => expected.raise(floor.guard()),
            };
        }

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let mut ledger = open(&path);
        let mut number = CommitNumber(0);
        let (mut floors, mut batch) = (Vec::new(), Vec::new());
        // repeats in any order first, then everything once more, backwards
        let repeats = order.iter().map(|(at, cut, close)| (at.get(&set).clone(), *cut, *close));
        let rest = set.iter().rev().map(|said| (said.clone(), false, false));
        for (said, cut, close) in repeats.chain(rest) {
            match said {
                Told::Change(change) => batch.push((ENTITY.to_owned(), change)),
                Told::Truncate(floor) => floors.push(floor),
            }
            if cut {
                number = number.next();
                ledger.fold(number, &floors, &batch).unwrap();
                // a commit that is folded again changes nothing
                prop_assert_eq!(ledger.fold(number, &floors, &batch).unwrap(), 0);
                batch.clear();
                floors.clear();
            }
            if close {
                drop(ledger);
                ledger = open(&path);
            }
        }
        ledger.fold(number.next(), &floors, &batch).unwrap();

        let found: BTreeMap<_, _> = ledger
            .scan(ENTITY, None, usize::MAX)
            .unwrap()
            .into_iter()
            .map(|row| (row.key, row.state))
            .collect();
        prop_assert_eq!(&found, expected.rows());
    }
}

#[test]
fn a_commit_that_is_missing_is_a_gap() {
    let mut ledger = SqliteLedger::in_memory(Arc::new(TestSealer)).unwrap();
    ledger.fold(CommitNumber(1), &[], &[]).unwrap();
    assert!(ledger.fold(CommitNumber(3), &[], &[]).is_err());
}

fn says(number: i64, at: u64) -> (String, Change) {
    let name = (Guard::latest(version(at)), Value::Text(format!("v{at}")));
    (ENTITY.to_owned(), change(key(number), at, Some(true), [Some(name), None, None], None))
}

#[test]
fn a_truncation_puts_every_row_below_it_in_line_for_removal() {
    let mut ledger = SqliteLedger::in_memory(Arc::new(TestSealer)).unwrap();
    // more than one page of rows
    let rows: Vec<_> = (0..1_500).map(|number| says(number, 5)).collect();
    ledger.fold(CommitNumber(1), &[], &rows).unwrap();
    let changed = ledger.fold(CommitNumber(2), &[floor(ENTITY, 7)], &[says(3, 8)]).unwrap();
    assert_eq!(changed, 1_501, "every row, and the one that came back");
    assert_eq!(ledger.pending(ENTITY, Work::Live, 0, 9).unwrap().len(), 1);
    assert_eq!(ledger.counts().unwrap()[ENTITY].removals, 1_499);
    let taken = ledger.pending(ENTITY, Work::Removals, 0, 2_000).unwrap();
    let done: Vec<_> = taken.into_iter().map(|row| (row, Outcome::Removed)).collect();
    ledger.record("Account", &done).unwrap();
    // what is gone is not put in line once more by a later one, nor by an earlier one that is told late
    ledger.fold(CommitNumber(3), &[floor(ENTITY, 9), floor(ENTITY, 6)], &[]).unwrap();
    assert_eq!(ledger.counts().unwrap()[ENTITY].removals, 1, "the row that had come back");
}

#[test]
fn a_row_that_changes_after_it_was_taken_stays_waiting() {
    let mut ledger = SqliteLedger::in_memory(Arc::new(TestSealer)).unwrap();
    ledger.fold(CommitNumber(1), &[], &[says(1, 1)]).unwrap();
    let taken = ledger.pending(ENTITY, Work::Live, 0, 10).unwrap();
    ledger.sending(&taken, 0).unwrap();
    ledger.fold(CommitNumber(2), &[], &[says(1, 2)]).unwrap();
    let outcome = Outcome::Delivered { crm_id: Some("001".to_owned()), digest: [1; 32] };
    ledger.record("Account", &[(taken[0].clone(), outcome)]).unwrap();
    let again = ledger.pending(ENTITY, Work::Live, 0, 10).unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].crm_id.as_deref(), Some("001"));
    // the first change has waited since second 1
    assert_eq!(again[0].waiting_since_us, 1_000_000);
    assert!(again[0].revision > taken[0].revision);
}

#[test]
fn a_revision_that_may_have_been_sent_is_never_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let mut ledger = open(&path);
    let change = change(key(1), 1, Some(true), [None, None, None], None);
    ledger.fold(CommitNumber(1), &[], &[(ENTITY.to_owned(), change)]).unwrap();
    let taken = ledger.pending(ENTITY, Work::Live, 0, 10).unwrap();
    ledger.sending(&taken, 0).unwrap();
    drop(ledger);
    let again = open(&path).pending(ENTITY, Work::Live, 0, 10).unwrap();
    assert!(again[0].revision > taken[0].revision);
    assert!(again[0].sent && again[0].digest.is_none());
}

#[test]
fn states_are_not_to_be_read_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let secret = "CANARY-plaintext-of-a-state";
    let name = (Guard::latest(version(1)), Value::Text(secret.to_owned()));
    let change = change(key(1), 1, Some(true), [Some(name), None, None], None);
    let mut ledger = open(&path);
    ledger.fold(CommitNumber(1), &[], &[(ENTITY.to_owned(), change)]).unwrap();
    drop(ledger);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
