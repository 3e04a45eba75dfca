//! Rows that age out of what is delivered.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use covenant_model::change::{Change, Key};
use covenant_model::spec::{AgeFilter, OnDelete};
use covenant_model::value::Value;
use covenant_runtime::crm::CrmValue;
use covenant_runtime::crm::memory::MemoryRecord;
use covenant_runtime::fault::NoFaults;

use crate::support::spec::CUSTOMER;
use crate::world::{World, key, says};

/// Microseconds in a day, after which rows of [`leaving_world`] leave.
const DAY_US: i64 = 86_400_000_000;

/// Customers leave a day after the instant in their last field.
fn leaving_world(on_leave: OnDelete) -> World {
    let mut world = World::new(1, OnDelete::Flag, Arc::new(NoFaults));
    let sink = world.entities[1].salesforce.as_mut().unwrap();
    sink.on_leave = on_leave;
    sink.filter = Some(AgeFilter { field: 3, keep_days: 1, text: String::new() });
    world
}

fn at(place: u64, key: Key, at_us: i64) -> Change {
    let mut says = says(place, key, "Ann", 0, None);
    says.state.groups[2].as_mut().unwrap().values[0] = Value::Timestamp(at_us);
    says
}

fn accounts(world: &World) -> Vec<(String, bool)> {
    let flagged = |record: &MemoryRecord| {
        record.fields.get("Covenant_Deleted__c") == Some(&CrmValue::Bool(true))
    };
    world.crm.records("Account").iter().map(|(id, it)| (id.clone(), flagged(it))).collect()
}

#[test]
fn a_row_that_grows_old_leaves_as_the_contract_says() {
    let old = 1_000_000_000;
    let shown = |id: &str, flagged| (id.to_owned(), flagged);
    let ends = [
        (OnDelete::Keep, vec![shown("K1", false), shown("K2", false)]),
        (OnDelete::Flag, vec![shown("K1", true), shown("K2", false)]),
        (OnDelete::Delete, vec![shown("K2", false)]),
    ];
    for (on_leave, wanted) in ends {
        let world = leaving_world(on_leave);
        let mut lane = world.lane(1);
        // the third is too old from the start: it is never sent
        let customers =
            vec![at(1, key(1), old), at(2, key(2), old + 3 * DAY_US), at(3, key(3), old - DAY_US)];
        world.land(customers, Vec::new());
        world.settle(&mut lane);
        assert_eq!(accounts(&world), [shown("K1", false), shown("K2", false)], "{on_leave:?}");
        world.clock.0.fetch_add(DAY_US, Ordering::Relaxed);
        // over a restart, and without any change of the row
        drop(lane);
        let mut lane = world.lane(2);
        world.settle(&mut lane);
        assert_eq!(accounts(&world), wanted, "{on_leave:?}");
        // it comes back with its next change
        world.land(vec![at(4, key(1), old + 5 * DAY_US)], Vec::new());
        world.settle(&mut lane);
        assert_eq!(accounts(&world), [shown("K1", false), shown("K2", false)], "{on_leave:?}");
    }
}

#[test]
fn a_change_that_is_not_sent_still_moves_the_day_on_which_a_row_leaves() {
    let old = 1_000_000_000;
    let mut world = leaving_world(OnDelete::Flag);
    // what decides the age is not delivered
    world.entities[1].salesforce.as_mut().unwrap().fields.retain(|field| field.source != 3);
    let mut lane = world.lane(1);
    world.land(vec![at(1, key(1), old)], Vec::new());
    world.settle(&mut lane);
    world.land(vec![at(2, key(1), old + 2 * DAY_US)], Vec::new());
    world.settle(&mut lane);
    world.clock.0.fetch_add(DAY_US, Ordering::Relaxed);
    world.settle(&mut lane);
    assert_eq!(accounts(&world), [("K1".to_owned(), false)]);
    world.clock.0.fetch_add(2 * DAY_US, Ordering::Relaxed);
    world.settle(&mut lane);
    assert_eq!(accounts(&world), [("K1".to_owned(), true)]);
}

#[test]
fn a_clock_that_jumps_empties_no_crm() {
    let old = 1_000_000_000;
    let world = leaving_world(OnDelete::Delete);
    let mut lane = world.lane(1);
    world.land((1..=200).map(|n| at(n, key(n), old)).collect(), Vec::new());
    world.settle(&mut lane);
    world.clock.0.fetch_add(2 * DAY_US, Ordering::Relaxed);
    world.settle(&mut lane);
    assert_eq!(lane.held().get(CUSTOMER), Some(&200));
    assert_eq!(accounts(&world).len(), 200);
    lane.release(CUSTOMER);
    world.settle(&mut lane);
    assert!(accounts(&world).is_empty());
    assert!(lane.held().is_empty());
}
