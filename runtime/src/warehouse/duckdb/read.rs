//! Reading: counts, cycles, and whole rows back in the runtime's own form.

use std::collections::BTreeMap;

use ::duckdb::{Connection, Row, params_from_iter};
use covenant_model::change::Key;
use covenant_model::columns::{self, LandingType, StoredColumn, names};
use covenant_model::join::{Existence, GroupState, RowState};
use covenant_model::spec::EntitySpec;
use covenant_model::value::{LogicalType, Value, decimal_from_text, decimal_to_text};
use covenant_model::version::Guard;

use super::check::type_name;
use super::{PLACE, failed, quoted, table};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::CommitNumber;
use crate::warehouse::{Cycle, TableCounts};

/// Keys that one query asks for.
const KEYS_PER_QUERY: usize = 1_000;

pub(super) fn cycles(db: &Connection) -> Result<BTreeMap<String, Cycle>> {
    let reading = |error| failed("reading the cycles", error);
    let mut statement = db
        .prepare(
            "SELECT model, max(cycle), arg_max(commit_number, cycle), max(rebuilt_us) \
             FROM COVENANT.CYCLES GROUP BY 1",
        )
        .map_err(reading)?;
    let found = statement
        .query_map([], |row| {
            let commit = CommitNumber(row.get(2)?);
            let cycle = Cycle { number: row.get(1)?, commit, rebuilt_us: row.get(3)? };
            Ok((row.get(0)?, cycle))
        })
        .map_err(reading)?;
    found.collect::<::duckdb::Result<_>>().map_err(reading)
}

pub(super) fn counts(db: &Connection, entity: &EntitySpec) -> Result<TableCounts> {
    let reading = |error| failed("counting rows", error);
    let one = |query: String| db.query_row(&query, [], |row| row.get::<_, u64>(0)).map_err(reading);
    let state = table(entity, "_STATE")?;
    let history = entity.warehouse.as_ref().is_some_and(|sink| sink.history);
    Ok(TableCounts {
        presented: one(format!("SELECT count(*) FROM {}", table(entity, "")?))?,
        tombstones: one(format!("SELECT count(*) FROM {state} WHERE NOT _alive"))?,
        incomplete: incomplete(db, entity)?,
        history: match history {
            true => one(format!("SELECT count(*) FROM {}", table(entity, "_HISTORY")?))?,
            false => 0,
        },
    })
}

/// One column is read, and of blocks without a NULL not even that.
pub(super) fn incomplete(db: &Connection, entity: &EntitySpec) -> Result<u64> {
    let state = table(entity, "_STATE")?;
    let query = format!("SELECT count(*) FROM {state} WHERE {} IS NULL", names::EXISTS);
    db.query_row(&query, [], |row| row.get(0))
        .map_err(|error| failed("counting incomplete rows", error))
}

pub(super) fn scan(
    db: &Connection,
    entity: &EntitySpec,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<(Key, RowState)>> {
    let key = columns::of_key(entity);
    let names = key_names(&key);
    let behind = match after {
        Some(_) => format!("WHERE ({names}) > ({})", marks(&key)),
        None => String::new(),
    };
    let query = format!("{} {behind} ORDER BY {names} LIMIT {limit}", select(entity, &key)?);
    let bound = after.map(|after| key_texts(&key, after)).unwrap_or_default();
    query_rows(db, entity, &key, &query, bound)
}

/// Rows by their keys, in pieces that stay below the library's number of parameters.
pub(super) fn rows(
    db: &Connection,
    entity: &EntitySpec,
    keys: &[Key],
) -> Result<Vec<(Key, RowState)>> {
    let key = columns::of_key(entity);
    let select = select(entity, &key)?;
    let mut found = Vec::new();
    for piece in keys.chunks(KEYS_PER_QUERY) {
        let rows = vec![format!("({})", marks(&key)); piece.len()].join(", ");
        let query = format!("{select} WHERE ({}) IN (VALUES {rows})", key_names(&key));
        let bound = piece.iter().flat_map(|value| key_texts(&key, value)).collect();
        found.extend(query_rows(db, entity, &key, &query, bound)?);
    }
    Ok(found)
}

fn key_names(key: &[StoredColumn]) -> String {
    key.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ")
}

/// A parameter for each column of a key.
fn marks(key: &[StoredColumn]) -> String {
    let mark =
        |column: &StoredColumn| format!("CAST(? AS {})", type_name(LandingType::of(&column.ty)));
    key.iter().map(mark).collect::<Vec<_>>().join(", ")
}

fn key_texts(key: &[StoredColumn], values: &Key) -> Vec<String> {
    key.iter().zip(&values.0).map(|(column, value)| bound(column, value)).collect()
}

/// Every column of the state that [`row_of`] reads, in its order.
fn select(entity: &EntitySpec, key: &[StoredColumn]) -> Result<String> {
    let mut selected: Vec<String> = key.iter().map(text_of).collect();
    selected.push(format!("CAST({} AS VARCHAR)", names::EXISTS));
    selected.push(format!("CAST({} AS VARCHAR)", names::ALIVE));
    for ix in 0..entity.groups.len() {
        let guard = columns::guard_name(entity, ix);
        selected.push(format!("CAST({} AS VARCHAR)", quoted(&guard)));
        selected.extend(columns::of_group(entity, ix).iter().map(text_of));
    }
    Ok(format!("SELECT {} FROM {}", selected.join(", "), table(entity, "_STATE")?))
}

fn query_rows(
    db: &Connection,
    entity: &EntitySpec,
    key: &[StoredColumn],
    query: &str,
    bound: Vec<String>,
) -> Result<Vec<(Key, RowState)>> {
    let reading = |error| failed("reading rows", error);
    let mut statement = db.prepare(query).map_err(reading)?;
    let mut rows = statement.query(params_from_iter(bound)).map_err(reading)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(reading)? {
        found.push(row_of(entity, key, row)?);
    }
    Ok(found)
}

/// A column as text that [`value_of`] reads back.
fn text_of(column: &StoredColumn) -> String {
    let name = quoted(&column.name);
    match LandingType::of(&column.ty) {
        LandingType::Date => format!("CAST({name} - DATE '1970-01-01' AS VARCHAR)"),
        LandingType::TimestampMicros => format!("CAST(epoch_us({name}) AS VARCHAR)"),
        LandingType::Bytes => format!("hex({name})"),
        LandingType::Bool
        | LandingType::Int32
        | LandingType::Int64
        | LandingType::Decimal { .. }
        | LandingType::Text => format!("CAST({name} AS VARCHAR)"),
    }
}

fn row_of(entity: &EntitySpec, key: &[StoredColumn], row: &Row<'_>) -> Result<(Key, RowState)> {
    let mut at = 0;
    let mut next = || -> Result<Option<String>> {
        let text = row.get(at).map_err(|error| failed("reading a row", error))?;
        at += 1;
        Ok(text)
    };
    let mut values = Vec::with_capacity(key.len());
    for column in key {
        values.push(value_of(column, next()?)?);
    }
    let exists = guard_of(next()?)?;
    let alive = next()?.as_deref() == Some("true");
    let mut state = RowState::empty(entity.groups.len());
    state.existence = exists.map(|guard| Existence { guard, alive });
    for (ix, slot) in state.groups.iter_mut().enumerate() {
        let guard = guard_of(next()?)?;
        let mut values = Vec::new();
        for column in columns::of_group(entity, ix) {
            values.push(value_of(&column, next()?)?);
        }
        *slot = guard.map(|guard| GroupState { guard, values });
    }
    Ok((Key(values), state))
}

fn guard_of(text: Option<String>) -> Result<Option<Guard>> {
    text.map(|text| text.parse().map_err(|_| corrupt("a guard"))).transpose()
}

fn value_of(column: &StoredColumn, text: Option<String>) -> Result<Value> {
    let Some(text) = text else { return Ok(Value::Null) };
    let bad = || corrupt(&column.name);
    Ok(match &column.ty {
        LogicalType::Bool => Value::Bool(text == "true"),
        LogicalType::Int32 | LogicalType::Int64 => Value::Int(text.parse().map_err(|_| bad())?),
        LogicalType::Decimal { precision, scale } => {
            Value::Decimal(decimal_from_text(&text, *precision, *scale).map_err(|_| bad())?)
        }
        LogicalType::String { .. } | LogicalType::Enum { .. } | LogicalType::Json => {
            Value::Text(text)
        }
        LogicalType::Uuid => {
            Value::Uuid(uuid::Uuid::parse_str(&text).map_err(|_| bad())?.as_u128())
        }
        LogicalType::Date => Value::Date(text.parse().map_err(|_| bad())?),
        LogicalType::Timestamp => Value::Timestamp(text.parse().map_err(|_| bad())?),
        LogicalType::Bytes => Value::Bytes(hex::decode(text).map_err(|_| bad())?),
    })
}

/// A key value as the text that DuckDB casts to the column's type.
fn bound(column: &StoredColumn, value: &Value) -> String {
    match (value, &column.ty) {
        (Value::Decimal(unscaled), LogicalType::Decimal { scale, .. }) => {
            decimal_to_text(*unscaled, *scale)
        }
        (Value::Null, _) => String::new(),
        (Value::Bool(flag), _) => flag.to_string(),
        (Value::Int(number), _) => number.to_string(),
        (Value::Decimal(unscaled), _) => unscaled.to_string(),
        (Value::Text(text), _) => text.clone(),
        (Value::Uuid(number), _) => uuid::Uuid::from_u128(*number).to_string(),
        (Value::Date(days), _) => jiff::civil::date(1970, 1, 1)
            .saturating_add(jiff::Span::new().days(i64::from(*days)))
            .to_string(),
        (Value::Timestamp(us), _) => jiff::Timestamp::from_microsecond(*us)
            .map(|time| time.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string())
            .unwrap_or_default(),
        (Value::Bytes(bytes), _) => bytes.iter().map(|byte| format!("\\x{byte:02X}")).collect(),
    }
}

fn corrupt(what: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Corrupt,
        PLACE,
        format!("{what} holds a value that is none of its type"),
        "Somebody wrote into the table: restore it, or rebuild the warehouse from landing",
    )
}
