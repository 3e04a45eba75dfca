//! The warehouse seam: landing commits in order, each batch in one fenced transaction.

use async_trait::async_trait;
use covenant_model::spec::ModelSpec;

use crate::error::Result;
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
    /// Applying again what is already applied changes nothing.
    ///
    /// # Errors
    /// `Fenced`; `Unavailable` (also where the outcome is unknown: read `applied` before anything else); `Corrupt`.
    async fn apply(&mut self, landing: &dyn Landing, commits: &[LandingCommit]) -> Result<Applied>;

    /// Runs a model in one fenced transaction: its rows' version is the cycle's number.
    ///
    /// # Errors
    /// As [`Warehouse::apply`].
    async fn run_model(&mut self, model: &ModelSpec, cycle: u64) -> Result<u64>;
}
