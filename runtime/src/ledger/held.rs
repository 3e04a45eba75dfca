//! Rows that wait for their adoption: a record of a person's may be theirs, and nobody has said which. They are not sent, and
//! what is known of their records when one is stamped is written here.

use covenant_model::change::Key;
use rusqlite::{Connection, OptionalExtension, params};

use super::store::{status_number, storage, unsigned};
use super::{Pending, Status};
use crate::error::Result;

/// Why a row waits, itself or by a key that it had before.
pub(super) fn why(connection: &Connection, row: &Pending) -> Result<Option<String>> {
    for key in row.delivered_as.iter().chain([&row.key]) {
        let found: Option<String> = connection
            .prepare_cached("SELECT why FROM held WHERE entity = ?1 AND key = ?2")
            .map_err(storage)?
            .query_row(params![row.entity, key.canonical()], |row| row.get(0))
            .optional()
            .map_err(storage)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Whether the row of a key waits, or would.
pub(super) fn waits(connection: &Connection, entity: &str, key: &Key) -> Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM rows WHERE entity = ?1 AND key = ?2 AND status = ?3)",
        )
        .map_err(storage)?
        .query_row(params![entity, key.canonical(), status_number(Status::Held)], |row| row.get(0))
        .map_err(storage)
}

/// A record has the row's external id now: it is the row's, and nothing is known of its content.
pub(super) fn stamped(
    connection: &Connection,
    entity: &str,
    key: &Key,
    record: &str,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE rows SET sent = 1, crm_id = ?3, digest = NULL WHERE entity = ?1 AND key = ?2",
        )
        .map_err(storage)?
        .execute(params![entity, key.canonical(), record])
        .map_err(storage)?;
    Ok(())
}

/// These rows wait from now on, and no others.
pub(super) fn replace(connection: &Connection, entity: &str, held: &[(Key, String)]) -> Result<()> {
    connection.execute("DELETE FROM held WHERE entity = ?1", params![entity]).map_err(storage)?;
    for (key, why) in held {
        connection
            .prepare_cached("INSERT OR REPLACE INTO held (entity, key, why) VALUES (?1, ?2, ?3)")
            .map_err(storage)?
            .execute(params![entity, key.canonical(), why])
            .map_err(storage)?;
    }
    Ok(())
}

/// What waited is in line again: whether it still waits is seen when it is about to be sent.
pub(super) fn look_again(connection: &Connection, entity: &str) -> Result<()> {
    connection
        .execute(
            "UPDATE rows SET status = ?2, attempts = 0, not_before = 0 \
             WHERE entity = ?1 AND status = ?3",
            params![entity, status_number(Status::Waiting), status_number(Status::Held)],
        )
        .map_err(storage)?;
    Ok(())
}

/// How many wait: those that were about to be sent, and those of which it is known that they will.
pub(super) fn count(connection: &Connection, entity: &str) -> Result<u64> {
    let count: i64 = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM rows WHERE entity = ?1 AND status = ?2) \
             + (SELECT count(*) FROM held JOIN rows ON rows.entity = held.entity AND rows.key = held.key \
                WHERE held.entity = ?1 AND rows.alive = 1 AND rows.sent = 0 AND rows.status != ?2)",
        )
        .map_err(storage)?
        .query_row(params![entity, status_number(Status::Held)], |row| row.get(0))
        .map_err(storage)?;
    unsigned(count)
}
