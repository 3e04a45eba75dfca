//! Events that producers wrote to a table: each is as much part of its transaction as the rows beside it.
//!
//! **Only insertions are events.** Producers, or a job of the database, delete what is old; that says nothing, and is counted as
//! ignored. An event that comes both ways, by table and over HTTP, is one event: its id says so.

use std::collections::BTreeMap;

use bytes::Bytes;
use covenant_model::spec::OutboxSpec;

use crate::error::{ErrorKind, Result, RuntimeError};
use crate::source::{DatumAt, Relation, RowChange, RowOp, Tuple};

/// Events of one transaction, by stream, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) events: BTreeMap<String, Vec<Bytes>>,
    /// Changes that are no events.
    pub(super) ignored: u64,
}

/// Takes the event out of a change of an outbox.
///
/// # Errors
/// `SchemaMismatch` where the table lacks a column.
pub(super) fn take(change: &RowChange, told: &mut Told) -> Result<()> {
    match &change.op {
        RowOp::Insert { new } => {
            let stream = text(&change.relation, new, OutboxSpec::STREAM)?;
            let event = text(&change.relation, new, OutboxSpec::EVENT)?;
            let stream = String::from_utf8_lossy(&stream).into_owned();
            told.events.entry(stream).or_default().push(event);
        }
        RowOp::Update { .. } | RowOp::Delete { .. } | RowOp::Truncate => told.ignored += 1,
    }
    Ok(())
}

/// The text of a column; empty where it is NULL, which no stream is named and no event reads as.
fn text(relation: &Relation, tuple: &Tuple, name: &str) -> Result<Bytes> {
    let at = relation.columns.iter().position(|column| column.name == name);
    let Some(datum) = at.and_then(|at| tuple.datums.get(at)) else {
        return Err(RuntimeError::new(
            ErrorKind::SchemaMismatch,
            format!("outbox {}.{}", relation.schema, relation.table),
            format!("it has no column {name}, so its events cannot be read"),
            "Deploy the generated SQL: outbox.sql makes the table, publication.sql lists its columns",
        ));
    };
    Ok(match datum {
        DatumAt::Text(range) => tuple.bytes.slice(range.clone()),
        // The value of an insertion is always there.
        DatumAt::Null | DatumAt::Unchanged => Bytes::new(),
    })
}
