//! Bound versions against a small model of PostgreSQL: ids, commit records, flushing and visibility are separate steps, in any
//! order that the server allows. Weaker readers run through the same model, and must be caught by it.

use std::collections::BTreeMap;

use covenant_model::version::{Lsn, Position};
use proptest::prelude::*;

use super::bound::{BoundTracker, Decision};
use crate::source::Snapshot;

const ROWS: usize = 3;
const RUNNING_MAX: usize = 4;

/// How a read is stamped, and how the tracker begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// The rule under test.
    Bound,
    /// The rule with a memory of one transaction.
    Forgetful,
    /// Stamps rows with the position at which they were read.
    Naive,
    /// Without hazards.
    NoHazard,
    /// Takes no fresh id when it begins to listen.
    StaleStart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// The commit record is written, the transaction is not yet visible.
    Written(Lsn),
    /// Visible.
    Done(Lsn),
}

#[derive(Clone, Copy, Debug)]
struct Tx {
    xid: u64,
    row: usize,
    stage: Stage,
}

#[derive(Debug)]
struct Held {
    snapshot: Snapshot,
    read_at: Lsn,
    values: [u64; ROWS],
}

/// The server, the stream, the reader and the target.
struct World {
    reader: Reader,
    next_xid: u64,
    latest_completed: u64,
    log_end: u64,
    flushed: u64,
    txs: Vec<Tx>,
    /// Where the stream (re)started, and how far it is.
    streamed: u64,
    durable: u64,
    tracker: BoundTracker,
    held: Option<Held>,
    target: BTreeMap<usize, (Position, u64)>,
    bounds: usize,
}

impl World {
    fn new(reader: Reader) -> Self {
        let mut world = Self {
            reader,
            next_xid: (1 << 32) - 3, // close to a new epoch
            latest_completed: (1 << 32) - 4,
            log_end: 10,
            flushed: 10,
            txs: Vec::new(),
            streamed: 10,
            durable: 10,
            tracker: BoundTracker::default(),
            held: None,
            target: BTreeMap::new(),
            bounds: 0,
        };
        world.listen();
        world
    }

    fn take_xid(&mut self) -> u64 {
        self.next_xid += 1;
        self.next_xid - 1
    }

    fn snapshot(&self) -> Snapshot {
        let xmax = self.latest_completed + 1;
        let running = |tx: &&Tx| !matches!(tx.stage, Stage::Done(_)) && tx.xid < xmax;
        let in_progress: Vec<u64> = self.txs.iter().filter(running).map(|tx| tx.xid).collect();
        let xmin = in_progress.iter().copied().min().unwrap_or(xmax);
        Snapshot { xmin, xmax, in_progress }
    }

    /// What the lane does when it becomes active.
    fn listen(&mut self) {
        let capacity = if self.reader == Reader::Forgetful { 1 } else { 1_000 };
        self.tracker = BoundTracker::with_capacity(capacity);
        self.tracker.passed(Lsn(self.streamed));
        let fresh = match self.reader {
            Reader::Bound | Reader::Forgetful | Reader::Naive => {
                let xid = self.take_xid();
                self.latest_completed = self.latest_completed.max(xid);
                self.snapshot()
            }
            Reader::StaleStart => self.snapshot(),
            Reader::NoHazard => Snapshot { xmin: 0, xmax: 0, in_progress: vec![] },
        };
        // the real tracker widens 32-bit ids by what it knows; a start at 0 must still know the epoch
        let epoch = Snapshot { xmin: self.next_xid, xmax: self.next_xid, in_progress: vec![] };
        self.tracker.listen(&epoch);
        self.tracker.listen(&fresh);
    }

    fn visible_value(&self, row: usize) -> u64 {
        let done = self.txs.iter().filter_map(|tx| match tx.stage {
            Stage::Done(commit) if tx.row == row => Some((commit, tx.xid)),
            Stage::Done(_) | Stage::Running | Stage::Written(_) => None,
        });
        done.max().map_or(0, |(_, xid)| xid)
    }

    fn act(&mut self, action: u8, choice: u8) {
        match action % 10 {
            0 | 1 => self.begin(choice),
            2 => self.write_commit(choice),
            3 => self.become_visible(choice),
            4 => self.flushed = self.log_end,
            5 | 6 => self.deliver(),
            7 => self.read(),
            8 => self.decide(),
            _ => match choice % 4 {
                0 => self.restart(),
                1 => self.durable = self.streamed,
                2 => self.log_end += 1, // records of others
                _ => self.abort(choice),
            },
        }
    }

    fn pick(&self, stage: fn(&Stage) -> bool, choice: u8) -> Option<usize> {
        let fitting: Vec<usize> =
            (0..self.txs.len()).filter(|ix| stage(&self.txs[*ix].stage)).collect();
        (!fitting.is_empty()).then(|| fitting[usize::from(choice) % fitting.len()])
    }

    /// Takes an id, and the lock of a row that nobody holds.
    fn begin(&mut self, choice: u8) {
        let row = usize::from(choice) % ROWS;
        let open = |tx: &&Tx| !matches!(tx.stage, Stage::Done(_));
        let locked = self.txs.iter().filter(open).any(|tx| tx.row == row);
        if !locked && self.txs.iter().filter(open).count() < RUNNING_MAX {
            let xid = self.take_xid();
            self.txs.push(Tx { xid, row, stage: Stage::Running });
        }
    }

    fn write_commit(&mut self, choice: u8) {
        if let Some(ix) = self.pick(|stage| *stage == Stage::Running, choice) {
            self.txs[ix].stage = Stage::Written(Lsn(self.log_end));
            self.log_end += 2;
        }
    }

    fn become_visible(&mut self, choice: u8) {
        if let Some(ix) = self.pick(|stage| matches!(stage, Stage::Written(_)), choice) {
            let tx = &mut self.txs[ix];
            if let Stage::Written(commit) = tx.stage {
                tx.stage = Stage::Done(commit);
                self.latest_completed = self.latest_completed.max(tx.xid);
            }
        }
    }

    fn abort(&mut self, choice: u8) {
        if let Some(ix) = self.pick(|stage| *stage == Stage::Running, choice) {
            let tx = self.txs.remove(ix);
            self.latest_completed = self.latest_completed.max(tx.xid);
        }
    }

    /// The next committed transaction, or the news that there is none, up to what is flushed.
    fn deliver(&mut self) {
        let committed = self.txs.iter().filter_map(|tx| match tx.stage {
            Stage::Written(commit) | Stage::Done(commit) => Some((commit, *tx)),
            Stage::Running => None,
        });
        let due =
            committed.filter(|(commit, _)| commit.0 >= self.streamed && commit.0 < self.flushed);
        let Some((commit, tx)) = due.min_by_key(|(commit, _)| *commit) else {
            self.streamed = self.streamed.max(self.flushed);
            self.tracker.passed(Lsn(self.streamed));
            return;
        };
        self.tracker.observe(tx.xid as u32, commit);
        self.streamed = commit.0 + 1;
        self.tracker.passed(Lsn(self.streamed));
        self.fold(tx.row, Position::streamed(commit, 1), tx.xid);
    }

    fn fold(&mut self, row: usize, version: Position, value: u64) {
        let slot = self.target.entry(row).or_insert((version, value));
        if version > slot.0 {
            *slot = (version, value);
        }
    }

    fn read(&mut self) {
        if self.held.is_none() {
            let values = std::array::from_fn(|row| self.visible_value(row));
            self.held =
                Some(Held { snapshot: self.snapshot(), read_at: Lsn(self.log_end), values });
        }
    }

    fn decide(&mut self) {
        let Some(held) = self.held.take() else { return };
        let decision = match self.reader {
            Reader::Naive => Decision::Bound(held.read_at),
            Reader::Bound | Reader::Forgetful | Reader::NoHazard | Reader::StaleStart => {
                self.tracker.decide(&held.snapshot, held.read_at)
            }
        };
        match decision {
            Decision::NotYet => self.held = Some(held),
            Decision::Hazard => {}
            Decision::Bound(bound) => {
                self.bounds += 1;
                self.tracker.released(&held.snapshot);
                for (row, value) in held.values.into_iter().enumerate() {
                    self.fold(row, Position::read(bound), value);
                }
            }
        }
    }

    /// The process dies: what it held and remembered is gone, the stream comes again from the durable position.
    fn restart(&mut self) {
        self.held = None;
        self.streamed = self.durable;
        self.listen();
    }

    /// All transactions end, all is delivered. Rows of the target that differ from the table: lost updates.
    fn settle(&mut self) -> usize {
        for choice in 0..=u8::MAX {
            self.write_commit(choice);
            self.become_visible(choice);
        }
        self.flushed = self.log_end;
        while self.streamed < self.flushed {
            self.deliver();
        }
        self.decide();
        let differs =
            |(row, (_, value)): (&usize, &(Position, u64))| *value != self.visible_value(*row);
        self.target.iter().filter(|entry| differs(*entry)).count()
    }

    /// Whether a chunk read now, with everything at rest, completes the target.
    fn completes(&mut self) -> bool {
        self.held = None;
        self.read();
        self.flushed = self.log_end;
        self.deliver();
        self.decide();
        (0..ROWS).all(|row| {
            self.target.get(&row).is_some_and(|(_, value)| *value == self.visible_value(row))
        })
    }
}

fn run(reader: Reader, actions: &[(u8, u8)]) -> World {
    let mut world = World::new(reader);
    for (action, choice) in actions {
        world.act(*action, *choice);
    }
    world
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Seeds of 4,000 in which the reader loses an update.
fn losing_seeds(reader: Reader) -> usize {
    let loses = |seed: &u64| {
        let mut state = *seed;
        let mut next = || splitmix(&mut state);
        let actions: Vec<(u8, u8)> = (0..150).map(|_| (next() as u8, next() as u8)).collect();
        run(reader, &actions).settle() > 0
    };
    (0..4_000u64).filter(loses).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_interleaving_loses_an_update(
        actions in prop::collection::vec(any::<(u8, u8)>(), 0..200),
        forgetful in any::<bool>(),
    ) {
        let reader = if forgetful { Reader::Forgetful } else { Reader::Bound };
        let mut world = run(reader, &actions);
        prop_assert_eq!(world.settle(), 0);
        prop_assert!(world.completes());
    }
}

#[test]
fn the_rule_holds_and_chunks_do_get_released() {
    assert_eq!(losing_seeds(Reader::Bound), 0);
    assert_eq!(losing_seeds(Reader::Forgetful), 0);
    let mut state = 7;
    let mut next = || splitmix(&mut state);
    let actions: Vec<(u8, u8)> = (0..20_000).map(|_| (next() as u8, next() as u8)).collect();
    let released = run(Reader::Bound, &actions).bounds;
    assert!(released > 200, "{released} chunks");
}

#[test]
fn weaker_readers_are_caught_by_the_same_model() {
    for weak in [Reader::Naive, Reader::NoHazard, Reader::StaleStart] {
        let losing = losing_seeds(weak);
        assert!(losing > 0, "{weak:?} lost nothing: the model is too tame");
    }
}

/// The race, step by step.
#[test]
fn a_reader_that_stamps_rows_with_the_position_of_the_read_loses_the_update() {
    let race = |reader: Reader| {
        let mut world = World::new(reader);
        world.begin(0);
        world.write_commit(0); // the commit record is in the log ...
        world.flushed = world.log_end;
        world.deliver(); // ... and streamed ...
        world.read(); // ... but a snapshot does not show it yet
        world.become_visible(0);
        world.deliver();
        world.decide();
        world.settle()
    };
    assert_eq!(race(Reader::Naive), 1);
    assert_eq!(race(Reader::Bound), 0);
}
