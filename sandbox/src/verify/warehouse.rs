//! The rows that the warehouse presents, opened and compared in plain.

use std::collections::BTreeMap;
use std::path::Path;

use duckdb::Connection;

use super::Unseal;
use super::compare::{FoundRow, digest};
use super::shape::{Column, Entity, Stored};
use super::told::{KEY_SEPARATOR, key_text};
use crate::error::{At, Result, SandboxError};

const PLACE: &str = "warehouse";

/// The warehouse's file. Only one process can have it open: the runtime must have ended.
#[derive(Debug)]
pub struct Warehouse {
    connection: Connection,
}

impl Warehouse {
    /// Opens the file.
    ///
    /// # Errors
    /// Where it is not there, or the runtime still holds it.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            let what = format!("{} is not there", path.display());
            return Err(SandboxError::new(PLACE, what, "Did the runtime ever start?"));
        }
        let connection = Connection::open(path).at(
            PLACE,
            format!("{} cannot be opened", path.display()),
            "Stop the runtime first: one process at a time can have it open.",
        )?;
        Ok(Self { connection })
    }

    /// Every row of an entity's presented view.
    ///
    /// # Errors
    /// Where the view lacks a column, or shows one that must not be stored.
    pub fn rows(&self, entity: &Entity, unseal: &dyn Unseal) -> Result<Vec<FoundRow>> {
        self.refuse_dropped(entity)?;
        let columns: Vec<&Column> =
            entity.columns.iter().filter(|column| column.stored != Stored::Dropped).collect();
        let list: Vec<String> = columns
            .iter()
            .map(|column| match column.stored {
                Stored::Instant => format!("epoch_us(\"{}\")::VARCHAR", column.name),
                Stored::Plain | Stored::Sealed(_) | Stored::Token(_) | Stored::Dropped => {
                    format!("\"{}\"::VARCHAR", column.name)
                }
            })
            .collect();
        let sql = format!("SELECT {} FROM {}", list.join(", "), entity.view);
        let told = format!("{} cannot be read", entity.view);
        let mut statement = self.connection.prepare(&sql).at(PLACE, &told, "")?;
        let mut rows = statement.query([]).at(PLACE, &told, "")?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().at(PLACE, &told, "")? {
            let mut cells = Vec::with_capacity(columns.len());
            let mut key: Vec<String> = Vec::with_capacity(entity.key_columns);
            for (at, column) in columns.iter().enumerate() {
                let text: Option<String> = row.get(at).at(PLACE, &told, "")?;
                if at < entity.key_columns {
                    key.push(text.clone().unwrap_or_default());
                }
                cells.push(cell(entity, column, text, unseal));
            }
            found.push(FoundRow {
                key: key_text(key.iter().map(String::as_str)),
                cells: cells.into(),
            });
        }
        Ok(found)
    }

    /// A class that is dropped must not be stored anywhere: neither the value nor a token of it.
    fn refuse_dropped(&self, entity: &Entity) -> Result<()> {
        let dropped = entity.columns.iter().filter(|column| column.stored == Stored::Dropped);
        for column in dropped {
            let sql =
                "SELECT count(*) FROM information_schema.columns WHERE starts_with(column_name, ?)";
            let found: i64 = self.connection.query_row(sql, [column.name], |row| row.get(0)).at(
                PLACE,
                "its columns cannot be listed",
                "",
            )?;
            if found > 0 {
                return Err(SandboxError::new(
                    PLACE,
                    format!("{} is stored, and its class says that it is dropped", column.name),
                    "",
                ));
            }
        }
        Ok(())
    }

    /// The landing commit that changed each row last, tombstones too.
    ///
    /// # Errors
    /// Where the state table cannot be read.
    pub fn commits(&self, entity: &Entity) -> Result<BTreeMap<String, u64>> {
        let key: Vec<String> = entity
            .columns
            .iter()
            .take(entity.key_columns)
            .map(|column| format!("\"{}\"::VARCHAR", column.name))
            .collect();
        let separator = format!(" || chr({}) || ", u32::from(KEY_SEPARATOR));
        let sql = format!("SELECT {}, _commit FROM {}_STATE", key.join(&separator), entity.view);
        let told = format!("{}_STATE cannot be read", entity.view);
        let mut statement = self.connection.prepare(&sql).at(PLACE, &told, "")?;
        let rows = statement
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
            .at(PLACE, &told, "")?;
        let mut commits = BTreeMap::new();
        for row in rows {
            let (key, commit) = row.at(PLACE, &told, "")?;
            commits.insert(key, u64::try_from(commit).unwrap_or(0));
        }
        Ok(commits)
    }

    /// Rows of a model's table.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn count(&self, table: &str) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {table}");
        let count: i64 = self.connection.query_row(&sql, [], |row| row.get(0)).at(
            PLACE,
            format!("{table} cannot be read"),
            "",
        )?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// What cannot be opened is told apart from every value, so it shows as a difference.
fn cell(entity: &Entity, column: &Column, text: Option<String>, unseal: &dyn Unseal) -> u64 {
    match (column.stored, text) {
        (Stored::Sealed(_), Some(sealed)) => match unseal.open(entity.name, column.name, &sealed) {
            Ok(plain) => digest(Some(&plain)),
            Err(why) => digest(Some(&format!("cannot be opened: {why}"))),
        },
        (_, text) => digest(text.as_deref()),
    }
}
