//! Values that PostgreSQL leaves out of a row because a refused one before it carried them.

use covenant_model::change::{Change, Key};
use covenant_model::join::{Existence, GroupState, RowState, Table};
use covenant_model::value::Value;
use covenant_model::version::{Guard, Incarnation, Lsn, Position, Revision, Version};

use super::CaptureLane;
use super::rederive::Again;
use super::test_support::*;
use super::withheld::{WITHHELD_BYTES, Withheld};
use crate::crm::external_id_of;
use crate::landing::memory::MemoryLanding;
use crate::source::{DatumAt, RowOp, Tuple};

const NOTES: usize = 3;
/// Place of the group of `notes`.
const NOTES_GROUP: usize = 2;

/// A customer; none: the notes are left out.
fn row(id: &str, points: &str, notes: Option<&str>) -> Tuple {
    let texts = [Some(id), Some(CANARIES[4]), Some(points), notes];
    let mut tuple = Tuple::from_texts(texts.map(|text| text.map(str::as_bytes)));
    if notes.is_none() {
        tuple.datums[NOTES] = DatumAt::Unchanged;
    }
    tuple
}

fn update(tuple: Tuple) -> RowOp {
    RowOp::Update { old: None, new: tuple }
}

fn moved(from: &str, tuple: Tuple) -> RowOp {
    RowOp::Update { old: Some(key_only(&customers(), from)), new: tuple }
}

async fn tell(lane: &mut CaptureLane, end: u64, op: RowOp) {
    lane.accept_transaction(STORE, &transaction(end, vec![(customers(), op)])).unwrap();
    lane.commit().await.unwrap();
}

/// Points and notes of the rows that are shown.
async fn shown(landing: &MemoryLanding) -> Vec<(String, Value, Option<Value>)> {
    let table: Table = landed(landing).await.fold("shop.customer");
    let rows = table.presented().map(|(key, state)| {
        let points = state.groups[0].as_ref().unwrap().values.last().unwrap().clone();
        let notes = state.groups[NOTES_GROUP].as_ref().map(|group| group.values[0].clone());
        (external_id_of(key), points, notes)
    });
    rows.collect()
}

fn is(id: &str, points: i64, notes: &str) -> (String, Value, Option<Value>) {
    (id.to_owned(), Value::Int(points), Some(Value::Text(notes.to_owned())))
}

#[tokio::test]
async fn a_value_of_a_refused_row_goes_with_the_next_valid_one() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    tell(&mut lane, 20, RowOp::Insert { new: row("C1", "1", Some("old")) }).await;
    tell(&mut lane, 30, update(row("C1", "many", Some("new")))).await;
    assert_eq!(shown(&landing).await, [is("C1", 1, "old")], "refused: nothing of it is shown");
    tell(&mut lane, 40, update(row("C1", "3", None))).await;
    assert_eq!(shown(&landing).await, [is("C1", 3, "new")]);
    // it was given once, and what is told later wins
    tell(&mut lane, 50, update(row("C1", "4", Some("newest")))).await;
    tell(&mut lane, 60, update(row("C1", "5", None))).await;
    assert_eq!(shown(&landing).await, [is("C1", 5, "newest")]);
}

#[tokio::test]
async fn a_restart_remembers_and_a_value_that_was_told_since_wins() {
    let landing = MemoryLanding::new();
    let mut first = lane(&landing).await;
    tell(&mut first, 20, RowOp::Insert { new: row("C1", "1", Some("old")) }).await;
    tell(&mut first, 30, RowOp::Insert { new: row("C2", "1", Some("old")) }).await;
    tell(&mut first, 40, update(row("C1", "many", Some("new")))).await;
    tell(&mut first, 50, update(row("C2", "many", Some("newer")))).await;
    tell(&mut first, 60, update(row("C2", "2", Some("newest")))).await;
    drop(first);
    let mut second = lane(&landing).await;
    tell(&mut second, 70, update(row("C1", "3", None))).await;
    drop(second);
    // and again, behind commits without refused records
    let mut third = lane(&landing).await;
    tell(&mut third, 80, update(row("C2", "3", None))).await;
    assert_eq!(shown(&landing).await, [is("C1", 3, "new"), is("C2", 3, "newest")]);
}

#[tokio::test]
async fn a_refused_insert_lends_its_value_too() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    tell(&mut lane, 20, RowOp::Insert { new: row("C1", "many", Some("first")) }).await;
    tell(&mut lane, 30, update(row("C1", "many", None))).await;
    tell(&mut lane, 40, update(row("C1", "3", None))).await;
    assert_eq!(shown(&landing).await, [is("C1", 3, "first")]);
    // in one transaction, refused and mended
    let ops = [row("C2", "many", Some("x")), row("C2", "1", None)];
    let ops = ops.map(|row| (customers(), update(row))).to_vec();
    lane.accept_transaction(STORE, &transaction(50, ops)).unwrap();
    lane.commit().await.unwrap();
    assert_eq!(shown(&landing).await[1], is("C2", 1, "x"));
}

#[tokio::test]
async fn a_refused_move_is_told_with_the_next_valid_row_of_the_new_key() {
    let landing = MemoryLanding::new();
    let mut first = lane(&landing).await;
    tell(&mut first, 20, RowOp::Insert { new: row("C1", "1", Some("kept")) }).await;
    tell(&mut first, 30, moved("C1", row("C2", "many", None))).await;
    assert_eq!(shown(&landing).await, [], "the old key is gone, the new one refused");
    drop(first);
    let mut second = lane(&landing).await;
    // refused again under a third key, with another value
    tell(&mut second, 40, moved("C2", row("C3", "many", None))).await;
    tell(&mut second, 50, update(row("C3", "2", None))).await;
    assert_eq!(shown(&landing).await, [is("C3", 2, "kept")]);
    // a valid move takes along what a refused row had
    tell(&mut second, 60, update(row("C3", "many", Some("last")))).await;
    tell(&mut second, 70, moved("C3", row("C4", "3", None))).await;
    assert_eq!(shown(&landing).await, [is("C4", 3, "last")]);
}

fn version(at: u64) -> Version {
    Version::new(Incarnation::FIRST, Position::streamed(Lsn(at), 1), Revision(0))
}

fn note(at: u64, text: String) -> RowState {
    let guard = Guard::latest(version(at));
    RowState {
        existence: None,
        groups: vec![Some(GroupState { guard, values: vec![Value::Text(text)] })],
    }
}

fn upsert(number: i64, at: u64) -> (usize, Change) {
    let guard = Guard::latest(version(at));
    let state = RowState { existence: Some(Existence { guard, alive: true }), groups: vec![None] };
    let change = Change {
        key: Key(vec![Value::Int(number)]),
        source: STORE.to_owned(),
        version: version(at),
        committed_at_us: 0,
        moved_from: None,
        state,
    };
    (0, change)
}

#[test]
fn a_transaction_that_was_not_accepted_gives_back_what_it_took() {
    let mut withheld = Withheld::default();
    let key = Key(vec![Value::Int(1)]);
    withheld.remember((0, key), note(3, "x".to_owned()), None);
    for _ in 0..2 {
        let mut changes = vec![upsert(1, 4)];
        withheld.give(&mut changes);
        assert!(changes[0].1.state.groups[0].is_some());
        withheld.restore();
    }
    withheld.give(&mut [upsert(1, 4)]);
    withheld.accepted();
    let mut late = vec![upsert(1, 5)];
    withheld.give(&mut late);
    assert!(late[0].1.state.groups[0].is_none(), "it was given");
}

#[test]
fn beyond_its_bound_the_oldest_is_given_up_and_counted() {
    let mut withheld = Withheld::default();
    let quarter = "x".repeat(WITHHELD_BYTES / 4);
    for number in 0..4 {
        withheld.remember((0, Key(vec![Value::Int(number)])), note(1, quarter.clone()), None);
    }
    assert_eq!(withheld.dropped, 1);
    let mut changes = vec![upsert(0, 4), upsert(3, 4)];
    withheld.give(&mut changes);
    let given: Vec<bool> = changes.iter().map(|(_, c)| c.state.groups[0].is_some()).collect();
    assert_eq!(given, [false, true]);
}

/// A correction of the contract derives the valid row again: what the refused one lent it is older than the row, and must stay
/// so, or it would win over what was told between the two by another way.
#[tokio::test]
async fn a_lent_value_that_is_derived_again_stays_as_old_as_the_refused_row() {
    let landing = MemoryLanding::new();
    let mut first = lane(&landing).await;
    tell(&mut first, 20, RowOp::Insert { new: row("C1", "1", Some("old")) }).await;
    tell(&mut first, 30, update(row("C1", "many", Some("lent")))).await;
    tell(&mut first, 40, update(row("C1", "3", None))).await;
    drop(first);
    let mut corrected = crate::testing::entities();
    corrected.iter_mut().for_each(|entity| entity.contract_hash = "corrected".to_owned());
    let second = lane_of(corrected, &landing).await.unwrap();
    let entity = second.registry().position_of("shop.customer").unwrap();
    let all = landed(&landing).await;
    let valid = *all.of("shop.customer").last().unwrap();
    let again = match second.deriver().landed_again(entity, valid).unwrap() {
        Again::Derived(again) => again,
        other @ (Again::Stands | Again::Refused(_)) => panic!("{other:?}"),
    };
    let at = |change: &Change, group: usize| change.state.groups[group].as_ref().unwrap().guard;
    assert_eq!(at(&again, 0), Guard::latest(again.version), "its own values are of the row");
    assert_eq!(again.version.parts().2, Revision(1));
    let refused = Version::new(Incarnation::FIRST, Position::streamed(Lsn(29), 1), Revision(1));
    assert_eq!(
        at(&again, NOTES_GROUP),
        Guard::latest(refused),
        "the lent one is of the refused row"
    );
    assert!(at(&again, NOTES_GROUP) > at(valid, NOTES_GROUP), "and wins over its old result");
}
