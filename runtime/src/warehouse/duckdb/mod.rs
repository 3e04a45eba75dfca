//! The embedded warehouse: a DuckDB file, driven by the generated SQL.
//!
//! Calls of the library block, so one thread of its own makes all of them; the lane waits for its answers. One process can
//! have the file open: a second one is refused by DuckDB itself.

mod apply;
mod check;
mod hold;
mod look;
mod read;
mod steps;
mod worker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use covenant_model::change::Key;
use covenant_model::floor::Floor;
use covenant_model::join::RowState;
use covenant_model::spec::{EntitySpec, ModelSpec};

use self::apply::{Batch, BatchFile};
use self::hold::Hold;
pub use self::look::look;
use self::steps::StepQuery;
use self::worker::Worker;
use super::sql::SqlFiles;
use super::{Applied, Cycle, ModelRun, TableCounts, Warehouse, unapplied};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::{CommitNumber, DataFile, Epoch, Landing, LandingCommit};

/// What errors name as their place.
const PLACE: &str = "duckdb warehouse";

/// How the library is set up.
#[derive(Clone, Debug)]
pub struct DuckOptions {
    /// The database file; none: in memory, for tests.
    pub path: Option<PathBuf>,
    /// Threads of the library; the reader of the source needs the rest.
    pub threads: u32,
    /// Memory of the library, MiB; it spills to disk beyond.
    pub memory_mib: u32,
}

impl DuckOptions {
    /// A file, two threads and half a gigabyte.
    pub fn file(path: &Path) -> Self {
        Self { path: Some(path.to_owned()), threads: 2, memory_mib: 512 }
    }

    /// In memory, one thread.
    pub fn in_memory() -> Self {
        Self { path: None, threads: 1, memory_mib: 512 }
    }
}

/// Waits until no warehouse of this process has the file: a dropped one closes it later, on its own thread.
///
/// # Errors
/// `Unavailable` where one keeps it.
pub async fn closed(path: &Path) -> Result<()> {
    let path = path.to_owned();
    let waiting = tokio::task::spawn_blocking(move || Hold::take(Some(&path)).map(drop));
    waiting.await.map_err(|error| {
        RuntimeError::new(ErrorKind::Bug, PLACE, error, "Report this as a bug of covenant")
    })?
}

/// The warehouse in a DuckDB file.
pub struct DuckWarehouse {
    worker: Worker,
    sql: SqlFiles,
    entities: Arc<BTreeMap<String, EntitySpec>>,
    /// By entity: which steps of states are looked at.
    steps: Arc<BTreeMap<String, Vec<StepQuery>>>,
    epoch: Epoch,
}

impl DuckWarehouse {
    /// Opens the file. `sql` holds the generated files below `duckdb/`.
    ///
    /// # Errors
    /// `Unavailable` where another process has the file; `Storage`, `Corrupt`.
    pub async fn new(options: DuckOptions, sql: SqlFiles, entities: &[EntitySpec]) -> Result<Self> {
        let kept = entities.iter().filter(|entity| entity.warehouse.is_some());
        let entities: BTreeMap<_, _> =
            kept.map(|entity| (entity.name.clone(), entity.clone())).collect();
        let asked =
            entities.iter().map(|(name, entity)| Ok((name.clone(), steps::queries(entity)?)));
        let steps = Arc::new(asked.collect::<Result<_>>()?);
        let worker = Worker::start(options).await?;
        Ok(Self { worker, sql, entities: Arc::new(entities), steps, epoch: Epoch(0) })
    }

    /// Holds what is there against the contracts, before a fence is taken or anything is created.
    ///
    /// # Errors
    /// `SchemaMismatch` with both sides.
    pub async fn stands(&self) -> Result<()> {
        let entities = Arc::clone(&self.entities);
        self.worker.call(move |db| check::stands(db, &entities)).await
    }

    /// A second instance over the same open database, which must be opened under its own epoch: DuckDB lets one process have a
    /// file, and within it this is how two instances meet.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn beside(&self) -> Result<Self> {
        Ok(Self {
            worker: self.worker.beside().await?,
            sql: self.sql.clone(),
            entities: Arc::clone(&self.entities),
            steps: Arc::clone(&self.steps),
            epoch: Epoch(0),
        })
    }

    fn file(&self, landing: &dyn Landing, file: &DataFile) -> Result<BatchFile> {
        let path = landing.local_path(file).ok_or_else(|| {
            RuntimeError::new(
                ErrorKind::Config,
                PLACE,
                "landing has no local paths, and the embedded warehouse reads files only",
                "Use a local landing folder with the embedded warehouse",
            )
        })?;
        Ok(BatchFile { path, sha256: file.sha256.clone(), rows: file.rows })
    }
}

#[async_trait]
impl Warehouse for DuckWarehouse {
    async fn open(&mut self, epoch: Epoch) -> Result<()> {
        let sql = self.sql.clone();
        let entities = Arc::clone(&self.entities);
        self.worker.call(move |db| check::open(db, &sql, &entities, epoch)).await?;
        self.epoch = epoch;
        Ok(())
    }

    async fn applied(&mut self) -> Result<CommitNumber> {
        self.worker.call(apply::applied).await
    }

    async fn apply(&mut self, landing: &dyn Landing, commits: &[LandingCommit]) -> Result<Applied> {
        let applied = self.applied().await?;
        let rest = unapplied(applied, commits)?;
        if rest.is_empty() {
            return Ok(Applied { upto: applied, ..Applied::default() });
        }
        let mut files: BTreeMap<String, Vec<BatchFile>> = BTreeMap::new();
        for file in rest.iter().flat_map(|commit| &commit.files) {
            if self.entities.contains_key(&file.entity) && file.rows > 0 {
                let read = self.file(landing, file)?;
                files.entry(file.entity.clone()).or_default().push(read);
            }
        }
        let floors = rest.iter().flat_map(|commit| &commit.floors);
        let floors = floors.filter(|floor| self.entities.contains_key(&floor.entity));
        let floors: Vec<Floor> = floors.cloned().collect();
        let mut commits = Vec::with_capacity(rest.len());
        for commit in rest {
            let digest = landing.digest_at(commit.number).await?.unwrap_or_default();
            commits.push((commit.clone(), digest));
        }
        let steps = Arc::clone(&self.steps);
        let batch = Batch { after: applied, epoch: self.epoch, commits, files, floors, steps };
        let sql = self.sql.clone();
        self.worker.call(move |db| apply::apply(db, &sql, &batch)).await
    }

    async fn run_model(&mut self, model: &ModelSpec, run: ModelRun) -> Result<u64> {
        let (sql, epoch, model) = (self.sql.clone(), self.epoch, model.clone());
        self.worker.call(move |db| apply::run_model(db, &sql, epoch, &model, run)).await
    }

    async fn cycles(&mut self) -> Result<BTreeMap<String, Cycle>> {
        self.worker.call(read::cycles).await
    }

    async fn counts(&mut self, entity: &EntitySpec) -> Result<TableCounts> {
        let entity = entity.clone();
        self.worker.call(move |db| read::counts(db, &entity)).await
    }

    async fn incomplete(&mut self, entity: &EntitySpec) -> Result<u64> {
        let entity = entity.clone();
        self.worker.call(move |db| read::incomplete(db, &entity)).await
    }

    async fn scan(
        &mut self,
        entity: &EntitySpec,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, RowState)>> {
        let (entity, after) = (entity.clone(), after.cloned());
        self.worker.call(move |db| read::scan(db, &entity, after.as_ref(), limit)).await
    }

    async fn rows(&mut self, entity: &EntitySpec, keys: &[Key]) -> Result<Vec<(Key, RowState)>> {
        let (entity, keys) = (entity.clone(), keys.to_vec());
        self.worker.call(move |db| read::rows(db, &entity, &keys)).await
    }
}

/// Name of an entity's table in SQL: `"SALES"."ORDERS_STATE"`.
fn table(entity: &EntitySpec, suffix: &str) -> Result<String> {
    let sink = entity.warehouse.as_ref().ok_or_else(|| {
        RuntimeError::new(
            ErrorKind::Bug,
            PLACE,
            format!("{} has no warehouse sink", entity.name),
            "Report this as a bug of covenant",
        )
    })?;
    Ok(format!("{}.{}", quoted(&sink.schema), quoted(&format!("{}{suffix}", sink.table))))
}

/// A name as SQL takes it, whatever it is.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Folder of an entity's or name of a model's generated files.
fn slug(name: &str) -> String {
    name.replace('.', "_")
}

/// An error of the library, without values: its messages quote data in apostrophes, and the statement behind the first line.
#[allow(clippy::needless_pass_by_value)]
fn failed(doing: &str, error: ::duckdb::Error) -> RuntimeError {
    let text = error.to_string();
    let first = unquoted(text.lines().next().unwrap_or_default());
    let has = |part: &str| text.contains(part);
    let (kind, advice) = if has("Could not set lock") {
        (
            ErrorKind::Unavailable,
            "Another process has the file open: stop it, or wait until it has ended",
        )
    } else if has("IO Error") || has("No space left") {
        (ErrorKind::Storage, "Check the disk and the file's permissions")
    } else if has("FATAL") || has("invalidated") || has("Transaction") || has("INTERRUPT") {
        (ErrorKind::Unavailable, "It is tried again")
    } else if has("Catalog Error") || has("Binder Error") {
        (
            ErrorKind::SchemaMismatch,
            "Somebody changed the tables: compare them with the contract by `doctor`",
        )
    } else {
        (
            ErrorKind::Corrupt,
            "Look at the landing commit that was being applied; nothing of it was written",
        )
    };
    RuntimeError::new(kind, PLACE, format!("{doing}: {first}"), advice)
}

/// Takes out what stands in apostrophes: that is where the library quotes data.
fn unquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (place, part) in text.split('\'').enumerate() {
        out.push_str(if place % 2 == 0 { part } else { "'…'" });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_lose_their_values() {
        let text = "Conversion Error: Could not convert string 'ann@example.com' to INT32";
        assert_eq!(unquoted(text), "Conversion Error: Could not convert string '…' to INT32");
    }
}
