//! Records across restarts: changed records go to a SQLite file about once a second and when the simulator stops.
//!
//! A simulator that is killed may lose its last second; tokens, jobs, cursors and counters always start afresh.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::org::Org;
use super::schema::Schema;
use super::server::Shared;
use super::state::State;
use super::store::{Row, RowIx};
use super::value::FieldValue;

/// How often changes are written.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Records taken per turn of the lock.
const ROWS_PER_TURN: usize = 5_000;

/// Why the state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PersistError {
    /// SQLite refused.
    #[error("state file {path}: {source}; move it away to start with an empty org")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
}

/// The state file.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    db: Connection,
}

/// A changed record on its way to the file.
type Change = (String, usize, bool, String);

impl StateFile {
    pub(super) fn open(path: &Path) -> Result<Self, PersistError> {
        let fail = |source| PersistError::Sqlite { path: path.to_owned(), source };
        let db = Connection::open(path).map_err(fail)?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE IF NOT EXISTS object (name TEXT PRIMARY KEY, prefix TEXT NOT NULL);
             CREATE TABLE IF NOT EXISTS record (object TEXT NOT NULL, row INTEGER NOT NULL,
                 purged INTEGER NOT NULL, fields TEXT NOT NULL, PRIMARY KEY (object, row)) WITHOUT ROWID;",
        )
        .map_err(fail)?;
        Ok(Self { path: path.to_owned(), db })
    }

    fn fail(&self, source: rusqlite::Error) -> PersistError {
        PersistError::Sqlite { path: self.path.clone(), source }
    }

    /// Gives objects the key prefixes they had, so that ids stay what they were.
    pub(super) fn keep_prefixes(&self, org: &mut Org) -> Result<(), PersistError> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let mut query = self.db.prepare("SELECT name, prefix FROM object")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        for (name, prefix) in read().map_err(|e| self.fail(e))? {
            if let Some(object) = org.object_mut(&name) {
                object.key_prefix = Some(prefix);
            }
        }
        Ok(())
    }

    /// Reads all records back into an empty state.
    pub(super) fn load(&mut self, state: &mut State) -> Result<(), PersistError> {
        let schema = Arc::clone(state.store.schema());
        self.save_prefixes(&schema).map_err(|e| self.fail(e))?;
        let mut read = || -> rusqlite::Result<()> {
            let mut query = self
                .db
                .prepare("SELECT row, purged, fields FROM record WHERE object = ?1 ORDER BY row")?;
            for object in schema.objects() {
                let mut rows = query.query([&object.name])?;
                while let Some(found) = rows.next()? {
                    let at: i64 = found.get(0)?;
                    let text: String = found.get(2)?;
                    let fields: Map<String, Value> =
                        serde_json::from_str(&text).unwrap_or_default();
                    let value = |name: &str, kind| {
                        let value = fields.get(name).unwrap_or(&Value::Null);
                        FieldValue::read(kind, value).unwrap_or(FieldValue::Null)
                    };
                    let values = object.fields.iter().map(|f| value(&f.name, &f.kind)).collect();
                    let row = Row { values, purged: found.get(1)? };
                    state.store.restore(object.ix, RowIx(usize::try_from(at).unwrap_or(0)), row);
                }
            }
            Ok(())
        };
        read().map_err(|e| self.fail(e))
    }

    fn save_prefixes(&mut self, schema: &Schema) -> rusqlite::Result<()> {
        let change = self.db.transaction()?;
        for object in schema.objects() {
            change.execute(
                "INSERT INTO object VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
                [&object.name, &object.key_prefix],
            )?;
        }
        change.commit()
    }

    fn save(&mut self, changes: &[Change]) -> Result<(), PersistError> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.db.transaction()?;
            {
                let mut put = transaction
                    .prepare_cached("INSERT OR REPLACE INTO record VALUES (?1, ?2, ?3, ?4)")?;
                for (object, row, purged, fields) in changes {
                    put.execute((object, i64::try_from(*row).unwrap_or(0), purged, fields))?;
                }
            }
            transaction.commit()
        };
        write().map_err(|e| self.fail(e))
    }

    /// Writes everything that changed since the last time.
    pub(super) fn flush(&mut self, shared: &Shared) -> Result<(), PersistError> {
        loop {
            let changes = changed(&mut shared.lock());
            if changes.is_empty() {
                return Ok(());
            }
            self.save(&changes)?;
        }
    }
}

fn changed(state: &mut State) -> Vec<Change> {
    let taken = state.store.take_changes(ROWS_PER_TURN);
    let schema = Arc::clone(state.store.schema());
    let text = |row: &Row, fields: &[super::org::FieldDef]| {
        let all = fields.iter().zip(&row.values).filter(|(_, value)| !value.is_null());
        let map: Map<String, Value> = all
            .map(|(field, value)| {
                let exact = match value {
                    FieldValue::Number(n) => Value::String(n.to_string()),
                    FieldValue::Null
                    | FieldValue::Bool(_)
                    | FieldValue::Text(_)
                    | FieldValue::Date(_)
                    | FieldValue::Instant(_) => value.to_exact_json(),
                };
                (field.name.clone(), exact)
            })
            .collect();
        Value::Object(map).to_string()
    };
    taken
        .into_iter()
        .filter_map(|(object, at)| {
            let row = state.store.row(object, at)?;
            let shape = schema.at(object);
            Some((shape.name.clone(), at.0, row.purged, text(row, &shape.fields)))
        })
        .collect()
}

/// Writes changes about once a second until told to stop, and then once more.
pub(super) async fn keep(
    shared: Arc<Shared>,
    mut file: StateFile,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let last = tokio::select! {
            () = tokio::time::sleep(FLUSH_EVERY) => false,
            _ = stop.changed() => true,
        };
        let turn = Arc::clone(&shared);
        let written = tokio::task::spawn_blocking(move || {
            let result = file.flush(&turn);
            (file, result)
        });
        match written.await {
            Ok((back, result)) => {
                file = back;
                if let Err(error) = result {
                    tracing::error!(%error, "the simulator's records were not saved");
                }
            }
            Err(error) => {
                tracing::error!(%error, "saving the simulator's records ended");
                return;
            }
        }
        if last {
            return;
        }
    }
}
