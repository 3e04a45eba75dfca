//! `covenant import dbt`: the sources that we export come back as the entities that they are, others' as drafts that hold
//! together.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use std::path::Path;

use common::Project;
use covenant_compiler::{compile, driver};

#[test]
fn our_own_sources_come_back() {
    let project = Project::new();
    let acme =
        std::path::absolute(Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts")).unwrap();
    let plan = compile(driver::read_contracts(&acme).unwrap()).plan.unwrap();
    let ran =
        project.run(&["export", "dbt", "--contracts", acme.to_str().unwrap(), "--out", "out"]);
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let ran =
        project.run(&["import", "dbt", "out/sources.yml", "out/exposures.yml", "--out", "made"]);
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let made = compile(driver::read_contracts(&project.path("made")).unwrap());
    assert!(made.diagnostics.is_empty(), "{:?}", made.diagnostics);
    let made = made.plan.unwrap();
    let mut compared = 0;
    for entity in plan.entities.iter().filter(|entity| entity.key.len() == 1) {
        let again = made.entity(&entity.name).unwrap_or_else(|| panic!("{} is lost", entity.name));
        let sink = entity.warehouse.as_ref().unwrap();
        let there = again.warehouse.as_ref().unwrap();
        assert_eq!(
            (&there.database, &there.schema, &there.table),
            (&sink.database, &sink.schema, &sink.table)
        );
        assert_eq!((&again.version, &again.owner), (&entity.version, &entity.owner));
        for field in entity.fields.iter().filter(|field| field.pii.is_none()) {
            let one = again.fields.iter().find(|one| one.name == field.name);
            let one = one.unwrap_or_else(|| panic!("{}.{} is lost", entity.name, field.name));
            assert_eq!(
                (&one.ty, &one.references),
                (&field.ty, &field.references),
                "{}",
                field.name
            );
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
}

const FOREIGN: &str = include_str!("imports/sources.yml");

#[test]
fn foreign_sources_become_drafts_that_say_what_they_lack() {
    let project = Project::new();
    project.write("sources.yml", FOREIGN);
    let ran = project.run(&["import", "dbt", "sources.yml", "--out", "made"]);
    assert_eq!(ran.code(), 0, "{}", ran.said());
    for said in [
        "model `daily`",
        "`shop.LOOSE`: no entity",
        "`shop.UNSEEN`: no entity",
        "`SHAPE` (type `GEOGRAPHY`)",
        "`NOTE` (no `data_type`)",
    ] {
        assert!(ran.said().contains(said), "{said}: {}", ran.said());
    }
    let made = project.read("made/shop/orders.yaml");
    for line in [
        "entity: shop.orders",
        "key: [order_id]",
        "  order_id: {id: 1, type: int64, from: source}    # the type is a guess",
        "  status: {id: 2, type: \"enum [open, paid]\", from: source}",
        "  customer_id: {id: 3, type: int64, from: source, nullable: true, references: shop.customers}    # the type is a guess",
        "  warehouse: {table: RAW.SHOP.ORDERS}",
        "  freshness: {warehouse: 12h}",
    ] {
        assert!(made.lines().any(|one| one == line), "{line}\n{made}");
    }
    assert!(project.read("made/shop/pairs.yaml").contains("key: [a, b]"));
    let checked = project.run(&["check", "--contracts", "made"]);
    assert_eq!(checked.code(), 0, "{}", checked.said());
}

#[test]
fn what_is_no_properties_file_is_refused_with_its_place() {
    for (text, said) in [
        ("- a\n", "line 1, column 1"),
        ("name: shop\n", "properties file"),
        ("version: 3\nsources: []\n", "line 1, column 10"),
        ("version: 2\nsources: []\n", "no table of a source"),
        ("version: 2\nsources: [{tables: []}]\n", "line 2, column 11"),
        ("version: 2\nsources: [{name: a, tables: [{x: 1}]}]\n", "line 2, column 30"),
        ("version: 2\nsources: [\n", "line "),
    ] {
        let project = Project::new();
        project.write("bad.yml", text);
        let ran = project.run(&["import", "dbt", "bad.yml", "--out", "made"]);
        assert_eq!(ran.code(), 2, "{text}: {}", ran.said());
        assert!(ran.said().contains(said), "{text}: {}", ran.said());
        assert!(!project.path("made").exists(), "{text}");
    }
}
