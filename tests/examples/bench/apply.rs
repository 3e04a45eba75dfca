//! Batches into the embedded warehouse, in both forms, for keys scattered over the table and for keys written lately. The
//! entity is the small one of the tests: ten fields in five merge groups. Half of each batch are rows that are there, a tenth
//! of them in stale versions; half are new ones. The peer is the least that any form must do: the same Parquet file appended
//! to a table without a guard.

use std::path::{Path, PathBuf};

use covenant_compiler::emit::duckdb as emit;
use covenant_compiler::tree::OutputTree;
use covenant_model::change::{Change, Key};
use covenant_model::join::{Existence, GroupState, RowState};
use covenant_model::spec::{ApplyForm, EntitySpec};
use covenant_model::value::Value;
use covenant_model::version::{Guard, Incarnation, Lsn, Position, Revision, Version};
use covenant_runtime::landing::objects::ObjectLanding;
use covenant_runtime::landing::{CommitNumber, CommitRefused, Epoch, Landing, LandingCommit};
use covenant_runtime::warehouse::Warehouse;
use covenant_runtime::warehouse::duckdb::{DuckOptions, DuckWarehouse};
use covenant_runtime::warehouse::sql::SqlFiles;
use covenant_tests::small;

use crate::Failure;
use crate::figure::Row;
use crate::part::{Measured, Watch, block_on, run};

/// Rows of the table before the first batch.
const ROWS: u64 = 2_000_000;
const ROWS_QUICK: u64 = 100_000;
/// Changes of a batch.
const BATCH: u64 = 100_000;
/// Changes of a batch that fills the table.
const FILL: u64 = 250_000;
const BATCHES: u64 = 4;
const BATCHES_QUICK: u64 = 2;
/// Spreads keys over the table.
const SPREAD: u64 = 2_654_435_761;
/// One in so many existing rows comes in a version that the table has passed.
const STALE_EVERY: u64 = 10;
/// The database's file, below a part's folder.
const FILE: &str = "warehouse.duckdb";

/// Takes the figure.
pub(crate) fn figure(quick: bool) -> Result<Vec<Row>, Failure> {
    let (rows, batches) = if quick { (ROWS_QUICK, BATCHES_QUICK) } else { (ROWS, BATCHES) };
    let filled = tempfile::tempdir()?;
    eprintln!("apply: filling a table of {rows} rows");
    run(&["fill", &text(filled.path()), &rows.to_string()], "")?;
    let mut figures = Vec::new();
    for keys in ["scattered", "recent"] {
        for (form, told) in [("delete-insert", "guarded delete + insert"), ("merge", "MERGE")] {
            let ours = part_on_a_copy(filled.path(), form, keys, batches)?;
            let bare = part_on_a_copy(filled.path(), "append", keys, batches)?;
            let name = format!("apply: {told}, {keys} keys, table of {rows} rows");
            let row = Row::new(name, ours.rate(), "changes/s");
            figures.push(row.beside("append without a guard", bare.rate()).memory(ours.rss_mib));
        }
    }
    Ok(figures)
}

/// Every part starts from the same table.
fn part_on_a_copy(
    filled: &Path,
    form: &str,
    keys: &str,
    batches: u64,
) -> Result<Measured, Failure> {
    let own = tempfile::tempdir()?;
    for entry in std::fs::read_dir(filled)? {
        let from = entry?.path();
        if from.is_file() {
            let name = from.file_name().ok_or("a file has a name")?.to_owned();
            std::fs::copy(&from, own.path().join(name))?;
        }
    }
    run(&["apply", &text(own.path()), form, keys, &batches.to_string()], "")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A warehouse and the landing that it reads.
struct Bench {
    warehouse: DuckWarehouse,
    landing: ObjectLanding,
    entity: EntitySpec,
    folder: PathBuf,
    next: CommitNumber,
    epoch: Epoch,
}

impl Bench {
    async fn open(folder: &Path, form: ApplyForm, epoch: Epoch) -> Result<Self, Failure> {
        let plan = small::plan(form);
        let entity = plan.entities.first().ok_or("the plan has an entity")?.clone();
        let mut tree = OutputTree::default();
        emit::emit(&plan, &mut tree)?;
        let files = tree.iter().map(|(at, text)| (at.to_owned(), text.to_owned()));
        let sql = SqlFiles::from_texts(files);
        let options = DuckOptions::file(&folder.join(FILE));
        let mut warehouse = DuckWarehouse::new(options, sql, &plan.entities).await?;
        warehouse.open(epoch).await?;
        let next = warehouse.applied().await?.next();
        let landing = ObjectLanding::local(&folder.join("landing"))?;
        Ok(Self { warehouse, landing, entity, folder: folder.to_owned(), next, epoch })
    }

    async fn land(&mut self, changes: &[Change]) -> Result<LandingCommit, Failure> {
        let commit = LandingCommit {
            number: self.next,
            epoch: self.epoch,
            previous_sha256: String::new(),
            written_at_us: 0,
            files: vec![self.landing.put_changes(&self.entity, changes).await?],
            quarantine: None,
            positions: Default::default(),
            resolutions: Vec::new(),
            gaps: Vec::new(),
            floors: Vec::new(),
            derivations: Default::default(),
            last_refused: None,
        };
        self.landing.commit(&commit).await.map_err(|refused| match refused {
            CommitRefused::Unknown(error) => Failure::from(error),
            CommitRefused::Taken => "the landing folder is not empty".into(),
        })?;
        self.next = self.next.next();
        Ok(commit)
    }
}

/// Fills a table with `rows` rows.
pub(crate) fn fill_part(folder: &str, rows: u64) -> Result<Measured, Failure> {
    block_on(async {
        let mut bench = Bench::open(Path::new(folder), ApplyForm::DeleteInsert, Epoch(1)).await?;
        let watch = Watch::start()?;
        let mut filled = 0;
        while filled < rows {
            let until = rows.min(filled + FILL);
            let changes: Vec<Change> = (filled..until).map(|row| change(row, 1, row)).collect();
            let commit = bench.land(&changes).await?;
            bench.warehouse.apply(&bench.landing, &[commit]).await?;
            filled = until;
        }
        watch.stop(rows)
    })
}

/// Applies batches; the best one counts. `form` is `merge`, `delete-insert`, or `append` for the peer.
pub(crate) fn apply_part(
    folder: &str,
    form: &str,
    keys: &str,
    batches: u64,
) -> Result<Measured, Failure> {
    let apply = if form == "merge" { ApplyForm::Merge } else { ApplyForm::DeleteInsert };
    block_on(async {
        let mut bench = Bench::open(Path::new(folder), apply, Epoch(2)).await?;
        let mut rows = bench.warehouse.counts(&bench.entity).await?.presented;
        let mut best: Option<Measured> = None;
        for batch in 0..batches {
            let changes = batch_of(batch, rows, keys == "recent");
            rows += BATCH / 2;
            let commit = bench.land(&changes).await?;
            let watch = Watch::start()?;
            let measured = if form == "append" {
                append(&bench, &commit)?;
                watch.stop(BATCH)?
            } else {
                let applied = bench.warehouse.apply(&bench.landing, &[commit]).await?;
                watch.stop(applied.changes)?
            };
            best = Some(match best {
                Some(best) if best.rate() > measured.rate() => {
                    Measured { rss_mib: measured.rss_mib, ..best }
                }
                Some(_) | None => measured,
            });
        }
        let counted = bench.warehouse.counts(&bench.entity).await?.presented;
        if form != "append" && counted != rows {
            return Err(format!("the table has {counted} rows, {rows} were applied").into());
        }
        best.ok_or_else(|| "no batch was applied".into())
    })
}

/// The least that any form must do: the file's rows into a table.
fn append(bench: &Bench, commit: &LandingCommit) -> Result<(), Failure> {
    let db = duckdb::Connection::open(bench.folder.join("append.duckdb"))?;
    for file in &commit.files {
        let path = bench.landing.local_path(file).ok_or("landing is a folder")?;
        let from = format!("FROM read_parquet('{}')", path.display());
        db.execute_batch(&format!(
            "SET threads = 2; CREATE TABLE IF NOT EXISTS appended AS SELECT * {from} LIMIT 0; \
             INSERT INTO appended SELECT * {from}"
        ))?;
    }
    Ok(())
}

fn batch_of(batch: u64, rows: u64, recent: bool) -> Vec<Change> {
    let at = |at: u64| {
        let half = at / 2;
        if !at.is_multiple_of(2) {
            return change(rows + half, batch + 2, at);
        }
        let existing = if recent { rows - 1 - half } else { at.wrapping_mul(SPREAD) % rows };
        let version = if half.is_multiple_of(STALE_EVERY) { 0 } else { batch + 2 };
        change(existing, version, at)
    };
    (0..BATCH).map(at).collect()
}

fn change(number: u64, lsn: u64, at: u64) -> Change {
    let ordinal = u32::try_from(at).unwrap_or(u32::MAX);
    let position = Position::streamed(Lsn(lsn), ordinal);
    let version = Version::new(Incarnation::FIRST, position, Revision(0));
    let guard = Guard::latest(version);
    let text = |what: &str| Value::Text(format!("{what} {number}"));
    let latest = GroupState {
        guard,
        values: vec![Value::Decimal(i128::from(at)), text("order"), text("cipher"), text("token")],
    };
    let status = GroupState { guard: Guard::ranked(0, 1), values: vec![text("taken")] };
    Change {
        key: Key(vec![Value::Int((number % 7) as i64), Value::Text(format!("P{number}"))]),
        source: "store".to_owned(),
        version,
        committed_at_us: at as i64,
        moved_from: None,
        state: RowState {
            existence: Some(Existence { guard, alive: true }),
            groups: vec![Some(latest), None, Some(status), None, None],
        },
    }
}
