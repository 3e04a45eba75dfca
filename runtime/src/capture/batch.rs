//! What is accepted but not yet durable, and the bounds of it.

use std::collections::BTreeMap;
use std::time::Duration;

use covenant_model::change::Change;
use covenant_model::floor::Floor;

use super::derive::Derived;
use super::stats::CaptureStats;
use crate::landing::{AcceptedGap, DataFile, Quarantined, Resolution};

/// Changes and refused records at which a batch is landed.
pub const BATCH_ROWS: usize = 20_000;
/// Bytes of source records at which a batch is landed: 32 MiB.
pub const BATCH_BYTES: usize = 32 << 20;
/// How long a batch waits for more.
pub const BATCH_LINGER: Duration = Duration::from_millis(200);
/// How long positions may move without anything to land before they are landed alone.
pub const IDLE_COMMIT: Duration = Duration::from_secs(10);

/// Number of a batch of this lane, from 1. A batch is durable once a commit with its number or a later one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchSeq(pub u64);

/// When a batch is landed. What the source delivers as one is never split, so one batch may exceed these by one transaction, or
/// by one part of a transaction that is too large to be held whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Changes and refused records.
    pub rows: usize,
    /// Bytes of source records.
    pub bytes: usize,
    /// Age of the oldest record.
    pub linger: Duration,
    /// Age of positions that moved alone.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: BATCH_ROWS, bytes: BATCH_BYTES, linger: BATCH_LINGER, idle: IDLE_COMMIT }
    }
}

/// The open batch.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) seq: BatchSeq,
    /// Entity index -> changes, in order of acceptance.
    pub(super) changes: BTreeMap<usize, Vec<Change>>,
    pub(super) quarantined: Vec<Quarantined>,
    pub(super) resolutions: Vec<Resolution>,
    pub(super) gaps: Vec<AcceptedGap>,
    pub(super) floors: Vec<Floor>,
    /// Data files of earlier commits that are landed once more.
    pub(super) files_again: Vec<DataFile>,
    /// Entity index -> landed changes that were derived again.
    pub(super) changes_again: BTreeMap<usize, Vec<Change>>,
    pub(super) stats: CaptureStats,
    pub(super) rows: usize,
    pub(super) bytes: usize,
    /// When its first record was accepted, by the lane's clock.
    pub(super) opened_at_us: Option<i64>,
    /// When a position moved first.
    pub(super) moved_at_us: Option<i64>,
}

impl Batch {
    pub(super) fn new(seq: BatchSeq) -> Self {
        Self { seq, ..Self::default() }
    }

    /// Takes in what one source record gave.
    pub(super) fn add(&mut self, derived: Derived, names: &dyn Fn(usize) -> String, now_us: i64) {
        self.rows += derived.changes.len() + derived.quarantined.len() + derived.floors.len();
        self.stats.ignored += derived.ignored;
        for (entity, change) in derived.changes {
            self.stats.change(&names(entity), &change.source, change.committed_at_us);
            self.changes.entry(entity).or_default().push(change);
        }
        for record in derived.quarantined {
            self.stats.refused(&record);
            self.quarantined.push(record);
        }
        for floor in derived.floors {
            self.stats.truncated(&floor);
            self.floors.push(floor);
        }
        if self.rows > 0 {
            self.opened_at_us.get_or_insert(now_us);
        }
    }

    pub(super) fn resolve(&mut self, resolution: Resolution, now_us: i64) {
        self.resolutions.push(resolution);
        self.opened_at_us.get_or_insert(now_us);
    }

    pub(super) fn accept_gap(&mut self, gap: AcceptedGap, now_us: i64) {
        self.gaps.push(gap);
        self.opened_at_us.get_or_insert(now_us);
    }

    /// Takes in landed changes once more. They are none of what sources delivered, so no counter knows them.
    pub(super) fn add_again(
        &mut self,
        files: &[DataFile],
        floors: Vec<Floor>,
        changes: Vec<(usize, Change)>,
        now_us: i64,
    ) {
        self.rows += changes.len() + floors.len();
        self.floors.extend(floors);
        self.files_again.extend_from_slice(files);
        for (entity, change) in changes {
            self.changes_again.entry(entity).or_default().push(change);
        }
        self.opened_at_us.get_or_insert(now_us);
    }

    /// Nothing to land but perhaps positions.
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
            && self.resolutions.is_empty()
            && self.gaps.is_empty()
            && self.files_again.is_empty()
    }

    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        self.rows >= limits.rows || self.bytes >= limits.bytes
    }

    /// When it must be landed, by the lane's clock; none: nothing in it.
    pub(super) fn due_at_us(&self, limits: &Limits) -> Option<i64> {
        if self.is_full(limits) {
            return Some(i64::MIN);
        }
        let after = |at: Option<i64>, wait: Duration| {
            let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
            at.map(|at| at.saturating_add(wait))
        };
        let due = [after(self.opened_at_us, limits.linger), after(self.moved_at_us, limits.idle)];
        due.into_iter().flatten().min()
    }
}
