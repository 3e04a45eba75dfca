//! Steps of ranked states, held against the `transitions` that a contract declares. A step is only looked at: it never decides
//! what wins, and nothing is refused for it (`docs/decisions/0011`).
//!
//! The states that are told of a row are ordered by their guards. What loses the join is no step; neither is the first state
//! that is heard of a row, nor a correction by its owner (a higher generation).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::change::{Change, Key};
use crate::columns::{self, ColumnPart};
use crate::join::RowState;
use crate::spec::{EntitySpec, FieldSpec, GroupIx, MergeRule};
use crate::value::Value;
use crate::version::Guard;

/// From one state of a field to the next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Name of the entity.
    pub entity: String,
    /// Name of the field.
    pub field: String,
    /// Symbol before.
    pub before: String,
    /// Symbol after.
    pub after: String,
}

/// What is wrong with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// Declared steps lead there, over states that were not told: they are late, or were never told.
    Skipped,
    /// No declared steps lead there.
    Undeclared,
}

impl Anomaly {
    /// As metrics and the status name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Undeclared => "undeclared",
        }
    }
}

/// A merge group whose one field declares transitions.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// The field.
    pub field: &'a FieldSpec,
    /// Its group.
    pub group: GroupIx,
}

/// Fields of an entity whose steps are looked at. Protected ones are not: their symbols are not to be read, or not to be told.
pub fn watched(entity: &EntitySpec) -> Vec<Watched<'_>> {
    let watch = |field: &'_ FieldSpec| {
        let ranked = field.merge == MergeRule::Ranked && field.pii.is_none();
        ranked && !field.transitions.is_empty()
    };
    let plain = |group: GroupIx| {
        let columns = columns::of_group(entity, group);
        columns.len() == 1 && columns.iter().all(|column| column.part == ColumnPart::Plain)
    };
    let fields = entity.fields.iter().filter(|field| watch(field));
    let grouped = fields.filter_map(|field| Some(Watched { field, group: field.group? }));
    grouped.filter(|watched| plain(watched.group)).collect()
}

/// What is wrong with a step; none where it is declared, or leads over a symbol that the contract does not know (any more).
pub fn judge(entity: &EntitySpec, step: &Step) -> Option<Anomaly> {
    let field = entity.fields.iter().find(|field| field.name == step.field)?;
    let known = |symbol: &String| match &field.ty {
        crate::value::LogicalType::Enum { symbols } => symbols.contains(symbol),
        crate::value::LogicalType::Bool
        | crate::value::LogicalType::Int32
        | crate::value::LogicalType::Int64
        | crate::value::LogicalType::Decimal { .. }
        | crate::value::LogicalType::String { .. }
        | crate::value::LogicalType::Uuid
        | crate::value::LogicalType::Date
        | crate::value::LogicalType::Timestamp
        | crate::value::LogicalType::Json
        | crate::value::LogicalType::Bytes => false,
    };
    if !known(&step.before) || !known(&step.after) {
        return None;
    }
    let mut seen = BTreeSet::from([&step.before]);
    let mut open = VecDeque::from([(&step.before, 0_usize)]);
    while let Some((state, length)) = open.pop_front() {
        for next in field.transitions.get(state).into_iter().flatten() {
            if *next == step.after {
                return (length > 0).then_some(Anomaly::Skipped);
            }
            if seen.insert(next) {
                open.push_back((next, length + 1));
            }
        }
    }
    Some(Anomaly::Undeclared)
}

/// The steps that changes take rows by, and how many rows each. `known` says how a row stood before; a row that moved brings
/// what it was under its old key.
pub fn taken<'c>(
    entity: &EntitySpec,
    changes: impl IntoIterator<Item = &'c Change>,
    known: impl Fn(&Key) -> Option<RowState>,
) -> BTreeMap<Step, u64> {
    let watched = watched(entity);
    let mut taken = BTreeMap::new();
    if watched.is_empty() {
        return taken;
    }
    let mut rows: BTreeMap<&Key, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        rows.entry(&change.key).or_default().push(change);
    }
    for (key, changes) in rows {
        let moved = changes.iter().filter_map(|change| change.moved_from.as_ref());
        let stood: Vec<RowState> = moved.chain([key]).filter_map(&known).collect();
        for watched in &watched {
            let before = stood.iter().filter_map(|row| state(row, watched.group)).max();
            let told = changes.iter().filter_map(|change| state(&change.state, watched.group));
            let mut told: BTreeSet<(Guard, &str)> = told.collect();
            told.retain(|told| before.is_none_or(|before| told.0 > before.0));
            let states: Vec<(Guard, &str)> = before.into_iter().chain(told).collect();
            for pair in states.windows(2) {
                let &[before, after] = pair else { continue };
                if before.0.generation() != after.0.generation() || before.1 == after.1 {
                    continue;
                }
                let step = Step {
                    entity: entity.name.clone(),
                    field: watched.field.name.clone(),
                    before: before.1.to_owned(),
                    after: after.1.to_owned(),
                };
                *taken.entry(step).or_default() += 1;
            }
        }
    }
    taken
}

fn state(row: &RowState, group: GroupIx) -> Option<(Guard, &str)> {
    let state = row.groups.get(group)?.as_ref()?;
    match state.values.first()? {
        Value::Text(symbol) => Some((state.guard, symbol)),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Decimal(_)
        | Value::Uuid(_)
        | Value::Date(_)
        | Value::Timestamp(_)
        | Value::Bytes(_) => None,
    }
}
