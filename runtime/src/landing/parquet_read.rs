//! The reading half of [`super::parquet`]: a batch's columns by field id, and a row of them as a change.

use arrow::array::{
    Array, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use covenant_model::change::{Change, Key};
use covenant_model::columns::{self, LandingColumn, LandingRole, landing_columns};
use covenant_model::join::{Existence, GroupState, RowState};
use covenant_model::spec::EntitySpec;
use covenant_model::value::{LogicalType, Value};
use covenant_model::version::{Guard, Version};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::parquet::{arrow_type, corrupt};
use crate::error::{Result, RuntimeError};

/// A typed column of the batch.
enum Typed<'a> {
    Bool(&'a BooleanArray),
    Int32(&'a Int32Array),
    Int64(&'a Int64Array),
    Decimal(&'a Decimal128Array),
    Text(&'a StringArray),
    Date(&'a Date32Array),
    Micros(&'a TimestampMicrosecondArray),
    Bytes(&'a BinaryArray),
}

/// A column, and the logical type that its values have.
struct Source<'a> {
    name: String,
    typed: Typed<'a>,
    ty: LogicalType,
}

struct Group<'a> {
    guard: Option<Source<'a>>,
    /// None: the file is older than the column.
    stored: Vec<Option<Source<'a>>>,
}

/// The columns of a batch by what they are for.
pub(super) struct Columns<'a> {
    entity: &'a EntitySpec,
    key: Vec<Source<'a>>,
    moved_from: Vec<Source<'a>>,
    version: Source<'a>,
    source: Source<'a>,
    committed_at: Source<'a>,
    exists: Source<'a>,
    alive: Source<'a>,
    groups: Vec<Group<'a>>,
}

impl<'a> Columns<'a> {
    /// Finds every column of the contract in the batch.
    pub(super) fn new(entity: &'a EntitySpec, batch: &'a RecordBatch) -> Result<Self> {
        let wanted = landing_columns(entity);
        let find = |role: &LandingRole| -> Result<Option<Source<'a>>> {
            let Some(column) = wanted.iter().find(|column| column.role == *role) else {
                return Ok(None);
            };
            let Some(at) = place(batch, column.parquet_id) else { return Ok(None) };
            typed(entity, batch, at, column).map(Some)
        };
        let need = |role: LandingRole| {
            find(&role)?.ok_or_else(|| corrupt(entity, format!("it has no column for {role:?}")))
        };
        let width = columns::of_key(entity).len();
        let mut groups = Vec::with_capacity(entity.groups.len());
        for ix in 0..entity.groups.len() {
            let stored = (0..columns::of_group(entity, ix).len())
                .map(|at| find(&LandingRole::Stored(ix, at)))
                .collect::<Result<Vec<_>>>()?;
            groups.push(Group { guard: find(&LandingRole::Guard(ix))?, stored });
        }
        Ok(Self {
            entity,
            key: (0..width).map(|at| need(LandingRole::Key(at))).collect::<Result<_>>()?,
            moved_from: (0..width)
                .map(|at| need(LandingRole::MovedFrom(at)))
                .collect::<Result<_>>()?,
            version: need(LandingRole::Version)?,
            source: need(LandingRole::Source)?,
            committed_at: need(LandingRole::CommittedAt)?,
            exists: need(LandingRole::Exists)?,
            alive: need(LandingRole::Alive)?,
            groups,
        })
    }

    /// A row as a change.
    pub(super) fn change(&self, row: usize) -> Result<Change> {
        let version = self
            .number(&self.version, row)?
            .and_then(Version::from_packed)
            .ok_or_else(|| self.bad(&self.version))?;
        let Value::Text(source) = self.value(&self.source, row)? else {
            return Err(self.bad(&self.source));
        };
        let Value::Timestamp(committed_at_us) = self.value(&self.committed_at, row)? else {
            return Err(self.bad(&self.committed_at));
        };
        let mut groups = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            groups.push(self.group(group, row)?);
        }
        let moved_from = self.key(&self.moved_from, row)?;
        Ok(Change {
            key: self.key(&self.key, row)?,
            source,
            version,
            committed_at_us,
            moved_from: (!moved_from.0.iter().all(Value::is_null)).then_some(moved_from),
            state: RowState { existence: self.existence(row)?, groups },
        })
    }

    fn key(&self, columns: &[Source<'_>], row: usize) -> Result<Key> {
        columns.iter().map(|column| self.value(column, row)).collect::<Result<_>>().map(Key)
    }

    fn existence(&self, row: usize) -> Result<Option<Existence>> {
        let Some(guard) = self.guard(&self.exists, row)? else { return Ok(None) };
        match self.value(&self.alive, row)? {
            Value::Bool(alive) => Ok(Some(Existence { guard, alive })),
            Value::Null
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Text(_)
            | Value::Uuid(_)
            | Value::Date(_)
            | Value::Timestamp(_)
            | Value::Bytes(_) => Err(self.bad(&self.alive)),
        }
    }

    fn group(&self, group: &Group<'_>, row: usize) -> Result<Option<GroupState>> {
        let Some(column) = &group.guard else { return Ok(None) };
        let Some(guard) = self.guard(column, row)? else { return Ok(None) };
        let mut values = Vec::with_capacity(group.stored.len());
        for column in &group.stored {
            values.push(match column {
                Some(column) => self.value(column, row)?,
                None => Value::Null,
            });
        }
        Ok(Some(GroupState { guard, values }))
    }

    fn guard(&self, column: &Source<'_>, row: usize) -> Result<Option<Guard>> {
        match self.number(column, row)? {
            None => Ok(None),
            Some(number) => Guard::from_packed(number).map(Some).ok_or_else(|| self.bad(column)),
        }
    }

    fn number(&self, column: &Source<'_>, row: usize) -> Result<Option<u128>> {
        match self.value(column, row)? {
            Value::Null => Ok(None),
            Value::Decimal(number) => {
                u128::try_from(number).map(Some).map_err(|_| self.bad(column))
            }
            Value::Bool(_)
            | Value::Int(_)
            | Value::Text(_)
            | Value::Uuid(_)
            | Value::Date(_)
            | Value::Timestamp(_)
            | Value::Bytes(_) => Err(self.bad(column)),
        }
    }

    fn value(&self, column: &Source<'_>, row: usize) -> Result<Value> {
        macro_rules! read {
            ($array:expr, $as:expr) => {
                if $array.is_null(row) { Value::Null } else { $as($array.value(row)) }
            };
        }
        Ok(match &column.typed {
            Typed::Bool(array) => read!(array, Value::Bool),
            Typed::Int32(array) => read!(array, |number| Value::Int(i64::from(number))),
            Typed::Int64(array) => read!(array, Value::Int),
            Typed::Decimal(array) => read!(array, Value::Decimal),
            Typed::Date(array) => read!(array, Value::Date),
            Typed::Micros(array) => read!(array, Value::Timestamp),
            Typed::Bytes(array) => read!(array, |bytes: &[u8]| Value::Bytes(bytes.to_vec())),
            Typed::Text(array) if array.is_null(row) => Value::Null,
            Typed::Text(array) if column.ty == LogicalType::Uuid => {
                let uuid: Result<uuid::Uuid, _> = array.value(row).parse();
                Value::Uuid(uuid.map_err(|_| self.bad(column))?.as_u128())
            }
            Typed::Text(array) => Value::Text(array.value(row).to_owned()),
        })
    }

    fn bad(&self, column: &Source<'_>) -> RuntimeError {
        corrupt(self.entity, format!("column {} holds a value that it cannot hold", column.name))
    }
}

fn place(batch: &RecordBatch, id: i32) -> Option<usize> {
    let id = id.to_string();
    batch
        .schema_ref()
        .fields()
        .iter()
        .position(|field| field.metadata().get(PARQUET_FIELD_ID_META_KEY) == Some(&id))
}

fn typed<'a>(
    entity: &EntitySpec,
    batch: &'a RecordBatch,
    at: usize,
    column: &LandingColumn,
) -> Result<Source<'a>> {
    let array = batch.column(at).as_any();
    let typed = array
        .downcast_ref()
        .map(Typed::Bool)
        .or_else(|| array.downcast_ref().map(Typed::Int32))
        .or_else(|| array.downcast_ref().map(Typed::Int64))
        .or_else(|| array.downcast_ref().map(Typed::Decimal))
        .or_else(|| array.downcast_ref().map(Typed::Text))
        .or_else(|| array.downcast_ref().map(Typed::Date))
        .or_else(|| array.downcast_ref().map(Typed::Micros))
        .or_else(|| array.downcast_ref().map(Typed::Bytes));
    let found = batch.column(at).data_type();
    let expected = arrow_type(column.ty);
    match typed {
        Some(typed) if readable(found, &expected) => {
            Ok(Source { name: column.name.clone(), typed, ty: logical_type(entity, column) })
        }
        Some(_) | None => Err(corrupt(
            entity,
            format!("column {} is {found}, the contract says {expected}", column.name),
        )),
    }
}

/// The same type, or a narrower one that an older contract version wrote (`int32` to `int64`, more digits before the point).
fn readable(found: &arrow::datatypes::DataType, expected: &arrow::datatypes::DataType) -> bool {
    use arrow::datatypes::DataType;
    if found == expected || (*found == DataType::Int32 && *expected == DataType::Int64) {
        return true;
    }
    if let (DataType::Decimal128(old, old_scale), DataType::Decimal128(new, new_scale)) =
        (found, expected)
    {
        return old <= new && old_scale == new_scale;
    }
    false
}

fn logical_type(entity: &EntitySpec, column: &LandingColumn) -> LogicalType {
    let of = |columns: Vec<columns::StoredColumn>, at: usize| {
        columns.into_iter().nth(at).map(|column| column.ty)
    };
    let text = LogicalType::String { max_chars: None };
    match column.role {
        LandingRole::Key(at) | LandingRole::MovedFrom(at) => of(columns::of_key(entity), at),
        LandingRole::Stored(group, at) => of(columns::of_group(entity, group), at),
        LandingRole::Version
        | LandingRole::Source
        | LandingRole::CommittedAt
        | LandingRole::Exists
        | LandingRole::Alive
        | LandingRole::Guard(_) => None,
    }
    .unwrap_or(text)
}
