//! Events that producers write to a table, together with the rest of their transaction.

use serde::{Deserialize, Serialize};

/// A table of a database that is read by logical replication: every row that is inserted there is an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutboxSpec {
    /// Name of the PostgreSQL system.
    pub system: String,
    /// `public`
    pub schema: String,
    /// `outbox`
    pub table: String,
}

impl OutboxSpec {
    /// Counts the rows: what producers never set.
    pub const ID: &'static str = "id";
    /// Column with the name of the stream that an event belongs to.
    pub const STREAM: &'static str = "stream";
    /// Column with the event, as JSON.
    pub const EVENT: &'static str = "event";
}
