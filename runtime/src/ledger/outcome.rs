//! What became of a delivery, written down: what the CRM holds now, and where the row stands.

use rusqlite::{Connection, params};

use super::leaving;
use super::store::{self, signed, status_number, storage};
use super::{Digest, Outcome, Pending, Status};
use crate::crm::external_id_of;
use crate::error::Result;

/// Writes one outcome. What the CRM now holds is always remembered; where the row stands only if it has not changed since.
pub(super) fn record(
    connection: &Connection,
    object: &str,
    row: &Pending,
    outcome: &Outcome,
) -> Result<()> {
    match outcome {
        Outcome::Delivered { crm_id, digest } => {
            delivered(connection, row, crm_id.as_deref(), digest)?;
            leaving::set(connection, row)?;
            release(connection, object, &external_id_of(&row.key))?;
            settle(connection, row)
        }
        Outcome::Removed => {
            update(
                connection,
                row,
                "sent = 0, crm_id = NULL, digest = NULL, delivered_as_json = NULL",
            )?;
            store::clear_aliases(connection, &row.entity, &row.key)?;
            settle(connection, row)
        }
        Outcome::Skipped => settle(connection, row),
        Outcome::Retry { not_before_us, reason, above } => {
            if let Some(above) = above {
                let raise = format!("revision = max(revision, {})", signed(*above)?);
                update(connection, row, &raise)?;
            }
            stand(connection, row, Status::Waiting, *not_before_us, reason)
        }
        Outcome::Parked { not_before_us, reason, parents } => {
            for (parent, external_id) in parents {
                connection
                    .prepare_cached(
                        "INSERT OR IGNORE INTO parked_on (object, external_id, entity, key) \
                         VALUES (?1, ?2, ?3, ?4)",
                    )
                    .map_err(storage)?
                    .execute(params![parent, external_id, row.entity, row.key.canonical()])
                    .map_err(storage)?;
            }
            stand(connection, row, Status::Parked, *not_before_us, reason)
        }
        Outcome::Held { reason } => stand(connection, row, Status::Held, 0, reason),
        Outcome::Quarantined { reason } => stand(connection, row, Status::Quarantined, 0, reason),
    }
}

fn delivered(
    connection: &Connection,
    row: &Pending,
    crm_id: Option<&str>,
    digest: &Digest,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE rows SET crm_id = coalesce(?3, crm_id), digest = ?4, sent = 1, \
             delivered_as_json = NULL WHERE entity = ?1 AND key = ?2",
        )
        .map_err(storage)?
        .execute(params![row.entity, row.key.canonical(), crm_id, digest.as_slice()])
        .map_err(storage)?;
    if row.delivered_as.is_empty() {
        return Ok(());
    }
    store::clear_aliases(connection, &row.entity, &row.key)
}

/// What was parked on this record is due at once.
fn release(connection: &Connection, object: &str, external_id: &str) -> Result<()> {
    let released = connection
        .prepare_cached(
            "UPDATE rows SET status = 1, not_before = 0 WHERE status = 2 AND (entity, key) IN \
             (SELECT entity, key FROM parked_on WHERE object = ?1 AND external_id = ?2)",
        )
        .map_err(storage)?
        .execute(params![object, external_id])
        .map_err(storage)?;
    if released > 0 {
        connection
            .prepare_cached("DELETE FROM parked_on WHERE object = ?1 AND external_id = ?2")
            .map_err(storage)?
            .execute(params![object, external_id])
            .map_err(storage)?;
    }
    Ok(())
}

fn update(connection: &Connection, row: &Pending, assignments: &str) -> Result<()> {
    connection
        .prepare_cached(&format!("UPDATE rows SET {assignments} WHERE entity = ?1 AND key = ?2"))
        .map_err(storage)?
        .execute(params![row.entity, row.key.canonical()])
        .map_err(storage)?;
    Ok(())
}

fn settle(connection: &Connection, row: &Pending) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE rows SET status = 0, attempts = 0, not_before = 0, reason = NULL, \
             waiting_since = NULL WHERE entity = ?1 AND key = ?2 AND change = ?3",
        )
        .map_err(storage)?
        .execute(params![row.entity, row.key.canonical(), signed(row.change)?])
        .map_err(storage)?;
    Ok(())
}

fn stand(
    connection: &Connection,
    row: &Pending,
    status: Status,
    not_before_us: i64,
    reason: &str,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE rows SET status = ?4, attempts = attempts + 1, not_before = ?5, reason = ?6 \
             WHERE entity = ?1 AND key = ?2 AND change = ?3",
        )
        .map_err(storage)?
        .execute(params![
            row.entity,
            row.key.canonical(),
            signed(row.change)?,
            status_number(status),
            not_before_us,
            reason
        ])
        .map_err(storage)?;
    Ok(())
}
