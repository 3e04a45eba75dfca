//! A warehouse, a landing, and what both are filled and read with.

use std::path::Path;

use ::duckdb::Connection;
use covenant_compiler::emit::duckdb;
use covenant_compiler::plan::Plan;
use covenant_compiler::tree::OutputTree;
use covenant_model::change::{Change, Key, Protect, ProtectError, Site};
use covenant_model::join::RowState;
use covenant_model::spec::EntitySpec;
use covenant_model::value::Value;
use covenant_runtime::landing::{CommitNumber, Epoch, Landing, LandingCommit};
use covenant_runtime::warehouse::Warehouse;
use covenant_runtime::warehouse::duckdb::{DuckOptions, DuckWarehouse};
use covenant_runtime::warehouse::sql::SqlFiles;

/// A key provider whose answers can be read.
pub(crate) struct Plainly;

impl Protect for Plainly {
    fn encrypt(&self, site: &Site<'_>, _: &Value) -> Result<(String, String), ProtectError> {
        Ok((format!("v1|{}", site.version), format!("token {}", site.version)))
    }
    fn token(&self, site: &Site<'_>, _: &Value) -> Result<String, ProtectError> {
        Ok(format!("token {}", site.version))
    }
}

pub(crate) async fn land(
    landing: &dyn Landing,
    entity: &EntitySpec,
    changes: &[Change],
) -> LandingCommit {
    let newest = landing.newest().await.unwrap().map_or(CommitNumber(0), |commit| commit.number);
    let previous = landing.digest_at(newest).await.unwrap();
    let commit = LandingCommit {
        number: newest.next(),
        epoch: Epoch(1),
        previous_sha256: previous.unwrap_or_default(),
        written_at_us: 0,
        files: vec![landing.put_changes(entity, changes).await.unwrap()],
        quarantine: None,
        positions: Default::default(),
        resolutions: Vec::new(),
        gaps: Vec::new(),
        floors: Vec::new(),
        derivations: Default::default(),
        last_refused: None,
    };
    landing.commit(&commit).await.unwrap();
    commit
}

pub(crate) async fn duck(plan: &Plan, path: &Path) -> DuckWarehouse {
    let mut tree = OutputTree::default();
    duckdb::emit(plan, &mut tree).unwrap();
    let sql =
        SqlFiles::from_texts(tree.iter().map(|(path, text)| (path.to_owned(), text.to_owned())));
    DuckWarehouse::new(DuckOptions::file(path), sql, &plan.entities).await.unwrap()
}

/// A second instance in one process would not see what the first has not written back.
pub(crate) async fn open(path: &Path) -> Connection {
    closed(path).await;
    Connection::open(path).unwrap()
}

/// Waits for the thread of a dropped warehouse.
pub(crate) async fn closed(path: &Path) {
    covenant_runtime::warehouse::duckdb::closed(path).await.unwrap();
}

pub(crate) async fn rows(
    warehouse: &mut dyn Warehouse,
    entity: &EntitySpec,
) -> Vec<(Key, RowState)> {
    warehouse.scan(entity, None, 1_000).await.unwrap()
}

/// The file of a phase, statement by statement.
pub(crate) fn run(db: &Connection, tree: &OutputTree, file: &str) {
    let Some(text) = tree.get(file) else { return };
    for statement in text.split(";\n").filter(|statement| !statement.trim().is_empty()) {
        db.execute_batch(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}
