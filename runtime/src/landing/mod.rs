//! Landing: immutable data files, and numbered manifests that are put only if their number is free.
//!
//! **The conditional put of the next manifest is the commit.** It is atomic, an empty range leaves a trace, two writers cannot
//! both succeed, and a restart reads every source position from the newest manifest.
//!
//! | module | what |
//! |---|---|
//! | [`manifest`] | names and digests of manifests |
//! | [`parquet`] | changes to Parquet and back, columns found by field id |
//! | [`objects`] | landing on any object store; a local folder is one |
//! | [`memory`] | the same in memory, with faults to order, for simulations and tests |
//! | [`reach`] | the next commit of a reader, and a refusal where landing no longer holds it |

pub mod manifest;
pub mod memory;
pub mod objects;
pub mod parquet;
mod parquet_read;
pub mod reach;

#[cfg(test)]
mod conformance_tests;
#[cfg(test)]
mod parquet_tests;

use std::collections::BTreeMap;

use async_trait::async_trait;
use covenant_model::change::Change;
use covenant_model::floor::Floor;
use covenant_model::record::Violation;
use covenant_model::version::{Incarnation, Lsn, Revision};
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Number of a landing commit, from 1, without holes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct CommitNumber(pub u64);

impl CommitNumber {
    /// The next number.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Fencing token of a writer: a later start has a higher one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// How far a source has been landed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourcePosition {
    /// PostgreSQL.
    Postgres {
        /// Ours, monotone.
        incarnation: Incarnation,
        /// `IDENTIFY_SYSTEM`: another cluster is another lineage.
        system_id: String,
        /// Timeline at the time: a change is a failover.
        timeline: u32,
        /// Name of the slot.
        slot: String,
        /// End of the last landed transaction, or a later position that holds nothing for us.
        lsn: Lsn,
    },
    /// An event stream: how many events were landed (their order is their own).
    Stream {
        /// Ours, monotone.
        incarnation: Incarnation,
        /// Events landed so far.
        events: u64,
    },
    /// A polled Salesforce object: everything up to this instant and id has been read.
    Salesforce {
        /// Ours, monotone.
        incarnation: Incarnation,
        /// Object -> end of the last window, microseconds since 1970.
        polled_to_us: BTreeMap<String, i64>,
    },
    /// A backfill, out of a table or (a replay) out of landing: where its next chunk starts.
    Backfill {
        /// Entity; `*`: a replay of all.
        entity: String,
        /// Texts of the key columns behind which the next chunk starts, or the number of the last commit that was replayed;
        /// none: from the start.
        after: Option<Vec<String>>,
        /// Rows landed so far.
        rows: u64,
        /// Whether it has reached the end.
        done: bool,
    },
}

/// A data file: Parquet, changes of one entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Entity name.
    pub entity: String,
    /// SHA-256 of the contract under which it was written.
    pub contract_hash: String,
    /// Path below the landing root. Holds the digest, so that a repeated put writes the same bytes to the same place.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes, hexadecimal.
    pub sha256: String,
    /// Earliest and latest time at which a source committed a row of it, microseconds since 1970: freshness is measured from
    /// them. None where all rows are events; those count from the landing commit, which is what a producer waits for.
    #[serde(default)]
    pub committed_at_us: Option<(i64, i64)>,
    /// Its changes stand in an earlier commit already: they were replayed, or derived again. They are history, whose freshness
    /// is not measured.
    #[serde(default, skip_serializing_if = "is_false")]
    pub again: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Which derivation of an entity's contract is in force. A change that is derived by a later one wins over the old result of
/// the same change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivation {
    /// What derives: digest of the contract, and the number of the runtime's own rules.
    pub by: String,
    /// How many other derivations there were before it; every change carries it in its version.
    pub revision: Revision,
}

/// A record that was refused. The payload is encrypted whole; reasons and key hold no PII.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Unique and stable: a repeated capture of the same record gives the same id.
    pub id: String,
    /// Entity name.
    pub entity: String,
    /// Source name.
    pub source: String,
    /// Text of the key where it could be read.
    pub key: Option<String>,
    /// Position in the source, as text.
    pub position: String,
    /// When the source committed it, microseconds since 1970.
    pub committed_at_us: i64,
    /// Every rule it breaks.
    pub reasons: Vec<Violation>,
    /// `v1|key id|nonce|ciphertext` of the raw bytes.
    pub payload: String,
}

/// A file of quarantined records (JSON lines).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineFile {
    /// Path below the landing root.
    pub path: String,
    /// Records.
    pub records: u64,
    /// SHA-256 of the bytes.
    pub sha256: String,
    /// Entity -> records.
    pub by_entity: BTreeMap<String, u64>,
}

/// A landing commit: the manifest of everything that became durable at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandingCommit {
    /// Its number.
    pub number: CommitNumber,
    /// Who wrote it.
    pub epoch: Epoch,
    /// SHA-256 of the manifest before it: a chain.
    pub previous_sha256: String,
    /// When it was put, microseconds since 1970. For people, and for the freshness of events.
    pub written_at_us: i64,
    /// Data files, sorted by entity.
    pub files: Vec<DataFile>,
    /// Quarantined records.
    pub quarantine: Option<QuarantineFile>,
    /// End position of **every** source and running backfill, also of those with nothing new.
    pub positions: BTreeMap<String, SourcePosition>,
    /// Quarantined records that this commit settles. The change of a retried record is in [`LandingCommit::files`], so a
    /// record is never both settled and lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolutions: Vec<Resolution>,
    /// Gaps in a source's log that an operator accepted: the record of who, when and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<AcceptedGap>,
    /// Floors that TRUNCATEs of sources have raised. Nothing that is below one of them is shown, in this commit, before it or
    /// behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floors: Vec<Floor>,
    /// The derivation in force of every entity that was ever landed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub derivations: BTreeMap<String, Derivation>,
    /// The newest commit before this one that holds refused records: a start follows them back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_refused: Option<CommitNumber>,
}

/// An accepted gap: the source goes on as a new incarnation, and every table of it is read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedGap {
    /// Name of the source in the project.
    pub system: String,
    /// What was found, with both positions.
    pub what: String,
    /// How far landing was.
    pub before: SourcePosition,
    /// From where it goes on.
    pub after: SourcePosition,
    /// Who accepted it.
    pub who: String,
    /// Why, in the operator's words.
    pub why: String,
    /// When, microseconds since 1970. For people only.
    pub at_us: i64,
}

/// What became of a quarantined record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// [`Quarantined::id`].
    pub id: String,
    /// How it was settled.
    pub how: Settled,
    /// Who did it: an operator's name, never a value of the record.
    pub who: String,
    /// Why, in the operator's words.
    pub why: String,
    /// When, microseconds since 1970. For people only.
    pub at_us: i64,
}

/// How a quarantined record was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// Its change has been landed, with its original version.
    Retried,
    /// It was given up.
    Discarded,
}

/// Why a landing commit was refused.
#[derive(Debug)]
pub enum CommitRefused {
    /// The number is taken: somebody else writes. Read the newest manifest and start over from it.
    Taken,
    /// It failed, or its outcome is unknown: read the number back before anything else.
    Unknown(crate::error::RuntimeError),
}

/// Where landing is kept. **Durability: what `put_*` and `commit` return `Ok` for survives a crash.** Implementations must make
/// `commit` conditional on the number being free; every other method may be repeated at any time.
#[async_trait]
pub trait Landing: Send + Sync {
    /// Takes the next epoch, by conditional put: no two callers get the same.
    async fn take_epoch(&self) -> Result<Epoch>;

    /// The newest commit; none in an empty landing.
    async fn newest(&self) -> Result<Option<LandingCommit>>;

    /// A commit by number; none where it does not exist yet.
    async fn commit_at(&self, number: CommitNumber) -> Result<Option<LandingCommit>>;

    /// SHA-256 of a manifest's bytes as they are stored, hexadecimal; none where it does not exist. Of the bytes, not of what
    /// this binary understands of them: the chain must hold across versions of the runtime.
    async fn digest_at(&self, number: CommitNumber) -> Result<Option<String>>;

    /// Writes a data file.
    async fn put_changes(
        &self,
        entity: &covenant_model::spec::EntitySpec,
        changes: &[Change],
    ) -> Result<DataFile>;

    /// Writes quarantined records.
    async fn put_quarantine(&self, records: &[Quarantined]) -> Result<QuarantineFile>;

    /// Commits: puts the manifest only if its number is free.
    async fn commit(&self, commit: &LandingCommit) -> std::result::Result<(), CommitRefused>;

    /// Reads a data file back, and checks its digest.
    async fn changes(
        &self,
        entity: &covenant_model::spec::EntitySpec,
        file: &DataFile,
    ) -> Result<Vec<Change>>;

    /// Reads quarantined records back.
    async fn quarantined(&self, file: &QuarantineFile) -> Result<Vec<Quarantined>>;

    /// Absolute local path of a data file, where the warehouse can read it by itself.
    fn local_path(&self, file: &DataFile) -> Option<std::path::PathBuf>;
}
