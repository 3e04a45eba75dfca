//! Apply rate of the embedded warehouse: batches of 100,000 changes in both forms, into a table that grows by half of each
//! batch; the other half are existing keys, scattered over the table.
//!
//! `cargo run -p covenant-tests --example apply_rate --profile demo`

use std::time::Instant;

use covenant_compiler::emit::duckdb;
use covenant_compiler::tree::OutputTree;
use covenant_model::change::{Change, Key};
use covenant_model::join::{Existence, GroupState, RowState};
use covenant_model::spec::{ApplyForm, EntitySpec};
use covenant_model::value::Value;
use covenant_model::version::{Guard, Incarnation, Lsn, Position, Revision, Version};
use covenant_runtime::error::Result;
use covenant_runtime::landing::objects::ObjectLanding;
use covenant_runtime::landing::{CommitNumber, Epoch, Landing, LandingCommit};
use covenant_runtime::warehouse::Warehouse;
use covenant_runtime::warehouse::duckdb::{DuckOptions, DuckWarehouse};
use covenant_runtime::warehouse::sql::SqlFiles;
use covenant_tests::small;

/// Changes of a batch.
const BATCH: u64 = 100_000;
/// Batches; the first ones fill the table.
const BATCHES: u64 = 8;
/// Spreads keys over the table.
const SPREAD: u64 = 2_654_435_761;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    for apply in [ApplyForm::Merge, ApplyForm::DeleteInsert] {
        measure(apply).await?;
    }
    Ok(())
}

async fn measure(apply: ApplyForm) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let plan = small::plan(apply);
    let entity = plan.entities.first().ok_or("the plan has an entity")?;
    let folder = tempfile::tempdir()?;
    let landing = ObjectLanding::local(&folder.path().join("landing"))?;
    let mut tree = OutputTree::default();
    duckdb::emit(&plan, &mut tree)?;
    let sql = SqlFiles::from_texts(tree.iter().map(|(at, text)| (at.to_owned(), text.to_owned())));
    let options = DuckOptions::file(&folder.path().join("warehouse.duckdb"));
    let mut warehouse = DuckWarehouse::new(options, sql, &plan.entities).await?;
    warehouse.open(Epoch(1)).await?;
    let mut rows = 0;
    for batch in 0..BATCHES {
        let changes: Vec<Change> = (0..BATCH).map(|at| change(batch, at, &mut rows)).collect();
        let commit = land(&landing, entity, batch, &changes).await?;
        let start = Instant::now();
        let applied = warehouse.apply(&landing, std::slice::from_ref(&commit)).await?;
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{apply:?}: batch {batch}, table of {rows} rows: {} changes in {:.0} ms, {:.0} rows/s",
            applied.changes,
            seconds * 1000.0,
            applied.changes as f64 / seconds
        );
    }
    Ok(())
}

fn change(batch: u64, at: u64, rows: &mut u64) -> Change {
    let existing = batch > 0 && at.is_multiple_of(2);
    let number = if existing { at.wrapping_mul(SPREAD) % *rows } else { *rows };
    *rows += u64::from(!existing);
    let version = Version::new(
        Incarnation::FIRST,
        Position::streamed(Lsn(batch + 1), u32::try_from(at).unwrap_or(u32::MAX)),
        Revision(0),
    );
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

async fn land(
    landing: &ObjectLanding,
    entity: &EntitySpec,
    batch: u64,
    changes: &[Change],
) -> Result<LandingCommit> {
    let commit = LandingCommit {
        number: CommitNumber(batch + 1),
        epoch: Epoch(1),
        previous_sha256: landing.digest_at(CommitNumber(batch)).await?.unwrap_or_default(),
        written_at_us: 0,
        files: vec![landing.put_changes(entity, changes).await?],
        quarantine: None,
        positions: Default::default(),
        resolutions: Vec::new(),
    };
    landing.commit(&commit).await.map_err(|refused| match refused {
        covenant_runtime::landing::CommitRefused::Unknown(error) => error,
        covenant_runtime::landing::CommitRefused::Taken => {
            covenant_runtime::error::RuntimeError::new(
                covenant_runtime::error::ErrorKind::Fenced,
                "landing",
                "the number is taken",
                "Run it in an empty folder",
            )
        }
    })?;
    Ok(commit)
}
