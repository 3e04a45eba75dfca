//! The embedded ledger: one SQLite file, write-ahead log, every transaction flushed to disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use covenant_model::change::Key;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::calls;
use super::floors;
use super::fold::Fold;
use super::format;
use super::held;
use super::leaving;
use super::outcome;
use super::standing;
use super::store::{self, COLUMNS, corrupt, signed, status_number, storage, unsigned};
use super::{
    Ledger, LedgerCounts, LedgerRow, Outcome, Pending, Sealer, Standing, Status, Told, Work,
};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::CommitNumber;

/// Statements kept prepared.
const STATEMENTS: usize = 64;
/// Pages kept in memory, in KiB. SQLite's own 2 MiB made every lookup of a scattered key a read.
const CACHE_KIB: i64 = 64 * 1024;
/// Known plaintext that tells whether the ledger was written under the same key.
const CANARY: &[u8] = b"covenant ledger";
const CANARY_NOTE: &str = "canary";
const FOLDED_NOTE: &str = "folded";

/// The ledger in a SQLite file.
pub struct SqliteLedger {
    connection: Connection,
    sealer: Arc<dyn Sealer>,
}

impl SqliteLedger {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// `Storage` where it cannot be opened; `Corrupt` where it is no ledger; `Config` where it was written under another key;
    /// `SchemaMismatch` where another version of the runtime wrote it.
    pub fn open(path: &Path, sealer: Arc<dyn Sealer>) -> Result<Self> {
        Self::with(Connection::open(path).map_err(storage)?, sealer)
    }

    /// A ledger that dies with the process: for the simulation's speed where nothing is killed.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`].
    pub fn in_memory(sealer: Arc<dyn Sealer>) -> Result<Self> {
        Self::with(Connection::open_in_memory().map_err(storage)?, sealer)
    }

    fn with(connection: Connection, sealer: Arc<dyn Sealer>) -> Result<Self> {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
            .map_err(storage)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(storage)?;
        format::prepare(&connection)?;
        let mut ledger = Self { connection, sealer };
        ledger.check_key()?;
        Ok(ledger)
    }

    fn check_key(&mut self) -> Result<()> {
        let Some(text) = self.note(CANARY_NOTE)? else {
            let sealed = self.sealer.seal(CANARY, CANARY)?;
            return self.set_note(CANARY_NOTE, &hex::encode(sealed));
        };
        let sealed = hex::decode(text).map_err(|_| corrupt("the canary is no hexadecimal text"))?;
        match self.sealer.open(CANARY, &sealed) {
            Ok(plain) if plain == CANARY => Ok(()),
            Ok(_) | Err(_) => Err(RuntimeError::new(
                ErrorKind::Config,
                "ledger",
                "the ledger was written under another key",
                "Configure the key it was written under, or remove the ledger to have it rebuilt",
            )),
        }
    }

    fn begin(&mut self) -> Result<Transaction<'_>> {
        self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(storage)
    }
}

fn note(connection: &Connection, name: &str) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")
        .map_err(storage)?
        .query_row(params![name], |row| row.get(0))
        .optional()
        .map_err(storage)
}

fn set_note(connection: &Connection, name: &str, text: &str) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")
        .map_err(storage)?
        .execute(params![name, text])
        .map_err(storage)?;
    Ok(())
}

fn folded(connection: &Connection) -> Result<CommitNumber> {
    let text = note(connection, FOLDED_NOTE)?;
    let number = text.map_or(Ok(0), |text| text.parse());
    number.map(CommitNumber).map_err(|_| corrupt("the folded commit is no number"))
}

impl Ledger for SqliteLedger {
    fn folded(&mut self) -> Result<CommitNumber> {
        folded(&self.connection)
    }

    fn fold_all(&mut self, number: CommitNumber, told: Told<'_>) -> Result<u64> {
        let sealer = Arc::clone(&self.sealer);
        let transaction = self.begin()?;
        let last = folded(&transaction)?;
        if number <= last {
            return Ok(0);
        }
        if number != last.next() {
            return Err(RuntimeError::new(
                ErrorKind::Gap,
                "ledger",
                format!(
                    "landing commit {} follows {}, commits between are missing",
                    number.0, last.0
                ),
                "Restore the missing landing commits",
            ));
        }
        let mut changed = 0;
        for floor in told.floors {
            changed += floors::raise(&transaction, sealer.as_ref(), floor)?;
        }
        let mut fold = Fold::new(&transaction, sealer.as_ref(), told.cells);
        for (entity, change) in told.changes {
            fold.change(entity, change, false)?;
        }
        for (entity, change) in told.again {
            fold.change(entity, change, true)?;
        }
        changed += fold.finish()?;
        set_note(&transaction, FOLDED_NOTE, &number.0.to_string())?;
        transaction.commit().map_err(storage)?;
        Ok(changed)
    }

    fn pending(
        &mut self,
        entity: &str,
        work: Work,
        now_us: i64,
        limit: usize,
    ) -> Result<Vec<Pending>> {
        calls::forget(&self.connection, now_us)?;
        let sql = format!(
            "SELECT {COLUMNS} FROM rows WHERE entity = ?1 AND status IN (1, 2) AND alive = ?2 \
             AND history BETWEEN ?5 AND ?6 AND not_before <= ?3 AND NOT EXISTS (SELECT 1 FROM aliases \
             WHERE aliases.entity = rows.entity AND aliases.old = rows.key) AND sent <= ?7 \
             ORDER BY history, waiting_since, key LIMIT ?4"
        );
        let mut statement = self.connection.prepare_cached(&sql).map_err(storage)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (alive, from, to, sent) = match work {
            Work::Live => (true, false, false, true),
            Work::Creates => (true, false, false, false),
            Work::History => (true, true, true, true),
            Work::Removals => (false, false, true, true),
        };
        let found = statement
            .query_map(params![entity, alive, now_us, limit, from, to, sent], store::raw)
            .map_err(storage)?;
        let mut rows = Vec::new();
        for raw in found {
            let row = store::opened(entity, raw.map_err(storage)?, self.sealer.as_ref())?;
            rows.push(standing::pending(&self.connection, entity, row, now_us)?);
        }
        Ok(rows)
    }

    fn updates(&mut self, entity: &str, limit: u64) -> Result<u64> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM rows WHERE entity = ?1 AND status IN (1, 2) AND alive = 1 \
                   AND history = 0 AND sent = 1 LIMIT ?2)";
        let mut statement = self.connection.prepare_cached(sql).map_err(storage)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = statement.query_row(params![entity, limit], |row| row.get::<_, i64>(0));
        unsigned(found.map_err(storage)?)
    }

    fn sending(&mut self, rows: &[Pending], may_run_until_us: i64) -> Result<()> {
        let transaction = self.begin()?;
        for row in rows {
            calls::begun(&transaction, row, may_run_until_us)?;
            leaving::set(&transaction, row)?;
            transaction
                .prepare_cached(
                    "UPDATE rows SET revision = max(revision, ?3), sent = 1, digest = NULL \
                     WHERE entity = ?1 AND key = ?2",
                )
                .map_err(storage)?
                .execute(params![row.entity, row.key.canonical(), signed(row.revision)?])
                .map_err(storage)?;
        }
        transaction.commit().map_err(storage)
    }

    fn record(&mut self, object: &str, outcomes: &[(Pending, Outcome)]) -> Result<()> {
        let transaction = self.begin()?;
        for (row, outcome) in outcomes {
            outcome::record(&transaction, object, row, outcome)?;
            if row.answered {
                calls::answered(&transaction, row)?;
            }
        }
        transaction.commit().map_err(storage)
    }

    fn leaving(&mut self, entity: &str, now_us: i64) -> Result<u64> {
        leaving::due(&self.connection, entity, now_us)
    }

    fn leave(&mut self, entity: &str, now_us: i64, limit: usize) -> Result<u64> {
        let transaction = self.begin()?;
        let left = leaving::leave(&transaction, entity, now_us, limit)?;
        transaction.commit().map_err(storage)?;
        Ok(left)
    }

    fn part(&mut self, row: &Pending, olds: &[Key]) -> Result<()> {
        let transaction = self.begin()?;
        for old in olds {
            transaction
                .prepare_cached(
                    "UPDATE rows SET sent = 1, status = ?3, not_before = 0, \
                     revision = max(revision, ?4), waiting_since = coalesce(waiting_since, ?5) \
                     WHERE entity = ?1 AND key = ?2 AND status IN (0, 1, 2)",
                )
                .map_err(storage)?
                .execute(params![
                    row.entity,
                    old.canonical(),
                    status_number(Status::Waiting),
                    signed(row.revision)?,
                    row.waiting_since_us
                ])
                .map_err(storage)?;
        }
        let kept: Vec<Key> =
            row.delivered_as.iter().filter(|old| !olds.contains(old)).cloned().collect();
        store::clear_aliases(&transaction, &row.entity, &row.key)?;
        store::add_aliases(&transaction, &row.entity, &row.key, &kept)?;
        transaction
            .prepare_cached("UPDATE rows SET delivered_as_json = ?3 WHERE entity = ?1 AND key = ?2")
            .map_err(storage)?
            .execute(params![row.entity, row.key.canonical(), store::keys_json(&kept)?])
            .map_err(storage)?;
        transaction.commit().map_err(storage)
    }

    fn oldest_live(&mut self, entity: &str) -> Result<Option<i64>> {
        // Two short looks into the index `due`: it is asked for with every look at the page.
        let one = "SELECT min(waiting_since) FROM rows WHERE entity = ?1 AND status IN (1, 2) AND history = 0 AND alive =";
        let sql = format!(
            "SELECT min(since) FROM (SELECT ({one} 0) AS since UNION ALL SELECT ({one} 1))"
        );
        self.connection
            .prepare_cached(&sql)
            .map_err(storage)?
            .query_row(params![entity], |row| row.get(0))
            .map_err(storage)
    }

    fn counts(&mut self) -> Result<BTreeMap<String, LedgerCounts>> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT entity, status, alive, count(*), sum(sent) FROM rows GROUP BY 1, 2, 3",
            )
            .map_err(storage)?;
        let found = statement
            .query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, bool>(2)?,
                    row.get::<_, i64>(3)?,
                    row.get::<_, i64>(4)?,
                ))
            })
            .map_err(storage)?;
        let mut counts: BTreeMap<String, LedgerCounts> = BTreeMap::new();
        for row in found {
            let (entity, status, alive, rows, sent) = row.map_err(storage)?;
            let rows = unsigned(rows)?;
            let entry = counts.entry(entity).or_default();
            entry.rows += rows;
            entry.sent += unsigned(sent)?;
            match store::status_of(status)? {
                Status::Settled => {}
                Status::Waiting => {
                    entry.waiting += rows;
                    entry.removals += if alive { 0 } else { rows };
                }
                Status::Parked => entry.parked += rows,
                Status::Quarantined => entry.quarantined += rows,
                Status::Incomplete => entry.incomplete += rows,
                Status::Held => entry.held += rows,
            }
        }
        Ok(counts)
    }

    fn scan(&mut self, entity: &str, after: Option<&Key>, limit: usize) -> Result<Vec<LedgerRow>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM rows WHERE entity = ?1 AND key > ?2 ORDER BY key LIMIT ?3"
        );
        let mut statement = self.connection.prepare_cached(&sql).map_err(storage)?;
        let after = after.map(Key::canonical).unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found =
            statement.query_map(params![entity, after, limit], store::raw).map_err(storage)?;
        let mut rows = Vec::new();
        for raw in found {
            rows.push(store::opened(entity, raw.map_err(storage)?, self.sealer.as_ref())?.into());
        }
        Ok(rows)
    }

    fn row(&mut self, entity: &str, key: &Key) -> Result<Option<LedgerRow>> {
        let sealer = self.sealer.as_ref();
        let found = store::load(&self.connection, sealer, entity, &key.canonical())?;
        Ok(found.map(LedgerRow::from))
    }

    fn standing(&mut self, entity: &str, key: &Key) -> Result<Option<Standing>> {
        standing::of(&self.connection, self.sealer.as_ref(), entity, key)
    }

    fn redeliver(&mut self, entity: &str, keys: &[Key], now_us: i64) -> Result<u64> {
        let transaction = self.begin()?;
        let again = standing::again(&transaction, entity, keys, now_us)?;
        transaction.commit().map_err(storage)?;
        Ok(again)
    }

    fn retry(&mut self, entity: &str) -> Result<u64> {
        let changed = self
            .connection
            .execute(
                "UPDATE rows SET status = 1, attempts = 0, not_before = 0, reason = NULL \
                 WHERE entity = ?1 AND status IN (2, 3)",
                params![entity],
            )
            .map_err(storage)?;
        Ok(changed as u64)
    }

    fn held(&mut self, row: &Pending) -> Result<Option<String>> {
        held::why(&self.connection, row)
    }

    fn is_held(&mut self, entity: &str, key: &Key) -> Result<bool> {
        held::waits(&self.connection, entity, key)
    }

    fn stamped(&mut self, entity: &str, stamped: &[(Key, String)]) -> Result<()> {
        let transaction = self.begin()?;
        for (key, record) in stamped {
            held::stamped(&transaction, entity, key, record)?;
        }
        transaction.commit().map_err(storage)
    }

    fn adopted(
        &mut self,
        entity: &str,
        held: Option<&[(Key, String)]>,
        note: (&str, &str),
    ) -> Result<()> {
        let transaction = self.begin()?;
        if let Some(held) = held {
            held::replace(&transaction, entity, held)?;
        }
        held::look_again(&transaction, entity)?;
        set_note(&transaction, note.0, note.1)?;
        transaction.commit().map_err(storage)
    }

    fn held_rows(&mut self, entity: &str) -> Result<u64> {
        held::count(&self.connection, entity)
    }

    fn note(&mut self, name: &str) -> Result<Option<String>> {
        note(&self.connection, name)
    }

    fn set_note(&mut self, name: &str, text: &str) -> Result<()> {
        set_note(&self.connection, name, text)
    }
}
