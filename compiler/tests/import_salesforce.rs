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
use serde_json::Value;

/// The recordings of `GET sobjects/...`: what stands between that and the ending, and the file. Empty, with a word, without them.
fn recordings() -> Vec<(String, PathBuf)> {
    let shared = std::env::var_os("COVENANT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = std::path::absolute(shared.join("salesforce/cumulusci_cassettes")).unwrap();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIP: no recorded describes below COVENANT_SHARED or ../shared");
        return Vec::new();
    };
    let mut found: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?;
            let asked = name.strip_prefix("GET_sobjects_")?.strip_suffix(".yaml")?.to_owned();
            Some((asked, path))
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "the folder holds other recordings only");
    found
}

fn cassette(object: &str) -> Option<PathBuf> {
    let asked = format!("{object}_describe");
    recordings().into_iter().find(|(name, _)| *name == asked).map(|(_, path)| path)
}

/// The answer that a recording holds.
fn answer(path: &Path) -> Value {
    let recorded: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    serde_json::from_str(recorded["response"]["body"]["string"].as_str().unwrap()).unwrap()
}

/// Fields that a contract can hold at least: those with a value of their own.
fn plain_fields(describe: &Value) -> usize {
    let plain = |field: &&Value| {
        let kind = field["type"].as_str().unwrap();
        !["address", "location", "complexvalue", "anyType", "base64"].contains(&kind)
    };
    describe["fields"].as_array().unwrap().iter().filter(plain).count()
}

#[test]
fn every_recorded_describe_becomes_contracts_that_hold_together() {
    for (asked, path) in recordings() {
        let text = answer(&path);
        // the list of all objects, and records: what is no describe is in a test of its own
        if text.get("fields").is_none() {
            continue;
        }
        let project = Project::new();
        let ran = project.run(&[
            "import",
            "salesforce",
            "--describe",
            path.to_str().unwrap(),
            "--out",
            "crm",
        ]);
        assert_eq!(ran.code(), 0, "{asked}: {}", ran.said());
        let checked = project.run(&["check", "--contracts", "crm", "--format", "json"]);
        // the recorder took the version out of some: such a describe is kept, and not asked for; and an object without the
        // field by which changes are found is told
        let recording = std::fs::read_to_string(&path).unwrap();
        let changes =
            text["fields"].as_array().unwrap().iter().any(|f| f["name"] == "SystemModstamp");
        let address = text["urls"]["sobject"].as_str();
        let versioned = address.is_none_or(|address| !address.contains("vxx"));
        let said: &[&str] = match (changes, versioned) {
            (true, true) => &[],
            (true, false) => &["CV3124"],
            (false, _) => &["CV3125"],
        };
        assert_eq!(checked.codes(), said, "{asked}: {}", checked.out());
        // with a version, every one is held against the contract that came of it
        project.write("there.yaml", recording.replace("vxx.0", "v60.0"));
        let ran =
            project.run(&["import", "salesforce", "--describe", "there.yaml", "--out", "again"]);
        assert_eq!(ran.code(), 0, "{asked}: {}", ran.said());
        assert!(project.read("again/project.yaml").contains("describe: salesforce"), "{asked}");
        let checked = project.run(&["check", "--contracts", "again", "--format", "json"]);
        let said: &[&str] = if changes { &[] } else { &["CV3125"] };
        assert_eq!(checked.codes(), said, "{asked}: {}", checked.out());
        let name = text["name"].as_str().unwrap().to_lowercase();
        let name = name.strip_suffix("__c").unwrap_or(&name);
        let contract = project.read(&format!("crm/crm/{name}.yaml"));
        let told = contract.matches("from: salesforce").count();
        assert!(told * 10 >= plain_fields(&text) * 8, "{asked}: {told} fields\n{contract}");
    }
}

#[test]
fn recordings_of_anything_else_are_refused_by_what_they_are() {
    for (asked, path) in recordings() {
        if answer(&path).get("fields").is_some() {
            continue;
        }
        let said = if answer(&path).get("sobjects").is_some() {
            "the list of all objects"
        } else {
            "it is a record, not the describe of its object"
        };
        let project = Project::new();
        let ran = project.run(&[
            "import",
            "salesforce",
            "--describe",
            path.to_str().unwrap(),
            "--out",
            "crm",
        ]);
        assert_eq!(ran.code(), 2, "{asked}: {}", ran.said());
        assert!(ran.said().contains(said), "{asked}: {}", ran.said());
        // what a record of the org holds is not told
        assert!(!ran.said().contains("Dev Workspace"), "{asked}: {}", ran.said());
        assert!(!project.path("crm").exists(), "{asked}");
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
