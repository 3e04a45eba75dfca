//! `covenant import odcs` on the samples of the standard: contracts that hold together, and documents that come back with all that
//! they said. The samples are not committed; without them only what needs none is tested.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;
#[path = "../../fuzz/targets.rs"]
mod targets;

use std::path::{Path, PathBuf};

use common::Project;
use serde_json::Value;
use targets::{lost, yaml};

fn shared() -> Option<PathBuf> {
    let shared = std::env::var_os("COVENANT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let path = std::path::absolute(shared.join("odcs")).unwrap();
    let there = path.is_dir();
    if !there {
        println!("SKIP: no samples of the standard below COVENANT_SHARED or ../shared");
    }
    there.then_some(path)
}

fn samples(shared: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(shared.join("examples")).unwrap();
    let mut all: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).collect();
    all.sort();
    assert!(all.len() >= 5, "{all:?}");
    all
}

fn names(of: &Value) -> Vec<String> {
    let all = of["schema"].as_array().into_iter().flatten();
    all.flat_map(|object| {
        let own = object["name"].as_str().map(str::to_owned);
        let inner = object["properties"].as_array().into_iter().flatten();
        own.into_iter().chain(inner.map(|one| one["name"].as_str().unwrap().to_owned()))
    })
    .collect()
}

fn imported(project: &Project, files: &[&str], out: &str) {
    let mut arguments = vec!["import", "odcs"];
    arguments.extend(files);
    arguments.extend(["--out", out]);
    let ran = project.run(&arguments);
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let checked = project.run(&["check", "--contracts", out]);
    assert_eq!(checked.code(), 0, "{files:?}: {}", checked.said());
}

fn exported(project: &Project, contracts: &str, out: &str) {
    let ran = project.run(&["export", "odcs", "--contracts", contracts, "--out", out]);
    assert_eq!(ran.code(), 0, "{}", ran.said());
}

#[test]
fn every_sample_comes_back_with_all_that_it_said() {
    let Some(shared) = shared() else { return };
    let schema = |version: &str| {
        let path = shared.join(format!("schema/odcs-json-schema-{version}.json"));
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
    };
    let (released, next) = (schema("v3.1.0"), schema("v3.2.0-dev20260603"));
    for path in samples(&shared) {
        let project = Project::new();
        imported(&project, &[path.to_str().unwrap()], "first");
        exported(&project, "first", "out");
        let file = path.file_name().unwrap().to_str().unwrap();
        let (said, now) = (
            yaml(&std::fs::read_to_string(&path).unwrap()),
            yaml(&project.read(&format!("out/{file}"))),
        );
        let mut found = Vec::new();
        lost(&said, &now, "", &mut found);
        assert!(found.is_empty(), "{file}: {found:#?}");
        assert_eq!(names(&said), names(&now), "{file}: objects and properties stay in their order");

        let is_next = said["apiVersion"].as_str().unwrap().starts_with("v3.2");
        let validator = if is_next { &next } else { &released };
        let valid = |value: &Value| {
            validator.iter_errors(value).map(|one| one.to_string()).collect::<Vec<_>>()
        };
        assert!(valid(&now).len() <= valid(&said).len(), "{file}: {:#?}", valid(&now));

        // and what was exported is imported as the same contracts
        imported(&project, &[&format!("out/{file}")], "again");
        let diff = project.run(&[
            "diff",
            "--contracts",
            "again",
            "--against",
            "first",
            "--format",
            "json",
        ]);
        assert_eq!(diff.codes(), Vec::<&str>::new(), "{file}: {}", diff.out());
    }
}

const ORDERS: &str = include_str!("imports/orders.odcs.yaml");

#[test]
fn words_of_the_standard_become_words_of_the_language() {
    let project = Project::new();
    project.write("orders.odcs.yaml", ORDERS);
    imported(&project, &["orders.odcs.yaml"], "made");
    let order = project.read("made/seller/order.yaml");
    for line in [
        "entity: seller.order",
        "version: 2.0.0",
        "owner: \"orders@acme.example\"",
        "  source: {table: shop.orders}    # a guess",
        "# Not taken over: `opensAt` (time).",
        "  id: {id: 1, type: int64, from: source",
        "    type: \"decimal(12,2)\"",
        "    from: {source: \"totalAmount\"}",
        "format: email, pii: contact}    # `pii` is a guess",
        "type: \"enum [open, paid]\"",
        "type: \"decimal(37,9)\"",
        "    references: seller.customer",
    ] {
        assert!(order.contains(line), "{line}\n{order}");
    }
    assert!(!project.path("made/seller/loose.yaml").exists(), "what has no key is no entity");
    exported(&project, "made", "out");
    let mut found = Vec::new();
    let now = yaml(&project.read("out/orders.odcs.yaml"));
    lost(&yaml(ORDERS), &now, "", &mut found);
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(names(&yaml(ORDERS)), names(&now));

    // what the contract says later is what is exported, and the rest stays
    project.edit("made/seller/order.yaml", "version: 2.0.0", "version: 3.0.0");
    project.edit("made/seller/customer.yaml", "version: 2.0.0", "version: 3.0.0");
    project.edit("made/seller/order.yaml", "type: \"decimal(12,2)\"", "type: \"decimal(14,2)\"");
    exported(&project, "made", "later");
    let later = yaml(&project.read("later/orders.odcs.yaml"));
    assert_eq!(later["version"], "3.0.0");
    let total = &later["schema"][0]["properties"][1];
    assert_eq!(
        (&total["physicalType"], &total["businessName"]),
        (&"decimal(14,2)".into(), &"total".into())
    );
    assert_eq!(later["tags"][0], "gold");
}

#[test]
fn our_own_documents_are_imported() {
    let project = Project::new();
    exported(&project, "contracts", "out");
    let files: Vec<String> = std::fs::read_dir(project.path("out"))
        .unwrap()
        .map(|entry| format!("out/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    let mut sorted: Vec<&str> = files.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    imported(&project, &sorted, "made");
    exported(&project, "made", "again");
    for file in &files {
        let (said, now) =
            (yaml(&project.read(file)), yaml(&project.read(&file.replace("out/", "again/"))));
        let mut found = Vec::new();
        lost(&said, &now, "", &mut found);
        assert!(found.is_empty(), "{file}: {found:#?}");
    }
}

#[test]
fn what_is_no_such_document_is_refused_with_its_place() {
    let head = "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\n";
    for (text, place, why) in [
        ("", "line 1, column 1", "nothing"),
        ("- a\n", "line 1, column 1", "a document is a map"),
        ("entity: a.b\n", "line 1, column 1", "has `kind`"),
        (&head.replace("v3.1.0", "v4.0.0"), "line 1, column 13", "v4.0.0"),
        (&head.replace("v3.1.0", "v2.2.2"), "line 1, column 13", "v2.2.2"),
        (&head.replace("DataContract", "DataProduct"), "line 2, column 7", "DataContract"),
        (&head.replace("id: a\n", ""), "line 1, column 1", "has `id`"),
        (&format!("{head}schema: {{}}\n"), "line 6, column 9", "is a list"),
        (&format!("{head}schema: [{{a: b}}]\n"), "line 6, column 10", "has a `name`"),
        (&format!("{head}schema: [\n"), "line ", ""),
        (&format!("{head}name: &x a\nother: *x\n"), "line 6", ""),
        (&format!("{head}name: ghp_{}\n", "a1".repeat(20)), "project.yaml is refused", "GitHub"),
    ] {
        let project = Project::new();
        project.write("bad.odcs.yaml", text);
        let ran = project.run(&["import", "odcs", "bad.odcs.yaml", "--out", "made"]);
        assert_eq!(ran.code(), 2, "{text}: {}", ran.said());
        let said = ran.said();
        assert!(said.contains(place) && said.contains(why), "{text}: {said}");
        assert!(!project.path("made").exists(), "{text}: nothing is written");
    }
}
