//! The warehouse seam: landing commits in order, each batch in one fenced transaction.

pub mod duckdb;
pub mod memory;
pub mod sql;

use std::collections::BTreeMap;

use async_trait::async_trait;
use covenant_model::change::Key;
use covenant_model::join::RowState;
use covenant_model::spec::{EntitySpec, ModelSpec};
use covenant_model::steps::Step;
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::{CommitNumber, Epoch, Landing, LandingCommit};

/// What an applied batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The last commit that the warehouse has.
    pub upto: CommitNumber,
    /// Changes read.
    pub changes: u64,
    /// Rows that changed.
    pub rows_changed: u64,
    /// Steps of ranked states, declared or not, of the fields that declare any: how many rows took each.
    pub steps: BTreeMap<Step, u64>,
}

/// The last run of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// Its number: the version of the model's rows.
    pub number: u64,
    /// Every input had passed this landing commit.
    pub commit: CommitNumber,
    /// When a run last computed every window, microseconds since 1970.
    #[serde(default)]
    pub rebuilt_us: Option<i64>,
}

/// A run of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelRun {
    /// Its number: the version of the model's rows.
    pub cycle: u64,
    /// When it runs, microseconds since 1970.
    pub now_us: i64,
    /// Whether closed windows are computed, too. Models without windows are always computed as a whole.
    pub rebuild: bool,
}

impl ModelRun {
    /// One that computes everything. `now_us`: microseconds since 1970.
    pub fn whole(cycle: u64, now_us: i64) -> Self {
        Self { cycle, now_us, rebuild: true }
    }
}

/// How many rows an entity's tables hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCounts {
    /// In the presented view.
    pub presented: u64,
    /// Deleted rows that are remembered.
    pub tombstones: u64,
    /// Rows whose existence owner has not been heard of.
    pub incomplete: u64,
    /// Changes in the history; 0 where none is kept.
    pub history: u64,
}

/// The warehouse. **Its own ledger is authoritative**: `applied` comes from the same transaction as the rows.
#[async_trait]
pub trait Warehouse: Send {
    /// Creates what is missing, checks what is there against the manifest, and takes the fence for `epoch`.
    ///
    /// # Errors
    /// `SchemaMismatch` naming both sides; `Fenced` where a later epoch holds the fence.
    async fn open(&mut self, epoch: Epoch) -> Result<()>;

    /// The last applied commit.
    async fn applied(&mut self) -> Result<CommitNumber>;

    /// Applies commits, which follow the last applied one without a hole, in **one transaction**: the first statement is the
    /// fence's UPDATE and must change one row; then load, fold, guarded merge per group, history, moves, batch ledger.
    /// Commits that are applied already are left out, so applying again changes nothing.
    ///
    /// # Errors
    /// `Fenced`; `Unavailable` (also where the outcome is unknown: read `applied` before anything else); `Corrupt`; `Gap`.
    async fn apply(&mut self, landing: &dyn Landing, commits: &[LandingCommit]) -> Result<Applied>;

    /// Runs a model in one fenced transaction: its rows' version is the cycle's number. Returns how many rows it wrote.
    ///
    /// # Errors
    /// As [`Warehouse::apply`].
    async fn run_model(&mut self, model: &ModelSpec, run: ModelRun) -> Result<u64>;

    /// The last run of every model that ever ran.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn cycles(&mut self) -> Result<BTreeMap<String, Cycle>>;

    /// Row counts of an entity's tables.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn counts(&mut self, entity: &EntitySpec) -> Result<TableCounts>;

    /// Rows whose existence owner has not been heard of: cheaper than all [`Warehouse::counts`].
    ///
    /// # Errors
    /// `Unavailable`.
    async fn incomplete(&mut self, entity: &EntitySpec) -> Result<u64>;

    /// Up to `limit` rows behind `after`, tombstones and incomplete ones too, in the order of the key's columns: for
    /// reconciliation.
    ///
    /// # Errors
    /// `Unavailable`; `Corrupt` where a stored value is none of its type.
    async fn scan(
        &mut self,
        entity: &EntitySpec,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, RowState)>>;

    /// The rows of these keys that are known, tombstones and incomplete ones too, in any order.
    ///
    /// # Errors
    /// As [`Warehouse::scan`].
    async fn rows(&mut self, entity: &EntitySpec, keys: &[Key]) -> Result<Vec<(Key, RowState)>>;
}

/// The commits that still have to be applied, checked to follow `applied` without a hole.
///
/// # Errors
/// `Gap`.
pub(crate) fn unapplied(
    applied: CommitNumber,
    commits: &[LandingCommit],
) -> Result<&[LandingCommit]> {
    let known = commits.iter().take_while(|commit| commit.number <= applied).count();
    let rest = commits.get(known..).unwrap_or_default();
    let mut expected = applied;
    for commit in rest {
        expected = expected.next();
        if commit.number != expected {
            return Err(RuntimeError::new(
                ErrorKind::Gap,
                "warehouse",
                format!(
                    "landing commit {} was handed over, {} is next",
                    commit.number.0, expected.0
                ),
                "Restore the missing landing commits; the warehouse applies none out of order",
            ));
        }
    }
    Ok(rest)
}

/// Somebody else holds the fence.
pub(crate) fn fenced(epoch: Epoch) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Fenced,
        "warehouse",
        format!("epoch {} does not hold the warehouse's fence: a later instance took it", epoch.0),
        "Nothing was written. Leave the later instance running, or start this one again",
    )
}
