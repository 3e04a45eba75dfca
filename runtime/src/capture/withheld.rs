//! Values of refused rows that later rows may leave out.
//!
//! PostgreSQL leaves a value that is stored out of line and unchanged out of an update. Where the row that wrote the value was
//! refused, the next valid one does not have it, and nobody would tell it again. So the lane keeps such values, protected, by key,
//! and **gives them to the next valid change of the row that leaves them out, under the guard of the refused one**: the same
//! state as if the refused row had been told without what was wrong with it. A retry of the refused row, later, changes nothing.
//!
//! So with the key that a refused row moved from: the move is told with the next valid change.
//!
//! What is kept is a function of the refused records in landing, so that a start reads it back
//! ([`crate::landing::LandingCommit::last_refused`]). It may then hold more than before; a value that was told since has a higher
//! guard, and wins.

use std::collections::BTreeMap;

use covenant_model::change::{Change, ChangeError, Key, Op, Origin, change_of};
use covenant_model::codec::ColumnMap;
use covenant_model::join::RowState;
use covenant_model::spec::{EntitySpec, FieldIx, GroupSpec};
use covenant_model::value::Value;
use covenant_model::version::{Position, Version};

use super::derive::{Derived, Deriver, no_keys};
use super::input::RowInput;
use super::lane::CaptureLane;
use super::raw::RawRecord;
use super::registry::Binding;
use crate::error::Result;
use crate::landing::Quarantined;
use crate::source::{DatumAt, Relation, RowOp, Tuple};

/// Bytes of values that are kept, 64 MiB. Beyond, the oldest are given up, and counted.
pub const WITHHELD_BYTES: usize = 64 << 20;
/// What a row costs beside its values, bytes.
const ROW_BYTES: usize = 256;
/// What a value costs beside its text, bytes.
const VALUE_BYTES: usize = 32;

/// Entity index and key.
type Address = (usize, Key);

/// What a refused row said.
#[derive(Clone)]
struct Kept {
    /// Without existence: a refused row says nothing of it.
    state: RowState,
    moved_from: Option<Key>,
    age: u64,
    bytes: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct Withheld {
    rows: BTreeMap<Address, Kept>,
    by_age: BTreeMap<u64, Address>,
    next_age: u64,
    bytes: usize,
    /// What the transaction that is being accepted has taken out.
    taken: Vec<(Address, Kept)>,
    /// Rows whose values were given up for want of room.
    pub(super) dropped: u64,
    /// Values that went with a later row.
    pub(super) given: u64,
}

impl Withheld {
    pub(super) fn remember(&mut self, at: Address, mut state: RowState, moved_from: Option<Key>) {
        let before = self.take(&at);
        let mut from = moved_from;
        if let Some(before) = before {
            state.join_groups(&before.state);
            from = from.or(before.moved_from);
        }
        if from.is_none() && state.groups.iter().all(Option::is_none) {
            return;
        }
        let values = state.groups.iter().flatten().flat_map(|group| &group.values);
        let bytes = ROW_BYTES + values.map(size_of_value).sum::<usize>();
        let age = self.next_age;
        self.next_age += 1;
        self.bytes += bytes;
        self.by_age.insert(age, at.clone());
        self.rows.insert(at, Kept { state, moved_from: from, age, bytes });
        while self.bytes > WITHHELD_BYTES {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            if let Some(kept) = self.rows.remove(&oldest) {
                self.bytes -= kept.bytes;
                self.dropped += 1;
            }
        }
    }

    fn take(&mut self, at: &Address) -> Option<Kept> {
        let kept = self.rows.remove(at)?;
        self.by_age.remove(&kept.age);
        self.bytes -= kept.bytes;
        Some(kept)
    }

    /// What is kept of a row goes with it to another key.
    fn follow(&mut self, entity: usize, from: &Key, to: &Key) -> Option<Key> {
        let at = (entity, from.clone());
        let kept = self.take(&at)?;
        self.remember((entity, to.clone()), kept.state.clone(), None);
        let moved_from = kept.moved_from.clone();
        self.taken.push((at, kept));
        moved_from
    }

    /// A row was refused: with `before` where it moved from there.
    fn refused(&mut self, entity: usize, key: Key, state: RowState, before: Option<Key>) {
        let first = before.as_ref().and_then(|before| self.follow(entity, before, &key));
        // Where the row was refused under the key before, too, that key never had anything.
        self.remember((entity, key), state, first.or(before));
    }

    /// Valid changes of one row of the stream: they take along what was kept for them.
    pub(super) fn give(&mut self, changes: &mut [(usize, Change)]) {
        if self.rows.is_empty() {
            return;
        }
        let moves: Vec<(usize, Key, Key)> = changes
            .iter()
            .filter_map(|(at, change)| Some((*at, change.moved_from.clone()?, change.key.clone())))
            .collect();
        for (entity, from, to) in moves {
            if let Some(first) = self.follow(entity, &from, &to) {
                // The move before this one was refused: it is told with the delete of the key between.
                let gone = changes.iter_mut().find(|(at, c)| *at == entity && c.key == from);
                if let Some((_, gone)) = gone {
                    gone.moved_from.get_or_insert(first);
                }
            }
        }
        for (entity, change) in changes {
            let at = (*entity, change.key.clone());
            let Some(kept) = self.take(&at) else { continue };
            // A delete says nothing of values, whether or not its source owns the row.
            if change.state.alive() || change.state.groups.iter().any(Option::is_some) {
                self.given += fill(&mut change.state, &kept.state);
            }
            if change.moved_from.is_none() {
                change.moved_from.clone_from(&kept.moved_from);
            }
            self.taken.push((at, kept));
        }
    }

    /// The transaction was accepted.
    pub(super) fn accepted(&mut self) {
        self.taken.clear();
    }

    /// The transaction was not accepted, and will come again.
    pub(super) fn restore(&mut self) {
        for (at, kept) in std::mem::take(&mut self.taken) {
            self.remember(at, kept.state, kept.moved_from);
        }
    }
}

/// Adds what a change leaves out; how many groups that were.
fn fill(state: &mut RowState, kept: &RowState) -> u64 {
    let mut filled = 0;
    for (mine, theirs) in state.groups.iter_mut().zip(&kept.groups) {
        if mine.is_none() && theirs.is_some() {
            mine.clone_from(theirs);
            filled += 1;
        }
    }
    filled
}

fn size_of_value(value: &Value) -> usize {
    VALUE_BYTES
        + match value {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Uuid(_)
            | Value::Date(_)
            | Value::Timestamp(_) => 0,
        }
}

/// What a refused row said that later ones may leave out.
pub(super) struct Said {
    key: Key,
    state: RowState,
    before: Option<Key>,
}

impl Deriver {
    /// Each value of a refused row that PostgreSQL may leave out of later ones, and that is sound by itself. None where the row's key
    /// cannot be read.
    fn withheld(
        &self,
        binding: &Binding,
        map: &ColumnMap,
        row: &RowInput<'_>,
    ) -> Result<Option<Said>> {
        let (old, new) = match row.op {
            RowOp::Insert { new } => (None, new),
            RowOp::Update { old, new } => (old.as_ref(), new),
            RowOp::Delete { .. } | RowOp::Truncate => return Ok(None),
        };
        let Some(bound) = self.registry().bound().get(binding.entity) else { return Ok(None) };
        let key_of = |tuple: &Tuple| bound.codec.decode_pg_key(map, &tuple.datums()).ok().map(Key);
        let Some(key) = key_of(new) else { return Ok(None) };
        let before = old.and_then(key_of).filter(|before| *before != key);
        let ordinal = row.ordinal.saturating_add(u32::from(before.is_some()));
        let position = Position::streamed(row.lsn, ordinal);
        let origin = Origin {
            source: &binding.source,
            version: Version::new(row.incarnation, position, self.revision(binding.entity)),
            committed_at_us: row.committed_at_us,
            op: Op::Upsert,
            moved_from: None,
        };
        let spec = &bound.spec;
        let mut state = RowState::empty(spec.groups.len());
        for (ix, group) in spec.groups.iter().enumerate() {
            let Some(alone) = alone(spec, group, &binding.source, map, new) else { continue };
            let decoded = bound.codec.decode_pg(&binding.source, map, &alone.datums());
            let Ok(record) = decoded else { continue };
            match change_of(spec, &record, &origin, self.protector()) {
                Ok(mut change) => {
                    if let (Some(to), Some(from)) =
                        (state.groups.get_mut(ix), change.state.groups.get_mut(ix))
                    {
                        *to = from.take();
                    }
                }
                Err(ChangeError::Protect(error)) => return Err(no_keys(error)),
                Err(
                    ChangeError::KeyMissing { .. }
                    | ChangeError::PartialGroup { .. }
                    | ChangeError::NoGuard { .. },
                ) => {}
            }
        }
        Ok(Some(Said { key, state, before }))
    }
}

/// The row with nothing but its key and the columns of one group. None where the group can never be left out, or is now.
fn alone(
    spec: &EntitySpec,
    group: &GroupSpec,
    source: &str,
    map: &ColumnMap,
    row: &Tuple,
) -> Option<Tuple> {
    let is_large = |ix: &FieldIx| spec.fields.get(*ix).is_some_and(|field| field.large);
    if !group.owners.iter().any(|owner| owner == source) || !group.fields.iter().all(is_large) {
        return None;
    }
    let column = |ix: &FieldIx| map.0.get(*ix).copied().flatten();
    let mut datums = vec![DatumAt::Unchanged; row.datums.len()];
    let mut carried = false;
    for (at, of_group) in spec
        .key
        .iter()
        .map(|ix| (column(ix), false))
        .chain(group.fields.iter().map(|ix| (column(ix), true)))
    {
        let Some((to, from)) = at.and_then(|at| Some((datums.get_mut(at)?, row.datums.get(at)?)))
        else {
            continue;
        };
        carried |= of_group && *from != DatumAt::Unchanged;
        to.clone_from(from);
    }
    carried.then(|| Tuple { bytes: row.bytes.clone(), datums })
}

impl CaptureLane {
    /// Keeps what a refused row said, and gives it to a valid one. `streamed`: a row of a table read leaves nothing out, and may be
    /// older than what is kept.
    pub(super) fn withhold(
        withheld: &mut Withheld,
        deriver: &Deriver,
        (binding, map): (&Binding, &ColumnMap),
        row: &RowInput<'_>,
        streamed: bool,
        derived: &mut Derived,
    ) -> Result<()> {
        if derived.quarantined.is_empty() {
            if streamed {
                withheld.give(&mut derived.changes);
            }
            return Ok(());
        }
        let Some(said) = deriver.withheld(binding, map, row)? else { return Ok(()) };
        // A move that the contract rejects is none: then there is no change at all.
        let before = said.before.filter(|_| !derived.changes.is_empty());
        withheld.refused(binding.entity, said.key, said.state, before);
        Ok(())
    }

    /// Reads back what the refused rows in landing said, oldest first.
    ///
    /// # Errors
    /// Those of the landing and the keys.
    pub(super) async fn recall(&mut self) -> Result<()> {
        let mut commits = Vec::new();
        let mut next = self.last_refused;
        while let Some(number) = next {
            let Some(commit) = self.landing.commit_at(number).await? else { break };
            next = commit.last_refused;
            commits.extend(commit.quarantine);
        }
        for file in commits.into_iter().rev() {
            for record in self.landing.quarantined(&file).await? {
                self.recall_one(&record)?;
            }
        }
        self.withheld.accepted();
        Ok(())
    }

    fn recall_one(&mut self, record: &Quarantined) -> Result<()> {
        let Some(entity) = self.registry().position_of(&record.entity) else { return Ok(()) };
        let binding = Binding { entity, source: record.source.clone() };
        let raw = self.deriver.raw_of(record)?;
        let RawRecord::Row { lsn, ordinal, relation, op } = &raw.record else { return Ok(()) };
        let (relation, op) = (Relation::from(relation), RowOp::from(op));
        let map = self.deriver.map(&binding, &relation)?;
        let row = RowInput {
            relation: &relation,
            op: &op,
            incarnation: raw.incarnation,
            lsn: *lsn,
            ordinal: *ordinal,
            committed_at_us: raw.committed_at_us,
        };
        let mut derived = self.deriver.row(&binding, &map, &row)?;
        if derived.quarantined.is_empty() {
            // Today's contract takes it; it stays refused until somebody retries it.
            derived.quarantined.push(record.clone());
        }
        Self::withhold(
            &mut self.withheld,
            &self.deriver,
            (&binding, &map),
            &row,
            true,
            &mut derived,
        )
    }
}
