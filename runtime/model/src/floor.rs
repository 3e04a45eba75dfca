//! Floors: a TRUNCATE of the table that owns an entity's keys, as something that can be joined.
//!
//! A TRUNCATE names no rows, so it cannot be a change of a row. It is a version: **whatever the owner of the rows'
//! existence said below it is a delete at the floor** ([`crate::join::RowState::lift`]), whether the row was known
//! before, arrives late, or is read by a backfill that began before. An entity has a set of floors; the highest one
//! decides. Both are joins, so arrival does not matter.

use serde::{Deserialize, Serialize};

use crate::version::{Guard, Version};

/// A floor of an entity: everything that its existence owner said of a row below it is gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Floor {
    /// Entity name.
    pub entity: String,
    /// The source that owns the existence of its rows.
    pub source: String,
    /// The place of the TRUNCATE in the source's order.
    pub version: Version,
    /// When the source committed it, microseconds since 1970. For freshness and history only.
    pub committed_at_us: i64,
}

impl Floor {
    /// What guards of existence are compared with.
    pub fn guard(&self) -> Guard {
        Guard::latest(self.version)
    }
}
