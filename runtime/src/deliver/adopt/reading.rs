//! Reads both sides of an adoption, a bounded piece a step: records without an external id, then our rows, then which of those
//! have a record already. What is kept are names and keyed digests, and of our rows only those that share a value with a record.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use covenant_model::change::Key;

use super::matching::{Candidate, matching};
use super::plan::{Few, Pick, Plan, Read};
use super::rules::Rules;
use crate::crm::{Having, MAX_ROWS_PER_CALL, PAGE_ROWS, external_id_of};
use crate::deliver::DeliverLane;
use crate::deliver::record::{Mapping, Revealed};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::CommitNumber;
use crate::ledger::Digest;

/// Rows of the ledger that one step reads.
const ROWS_PER_READ: usize = 5_000;
/// Most records without an external id: about half a gigabyte of names and digests.
const RECORDS_MAX: usize = 2_000_000;

/// Where a reading is.
#[derive(Debug)]
enum Stage {
    /// Records of the org, behind this id.
    Records(Option<String>),
    /// Rows of the ledger, behind this key.
    Rows(Option<Key>),
    /// Whether rows that share a value have a record already: from this one on.
    Owners(usize),
}

/// A reading under way, or done.
#[derive(Debug)]
pub(super) struct Reading {
    stage: Stage,
    records: Vec<Candidate>,
    digests: HashSet<Digest>,
    rows: Vec<Candidate>,
    keys: BTreeMap<String, Key>,
    /// External ids under which a row's record may stand, and the row's own.
    asked: Vec<(String, String)>,
    owned: BTreeSet<String>,
    undelivered: BTreeSet<String>,
    /// Rows that are there.
    there: u64,
    newcomers: Few,
    commit: CommitNumber,
}

impl Reading {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Records(None),
            records: Vec::new(),
            digests: HashSet::new(),
            rows: Vec::new(),
            keys: BTreeMap::new(),
            asked: Vec::new(),
            owned: BTreeSet::new(),
            undelivered: BTreeSet::new(),
            there: 0,
            newcomers: Few::default(),
            commit: CommitNumber(0),
        }
    }

    pub(super) fn doing(&self) -> String {
        match self.stage {
            Stage::Records(_) => format!("{} records read", self.records.len()),
            Stage::Rows(_) => {
                format!("{} records and {} rows read", self.records.len(), self.there)
            }
            Stage::Owners(at) => format!("{at} of {} rows looked up", self.asked.len()),
        }
    }

    /// The key of a row that may meet a record.
    pub(super) fn key_of(&self, row: &str) -> Option<&Key> {
        self.keys.get(row)
    }

    /// Whether a row shares a value with a record that was read.
    pub(super) fn may_meet(&self, row: &Candidate) -> bool {
        row.digests.iter().flatten().any(|digest| self.digests.contains(digest))
    }

    /// The plan that follows from what was read.
    pub(super) fn plan(
        &self,
        rules: &Rules,
        picks: &BTreeMap<String, Pick>,
        now_us: i64,
        sealer: &dyn crate::ledger::Sealer,
    ) -> Result<Plan> {
        let records = self.records.iter().map(|record| record.name.clone()).collect();
        let base = Plan {
            made_at_us: now_us,
            commit: self.commit.0,
            records: self.records.len() as u64,
            rows: self.there,
            newcomers: self.newcomers.clone(),
            ..Plan::default()
        };
        let read = Read {
            matching: matching(&self.rows, &self.records, rules.len()),
            keys: &self.keys,
            owned: &self.owned,
            records: &records,
            undelivered: &self.undelivered,
            picks,
        };
        Plan::of(base, read, sealer)
    }
}

impl DeliverLane {
    /// Reads the next piece; true: everything is read.
    pub(super) async fn read(
        &mut self,
        mapping: &Mapping,
        rules: &Rules,
        picks: &BTreeMap<String, Pick>,
        reading: &mut Reading,
    ) -> Result<bool> {
        match &reading.stage {
            Stage::Records(after) => {
                let after = after.clone();
                self.read_records(mapping, rules, after, reading).await?;
            }
            Stage::Rows(after) => {
                let after = after.clone();
                self.read_rows(mapping, rules, picks, after, reading)?;
            }
            Stage::Owners(at) => {
                let at = *at;
                return self.read_owners(mapping, at, reading).await;
            }
        }
        Ok(false)
    }

    async fn read_records(
        &mut self,
        mapping: &Mapping,
        rules: &Rules,
        after: Option<String>,
        reading: &mut Reading,
    ) -> Result<()> {
        self.spend()?;
        let having = Having::No(&mapping.object.external_id_field);
        let object = &mapping.object.name;
        let page = self.parts.crm.page(object, &rules.targets(), having, after.as_deref()).await?;
        for record in &page {
            let candidate = rules.record(record, self.parts.sealer.as_ref())?;
            reading.digests.extend(candidate.digests.iter().flatten());
            reading.records.push(candidate);
        }
        if reading.records.len() > RECORDS_MAX {
            return Err(RuntimeError::new(
                ErrorKind::Rejected,
                "adoption",
                format!("{object} has more than {RECORDS_MAX} records without an external id"),
                "Fill the external id of records that are known to be ours by a data load, or delete those that nobody \
                 needs, and plan again",
            ));
        }
        let last = page.last().filter(|_| page.len() >= PAGE_ROWS);
        reading.stage = match last {
            Some(last) => Stage::Records(Some(last.id.clone())),
            None => Stage::Rows(None),
        };
        Ok(())
    }

    fn read_rows(
        &mut self,
        mapping: &Mapping,
        rules: &Rules,
        picks: &BTreeMap<String, Pick>,
        after: Option<Key>,
        reading: &mut Reading,
    ) -> Result<()> {
        if after.is_none() {
            reading.commit = self.parts.ledger.folded()?;
        }
        let now_us = self.parts.env.clock.now_us();
        let rows = self.parts.ledger.scan(&mapping.entity, after.as_ref(), ROWS_PER_READ)?;
        if !rules.revealed.is_empty() && !rows.is_empty() {
            self.parts.reveal.audit(&Revealed {
                purpose: &mapping.purpose,
                entity: &mapping.entity,
                object: &format!("adoption of {}", mapping.object.name),
                fields: &rules.revealed,
                rows: rows.len(),
            });
        }
        for row in &rows {
            if !row.state.alive() || row.state.incomplete() {
                continue;
            }
            reading.there += 1;
            let left = mapping.ages_out_at_us(&row.key, &row.state).is_some_and(|us| us < now_us);
            let undelivered = !row.sent && !left;
            let reveal = self.parts.reveal.as_ref();
            let candidate = rules.row(&row.key, &row.state, reveal, self.parts.sealer.as_ref())?;
            let shared = reading.may_meet(&candidate);
            let name = external_id_of(&row.key);
            if !shared && !picks.contains_key(&name) {
                if undelivered {
                    reading.newcomers.add(&name);
                }
                continue;
            }
            if undelivered {
                reading.undelivered.insert(name.clone());
            }
            let known_as = row.delivered_as.iter().chain([&row.key]).map(external_id_of);
            reading.asked.extend(known_as.map(|known| (known, name.clone())));
            reading.keys.insert(name, row.key.clone());
            reading.rows.push(candidate);
        }
        let last = rows.last().filter(|_| rows.len() >= ROWS_PER_READ);
        reading.stage = match last {
            Some(last) => Stage::Rows(Some(last.key.clone())),
            None => Stage::Owners(0),
        };
        Ok(())
    }

    async fn read_owners(
        &mut self,
        mapping: &Mapping,
        at: usize,
        reading: &mut Reading,
    ) -> Result<bool> {
        let rest = reading.asked.get(at..).unwrap_or_default();
        let asked: Vec<(String, String)> = rest.iter().take(MAX_ROWS_PER_CALL).cloned().collect();
        if asked.is_empty() {
            return Ok(true);
        }
        let ids: Vec<String> = asked.iter().map(|(known, _)| known.clone()).collect();
        let found = self.find(mapping, &ids).await?;
        let owners = asked.iter().filter(|(known, _)| found.contains_key(known));
        reading.owned.extend(owners.map(|(_, row)| row.clone()));
        reading.stage = Stage::Owners(at + asked.len());
        Ok(at + asked.len() >= reading.asked.len())
    }
}
