//! The delivery ledger: folded rows with their guards, encrypted, and what became of each record in the CRM.

use covenant_model::change::{Change, Key};
use covenant_model::join::RowState;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::landing::CommitNumber;

/// A row that waits for delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// Entity name.
    pub entity: String,
    /// The row.
    pub key: Key,
    /// Folded state.
    pub state: RowState,
    /// The key under which the CRM knows the record, where the row has moved since.
    pub delivered_as: Option<Key>,
    /// Id of the record in the CRM, once known.
    pub crm_id: Option<String>,
    /// Delivery revision to send: one higher than the last one that was ever sent for the record.
    pub revision: u64,
    /// Earliest source commit time among the changes not delivered yet, microseconds since 1970.
    pub waiting_since_us: i64,
    /// Failed attempts.
    pub attempts: u32,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// Written, or already newer.
    Delivered {
        /// Id in the CRM.
        crm_id: Option<String>,
    },
    /// To be tried again not before this time.
    Retry {
        /// Microseconds since 1970.
        not_before_us: i64,
        /// Code and message without values.
        reason: String,
    },
    /// Waits for its parent's delivery.
    Parked {
        /// Code and message without values.
        reason: String,
    },
    /// Refused for good until the row changes or a human retries it.
    Quarantined {
        /// Code and message without values.
        reason: String,
    },
    /// The row is not to be delivered (incomplete, filtered out, deleted and kept).
    Skipped,
}

/// The ledger. **Folding a commit and remembering its number is one transaction**; so is recording outcomes.
pub trait Ledger: Send {
    /// The last folded landing commit.
    fn folded(&mut self) -> Result<CommitNumber>;

    /// Folds one landing commit's changes (entity name, change), carries moves, marks changed rows as waiting, and remembers
    /// the number. Folding again what is already folded changes nothing.
    fn fold(&mut self, number: CommitNumber, changes: &[(String, Change)]) -> Result<u64>;

    /// Up to `limit` waiting rows of an entity whose time has come, oldest first.
    fn pending(&mut self, entity: &str, now_us: i64, limit: usize) -> Result<Vec<Pending>>;

    /// Durably raises the revision of rows that are about to be sent, before they are sent: a crash between sending and
    /// recording must not reuse a revision.
    fn sending(&mut self, rows: &[Pending]) -> Result<()>;

    /// Records outcomes. A row that changed after it was taken stays waiting.
    fn record(&mut self, outcomes: &[(Pending, Outcome)]) -> Result<()>;

    /// Rows waiting, parked and quarantined, by entity.
    fn counts(&mut self) -> Result<std::collections::BTreeMap<String, LedgerCounts>>;
}

/// How many rows are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LedgerCounts {
    pub rows: u64,
    pub waiting: u64,
    pub parked: u64,
    pub quarantined: u64,
}
