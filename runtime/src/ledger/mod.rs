//! The delivery ledger: folded rows with their guards, encrypted, and what became of each record in the CRM.
//!
//! A row's **identity** in the CRM (`sent`, `crm_id`, `revision`) belongs to one key. Where a row moves to another key, the
//! identity moves with it in the same transaction that folds the move: the record is rekeyed, and the old key's tombstone finds
//! nothing to remove.

mod calls;
mod floors;
mod fold;
mod format;
mod held;
mod leaving;
mod outcome;
pub mod sqlite;
mod standing;
mod store;

use std::collections::BTreeMap;

use covenant_model::change::{Change, Key};
use covenant_model::floor::Floor;
use covenant_model::join::RowState;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::landing::CommitNumber;

/// Encrypts what the ledger keeps, and digests what was delivered. Implemented over the key provider.
pub trait Sealer: Send + Sync {
    /// Encrypts; `context` is authenticated and must be the same when opened.
    ///
    /// # Errors
    /// Where the key is not to be had.
    fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>>;

    /// Decrypts.
    ///
    /// # Errors
    /// `Corrupt` where the bytes, the context or the key are not those of [`Sealer::seal`].
    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>>;

    /// Keyed digest (HMAC-SHA-256): equal contents are recognised, contents are not guessed.
    ///
    /// # Errors
    /// Where the key is not to be had.
    fn digest(&self, content: &[u8]) -> Result<Digest>;
}

/// Keyed digest of what was delivered last.
pub type Digest = [u8; 32];

/// Which waiting rows are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Rows of which something has just been told: to be upserted, parents before children.
    Live,
    /// Of the live ones those that have no record yet: what goes on while changes of records are held.
    Creates,
    /// Rows of which only a table read has told, a first load or a backfill: upserted where nothing live waits.
    History,
    /// Deleted rows: to be flagged or deleted, children before parents.
    Removals,
}

/// A row that waits for delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// Entity name.
    pub entity: String,
    /// The row.
    pub key: Key,
    /// Folded state.
    pub state: RowState,
    /// The keys under which the CRM may know the record, where the row has moved since; the newest last.
    pub delivered_as: Vec<Key>,
    /// Id of the record in the CRM, once known.
    pub crm_id: Option<String>,
    /// Whether the CRM may hold a record for this row: something was sent, whatever became of it.
    pub sent: bool,
    /// Delivery revision to send: higher than every one that was ever sent for the record.
    pub revision: u64,
    /// Digest of what was delivered last; none where that is not known for certain.
    pub digest: Option<Digest>,
    /// Earliest source commit time among the changes not delivered yet, microseconds since 1970.
    pub waiting_since_us: i64,
    /// Failed attempts.
    pub attempts: u32,
    /// Counts the row's changes: how a row that changed after it was taken is recognised.
    pub change: u64,
    /// Until then a call under an old key of a moved row may still execute although nobody waits for its answer, microseconds
    /// since 1970; 0: there is none.
    pub unsure_until_us: i64,
    /// As `unsure_until_us`, for the key under which the record stands.
    pub unsure_here_until_us: i64,
    /// When the row leaves the sink's filter as it stands, microseconds since 1970: written down with what is sent.
    pub leaves_at_us: Option<i64>,
    /// The CRM has answered the call that [`Ledger::sending`] announced: it will not execute later.
    pub answered: bool,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Written, or the same as what was written last.
    Delivered {
        /// Id in the CRM; none: as before.
        crm_id: Option<String>,
        /// Digest of the content.
        digest: Digest,
    },
    /// The record is deleted, or was never there.
    Removed,
    /// To be tried again.
    Retry {
        /// Not before this time, microseconds since 1970.
        not_before_us: i64,
        /// Code and message without values.
        reason: String,
        /// The CRM holds this revision: the next one must be higher.
        above: Option<u64>,
    },
    /// Waits for a parent's delivery, or this time.
    Parked {
        /// Microseconds since 1970.
        not_before_us: i64,
        /// Code and message without values.
        reason: String,
        /// The parents that it may wait for: object and external id.
        parents: Vec<(String, String)>,
    },
    /// Waits until a person has decided which record is its own.
    Held {
        /// Why, with ids and keys only.
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

/// Where a row of the ledger stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing to do.
    Settled,
    /// To be delivered.
    Waiting,
    /// Waits for its parent.
    Parked,
    /// Refused for good.
    Quarantined,
    /// Only a source that does not own existence has spoken.
    Incomplete,
    /// Waits for its adoption.
    Held,
}

/// A row as the ledger knows it: for reconciliation and the operator.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerRow {
    /// The row.
    pub key: Key,
    /// Folded state.
    pub state: RowState,
    /// Where it stands.
    pub status: Status,
    /// Why, where it is parked, quarantined or tried again.
    pub reason: Option<String>,
    /// Id of the record in the CRM.
    pub crm_id: Option<String>,
    /// Whether the CRM may hold a record for this row.
    pub sent: bool,
    /// The keys under which the CRM may know the record, where the row has moved since.
    pub delivered_as: Vec<Key>,
}

/// How a row and its record stand: for who compares the CRM with the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The row, as it would be sent.
    pub row: Pending,
    /// Where it stands.
    pub status: Status,
    /// The highest delivery revision that was ever sent for the record; 0: none was.
    pub last_revision: u64,
    /// The row moved to another key, and its record is still to be given that key.
    pub lends_record: bool,
}

/// What a landing commit tells.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Floors that it raises.
    pub floors: &'a [Floor],
    /// Entity name and change.
    pub changes: &'a [(String, Change)],
    /// Changes that stand in an earlier commit already: what changes by them is history, and waits behind what happens now.
    pub again: &'a [(String, Change)],
    /// By entity: what its records are made of. A delivered row of which a change alters none of it has nothing to send.
    pub cells: &'a BTreeMap<String, Cells>,
}

/// Stored columns that tell whether a record is another one: merge group and place in it. A ciphertext differs with every
/// change, so its token stands for it.
pub type Cells = Vec<(usize, usize)>;

/// The ledger. **Folding a commit and remembering its number is one transaction**; so is recording outcomes. Calls block: run
/// the lane that owns a ledger on a thread of its own.
pub trait Ledger: Send {
    /// The last folded landing commit.
    ///
    /// # Errors
    /// `Storage`, `Corrupt`; so for every method.
    fn folded(&mut self) -> Result<CommitNumber>;

    /// Folds one landing commit's floors and changes (entity name, change), carries moves, marks changed rows as waiting, and
    /// remembers the number. Folding again what is already folded changes nothing. Returns how many rows changed.
    ///
    /// # Errors
    /// `Gap` where commits between the last folded one and this are missing.
    fn fold(
        &mut self,
        number: CommitNumber,
        floors: &[Floor],
        changes: &[(String, Change)],
    ) -> Result<u64> {
        self.fold_all(number, Told { floors, changes, again: &[], cells: &BTreeMap::new() })
    }

    /// The same, with what the commit tells again.
    ///
    /// # Errors
    /// As [`Ledger::fold`].
    fn fold_all(&mut self, number: CommitNumber, told: Told<'_>) -> Result<u64>;

    /// Up to `limit` waiting rows of an entity whose time has come, oldest first. A row is held back while its record is
    /// still to be rekeyed to the key that the row moved to.
    fn pending(
        &mut self,
        entity: &str,
        work: Work,
        now_us: i64,
        limit: usize,
    ) -> Result<Vec<Pending>>;

    /// How many live rows wait whose records were delivered before and are others now; counts no further than `limit`.
    fn updates(&mut self, entity: &str, limit: u64) -> Result<u64>;

    /// Durably raises the revision of rows that are about to be sent, before they are sent: a crash between sending and
    /// recording must not reuse a revision, nor believe the last digest. Also remembers that the call may execute until
    /// `may_run_until_us` (0: a late one does no harm), unless an outcome is recorded for a row that is [`Pending::answered`].
    fn sending(&mut self, rows: &[Pending], may_run_until_us: i64) -> Result<()>;

    /// Records outcomes. A row that changed after it was taken stays waiting. A delivered parent releases what is parked on
    /// it, known by `object` and external id.
    fn record(&mut self, object: &str, outcomes: &[(Pending, Outcome)]) -> Result<()>;

    /// Delivered rows of an entity whose time to leave the filter has come and that are not in line yet.
    fn leaving(&mut self, entity: &str, now_us: i64) -> Result<u64>;

    /// Puts up to `limit` of them in line; returns how many.
    fn leave(&mut self, entity: &str, now_us: i64, limit: usize) -> Result<u64>;

    /// Old keys of a moved row turned out to have records besides the one that the row keeps: those stay with the old keys,
    /// whose tombstones are then delivered as any other.
    fn part(&mut self, row: &Pending, olds: &[Key]) -> Result<()>;

    /// Since when the longest waiting live row of an entity waits (parked ones too, history not), microseconds since 1970.
    fn oldest_live(&mut self, entity: &str) -> Result<Option<i64>>;

    /// Rows by state, by entity.
    fn counts(&mut self) -> Result<BTreeMap<String, LedgerCounts>>;

    /// Up to `limit` rows behind `after`, in the order of canonical keys.
    fn scan(&mut self, entity: &str, after: Option<&Key>, limit: usize) -> Result<Vec<LedgerRow>>;

    /// One row; none where it is unknown.
    fn row(&mut self, entity: &str, key: &Key) -> Result<Option<LedgerRow>>;

    /// How a row and its record stand; none where the row is unknown.
    fn standing(&mut self, entity: &str, key: &Key) -> Result<Option<Standing>>;

    /// Puts settled rows in line whose records were found to be other than what was delivered, behind what happens now: the
    /// last digest is forgotten, so that they are sent again under the next revision. Returns how many.
    fn redeliver(&mut self, entity: &str, keys: &[Key], now_us: i64) -> Result<u64>;

    /// Puts quarantined and parked rows back in line; returns how many.
    fn retry(&mut self, entity: &str) -> Result<u64>;

    /// Why a row waits for its adoption, itself or by a key that it had before; none: it does not.
    fn held(&mut self, row: &Pending) -> Result<Option<String>>;

    /// Whether the row of a key is not sent because it waits for its adoption.
    fn is_held(&mut self, entity: &str, key: &Key) -> Result<bool>;

    /// Records of people have been given the external ids of these rows: key of the row, id of the record.
    fn stamped(&mut self, entity: &str, stamped: &[(Key, String)]) -> Result<()>;

    /// What an adoption has settled: these rows wait from now on, with why, and no others (none named: those that did); all that
    /// waited are in line, to be looked at again; and a note of it is kept. One transaction.
    fn adopted(
        &mut self,
        entity: &str,
        held: Option<&[(Key, String)]>,
        note: (&str, &str),
    ) -> Result<()>;

    /// How many rows wait for their adoption.
    fn held_rows(&mut self, entity: &str) -> Result<u64>;

    /// A small text that a lane keeps (its call budget, for one).
    fn note(&mut self, name: &str) -> Result<Option<String>>;

    /// Keeps it.
    fn set_note(&mut self, name: &str, text: &str) -> Result<()>;
}

/// How many rows are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCounts {
    /// All rows, tombstones too.
    pub rows: u64,
    /// To be delivered.
    pub waiting: u64,
    /// Of those, removals.
    pub removals: u64,
    /// Waiting for a parent.
    pub parked: u64,
    /// Refused for good.
    pub quarantined: u64,
    /// Existence owner unseen.
    pub incomplete: u64,
    /// Waiting for their adoption, each for a person's decision.
    #[serde(default)]
    pub held: u64,
    /// Rows for which the CRM may hold a record.
    pub sent: u64,
}
