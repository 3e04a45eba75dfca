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
}

impl Table {
    /// Folds one change, and whatever follows from a move. Returns the keys whose rows changed.
    pub fn fold(&mut self, change: &Change) -> Vec<Key> {
        let groups = change.state.groups.len();
        let mut touched = Vec::new();
        if self.row_mut(&change.key, groups).join(&change.state) {
            touched.push(change.key.clone());
        }
        if let Some(old) = &change.moved_from {
            self.moves.entry(old.clone()).or_default().insert(change.key.clone());
            self.carry(old, &mut touched);
        }
        self.carry(&change.key, &mut touched);
        touched
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
