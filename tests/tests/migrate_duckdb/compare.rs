//! What must be the same after a migration: no old value is lost, and nothing differs from a fresh build.

use std::collections::{BTreeMap, BTreeSet};

use ::duckdb::Connection;
use covenant_model::columns::{StoredColumn, of_field, of_key};
use covenant_model::spec::{EntitySpec, FieldSpec};

fn table(entity: &EntitySpec, end: &str) -> Option<String> {
    let sink = entity.warehouse.as_ref()?;
    Some(format!("{}.{}{end}", sink.schema, sink.table))
}

pub(crate) fn count(db: &Connection, sql: &str) -> Result<i64, String> {
    db.query_row(sql, [], |row| row.get(0)).map_err(|error| format!("{sql}: {error}"))
}

/// Every old value is still somewhere: in its column, in the one set aside, or in the copy.
pub(crate) fn kept(db: &Connection, old: &EntitySpec, new: &EntitySpec, wrong: &mut Vec<String>) {
    let history = old.warehouse.as_ref().is_some_and(|sink| sink.history);
    let ends = if history { &["_STATE", "_HISTORY"][..] } else { &["_STATE"][..] };
    for end in ends {
        let Some(was) = table(old, end) else { return };
        let is = table(new, end).unwrap_or_else(|| was.clone());
        let rows = count(db, &format!("SELECT count(*) FROM was.{was}")).unwrap();
        assert!(rows > 0, "{was} is empty");
        let ids = |entity: &EntitySpec| -> BTreeSet<i32> {
            of_key(entity).iter().map(|column| column.parquet_id).collect()
        };
        if ids(old) != ids(new) {
            let aside = format!("{was}_WAS_{}", suffix(old));
            let found = count(db, &format!("SELECT count(*) FROM {aside}"));
            if found != Ok(rows) {
                wrong.push(format!("{was} had {rows} rows, set aside are {found:?}"));
            }
            continue;
        }
        let tables = Tables { db, old, new, was, is };
        for (ix, field) in old.fields.iter().enumerate() {
            let columns = of_field(field, ix);
            wrong.extend(columns.iter().filter_map(|column| tables.lost(field, column)));
        }
    }
}

fn suffix(old: &EntitySpec) -> String {
    old.version.replace('.', "_")
}

/// A table before and after.
struct Tables<'a> {
    db: &'a Connection,
    old: &'a EntitySpec,
    new: &'a EntitySpec,
    was: String,
    is: String,
}

impl Tables<'_> {
    /// What is said where no place holds all values of a column.
    fn lost(&self, field: &FieldSpec, column: &StoredColumn) -> Option<String> {
        let value = renamed(field, self.new, &format!("o.\"{}\"", column.name));
        let ty = type_of(self.db, &self.was, &column.name);
        let mut said = Vec::new();
        for (place, name) in self.places(column) {
            let lost = count(
                self.db,
                &format!(
                    "SELECT count(*) FROM was.{} AS o LEFT JOIN (SELECT *, TRUE AS there FROM {place}) AS n \
                     ON {} WHERE n.there IS NULL OR CAST({value} AS VARCHAR) IS DISTINCT FROM \
                     CAST(TRY_CAST(n.\"{name}\" AS {ty}) AS VARCHAR)",
                    self.was,
                    self.same_row(),
                ),
            );
            if lost == Ok(0) {
                return None;
            }
            said.push(format!("{place}.{name}: {lost:?}"));
        }
        Some(format!("{}.{} is lost: {}", self.was, column.name, said.join("; ")))
    }

    fn same_row(&self) -> String {
        let after = of_key(self.new);
        let pair = |old: &StoredColumn| {
            let new = after.iter().find(|new| new.parquet_id == old.parquet_id);
            let new = new.map_or(&old.name, |new| &new.name);
            format!("CAST(o.\"{}\" AS VARCHAR) = CAST(n.\"{new}\" AS VARCHAR)", old.name)
        };
        let mut all: Vec<String> = of_key(self.old).iter().map(pair).collect();
        if self.is.ends_with("_HISTORY") {
            all.push("o._version = n._version AND o._source = n._source".to_owned());
        }
        all.join(" AND ")
    }

    /// Where a value of before may be.
    fn places(&self, column: &StoredColumn) -> Vec<(String, String)> {
        let (is, suffix) = (&self.is, suffix(self.old));
        let now = self.new.fields.iter().enumerate().flat_map(|(ix, field)| of_field(field, ix));
        let same = now
            .filter(|now| now.parquet_id == column.parquet_id && now.part == column.part)
            .map(|now| (is.clone(), now.name));
        let mut all: Vec<(String, String)> = same.collect();
        let goes = all.is_empty();
        all.push((is.clone(), format!("_was_{suffix}_{}", column.name)));
        if is.ends_with("_HISTORY") {
            // It only grows: nothing empties a column that stands still.
            all.push((is.clone(), column.name.clone()));
        } else if goes {
            all.push((format!("{is}_WAS_{suffix}"), column.name.clone()));
        }
        all
    }
}

fn type_of(db: &Connection, table: &str, column: &str) -> String {
    let (schema, table) = table.split_once('.').unwrap();
    db.query_row(
        "SELECT data_type FROM duckdb_columns() WHERE database_name = 'was' AND schema_name = ? \
         AND table_name = ? AND column_name = ?",
        [schema, table, column],
        |row| row.get(0),
    )
    .unwrap()
}

/// The old value by the new names of its symbols.
fn renamed(field: &FieldSpec, new: &EntitySpec, value: &str) -> String {
    let after = new.fields.iter().find(|after| after.id == field.id);
    let names = after.map(|after| after.evolution.renamed.clone()).unwrap_or_default();
    let whens: String =
        names.iter().map(|(was, is)| format!(" WHEN '{was}' THEN '{is}'")).collect();
    if whens.is_empty() {
        value.to_owned()
    } else {
        format!("CASE {value}{whens} ELSE {value} END")
    }
}

/// Columns of tables and views by database.
fn columns(
    db: &Connection,
    database: &str,
) -> BTreeMap<(String, String), BTreeMap<String, String>> {
    let mut all: BTreeMap<_, BTreeMap<String, String>> = BTreeMap::new();
    let mut statement = db
        .prepare(
            "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() \
             WHERE database_name = ? AND NOT internal",
        )
        .unwrap();
    let mut rows = statement.query([database]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let at = (row.get::<_, String>(0).unwrap(), row.get::<_, String>(1).unwrap());
        all.entry(at).or_default().insert(row.get(2).unwrap(), row.get(3).unwrap());
    }
    all
}

/// What is set aside is gone: nothing is more, less or otherwise than in a fresh build; every view runs.
pub(crate) fn shape(db: &Connection, wrong: &mut Vec<String>) {
    let (migrated, fresh) = (columns(db, "migrated"), columns(db, "fresh"));
    for (at, columns) in &fresh {
        if migrated.get(at) != Some(columns) {
            let is = migrated.get(at).cloned().unwrap_or_default();
            let less: Vec<_> = columns.iter().filter(|one| is.get(one.0) != Some(one.1)).collect();
            let more: Vec<_> = is.iter().filter(|one| columns.get(one.0) != Some(one.1)).collect();
            wrong.push(format!("{at:?}: fresh {less:?}, migrated {more:?}"));
        }
        if let Err(why) = count(db, &format!("SELECT count(*) FROM {}.{}", at.0, at.1)) {
            wrong.push(why);
        }
    }
    let more: Vec<_> = migrated.keys().filter(|at| !fresh.contains_key(*at)).collect();
    if !more.is_empty() {
        wrong.push(format!("left over: {more:?}"));
    }
}

/// Rows of state and of models that are in one of the two only. When a row was applied is not compared; history grows.
pub(crate) fn differing(db: &Connection, wrong: &mut Vec<String>) {
    let migrated = columns(db, "migrated");
    for ((schema, table), columns) in columns(db, "fresh") {
        let other = ["_HISTORY", "_INTERVALS", "_MOVES"].iter().any(|end| table.ends_with(end));
        if schema == "COVENANT" || other {
            continue;
        }
        let Some(there) = migrated.get(&(schema.clone(), table.clone())) else { continue };
        let shared = columns.keys().filter(|name| {
            there.contains_key(*name) && !["_commit", "_cycle"].contains(&name.as_str())
        });
        let shared = shared.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        // A deleted row keeps what was known of it; no source tells it again.
        let living = if columns.contains_key("_alive") { "WHERE _alive" } else { "" };
        if !living.is_empty() {
            let dead = |database| {
                count(
                    db,
                    &format!("SELECT count(*) FROM {database}.{schema}.{table} WHERE NOT _alive"),
                )
            };
            if dead("fresh") != dead("migrated") {
                wrong.push(format!("{schema}.{table}: other rows are deleted"));
            }
        }
        for (one, two, what) in
            [("fresh", "migrated", "missing"), ("migrated", "fresh", "too much")]
        {
            let rest = format!(
                "SELECT {shared} FROM {one}.{schema}.{table} {living} EXCEPT ALL \
                 SELECT {shared} FROM {two}.{schema}.{table} {living}"
            );
            match count(db, &format!("SELECT count(*) FROM ({rest})")) {
                Ok(0) => {}
                Ok(rows) => {
                    let first = shown(db, &rest);
                    wrong.push(format!("{schema}.{table}: {rows} rows {what}, such as {first}"));
                }
                Err(why) => wrong.push(why),
            }
        }
    }
}

fn shown(db: &Connection, rows: &str) -> String {
    let sql = format!("SELECT CAST(r AS VARCHAR) FROM ({rows}) AS r ORDER BY 1 LIMIT 1");
    db.query_row(&sql, [], |row| row.get(0)).unwrap_or_else(|error| error.to_string())
}
