//! One transaction: the fence, the batch, the batch ledger. All or nothing.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use ::duckdb::{Connection, params};
use covenant_model::floor::Floor;
use covenant_model::spec::ModelSpec;
use sha2::{Digest, Sha256};

use super::steps::{self, StepQuery};
use super::{PLACE, failed, slug};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::{CommitNumber, Epoch, LandingCommit};
use crate::warehouse::sql::{SqlFiles, inserts};
use crate::warehouse::{Applied, ModelRun, fenced};

/// Longest chain of moves that is followed in one batch; a longer one is a cycle, which contracts exclude.
const HOPS_MAX: usize = 1_000;
/// Bytes read at once for a digest.
const BUFFER_BYTES: usize = 1 << 20;

/// Landing commits to apply together.
pub(super) struct Batch {
    /// What must be applied already.
    pub(super) after: CommitNumber,
    pub(super) epoch: Epoch,
    /// Each with the digest of its manifest.
    pub(super) commits: Vec<(LandingCommit, String)>,
    /// By entity.
    pub(super) files: BTreeMap<String, Vec<BatchFile>>,
    /// Of entities that the warehouse keeps.
    pub(super) floors: Vec<Floor>,
    /// By entity.
    pub(super) steps: Arc<BTreeMap<String, Vec<StepQuery>>>,
}

/// A data file of the batch.
pub(super) struct BatchFile {
    pub(super) path: PathBuf,
    pub(super) sha256: String,
    pub(super) rows: u64,
}

/// The last applied commit.
pub(super) fn applied(db: &Connection) -> Result<CommitNumber> {
    let number: i64 = db
        .query_row("SELECT coalesce(max(commit_number), 0) FROM COVENANT.BATCHES", [], |row| {
            row.get(0)
        })
        .map_err(|error| failed("reading the batch ledger", error))?;
    Ok(CommitNumber(u64::try_from(number).unwrap_or(0)))
}

/// Applies a batch.
pub(super) fn apply(db: &Connection, sql: &SqlFiles, batch: &Batch) -> Result<Applied> {
    batch.files.values().flatten().try_for_each(check_digest)?;
    transaction(db, batch.epoch, || {
        if applied(db)? != batch.after {
            return Err(RuntimeError::new(
                ErrorKind::Unavailable,
                PLACE,
                "another batch was applied meanwhile",
                "It is tried again from what is applied now",
            ));
        }
        let upto = batch.commits.last().map_or(batch.after, |(commit, _)| commit.number);
        run(db, "setting the commit", &format!("SET VARIABLE commit = {}", upto.0))?;
        let mut done = Applied { upto, ..Applied::default() };
        // Before the changes, though after them would give the same: so that no row is written twice.
        for floor in &batch.floors {
            done.rows_changed += raise(db, sql, floor)?;
        }
        for (entity, files) in &batch.files {
            load(db, sql, entity, files)?;
            if let Some(queries) = batch.steps.get(entity) {
                done.steps.extend(steps::taken(db, queries)?);
            }
            done.changes += files.iter().map(|file| file.rows).sum::<u64>();
            done.rows_changed += apply_entity(db, sql, entity)?;
        }
        for (commit, digest) in &batch.commits {
            // Commits that are applied together change rows together: the last one tells how many.
            let rows_changed = if commit.number == upto { done.rows_changed } else { 0 };
            record(db, batch.epoch, commit, digest, rows_changed)?;
        }
        Ok(done)
    })
}

/// Runs a model: its rows are replaced, and the cycle is remembered with them.
pub(super) fn run_model(
    db: &Connection,
    sql: &SqlFiles,
    epoch: Epoch,
    model: &ModelSpec,
    this: ModelRun,
) -> Result<u64> {
    let statements = sql.get(&format!("duckdb/models/{}.sql", slug(&model.name)))?;
    transaction(db, epoch, || {
        let ModelRun { cycle, now_us, rebuild } = this;
        for (name, value) in [
            ("cycle", cycle.to_string()),
            ("now", format!("make_timestamp({now_us})")),
            ("rebuild", rebuild.to_string()),
        ] {
            run(db, "setting the run", &format!("SET VARIABLE {name} = {value}"))?;
        }
        let doing = format!("running model {}", model.name);
        let rows = run_all(db, &doing, statements)?.inserted;
        db.execute(
            "INSERT INTO COVENANT.CYCLES (model, cycle, commit_number, epoch, rows_written, rebuilt_us) \
             SELECT ?, ?, coalesce(max(commit_number), 0), ?, ?, ? FROM COVENANT.BATCHES",
            params![model.name, cycle, epoch.0, rows, rebuild.then_some(now_us)],
        )
        .map_err(|error| failed("recording the cycle", error))?;
        Ok(rows)
    })
}

/// Begins, proves that the fence is ours, acts, commits. Rolls back on any failure.
fn transaction<T>(db: &Connection, epoch: Epoch, act: impl FnOnce() -> Result<T>) -> Result<T> {
    run(db, "beginning a transaction", "BEGIN TRANSACTION")?;
    let acted = hold_fence(db, epoch).and_then(|()| act());
    match acted {
        Ok(done) => {
            run(db, "committing", "COMMIT").map_err(unknown)?;
            Ok(done)
        }
        Err(error) => {
            // Where even this fails the library has rolled back already; the first error is the one that matters.
            let _ = db.execute("ROLLBACK", []);
            Err(error)
        }
    }
}

/// A SELECT would not fence: only a write conflicts with a write.
fn hold_fence(db: &Connection, epoch: Epoch) -> Result<()> {
    let held = db
        .execute(
            "UPDATE COVENANT.FENCE SET token = token WHERE name = 'apply' AND token = ?",
            params![epoch.0],
        )
        .map_err(|error| failed("holding the fence", error))?;
    if held == 1 { Ok(()) } else { Err(fenced(epoch)) }
}

/// Remembers a floor and deletes what stands below it; how many rows that changed.
fn raise(db: &Connection, sql: &SqlFiles, floor: &Floor) -> Result<u64> {
    let doing = format!("raising the floor of {}", floor.entity);
    let set = |name: &str, value: String| {
        run(db, &doing, &format!("SET VARIABLE {name} = {value}")).map(drop)
    };
    set("floor", format!("CAST('{}' AS DECIMAL(38,0))", floor.version))?;
    set("floor_source", format!("'{}'", floor.source.replace('\'', "''")))?;
    set("floor_committed_at", format!("make_timestamp({})", floor.committed_at_us))?;
    let file = format!("duckdb/{}/floor.sql", slug(&floor.entity));
    Ok(run_all(db, &doing, sql.get(&file)?)?.last)
}

/// Landing files -> batch table, all of them.
fn load(db: &Connection, sql: &SqlFiles, entity: &str, files: &[BatchFile]) -> Result<()> {
    let file = |name: &str| format!("duckdb/{}/{name}.sql", slug(entity));
    let doing = |what: &str| format!("{what} {entity}");
    run(db, &doing("naming the files of"), &format!("SET VARIABLE files = {}", list(files)))?;
    let changes = run_all(db, &doing("loading"), sql.get(&file("load"))?)?.inserted;
    let landed: u64 = files.iter().map(|file| file.rows).sum();
    if changes != landed {
        return Err(RuntimeError::new(
            ErrorKind::Corrupt,
            PLACE,
            format!("{changes} changes of {entity} were loaded, its manifests say {landed}"),
            "Compare the data files with their manifests; nothing was written",
        ));
    }
    Ok(())
}

/// The batch table into the state; how many rows changed.
fn apply_entity(db: &Connection, sql: &SqlFiles, entity: &str) -> Result<u64> {
    let file = |name: &str| format!("duckdb/{}/{name}.sql", slug(entity));
    let doing = |what: &str| format!("{what} {entity}");
    let mut rows_changed = run_all(db, &doing("folding"), sql.get(&file("fold"))?)?.inserted;
    run_all(db, &doing("applying"), sql.get(&file("apply"))?)?;
    if let Some(history) = sql.optional(&file("history")) {
        run_all(db, &doing("keeping the history of"), history)?;
    }
    if let Some(moves) = sql.optional(&file("moves")) {
        for hop in 0.. {
            let moved = run_all(db, &doing("moving rows of"), moves)?.last;
            if moved == 0 {
                break;
            }
            if hop == HOPS_MAX {
                return Err(RuntimeError::new(
                    ErrorKind::Corrupt,
                    PLACE,
                    format!("rows of {entity} move in more than {HOPS_MAX} hops"),
                    "Look for keys that move in a circle at the source; nothing was written",
                ));
            }
            rows_changed += moved;
            run_all(db, &doing("applying moved rows of"), sql.get(&file("apply"))?)?;
        }
    }
    Ok(rows_changed)
}

fn record(
    db: &Connection,
    epoch: Epoch,
    commit: &LandingCommit,
    digest: &str,
    rows_changed: u64,
) -> Result<()> {
    let mut entities: BTreeMap<&str, u64> = BTreeMap::new();
    for file in &commit.files {
        *entities.entry(&file.entity).or_default() += file.rows;
    }
    let json = serde_json::to_string(&entities).unwrap_or_default();
    let changes: u64 = entities.values().sum();
    db.execute(
        "INSERT INTO COVENANT.BATCHES (commit_number, epoch, entities, changes, rows_changed, digest) \
         VALUES (?, ?, ?, ?, ?, ?)",
        params![commit.number.0, epoch.0, json, changes, rows_changed, digest],
    )
    .map_err(|error| failed("recording the batch", error))?;
    Ok(())
}

/// Rows that a file's statements inserted, and what its last statement changed.
struct Ran {
    inserted: u64,
    last: u64,
}

fn run_all(db: &Connection, doing: &str, statements: &[String]) -> Result<Ran> {
    let mut ran = Ran { inserted: 0, last: 0 };
    for statement in statements {
        ran.last = run(db, doing, statement)?;
        if inserts(statement) {
            ran.inserted += ran.last;
        }
    }
    Ok(ran)
}

fn run(db: &Connection, doing: &str, statement: &str) -> Result<u64> {
    let changed = db.execute(statement, []).map_err(|error| failed(doing, error))?;
    Ok(changed as u64)
}

fn list(files: &[BatchFile]) -> String {
    let quoted =
        |file: &BatchFile| format!("'{}'", file.path.display().to_string().replace('\'', "''"));
    format!("[{}]", files.iter().map(quoted).collect::<Vec<_>>().join(", "))
}

/// A file that is not what was landed must not be loaded.
fn check_digest(file: &BatchFile) -> Result<()> {
    let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let unreadable = |error: std::io::Error| {
        RuntimeError::new(
            ErrorKind::Storage,
            "landing",
            format!("data file {name} cannot be read: {error}"),
            "Check the landing folder and its permissions",
        )
    };
    let mut reader = std::fs::File::open(&file.path).map_err(unreadable)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = reader.read(&mut buffer).map_err(unreadable)?;
        match buffer.get(..read) {
            None | Some([]) => break,
            Some(bytes) => digest.update(bytes),
        }
    }
    if hex::encode(digest.finalize()) == file.sha256 {
        return Ok(());
    }
    Err(RuntimeError::new(
        ErrorKind::Corrupt,
        "landing",
        format!("data file {name} is not what was landed: its digest differs from its manifest's"),
        "Restore the file from a backup; nothing was written",
    ))
}

/// A commit that failed may have taken effect all the same.
fn unknown(error: RuntimeError) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Unavailable,
        error.place,
        error.what,
        "What is applied is read again",
    )
}
