//! Sources: what comes in, before it means anything. A source delivers bytes with positions; capture makes changes of them.

pub mod events;
pub mod postgres;

pub mod poll;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use covenant_model::codec::PgDatum;
use covenant_model::position::Acknowledged;
use covenant_model::version::Lsn;

use crate::error::Result;

/// A table as the replication stream describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// `public`
    pub schema: String,
    /// `orders`
    pub table: String,
    /// In tuple order.
    pub columns: Vec<RelationColumn>,
}

/// A column of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationColumn {
    /// Name.
    pub name: String,
    /// Whether it is part of the replica identity.
    pub key: bool,
    /// Type OID.
    pub type_oid: u32,
}

/// What a datum of a tuple is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatumAt {
    /// NULL.
    Null,
    /// Unchanged, stored out of line.
    Unchanged,
    /// Text at this place of the tuple's bytes.
    Text(Range<usize>),
}

/// A tuple: one buffer, no allocation per field.
#[derive(Clone, PartialEq, Eq)]
pub struct Tuple {
    /// The message that it stands in.
    pub bytes: Bytes,
    /// One per column of the relation.
    pub datums: Vec<DatumAt>,
}

impl Tuple {
    /// The datums in the form that generated codecs read.
    pub fn datums(&self) -> Vec<PgDatum<'_>> {
        self.datums
            .iter()
            .map(|datum| match datum {
                DatumAt::Null => PgDatum::Null,
                DatumAt::Unchanged => PgDatum::Unchanged,
                DatumAt::Text(range) => {
                    self.bytes.get(range.clone()).map_or(PgDatum::Null, PgDatum::Text)
                }
            })
            .collect()
    }

    /// A tuple of texts and NULLs: for table reads and tests.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = Option<&'a [u8]>>) -> Self {
        let mut bytes = Vec::new();
        let datums = texts
            .into_iter()
            .map(|text| match text {
                None => DatumAt::Null,
                Some(text) => {
                    let start = bytes.len();
                    bytes.extend_from_slice(text);
                    DatumAt::Text(start..bytes.len())
                }
            })
            .collect();
        Self { bytes: bytes.into(), datums }
    }
}

impl std::fmt::Debug for Tuple {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tuple({} columns, content hidden)", self.datums.len())
    }
}

/// What happened to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowOp {
    /// Inserted.
    Insert {
        /// The new row.
        new: Tuple,
    },
    /// Updated. `old` is there where the key changed, or under replica identity full.
    Update {
        /// The key, or the whole row, before.
        old: Option<Tuple>,
        /// The new row.
        new: Tuple,
    },
    /// Deleted.
    Delete {
        /// The key, or the whole row, before.
        old: Tuple,
    },
    /// All rows of the table are gone.
    Truncate,
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// Where.
    pub relation: Arc<Relation>,
    /// What.
    pub op: RowOp,
    /// Its place in the transaction, from 1. A key update takes two (delete, insert): the second is this plus one, and the
    /// next change continues behind it.
    pub ordinal: u32,
}

/// A committed transaction, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// 32-bit transaction id, as pgoutput sends it.
    pub xid: u32,
    /// Where the commit record starts: orders transactions.
    pub commit: Lsn,
    /// Where the commit record ends: what is acknowledged.
    pub end: Lsn,
    /// Microseconds since 1970.
    pub committed_at_us: i64,
    /// In order.
    pub changes: Vec<RowChange>,
}

/// Some changes of a committed transaction that is too large to be held in memory; more of it follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionPart {
    /// Where the commit record starts: orders transactions.
    pub commit: Lsn,
    /// Microseconds since 1970.
    pub committed_at_us: i64,
    /// In order; the ordinals go on through all parts.
    pub changes: Vec<RowChange>,
}

/// What a replication stream delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamItem {
    /// A committed transaction; its last changes where parts of it came before.
    Transaction(Transaction),
    /// The next changes of a transaction that is too large. **It moves no position**: the last of it does, and whoever begins
    /// anew before that hears all of it again.
    Part(TransactionPart),
    /// The server has nothing for us up to here, and no transaction is open on the wire.
    Passed(Lsn),
}

/// A database's stream of committed transactions. **Delivery: at least once**, in commit order, from the position that it was
/// opened at; after an error it must be opened again at the durable position.
#[async_trait]
pub trait ChangeStream: Send {
    /// The next item. Safe to drop while waiting.
    ///
    /// # Errors
    /// `Unavailable` where reconnecting may help, `Gap` where the slot cannot continue, `Fenced` where another reader holds
    /// the slot.
    async fn next(&mut self) -> Result<StreamItem>;

    /// Tells the source that it may forget everything up to `to`.
    ///
    /// # Errors
    /// As [`ChangeStream::next`].
    async fn acknowledge(&mut self, to: Acknowledged) -> Result<()>;
}

/// A snapshot, as `pg_current_snapshot()` tells it (64-bit ids).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Every id below is finished.
    pub xmin: u64,
    /// Every id from here on is unseen.
    pub xmax: u64,
    /// Unseen ids between the two.
    pub in_progress: Vec<u64>,
}

/// A chunk of a table, read in one snapshot.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Which transactions the read has seen.
    pub snapshot: Snapshot,
    /// The insert position of the log, taken after the snapshot: every transaction that the snapshot sees has its commit
    /// record before it. (Unseen ones may stand on either side.)
    pub read_at: Lsn,
    /// When it was read, microseconds since 1970 by the source's clock.
    pub read_at_us: i64,
    /// Columns of the rows.
    pub relation: Arc<Relation>,
    /// The rows, in key order.
    pub rows: Vec<Tuple>,
    /// Where the next chunk starts (texts of the key columns); none: the table is done.
    pub next: Option<Vec<String>>,
}

/// Reads tables in chunks. Every chunk is one short transaction: no snapshot is held between chunks.
#[async_trait]
pub trait TableReader: Send {
    /// Reads up to `limit` rows whose key lies behind `after` (keyset paging), of those that `filter` keeps (SQL that the
    /// operator's backfill request was checked to be; none: all).
    ///
    /// # Errors
    /// `Unavailable`, `SchemaMismatch`.
    async fn read(
        &mut self,
        request: &ChunkRequest,
        after: Option<&[String]>,
        limit: usize,
    ) -> Result<Chunk>;

    /// The transactions in progress now, with a **freshly assigned id** as `xmax`, which is finished when this returns: every
    /// transaction that had an id before the call has a lower one. (`xmax` of a plain snapshot is the latest finished id plus
    /// one; transactions above it may have written their commit records already.) See [`crate::backfill::bound`].
    ///
    /// # Errors
    /// `Unavailable`.
    async fn snapshot(&mut self) -> Result<Snapshot>;

    /// Writes a tiny transaction into the log and flushes it, so that an idle stream passes a read.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn nudge(&mut self) -> Result<()>;

    /// A rough count of the rows that a request covers, for progress bars only.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn estimate(&mut self, request: &ChunkRequest) -> Result<u64>;
}

/// Which rows of which table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChunkRequest {
    /// `public`
    pub schema: String,
    /// `orders`
    pub table: String,
    /// The columns to read.
    pub columns: Vec<String>,
    /// The key columns, in order; a unique index must stand behind them.
    pub key: Vec<String>,
    /// Only rows whose column lies in `[from, to)`, as texts: `(placed_at, 2026-01-01, 2026-04-01)`.
    pub range: Option<(String, String, String)>,
    /// Only these rows, as texts of the key columns; empty: all. A job over keys is read in one chunk, and of a key that is
    /// not there its absence is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Vec<String>>,
    /// Only one part of the table, by a hash of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<TablePart>,
    /// Only rows under this condition, as the table's database writes it: the row filter of the contract.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub rows: Option<String>,
}

/// One of several parts of a table, of about the same size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TablePart {
    /// Which, from 1.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}
