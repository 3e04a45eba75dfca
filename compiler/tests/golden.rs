//! One small change of a contract per feature of the language, and what it changes in each target: one snapshot per target, a unified
//! difference that a reviewer reads in a minute. A target without a snapshot is not touched by the change. To add one: write
//! `golden/<feature>.yaml` and review the snapshots.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use covenant_compiler::diagnostic::human;
use covenant_compiler::source::SourceSet;
use covenant_compiler::{compile, emit};
use serde::Deserialize;
use similar::TextDiff;

/// Lines beside a change.
const CONTEXT_LINES: usize = 1;
/// Longest difference of one target that still is read. In lines.
const LINES_MAX: usize = 400;
/// Hexadecimal digits of a digest.
const DIGEST_DIGITS: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    change: Vec<Patch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    file: String,
    /// Stands there exactly once.
    replace: String,
    with: String,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

type Files = BTreeMap<String, String>;

/// The valid contracts that the cases of `ui` break.
fn base() -> Files {
    ["project.yaml", "sales/customer.yaml", "sales/order.yaml", "marts/daily.yaml"]
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(folder("ui/base").join(path)).unwrap();
            (path.to_owned(), text)
        })
        .collect()
}

fn cases() -> Vec<(String, Case)> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder("golden")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "yaml") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let case = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            cases.push((name, case));
        }
    }
    cases.sort_by(|left: &(String, Case), right| left.0.cmp(&right.0));
    cases
}

/// Every generated file, digests left out: they follow from the rest.
fn generated(name: &str, files: &Files) -> Files {
    let compiled = compile(SourceSet::new(files.clone()));
    let errors = human::render(&compiled.diagnostics, &compiled.sources);
    let plan = compiled.plan.unwrap_or_else(|| panic!("{name}: {errors}"));
    let tree = emit::emit_all(&plan).unwrap();
    tree.iter().map(|(path, text)| (path.to_owned(), without_digests(text))).collect()
}

fn without_digests(text: &str) -> String {
    let is_digest = |word: &str| {
        word.len() == DIGEST_DIGITS && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut found = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let (before, word) = rest.split_at(at);
        let end = word.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        found.push_str(before);
        found.push_str(if is_digest(word) { "(digest)" } else { word });
        rest = after;
    }
    found.push_str(rest);
    found
}

/// What a reviewer of a target reads; pictures are looked at.
fn target(path: &str) -> Option<&str> {
    let looked_at = path.ends_with(".svg") || path.ends_with(".html");
    let first = path.split('/').next().unwrap_or(path);
    (!looked_at).then(|| first.trim_end_matches(".json"))
}

fn changed(files: &Files, name: &str, case: &Case) -> Files {
    let mut files = files.clone();
    for patch in &case.change {
        let text = files.get_mut(&patch.file).unwrap_or_else(|| panic!("{name}: {}", patch.file));
        let there = text.matches(&patch.replace).count();
        assert_eq!(there, 1, "{name}: {:?} must be there once", patch.replace);
        *text = text.replace(&patch.replace, &patch.with);
    }
    files
}

/// Target -> differences of its files.
fn differences(old: &Files, new: &Files) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for path in paths {
        let Some(target) = target(path) else { continue };
        let text = |files: &Files| files.get(path).cloned().unwrap_or_default();
        let (before, after) = (text(old), text(new));
        if before == after {
            continue;
        }
        let diff = TextDiff::from_lines(&before, &after);
        let mut diff = diff.unified_diff();
        let (left, right) = (format!("a/{path}"), format!("b/{path}"));
        let shown = diff.context_radius(CONTEXT_LINES).header(&left, &right).to_string();
        found.entry(target.to_owned()).or_default().push_str(&shown);
    }
    found
}

#[test]
fn a_change_is_one_readable_difference_per_target() {
    let base = base();
    let old = generated("base", &base);
    let mut asserted = BTreeSet::new();
    let mut long = Vec::new();
    for (name, case) in cases() {
        let new = generated(&name, &changed(&base, &name, &case));
        let differences = differences(&old, &new);
        assert!(!differences.is_empty(), "{name} changes nothing that is generated");
        let targets: Vec<&str> = differences.keys().map(String::as_str).collect();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(folder("golden/snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        for (target, diff) in &differences {
            if diff.lines().count() > LINES_MAX {
                long.push(format!("{name}: {target} changes {} lines", diff.lines().count()));
            }
            let snapshot = format!("{name}__{target}");
            let text = format!("{}\nTargets: {}\n\n{diff}", case.about, targets.join(", "));
            settings.bind(|| insta::assert_snapshot!(snapshot.as_str(), text));
            asserted.insert(format!("{snapshot}.snap"));
        }
    }
    assert!(long.is_empty(), "nobody reads this: {long:#?}");
    let there: BTreeSet<String> = std::fs::read_dir(folder("golden/snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let orphans: Vec<&String> = there.difference(&asserted).collect();
    assert!(orphans.is_empty(), "snapshots that no case has: {orphans:?}");
}

/// The digest of a contract is no part of what a reviewer reads, and nothing else is lost with it.
#[test]
fn only_digests_are_left_out() {
    let digest = "0123456789abcdef".repeat(4);
    assert_eq!(
        without_digests(&format!("a \"{digest}\", {digest}0 b\n")),
        format!("a \"(digest)\", {digest}0 b\n")
    );
    assert_eq!(without_digests("žluť = 'x'"), "žluť = 'x'");
}
