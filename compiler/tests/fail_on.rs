//! `--fail-on`: the mildest finding that ends with exit code 1, for every severity and command; and outputs that
//! are the same in every run.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use std::path::Path;

use clap::ValueEnum;
use common::Project;
use covenant_compiler::cli::Format;

const ORDER: &str = "contracts/sales/order.yaml";
const DIFF: [&str; 3] = ["diff", "--against", "released"];

/// The worst severity of what a run finds.
fn worst(project: &Project, command: &[&str]) -> Option<String> {
    let ran = project.run(&[command, &["--format", "json"]].concat());
    let found = ran.findings();
    let of = |severity: &str| found.iter().any(|one| one["severity"] == severity);
    ["error", "warning", "info"].into_iter().find(|one| of(one)).map(str::to_owned)
}

/// Exit codes under `never`, `error`, `warning`, `info`, and without the flag.
fn exits(project: &Project, command: &[&str]) -> Vec<i32> {
    let mut codes: Vec<i32> = ["never", "error", "warning", "info"]
        .iter()
        .map(|from| project.run(&[command, &["--fail-on", from]].concat()).code())
        .collect();
    codes.push(project.run(command).code());
    codes
}

/// Nobody breaks: what is said is for the record.
fn noted() -> Project {
    let project = Project::new();
    project.edit(ORDER, "purpose: One row per order.", "purpose: One row for every order.");
    project
}

/// An entity that goes nowhere.
fn warned() -> Project {
    let project = Project::new();
    let text = project.read("contracts/sales/customer.yaml");
    let text = text.replace("entity: sales.customer", "entity: sales.lead");
    let (text, _) = text.split_once("\nsinks:").unwrap();
    project.write("contracts/sales/lead.yaml", text.replace("public.customers", "public.leads"));
    project
}

fn broken() -> Project {
    let project = Project::new();
    project.edit(ORDER, "unit: EUR, min: 0}\n  tax", "unit: USD, min: 0}\n  tax");
    project
}

#[test]
fn every_severity_fails_from_where_it_is_told() {
    let cases: [(Project, &[&str], &str, [i32; 5]); 4] = [
        (noted(), &DIFF, "info", [0, 0, 0, 1, 0]),
        (warned(), &["check"], "warning", [0, 0, 1, 1, 0]),
        (warned(), &["build", "--out", "out"], "warning", [0, 0, 1, 1, 0]),
        (broken(), &DIFF, "error", [0, 1, 1, 1, 1]),
    ];
    for (project, command, severity, codes) in cases {
        assert_eq!(worst(&project, command).as_deref(), Some(severity), "{command:?}");
        assert_eq!(exits(&project, command), codes, "{command:?} {severity}");
    }
    // Nothing found: nothing fails, whatever is asked.
    assert_eq!(exits(&Project::new(), &["check"]), [0; 5]);
    assert_eq!(exits(&Project::new(), &DIFF), [0; 5]);
}

/// A build that did not happen, and a file that was not read, are no success.
#[test]
fn what_was_not_done_fails_in_any_case() {
    let project = Project::new();
    project.edit(ORDER, "type: int32", "type: int23");
    assert_eq!(exits(&project, &["check"]), [0, 1, 1, 1, 1]);
    assert_eq!(exits(&project, &["build"]), [1; 5]);
    assert_eq!(exits(&project, &DIFF), [1; 5]);
    assert!(!project.path("generated").exists());
    project.write("contracts/latin.yaml", b"\xE9");
    for command in [&["check"][..], &["build"], &DIFF] {
        assert_eq!(exits(&project, command), [2; 5], "{command:?}");
    }
    assert_eq!(project.run(&["check", "--fail-on", "errors"]).code(), 2, "a word that is none");
}

/// In every format, whatever the order in which files were made: byte for byte the same.
#[test]
fn outputs_are_the_same_in_every_run() {
    let (one, other) = (several(false), several(true));
    for format in formats() {
        let shown = |project: &Project| {
            let command = [&DIFF[..], &["--all", "--format", &format]].concat();
            let ran = project.run(&[&command[..], &["--today", "2026-11-23"]].concat());
            assert_eq!(ran.code(), 1, "{format}");
            format!("{}{}", ran.out(), ran.said())
        };
        let first = shown(&one);
        assert!(first.len() > 500, "{format}: {first}");
        assert_eq!(first, shown(&one), "{format}: another run");
        assert_eq!(first, shown(&other), "{format}: files made in another order");
    }
}

/// Several findings in several files.
fn several(backwards: bool) -> Project {
    let project = Project::new();
    project.edit(ORDER, "unit: EUR, min: 0}\n  tax", "unit: USD, min: 0}\n  tax");
    project.edit(ORDER, "country: {id: 6, type: string(2)", "country: {id: 6, type: string(1)");
    project.edit("contracts/sales/customer.yaml", "type: string(80)", "type: string(20)");
    project.edit("contracts/marts/daily.yaml", "purpose: Orders per", "purpose: Sums per");
    let mut files: Vec<_> = project.snapshot().into_iter().collect();
    if backwards {
        for (path, _) in &files {
            std::fs::remove_file(path).unwrap();
        }
        files.reverse();
        for (path, bytes) in &files {
            std::fs::write(path, bytes).unwrap();
        }
    }
    project
}

fn formats() -> Vec<String> {
    let all = Format::value_variants().iter();
    all.map(|one| one.to_possible_value().unwrap().get_name().to_owned()).collect()
}

/// A format without a snapshot would change unseen.
#[test]
fn every_format_has_a_snapshot() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let formats = formats();
    assert_eq!(formats.len(), 8, "{formats:?}");
    for format in formats {
        assert!(folder.join(format!("report__{format}.snap")).is_file(), "{format}");
    }
}
