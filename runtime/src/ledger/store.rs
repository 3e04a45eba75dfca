//! Rows of the SQLite ledger: how one is read, written and protected.

use covenant_model::change::Key;
use covenant_model::join::RowState;
use covenant_model::value::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Cells, Digest, LedgerRow, Sealer, Status};
use crate::error::{ErrorKind, Result, RuntimeError};

/// What errors of the ledger name as their place.
const PLACE: &str = "ledger";

/// The ledger's schema. `key` is the canonical form, `state` is encrypted; nothing else holds a value of a record.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS rows (
  entity TEXT NOT NULL,
  key BLOB NOT NULL,
  key_json TEXT NOT NULL,
  state BLOB NOT NULL,
  alive INTEGER NOT NULL,
  status INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  crm_id TEXT,
  delivered_as_json TEXT,
  revision INTEGER NOT NULL,
  change INTEGER NOT NULL,
  waiting_since INTEGER,
  history INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  reason TEXT,
  digest BLOB,
  PRIMARY KEY (entity, key)
) STRICT;
CREATE INDEX IF NOT EXISTS due ON rows (entity, alive, history, waiting_since, key) WHERE status IN (1, 2);
CREATE INDEX IF NOT EXISTS counted ON rows (entity, status, alive, sent);
CREATE TABLE IF NOT EXISTS aliases (
  entity TEXT NOT NULL,
  old BLOB NOT NULL,
  key BLOB NOT NULL,
  PRIMARY KEY (entity, old, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS aliases_of ON aliases (entity, key);
CREATE TABLE IF NOT EXISTS moves (
  entity TEXT NOT NULL,
  old BLOB NOT NULL,
  new BLOB NOT NULL,
  new_json TEXT NOT NULL,
  PRIMARY KEY (entity, old, new)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS floors (
  entity TEXT PRIMARY KEY,
  version TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parked_on (
  object TEXT NOT NULL,
  external_id TEXT NOT NULL,
  entity TEXT NOT NULL,
  key BLOB NOT NULL,
  PRIMARY KEY (object, external_id, entity, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls (
  entity TEXT NOT NULL,
  key BLOB NOT NULL,
  running_until INTEGER NOT NULL,
  unsure_until INTEGER NOT NULL,
  PRIMARY KEY (entity, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leaving (
  entity TEXT NOT NULL,
  key BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (entity, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS leaving_at ON leaving (entity, at);
CREATE TABLE IF NOT EXISTS held (
  entity TEXT NOT NULL,
  key BLOB NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (entity, key)
) STRICT, WITHOUT ROWID;
";

/// Number of a status in the `status` column; the schema's index knows 1 and 2.
pub(super) fn status_number(status: Status) -> i64 {
    match status {
        Status::Settled => 0,
        Status::Waiting => 1,
        Status::Parked => 2,
        Status::Quarantined => 3,
        Status::Incomplete => 4,
        Status::Held => 5,
    }
}

pub(super) fn status_of(number: i64) -> Result<Status> {
    match number {
        0 => Ok(Status::Settled),
        1 => Ok(Status::Waiting),
        2 => Ok(Status::Parked),
        3 => Ok(Status::Quarantined),
        4 => Ok(Status::Incomplete),
        5 => Ok(Status::Held),
        other => Err(corrupt(format!("status {other} is unknown"))),
    }
}

/// A whole row.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) key: Key,
    pub(super) state: RowState,
    pub(super) status: Status,
    pub(super) sent: bool,
    pub(super) crm_id: Option<String>,
    pub(super) delivered_as: Vec<Key>,
    pub(super) revision: u64,
    pub(super) change: u64,
    pub(super) waiting_since_us: Option<i64>,
    /// Whether all that waits was read from a table: what is happening now goes first.
    pub(super) history: bool,
    pub(super) attempts: u32,
    pub(super) not_before_us: i64,
    pub(super) reason: Option<String>,
    pub(super) digest: Option<Digest>,
}

impl From<Stored> for LedgerRow {
    fn from(row: Stored) -> Self {
        Self {
            key: row.key,
            state: row.state,
            status: row.status,
            reason: row.reason,
            crm_id: row.crm_id,
            sent: row.sent,
            delivered_as: row.delivered_as,
        }
    }
}

impl Stored {
    /// A row of which nothing is known.
    pub(super) fn new(key: Key, groups: usize) -> Self {
        Self {
            key,
            state: RowState::empty(groups),
            status: Status::Incomplete,
            sent: false,
            crm_id: None,
            delivered_as: Vec::new(),
            revision: 0,
            change: 0,
            waiting_since_us: None,
            history: false,
            attempts: 0,
            not_before_us: 0,
            reason: None,
            digest: None,
        }
    }

    /// What its record was made of, where that is delivered and nothing is left to do: the values of `cells`.
    pub(super) fn delivered(&self, cells: &Cells) -> Option<Vec<Option<Value>>> {
        let stands = self.status == Status::Settled
            && self.digest.is_some()
            && self.sent
            && self.delivered_as.is_empty()
            && self.state.alive();
        let value = |(group, at): &(usize, usize)| {
            self.state.groups.get(*group)?.as_ref()?.values.get(*at).cloned()
        };
        stands.then(|| cells.iter().map(value).collect())
    }

    /// After a change of its state: back in line, as if never tried.
    pub(super) fn changed(&mut self, told: Told) {
        self.change += 1;
        self.attempts = 0;
        self.not_before_us = 0;
        self.reason = None;
        if self.state.incomplete() {
            self.status = Status::Incomplete;
        } else {
            self.status = Status::Waiting;
        }
        self.history = told.history && (self.history || self.waiting_since_us.is_none());
        let earliest = self.waiting_since_us.map_or(told.at_us, |us| us.min(told.at_us));
        self.waiting_since_us = Some(earliest);
    }
}

/// What a change says of its delivery.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// When the source committed it, microseconds since 1970.
    pub(super) at_us: i64,
    /// Whether it was read from a table.
    pub(super) history: bool,
}

/// All columns that [`read`] wants, in its order.
pub(super) const COLUMNS: &str = "key_json, state, status, sent, crm_id, delivered_as_json, \
     revision, change, waiting_since, attempts, not_before, reason, digest, key, \
     history";

/// A row as SQLite gives it, before it is decrypted.
pub(super) struct Raw {
    key_json: String,
    sealed: Vec<u8>,
    status: i64,
    sent: bool,
    crm_id: Option<String>,
    delivered_as_json: Option<String>,
    revision: i64,
    change: i64,
    waiting_since_us: Option<i64>,
    attempts: u32,
    not_before_us: i64,
    reason: Option<String>,
    digest: Option<Vec<u8>>,
    canonical: Vec<u8>,
    history: bool,
}

/// Reads a row that was selected by [`COLUMNS`].
pub(super) fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        key_json: row.get(0)?,
        sealed: row.get(1)?,
        status: row.get(2)?,
        sent: row.get(3)?,
        crm_id: row.get(4)?,
        delivered_as_json: row.get(5)?,
        revision: row.get(6)?,
        change: row.get(7)?,
        waiting_since_us: row.get(8)?,
        attempts: row.get(9)?,
        not_before_us: row.get(10)?,
        reason: row.get(11)?,
        digest: row.get(12)?,
        canonical: row.get(13)?,
        history: row.get(14)?,
    })
}

/// Decrypts a row.
pub(super) fn opened(entity: &str, raw: Raw, sealer: &dyn Sealer) -> Result<Stored> {
    let plain = sealer.open(&context(entity, &raw.canonical), &raw.sealed)?;
    Ok(Stored {
        key: json(&raw.key_json)?,
        state: serde_json::from_slice(&plain).map_err(|error| corrupt(what_json(&error)))?,
        status: status_of(raw.status)?,
        sent: raw.sent,
        crm_id: raw.crm_id,
        delivered_as: raw.delivered_as_json.as_deref().map(parsed).transpose()?.unwrap_or_default(),
        revision: unsigned(raw.revision)?,
        change: unsigned(raw.change)?,
        waiting_since_us: raw.waiting_since_us,
        history: raw.history,
        attempts: raw.attempts,
        not_before_us: raw.not_before_us,
        reason: raw.reason,
        digest: raw
            .digest
            .map(|bytes| {
                Digest::try_from(bytes.as_slice()).map_err(|_| corrupt("a digest is too short"))
            })
            .transpose()?,
    })
}

/// Reads one row.
pub(super) fn load(
    connection: &Connection,
    sealer: &dyn Sealer,
    entity: &str,
    canonical: &[u8],
) -> Result<Option<Stored>> {
    let sql = format!("SELECT {COLUMNS} FROM rows WHERE entity = ?1 AND key = ?2");
    let mut statement = connection.prepare_cached(&sql).map_err(storage)?;
    let found = statement.query_row(params![entity, canonical], raw).optional().map_err(storage)?;
    found.map(|found| opened(entity, found, sealer)).transpose()
}

/// Writes one row.
pub(super) fn save(
    connection: &Connection,
    sealer: &dyn Sealer,
    entity: &str,
    canonical: &[u8],
    row: &Stored,
) -> Result<()> {
    let plain = serde_json::to_vec(&row.state).map_err(|error| bug(&error))?;
    let sealed = sealer.seal(&context(entity, canonical), &plain)?;
    let as_json = keys_json(&row.delivered_as)?;
    let mut statement = connection
        .prepare_cached(
            "INSERT OR REPLACE INTO rows (entity, key, key_json, state, alive, status, sent, crm_id, \
             delivered_as_json, revision, change, waiting_since, attempts, not_before, reason, \
             digest, history) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )
        .map_err(storage)?;
    statement
        .execute(params![
            entity,
            canonical,
            key_json(&row.key)?,
            sealed,
            row.state.alive(),
            status_number(row.status),
            row.sent,
            row.crm_id,
            as_json,
            signed(row.revision)?,
            signed(row.change)?,
            row.waiting_since_us,
            row.attempts,
            row.not_before_us,
            row.reason,
            row.digest.map(|digest| digest.to_vec()),
            row.history,
        ])
        .map_err(storage)?;
    Ok(())
}

/// What a row's ciphertext is bound to: another row's does not open in its place.
fn context(entity: &str, canonical: &[u8]) -> Vec<u8> {
    [b"ledger|", entity.as_bytes(), b"|", canonical].concat()
}

pub(super) fn key_json(key: &Key) -> Result<String> {
    serde_json::to_string(key).map_err(|error| bug(&error))
}

/// None for no keys.
pub(super) fn keys_json(keys: &[Key]) -> Result<Option<String>> {
    let text = (!keys.is_empty()).then(|| serde_json::to_string(keys)).transpose();
    text.map_err(|error| bug(&error))
}

/// The CRM may know the row's record under these old keys: what waits for them is found by it.
pub(super) fn add_aliases(
    connection: &Connection,
    entity: &str,
    key: &Key,
    olds: &[Key],
) -> Result<()> {
    for old in olds {
        connection
            .prepare_cached("INSERT OR IGNORE INTO aliases (entity, old, key) VALUES (?1, ?2, ?3)")
            .map_err(storage)?
            .execute(params![entity, old.canonical(), key.canonical()])
            .map_err(storage)?;
    }
    Ok(())
}

pub(super) fn clear_aliases(connection: &Connection, entity: &str, key: &Key) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM aliases WHERE entity = ?1 AND key = ?2")
        .map_err(storage)?
        .execute(params![entity, key.canonical()])
        .map_err(storage)?;
    Ok(())
}

pub(super) fn json(text: &str) -> Result<Key> {
    parsed(text)
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| corrupt(what_json(&error)))
}

pub(super) fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| corrupt("a counter is negative"))
}

pub(super) fn signed(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| corrupt("a counter is beyond 63 bits"))
}

/// Where it is, never what it held.
fn what_json(error: &serde_json::Error) -> String {
    format!("stored JSON does not parse at line {} column {}", error.line(), error.column())
}

pub(super) fn corrupt(what: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Corrupt,
        PLACE,
        what,
        "Remove the ledger file: it is rebuilt from landing, and unchanged records are sent once more",
    )
}

fn bug(error: &serde_json::Error) -> RuntimeError {
    RuntimeError::new(ErrorKind::Bug, PLACE, what_json(error), "Report this as a bug of covenant")
}

#[allow(clippy::needless_pass_by_value)]
pub(super) fn storage(error: rusqlite::Error) -> RuntimeError {
    let kind = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            ErrorKind::Corrupt
        }
        Some(_) | None => ErrorKind::Storage,
    };
    RuntimeError::new(kind, PLACE, error, "Check the disk and the file's permissions")
}
