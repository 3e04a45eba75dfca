//! Changes to Parquet and back. Columns are exactly [`landing_columns`]; a reader finds them by **field id**, so that any binary
//! reads the files of every contract version: a renamed column is found, a column that the file does not have yet reads as
//! NULL, one that the contract no longer has is not read.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array,
    RecordBatch, StringBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use covenant_model::change::Change;
use covenant_model::columns::{LandingColumn, LandingRole, LandingType, landing_columns};
use covenant_model::spec::EntitySpec;
use covenant_model::value::Value;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::parquet_read::Columns;
use crate::error::{ErrorKind, Result, RuntimeError};

/// zstd level: 1 costs about as much as writing uncompressed to a disk, and halves what travels.
const ZSTD_LEVEL: i32 = 1;
/// Rows that are read at once.
const READ_ROWS: usize = 8_192;

/// Writes changes as one Parquet file. The same changes give the same bytes.
///
/// # Errors
/// `Bug` where a value does not have its column's type.
pub fn encode(entity: &EntitySpec, changes: &[Change]) -> Result<Vec<u8>> {
    let columns = landing_columns(entity);
    let mut arrays = Vec::with_capacity(columns.len());
    for column in &columns {
        arrays.push(array(entity, column, changes)?);
    }
    let schema = Arc::new(Schema::new(columns.iter().map(arrow_field).collect::<Vec<_>>()));
    let fail = |error: &dyn std::fmt::Display| bug(entity, error);
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(|error| fail(&error))?;
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(|error| fail(&error))?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(|error| fail(&error))?;
    writer.write(&batch).map_err(|error| fail(&error))?;
    writer.into_inner().map_err(|error| fail(&error))
}

/// Reads changes back.
///
/// # Errors
/// `Corrupt` where the bytes are no such file, or a column has another type than the contract says.
pub fn decode(entity: &EntitySpec, bytes: Bytes) -> Result<Vec<Change>> {
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| corrupt(entity, error))?;
    let reader =
        builder.with_batch_size(READ_ROWS).build().map_err(|error| corrupt(entity, error))?;
    let mut changes = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| corrupt(entity, error))?;
        let columns = Columns::new(entity, &batch)?;
        changes.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            changes.push(columns.change(row)?);
        }
    }
    Ok(changes)
}

/// The Arrow field of a landing column, with its Parquet field id.
pub fn arrow_field(column: &LandingColumn) -> Field {
    let id = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), column.parquet_id.to_string())]);
    Field::new(&column.name, arrow_type(column.ty), column.nullable).with_metadata(id)
}

/// The Arrow type of a landing type.
pub fn arrow_type(ty: LandingType) -> DataType {
    match ty {
        LandingType::Bool => DataType::Boolean,
        LandingType::Int32 => DataType::Int32,
        LandingType::Int64 => DataType::Int64,
        LandingType::Decimal { precision, scale } => {
            DataType::Decimal128(precision, i8::try_from(scale).unwrap_or(i8::MAX))
        }
        LandingType::Text => DataType::Utf8,
        LandingType::Date => DataType::Date32,
        LandingType::TimestampMicros => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        LandingType::Bytes => DataType::Binary,
    }
}

/// What stands in a column of one row.
#[derive(Clone, Copy)]
enum Slot<'a> {
    Null,
    Number(u128),
    Micros(i64),
    Flag(bool),
    Text(&'a str),
    Value(&'a Value),
}

fn slot<'a>(change: &'a Change, role: &LandingRole) -> Slot<'a> {
    let value = |value: Option<&'a Value>| match value {
        None | Some(Value::Null) => Slot::Null,
        Some(value) => Slot::Value(value),
    };
    match role {
        LandingRole::Key(at) => value(change.key.0.get(*at)),
        LandingRole::Version => Slot::Number(change.version.packed()),
        LandingRole::Source => Slot::Text(&change.source),
        LandingRole::CommittedAt => Slot::Micros(change.committed_at_us),
        LandingRole::Exists => match change.state.existence {
            Some(existence) => Slot::Number(existence.guard.packed()),
            None => Slot::Null,
        },
        LandingRole::Alive => match change.state.existence {
            Some(existence) => Slot::Flag(existence.alive),
            None => Slot::Null,
        },
        LandingRole::MovedFrom(at) => {
            value(change.moved_from.as_ref().and_then(|key| key.0.get(*at)))
        }
        LandingRole::Guard(group) => match change.state.groups.get(*group) {
            Some(Some(state)) => Slot::Number(state.guard.packed()),
            Some(None) | None => Slot::Null,
        },
        LandingRole::Stored(group, at) => match change.state.groups.get(*group) {
            Some(Some(state)) => value(state.values.get(*at)),
            Some(None) | None => Slot::Null,
        },
    }
}

fn array(entity: &EntitySpec, column: &LandingColumn, changes: &[Change]) -> Result<ArrayRef> {
    let mismatch = || bug(entity, &format!("column {} got a value of another type", column.name));
    let arrow_error = |error: arrow::error::ArrowError| bug(entity, &error);
    Ok(match column.ty {
        LandingType::Bool => Arc::new(
            collect(column, changes, flag, mismatch)?.into_iter().collect::<BooleanArray>(),
        ),
        LandingType::Int32 => {
            Arc::new(Int32Array::from(collect(column, changes, int32, mismatch)?))
        }
        LandingType::Int64 => {
            Arc::new(Int64Array::from(collect(column, changes, int64, mismatch)?))
        }
        LandingType::Decimal { precision, scale } => {
            let scale = i8::try_from(scale).map_err(|_| mismatch())?;
            let numbers = Decimal128Array::from(collect(column, changes, decimal, mismatch)?);
            Arc::new(numbers.with_precision_and_scale(precision, scale).map_err(arrow_error)?)
        }
        LandingType::Text => texts(column, changes, mismatch)?,
        LandingType::Date => Arc::new(Date32Array::from(collect(column, changes, date, mismatch)?)),
        LandingType::TimestampMicros => Arc::new(
            TimestampMicrosecondArray::from(collect(column, changes, micros, mismatch)?)
                .with_timezone("UTC"),
        ),
        LandingType::Bytes => {
            Arc::new(BinaryArray::from(collect(column, changes, binary, mismatch)?))
        }
    })
}

/// The values of one column; `read` gives none where the value is of another type.
fn collect<'a, T>(
    column: &LandingColumn,
    changes: &'a [Change],
    read: impl Fn(Slot<'a>) -> Option<T>,
    mismatch: impl Fn() -> RuntimeError,
) -> Result<Vec<Option<T>>> {
    let mut values = Vec::with_capacity(changes.len());
    for change in changes {
        let slot = slot(change, &column.role);
        let filled = !matches!(slot, Slot::Null);
        values.push(if filled { Some(read(slot).ok_or_else(&mismatch)?) } else { None });
    }
    Ok(values)
}

fn texts(
    column: &LandingColumn,
    changes: &[Change],
    mismatch: impl Fn() -> RuntimeError,
) -> Result<ArrayRef> {
    let mut builder = StringBuilder::with_capacity(changes.len(), changes.len() * 24);
    let mut buffer = uuid::Uuid::encode_buffer();
    for change in changes {
        match slot(change, &column.role) {
            Slot::Null => builder.append_null(),
            Slot::Text(text) => builder.append_value(text),
            Slot::Value(Value::Text(text)) => builder.append_value(text),
            Slot::Value(Value::Uuid(number)) => {
                let uuid = uuid::Uuid::from_u128(*number);
                builder.append_value(&*uuid.hyphenated().encode_lower(&mut buffer));
            }
            Slot::Value(_) | Slot::Number(_) | Slot::Micros(_) | Slot::Flag(_) => {
                return Err(mismatch());
            }
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn flag(slot: Slot<'_>) -> Option<bool> {
    if let Slot::Flag(flag) = slot {
        return Some(flag);
    }
    if let Slot::Value(Value::Bool(flag)) = slot { Some(*flag) } else { None }
}

fn int32(slot: Slot<'_>) -> Option<i32> {
    int64(slot).and_then(|number| i32::try_from(number).ok())
}

fn int64(slot: Slot<'_>) -> Option<i64> {
    if let Slot::Value(Value::Int(number)) = slot { Some(*number) } else { None }
}

fn decimal(slot: Slot<'_>) -> Option<i128> {
    if let Slot::Number(number) = slot {
        return i128::try_from(number).ok();
    }
    if let Slot::Value(Value::Decimal(number)) = slot { Some(*number) } else { None }
}

fn date(slot: Slot<'_>) -> Option<i32> {
    if let Slot::Value(Value::Date(days)) = slot { Some(*days) } else { None }
}

fn micros(slot: Slot<'_>) -> Option<i64> {
    if let Slot::Micros(micros) = slot {
        return Some(micros);
    }
    if let Slot::Value(Value::Timestamp(micros)) = slot { Some(*micros) } else { None }
}

fn binary(slot: Slot<'_>) -> Option<&[u8]> {
    if let Slot::Value(Value::Bytes(bytes)) = slot { Some(bytes.as_slice()) } else { None }
}

fn bug(entity: &EntitySpec, why: &dyn std::fmt::Display) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Bug,
        "landing",
        format!("changes of {} cannot be written as Parquet: {why}", entity.name),
        "Nothing was landed. Please report it.",
    )
}

/// A file that is not what the contract says.
pub(super) fn corrupt(entity: &EntitySpec, why: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Corrupt,
        "landing",
        format!("a data file of {} cannot be read: {why}", entity.name),
        "Restore the file from a backup of the landing; its digest stands in the manifest.",
    )
}
