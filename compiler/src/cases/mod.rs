//! Contract tests: records with the verdict that is expected of them, and sequences of changes with the rows that they must come to.
//! They stand beside the contracts, in files that end in `.tests.yaml`; what they say is told to the same readers, checks and fold
//! that the runtime has. Members that a test does not name get a plain value that is valid and clearly made up.

mod expect;
pub mod run;
mod tell;

pub use run::{Tally, run};

use crate::parse::Entry;
use crate::source::Span;

/// How the name of a file with contract tests ends.
pub const SUFFIX: &str = ".tests.yaml";
/// Records of one case: a case that needs more tests something else than a contract.
pub const RECORDS_MAX: usize = 1_000;

/// Whether a file holds contract tests, by its name.
pub fn is_cases(path: &str) -> bool {
    path.ends_with(SUFFIX)
}

/// The tests of one entity.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Name of the entity.
    pub entity: String,
    /// Where it is named.
    pub at: Span,
    /// What every record of a source says unless it says otherwise, by source.
    pub base: Vec<Base>,
    /// In the order written.
    pub cases: Vec<Case>,
}

/// What every record of one source says.
#[derive(Clone, Debug)]
pub struct Base {
    /// Name of the source.
    pub source: String,
    /// Where it is named.
    pub at: Span,
    /// By the source's own names.
    pub members: Vec<Entry>,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Case {
    /// In a sentence.
    pub name: String,
    /// Where it is named.
    pub at: Span,
    /// What is told, in the order in which it arrives.
    pub given: Vec<Given>,
    /// The rows that there are then; `None`: only the verdicts count.
    pub expect: Option<Expected>,
}

/// The rows that there are at the end, and no others.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The key `expect`.
    pub at: Span,
    /// In any order.
    pub rows: Vec<ExpectedRow>,
}

/// Fields of a row by their names in the contract; those that are not named are not compared.
#[derive(Clone, Debug)]
pub struct ExpectedRow {
    /// The row.
    pub at: Span,
    /// Field -> value.
    pub fields: Vec<Entry>,
}

/// One record, told once.
#[derive(Clone, Debug)]
pub struct Given {
    /// The whole entry.
    pub at: Span,
    /// Name of the source.
    pub source: String,
    /// Where it is named.
    pub source_at: Span,
    /// Place in the source's order; the place in the list, from 1, where nothing is said.
    pub order: u32,
    /// What is told.
    pub what: What,
    /// Names of members that the record leaves out.
    pub without: Vec<Named>,
    /// Names of columns that the change does not carry, because it does not touch them (TOAST).
    pub unchanged: Vec<Named>,
    /// The rules that refuse it; empty: it is taken.
    pub refused: Vec<Named>,
}

/// A name and its place.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub at: Span,
}

/// What happened to a row.
#[derive(Clone, Debug)]
pub enum What {
    /// Inserted, updated or read. `moved_from`: the columns of the key before.
    Record {
        /// By the source's own names.
        members: Vec<Entry>,
        /// Empty where the key is as it was.
        moved_from: Vec<Entry>,
    },
    /// Deleted.
    Delete {
        /// The key, by the source's own names.
        key: Vec<Entry>,
    },
}
