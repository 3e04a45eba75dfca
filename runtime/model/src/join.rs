//! The join: a row's state is the least upper bound of everything ever said about it.
//!
//! A state is one optional guarded value per merge group, and one for existence; the higher guard wins. Guards are
//! totally ordered and equal guards carry equal values (a version belongs to one change, a rank to one symbol), so the
//! join is commutative, associative and idempotent, and no retry, duplicate, reordering or backfill changes the
//! outcome. Where equal guards carry different values all the same (a source that broke its promise), the larger value
//! wins, so that even then the outcome does not depend on arrival.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::{Change, Key};
use crate::value::Value;
use crate::version::Guard;

/// What the existence owner said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Existence {
    /// The version that said it.
    pub guard: Guard,
    /// There, or deleted (a tombstone).
    pub alive: bool,
}

/// The winner of one merge group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupState {
    /// What it is compared by. First, so that the derived order compares it first.
    pub guard: Guard,
    /// One per stored column of the group.
    pub values: Vec<Value>,
}

/// Everything known of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowState {
    /// None: its owner has not been heard of yet; the row is incomplete.
    pub existence: Option<Existence>,
    /// One per merge group; none: nothing heard.
    pub groups: Vec<Option<GroupState>>,
}

impl RowState {
    /// A row of which nothing is known.
    pub fn empty(groups: usize) -> Self {
        Self { existence: None, groups: vec![None; groups] }
    }

    /// Joins another state of the same row into this one. Returns whether anything changed.
    pub fn join(&mut self, other: &RowState) -> bool {
        let existence = raise(&mut self.existence, other.existence.as_ref());
        self.join_groups(other) || existence
    }

    /// Joins the groups only: what a row that moved to another key takes along.
    pub fn join_groups(&mut self, other: &RowState) -> bool {
        if self.groups.len() < other.groups.len() {
            self.groups.resize(other.groups.len(), None);
        }
        let mut changed = false;
        for (mine, theirs) in self.groups.iter_mut().zip(&other.groups) {
            changed |= raise(mine, theirs.as_ref());
        }
        changed
    }

    /// Deletes the row where its existence stands below the floor: its owner has emptied the table since. A row whose owner
    /// has not spoken stays incomplete. Returns whether anything changed.
    pub fn lift(&mut self, floor: Option<Guard>) -> bool {
        let Some(floor) = floor else { return false };
        match &mut self.existence {
            Some(existence) if existence.guard < floor => {
                *existence = Existence { guard: floor, alive: false };
                true
            }
            Some(_) | None => false,
        }
    }

    /// There and not deleted.
    pub fn alive(&self) -> bool {
        self.existence.is_some_and(|existence| existence.alive)
    }

    /// Only a source that does not own existence has spoken so far.
    pub fn incomplete(&self) -> bool {
        self.existence.is_none()
    }
}

/// The larger of two options; absent is the smallest.
fn raise<T: Ord + Clone>(mine: &mut Option<T>, theirs: Option<&T>) -> bool {
    match (mine.as_ref(), theirs) {
        (_, None) => false,
        (Some(have), Some(new)) if have >= new => false,
        (None | Some(_), Some(new)) => {
            *mine = Some(new.clone());
            true
        }
    }
}

/// Reference fold of an entity in memory: rows by key, and the moves between keys. The SQL folds and the delivery
/// ledger are held to this one by the property suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    rows: BTreeMap<Key, RowState>,
    /// Old key -> new keys. A set, so that it too is a join; with `key_reuse: never` a key moves once.
    moves: BTreeMap<Key, std::collections::BTreeSet<Key>>,
    /// The highest floor; no row's existence stands below it.
    floor: Option<Guard>,
}

impl Table {
    /// Folds one change, and whatever follows from a move. Returns the keys whose rows changed.
    pub fn fold(&mut self, change: &Change) -> Vec<Key> {
        let groups = change.state.groups.len();
        let mut touched = Vec::new();
        let floor = self.floor;
        let row = self.row_mut(&change.key, groups);
        let joined = row.join(&change.state);
        if row.lift(floor) || joined {
            touched.push(change.key.clone());
        }
        if let Some(old) = &change.moved_from {
            self.moves.entry(old.clone()).or_default().insert(change.key.clone());
            self.carry(old, &mut touched);
        }
        self.carry(&change.key, &mut touched);
        touched
    }

    /// Folds a floor (see [`crate::floor`]). Returns the keys whose rows changed.
    pub fn raise(&mut self, floor: Guard) -> Vec<Key> {
        self.floor = self.floor.max(Some(floor));
        let highest = self.floor;
        let lifted = self.rows.iter_mut().filter_map(|(key, row)| row.lift(highest).then_some(key));
        lifted.cloned().collect()
    }

    /// Carries the groups of a row along its moves until nothing changes. Ends: every step raises a guard to one
    /// that some change carries, and there are finitely many.
    fn carry(&mut self, from: &Key, touched: &mut Vec<Key>) {
        let mut open = vec![from.clone()];
        while let Some(key) = open.pop() {
            let Some(targets) = self.moves.get(&key).cloned() else { continue };
            let Some(state) = self.rows.get(&key).cloned() else { continue };
            for target in targets {
                if self.row_mut(&target, state.groups.len()).join_groups(&state) {
                    touched.push(target.clone());
                    open.push(target);
                }
            }
        }
    }

    fn row_mut(&mut self, key: &Key, groups: usize) -> &mut RowState {
        self.rows.entry(key.clone()).or_insert_with(|| RowState::empty(groups))
    }

    /// Every row, tombstones and incomplete ones too.
    pub fn rows(&self) -> &BTreeMap<Key, RowState> {
        &self.rows
    }

    /// The rows that the presented view shows.
    pub fn presented(&self) -> impl Iterator<Item = (&Key, &RowState)> {
        self.rows.iter().filter(|(_, state)| state.alive())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::{Incarnation, Lsn, Position, Revision, Version};

    fn guard(place: u64, ordinal: u32) -> Guard {
        let position = Position::streamed(Lsn(place), ordinal);
        Guard::latest(Version::new(Incarnation::FIRST, position, Revision(0)))
    }

    fn says(key: i64, place: u64, alive: Option<bool>) -> Change {
        let guard = guard(place, 2);
        let group = GroupState { guard, values: vec![Value::Int(place as i64)] };
        Change {
            key: Key(vec![Value::Int(key)]),
            source: "store".to_owned(),
            version: Version::from_packed(guard.packed()).unwrap(),
            committed_at_us: 0,
            moved_from: None,
            state: RowState {
                existence: alive.map(|alive| Existence { guard, alive }),
                groups: vec![Some(group)],
            },
        }
    }

    #[test]
    fn a_floor_takes_what_is_below_it_and_nothing_else() {
        let mut table = Table::default();
        for (key, place, alive) in [(1, 4, Some(true)), (2, 9, Some(true)), (3, 4, None)] {
            table.fold(&says(key, place, alive));
        }
        let touched = table.raise(guard(5, 1));
        assert_eq!(touched, [Key(vec![Value::Int(1)])]);
        // late: of an unknown row, of the same transaction before and behind the TRUNCATE, of the row once more
        for (key, place) in [(4, 4), (5, 5), (1, 4)] {
            table.fold(&says(key, place, Some(true)));
        }
        let alive: Vec<_> = table.presented().map(|(key, _)| key.0[0].clone()).collect();
        assert_eq!(alive, [Value::Int(2), Value::Int(5)]);
        let row = |key| table.rows().get(&Key(vec![Value::Int(key)])).unwrap();
        assert!(row(3).incomplete());
        let gone = Some(Existence { guard: guard(5, 1), alive: false });
        assert_eq!((row(1).existence, row(4).existence), (gone, gone));
        assert!(row(1).groups[0].is_some(), "groups are kept, as behind every tombstone");
    }

    #[test]
    fn a_lower_floor_changes_nothing() {
        let mut table = Table::default();
        table.raise(guard(9, 1));
        let before = table.clone();
        assert!(table.raise(guard(5, 1)).is_empty());
        assert_eq!(table, before);
    }
}
