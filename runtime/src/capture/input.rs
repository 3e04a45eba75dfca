//! What is derived from: one record of a source and its place.

use covenant_model::version::{Incarnation, Lsn};

use super::raw::{Raw, RawOp, RawRecord};
use crate::crm::ModifiedRecord;
use crate::source::{Relation, RowOp};

/// A row and its place.
#[derive(Clone, Copy)]
pub struct RowInput<'a> {
    /// Columns.
    pub relation: &'a Relation,
    /// What happened.
    pub op: &'a RowOp,
    /// Incarnation of the source.
    pub incarnation: Incarnation,
    /// Commit LSN, or the bound of a table read.
    pub lsn: Lsn,
    /// Ordinal in the transaction; 0 for a table read.
    pub ordinal: u32,
    /// Microseconds since 1970.
    pub committed_at_us: i64,
}

/// An event and where it came from.
#[derive(Clone, Copy)]
pub struct EventInput<'a> {
    /// The stream.
    pub stream: &'a str,
    /// Its JSON.
    pub json: &'a [u8],
    /// Incarnation of the stream.
    pub incarnation: Incarnation,
    /// When it came in: stands in for the time of an event whose own cannot be read.
    pub received_at_us: i64,
}

/// A polled record and where it came from.
#[derive(Clone, Copy)]
pub struct CrmInput<'a> {
    /// The object.
    pub object: &'a str,
    /// The record.
    pub record: &'a ModifiedRecord,
    /// Incarnation of the org.
    pub incarnation: Incarnation,
}

impl RowInput<'_> {
    /// As quarantine keeps it.
    pub(super) fn raw(&self) -> Raw {
        Raw {
            incarnation: self.incarnation,
            committed_at_us: self.committed_at_us,
            record: RawRecord::Row {
                lsn: self.lsn,
                ordinal: self.ordinal,
                relation: self.relation.into(),
                op: RawOp::from(self.op),
            },
        }
    }
}
