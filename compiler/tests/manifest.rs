//! The manifest's published schema, and what is promised of its format (docs/manifest.md).

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use std::path::{Path, PathBuf};

use covenant_compiler::emit::orchestration::{MANIFEST, schema};
use covenant_compiler::{compile, driver, emit};
use covenant_model::manifest::{MANIFEST_FORMAT, Manifest};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The manifest of a folder of contracts.
fn manifest(folder: &str) -> Value {
    let sources = driver::read_contracts(&root().join(folder)).unwrap();
    let tree = emit::emit_all(&compile(sources).plan.unwrap()).unwrap();
    serde_json::from_str(tree.get(MANIFEST).unwrap()).unwrap()
}

fn problems(document: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(&schema::manifest()).unwrap();
    validator.iter_errors(document).map(|error| error.to_string()).collect()
}

#[test]
fn the_published_schema_is_fresh() {
    let schema = schema::manifest();
    jsonschema::meta::validate(&schema).unwrap();
    common::fresh("docs/manifest.schema.json", &format!("{schema:#}\n"));
}

#[test]
fn every_manifest_is_what_the_schema_says() {
    for folder in ["contracts", "compiler/tests/words", "tests/fixtures/kitchen/contracts"] {
        assert_eq!(problems(&manifest(folder)), [""; 0], "{folder}");
    }
}

#[test]
fn what_is_no_manifest_is_none() {
    let good = manifest("contracts");
    for (place, value) in [
        ("/format", json!(MANIFEST_FORMAT + 1)),
        ("/jobs", Value::Null),
        ("/jobs/0/kind", json!("caputre")),
        ("/jobs/0/every_s", json!(-1)),
        ("/entities/0/fields/0/id", json!("1")),
        ("/entities/0/key", json!("order_id")),
        ("/project/systems/store/kind", json!("oracle")),
        ("/files", json!([])),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(place).unwrap() = value;
        assert!(!problems(&bad).is_empty(), "{place}");
        assert!(place == "/format" || serde_json::from_value::<Manifest>(bad).is_err(), "{place}");
    }
}

/// Every leaf of the older document is there, and the same.
fn lost(old: &Value, new: &Value, place: &str, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                let place = format!("{place}/{key}");
                match new.get(key) {
                    Some(now) => lost(value, now, &place, found),
                    // Left out again where it says nothing.
                    None if value.is_null() || *value == json!([]) || *value == json!({}) => {}
                    None => found.push(place),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                lost(old, new, &format!("{place}/{at}"), found);
            }
        }
        (old, new) if old == new => {}
        _ => found.push(place.to_owned()),
    }
}

/// A manifest as it was when its format was published. Never written again: another meaning needs another format.
#[test]
fn a_manifest_of_the_same_format_is_read_without_a_loss() {
    let path = root().join(format!("compiler/tests/manifests/format-{MANIFEST_FORMAT}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let old: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problems(&old), [""; 0]);
    let read: Manifest = serde_json::from_value(old.clone()).unwrap();
    let mut found = Vec::new();
    lost(&old, &serde_json::to_value(&read).unwrap(), "", &mut found);
    assert_eq!(found, ["/_generated"], "members that are read no more");
}

/// What a newer compiler adds is passed over.
#[test]
fn an_unknown_member_is_passed_over() {
    let good = manifest("contracts");
    let read: Manifest = serde_json::from_value(good.clone()).unwrap();
    for place in ["", "/project", "/entities/0", "/entities/0/fields/3", "/models/0", "/jobs/2"] {
        let mut newer = good.clone();
        let object = newer.pointer_mut(place).unwrap().as_object_mut().unwrap();
        object.insert("of_tomorrow".to_owned(), json!({"x": 1}));
        assert_eq!(problems(&newer), [""; 0], "{place}");
        assert_eq!(serde_json::from_value::<Manifest>(newer).unwrap(), read, "{place}");
    }
}
