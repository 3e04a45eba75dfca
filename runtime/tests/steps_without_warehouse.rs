//! An entity that no warehouse keeps: the delivery ledger holds the steps of its states against the declared transitions.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use covenant_model::change::Key;
use covenant_model::spec::{EntitySpec, MergeRule, OnDelete};
use covenant_model::value::{LogicalType, Value};
use covenant_model::version::Guard;
use covenant_runtime::crm::Crm;
use covenant_runtime::crm::memory::MemoryCrm;
use covenant_runtime::deliver::record::{Reveal, RevealSite, Revealed};
use covenant_runtime::deliver::{CALL_LIFE, DeliverLane, Parts, Releases};
use covenant_runtime::env::Env;
use covenant_runtime::error::Result;
use covenant_runtime::fault::NoFaults;
use covenant_runtime::landing::Epoch;
use covenant_runtime::landing::memory::MemoryLanding;
use covenant_runtime::ledger::sqlite::SqliteLedger;
use futures::executor::block_on;
use support::spec::customer;
use support::{TestSealer, change, land, version};

/// In rank order.
const STATES: [&str; 4] = ["new", "taken", "moving", "there"];

struct NoReveal;

impl Reveal for NoReveal {
    fn reveal(&self, _: &RevealSite<'_>, cipher: &str) -> Result<Value> {
        Ok(Value::Text(cipher.to_owned()))
    }
    fn audit(&self, _: &Revealed<'_>) {}
}

/// The customer with a ranked state in its second group, and no warehouse.
fn entity() -> EntitySpec {
    let mut entity = customer(OnDelete::Flag);
    entity.warehouse = None;
    let at = entity.groups[1].fields[0];
    let field = &mut entity.fields[at];
    field.ty = LogicalType::Enum { symbols: STATES.map(str::to_owned).to_vec() };
    field.merge = MergeRule::Ranked;
    let [new, taken, moving, there] = STATES.map(str::to_owned);
    field.transitions = BTreeMap::from([(new, vec![taken.clone()]), (taken, vec![moving, there])]);
    entity
}

fn lane(landing: Arc<MemoryLanding>, entity: &EntitySpec) -> DeliverLane {
    let crm: Arc<dyn Crm> = Arc::new(MemoryCrm::new(Env::system(), Arc::new(NoFaults)));
    let parts = Parts {
        landing,
        ledger: Box::new(SqliteLedger::in_memory(Arc::new(TestSealer)).unwrap()),
        crm,
        reveal: Arc::new(NoReveal),
        sealer: Arc::new(TestSealer),
        env: Env::system(),
        epoch: Epoch(1),
        daily_share: 1_000,
        releases: Releases::default(),
        call_life: CALL_LIFE,
    };
    DeliverLane::new(parts, std::slice::from_ref(entity)).unwrap()
}

#[test]
fn the_ledger_counts_odd_steps_of_entities_without_a_warehouse() {
    let entity = entity();
    let landing = Arc::new(MemoryLanding::new());
    let mut lane = lane(landing.clone(), &entity);
    // Rank 2 skips rank 1, which comes late and loses; nothing leads from rank 2 to rank 3.
    for (at, rank) in [(1, 0_u16), (2, 2), (3, 1), (4, 2), (5, 3)] {
        let state = Value::Text(STATES[usize::from(rank)].to_owned());
        let groups = [
            Some((Guard::latest(version(at)), Value::Text(format!("v{at}")))),
            Some((Guard::ranked(0, rank), state)),
            Some((Guard::max(at.into()).unwrap(), Value::Int(at as i64))),
        ];
        let told = change(Key(vec![Value::Text("K1".to_owned())]), at, Some(true), groups, None);
        block_on(land(landing.as_ref(), &[(&entity, vec![told])]));
        block_on(lane.step()).unwrap();
    }
    let listed = lane.odd_steps().list();
    let shown: Vec<_> = listed
        .iter()
        .map(|it| (it.before.as_str(), it.after.as_str(), it.anomaly, it.rows))
        .collect();
    assert_eq!(shown, [("moving", "there", "undeclared", 1), ("new", "moving", "skipped", 1)]);
}
