//! Floors in the ledger: a TRUNCATE of a source takes every row below it out of the CRM, by the sink's policy.
//!
//! All rows of the entity are read and decrypted, in the one transaction that folds the commit: the mass-change breaker
//! must see all removals at once, or the first thousand would pass for a day's ordinary work.

use covenant_model::floor::Floor;
use covenant_model::version::Guard;
use rusqlite::{Connection, OptionalExtension, params};

use super::Sealer;
use super::store::{self, COLUMNS, Stored, Told, corrupt, storage};
use crate::error::Result;

/// Rows that are in memory at once.
const PAGE_ROWS: i64 = 1_000;

/// The highest floor of an entity.
pub(super) fn of(connection: &Connection, entity: &str) -> Result<Option<Guard>> {
    let found: Option<String> = connection
        .prepare_cached("SELECT version FROM floors WHERE entity = ?1")
        .map_err(storage)?
        .query_row(params![entity], |row| row.get(0))
        .optional()
        .map_err(storage)?;
    let parse = |text: String| text.parse().map_err(|_| corrupt("a floor is no version"));
    found.map(parse).transpose()
}

/// Remembers a floor and deletes every row below it; returns how many rows changed.
pub(super) fn raise(connection: &Connection, sealer: &dyn Sealer, floor: &Floor) -> Result<u64> {
    let guard = floor.guard();
    if of(connection, &floor.entity)? >= Some(guard) {
        return Ok(0);
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO floors (entity, version) VALUES (?1, ?2)")
        .map_err(storage)?
        .execute(params![floor.entity, guard.to_string()])
        .map_err(storage)?;
    let told = Told { at_us: floor.committed_at_us, history: false };
    let (mut changed, mut after) = (0, Vec::new());
    loop {
        let page = page(connection, sealer, &floor.entity, &after)?;
        let Some(last) = page.last() else { return Ok(changed) };
        after = last.key.canonical();
        for mut row in page {
            let alive = row.state.alive();
            if !row.state.lift(Some(guard)) {
                continue;
            }
            // What was deleted before stays where it stands: its record is gone, or on its way.
            if alive {
                row.changed(told);
            }
            changed += 1;
            store::save(connection, sealer, &floor.entity, &row.key.canonical(), &row)?;
        }
    }
}

fn page(
    connection: &Connection,
    sealer: &dyn Sealer,
    entity: &str,
    after: &[u8],
) -> Result<Vec<Stored>> {
    let sql =
        format!("SELECT {COLUMNS} FROM rows WHERE entity = ?1 AND key > ?2 ORDER BY key LIMIT ?3");
    let mut statement = connection.prepare_cached(&sql).map_err(storage)?;
    let found =
        statement.query_map(params![entity, after, PAGE_ROWS], store::raw).map_err(storage)?;
    found.map(|raw| store::opened(entity, raw.map_err(storage)?, sealer)).collect()
}
