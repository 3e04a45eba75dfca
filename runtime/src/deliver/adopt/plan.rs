//! What an adoption would do, as a report: counts, ids of records and our keys; never a value of anybody.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::change::Key;
use serde::{Deserialize, Serialize};

use super::matching::{Matching, Met};
use crate::crm::external_id_of;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::ledger::Sealer;

/// Most names that a plan keeps of what it only counts.
pub const SAMPLE_MAX: usize = 20;
/// Most lines of one kind that a report shows.
pub const LINES_MAX: usize = 1_000;
/// Characters of a plan's digest: told apart by people, typed by them.
const DIGEST_CHARS: usize = 12;

/// A row and the record that is taken for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The row.
    pub key: Key,
    /// `001…`
    pub record: String,
    /// Whether a person has said so.
    pub picked: bool,
}

/// What a person has decided of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// This record is the row's.
    Record(String),
    /// None is: it gets a record of its own.
    New,
}

/// Rows and records that meet, and not one to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ambiguous {
    /// External ids, sorted.
    pub rows: Vec<String>,
    /// Ids, sorted.
    pub records: Vec<String>,
}

/// A record without an external id that meets rows which have records of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Twin {
    /// Its id.
    pub record: String,
    /// External ids.
    pub rows: Vec<String>,
}

/// Many, of which some are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Few {
    /// How many.
    pub count: u64,
    /// Some of them.
    pub shown: Vec<String>,
}

impl Few {
    /// One more.
    pub fn add(&mut self, name: &str) {
        self.count += 1;
        if self.shown.len() < SAMPLE_MAX {
            self.shown.push(name.to_owned());
        }
    }
}

/// The plan of an entity's adoption.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Of what it would do: the same for the same pairs and groups.
    pub digest: String,
    /// When it was made, microseconds since 1970.
    pub made_at_us: i64,
    /// The landing commit that the rows stand at.
    pub commit: u64,
    /// Records without an external id.
    pub records: u64,
    /// Rows that are there.
    pub rows: u64,
    /// One to one, and what was picked.
    pub matched: Vec<Pair>,
    /// To be decided by a person.
    pub ambiguous: Vec<Ambiguous>,
    /// Doubles of records that are ours already.
    pub twins: Vec<Twin>,
    /// Records that meet no row.
    pub strangers: Few,
    /// Rows that have no record, and meet none.
    pub newcomers: Few,
}

/// What was read, as far as it matters to a plan.
pub(super) struct Read<'a> {
    pub(super) matching: Matching,
    /// Rows that may meet a record, by external id.
    pub(super) keys: &'a BTreeMap<String, Key>,
    /// Rows that have a record of their own.
    pub(super) owned: &'a BTreeSet<String>,
    /// Records without an external id.
    pub(super) records: &'a BTreeSet<String>,
    /// Those of the rows that would be delivered, and never were.
    pub(super) undelivered: &'a BTreeSet<String>,
    pub(super) picks: &'a BTreeMap<String, Pick>,
}

impl Plan {
    /// Classifies what was read. Counts that are known earlier are in `base`.
    ///
    /// # Errors
    /// Where the key of the digest is not to be had.
    pub(super) fn of(base: Self, read: Read<'_>, sealer: &dyn Sealer) -> Result<Self> {
        let mut plan = base;
        // A record that two rows were given is nobody's. What was said of a row that is gone, or has another key now, is past.
        let mut given: BTreeMap<&str, u32> = BTreeMap::new();
        for (row, pick) in read.picks {
            if let (Pick::Record(record), true) = (pick, read.keys.contains_key(row)) {
                *given.entry(record).or_default() += 1;
            }
        }
        let mut taken: BTreeSet<&str> = BTreeSet::new();
        for (row, pick) in read.picks {
            let (Pick::Record(record), Some(key)) = (pick, read.keys.get(row)) else { continue };
            let free = read.records.contains(record) && !read.owned.contains(row);
            if free && given.get(record.as_str()) == Some(&1) {
                taken.insert(record);
                let (key, record) = (key.clone(), record.clone());
                plan.matched.push(Pair { key, record, picked: true });
            }
        }
        for met in read.matching.met.iter().cloned() {
            plan.group(met, &read, &taken);
        }
        for record in read.matching.records.iter().filter(|it| !taken.contains(it.as_str())) {
            plan.strangers.add(record);
        }
        plan.matched.sort_by_cached_key(|pair| external_id_of(&pair.key));
        let mut settled: BTreeSet<String> = read.owned.clone();
        settled.extend(plan.matched.iter().map(|pair| external_id_of(&pair.key)));
        settled.extend(plan.ambiguous.iter().flat_map(|group| group.rows.iter().cloned()));
        for row in read.undelivered.difference(&settled) {
            plan.newcomers.add(row);
        }
        plan.twins.sort_by(|a, b| a.record.cmp(&b.record));
        plan.digest = plan.digested(sealer)?;
        Ok(plan)
    }

    fn group(&mut self, met: Met, read: &Read<'_>, taken: &BTreeSet<&str>) {
        let decided = |row: &String| match read.picks.get(row) {
            Some(Pick::New) => true,
            Some(Pick::Record(record)) => taken.contains(record.as_str()),
            None => false,
        };
        let all = met.rows.clone();
        let rows: Vec<String> = met.rows.into_iter().filter(|row| !decided(row)).collect();
        let records: Vec<String> =
            met.records.into_iter().filter(|it| !taken.contains(it.as_str())).collect();
        if records.is_empty() {
            return;
        }
        let owned = |row: &String| read.owned.contains(row);
        if rows.iter().all(owned) {
            // What is left over beside a row that has its record, or gets it, or is said to be somebody else.
            let twins = records.into_iter().map(|record| Twin { record, rows: all.clone() });
            self.twins.extend(twins);
            return;
        }
        match (rows.as_slice(), records.as_slice()) {
            ([row], [record]) => {
                if let Some(key) = read.keys.get(row) {
                    let (key, record) = (key.clone(), record.clone());
                    self.matched.push(Pair { key, record, picked: false });
                }
            }
            _ => self.ambiguous.push(Ambiguous { rows, records }),
        }
    }

    pub(super) fn digested(&self, sealer: &dyn Sealer) -> Result<String> {
        let pairs: Vec<_> =
            self.matched.iter().map(|pair| (external_id_of(&pair.key), &pair.record)).collect();
        let text = serde_json::to_vec(&(&pairs, &self.ambiguous)).map_err(|error| {
            let what = format!("a plan does not serialize ({:?})", error.classify());
            RuntimeError::new(ErrorKind::Bug, "adoption", what, "Please report it.")
        })?;
        let mut digest = hex::encode(sealer.digest(&text)?);
        digest.truncate(DIGEST_CHARS);
        Ok(digest)
    }

    /// Whether anybody would have to look at it: some record may be one of ours, or none is although there are some.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The group that a row stands in, where a person has to decide.
    pub(super) fn group_of(&self, row: &str) -> Option<&Ambiguous> {
        self.ambiguous.iter().find(|group| group.rows.iter().any(|it| it == row))
    }

    /// The plan as it is shown: its longest lists are cut, its counts are not.
    pub fn shown(&self) -> Shown {
        let pair = |pair: &Pair| ShownPair {
            row: external_id_of(&pair.key),
            record: pair.record.clone(),
            picked: pair.picked,
        };
        Shown {
            plan: self.digest.clone(),
            made_at_us: self.made_at_us,
            landing_commit: self.commit,
            org_records: self.records,
            rows: self.rows,
            matched: self.matched.len() as u64,
            ambiguous: self.ambiguous.len() as u64,
            twins: self.twins.len() as u64,
            unmatched_in_org: self.strangers.clone(),
            unmatched_in_ours: self.newcomers.clone(),
            matched_pairs: self.matched.iter().take(LINES_MAX).map(pair).collect(),
            ambiguous_groups: self.ambiguous.iter().take(LINES_MAX).cloned().collect(),
            twin_records: self.twins.iter().take(LINES_MAX).cloned().collect(),
        }
    }
}

/// A plan as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Its digest: what `apply` names.
    pub plan: String,
    /// When it was made, microseconds since 1970.
    pub made_at_us: i64,
    /// The landing commit that our rows stand at.
    pub landing_commit: u64,
    /// Records without an external id.
    pub org_records: u64,
    /// Rows of ours that are there.
    pub rows: u64,
    /// Pairs.
    pub matched: u64,
    /// Groups.
    pub ambiguous: u64,
    /// Records.
    pub twins: u64,
    /// Records that meet no row.
    pub unmatched_in_org: Few,
    /// Rows that have no record, and meet none.
    pub unmatched_in_ours: Few,
    /// At most [`LINES_MAX`].
    pub matched_pairs: Vec<ShownPair>,
    /// At most [`LINES_MAX`].
    pub ambiguous_groups: Vec<Ambiguous>,
    /// At most [`LINES_MAX`].
    pub twin_records: Vec<Twin>,
}

/// A pair as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownPair {
    /// External id.
    pub row: String,
    /// `001…`
    pub record: String,
    /// Whether a person has said so.
    pub picked: bool,
}
