//! Waivers through the program: accepted, unused, over, malformed, and what nobody accepts alone.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use common::Project;

const DIFF: [&str; 5] = ["diff", "--against", "released", "--format", "json"];

/// A change that breaks somebody: the sums of orders are in another currency.
fn broken() -> Project {
    let project = Project::new();
    project.edit(
        "contracts/sales/order.yaml",
        "total: {id: 4, type: \"decimal(12,2)\", from: shop, unit: EUR",
        "total: {id: 4, type: \"decimal(12,2)\", from: shop, unit: USD",
    );
    project
}

/// Fingerprints and codes of the errors that count.
fn errors(project: &Project, today: &str) -> Vec<(String, String)> {
    let ran = project.run(&[&DIFF[..], &["--today", today]].concat());
    let counted = |one: &&serde_json::Value| one["severity"] == "error" && one["waived"].is_null();
    ran.findings()
        .iter()
        .filter(counted)
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap().to_owned();
            (text("fingerprint"), text("code"))
        })
        .collect()
}

fn waive_all(project: &Project) -> usize {
    let found = errors(project, "2026-11-23");
    for (fingerprint, _) in &found {
        let ran = project.run(&[
            "waive",
            fingerprint,
            "--reason",
            "Prices are \"in dollars\" from now on: decided.",
            "--owner",
            "orders@shop.example",
            "--until",
            "2027-03-31",
            "--today",
            "2026-11-23",
        ]);
        assert_eq!(ran.code(), 0, "{}", ran.said());
    }
    found.len()
}

#[test]
fn a_waived_break_no_longer_fails() {
    let project = broken();
    assert_eq!(project.run(&DIFF).code(), 1);
    let waived = waive_all(&project);
    assert!(waived > 0);
    let ran = project.run(&[&DIFF[..], &["--today", "2027-03-31"]].concat());
    assert_eq!(ran.code(), 0, "{}", ran.out());
    assert_eq!(ran.json()["summary"]["waived"], waived);
    let human = project.run(&["diff", "--against", "released", "--today", "2027-03-31"]);
    assert!(human.said().contains("waived by orders@shop.example until 2027-03-31"));
    assert_eq!(project.run(&["check"]).code(), 0, "waivers are contracts too");
}

#[test]
fn a_fingerprint_survives_moved_lines_and_renamed_files() {
    let project = broken();
    waive_all(&project);
    let text = project.read("contracts/sales/order.yaml");
    std::fs::remove_file(project.path("contracts/sales/order.yaml")).unwrap();
    project.write("contracts/elsewhere/all.yaml", format!("# Moved.\n\n{text}"));
    let ran = project.run(&[&DIFF[..], &["--today", "2027-01-01"]].concat());
    assert_eq!(ran.code(), 0, "{}", ran.out());
}

#[test]
fn a_waiver_that_is_over_counts_again_and_says_so() {
    let project = broken();
    waive_all(&project);
    let ran = project.run(&[&DIFF[..], &["--today", "2027-04-01"]].concat());
    assert_eq!(ran.code(), 1);
    let codes = ran.codes();
    assert!(codes.contains(&"DCW054".to_owned()), "{codes:?}");
    let over: Vec<_> = ran
        .findings()
        .into_iter()
        .filter(|one| one["file"] == "" || one["place"]["file"] == "contracts/waivers.yaml")
        .collect();
    assert!(!over.is_empty(), "{codes:?}");
}

#[test]
fn a_waiver_that_accepts_nothing_is_a_finding() {
    let project = broken();
    waive_all(&project);
    project.edit("contracts/sales/order.yaml", "unit: USD", "unit: EUR");
    let ran = project.run(&[&DIFF[..], &["--today", "2027-01-01"]].concat());
    assert_eq!(ran.code(), 0, "{}", ran.out());
    let about = ran.findings();
    assert!(!about.is_empty());
    for one in &about {
        assert_eq!(one["place"]["file"], "contracts/waivers.yaml", "{one}");
        assert_eq!(one["severity"], "warning");
    }
    let strict = [&DIFF[..], &["--today", "2027-01-01", "--fail-on", "warning"]].concat();
    assert_eq!(project.run(&strict).code(), 1);
}

#[test]
fn personal_data_is_not_waived_by_its_own_change() {
    let project = Project::new();
    project.edit(
        "contracts/sales/customer.yaml",
        "from: shop, nullable: true, pii: device}",
        "from: shop, nullable: true}",
    );
    let personal = errors(&project, "2026-11-23").iter().any(|(_, code)| code.starts_with("DCP"));
    assert!(personal);
    waive_all(&project);
    let ran = project.run(&[&DIFF[..], &["--today", "2026-11-23"]].concat());
    assert_eq!(ran.code(), 1, "{}", ran.out());
    // Landed before: the old version has it.
    project.write("released/waivers.yaml", project.read("contracts/waivers.yaml"));
    let ran = project.run(&[&DIFF[..], &["--today", "2026-11-23"]].concat());
    assert_eq!(ran.code(), 0, "{}", ran.out());
}

#[test]
fn a_malformed_waiver_stops_everything_and_has_a_place() {
    let project = broken();
    project.write("contracts/waivers.yaml", "waivers:\n  - {fingerprint: x, code: CV1003}\n");
    for command in [&["check", "--format", "json"][..], &DIFF[..]] {
        let ran = project.run(command);
        assert_eq!(ran.code(), 1);
        assert!(ran.codes().contains(&"CV4001".to_owned()), "{}", ran.out());
        for one in ran.findings() {
            assert_eq!(one["place"]["file"], "contracts/waivers.yaml");
            assert_eq!(one["place"]["line"], 2);
        }
    }
}

#[test]
fn what_cannot_be_waived_writes_nothing() {
    let project = broken();
    let before = project.snapshot();
    let waive = |fingerprint: &str, more: &[&str]| {
        let told = ["waive", fingerprint, "--reason", "r", "--owner", "o", "--today", "2026-11-23"];
        project.run(&[&told[..], more].concat())
    };
    let unknown = waive("000000000000", &["--until", "2027-01-01"]);
    assert_eq!(unknown.code(), 2);
    assert!(unknown.said().contains("no finding"), "{}", unknown.said());
    let (fingerprint, _) = errors(&project, "2026-11-23").remove(0);
    assert_eq!(waive(&fingerprint, &["--until", "2026-11-22"]).code(), 2);
    assert_eq!(waive(&fingerprint, &["--until", "soon"]).code(), 2);
    assert_eq!(waive("000000000000", &["--until", "2027-01-01", "--code", "CV1003"]).code(), 2);
    assert_eq!(project.snapshot(), before);
}
