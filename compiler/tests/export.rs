//! `covenant export`: what it writes for Acme, under the schemas of the standards.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test fails where it unwraps, and reads files

use std::path::{Path, PathBuf};
use std::process::Command;

use covenant_compiler::interop::{Standard, export};
use covenant_compiler::tree::OutputTree;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn exported(standard: Standard) -> OutputTree {
    let sources = covenant_compiler::driver::read_contracts(&root().join("contracts")).unwrap();
    let compiled = covenant_compiler::compile(sources);
    let plan = compiled.plan.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    export(&plan, standard, jiff::civil::date(2026, 11, 23)).unwrap()
}

fn paths(tree: &OutputTree) -> Vec<&str> {
    tree.iter().map(|(path, _)| path).collect()
}

/// The standard's schemas lie beside the checkout, or where `COVENANT_SHARED` says.
fn openlineage() -> Option<PathBuf> {
    let beside = || root().join("../shared");
    let shared = std::env::var_os("COVENANT_SHARED").map_or_else(beside, PathBuf::from);
    let folder = shared.join("openlineage");
    folder.join("OpenLineage.json").exists().then_some(folder)
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A validator of one definition that knows the core schema by its address.
fn validator(core: &Value, schema: &Value, definition: &str) -> jsonschema::Validator {
    let id = schema["$id"].as_str().unwrap();
    let registry = jsonschema::Registry::new()
        .extend([core, schema].map(|one| (one["$id"].as_str().unwrap(), one.clone())))
        .unwrap()
        .prepare()
        .unwrap();
    let wanted = json!({"$ref": format!("{id}#/$defs/{definition}")});
    jsonschema::options()
        .with_registry(&registry)
        .should_validate_formats(true)
        .build(&wanted)
        .unwrap()
}

fn valid(validator: &jsonschema::Validator, value: &Value, what: &str) {
    let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}");
}

#[test]
fn openlineage_events_and_facets_keep_the_standard() {
    let Some(folder) = openlineage() else {
        println!("SKIP: no OpenLineage schema; set COVENANT_SHARED to the folder that holds it");
        return;
    };
    let core = read(&folder.join("OpenLineage.json"));
    let event_schema = validator(&core, &core, "JobEvent");
    let tree = exported(Standard::OpenLineage);
    let mut facets = 0;
    for (path, text) in tree.iter() {
        let event: Value = serde_json::from_str(text).unwrap();
        valid(&event_schema, &event, path);
        let mut wrong = event.clone();
        wrong["outputs"][0]["name"] = json!(7);
        assert!(!event_schema.is_valid(&wrong), "{path}: the validator looks at outputs");
        let of_job = event["job"]["facets"].as_object().unwrap().values();
        let of_output = event["outputs"][0]["facets"].as_object().unwrap().values();
        for facet in of_job.chain(of_output) {
            let url = facet["_schemaURL"].as_str().unwrap();
            let name = url.rsplit('/').next().unwrap();
            let schema = read(&folder.join(format!("facets/{name}.json")));
            let id = schema["$id"].as_str().unwrap();
            assert!(url.starts_with(id), "{url} is not of the version {id}");
            valid(&validator(&core, &schema, name), facet, &format!("{path}: {name}"));
            facets += 1;
        }
    }
    assert!(facets > 20, "{facets} facets");
}

#[test]
fn column_lineage_goes_from_the_source_to_the_model() {
    let tree = exported(Standard::OpenLineage);
    let of = |path: &str, column: &str| -> Vec<(String, String)> {
        let event: Value = serde_json::from_str(tree.get(path).unwrap()).unwrap();
        let fields = &event["outputs"][0]["facets"]["columnLineage"]["fields"];
        let inputs = fields[column]["inputFields"].as_array().unwrap();
        let word = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
        inputs.iter().map(|one| (word(one, "name"), word(one, "field"))).collect()
    };
    let land = "land.sales.customer.json";
    let pair = |table: &str, field: &str| vec![(table.to_owned(), field.to_owned())];
    assert_eq!(of(land, "email_token"), pair("public.customers", "email"));
    assert_eq!(of(land, "tier"), pair("Account", "Tier__c"));
    let landed: Value = serde_json::from_str(tree.get(land).unwrap()).unwrap();
    let fields = &landed["outputs"][0]["facets"]["columnLineage"]["fields"];
    assert!(fields.get("date_of_birth").is_none(), "dropped at capture");
    let name = "compute.analytics.daily_sales.json";
    let event: Value = serde_json::from_str(tree.get(name).unwrap()).unwrap();
    assert!(event["job"]["facets"]["sql"]["query"].as_str().unwrap().contains("SELECT"));
    let inputs = event["inputs"].as_array().unwrap();
    assert!(inputs.iter().any(|one| one["name"] == "ANALYTICS.SALES.ORDERS"), "{inputs:?}");
    // What decides which rows there are is no part of any column.
    let lineage = &event["outputs"][0]["facets"]["columnLineage"];
    let whole = lineage["dataset"].as_array().unwrap();
    let told = |field: &str, subtype: &str| {
        whole.iter().any(|one| {
            let how = &one["transformations"][0];
            one["field"] == field && how["type"] == "INDIRECT" && how["subtype"] == subtype
        })
    };
    assert!(told("status", "FILTER") && told("customer_id", "JOIN"), "{whole:?}");
    assert!(told("placed_at", "GROUP_BY") && !told("line_total", "FILTER"), "{whole:?}");
    assert_eq!(landed["outputs"][0]["facets"]["columnLineage"].get("dataset"), None);
}

#[test]
fn every_standard_has_its_files_and_no_other() {
    let odcs = exported(Standard::Odcs);
    assert!(paths(&odcs).contains(&"sales.order.odcs.yaml"), "{:?}", paths(&odcs));
    let schemas = exported(Standard::JsonSchema);
    assert!(paths(&schemas).contains(&"sales.order.schema.json"), "{:?}", paths(&schemas));
    assert!(!paths(&schemas).contains(&"contract.schema.json"));
    assert_eq!(paths(&exported(Standard::Mermaid)), ["lineage.mmd"]);
    let dbt = exported(Standard::Dbt);
    assert_eq!(paths(&dbt), ["exposures.yml", "sources.yml"]);
}

#[test]
fn dbt_exposures_depend_on_declared_sources() {
    let tree = exported(Standard::Dbt);
    let of = |path: &str| -> Value { serde_saphyr::from_str(tree.get(path).unwrap()).unwrap() };
    let (exposures, sources) = (of("exposures.yml"), of("sources.yml"));
    let mut known = Vec::new();
    for source in sources["sources"].as_array().unwrap() {
        for table in source["tables"].as_array().unwrap() {
            let (source, table) = (source["name"].as_str(), table["name"].as_str());
            known.push(format!("source('{}', '{}')", source.unwrap(), table.unwrap()));
        }
    }
    let exposures = exposures["exposures"].as_array().unwrap();
    assert!(!exposures.is_empty());
    for exposure in exposures {
        let reads = exposure["depends_on"].as_array().unwrap();
        assert!(!reads.is_empty(), "{exposure}");
        for on in reads {
            assert!(known.iter().any(|one| one == on.as_str().unwrap()), "{on}: {known:?}");
        }
        let name = exposure["name"].as_str().unwrap();
        assert!(name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_'), "{name}");
    }
}

#[test]
fn the_command_writes_beside_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept.txt");
    std::fs::write(&kept, "mine").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_covenant"));
        command.arg("--contracts").arg(root().join("contracts")).args(arguments);
        command.arg("--out").arg(folder.path()).output().unwrap()
    };
    let output = run(&["--today", "2026-11-23", "export", "openlineage"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read_to_string(folder.path().join("land.sales.order.json")).unwrap();
    assert!(written.contains("2026-11-23T00:00:00Z"));
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "mine");
    assert_eq!(run(&["export", "avro"]).status.code(), Some(2), "an unknown standard is usage");
}
