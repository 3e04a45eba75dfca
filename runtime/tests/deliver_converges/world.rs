//! Landing, CRM, clock and chance in memory, the lane over them, and changes to land.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use covenant_model::change::{Change, Key};
use covenant_model::spec::{EntitySpec, OnDelete};
use covenant_model::value::Value;
use covenant_model::version::Guard;
use covenant_runtime::crm::memory::MemoryCrm;
use covenant_runtime::deliver::record::{Reveal, RevealSite, Revealed};
use covenant_runtime::deliver::{DeliverLane, Parts};
use covenant_runtime::env::{Chance, Clock, Env};
use covenant_runtime::error::{ErrorKind, Result};
use covenant_runtime::fault::{Fault, Faults};
use covenant_runtime::landing::Epoch;
use covenant_runtime::landing::memory::MemoryLanding;
use covenant_runtime::ledger::sqlite::SqliteLedger;
use futures::executor::block_on;

use crate::support::spec::{customer, order};
use crate::support::{TestSealer, change, floor, land, land_with, version};

/// A lane that has not settled after so many steps never will.
pub(crate) const STEPS_MAX: usize = 400;

/// SplitMix64.
pub(crate) struct Dice(pub(crate) AtomicU64);

impl Chance for Dice {
    fn next_u64(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl Dice {
    pub(crate) fn below(&self, limit: u64) -> u64 {
        self.next_u64() % limit
    }
}

/// A clock that a step moves.
pub(crate) struct Hand(pub(crate) AtomicI64);

#[async_trait]
impl Clock for Hand {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
    async fn sleep(&self, time: Duration) {
        self.0.fetch_add(time.as_micros() as i64, Ordering::Relaxed);
    }
}

/// One call in four fails, half of those after they took effect; one row in eight is locked.
pub(crate) struct Trouble {
    pub(crate) dice: Arc<Dice>,
    pub(crate) on: Mutex<bool>,
}

impl Faults for Trouble {
    fn at(&self, _: &str) -> Fault {
        match (*self.on.lock().unwrap(), self.dice.below(8)) {
            (true, 0) => Fault::Refused,
            (true, 1) => Fault::ReplyLost,
            (true | false, _) => Fault::None,
        }
    }
    fn row(&self, _: &str, _: &str) -> bool {
        *self.on.lock().unwrap() && self.dice.below(8) == 0
    }
}

pub(crate) struct NoReveal;

impl Reveal for NoReveal {
    fn reveal(&self, _: &RevealSite<'_>, cipher: &str) -> Result<Value> {
        Ok(Value::Text(cipher.to_owned()))
    }
    fn audit(&self, _: &Revealed<'_>) {}
}

pub(crate) struct World {
    pub(crate) landing: Arc<MemoryLanding>,
    pub(crate) crm: Arc<MemoryCrm>,
    pub(crate) clock: Arc<Hand>,
    pub(crate) env: Env,
    pub(crate) entities: Vec<EntitySpec>,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new(seed: u64, on_delete: OnDelete, faults: Arc<dyn Faults>) -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(1_000_000_000)));
        let dice = Arc::new(Dice(AtomicU64::new(seed)));
        let env = Env { clock: Arc::clone(&clock) as Arc<dyn Clock>, chance: dice };
        Self {
            landing: Arc::new(MemoryLanding::new()),
            crm: Arc::new(MemoryCrm::new(env.clone(), faults)),
            clock,
            env,
            entities: vec![order(on_delete), customer(on_delete)],
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn lane(&self, epoch: u64) -> DeliverLane {
        self.lane_over(epoch, &self.folder.path().join("ledger.sqlite"))
    }

    pub(crate) fn lane_over(&self, epoch: u64, ledger: &Path) -> DeliverLane {
        let parts = Parts {
            landing: Arc::clone(&self.landing) as _,
            ledger: Box::new(SqliteLedger::open(ledger, Arc::new(TestSealer)).unwrap()),
            crm: Arc::clone(&self.crm) as _,
            reveal: Arc::new(NoReveal),
            sealer: Arc::new(TestSealer),
            env: self.env.clone(),
            epoch: Epoch(epoch),
            daily_share: 1_000_000,
            call_life: covenant_runtime::deliver::CALL_LIFE,
            releases: covenant_runtime::deliver::Releases::default(),
        };
        DeliverLane::new(parts, &self.entities).unwrap()
    }

    pub(crate) fn land(&self, customers: Vec<Change>, orders: Vec<Change>) {
        let by_entity = [(&self.entities[1], customers), (&self.entities[0], orders)];
        block_on(land(self.landing.as_ref(), &by_entity));
    }

    pub(crate) fn empty(&self, tables: &[&str], place: u64) {
        let floors = tables.iter().map(|entity| floor(entity, place)).collect();
        block_on(land_with(self.landing.as_ref(), &[], floors));
    }

    /// Steps until nothing is left to do, over failures that heal.
    pub(crate) fn settle(&self, lane: &mut DeliverLane) {
        for _ in 0..STEPS_MAX {
            self.clock.0.fetch_add(61_000_000, Ordering::Relaxed);
            match block_on(lane.step()) {
                Ok(done) if done.idle() && !waits(lane) => return,
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind, ErrorKind::Unavailable, "{error}"),
            }
        }
        panic!("the lane does not settle: {:?}", lane.counts().unwrap());
    }
}

/// Rows can wait for longer than a step: until no call of the past can execute any more.
pub(crate) fn waits(lane: &mut DeliverLane) -> bool {
    lane.held().is_empty() && lane.counts().unwrap().values().any(|rows| rows.waiting > 0)
}

pub(crate) fn key(number: u64) -> Key {
    Key(vec![Value::Text(format!("K{number}"))])
}

pub(crate) fn says(place: u64, key: Key, first: &str, rank: u16, from: Option<Key>) -> Change {
    let groups = [
        Some((Guard::latest(version(place)), Value::Text(first.to_owned()))),
        Some((Guard::ranked(0, rank), Value::Text(format!("s{rank}")))),
        Some((Guard::max(place.into()).unwrap(), Value::Int(place as i64))),
    ];
    change(key, place, Some(true), groups, from)
}

pub(crate) fn gone(place: u64, key: Key) -> Change {
    change(key, place, Some(false), [None, None, None], None)
}
