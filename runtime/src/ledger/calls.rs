//! Calls whose answer is not known: they may execute after everybody has given up on them. While one may, the key that it
//! names must not become free in the CRM, or it would create a record there that no revision refuses.
//!
//! One line per key, and only while a call runs or is unsure: the table stays small.

use covenant_model::change::Key;
use rusqlite::{Connection, OptionalExtension, params};

use super::Pending;
use super::store::storage;
use crate::error::Result;

/// A call for the row begins. One that was begun before and never answered is unsure from now on.
pub(super) fn begun(connection: &Connection, row: &Pending, may_run_until_us: i64) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO calls (entity, key, running_until, unsure_until) VALUES (?1, ?2, ?3, 0) \
             ON CONFLICT DO UPDATE SET unsure_until = max(unsure_until, running_until), \
             running_until = excluded.running_until",
        )
        .map_err(storage)?
        .execute(params![row.entity, row.key.canonical(), may_run_until_us])
        .map_err(storage)?;
    Ok(())
}

/// The last call for the row is answered; those before it stay unsure.
pub(super) fn answered(connection: &Connection, row: &Pending) -> Result<()> {
    let place = params![row.entity, row.key.canonical()];
    let removed = connection
        .prepare_cached("DELETE FROM calls WHERE entity = ?1 AND key = ?2 AND unsure_until = 0")
        .map_err(storage)?
        .execute(place)
        .map_err(storage)?;
    if removed == 0 {
        connection
            .prepare_cached("UPDATE calls SET running_until = 0 WHERE entity = ?1 AND key = ?2")
            .map_err(storage)?
            .execute(place)
            .map_err(storage)?;
    }
    Ok(())
}

/// Until when a call under any of the keys may still execute; 0: there is none.
pub(super) fn unsure_until(
    connection: &Connection,
    entity: &str,
    keys: &[Key],
    now_us: i64,
) -> Result<i64> {
    let mut latest = 0;
    for key in keys {
        let until: Option<i64> = connection
            .prepare_cached(
                "SELECT max(running_until, unsure_until) FROM calls \
                 WHERE entity = ?1 AND key = ?2",
            )
            .map_err(storage)?
            .query_row(params![entity, key.canonical()], |row| row.get(0))
            .optional()
            .map_err(storage)?;
        latest = latest.max(until.filter(|until| *until > now_us).unwrap_or(0));
    }
    Ok(latest)
}

/// Calls that cannot execute any more.
pub(super) fn forget(connection: &Connection, now_us: i64) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM calls WHERE running_until <= ?1 AND unsure_until <= ?1")
        .map_err(storage)?
        .execute(params![now_us])
        .map_err(storage)?;
    Ok(())
}
