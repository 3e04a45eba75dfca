//! What generated code implements for the runtime: from a source's bytes to a validated record.

use std::fmt;

use crate::record::{Record, Violations};
use crate::value::Value;

/// One column of a pgoutput tuple, or of a row of a table read (then never `Unchanged`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PgDatum<'a> {
    /// SQL NULL.
    Null,
    /// Stored out of line and not touched by the change: the value is not in the message.
    Unchanged,
    /// PostgreSQL's text format.
    Text(&'a [u8]),
}

impl fmt::Debug for PgDatum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Unchanged => f.write_str("Unchanged"),
            Self::Text(bytes) => write!(f, "Text({} bytes)", bytes.len()),
        }
    }
}

/// For each field of the entity, the place of its column in a relation's tuples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnMap(pub Vec<Option<usize>>);

/// An event with everything that orders it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Unique id: what makes a repeat a repeat.
    pub event_id: String,
    /// The sequence, or microseconds of the event time.
    pub order: u64,
    /// Microseconds since 1970.
    pub occurred_at_us: i64,
    /// The entity's fields that this source tells.
    pub record: Record,
}

/// The generated decoder and validator of one entity. Implementations report every rule that a record breaks, never only the
/// first, and no message of theirs holds a value.
pub trait EntityCodec: Send + Sync {
    /// Name of the entity.
    fn entity(&self) -> &'static str;

    /// SHA-256 of the contract that it was generated from, hexadecimal.
    fn contract_hash(&self) -> &'static str;

    /// Finds the fields that `source` tells among a relation's columns.
    fn columns(&self, source: &str, relation: &[&str]) -> ColumnMap;

    /// Decodes and validates the new tuple of an insert or update, or a row of a table read.
    ///
    /// # Errors
    /// Every rule that the record breaks.
    fn decode_pg(
        &self,
        source: &str,
        map: &ColumnMap,
        tuple: &[PgDatum<'_>],
    ) -> Result<Record, Violations>;

    /// Decodes the key alone, out of an old tuple (replica identity default carries only the key).
    ///
    /// # Errors
    /// Where a key field is missing or malformed.
    fn decode_pg_key(
        &self,
        map: &ColumnMap,
        tuple: &[PgDatum<'_>],
    ) -> Result<Vec<Value>, Violations>;

    /// Decodes and validates an event's JSON.
    ///
    /// # Errors
    /// Every rule that the event breaks; `malformed` where it is no JSON object at all.
    fn decode_event(&self, source: &str, json: &[u8]) -> Result<EventRecord, Violations>;

    /// Checks a record that was not decoded but kept, against every rule of its fields. Quality rules are not among them.
    ///
    /// # Errors
    /// Every rule that it breaks.
    fn check_fields(&self, record: &Record) -> Result<(), Violations>;

    /// Decodes and validates a Salesforce record's JSON: the fields that Salesforce owns, and the key.
    ///
    /// # Errors
    /// As [`EntityCodec::decode_event`].
    fn decode_salesforce(&self, source: &str, json: &[u8]) -> Result<Record, Violations>;
}
