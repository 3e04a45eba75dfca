//! Source against target: which rows are missing, extra or different. A run proves counts; it never trusts what a lane says of
//! itself.
//!
//! Both sides are read as `(key, content)` in any order and compared by a keyed digest of the columns that the source alone
//! tells, so that neither plaintext nor a fresh nonce matters. A difference is only told when it is **definite**: keys that
//! differ are compared once more after the target has passed the fence that the first reading set, because until then they
//! may simply be in flight.
//!
//! Memory: about 100 bytes a row of one entity; larger entities are compared range by range of their key.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::change::{Change, Key};
use covenant_model::columns::{self, ColumnPart};
use covenant_model::join::RowState;
use covenant_model::spec::{EntitySpec, MergeRule};
use serde::Serialize;

use crate::crm::external_id_of;
use crate::error::Result;
use crate::ledger::{Digest, Ledger, Sealer, Status};
use crate::warehouse::Warehouse;

/// Rows read from a target at once.
const PAGE_ROWS: usize = 10_000;
/// Keys that a report names of each kind; all are counted.
const KEYS_NAMED: usize = 20;

/// Rows of one side: key -> digest of its content.
pub type Side = BTreeMap<Key, Digest>;

/// What a comparison found. Keys are never personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Entity name.
    pub entity: String,
    /// `warehouse`, `ledger`
    pub target: String,
    /// Rows that the source has.
    pub source_rows: u64,
    /// Rows that the target shows.
    pub target_rows: u64,
    /// In the source only.
    pub missing: Found,
    /// In the target only.
    pub extra: Found,
    /// In both, with other contents.
    pub diverged: Found,
    /// In the source only, or with other contents, because the newest record of the row was refused.
    pub quarantined: Found,
}

impl Report {
    /// Whether nothing is wrong: quarantined rows are accounted for.
    pub fn clean(&self) -> bool {
        self.missing.count + self.extra.count + self.diverged.count == 0
    }
}

/// Keys of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// All of them.
    pub count: u64,
    /// Some of them, as text.
    pub keys: Vec<String>,
}

impl Found {
    fn add(&mut self, key: &Key) {
        self.count += 1;
        if self.keys.len() < KEYS_NAMED {
            self.keys.push(external_id_of(key));
        }
    }
}

/// Keys that differ between two sides.
pub fn differences(source: &Side, target: &Side) -> BTreeSet<Key> {
    let theirs = target.iter().filter(|(key, digest)| source.get(*key) != Some(*digest));
    let missing = source.keys().filter(|key| !target.contains_key(*key));
    theirs.map(|(key, _)| key).chain(missing).cloned().collect()
}

/// The report of the second reading. `suspects` are the differences of the first one, none where there was only one reading;
/// `quarantined` are keys whose newest record was refused.
pub fn report(
    entity: &str,
    target_name: &str,
    source: &Side,
    target: &Side,
    suspects: Option<&BTreeSet<Key>>,
    quarantined: &BTreeSet<Key>,
) -> Report {
    let mut report = Report {
        entity: entity.to_owned(),
        target: target_name.to_owned(),
        source_rows: source.len() as u64,
        target_rows: target.len() as u64,
        ..Report::default()
    };
    for key in differences(source, target) {
        if suspects.is_some_and(|suspects| !suspects.contains(&key)) {
            // Changed between the two readings: in flight.
            continue;
        }
        let kind = match (source.contains_key(&key), target.contains_key(&key)) {
            (true, _) if quarantined.contains(&key) => &mut report.quarantined,
            (true, true) => &mut report.diverged,
            (true, false) => &mut report.missing,
            (false, _) => &mut report.extra,
        };
        kind.add(&key);
    }
    report
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

/// Adds a row that was read from the source, as the change that capture would make of it.
///
/// # Errors
/// Of [`content`].
pub fn read_source(
    side: &mut Side,
    entity: &EntitySpec,
    change: &Change,
    sealer: &dyn Sealer,
) -> Result<()> {
    let digest = content(entity, &change.source, &change.state, sealer)?;
    side.insert(change.key.clone(), digest);
    Ok(())
}

/// Every row that the warehouse presents.
///
/// # Errors
/// Of the warehouse.
pub async fn read_warehouse(
    warehouse: &mut dyn Warehouse,
    entity: &EntitySpec,
    source: &str,
    sealer: &dyn Sealer,
) -> Result<Side> {
    let mut side = Side::new();
    let mut after: Option<Key> = None;
    loop {
        let page = warehouse.scan(entity, after.as_ref(), PAGE_ROWS).await?;
        let Some((last, _)) = page.last() else { return Ok(side) };
        after = Some(last.clone());
        for (key, state) in page.into_iter().filter(|(_, state)| state.alive()) {
            side.insert(key, content(entity, source, &state, sealer)?);
        }
    }
}

/// Every row of the delivery ledger that is there, and the keys that the CRM has refused.
///
/// # Errors
/// Of the ledger.
pub fn read_ledger(
    ledger: &mut dyn Ledger,
    entity: &EntitySpec,
    source: &str,
    sealer: &dyn Sealer,
) -> Result<(Side, BTreeSet<Key>)> {
    let (mut side, mut refused) = (Side::new(), BTreeSet::new());
    let mut after: Option<Key> = None;
    loop {
        let page = ledger.scan(&entity.name, after.as_ref(), PAGE_ROWS)?;
        let Some(last) = page.last() else { return Ok((side, refused)) };
        after = Some(last.key.clone());
        for row in page.into_iter().filter(|row| row.state.alive()) {
            if row.status == Status::Quarantined {
                refused.insert(row.key.clone());
            }
            side.insert(row.key, content(entity, source, &row.state, sealer)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use covenant_model::value::Value;

    use super::*;

    fn side(rows: &[(i64, u8)]) -> Side {
        rows.iter().map(|(key, digest)| (Key(vec![Value::Int(*key)]), [*digest; 32])).collect()
    }

    fn keys(numbers: &[i64]) -> BTreeSet<Key> {
        numbers.iter().map(|number| Key(vec![Value::Int(*number)])).collect()
    }

    #[test]
    fn each_difference_is_named_once() {
        let source = side(&[(1, 1), (2, 2), (3, 3), (5, 5), (6, 6)]);
        let target = side(&[(1, 1), (2, 9), (4, 4), (6, 9)]);
        let found = report("e", "warehouse", &source, &target, None, &keys(&[5, 6]));
        assert_eq!((found.source_rows, found.target_rows), (5, 4));
        assert_eq!(found.diverged.keys, ["2"]);
        assert_eq!(found.missing.keys, ["3"]);
        assert_eq!(found.extra.keys, ["4"]);
        assert_eq!(found.quarantined.keys, ["5", "6"]);
        assert!(!found.clean());
    }

    #[test]
    fn what_is_in_flight_is_no_difference() {
        let first = differences(&side(&[(1, 1), (2, 2)]), &side(&[(1, 0), (2, 2)]));
        assert_eq!(first, keys(&[1]));
        // at the second reading key 1 has arrived, and key 2 has just changed
        let (source, target) = (side(&[(1, 1), (2, 3)]), side(&[(1, 1), (2, 2)]));
        let found = report("e", "warehouse", &source, &target, Some(&first), &BTreeSet::new());
        assert!(found.clean(), "{found:?}");
    }
}
