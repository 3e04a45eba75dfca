//! Bound versions: at which position of the log a table read may stand.
//!
//! # The problem
//!
//! A commit first writes its record into the log, then becomes visible. In between, which can last long (a synchronous
//! standby that does not answer), the stream may already have delivered the change while a snapshot still shows the row
//! without it. A reader that stamps rows with the log position at which it read puts the old row **above** the change, and
//! the change is lost for good. The reverse stamp (a position from long ago) is safe but repairs nothing.
//!
//! # The rule
//!
//! A chunk is read in one snapshot; `read_at`, the end of the log, is taken after the snapshot. The chunk waits until the
//! stream has passed `read_at`. Then its rows stand at
//!
//! `bound = min(read_at, min { commit(T) - 1 : T was streamed and the snapshot does not see T })`
//!
//! # Why every change that the snapshot did not see stands above the bound
//!
//! Let `T` be unseen, `commit(T)` the start of its commit record.
//! 1. `commit(T) >= read_at`: a read at `L` has ordinal 0, a change at `L` has one from 1, so `read(bound) < streamed(T)`.
//! 2. `commit(T) < read_at`, and this tracker has observed `T`: `bound <= commit(T) - 1` by the rule.
//! 3. `commit(T) < read_at`, and it has not: the stream has passed `read_at` and delivers in commit order, so `T` was
//!    delivered before the tracker began to listen (or never, where its commit lies before the slot's first position), or
//!    was evicted. `T` had its id by then. The tracker began with a snapshot that took a **fresh id** `h`, so
//!    `id(T) < h`: without a fresh id this fails, for `xmax` of a snapshot is the latest *finished* id plus one, and a
//!    transaction above it may already have its commit record. `h` is finished when the chunk is read, so
//!    the chunk's `xmax > h > id(T)`, and `T`, being unseen, stands in its list of ids in progress. Such a chunk is a
//!    [`Decision::Hazard`]: it is read again until `T` has become visible or has been streamed.
//!
//! # Why nothing that the snapshot saw is lost
//!
//! A seen change below the bound is in the row. A seen change above it (its commit record precedes `read_at`, but some unseen
//! one precedes it) was streamed as well, with its own higher version. `read_at` is the *insert* position, so that every
//! seen commit lies before it; the server streams only what is flushed, so once the stream has passed `read_at` no crash can
//! take back what the chunk shows, not even under `synchronous_commit = off`.
//!
//! Lower is always safe: everything uncertain (evictions, a chunk older than the tracker) makes a hazard, never a
//! higher bound.

use std::collections::{BTreeSet, VecDeque};

use covenant_model::version::Lsn;

use crate::source::Snapshot;

/// Streamed transactions that are remembered until a released chunk has seen them. 16 bytes each: 1 MiB.
pub const REMEMBERED_TRANSACTIONS: usize = 65_536;

/// What is known about a chunk's place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The stream has not passed the read yet: keep the chunk and ask again.
    NotYet,
    /// A transaction that the chunk does not show may have been streamed before the tracker listened: drop the chunk, read
    /// it again later.
    Hazard,
    /// Every change that the chunk does not show stands above this position.
    Bound(Lsn),
}

#[derive(Clone, Copy, Debug)]
struct Streamed {
    xid: u64,
    commit: Lsn,
}

/// Remembers what was streamed, and decides where chunks stand. Pure.
#[derive(Clone, Debug)]
pub struct BoundTracker {
    capacity: usize,
    streamed: VecDeque<Streamed>,
    passed: Lsn,
    /// Transactions with ids from here on are in `streamed` if they were streamed and no released chunk has seen them. None:
    /// the tracker does not listen.
    horizon: Option<u64>,
    /// The highest id known, to widen 32-bit ids.
    latest: u64,
}

impl Default for BoundTracker {
    fn default() -> Self {
        Self::with_capacity(REMEMBERED_TRANSACTIONS)
    }
}

impl BoundTracker {
    /// Remembers at most `capacity` transactions.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            streamed: VecDeque::new(),
            passed: Lsn(0),
            horizon: None,
            latest: 0,
        }
    }

    /// Begins to listen. `fresh` must have taken an id of its own for `xmax` (see
    /// [`crate::source::TableReader::snapshot`]), while the stream was open.
    pub fn listen(&mut self, fresh: &Snapshot) {
        self.streamed.clear();
        self.horizon = Some(fresh.xmax);
        self.latest = self.latest.max(fresh.xmax);
    }

    /// Stops listening: nothing is remembered until [`BoundTracker::listen`].
    pub fn rest(&mut self) {
        self.streamed.clear();
        self.horizon = None;
    }

    /// Whether it listens.
    pub fn listens(&self) -> bool {
        self.horizon.is_some()
    }

    /// The stream has delivered a transaction whose commit record starts at `commit`. Repeats are harmless.
    pub fn observe(&mut self, xid: u32, commit: Lsn) {
        let Some(horizon) = self.horizon else { return };
        let xid = widen(xid, self.latest);
        self.latest = self.latest.max(xid);
        if self.streamed.len() >= self.capacity
            && let Some(evicted) = self.streamed.pop_front()
        {
            self.horizon = Some(horizon.max(evicted.xid.saturating_add(1)));
        }
        self.streamed.push_back(Streamed { xid, commit });
    }

    /// The stream has delivered everything that commits before `lsn`.
    pub fn passed(&mut self, lsn: Lsn) {
        self.passed = self.passed.max(lsn);
    }

    /// How far the stream is known to be.
    pub fn position(&self) -> Lsn {
        self.passed
    }

    /// Where a chunk stands that was read in `snapshot`, `read_at` being the end of the log after it.
    pub fn decide(&self, snapshot: &Snapshot, read_at: Lsn) -> Decision {
        let Some(horizon) = self.horizon else { return Decision::Hazard };
        if self.passed < read_at {
            return Decision::NotYet;
        }
        if snapshot.xmax < horizon {
            return Decision::Hazard;
        }
        let sight = Sight::of(snapshot);
        let mut bound = read_at;
        let mut accounted = BTreeSet::new();
        for streamed in &self.streamed {
            if !sight.sees(streamed.xid) {
                bound = bound.min(Lsn(streamed.commit.0.saturating_sub(1)));
                accounted.insert(streamed.xid);
            }
        }
        let doubtful = |xid: &&u64| **xid < horizon && !accounted.contains(*xid);
        if sight.in_progress.iter().any(|xid| doubtful(&xid)) {
            return Decision::Hazard;
        }
        Decision::Bound(bound)
    }

    /// Forgets what `snapshot` sees: later snapshots see it as well. Chunks must be released in the order of their reads.
    pub fn released(&mut self, snapshot: &Snapshot) {
        let sight = Sight::of(snapshot);
        self.streamed.retain(|streamed| !sight.sees(streamed.xid));
        self.latest = self.latest.max(snapshot.xmax);
    }
}

/// A snapshot with its list in order.
struct Sight {
    xmin: u64,
    xmax: u64,
    in_progress: Vec<u64>,
}

impl Sight {
    fn of(snapshot: &Snapshot) -> Self {
        let mut in_progress = snapshot.in_progress.clone();
        in_progress.sort_unstable();
        Self { xmin: snapshot.xmin, xmax: snapshot.xmax, in_progress }
    }

    fn sees(&self, xid: u64) -> bool {
        xid < self.xmin || (xid < self.xmax && self.in_progress.binary_search(&xid).is_err())
    }
}

/// The 64-bit id that a 32-bit id of the stream stands for: the one nearest to `near`. PostgreSQL itself keeps all ids that
/// can still be streamed within 2^31 of each other (the slot holds back `catalog_xmin`).
fn widen(xid: u32, near: u64) -> u64 {
    let distance = xid.wrapping_sub(near as u32) as i32;
    match near.checked_add_signed(i64::from(distance)) {
        Some(wide) => wide,
        // Below the first epoch: cannot be; taken for a coming id, which counts as unseen.
        None => near.saturating_add(u64::from(distance as u32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(xmin: u64, xmax: u64, in_progress: &[u64]) -> Snapshot {
        Snapshot { xmin, xmax, in_progress: in_progress.to_vec() }
    }

    fn listening(horizon: u64) -> BoundTracker {
        let mut tracker = BoundTracker::default();
        tracker.listen(&snapshot(horizon, horizon, &[]));
        tracker
    }

    #[test]
    fn waits_for_the_stream() {
        let mut tracker = listening(10);
        let seen_all = snapshot(11, 11, &[]);
        tracker.passed(Lsn(99));
        assert_eq!(tracker.decide(&seen_all, Lsn(100)), Decision::NotYet);
        tracker.passed(Lsn(100));
        assert_eq!(tracker.decide(&seen_all, Lsn(100)), Decision::Bound(Lsn(100)));
    }

    #[test]
    fn stands_below_a_streamed_commit_that_the_snapshot_does_not_show() {
        let mut tracker = listening(10);
        tracker.observe(12, Lsn(50));
        tracker.observe(13, Lsn(60));
        tracker.passed(Lsn(100));
        let chunk = snapshot(12, 14, &[12]);
        assert_eq!(tracker.decide(&chunk, Lsn(100)), Decision::Bound(Lsn(49)));
        let later = snapshot(14, 14, &[]);
        assert_eq!(tracker.decide(&later, Lsn(100)), Decision::Bound(Lsn(100)));
    }

    #[test]
    fn an_id_above_xmax_is_unseen() {
        let mut tracker = listening(10);
        tracker.observe(12, Lsn(50));
        tracker.passed(Lsn(100));
        assert_eq!(tracker.decide(&snapshot(12, 12, &[]), Lsn(100)), Decision::Bound(Lsn(49)));
    }

    #[test]
    fn what_ran_before_we_listened_is_a_hazard_until_it_ends_or_is_streamed() {
        let mut tracker = listening(10);
        tracker.passed(Lsn(100));
        let doubtful = snapshot(7, 11, &[7]);
        assert_eq!(tracker.decide(&doubtful, Lsn(100)), Decision::Hazard);
        assert_eq!(tracker.decide(&snapshot(11, 11, &[]), Lsn(100)), Decision::Bound(Lsn(100)));
        tracker.observe(7, Lsn(90));
        assert_eq!(tracker.decide(&doubtful, Lsn(100)), Decision::Bound(Lsn(89)));
    }

    #[test]
    fn a_chunk_older_than_the_tracker_is_a_hazard() {
        let mut tracker = listening(10);
        tracker.passed(Lsn(100));
        assert_eq!(tracker.decide(&snapshot(8, 8, &[]), Lsn(100)), Decision::Hazard);
        tracker.rest();
        assert_eq!(tracker.decide(&snapshot(11, 11, &[]), Lsn(100)), Decision::Hazard);
    }

    #[test]
    fn evictions_make_hazards_never_a_higher_bound() {
        let mut tracker = BoundTracker::with_capacity(2);
        tracker.listen(&snapshot(10, 10, &[]));
        for (xid, commit) in [(11, 20), (12, 30), (13, 40)] {
            tracker.observe(xid, Lsn(commit));
        }
        tracker.passed(Lsn(100));
        // 11 was evicted, and this chunk does not show it
        assert_eq!(tracker.decide(&snapshot(11, 14, &[11]), Lsn(100)), Decision::Hazard);
        assert_eq!(tracker.decide(&snapshot(11, 11, &[]), Lsn(100)), Decision::Hazard);
        assert_eq!(tracker.decide(&snapshot(13, 14, &[13]), Lsn(100)), Decision::Bound(Lsn(39)));
    }

    #[test]
    fn ids_wrap_around() {
        let epoch = 1u64 << 32;
        assert_eq!(widen(5, 3 * epoch - 10), 3 * epoch + 5);
        assert_eq!(widen(u32::MAX - 5, 3 * epoch + 5), 3 * epoch - 6);
        assert_eq!(widen(700, 700), 700);
        assert_eq!(widen(u32::MAX, 3), u64::from(u32::MAX));

        let mut tracker = listening(2 * epoch - 3);
        tracker.observe(4, Lsn(50)); // 2 * epoch + 4
        tracker.passed(Lsn(100));
        let unseen = snapshot(2 * epoch + 4, 2 * epoch + 9, &[2 * epoch + 4]);
        assert_eq!(tracker.decide(&unseen, Lsn(100)), Decision::Bound(Lsn(49)));
        let seen = snapshot(2 * epoch + 5, 2 * epoch + 9, &[]);
        assert_eq!(tracker.decide(&seen, Lsn(100)), Decision::Bound(Lsn(100)));
    }
}
