//! Witnesses: what proves a finding. Two contracts are run side by side on concrete records, made from the contracts alone.
//!
//! | module | what |
//! |---|---|
//! | [`interpret`] | a contract that decodes and validates without being generated |
//! | [`told`] | a record as a source tells it, before anybody has read it |
//! | [`fold`] | records told to a contract, and what it makes of them: refusals, and the folded rows |
//! | [`language`] | patterns as sets of texts: examples, and texts that one takes and another does not |
//! | [`values`] | the values at the edges of what fields allow |
//! | [`compose`] | records made of such values, so that quality rules hold |
//! | [`search`] | records on which two contracts part |
//! | `reduced` | contracts cut down to what one finding is about |
//! | [`shown`] | witnesses as people read them |
//! | [`sql`] | queries of models on a few rows, and rows on which two queries part |
//! | [`limits`] | values that a column of one side holds and of the other does not |
//! | [`delivery`] | rows that Salesforce gets otherwise |
//! | [`statement`] | statements that run on the tables of one side only |
//! | [`confirm`] | findings get their witnesses |
//!
//! Deliberately absent: IO, clocks, randomness. The same pair of contracts always gives the same witness.

pub mod compose;
mod confirm;
pub mod delivery;
pub mod fold;
pub mod interpret;
pub mod language;
pub mod limits;
mod reduced;
pub mod search;
pub mod shown;
pub mod sql;
pub mod statement;
pub mod told;
pub mod values;

use covenant_model::record::Violation;
use covenant_model::spec::EntitySpec;
use serde::Serialize;

use crate::emit::EmitError;
pub use confirm::confirm;
use search::{Focus, Pair};
use told::Told;

/// Who writes what the other side cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Records of the old contract, read by the new one.
    Backward,
    /// Records of the new contract, read by the old one.
    Forward,
}

/// Records that one contract accepts, and on which the two part. Confirmed: both were run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Whose records they are.
    pub direction: Direction,
    /// Told in this order.
    pub told: Vec<Told>,
    /// How the two part.
    pub verdicts: Verdicts,
}

/// How two contracts part over the same records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdicts {
    /// The reader refuses.
    Refused {
        /// Every rule that is broken.
        reasons: Vec<Violation>,
        /// The rows that the writer's contract makes of the records.
        state: serde_json::Value,
    },
    /// Both accept, and hold different rows.
    Differ(Vec<Differing>),
}

/// What two folded rows do not agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// The field, or `rows`.
    pub what: String,
    /// What the old contract makes of the records.
    pub old: String,
    /// What the new one does.
    pub new: String,
}

/// Looks for a witness of one direction. `None`: none was found, which proves nothing by itself.
///
/// # Errors
/// Where a contract cannot be expressed in Rust.
pub fn find(
    old: &EntitySpec,
    new: &EntitySpec,
    direction: Direction,
    focus: &Focus,
) -> Result<Option<Row>, EmitError> {
    interpret::with(old, |old| {
        interpret::with(new, |new| search::search(Pair { old, new }, direction, focus))
    })?
}
