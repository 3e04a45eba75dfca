//! What the seeds reached: a simulation in which nothing happens proves nothing.

use std::collections::BTreeMap;

/// Every situation that some seed must have brought about.
pub(crate) const WANTED: [&str; 30] = [
    "a failed step that heals",
    "a call that executed late",
    "a change was derived again",
    "a chunk was read again",
    "a commit was replayed",
    "a contract was corrected",
    "a crash",
    "a key change",
    "a ledger was lost",
    "a person decided whose a record is",
    "a person's choice",
    "a record of a person was adopted",
    "a record that left its sink",
    "a record that waited for a call of the past",
    "a record was refused by its contract",
    "a read row that a TRUNCATE has overtaken",
    "a removal",
    "a row of a table read",
    "a row that waited for a person",
    "a start that failed",
    "a transaction that came in parts",
    "a transaction that came in parts begins anew",
    "a truncation",
    "an event that came again",
    "an item of the stream that came again",
    "an older instance was fenced at landing",
    "an older instance was fenced at the warehouse",
    "an unchanged large value",
    "a value of a refused row was left out of the next",
    "the slot was told",
];

/// Counts by situation.
#[derive(Default)]
pub(crate) struct Reached(pub(crate) BTreeMap<&'static str, u64>);

impl Reached {
    pub(crate) fn count(&mut self, what: &'static str) {
        debug_assert!(WANTED.contains(&what), "{what} is not listed");
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }

    pub(crate) fn missing(&self) -> Vec<&'static str> {
        WANTED.into_iter().filter(|what| !self.0.contains_key(what)).collect()
    }
}
