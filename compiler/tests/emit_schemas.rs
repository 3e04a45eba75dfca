//! What the `schemas` target emits for Acme: schemas that compile, the contract language's own schema on real contracts,
//! and ODCS documents under the standard's schema.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test fails where it unwraps, and reads files

use std::path::{Path, PathBuf};

use covenant_compiler::tree::OutputTree;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn emitted() -> OutputTree {
    let sources = covenant_compiler::driver::read_contracts(&root().join("contracts")).unwrap();
    let compiled = covenant_compiler::compile(sources);
    let plan = compiled.plan.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    covenant_compiler::emit::emit_all(&plan).unwrap()
}

fn files<'t>(tree: &'t OutputTree, start: &str, end: &str) -> Vec<(&'t str, &'t str)> {
    let found: Vec<_> =
        tree.iter().filter(|(path, _)| path.starts_with(start) && path.ends_with(end)).collect();
    assert!(!found.is_empty(), "nothing below {start}");
    found
}

#[test]
fn every_json_schema_is_one() {
    let tree = emitted();
    for (path, text) in files(&tree, "schemas/", ".schema.json") {
        let schema: Value = serde_json::from_str(text).unwrap();
        jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|e| panic!("{path}: {e}"));
    }
}

#[test]
fn the_language_schema_knows_every_contract_and_no_typo() {
    let tree = emitted();
    let schema = serde_json::from_str(tree.get("schemas/contract.schema.json").unwrap()).unwrap();
    let language = jsonschema::validator_for(&schema).unwrap();
    for folder in ["contracts", "tests/fixtures/kitchen/contracts"] {
        let sources = covenant_compiler::driver::read_contracts(&root().join(folder)).unwrap();
        let contracts = sources.iter().filter(|(_, file)| file.path.ends_with(".yaml"));
        for (_, file) in contracts {
            let contract: Value = serde_saphyr::from_str(&file.text).unwrap();
            let errors: Vec<_> =
                language.iter_errors(&contract).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", file.path);
            let mut typo = contract.clone();
            typo["purpsoe"] = json!("x");
            assert!(!language.is_valid(&typo), "{}: a member that nobody knows", file.path);
        }
    }
}

/// The schema of the standard lies beside the checkout, or where `COVENANT_SHARED` says.
fn odcs_schema() -> Option<Value> {
    let beside = || root().join("../shared");
    let shared = std::env::var_os("COVENANT_SHARED").map_or_else(beside, PathBuf::from);
    let path = shared.join("odcs/schema/odcs-json-schema-v3.1.0.json");
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn odcs_documents_keep_the_standard() {
    let Some(schema) = odcs_schema() else {
        println!("SKIP: no ODCS schema; set COVENANT_SHARED to the folder that holds odcs/schema");
        return;
    };
    let standard = jsonschema::validator_for(&schema).unwrap();
    let tree = emitted();
    for (path, text) in files(&tree, "schemas/odcs/", ".odcs.yaml") {
        let document: Value = serde_saphyr::from_str(text).unwrap();
        let errors: Vec<_> = standard
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{path}: {errors:#?}");
        let mut wrong = document.clone();
        wrong["schema"][0]["properties"][0]["logicalType"] = json!("uuid");
        assert!(!standard.is_valid(&wrong), "{path}: the validator looks at properties");
    }
}

#[test]
fn dbt_sources_name_what_is_stored() {
    let tree = emitted();
    let text = tree.get("schemas/dbt/sources.yml").unwrap();
    let sources: Value = serde_saphyr::from_str(text).unwrap();
    let sales = sources["sources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|source| source["schema"] == "SALES")
        .unwrap();
    let customers = sales["tables"]
        .as_array()
        .unwrap()
        .iter()
        .find(|table| table["name"] == "CUSTOMERS")
        .unwrap();
    let columns: Vec<_> = customers["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert!(columns.contains(&"email") && columns.contains(&"email_token"), "{columns:?}");
    assert!(!columns.contains(&"date_of_birth"), "dropped at capture: {columns:?}");
}
