//! Every code is explained, and its examples are what they say they are.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;
mod scoreboard;

use std::collections::{BTreeMap, BTreeSet};

use covenant_compiler::compile;
use covenant_compiler::diagnostic::{Applicability, codes, human, pages};
use covenant_compiler::source::SourceSet;

/// Codes that lines of a contract cannot raise, and who raises them in a test.
const WITHOUT_LINES: &[(u16, &str)] = &[
    (1, "a folder that cannot be read: cli.rs"),
    (2, "a folder without contracts: cli.rs"),
    (3, "generated files: cli.rs"),
    (4, "the command line: bad_base.rs"),
    (5, "bytes: bad_base.rs"),
    (1014, "a megabyte of lines: bad_input.rs"),
    (3120, "an org's describe: org.rs"),
    (3121, "an org's describe: org.rs"),
    (3122, "an org's describe: org.rs"),
    (3124, "an org's describe: org.rs"),
    (3125, "an org's describe: org.rs"),
    (3126, "an org's describe: org.rs"),
    (3127, "an org's describe: org.rs"),
    (3128, "an org's describe: org.rs"),
    (3129, "an org's describe: org.rs"),
    (3130, "an org's describe: org.rs"),
    (3131, "an org's describe: org.rs"),
    (3132, "an org's describe: org.rs"),
    (3133, "an org's describe: org.rs"),
    (3134, "an org's describe: org.rs"),
    (4002, "two versions: waivers.rs"),
    (4003, "two versions: waivers.rs"),
    (4004, "two versions: waivers.rs"),
    (4010, "two versions: bad_base.rs"),
    (6001, "the emitters: cli.rs"),
    (7001, "contract tests: contract_tests.rs"),
    (7002, "contract tests: contract_tests.rs"),
    (7003, "contract tests: contract_tests.rs"),
    (7004, "contract tests: contract_tests.rs"),
    (7005, "contract tests: contract_tests.rs"),
    (8001, "a live database: tests/live_check.rs"),
    (8002, "a live database: tests/live_check.rs"),
    (8003, "a live database: tests/live_check.rs"),
    (8004, "a live database: tests/live_check.rs"),
    (8005, "a live database: tests/live_check.rs"),
    (8006, "a live database: tests/live_check.rs"),
];

/// Sections of an example: a file, and lines of it.
fn sections(example: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in example.lines() {
        let file = line.strip_prefix("# ").filter(|path| path.ends_with(".yaml"));
        match (file, found.last_mut()) {
            (Some(path), _) => found.push((path.to_owned(), String::new())),
            (None, Some((_, lines))) => lines.push_str(&format!("{line}\n")),
            (None, None) => panic!("{example}: a section begins with a file"),
        }
    }
    found
}

/// The base with the mended lines replaced by the broken ones.
fn broken(broken: &str, mended: &str) -> BTreeMap<String, String> {
    let mut files = common::base();
    let mut mended = sections(mended).into_iter();
    for (path, lines) in sections(broken) {
        let Some(text) = files.get_mut(&path) else {
            files.insert(path, lines);
            continue;
        };
        let (same, good) = mended.next().unwrap_or_else(|| panic!("{path}: nothing is mended"));
        assert_eq!(same, path);
        if lines.is_empty() {
            assert_eq!(*text, good, "{path}: a file that is gone is shown whole");
            files.remove(&path);
            continue;
        }
        assert_eq!(text.matches(&good).count(), 1, "{path}: {good:?} stands in the base once");
        *text = text.replace(&good, &lines);
    }
    assert!(mended.next().is_none(), "everything that is mended was broken");
    files
}

#[test]
fn the_broken_lines_raise_their_code_and_the_mended_ones_none() {
    // The base has no finding (`ui.rs`), and mended lines are lines of the base.
    let mut wrong = Vec::new();
    for code in codes::all() {
        let explain = code.explain;
        let excused = WITHOUT_LINES.iter().any(|(number, _)| *number == code.number);
        if explain.broken.is_empty() {
            if !excused {
                wrong.push(format!("{code} has no example"));
            }
            continue;
        }
        assert!(!excused, "{code} has an example: it needs no excuse");
        let compiled = compile(SourceSet::new(broken(explain.broken, explain.mended)));
        let found: BTreeSet<String> =
            compiled.diagnostics.iter().map(|one| one.code.to_string()).collect();
        if found != BTreeSet::from([code.to_string()]) {
            let text = human::render(&compiled.diagnostics, &compiled.sources);
            wrong.push(format!("{code} raises {found:?}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The least number of codes that `fix --unsafe` mends: fewer means that a mend was lost.
const MENDED_MIN: usize = 15;

#[test]
fn whatever_can_be_fixed_is_fixed_once() {
    let mut mended = Vec::new();
    for code in codes::all().filter(|code| !code.explain.broken.is_empty()) {
        let files = broken(code.explain.broken, code.explain.mended);
        let compiled = compile(SourceSet::new(files.clone()));
        let fixes = compiled.diagnostics.iter().flat_map(|one| &one.fixes);
        let trust: BTreeSet<Applicability> = fixes.map(|fix| fix.applicability).collect();
        let (safe, risky) =
            (trust.contains(&Applicability::Safe), trust.contains(&Applicability::Unsafe));
        if !safe && !risky {
            continue;
        }
        let project = common::Project::new();
        for path in common::base().keys().filter(|path| !files.contains_key(*path)) {
            std::fs::remove_file(project.path(&format!("contracts/{path}"))).unwrap();
        }
        for (path, text) in &files {
            project.write(&format!("contracts/{path}"), text);
        }
        let before = project.snapshot();
        project.run(&["fix"]);
        let safely = project.snapshot();
        assert_eq!(safely != before, safe, "{code}: only a safe fix is made without asking");
        project.run(&["fix"]);
        assert_eq!(project.snapshot(), safely, "{code}: a second run changes nothing");
        project.run(&["fix", "--unsafe"]);
        let after = project.snapshot();
        assert_ne!(after, before, "{code}: nothing was fixed");
        project.run(&["fix", "--unsafe"]);
        assert_eq!(project.snapshot(), after, "{code}: a second run changes nothing");
        let left = project.run(&["check", "--format", "json"]).codes();
        assert!(!left.contains(&code.to_string()), "{code} is still there: {left:?}");
        mended.push(code.to_string());
    }
    assert!(mended.len() >= MENDED_MIN, "{mended:?}");
}

#[test]
fn every_part_of_an_explanation_is_there() {
    for code in codes::all() {
        let explain = code.explain;
        for part in [explain.what, explain.why, explain.how] {
            assert!(part.len() >= 7 && part.ends_with(['.', '`']), "{code}: {part:?}");
            assert!(!part.to_lowercase().contains("you"), "{code}: {part:?}");
        }
        assert_ne!(explain.what, explain.why, "{code}");
    }
}

#[test]
fn the_pages_are_fresh() {
    common::fresh("docs/diagnostics.md", &pages::markdown());
    common::fresh("docs/breaking.md", &pages::changes());
}
