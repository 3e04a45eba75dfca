//! One rule of delivery each.

use std::sync::Arc;

use covenant_model::spec::OnDelete;
use covenant_model::value::LogicalType;
use covenant_runtime::error::ErrorKind;
use covenant_runtime::fault::NoFaults;
use futures::executor::block_on;

use crate::shop::shown;
use crate::support::spec::ORDER;
use crate::world::{World, gone, key, says};

#[test]
fn a_moved_row_keeps_its_record() {
    let world = World::new(1, OnDelete::Delete, Arc::new(NoFaults));
    let mut lane = world.lane(1);
    world.land(vec![says(1, key(1), "Ann", 0, None)], Vec::new());
    world.settle(&mut lane);
    let before = world.crm.records("Account")["K1"].id.clone();
    world.land(vec![gone(2, key(1)), says(2, key(2), "Ann", 0, Some(key(1)))], Vec::new());
    world.settle(&mut lane);
    let records = world.crm.records("Account");
    assert_eq!(records.len(), 1);
    assert_eq!(records["K2"].id, before);
}

#[test]
fn what_has_not_changed_is_not_sent() {
    let world = World::new(1, OnDelete::Flag, Arc::new(NoFaults));
    let mut lane = world.lane(1);
    world.land(vec![says(1, key(1), "Ann", 2, None)], Vec::new());
    world.settle(&mut lane);
    let calls = lane.calls();
    // a newer version with the same content
    let same = |place: u64, name: &str| {
        let mut same = says(place, key(1), name, 1, None);
        same.state.groups[2] = None;
        same
    };
    world.land(vec![same(2, "Ann")], Vec::new());
    world.settle(&mut lane);
    assert_eq!((lane.calls(), lane.totals().unchanged), (calls, 0));
    // another content, taken back before it was sent
    world.land(vec![same(3, "Bea"), same(4, "Ann")], Vec::new());
    world.settle(&mut lane);
    assert_eq!((lane.calls(), lane.totals().unchanged), (calls, 1));
}

#[test]
fn a_child_waits_for_its_parent() {
    let world = World::new(1, OnDelete::Flag, Arc::new(NoFaults));
    let mut lane = world.lane(1);
    world.land(Vec::new(), vec![says(1, key(9), "K1", 0, None)]);
    block_on(lane.step()).unwrap();
    assert_eq!(lane.counts().unwrap()[ORDER].parked, 1);
    world.land(vec![says(2, key(1), "Ann", 0, None)], Vec::new());
    block_on(lane.step()).unwrap();
    // released by the parent's delivery, without waiting
    assert_eq!(lane.counts().unwrap()[ORDER].parked, 0);
    assert!(world.crm.records("Order__c").contains_key("K9"));
}

#[test]
fn an_older_instance_is_refused_and_stops() {
    let world = World::new(1, OnDelete::Flag, Arc::new(NoFaults));
    world.land(vec![says(1, key(1), "Ann", 0, None)], Vec::new());
    let mut newer = world.lane_over(2, &world.folder.path().join("newer.sqlite"));
    world.settle(&mut newer);
    let mut older = world.lane_over(1, &world.folder.path().join("older.sqlite"));
    let error = block_on(older.step()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fenced, "{error}");
}

#[test]
fn a_lost_ledger_is_rebuilt_and_its_deletes_are_not_forgotten() {
    let world = World::new(1, OnDelete::Flag, Arc::new(NoFaults));
    let mut lane = world.lane(1);
    world.land(vec![says(1, key(1), "Ann", 0, None)], Vec::new());
    world.settle(&mut lane);
    world.land(vec![gone(2, key(1))], Vec::new());
    let mut rebuilt = world.lane_over(2, &world.folder.path().join("rebuilt.sqlite"));
    world.settle(&mut rebuilt);
    assert!(shown(&world.crm.records("Account"), "Name").is_empty());
}

#[test]
fn a_rebuilt_ledger_shows_nothing_that_is_over() {
    let world = World::new(1, OnDelete::Delete, Arc::new(NoFaults));
    let mut lane = world.lane(1);
    world.land(vec![says(1, key(1), "Ann", 0, None), says(1, key(3), "Eve", 0, None)], Vec::new());
    for place in 2..30 {
        world.land(vec![says(place, key(9), &format!("name {place}"), 0, None)], Vec::new());
    }
    let moved = says(30, key(2), "Ann", 0, Some(key(1)));
    world.land(vec![gone(30, key(1)), moved, gone(30, key(3))], Vec::new());
    world.settle(&mut lane);
    let ids = |world: &World| -> Vec<(String, String)> {
        let records = world.crm.records("Account").into_iter();
        records.map(|(key, record)| (key, record.id)).collect()
    };
    let before = ids(&world);
    drop(lane);
    // The disk is gone; landing tells everything again, also what is over.
    let folder = tempfile::tempdir().unwrap();
    let mut lane = world.lane_over(2, &folder.path().join("ledger.sqlite"));
    while !block_on(lane.step()).unwrap().idle() {
        assert_eq!(ids(&world), before);
    }
    world.settle(&mut lane);
    assert_eq!(ids(&world), before);
}

#[test]
fn the_contract_decides_what_leaves() {
    // only the sink's fields, the deleted flag and the external id
    let world = World::new(1, OnDelete::Flag, Arc::new(NoFaults));
    assert_eq!(world.entities[1].fields[1].ty, LogicalType::String { max_chars: None });
    let mut lane = world.lane(1);
    world.land(vec![says(1, key(1), "Ann", 0, None)], Vec::new());
    world.settle(&mut lane);
    let records = world.crm.records("Account");
    let names: Vec<_> = records["K1"].fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["Covenant_Deleted__c", "Customer_Id__c", "Name", "Points__c", "Status__c"]);
}
