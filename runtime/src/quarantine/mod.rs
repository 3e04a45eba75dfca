//! Quarantine: what was refused, why, and what became of it.
//!
//! Records stand in landing commits (durable with everything else of their batch), payloads encrypted. **What became of them
//! stands there too**: a retry or a discard is a [`Resolution`] in the commit that carries its effect, so that a record is
//! never both settled and lost, and no second store has to agree with landing. Since landing has one writer, retries and
//! discards go through the capture lane.
//!
//! A retried record is derived again by today's validators **with the version that it had**. Whatever has become of the row
//! in the meantime, the join puts it where it belongs.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use covenant_model::record::Violation;

use crate::capture::derive::Deriver;
use crate::capture::{BatchSeq, CaptureLane};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::keys::audit::{Audit, AuditEntry};
use crate::landing::{CommitNumber, Landing, QuarantineFile, Quarantined, Resolution};

/// Most records in one listing.
pub const LIST_MAX: usize = 1_000;

/// A quarantined record, without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Unique and stable.
    pub id: String,
    /// Entity name.
    pub entity: String,
    /// Source name.
    pub source: String,
    /// Text of the key where it could be read.
    pub key: Option<String>,
    /// Position in the source, as text.
    pub position: String,
    /// When the source committed it, microseconds since 1970.
    pub committed_at_us: i64,
    /// Every rule it breaks.
    pub reasons: Vec<Violation>,
    /// The landing commit that holds it.
    pub commit: CommitNumber,
    /// What became of it; none: it waits.
    pub resolution: Option<Resolution>,
    file: Arc<QuarantineFile>,
}

/// Which records are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this entity.
    pub entity: Option<String>,
    /// Breaking this rule.
    pub rule: Option<String>,
    /// Also those that are settled.
    pub settled: bool,
    /// At most these many, and never more than [`LIST_MAX`].
    pub limit: Option<usize>,
}

/// What a retry came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// Its changes are in this batch, and it is settled once that is durable.
    Accepted(BatchSeq),
    /// It is still refused, for these reasons, and stays where it is.
    StillRefused(Vec<Violation>),
}

/// All quarantined records of a landing, read commit by commit. Payloads are not kept in memory.
pub struct Quarantine {
    landing: Arc<dyn Landing>,
    next: CommitNumber,
    entries: BTreeMap<String, Entry>,
}

impl Quarantine {
    /// Nothing read yet.
    pub fn new(landing: Arc<dyn Landing>) -> Self {
        Self { landing, next: CommitNumber(1), entries: BTreeMap::new() }
    }

    /// Reads the commits that are new since the last call.
    ///
    /// # Errors
    /// Those of the landing; what was read until then is kept.
    pub async fn refresh(&mut self) -> Result<()> {
        while let Some(commit) = self.landing.commit_at(self.next).await? {
            if let Some(file) = &commit.quarantine {
                let records = self.landing.quarantined(file).await?;
                let file = Arc::new(file.clone());
                for record in records {
                    // A record that is captured again keeps its id, and what became of it.
                    let entry = || entry(record.clone(), commit.number, file.clone());
                    self.entries.entry(record.id.clone()).or_insert_with(entry);
                }
            }
            for resolution in &commit.resolutions {
                if let Some(entry) = self.entries.get_mut(&resolution.id) {
                    entry.resolution = Some(resolution.clone());
                }
            }
            self.next = self.next.next();
        }
        Ok(())
    }

    /// The last commit that is known.
    pub fn read_to(&self) -> CommitNumber {
        CommitNumber(self.next.0.saturating_sub(1))
    }

    /// Records that the filter lets through, oldest commit first.
    pub fn list(&self, filter: &Filter) -> Vec<&Entry> {
        let mut found: Vec<_> =
            self.entries.values().filter(|entry| matches(entry, filter)).collect();
        found.sort_by_key(|entry| (entry.commit, &entry.id));
        found.truncate(filter.limit.unwrap_or(LIST_MAX).min(LIST_MAX));
        found
    }

    /// Entity -> records that wait.
    pub fn waiting(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for entry in self.entries.values().filter(|entry| entry.resolution.is_none()) {
            *counts.entry(entry.entity.clone()).or_insert(0) += 1;
        }
        counts
    }

    /// Texts of the keys of an entity's records that wait: all of them, unlike a listing.
    pub fn keys_waiting(&self, entity: &str) -> std::collections::BTreeSet<String> {
        let waits = |entry: &&Entry| entry.entity == entity && entry.resolution.is_none();
        self.entries.values().filter(waits).filter_map(|entry| entry.key.clone()).collect()
    }

    /// One record, with every reason and without its payload.
    ///
    /// # Errors
    /// `Rejected` where there is none of that id.
    pub fn show(&self, id: &str) -> Result<&Entry> {
        self.entries.get(id).ok_or_else(|| {
            rejected(format!("there is no record {id}"), "See `covenant-runtime quarantine list`.")
        })
    }

    /// The plaintext of a record, as JSON, for a declared purpose. Audited before it is decrypted.
    ///
    /// # Errors
    /// Those of the audit, the landing and the keys.
    pub async fn reveal(
        &self,
        id: &str,
        deriver: &Deriver,
        audit: &dyn Audit,
        who: &str,
        purpose: &str,
    ) -> Result<Vec<u8>> {
        let record = self.whole(id).await?;
        let key = record.key.as_deref().unwrap_or(&record.id);
        let parts = [record.entity.as_bytes(), key.as_bytes()];
        audit.record(&[AuditEntry {
            who: who.to_owned(),
            purpose: purpose.to_owned(),
            entity: record.entity.clone(),
            fields: vec!["*".to_owned()],
            key_digest: Some(deriver.protector().digest(&parts)),
            target: None,
            count: 1,
        }])?;
        let raw = deriver.raw_of(&record)?;
        serde_json::to_vec(&raw).map_err(|_| {
            let what = format!("record {id} cannot be shown as JSON");
            RuntimeError::new(ErrorKind::Bug, "quarantine", what, "Please report it.")
        })
    }

    /// Derives a record again and hands its changes to the lane.
    ///
    /// # Errors
    /// `Rejected` where it is settled already or its contract is gone; those of the landing and the keys.
    pub async fn retry(
        &self,
        id: &str,
        lane: &mut CaptureLane,
        who: &str,
        why: &str,
    ) -> Result<Retried> {
        self.waits(id)?;
        let record = self.whole(id).await?;
        Ok(match lane.accept_retry(&record, who, why)? {
            Ok(batch) => Retried::Accepted(batch),
            Err(reasons) => Retried::StillRefused(reasons),
        })
    }

    /// Gives a record up; its payload stays in landing until that is cleaned up.
    ///
    /// # Errors
    /// `Rejected` where it is settled already; those of the landing.
    pub async fn discard(
        &self,
        id: &str,
        lane: &mut CaptureLane,
        who: &str,
        why: &str,
    ) -> Result<BatchSeq> {
        self.waits(id)?;
        let record = self.whole(id).await?;
        Ok(lane.accept_discard(&record, who, why))
    }

    fn waits(&self, id: &str) -> Result<()> {
        match &self.show(id)?.resolution {
            None => Ok(()),
            Some(resolution) => Err(rejected(
                format!("record {id} was settled by {} ({:?})", resolution.who, resolution.how),
                "Nothing is left to do.",
            )),
        }
    }

    /// The record with its payload, out of landing.
    async fn whole(&self, id: &str) -> Result<Quarantined> {
        let entry = self.show(id)?;
        let records = self.landing.quarantined(&entry.file).await?;
        records.into_iter().find(|record| record.id == id).ok_or_else(|| {
            RuntimeError::new(
                ErrorKind::Corrupt,
                "quarantine",
                format!("record {id} is not in {} any more", entry.file.path),
                "Restore the file from a backup of the landing.",
            )
        })
    }
}

fn entry(record: Quarantined, commit: CommitNumber, file: Arc<QuarantineFile>) -> Entry {
    Entry {
        id: record.id,
        entity: record.entity,
        source: record.source,
        key: record.key,
        position: record.position,
        committed_at_us: record.committed_at_us,
        reasons: record.reasons,
        commit,
        resolution: None,
        file,
    }
}

fn matches(entry: &Entry, filter: &Filter) -> bool {
    let entity = filter.entity.as_ref().is_none_or(|entity| *entity == entry.entity);
    let breaks = |rule: &String| entry.reasons.iter().any(|reason| reason.rule == *rule);
    let rule = filter.rule.as_ref().is_none_or(breaks);
    entity && rule && (filter.settled || entry.resolution.is_none())
}

fn rejected(what: String, advice: &str) -> RuntimeError {
    RuntimeError::new(ErrorKind::Rejected, "quarantine", what, advice)
}
