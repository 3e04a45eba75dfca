//! A versioned change of one row: the only thing that is ever landed and folded.

use serde::{Deserialize, Serialize};

use crate::columns;
use crate::join::{Existence, GroupState, RowState};
use crate::record::{Cell, Record};
use crate::spec::{EntitySpec, FieldIx, FieldSpec, GroupSpec, MergeRule, Protection};
use crate::value::{LogicalType, Value};
use crate::version::{Guard, Version};

/// The values of a key, in the order of [`EntitySpec::key`]. Never PII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Vec<Value>);

impl Key {
    /// Unambiguous bytes: what ledgers use as their key.
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 24);
        self.0.iter().for_each(|value| value.canonical(&mut bytes));
        bytes
    }
}

/// A change of one row, protected: what a landing file's row says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The row.
    pub key: Key,
    /// The source that told it.
    pub source: String,
    /// Its place in the source's order.
    pub version: Version,
    /// When the source committed it, microseconds since 1970. For freshness only.
    pub committed_at_us: i64,
    /// The key that the row had before this change: all groups of the old row join into this one.
    pub moved_from: Option<Key>,
    /// What it says, as the state of a row that has seen nothing else.
    pub state: RowState,
}

/// Whether the source told that the row is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Inserted, updated or read.
    Upsert,
    /// Deleted.
    Delete,
}

/// Everything about a change but its record.
#[derive(Clone, Debug)]
pub struct Origin<'a> {
    /// Name of the source in the contract.
    pub source: &'a str,
    /// Place in the source's order.
    pub version: Version,
    /// When the source committed it, microseconds since 1970.
    pub committed_at_us: i64,
    /// Insert, update or delete.
    pub op: Op,
    /// The key before, where the change moved the row.
    pub moved_from: Option<Key>,
}

/// Protects one field's value. Implemented by the runtime over its key provider. Must be a function of its inputs: the
/// same change captured again must give the same bytes, or a retry would look like another change.
pub trait Protect {
    /// `(ciphertext, token)` of a value of an `encrypt` class.
    ///
    /// # Errors
    /// Where the key is not to be had: nothing may then be landed.
    fn encrypt(&self, site: &Site<'_>, plain: &Value) -> Result<(String, String), ProtectError>;

    /// Token of a value of an `encrypt` or `tokenize` class.
    ///
    /// # Errors
    /// As [`Protect::encrypt`].
    fn token(&self, site: &Site<'_>, plain: &Value) -> Result<String, ProtectError>;
}

/// Where a protected value stands.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Entity name.
    pub entity: &'a str,
    /// Field name.
    pub field: &'a str,
    /// PII class: tokens of one class join across entities.
    pub class: &'a str,
    /// The row.
    pub key: &'a Key,
    /// The change.
    pub version: Version,
}

/// Why a value could not be protected.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{field} of {entity} could not be protected: {why}; nothing was landed")]
pub struct ProtectError {
    /// Entity name.
    pub entity: String,
    /// Field name.
    pub field: String,
    /// What the key provider said.
    pub why: String,
}

/// Why a valid record is no change.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChangeError {
    /// A key field is absent or null.
    #[error("key field {field} of {entity} is missing")]
    KeyMissing {
        /// Entity name.
        entity: String,
        /// Field name.
        field: String,
    },
    /// A group that is always written whole came in part.
    #[error(
        "field {field} of {entity} was left out of a change (stored out of line and unchanged?), but the contract says \
         that every change carries it: declare it `large: true`, or set its storage to MAIN"
    )]
    PartialGroup {
        /// Entity name.
        entity: String,
        /// Field name.
        field: String,
    },
    /// The value cannot be ordered under the field's rule.
    #[error("field {field} of {entity} has a value that its merge rule cannot order")]
    NoGuard {
        /// Entity name.
        entity: String,
        /// Field name.
        field: String,
    },
    /// Protection failed.
    #[error(transparent)]
    Protect(#[from] ProtectError),
}

/// Reads the key out of a record.
///
/// # Errors
/// Where a key field is absent or null.
pub fn key_of(entity: &EntitySpec, record: &Record) -> Result<Key, ChangeError> {
    let mut values = Vec::with_capacity(entity.key.len());
    for ix in &entity.key {
        let value = record.get(*ix).cloned().ok_or_else(|| ChangeError::KeyMissing {
            entity: entity.name.clone(),
            field: field_name(entity, *ix),
        })?;
        values.push(value);
    }
    Ok(Key(values))
}

/// Turns a validated record into a change: key, guards, protected columns.
///
/// # Errors
/// See [`ChangeError`]. The record then belongs into quarantine, except for [`ChangeError::Protect`], which stops capture.
pub fn change_of(
    entity: &EntitySpec,
    record: &Record,
    origin: &Origin<'_>,
    protect: &dyn Protect,
) -> Result<Change, ChangeError> {
    let key = key_of(entity, record)?;
    let mut state = RowState::empty(entity.groups.len());
    if entity.existence_owner == origin.source {
        let alive = origin.op == Op::Upsert;
        state.existence = Some(Existence { guard: Guard::latest(origin.version), alive });
    }
    if origin.op == Op::Upsert {
        for (ix, group) in entity.groups.iter().enumerate() {
            if group.owners.iter().any(|owner| owner == origin.source) {
                let written = group_state(entity, group, record, &key, origin, protect)?;
                if let Some(slot) = state.groups.get_mut(ix) {
                    *slot = written;
                }
            }
        }
    }
    Ok(Change {
        key,
        source: origin.source.to_owned(),
        version: origin.version,
        committed_at_us: origin.committed_at_us,
        moved_from: origin.moved_from.clone(),
        state,
    })
}

/// A delete is known by its key alone.
pub fn delete_of(entity: &EntitySpec, key: Key, origin: &Origin<'_>) -> Change {
    let mut state = RowState::empty(entity.groups.len());
    if entity.existence_owner == origin.source {
        state.existence = Some(Existence { guard: Guard::latest(origin.version), alive: false });
    }
    Change {
        key,
        source: origin.source.to_owned(),
        version: origin.version,
        committed_at_us: origin.committed_at_us,
        moved_from: origin.moved_from.clone(),
        state,
    }
}

fn group_state(
    entity: &EntitySpec,
    group: &GroupSpec,
    record: &Record,
    key: &Key,
    origin: &Origin<'_>,
    protect: &dyn Protect,
) -> Result<Option<GroupState>, ChangeError> {
    let mut values = Vec::with_capacity(group.fields.len() + 1);
    let mut absent = None;
    for ix in &group.fields {
        let Some(field) = entity.fields.get(*ix) else { continue };
        match record.cells.get(*ix) {
            Some(Cell::Value(value)) => {
                let site = Site {
                    entity: &entity.name,
                    field: &field.name,
                    class: field.pii.as_ref().map(|pii| pii.class.as_str()).unwrap_or(""),
                    key,
                    version: origin.version,
                };
                protected(field, &site, value, protect, &mut values)?;
            }
            Some(Cell::Absent) | None => absent = Some(*ix),
        }
    }
    match absent {
        None => {
            let guard = guard_of(entity, group, record, origin.version)?;
            Ok(guard.map(|guard| GroupState { guard, values }))
        }
        Some(_) if values.is_empty() => Ok(None),
        Some(ix) => Err(ChangeError::PartialGroup {
            entity: entity.name.clone(),
            field: field_name(entity, ix),
        }),
    }
}

fn protected(
    field: &FieldSpec,
    site: &Site<'_>,
    value: &Value,
    protect: &dyn Protect,
    out: &mut Vec<Value>,
) -> Result<(), ChangeError> {
    let protection = field.pii.as_ref().map(|pii| pii.protect);
    match (protection, value) {
        (None | Some(Protection::Mask), value) => out.push(value.clone()),
        (Some(Protection::Drop), _) => {}
        (Some(Protection::Encrypt), Value::Null) => out.extend([Value::Null, Value::Null]),
        (Some(Protection::Tokenize), Value::Null) => out.push(Value::Null),
        (Some(Protection::Encrypt), plain) => {
            let (cipher, token) = protect.encrypt(site, plain)?;
            out.extend([Value::Text(cipher), Value::Text(token)]);
        }
        (Some(Protection::Tokenize), plain) => out.push(Value::Text(protect.token(site, plain)?)),
    }
    Ok(())
}

/// The guard of a written group; none where a NULL has nothing to say under the rule (`max` of nothing).
fn guard_of(
    entity: &EntitySpec,
    group: &GroupSpec,
    record: &Record,
    version: Version,
) -> Result<Option<Guard>, ChangeError> {
    let Some(first) = group.fields.first().copied() else {
        return Ok(Some(Guard::latest(version)));
    };
    let none =
        || ChangeError::NoGuard { entity: entity.name.clone(), field: field_name(entity, first) };
    match group.rule {
        MergeRule::Latest => Ok(Some(Guard::latest(version))),
        MergeRule::First => Ok(Some(Guard::first(version))),
        MergeRule::Ranked => {
            let Some(field) = entity.fields.get(first) else { return Ok(None) };
            let Some(value) = record.get(first) else { return Ok(None) };
            let rank = rank_of(&field.ty, value).ok_or_else(none)?;
            let generation = match field.generation.and_then(|ix| record.get(ix)) {
                Some(Value::Int(number)) => u32::try_from(*number).map_err(|_| none())?,
                Some(_) => return Err(none()),
                None => 0,
            };
            Ok(Some(Guard::ranked(generation, rank)))
        }
        MergeRule::Max | MergeRule::Min => {
            let Some(value) = record.get(first) else { return Ok(None) };
            let number = number_of(value).ok_or_else(none)?;
            let guard =
                if group.rule == MergeRule::Max { Guard::max(number) } else { Guard::min(number) };
            guard.map(Some).ok_or_else(none)
        }
    }
}

/// Place of a symbol in the declared order, from 0.
pub fn rank_of(ty: &LogicalType, value: &Value) -> Option<u16> {
    match (ty, value) {
        (LogicalType::Enum { symbols }, Value::Text(text)) => {
            symbols.iter().position(|symbol| symbol == text).and_then(|at| u16::try_from(at).ok())
        }
        (
            LogicalType::Enum { .. }
            | LogicalType::Bool
            | LogicalType::Int32
            | LogicalType::Int64
            | LogicalType::Decimal { .. }
            | LogicalType::String { .. }
            | LogicalType::Uuid
            | LogicalType::Date
            | LogicalType::Timestamp
            | LogicalType::Json
            | LogicalType::Bytes,
            _,
        ) => None,
    }
}

fn number_of(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) | Value::Timestamp(number) => Some(i128::from(*number)),
        Value::Decimal(unscaled) => Some(*unscaled),
        Value::Date(days) => Some(i128::from(*days)),
        Value::Bool(flag) => Some(i128::from(*flag)),
        Value::Null | Value::Text(_) | Value::Uuid(_) | Value::Bytes(_) => None,
    }
}

fn field_name(entity: &EntitySpec, ix: FieldIx) -> String {
    entity.fields.get(ix).map(|field| field.name.clone()).unwrap_or_default()
}

/// How many stored columns a group has: the length of [`GroupState::values`].
pub fn group_width(entity: &EntitySpec, group: usize) -> usize {
    columns::of_group(entity, group).len()
}
