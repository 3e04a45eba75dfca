//! The external ids that a run has met, on disk: an org has more of them than memory is for. The file has no name and is gone
//! with the run. External ids are never personal data.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{ErrorKind, Result, RuntimeError};

/// Pages kept in memory, in KiB; the rest is on disk.
const CACHE_KIB: i64 = 16 * 1024;

/// What was met.
pub(super) struct Seen {
    connection: Connection,
}

impl Seen {
    /// Nothing yet.
    ///
    /// # Errors
    /// `Storage` where there is no room for temporary files; so for every method.
    pub(super) fn new() -> Result<Self> {
        // An empty path is a temporary file that SQLite removes as soon as it has it open.
        let connection = Connection::open("").map_err(storage)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(storage)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; \
                 CREATE TABLE seen (external_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID; BEGIN;",
            )
            .map_err(storage)?;
        Ok(Self { connection })
    }

    /// Remembers one; false: it was met before.
    pub(super) fn add(&self, external_id: &str) -> Result<bool> {
        let added = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1)")
            .map_err(storage)?
            .execute(params![external_id])
            .map_err(storage)?;
        Ok(added == 1)
    }

    /// Whether it was met.
    pub(super) fn has(&self, external_id: &str) -> Result<bool> {
        let found: Option<i64> = self
            .connection
            .prepare_cached("SELECT 1 FROM seen WHERE external_id = ?1")
            .map_err(storage)?
            .query_row(params![external_id], |row| row.get(0))
            .optional()
            .map_err(storage)?;
        Ok(found.is_some())
    }
}

#[allow(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn storage(error: rusqlite::Error) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Storage,
        "reconcile",
        error,
        "Make room for temporary files (SQLITE_TMPDIR, TMPDIR), then run it again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_new_once() {
        let seen = Seen::new().unwrap();
        assert!(seen.add("a").unwrap());
        assert!(!seen.add("a").unwrap());
        assert!(seen.add("A").unwrap(), "external ids are case sensitive");
        assert!(seen.has("a").unwrap() && !seen.has("b").unwrap());
    }
}
