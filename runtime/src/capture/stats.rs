//! Counters of what has become durable: what metrics and the status page read.

use std::collections::BTreeMap;

use covenant_model::floor::Floor;

use crate::landing::Quarantined;

/// Counters since the lane was opened. Only what a committed manifest holds is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureStats {
    /// (entity, source) -> changes.
    pub changes: BTreeMap<(String, String), u64>,
    /// (entity, rule) -> broken rules of quarantined records.
    pub broken_rules: BTreeMap<(String, String), u64>,
    /// Entity -> quarantined records.
    pub quarantined: BTreeMap<String, u64>,
    /// (entity, source) -> latest commit time of a change, microseconds since 1970 by the source's clock.
    pub last_committed_at_us: BTreeMap<(String, String), i64>,
    /// Events that were dropped because the very same bytes had come before.
    pub duplicates: u64,
    /// Records that say nothing that the contract keeps (a table nobody listens to, a deletion that its source does not own).
    pub ignored: u64,
    /// Key changes that the contract rejects, and truncations: each wants a human.
    pub alarms: u64,
    /// Entity -> TRUNCATEs of the table that owns its keys.
    pub truncations: BTreeMap<String, u64>,
    /// Landing commits.
    pub commits: u64,
}

impl CaptureStats {
    pub(super) fn change(&mut self, entity: &str, source: &str, committed_at_us: i64) {
        let key = (entity.to_owned(), source.to_owned());
        *self.changes.entry(key.clone()).or_default() += 1;
        let last = self.last_committed_at_us.entry(key).or_insert(committed_at_us);
        *last = (*last).max(committed_at_us);
    }

    pub(super) fn refused(&mut self, record: &Quarantined) {
        *self.quarantined.entry(record.entity.clone()).or_default() += 1;
        for reason in &record.reasons {
            let key = (record.entity.clone(), reason.rule.clone());
            *self.broken_rules.entry(key).or_default() += 1;
            self.alarms += u64::from(super::derive::ALARMS.contains(&reason.rule.as_str()));
        }
    }

    pub(super) fn truncated(&mut self, floor: &Floor) {
        *self.truncations.entry(floor.entity.clone()).or_default() += 1;
        self.alarms += 1;
    }

    /// Adds what a batch counted, once it is durable.
    pub(super) fn add(&mut self, other: &Self) {
        let sum = |to: &mut u64, from: &u64| *to += from;
        for (key, count) in &other.changes {
            sum(self.changes.entry(key.clone()).or_default(), count);
        }
        for (key, count) in &other.broken_rules {
            sum(self.broken_rules.entry(key.clone()).or_default(), count);
        }
        for (key, count) in &other.quarantined {
            sum(self.quarantined.entry(key.clone()).or_default(), count);
        }
        for (key, at) in &other.last_committed_at_us {
            let last = self.last_committed_at_us.entry(key.clone()).or_insert(*at);
            *last = (*last).max(*at);
        }
        for (key, count) in &other.truncations {
            sum(self.truncations.entry(key.clone()).or_default(), count);
        }
        self.duplicates += other.duplicates;
        self.ignored += other.ignored;
        self.alarms += other.alarms;
        self.commits += 1;
    }
}
