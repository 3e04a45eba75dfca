//! Source against target, and the CRM itself against what was delivered ([`org`]): which rows are missing, extra or different. A run proves counts; it never trusts what a lane says of
//! itself.
//!
//! ```text
//! source, chunk by chunk ──> do the targets have the same?  ─┐
//! targets, page by page ───> does the source have the key?  ─┴─> suspects ──> judged twice behind a fence ──> report, repair
//! ```
//!
//! Neither side needs the other's order: rows are looked up by their keys. Contents are compared by a keyed digest of the
//! columns that the source alone tells, made by the validators and the protection of capture, so that neither plaintext nor a
//! fresh nonce matters.
//!
//! A difference is only told when it is **definite**. A suspect's row is read again; then the targets must pass the log's end
//! at that read; then they are read. Where two such rounds in a row find the same two sides and they differ, nothing is in
//! flight. What changes all the time is counted as unsettled.
//!
//! A repair is a backfill of the keys that differ: rows with their bound versions through capture, landing and the same join
//! as everything else, and for a key that the source does not have a delete **at the bound of the read that did not find it**.
//! It restores what this source tells. What other owners told of a row that the warehouse lost comes back by `replay`.
//!
//! Memory: one chunk of each side, and [`run::SUSPECTS_MAX`] keys.

pub mod org;
pub mod run;
mod sides;

use std::fmt;

use covenant_model::change::Key;
use covenant_model::columns::{self, ColumnPart};
use covenant_model::join::RowState;
use covenant_model::spec::{EntitySpec, MergeRule};
use serde::{Deserialize, Serialize};

use crate::crm::external_id_of;
use crate::error::Result;
use crate::ledger::{Digest, Sealer};

/// Keys that a report names of each kind; all are counted.
const KEYS_NAMED: usize = 20;

/// What a comparison found. Keys are never personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Entity name.
    pub entity: String,
    /// `warehouse`, `ledger`: compared with the source; `salesforce`: the org itself, compared with the ledger
    pub target: String,
    /// Rows that the source has; of Salesforce: rows of which it should show a record.
    pub source_rows: u64,
    /// Rows that the target shows.
    pub target_rows: u64,
    /// In the source only.
    pub missing: Found,
    /// In the target only.
    pub extra: Found,
    /// In both, with other contents.
    pub diverged: Found,
    /// Of those, in Salesforce: edited there since they were delivered.
    #[serde(default)]
    pub edited: u64,
    /// In Salesforce: external ids that several records carry, with the records' ids.
    #[serde(default)]
    pub duplicated: Found,
    /// Different, because the newest record of the row was refused and waits in quarantine.
    pub quarantined: Found,
    /// Changed during every look: nothing can be said of them. Not a difference.
    pub unsettled: Found,
    /// Of the differences, those that were repaired and looked at once more.
    pub repaired: u64,
    /// Of the ledger's rows: waiting for delivery, parked, or refused by the CRM. Not a difference: the ledger has them.
    pub undelivered: u64,
}

impl Report {
    /// Differences found.
    pub fn differences(&self) -> u64 {
        self.missing.count + self.extra.count + self.diverged.count + self.duplicated.count
    }

    /// Whether nothing is left wrong: quarantined rows are accounted for.
    pub fn clean(&self) -> bool {
        self.differences() <= self.repaired
    }

    fn found(&mut self, kind: Kind) -> &mut Found {
        match kind {
            Kind::Missing => &mut self.missing,
            Kind::Extra => &mut self.extra,
            Kind::Diverged => &mut self.diverged,
            Kind::Quarantined => &mut self.quarantined,
        }
    }
}

impl fmt::Display for Report {
    /// One line of a table; see [`HEAD`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{} -> {}", self.entity, self.target);
        write!(
            f,
            "{name:<40} {:>10} {:>10} {:>8} {:>6} {:>8} {:>10} {:>11} {:>9} {:>8}",
            self.source_rows,
            self.target_rows,
            self.missing.count,
            self.extra.count,
            self.diverged.count,
            self.duplicated.count,
            self.quarantined.count,
            self.unsettled.count,
            self.repaired
        )
    }
}

/// Head of a table of [`Report`]s.
pub const HEAD: &str = "entity -> target                             source     target  missing  extra diverged duplicated quarantined \
     unsettled repaired";

/// Keys of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// All of them.
    pub count: u64,
    /// Some of them, as text.
    pub keys: Vec<String>,
}

impl Found {
    fn add(&mut self, key: &Key) {
        self.name(external_id_of(key));
    }

    fn name(&mut self, name: String) {
        self.count += 1;
        if self.keys.len() < KEYS_NAMED {
            self.keys.push(name);
        }
    }
}

/// What the source has under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Absent,
    /// A row that its contract refuses.
    Refused,
    Row(Digest),
}

/// How a row differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Missing,
    Extra,
    Diverged,
    Quarantined,
}

/// Compares one row. `shown` is what the target shows, none where it shows nothing; `waits`: its key is in quarantine.
fn judge(source: Told, shown: Option<Digest>, waits: bool) -> Option<Kind> {
    let kind = match (source, shown) {
        (Told::Absent, None) => return None,
        (Told::Row(source), Some(target)) if source == target => return None,
        (Told::Refused, _) => return Some(Kind::Quarantined),
        (Told::Absent, Some(_)) => Kind::Extra,
        (Told::Row(_), None) => Kind::Missing,
        (Told::Row(_), Some(_)) => Kind::Diverged,
    };
    Some(if waits { Kind::Quarantined } else { kind })
}

/// The content of a row as far as `source` alone tells it: plain columns and tokens of the groups that no other source
/// writes, under `latest`. A group of which nothing was said counts as absent.
///
/// # Errors
/// Where the key of the digest is not to be had.
pub fn content(
    entity: &EntitySpec,
    source: &str,
    state: &RowState,
    sealer: &dyn Sealer,
) -> Result<Digest> {
    let mut bytes = Vec::new();
    for (ix, group) in entity.groups.iter().enumerate() {
        let alone = group.owners.len() == 1 && group.owners.iter().any(|owner| owner == source);
        if !alone || group.rule != MergeRule::Latest {
            continue;
        }
        let Some(Some(told)) = state.groups.get(ix) else {
            bytes.push(0xFF);
            continue;
        };
        for (column, value) in columns::of_group(entity, ix).iter().zip(&told.values) {
            match column.part {
                ColumnPart::Plain | ColumnPart::Token => value.canonical(&mut bytes),
                ColumnPart::Cipher => {}
            }
        }
    }
    sealer.digest(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_has_its_kind() {
        let (a, b) = ([1; 32], [2; 32]);
        let cases = [
            (Told::Row(a), Some(a), None),
            (Told::Absent, None, None),
            (Told::Row(a), Some(b), Some(Kind::Diverged)),
            (Told::Row(a), None, Some(Kind::Missing)),
            (Told::Absent, Some(a), Some(Kind::Extra)),
            (Told::Refused, Some(a), Some(Kind::Quarantined)),
            (Told::Refused, None, Some(Kind::Quarantined)),
        ];
        for (source, shown, expected) in cases {
            assert_eq!(judge(source, shown, false), expected, "{source:?} {shown:?}");
            let waiting = expected.map(|_| Kind::Quarantined);
            assert_eq!(judge(source, shown, true), waiting, "in quarantine: {source:?} {shown:?}");
        }
    }

    #[test]
    fn what_was_repaired_is_clean_and_what_waits_is_accounted_for() {
        let mut report = Report::default();
        report.found(Kind::Quarantined).count = 3;
        assert!(report.clean());
        report.found(Kind::Missing).count = 2;
        assert!(!report.clean());
        report.repaired = 2;
        assert!(report.clean());
    }
}
