//! Puts messages together to whole transactions, or to parts of those that are too large for memory.
//!
//! **Ordinals** are a function of the log alone (never of contracts or of what was landed before), so that a transaction that
//! is delivered again gives every change the same version: each change takes one, an update with an old tuple takes two,
//! since its key may have changed and the row then moves by a delete and an insert.

use std::collections::HashMap;
use std::sync::Arc;

use covenant_model::version::Lsn;

use super::pgoutput::{DecodeError, Message};
use crate::source::{
    DatumAt, Relation, RowChange, RowOp, StreamItem, Transaction, TransactionPart, Tuple,
};

/// Largest transaction that is handed out whole, in bytes as [`Assembler`] counts them. A larger one comes in parts of this size.
pub const TRANSACTION_BYTES: usize = 256 * 1024 * 1024;

/// What a change costs beside its message and its datums, in bytes.
const CHANGE_BYTES: usize = size_of::<RowChange>() + 64;

/// Why the stream cannot be read on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AssembleError {
    /// A message that is none.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Messages in an order that the protocol does not allow.
    #[error("{what} came where the protocol does not allow it")]
    Order {
        /// What came.
        what: &'static str,
    },
    /// A change of a table that was not described.
    #[error(
        "a change of the table with object id {oid} came before the description of its columns"
    )]
    NoRelation {
        /// Object id.
        oid: u32,
    },
    /// A tuple with more or fewer columns than its table.
    #[error("a row of {schema}.{table} has {found} columns, but {expected} were described")]
    Columns {
        /// Schema.
        schema: String,
        /// Table.
        table: String,
        /// As described.
        expected: usize,
        /// In the tuple.
        found: usize,
    },
}

/// Holds at most one open transaction, and the description of every table seen.
#[derive(Debug)]
pub struct Assembler {
    relations: HashMap<u32, Arc<Relation>>,
    open: Option<Open>,
    limit: usize,
}

#[derive(Debug)]
struct Open {
    xid: u32,
    commit: Lsn,
    committed_at_us: i64,
    changes: Vec<RowChange>,
    next_ordinal: u32,
    bytes: usize,
}

impl Assembler {
    /// Holds up to `limit` bytes of a transaction, and one change more.
    pub fn new(limit: usize) -> Self {
        Self { relations: HashMap::new(), open: None, limit }
    }

    /// Whether a transaction has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes a message; gives the transaction that it ends, or the part before it where the bound is reached.
    ///
    /// # Errors
    /// See [`AssembleError`]; the stream must be opened again.
    pub fn push(&mut self, message: Message) -> Result<Option<StreamItem>, AssembleError> {
        let part = match &message {
            Message::Insert { .. }
            | Message::Update { .. }
            | Message::Delete { .. }
            | Message::Truncate { .. } => self.full(),
            Message::Begin { .. }
            | Message::Commit { .. }
            | Message::Relation { .. }
            | Message::Origin
            | Message::Type
            | Message::Emitted => None,
        };
        match message {
            Message::Begin { commit, xid, committed_at_us } => {
                self.begin(xid, commit, committed_at_us)?;
            }
            Message::Commit { commit, end, committed_at_us } => {
                let whole = self.commit(commit, end, committed_at_us)?;
                return Ok(Some(StreamItem::Transaction(whole)));
            }
            Message::Relation { oid, relation } => {
                self.relations.insert(oid, Arc::new(relation));
            }
            Message::Insert { oid, new } => {
                let relation = self.relation(oid)?;
                self.change(relation, RowOp::Insert { new }, 1)?;
            }
            Message::Update { oid, old, new } => {
                let relation = self.relation(oid)?;
                let ordinals = if old.is_some() { 2 } else { 1 };
                let old = old.map(super::pgoutput::OldTuple::into_tuple);
                self.change(relation, RowOp::Update { old, new }, ordinals)?;
            }
            Message::Delete { oid, old } => {
                let relation = self.relation(oid)?;
                self.change(relation, RowOp::Delete { old: old.into_tuple() }, 1)?;
            }
            Message::Truncate { oids } => {
                for oid in oids {
                    let relation = self.relation(oid)?;
                    self.change(relation, RowOp::Truncate, 1)?;
                }
            }
            Message::Origin | Message::Type | Message::Emitted => {}
        }
        Ok(part.map(StreamItem::Part))
    }

    /// What is held of the open transaction, once it has reached the bound. Before a change and not behind it: so the end of a
    /// transaction always has something left to tell.
    fn full(&mut self) -> Option<TransactionPart> {
        let open = self.open.as_mut().filter(|open| open.bytes >= self.limit)?;
        open.bytes = 0;
        Some(TransactionPart {
            commit: open.commit,
            committed_at_us: open.committed_at_us,
            changes: std::mem::take(&mut open.changes),
        })
    }

    fn begin(&mut self, xid: u32, commit: Lsn, committed_at_us: i64) -> Result<(), AssembleError> {
        if self.open.is_some() {
            return Err(AssembleError::Order { what: "the begin of a transaction within another" });
        }
        self.open = Some(Open {
            xid,
            commit,
            committed_at_us,
            changes: Vec::new(),
            next_ordinal: 1,
            bytes: 0,
        });
        Ok(())
    }

    fn commit(
        &mut self,
        commit: Lsn,
        end: Lsn,
        committed_at_us: i64,
    ) -> Result<Transaction, AssembleError> {
        let open = self.open.take().filter(|open| open.commit == commit);
        let open = open.ok_or(AssembleError::Order { what: "the end of another transaction" })?;
        Ok(Transaction { xid: open.xid, commit, end, committed_at_us, changes: open.changes })
    }

    fn relation(&self, oid: u32) -> Result<Arc<Relation>, AssembleError> {
        self.relations.get(&oid).cloned().ok_or(AssembleError::NoRelation { oid })
    }

    fn change(
        &mut self,
        relation: Arc<Relation>,
        op: RowOp,
        ordinals: u32,
    ) -> Result<(), AssembleError> {
        let open = self
            .open
            .as_mut()
            .ok_or(AssembleError::Order { what: "a change outside a transaction" })?;
        let (first, second) = match &op {
            RowOp::Insert { new } => (Some(new), None),
            RowOp::Update { old, new } => (Some(new), old.as_ref()),
            RowOp::Delete { old } => (Some(old), None),
            RowOp::Truncate => (None, None),
        };
        open.bytes += CHANGE_BYTES + first.map_or(0, |tuple| tuple.bytes.len());
        for tuple in first.into_iter().chain(second) {
            check_columns(&relation, tuple)?;
            open.bytes += tuple.datums.len() * size_of::<DatumAt>();
        }
        let ordinal = open.next_ordinal;
        open.next_ordinal = ordinal.saturating_add(ordinals);
        open.changes.push(RowChange { relation, op, ordinal });
        Ok(())
    }
}

fn check_columns(relation: &Relation, tuple: &Tuple) -> Result<(), AssembleError> {
    let (expected, found) = (relation.columns.len(), tuple.datums.len());
    if expected == found {
        return Ok(());
    }
    Err(AssembleError::Columns {
        schema: relation.schema.clone(),
        table: relation.table.clone(),
        expected,
        found,
    })
}
