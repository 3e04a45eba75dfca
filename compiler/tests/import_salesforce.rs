//! `covenant import salesforce` on describes that real orgs gave: contracts that hold together, and that their own describes agree
//! with. The recordings are not committed; without them only what needs none is tested.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use std::path::{Path, PathBuf};

use common::Project;

fn cassette(object: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("COVENANT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let name = format!("salesforce/cumulusci_cassettes/GET_sobjects_{object}_describe.yaml");
    let path = std::path::absolute(shared.join(name)).unwrap();
    let there = path.is_file();
    if !there {
        eprintln!("SKIP: no recorded describes below COVENANT_SHARED or ../shared");
    }
    there.then_some(path)
}

#[test]
fn every_recorded_describe_becomes_contracts_that_hold_together() {
    for (object, fields) in
        [("Account", 60), ("Contact", 50), ("Opportunity", 35), ("Custom__c", 2)]
    {
        let Some(path) = cassette(object) else { return };
        let project = Project::new();
        let ran = project.run(&[
            "import",
            "salesforce",
            "--describe",
            path.to_str().unwrap(),
            "--out",
            "crm",
        ]);
        assert_eq!(ran.code(), 0, "{}", ran.said());
        let checked = project.run(&["check", "--contracts", "crm", "--format", "json"]);
        // the recorder took the version out of two of them: such a describe is kept, and not asked for
        // and Custom__c lacks the field by which changes are found
        let said: &[&str] = match object {
            "Account" => &[],
            "Custom__c" => &["CV3125"],
            _ => &["CV3124"],
        };
        assert_eq!(checked.codes(), said, "{object}: {}", checked.out());
        // with a version, every one is held against the contract that came of it
        let recording = std::fs::read_to_string(&path).unwrap();
        project.write("there.yaml", recording.replace("vxx.0", "v60.0"));
        let ran =
            project.run(&["import", "salesforce", "--describe", "there.yaml", "--out", "again"]);
        assert_eq!(ran.code(), 0, "{}", ran.said());
        assert!(project.read("again/project.yaml").contains("describe: salesforce"));
        let checked = project.run(&["check", "--contracts", "again", "--format", "json"]);
        let said: &[&str] = if object == "Custom__c" { &["CV3125"] } else { &[] };
        assert_eq!(checked.codes(), said, "{object}: {}", checked.out());
        let name = if object == "Custom__c" { "custom" } else { &object.to_lowercase() };
        let contract = project.read(&format!("crm/crm/{name}.yaml"));
        assert!(contract.matches("from: salesforce").count() >= fields, "{contract}");
    }
}

#[test]
fn several_objects_refer_to_each_other() {
    let (Some(account), Some(contact)) = (cassette("Account"), cassette("Contact")) else { return };
    let project = Project::new();
    let (account, contact) = (account.to_str().unwrap(), contact.to_str().unwrap());
    let ran =
        project.run(&["import", "salesforce", "--describe", account, contact, "--out", "crm"]);
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let written = project.read("crm/crm/contact.yaml");
    assert!(written.contains("references: crm.account"), "{written}");
    assert!(written.contains("format: email, pii: contact"), "{written}");
    let checked = project.run(&["check", "--contracts", "crm", "--format", "json"]);
    assert_eq!(checked.code(), 0, "{}", checked.out());
    // the two recordings name different versions: said in the draft instead of held against each other
    assert!(project.read("crm/project.yaml").contains("ask again in one version"));
    let built = project.run(&["build", "--contracts", "crm", "--out", "made"]);
    assert_eq!(built.code(), 0, "{}", built.said());
}

#[test]
fn what_is_no_describe_is_refused_and_nothing_is_written() {
    let project = Project::new();
    for (text, said) in [
        ("{", "line 1, column 2: expected a key in double quotes"),
        ("{\n \"name\": \"A\"}", "the answer has no `fields`"),
        ("[{\"errorCode\": \"NOT_FOUND\", \"message\": \"x\"}]", "the API refused it: NOT_FOUND"),
        ("{\"sobjects\": []}", "the list of all objects"),
        ("{\"name\": \"../up\", \"fields\": []}", "is no API name"),
        ("", "the text ends where a value was expected"),
    ] {
        project.write("there.json", text);
        let ran =
            project.run(&["import", "salesforce", "--describe", "there.json", "--out", "crm"]);
        assert_eq!(ran.code(), 2, "{text}: {}", ran.said());
        assert!(ran.said().contains(said), "{text}: {}", ran.said());
        assert!(!project.path("crm").exists(), "{text}");
    }
    let ran = project.run(&["import", "salesforce", "--describe", "nowhere.json", "--out", "crm"]);
    assert_eq!(ran.code(), 2);
    let global = cassette("Global");
    if let Some(global) = global {
        let ran = project.run(&[
            "import",
            "salesforce",
            "--describe",
            global.to_str().unwrap(),
            "--out",
            "crm",
        ]);
        assert!(ran.said().contains("the list of all objects"), "{}", ran.said());
    }
}

#[test]
fn files_that_are_there_are_not_touched() {
    let project = Project::new();
    let describe = include_str!("words/crm/Account.describe.json");
    project.write("there.json", describe);
    let run = || project.run(&["import", "salesforce", "--describe", "there.json", "--out", "crm"]);
    assert_eq!(run().code(), 0);
    let before = project.snapshot();
    let ran = run();
    assert_eq!(ran.code(), 2);
    assert!(ran.said().contains("is there already"), "{}", ran.said());
    assert_eq!(project.snapshot(), before);
}

#[test]
fn describes_of_a_revision_are_read_with_its_contracts() {
    let project = Project::new();
    project.write("there.json", include_str!("words/crm/Account.describe.json"));
    let ran = project.run(&["import", "salesforce", "--describe", "there.json", "--out", "crm"]);
    assert_eq!(ran.code(), 0, "{}", ran.said());
    project.git(&["init", "-q"]);
    project.git(&["add", "."]);
    project.git(&["commit", "-q", "-m", "first"]);
    let same =
        project.run(&["diff", "--contracts", "crm", "--against", "git:HEAD", "--format", "json"]);
    assert_eq!((same.code(), same.codes()), (0, Vec::new()), "{}", same.said());
    // the old contracts fit the old describe, and not the new one
    project.edit("crm/salesforce/Account.describe.json", "\"length\": 40,", "\"length\": 80,");
    let checked = project.run(&["check", "--contracts", "crm", "--format", "json"]);
    assert_eq!(checked.codes(), ["CV3134"]);
    project.edit("crm/crm/account.yaml", "string(40)", "string(80)");
    let wider =
        project.run(&["diff", "--contracts", "crm", "--against", "git:HEAD", "--format", "json"]);
    let codes = wider.codes();
    assert!(!codes.is_empty() && codes.iter().all(|code| code.starts_with("DC")), "{codes:?}");
}
