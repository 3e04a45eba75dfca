//! Tables as they are declared: columns, keys, references, checks and comments, for whoever writes contracts of them.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Row};

use super::facts::{Sql, letter};
use super::types::ColumnFacts;

/// A table or view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSchema {
    /// `public`
    pub schema: String,
    /// `orders`
    pub name: String,
    /// Whether it is a table whose changes can be streamed; otherwise what it is.
    pub other: Option<&'static str>,
    /// `COMMENT ON TABLE`
    pub comment: Option<String>,
    /// In order.
    pub columns: Vec<ColumnSchema>,
    /// Columns of the primary key, in order.
    pub key: Vec<String>,
    /// Columns of every other unique constraint.
    pub unique: Vec<Vec<String>>,
    /// Foreign keys.
    pub references: Vec<Reference>,
    /// Expressions of its checks, as the server writes them.
    pub checks: Vec<String>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSchema {
    /// Name, type, nullability.
    pub facts: ColumnFacts,
    /// `COMMENT ON COLUMN`
    pub comment: Option<String>,
    /// Of an enum: its labels, in order.
    pub labels: Vec<String>,
    /// Whether it is computed: such columns are not streamed by servers before 18.
    pub generated: bool,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// In the order of `to_columns`.
    pub columns: Vec<String>,
    /// Schema and name of the other table.
    pub to: (String, String),
    /// In the other table.
    pub to_columns: Vec<String>,
}

const TABLES: &str = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, \
     obj_description(c.oid, 'pg_class') \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition \
     ORDER BY n.nspname, c.relname";

const COLUMNS: &str = "SELECT a.attrelid, a.attname::text, b.typname::text, b.typtype::text, \
     CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, \
     format_type(a.atttypid, a.atttypmod), a.attnotnull OR t.typnotnull, a.attstorage::text, \
     col_description(a.attrelid, a.attnum), \
     ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = b.oid ORDER BY enumsortorder), \
     a.attgenerated <> '' \
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
     JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END \
     WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum";

const CONSTRAINTS: &str = "SELECT c.conrelid, c.contype::text, \
     ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(attnum, place) \
     JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.place), \
     n.nspname::text, f.relname::text, \
     ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(attnum, place) \
     JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum ORDER BY k.place), \
     pg_get_expr(c.conbin, c.conrelid) \
     FROM pg_constraint c LEFT JOIN pg_class f ON f.oid = c.confrelid \
     LEFT JOIN pg_namespace n ON n.oid = f.relnamespace \
     WHERE c.conrelid = ANY ($1) AND c.contype IN ('p', 'u', 'f', 'c') AND NOT c.condeferrable \
     ORDER BY c.conrelid, c.conname";

/// Tables and views of some schemas, by schema and name.
///
/// # Errors
/// Where the server cannot be asked.
pub async fn tables(client: &Client, schemas: &[String]) -> Sql<Vec<TableSchema>> {
    let mut all: BTreeMap<u32, TableSchema> = BTreeMap::new();
    let mut order = Vec::new();
    for row in client.query(TABLES, &[&schemas]).await? {
        let oid: u32 = row.try_get(0)?;
        order.push(oid);
        all.insert(oid, table(&row)?);
    }
    for row in client.query(COLUMNS, &[&order]).await? {
        if let Some(table) = all.get_mut(&row.try_get(0)?) {
            table.columns.push(column(&row)?);
        }
    }
    for row in client.query(CONSTRAINTS, &[&order]).await? {
        if let Some(table) = all.get_mut(&row.try_get(0)?) {
            constraint(&row, table)?;
        }
    }
    Ok(order.iter().filter_map(|oid| all.remove(oid)).collect())
}

fn table(row: &Row) -> Sql<TableSchema> {
    let other = match (letter(row, 3)?, letter(row, 4)?) {
        ('r' | 'p', 'p') => None,
        ('r' | 'p', _) => Some("an unlogged table"),
        ('v', _) => Some("a view"),
        ('m', _) => Some("a materialised view"),
        _ => Some("a foreign table"),
    };
    Ok(TableSchema {
        schema: row.try_get(1)?,
        name: row.try_get(2)?,
        other,
        comment: row.try_get(5)?,
        ..TableSchema::default()
    })
}

fn column(row: &Row) -> Sql<ColumnSchema> {
    Ok(ColumnSchema {
        facts: ColumnFacts {
            name: row.try_get(1)?,
            base: row.try_get(2)?,
            kind: letter(row, 3)?,
            modifier: row.try_get(4)?,
            shown: row.try_get(5)?,
            not_null: row.try_get(6)?,
            storage: letter(row, 7)?,
            readable: true,
        },
        comment: row.try_get(8)?,
        labels: row.try_get(9)?,
        generated: row.try_get(10)?,
    })
}

fn constraint(row: &Row, table: &mut TableSchema) -> Sql<()> {
    let columns: Vec<String> = row.try_get(2)?;
    match letter(row, 1)? {
        'p' => table.key = columns,
        'u' => table.unique.push(columns),
        'f' => {
            let to = (row.try_get(3)?, row.try_get(4)?);
            table.references.push(Reference { columns, to, to_columns: row.try_get(5)? });
        }
        _ => table.checks.extend(row.try_get::<_, Option<String>>(6)?),
    }
    Ok(())
}
