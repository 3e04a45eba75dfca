//! Calls are scarce: beyond half of the daily share rows gather behind the last call, for at most half a minute; full calls and a
//! process that drains do not wait. Time is injected.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use covenant_model::change::Key;
use covenant_model::spec::{EntitySpec, OnDelete};
use covenant_model::value::Value;
use covenant_model::version::Guard;
use covenant_runtime::crm::Crm;
use covenant_runtime::crm::memory::MemoryCrm;
use covenant_runtime::deliver::budget::LINGER_MAX;
use covenant_runtime::deliver::record::{Reveal, RevealSite, Revealed};
use covenant_runtime::deliver::{CALL_LIFE, DeliverLane, Parts, Releases};
use covenant_runtime::env::{Clock, Env};
use covenant_runtime::error::Result;
use covenant_runtime::fault::NoFaults;
use covenant_runtime::landing::Epoch;
use covenant_runtime::landing::memory::MemoryLanding;
use covenant_runtime::ledger::sqlite::SqliteLedger;
use futures::executor::block_on;
use support::spec::customer;
use support::{TestSealer, change, land, version};

/// Calls of a day.
const SHARE: u64 = 100;
const SECOND_US: i64 = 1_000_000;

struct Hand(AtomicI64);

#[async_trait]
impl Clock for Hand {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
    async fn sleep(&self, _: Duration) {}
}

struct NoReveal;

impl Reveal for NoReveal {
    fn reveal(&self, _: &RevealSite<'_>, cipher: &str) -> Result<Value> {
        Ok(Value::Text(cipher.to_owned()))
    }
    fn audit(&self, _: &Revealed<'_>) {}
}

struct World {
    hand: Arc<Hand>,
    landing: Arc<MemoryLanding>,
    crm: Arc<MemoryCrm>,
    entity: EntitySpec,
    lane: DeliverLane,
    told: u64,
}

impl World {
    fn new() -> Self {
        let hand = Arc::new(Hand(AtomicI64::new(1_000 * SECOND_US)));
        let env = Env { clock: hand.clone(), ..Env::system() };
        let landing = Arc::new(MemoryLanding::new());
        let crm = Arc::new(MemoryCrm::new(env.clone(), Arc::new(NoFaults)));
        let entity = customer(OnDelete::Flag);
        let parts = Parts {
            landing: landing.clone(),
            ledger: Box::new(SqliteLedger::in_memory(Arc::new(TestSealer)).unwrap()),
            crm: crm.clone(),
            reveal: Arc::new(NoReveal),
            sealer: Arc::new(TestSealer),
            env,
            epoch: Epoch(1),
            daily_share: SHARE,
            call_life: CALL_LIFE,
            releases: Releases::default(),
        };
        let lane = DeliverLane::new(parts, std::slice::from_ref(&entity)).unwrap();
        Self { hand, landing, crm, entity, lane, told: 0 }
    }

    /// Lands new rows.
    fn tell(&mut self, rows: u64) {
        let all = (0..rows).map(|_| {
            self.told += 1;
            let place = self.told;
            let groups = [
                Some((Guard::latest(version(place)), Value::Text("Ann".to_owned()))),
                Some((Guard::ranked(0, 1), Value::Text("s1".to_owned()))),
                Some((Guard::max(place.into()).unwrap(), Value::Int(place as i64))),
            ];
            change(Key(vec![Value::Text(format!("K{place}"))]), place, Some(true), groups, None)
        });
        let all = all.collect();
        block_on(land(self.landing.as_ref(), &[(&self.entity, all)]));
    }

    fn pass(&mut self, seconds: i64) {
        self.hand.0.fetch_add(seconds * SECOND_US, Ordering::Relaxed);
    }

    fn step(&mut self) {
        block_on(self.lane.step()).unwrap();
    }

    fn calls(&self) -> u64 {
        self.crm.usage().unwrap().used
    }

    fn sent(&self) -> u64 {
        self.crm.records("Account").len() as u64
    }

    /// Uses this much of the share, a row a call.
    fn use_up(&mut self, calls: u64) {
        while self.calls() < calls {
            self.pass(31);
            self.tell(1);
            self.step();
        }
    }
}

#[test]
fn a_trickle_costs_a_call_a_row_up_to_half_of_the_share_and_less_and_less_beyond() {
    let mut world = World::new();
    for _ in 0..SHARE / 2 {
        world.pass(1);
        world.tell(1);
        world.step();
        assert_eq!(world.sent(), world.told, "no row waits");
    }
    assert_eq!(world.calls(), SHARE / 2);
    let (mut waited, mut longest) = (0, 0);
    for _ in 0..600 {
        world.pass(1);
        world.tell(1);
        world.step();
        waited = if world.sent() == world.told { 0 } else { waited + 1 };
        longest = longest.max(waited);
    }
    assert!(longest > 10 && longest <= LINGER_MAX.as_secs(), "{longest} s");
    // Without gathering, the share would have been used up after 50 rows.
    assert!(world.calls() < SHARE, "{} calls", world.calls());
    assert!(
        world.sent() + LINGER_MAX.as_secs() >= world.told,
        "{} of {}",
        world.sent(),
        world.told
    );
}

#[test]
fn a_full_call_goes_at_once_and_so_does_what_is_left_of_a_backlog() {
    let mut world = World::new();
    world.use_up(SHARE * 3 / 4);
    world.tell(1);
    world.step();
    assert_eq!(world.sent() + 1, world.told, "it waits");
    world.tell(199);
    world.step();
    assert_eq!(world.sent(), world.told, "a full call");
}

#[test]
fn a_process_that_drains_sends_what_gathers() {
    let mut world = World::new();
    world.use_up(SHARE * 3 / 4);
    world.tell(3);
    world.step();
    world.step();
    assert_eq!(world.sent() + 3, world.told);
    world.lane.drain();
    world.step();
    assert_eq!(world.sent(), world.told);
}
