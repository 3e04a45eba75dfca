//! `covenant import json-schema`: our own schemas give the types that they were made of, others' give a draft that holds together.

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
fn our_own_schemas_give_the_types_that_they_were_made_of() {
    let project = Project::new();
    let acme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let compiled = compile(driver::read_contracts(&acme).unwrap());
    let plan = compiled.plan.unwrap();
    let acme = std::path::absolute(acme).unwrap();
    let ran = project.run(&[
        "export",
        "json-schema",
        "--contracts",
        acme.to_str().unwrap(),
        "--out",
        "out",
    ]);
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let mut compared = 0;
    for entity in &plan.entities {
        let file = format!("out/{}.schema.json", entity.name);
        let keys = entity.key.iter().map(|at| entity.fields[*at].name.clone());
        let keys: Vec<String> = keys.flat_map(|key| ["--key".to_owned(), key]).collect();
        let mut arguments = vec!["import", "json-schema", &file, "--out", &entity.name];
        arguments.extend(keys.iter().map(String::as_str));
        let ran = project.run(&arguments);
        assert_eq!(ran.code(), 0, "{}", ran.said());
        let made = compile(driver::read_contracts(&project.path(&entity.name)).unwrap());
        assert!(made.diagnostics.is_empty(), "{:?}", made.diagnostics);
        let made = made.plan.unwrap();
        let made = made.entity(&entity.name).unwrap();
        for field in &entity.fields {
            let Some(again) = made.fields.iter().find(|one| one.name == field.name) else {
                panic!("{}.{} is lost", entity.name, field.name)
            };
            assert_eq!(again.ty, field.ty, "{}.{}", entity.name, field.name);
            assert_eq!(
                (&again.pattern, &again.unit),
                (&field.pattern, &field.unit),
                "{}",
                field.name
            );
            let class =
                |of: &covenant_model::spec::FieldSpec| of.pii.as_ref().map(|pii| pii.class.clone());
            assert_eq!(class(again), class(field), "{}", field.name);
            compared += 1;
        }
        assert_eq!(made.key.len(), entity.key.len());
    }
    assert!(compared > 40, "{compared}");
}

const FOREIGN: &str = include_str!("imports/order.schema.json");

#[test]
fn a_foreign_schema_becomes_a_draft_that_says_what_it_lacks() {
    let project = Project::new();
    project.write("order.json", FOREIGN);
    let ran = project.run(&["import", "json-schema", "order.json", "--out", "made"]);
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let made = project.read("made/imported/purchase_order.yaml");
    for line in [
        "key: [order_id]    # a guess",
        "  order_id: {id: 1, type: uuid, from: {source: \"orderId\"}}",
        "  total: {id: 2, type: \"decimal(9,2)\", from: source, min: 0}",
        "  mail: {id: 3, type: string(120), from: source, format: email, about: \"Where to.\"}",
        "  state: {id: 4, type: \"enum [open, paid]\", from: source, nullable: true}",
        "  lines: {id: 5, type: json, from: source, nullable: true, large: true}    # not taken over: `minItems`",
        "  seen: {id: 6, type: timestamp, from: source, nullable: true}",
        "  ratio: {id: 7, type: \"decimal(37,9)\", from: source, nullable: true}    # the type is a guess",
        "  small: {id: 8, type: int32, from: source, nullable: true, min: -5, max: 9}",
        "# Not taken over: `odd` (several types).",
        "# Not taken over: `free` (no type).",
    ] {
        assert!(made.lines().any(|one| one == line), "{line}\n{made}");
    }
    let checked = project.run(&["check", "--contracts", "made"]);
    assert_eq!(checked.code(), 0, "{}", checked.said());
}

#[test]
fn what_cannot_be_a_contract_is_refused_with_its_place() {
    for (text, key, said) in [
        ("{", "", "line 1, column 2"),
        ("[]", "", "under `properties`"),
        ("{\"properties\": 1}", "", "line 1, column 16"),
        ("{\"properties\": {\"a\": {\"type\": \"string\"}}}", "", "--key"),
        ("{\"properties\": {\"a\": {\"type\": \"string\"}}}", "b", "no property `b`"),
        ("{\"properties\": {\"id\": {\"$ref\": \"#/$defs/x\"}}}", "", "line 1"),
    ] {
        let project = Project::new();
        project.write("bad.json", text);
        let mut arguments = vec!["import", "json-schema", "bad.json", "--out", "made"];
        if !key.is_empty() {
            arguments.extend(["--key", key]);
        }
        let ran = project.run(&arguments);
        assert_eq!(ran.code(), 2, "{text}: {}", ran.said());
        assert!(ran.said().contains(said), "{text}: {}", ran.said());
        assert!(!project.path("made").exists(), "{text}");
    }
}
