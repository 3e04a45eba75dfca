//! Opening: what is missing is created, what is there is held against the contract, and the fence is taken.

use std::collections::BTreeMap;

use ::duckdb::{Connection, params};
use covenant_model::columns::{LandingColumn, LandingRole, LandingType, landing_columns};
use covenant_model::spec::{EntitySpec, FieldSpec, Protection};

use super::{PLACE, failed};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::Epoch;
use crate::warehouse::fenced;
use crate::warehouse::sql::SqlFiles;

/// The tables that must be there whatever the contracts say.
const BATCHES: (&str, &str) = ("COVENANT", "BATCHES");
/// What to do about a table that is not what its contract says.
pub(super) const ADVICE_MISMATCH: &str =
    "Migrate the table, or correct the contract and build again";

pub(super) fn open(
    db: &Connection,
    sql: &SqlFiles,
    entities: &BTreeMap<String, EntitySpec>,
    epoch: Epoch,
) -> Result<()> {
    nothing_dropped(db, entities)?;
    for statement in sql.get("duckdb/schema.sql")? {
        db.execute_batch(statement).map_err(|error| failed("creating tables", error))?;
    }
    columns_match(db, entities, Missing::IsWrong)?;
    take_fence(db, epoch)
}

/// What [`open`] would refuse, seen before anything is changed.
pub(super) fn stands(db: &Connection, entities: &BTreeMap<String, EntitySpec>) -> Result<()> {
    nothing_dropped(db, entities)?;
    columns_match(db, entities, Missing::MayBeAdded)
}

/// What a column that is not there means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// The statements that add it have run.
    IsWrong,
    /// They have not.
    MayBeAdded,
}

/// A table that held rows and is gone must not be created empty: that would look like a loss at the source.
pub(super) fn nothing_dropped(
    db: &Connection,
    entities: &BTreeMap<String, EntitySpec>,
) -> Result<()> {
    if columns(db, BATCHES.0, BATCHES.1)?.is_empty() {
        return Ok(());
    }
    for entity in entities.values() {
        let Some(sink) = &entity.warehouse else { continue };
        let state = format!("{}_STATE", sink.table);
        if !columns(db, &sink.schema, &state)?.is_empty() {
            continue;
        }
        let loaded: i64 = db
            .query_row(
                "SELECT count(*) FROM COVENANT.BATCHES WHERE contains(entities, ?)",
                params![format!("\"{}\"", entity.name)],
                |row| row.get(0),
            )
            .map_err(|error| failed("reading the batch ledger", error))?;
        if loaded > 0 {
            return Err(RuntimeError::new(
                ErrorKind::SchemaMismatch,
                PLACE,
                format!(
                    "table {}.{state} of {} is gone, but {loaded} batches were applied to it",
                    sink.schema, entity.name
                ),
                format!(
                    "Restore the warehouse from a backup, or remove it whole to have it rebuilt from landing; or create the \
                     table empty by the statements of duckdb/schema.sql, start, and fill it by `covenant-runtime replay --from 1 \
                     --entity {}`",
                    entity.name
                ),
            ));
        }
    }
    Ok(())
}

/// Column -> type, as the warehouse has them.
fn columns(db: &Connection, schema: &str, table: &str) -> Result<BTreeMap<String, String>> {
    let reading = |error| failed("reading the schema", error);
    let mut statement = db
        .prepare(
            "SELECT lower(column_name), data_type FROM information_schema.columns \
             WHERE upper(table_schema) = upper(?) AND upper(table_name) = upper(?)",
        )
        .map_err(reading)?;
    let found = statement
        .query_map(params![schema, table], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(reading)?;
    found.collect::<::duckdb::Result<_>>().map_err(reading)
}

/// Every table that is not what the contracts say, in one error: all of them are mended together.
fn columns_match(
    db: &Connection,
    entities: &BTreeMap<String, EntitySpec>,
    missing: Missing,
) -> Result<()> {
    let mut all = Vec::new();
    for entity in entities.values() {
        let Some(mismatch) = mismatch(db, entity)? else { continue };
        let counts = |found: &Difference| missing == Missing::IsWrong || !found.is_added;
        let found = mismatch.differences.into_iter().filter(counts);
        let found = found.map(|difference| difference.what).collect::<Vec<_>>().join(", ");
        if found.is_empty() {
            continue;
        }
        all.push(format!("{} does not match {}: {found}", mismatch.table, entity.name));
    }
    if all.is_empty() {
        return Ok(());
    }
    Err(RuntimeError::new(ErrorKind::SchemaMismatch, PLACE, all.join("; "), ADVICE_MISMATCH))
}

/// What a table lacks or has otherwise than the contract says.
pub(super) struct Mismatch {
    /// `SALES.ORDERS_STATE`.
    pub(super) table: String,
    /// Not empty.
    pub(super) differences: Vec<Difference>,
}

/// One column, with both sides.
pub(super) struct Difference {
    /// In words.
    pub(super) what: String,
    /// Whether a start adds what is missing by itself.
    pub(super) is_added: bool,
}

/// Holds a table against its contract. None where they are the same.
pub(super) fn mismatch(db: &Connection, entity: &EntitySpec) -> Result<Option<Mismatch>> {
    let Some(sink) = &entity.warehouse else { return Ok(None) };
    let table = format!("{}_STATE", sink.table);
    let found = columns(db, &sink.schema, &table)?;
    let mut differences = Vec::new();
    for column in landing_columns(entity) {
        let is_added = match column.role {
            LandingRole::Key(_) | LandingRole::Exists | LandingRole::Alive => false,
            LandingRole::Guard(_) | LandingRole::Stored(_, _) => true,
            LandingRole::Version
            | LandingRole::Source
            | LandingRole::CommittedAt
            | LandingRole::MovedFrom(_) => continue,
        };
        let (name, expected) = (&column.name, expected(db, entity, &column)?);
        match found.get(&name.to_lowercase()) {
            Some(actual) if *actual == expected => {}
            Some(actual) => {
                let what =
                    format!("{name} is {expected} in the contract and {actual} in the warehouse");
                differences.push(Difference { what, is_added: false });
            }
            None => {
                let what = format!("{name} ({expected}) is missing in the warehouse");
                differences.push(Difference { what, is_added });
            }
        }
    }
    let table = format!("{}.{table}", sink.schema);
    // A table that is not there at all is created.
    let stands = !differences.is_empty() && !found.is_empty();
    Ok(stands.then_some(Mismatch { table, differences }))
}

/// The type that the contract asks for, by the name that DuckDB shows: `NUMERIC(18,2)` is its `DECIMAL(18,2)`.
fn expected(db: &Connection, entity: &EntitySpec, column: &LandingColumn) -> Result<String> {
    let of = |field: &&FieldSpec| field.name == column.name && !is_text_instead(field);
    let declared =
        entity.fields.iter().find(of).and_then(|field| field.terms.types.duckdb.as_ref());
    let Some(declared) = declared else { return Ok(type_name(column.ty)) };
    let shown = format!("SELECT typeof(CAST(NULL AS {declared}))");
    db.query_row(&shown, [], |row| row.get(0))
        .map_err(|error| failed("reading the type of a column", error))
}

/// Whether a ciphertext or a token stands in its place.
fn is_text_instead(field: &FieldSpec) -> bool {
    match field.pii.as_ref().map(|pii| pii.protect) {
        None | Some(Protection::Mask) => false,
        Some(Protection::Encrypt | Protection::Tokenize | Protection::Drop) => true,
    }
}

/// DuckDB's name of a landing type.
pub(super) fn type_name(ty: LandingType) -> String {
    match ty {
        LandingType::Bool => "BOOLEAN".to_owned(),
        LandingType::Int32 => "INTEGER".to_owned(),
        LandingType::Int64 => "BIGINT".to_owned(),
        LandingType::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
        LandingType::Text => "VARCHAR".to_owned(),
        LandingType::Date => "DATE".to_owned(),
        LandingType::TimestampMicros => "TIMESTAMP".to_owned(),
        LandingType::Bytes => "BLOB".to_owned(),
    }
}

fn take_fence(db: &Connection, epoch: Epoch) -> Result<()> {
    let taken = db
        .execute(
            "UPDATE COVENANT.FENCE SET token = ? WHERE name = 'apply' AND token <= ?",
            params![epoch.0, epoch.0],
        )
        .map_err(|error| failed("taking the fence", error))?;
    if taken == 1 { Ok(()) } else { Err(fenced(epoch)) }
}
