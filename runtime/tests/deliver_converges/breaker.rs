//! The mass-change breaker: what it holds, what it lets pass, and what is no change at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use covenant_model::spec::OnDelete;
use covenant_runtime::crm::CrmValue;
use covenant_runtime::fault::NoFaults;

use crate::shop::shown;
use crate::support::spec::CUSTOMER;
use crate::world::{World, gone, key, says};

#[test]
fn removals_of_most_records_are_held() {
    let world = World::new(1, OnDelete::Delete, Arc::new(NoFaults));
    let mut lane = world.lane(1);
    world.land((1..=200).map(|n| says(n, key(n), "Ann", 0, None)).collect(), Vec::new());
    world.settle(&mut lane);
    world.land((1..=150).map(|n| gone(300 + n, key(n))).collect(), Vec::new());
    world.settle(&mut lane);
    assert_eq!(lane.held().get(CUSTOMER), Some(&150));
    assert_eq!(world.crm.records("Account").len(), 200);
    lane.release(CUSTOMER);
    world.settle(&mut lane);
    assert_eq!(world.crm.records("Account").len(), 50);
}

#[test]
fn updates_of_most_records_are_held_while_new_records_go_on() {
    let mut world = World::new(1, OnDelete::Delete, Arc::new(NoFaults));
    world.entities[1].salesforce.as_mut().unwrap().max_updates_percent = Some(50);
    let mut lane = world.lane(1);
    world.land((1..=2_400).map(|n| says(n, key(n), "Ann", 0, None)).collect(), Vec::new());
    world.settle(&mut lane);
    // A third of them: more than a step sends, less than the share.
    world.land((1..=1_100).map(|n| says(3_000 + n, key(n), "Bea", 0, None)).collect(), Vec::new());
    world.settle(&mut lane);
    assert_eq!(lane.held(), BTreeMap::new());
    // Somebody forgot the WHERE.
    let mut all: Vec<_> = (1..=2_400).map(|n| says(6_000 + n, key(n), "Cid", 0, None)).collect();
    all.push(says(9_000, key(5_000), "Dan", 0, None));
    world.land(all, Vec::new());
    world.settle(&mut lane);
    assert_eq!(lane.held().get(CUSTOMER), Some(&2_400));
    let named = |name: &str| {
        let records = world.crm.records("Account");
        records.values().filter(|it| it.fields["Name"] == CrmValue::Text(name.into())).count()
    };
    assert_eq!((named("Cid"), named("Dan")), (0, 1));
    lane.release(CUSTOMER);
    world.settle(&mut lane);
    assert_eq!((named("Cid"), lane.held().len()), (2_400, 0));
}

#[test]
fn what_the_records_do_not_show_is_no_change_of_them() {
    let mut world = World::new(1, OnDelete::Delete, Arc::new(NoFaults));
    let sink = world.entities[1].salesforce.as_mut().unwrap();
    sink.max_updates_percent = Some(30);
    sink.fields.retain(|field| field.target != "Points__c");
    let mut lane = world.lane(1);
    world.land((1..=1_500).map(|n| says(n, key(n), "Ann", 0, None)).collect(), Vec::new());
    world.settle(&mut lane);
    // Points of everybody, which the sink does not show: as when the CRM tells us of the records that we just wrote.
    world.land((1..=1_500).map(|n| says(3_000 + n, key(n), "Ann", 0, None)).collect(), Vec::new());
    world.settle(&mut lane);
    assert_eq!((lane.held(), lane.totals().unchanged), (BTreeMap::new(), 0));
    // With it one name: that one is sent.
    world.land(vec![says(6_000, key(7), "Bea", 0, None)], Vec::new());
    world.settle(&mut lane);
    let records = world.crm.records("Account");
    let bea = CrmValue::Text("Bea".into());
    let told = records.iter().filter(|(_, record)| record.fields["Name"] == bea);
    assert_eq!(told.map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["K7"]);
}

#[test]
fn an_emptied_table_does_not_empty_the_crm_before_a_person_has_looked() {
    let world = World::new(1, OnDelete::Flag, Arc::new(NoFaults));
    let mut lane = world.lane(1);
    world.land((1..=200).map(|n| says(n, key(n), "Ann", 0, None)).collect(), Vec::new());
    world.settle(&mut lane);
    world.empty(&[CUSTOMER], 300);
    // the shop goes on: what is told behind the TRUNCATE flows while the removals are held
    world.land(vec![says(301, key(500), "Bea", 0, None)], Vec::new());
    world.settle(&mut lane);
    assert_eq!(lane.held().get(CUSTOMER), Some(&200));
    assert_eq!(shown(&world.crm.records("Account"), "Name").len(), 201);
    lane.release(CUSTOMER);
    world.settle(&mut lane);
    let left = shown(&world.crm.records("Account"), "Name");
    assert_eq!(left.keys().collect::<Vec<_>>(), ["K500"]);
}
