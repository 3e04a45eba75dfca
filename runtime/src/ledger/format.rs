//! Which version of the runtime wrote the file. What it cannot read it refuses; what it can bring up to date it does, in one
//! transaction. The number stands in SQLite's own `user_version`.

use rusqlite::{Connection, TransactionBehavior, params};

use super::store::{SCHEMA, storage};
use crate::error::{ErrorKind, Result, RuntimeError};

/// The format that this runtime writes. Raised with every change to the schema or to what its columns mean, together with a step
/// in [`bring_up`] or a refusal.
///
/// | format | what came with it |
/// |---|---|
/// | 0 | ledgers without a format: read where they have all tables; those without `rows.history` get it |
/// | 1 | the format itself |
/// | 2 | rows that wait for their adoption: table `held`, status 5 |
const FORMAT: i64 = 2;
/// The format before rows could wait for their adoption; it lacks only what `SCHEMA` adds.
const WITHOUT_ADOPTION: i64 = 1;
/// Format of ledgers that do not tell theirs, and of an empty file.
const UNTOLD: i64 = 0;
/// Tables without which a ledger of before formats cannot be brought up: what they say cannot be told from the others.
const NEEDED: [&str; 5] = ["meta", "aliases", "moves", "calls", "leaving"];

/// Creates the schema in an empty file, brings an older one up to date, refuses others.
///
/// # Errors
/// `SchemaMismatch` where another version wrote it; those of SQLite.
pub(super) fn prepare(connection: &Connection) -> Result<()> {
    let found: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(storage)?;
    match found {
        FORMAT => Ok(()),
        UNTOLD | WITHOUT_ADOPTION => bring_up(connection),
        other => Err(refused(format!(
            "it has format {other}, and this runtime reads formats {UNTOLD} to {FORMAT}"
        ))),
    }
}

/// From an earlier format, or none, to this one.
fn bring_up(connection: &Connection) -> Result<()> {
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
            .map_err(storage)?;
    if table(&transaction, "rows")? {
        for name in NEEDED {
            if !table(&transaction, name)? {
                return Err(refused(format!("it has no format, and no table `{name}`")));
            }
        }
        if !column(&transaction, "rows", "history")? {
            // Nothing that waits is known to be history. Its indexes were over other columns.
            transaction
                .execute_batch(
                    "ALTER TABLE rows ADD COLUMN history INTEGER NOT NULL DEFAULT 0; \
                     DROP INDEX IF EXISTS due; DROP INDEX IF EXISTS counted;",
                )
                .map_err(storage)?;
        }
    }
    transaction.execute_batch(SCHEMA).map_err(storage)?;
    transaction.pragma_update(None, "user_version", FORMAT).map_err(storage)?;
    transaction.commit().map_err(storage)
}

fn table(connection: &Connection, name: &str) -> Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let found: i64 = connection.query_row(sql, params![name], |row| row.get(0)).map_err(storage)?;
    Ok(found > 0)
}

fn column(connection: &Connection, table: &str, name: &str) -> Result<bool> {
    let sql = "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2";
    let found: i64 =
        connection.query_row(sql, params![table, name], |row| row.get(0)).map_err(storage)?;
    Ok(found > 0)
}

fn refused(why: String) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::SchemaMismatch,
        "ledger",
        format!("the delivery ledger was written by another version of the runtime: {why}"),
        "Start the version that wrote it, or stop the runtime and move the ledger file away: it is rebuilt from landing, and \
         unchanged records are sent once more. Nothing was changed.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_new_file_gets_the_format_and_is_read_again() {
        let db = Connection::open_in_memory().unwrap();
        prepare(&db).unwrap();
        assert_eq!(version(&db), FORMAT);
        prepare(&db).unwrap();
    }

    #[test]
    fn a_ledger_of_before_formats_is_brought_up_with_its_rows() {
        let db = Connection::open_in_memory().unwrap();
        let before = SCHEMA.replace("  history INTEGER NOT NULL,\n", "").replace(
            "(entity, alive, history, waiting_since, key)",
            "(entity, alive, waiting_since)",
        );
        assert_ne!(before, SCHEMA);
        db.execute_batch(&before).unwrap();
        db.execute_batch(
            "INSERT INTO rows (entity, key, key_json, state, alive, status, sent, revision, change, attempts, not_before) \
             VALUES ('e', x'00', '[]', x'00', 1, 1, 0, 4, 1, 0, 0)",
        )
        .unwrap();
        prepare(&db).unwrap();
        assert_eq!(version(&db), FORMAT);
        let sql =
            "SELECT revision FROM rows WHERE entity = 'e' AND history = 0 AND status IN (1, 2)";
        assert_eq!(db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 4);
        let index: String = db
            .query_row("SELECT sql FROM sqlite_schema WHERE name = 'due'", [], |row| row.get(0))
            .unwrap();
        assert!(index.contains("history"), "{index}");
    }

    #[test]
    fn a_ledger_without_adoptions_gets_room_for_them() {
        let db = Connection::open_in_memory().unwrap();
        prepare(&db).unwrap();
        db.execute_batch("DROP TABLE held").unwrap();
        db.pragma_update(None, "user_version", WITHOUT_ADOPTION).unwrap();
        prepare(&db).unwrap();
        assert_eq!(version(&db), FORMAT);
        assert!(table(&db, "held").unwrap());
    }

    #[test]
    fn other_versions_are_refused_in_words_and_left_alone() {
        let newer = Connection::open_in_memory().unwrap();
        newer.pragma_update(None, "user_version", FORMAT + 1).unwrap();
        let older = Connection::open_in_memory().unwrap();
        older
            .execute_batch("CREATE TABLE rows (entity TEXT); CREATE TABLE meta (name TEXT);")
            .unwrap();
        for (db, why) in [(newer, "format 3"), (older, "no table `aliases`")] {
            let before = version(&db);
            let error = prepare(&db).unwrap_err();
            assert_eq!(error.kind, ErrorKind::SchemaMismatch);
            let text = error.to_string();
            assert!(text.contains(why) && text.contains("rebuilt from landing"), "{text}");
            assert_eq!(version(&db), before);
            assert!(!table(&db, "parked_on").unwrap(), "nothing was created");
        }
    }
}
