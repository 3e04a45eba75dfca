//! When delivered rows leave the sink's filter without any change of theirs: by growing old. Written with every delivery, so
//! that a sweep finds the few rows whose time has come by an index, and decrypts no other.

use rusqlite::{Connection, params};

use super::Pending;
use super::Status;
use super::store::{signed, status_number, storage, unsigned};
use crate::error::Result;

/// Remembers when the row leaves, or that it does not.
pub(super) fn set(connection: &Connection, row: &Pending) -> Result<()> {
    let key = row.key.canonical();
    if let Some(at_us) = row.leaves_at_us {
        connection
            .prepare_cached("INSERT OR REPLACE INTO leaving (entity, key, at) VALUES (?1, ?2, ?3)")
            .map_err(storage)?
            .execute(params![row.entity, key, at_us])
            .map_err(storage)?;
    } else {
        connection
            .prepare_cached("DELETE FROM leaving WHERE entity = ?1 AND key = ?2")
            .map_err(storage)?
            .execute(params![row.entity, key])
            .map_err(storage)?;
    }
    Ok(())
}

/// How many rows have left and are not in line yet.
pub(super) fn due(connection: &Connection, entity: &str, now_us: i64) -> Result<u64> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM leaving WHERE entity = ?1 AND at < ?2")
        .map_err(storage)?
        .query_row(params![entity, now_us], |row| row.get(0))
        .map_err(storage)?;
    unsigned(count)
}

/// Puts rows in line, those that left first; returns how many.
pub(super) fn leave(
    connection: &Connection,
    entity: &str,
    now_us: i64,
    limit: usize,
) -> Result<u64> {
    let limit = signed(limit as u64)?;
    let picked = "SELECT key FROM leaving WHERE entity = ?1 AND at < ?2 ORDER BY at, key LIMIT ?3";
    let sql = format!(
        "UPDATE rows SET status = {waiting}, not_before = 0, \
         waiting_since = coalesce(waiting_since, ?2) \
         WHERE entity = ?1 AND alive = 1 AND status IN ({settled}, {quarantined}) AND key IN ({picked})",
        waiting = status_number(Status::Waiting),
        settled = status_number(Status::Settled),
        quarantined = status_number(Status::Quarantined),
    );
    connection
        .prepare_cached(&sql)
        .map_err(storage)?
        .execute(params![entity, now_us, limit])
        .map_err(storage)?;
    let left = connection
        .prepare_cached(&format!("DELETE FROM leaving WHERE entity = ?1 AND key IN ({picked})"))
        .map_err(storage)?
        .execute(params![entity, now_us, limit])
        .map_err(storage)?;
    Ok(left as u64)
}
