//! Input that is broken, odd or hostile, given to the program itself: an exact exit code, one clear finding
//! with a place, nothing written, no panic, and within bounds of time and memory that the system keeps.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

#[path = "hostile/cases.rs"]
mod cases;
mod common;

use cases::{CASES, Case};
use common::{Limits, Project, Ran};

/// Ten times what an unoptimised build takes for the worst of them; memory as address space, of which
/// most is never touched.
const LIMITS: Limits = Limits { cpu_seconds: 20, memory_kib: 768 * 1024 };

/// One finding fits a screen. In bytes.
const SAID_MAX: usize = 4096;

/// Commands that read contracts; none of them may write anything where they do not hold together.
const COMMANDS: [&[&str]; 3] = [&["check"], &["build"], &["diff", "--against", "released"]];

fn json<'a>(command: &[&'a str]) -> Vec<&'a str> {
    [command, &["--format", "json"]].concat()
}

/// `code file:line` of every finding.
fn told(ran: &Ran) -> Vec<String> {
    let place = |one: &serde_json::Value| {
        let place = &one["place"];
        format!(
            "{} {}:{}",
            one["code"].as_str().unwrap(),
            place["file"].as_str().unwrap(),
            place["line"]
        )
    };
    ran.findings().iter().map(place).collect()
}

/// What is wrong with a run whatever it was given: it did not end by itself, or said nothing that people can
/// use.
fn odd(ran: &Ran) -> Option<String> {
    let said = ran.said();
    if !ran.ended() || said.contains("panicked") || said.contains("internal error") {
        return Some(format!("ended by a signal, or a bug: {said}"));
    }
    let helps = |one: &serde_json::Value| {
        let texts = ["help", "why"].iter().map(|key| one[key].as_array().map_or(0, Vec::len));
        texts.sum::<usize>() > 0 || one["at"].as_str().is_some_and(|at| !at.is_empty())
    };
    if !ran.json()["findings"].is_array() {
        return Some("it is taken for good".to_owned());
    }
    let found = ran.findings();
    let bad = found.iter().find(|one| !helps(one) || one["headline"].to_string().len() > SAID_MAX);
    bad.map(|one| format!("neither why nor what to do, or far too much: {one}"))
}

#[test]
fn contracts_that_do_not_hold_together() {
    let mut wrong = Vec::new();
    for case in CASES {
        let Case { name, make, exit, expect, .. } = case;
        let project = Project::new();
        if !make(&project) {
            eprintln!("skipped: {name}");
            continue;
        }
        let before = project.snapshot();
        for command in COMMANDS {
            let what = format!("{name}: {command:?}");
            let ran = project.run_within(LIMITS, &json(command));
            if let Some(odd) = odd(&ran) {
                wrong.push(format!("{what}: {odd}"));
            } else if told(&ran) != *expect || ran.code() != *exit {
                wrong.push(format!("{what}: {} {:#?}", ran.code(), told(&ran)));
            }
            assert!(project.snapshot() == before, "{what}: something was written");
        }
        // For people, too.
        let ran = project.run_within(LIMITS, &["check"]);
        if !ran.ended() || ran.code() != *exit || ran.said().len() > SAID_MAX {
            wrong.push(format!("{name}: {} bytes are said", ran.said().len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same as the old side: reported, and what can be compared is compared.
#[test]
fn old_versions_that_do_not_hold_together() {
    const ORDER: &str = "contracts/sales/order.yaml";
    let mut wrong = Vec::new();
    for case in CASES {
        let Case { name, make, .. } = case;
        let project = Project::new();
        // Only the currency of the orders' total is to differ.
        if !make(&project) {
            continue;
        }
        std::fs::remove_dir_all(project.path("released")).unwrap();
        std::fs::rename(project.path("contracts"), project.path("released")).unwrap();
        for (path, text) in common::base() {
            project.write(&format!("contracts/{path}"), &text);
        }
        project.edit(ORDER, "unit: EUR, min: 0}\n  tax", "unit: USD, min: 0}\n  tax");
        let before = project.snapshot();
        let ran = project.run_within(LIMITS, &json(&["diff", "--against", "released"]));
        if let Some(odd) = odd(&ran) {
            wrong.push(format!("{name}: {odd}"));
            continue;
        }
        let codes = ran.codes();
        let lost = codes.iter().filter(|code| *code == "CV4010").count();
        // What is wrong with the orders takes their comparison away, and nothing else does.
        let compared = codes.iter().any(|code| code == "DCW054");
        let expected = ["CV4010", "DCW054", "DCM253"];
        let news = codes.iter().any(|code| !expected.contains(&code.as_str()));
        if (ran.code(), lost, compared, news) != (1, case.lost, case.compared, false) {
            wrong.push(format!("{name}: {} {codes:?}", ran.code()));
        }
        assert!(project.snapshot() == before, "{name}: something was written");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What only a target finds out stops the build all the same.
#[test]
fn a_pattern_that_grows_is_refused() {
    let project = Project::new();
    let order = "contracts/sales/order.yaml";
    project.edit(order, "^[A-Z]{2}$", "((a{1000}){1000}){1000}");
    let before = project.snapshot();
    for command in [&["check"][..], &["build"]] {
        let ran = project.run_within(LIMITS, &json(command));
        assert_eq!(odd(&ran), None);
        assert_eq!((ran.code(), told(&ran)), (1, vec![format!("CV6001 {order}:27")]));
        assert!(project.snapshot() == before);
    }
}

/// As long as they may be: nothing overflows.
#[test]
fn long_rules_and_queries_are_fine() {
    let project = Project::new();
    let rule = format!("tax <= total{}", " AND tax <= total".repeat(248));
    project.edit("contracts/sales/order.yaml", "expect: tax <= total", &format!("expect: {rule}"));
    let sum = format!("SUM(o.total{})", " + o.total".repeat(240));
    project.edit("contracts/marts/daily.yaml", "SUM(o.total)", &sum);
    for command in COMMANDS {
        let ran = project.run_within(LIMITS, command);
        assert!(ran.ended(), "{command:?}: {}", ran.said());
        assert!(!ran.said().contains("CV2011") && !ran.said().contains("CV2013"), "{}", ran.said());
    }
}
