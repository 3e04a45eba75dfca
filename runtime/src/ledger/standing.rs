//! How a row and its record stand, for who compares the CRM with the ledger; and rows that are to be sent although nothing of
//! them has changed here.

use covenant_model::change::Key;
use rusqlite::{Connection, params};

use super::store::{self, Stored, status_number, storage};
use super::{Pending, Sealer, Standing, Status, calls};
use crate::error::Result;

/// A stored row as delivery takes it.
pub(super) fn pending(
    connection: &Connection,
    entity: &str,
    row: Stored,
    now_us: i64,
) -> Result<Pending> {
    let until = |keys: &[Key]| calls::unsure_until(connection, entity, keys, now_us);
    Ok(Pending {
        unsure_until_us: until(&row.delivered_as)?,
        unsure_here_until_us: until(std::slice::from_ref(&row.key))?,
        leaves_at_us: None,
        answered: false,
        entity: entity.to_owned(),
        key: row.key,
        state: row.state,
        delivered_as: row.delivered_as,
        crm_id: row.crm_id,
        sent: row.sent,
        revision: row.revision + 1,
        digest: row.digest,
        waiting_since_us: row.waiting_since_us.unwrap_or(now_us),
        attempts: row.attempts,
        change: row.change,
    })
}

/// See [`super::Ledger::standing`].
pub(super) fn of(
    connection: &Connection,
    sealer: &dyn Sealer,
    entity: &str,
    key: &Key,
) -> Result<Option<Standing>> {
    let canonical = key.canonical();
    let Some(stored) = store::load(connection, sealer, entity, &canonical)? else {
        return Ok(None);
    };
    let lends_record = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM aliases WHERE entity = ?1 AND old = ?2)")
        .map_err(storage)?
        .query_row(params![entity, canonical], |row| row.get(0))
        .map_err(storage)?;
    let (status, last_revision) = (stored.status, stored.revision);
    let row = pending(connection, entity, stored, 0)?;
    Ok(Some(Standing { row, status, last_revision, lends_record }))
}

/// See [`super::Ledger::redeliver`].
pub(super) fn again(
    connection: &Connection,
    entity: &str,
    keys: &[Key],
    now_us: i64,
) -> Result<u64> {
    let mut again = 0;
    for key in keys {
        // What nothing is sent of since is as old as today; it goes behind what happens now. The CRM may hold a record of it,
        // whatever was believed: that is why it is asked for.
        again += connection
            .prepare_cached(
                "UPDATE rows SET status = ?3, sent = 1, digest = NULL, attempts = 0, not_before = 0, \
                 reason = NULL, change = change + 1, history = 1, waiting_since = ?4 \
                 WHERE entity = ?1 AND key = ?2 AND status = ?5",
            )
            .map_err(storage)?
            .execute(params![
                entity,
                key.canonical(),
                status_number(Status::Waiting),
                now_us,
                status_number(Status::Settled)
            ])
            .map_err(storage)?;
    }
    Ok(again as u64)
}
