//! What the compiler says, one case per problem. A case is a small patch of one valid set of contracts (`ui/base`), the
//! codes that it must raise (no others), and a snapshot of the whole text. To add one: write `ui/cases/<problem>.yaml`
//! and review the snapshot.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use covenant_compiler::diagnostic::{codes, human};
use covenant_compiler::source::SourceSet;
use covenant_compiler::{Compiled, compile};
use serde::Deserialize;

/// Codes about files, the command line and targets; `cli.rs` raises them. Size is in `bad_input.rs`, what an org says in
/// `org.rs`, what contract tests say in `contract_tests.rs`.
const ELSEWHERE: &[u16] = &[
    1, 2, 3, 4, 5, 1014, 3120, 3121, 3122, 3123, 3124, 3125, 3126, 3127, 3128, 3129, 3130, 3131,
    3132, 3133, 3134, 4002, 4003, 4004, 4010, 6001, 7001, 7002, 7003, 7004, 7005, 8001, 8002, 8003,
    8004, 8005, 8006,
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    expect: Vec<String>,
    patches: Vec<Patch>,
}

/// One change of one file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    file: String,
    /// Stands there exactly once.
    replace: Option<String>,
    with: Option<String>,
    /// A new file.
    whole: Option<String>,
    #[serde(default)]
    remove: bool,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui").join(name)
}

fn base() -> BTreeMap<String, String> {
    ["project.yaml", "sales/customer.yaml", "sales/order.yaml", "marts/daily.yaml"]
        .into_iter()
        .map(|path| (path.to_owned(), std::fs::read_to_string(folder("base").join(path)).unwrap()))
        .collect()
}

fn cases() -> Vec<(String, Case)> {
    let mut cases: Vec<(String, Case)> = std::fs::read_dir(folder("cases"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let case =
                serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, case)
        })
        .collect();
    cases.sort_by(|left, right| left.0.cmp(&right.0));
    cases
}

fn patched(name: &str, case: &Case) -> SourceSet {
    let mut files = base();
    for patch in &case.patches {
        match (&patch.replace, &patch.with, &patch.whole, patch.remove) {
            (Some(old), Some(new), None, false) => {
                let text =
                    files.get_mut(&patch.file).unwrap_or_else(|| panic!("{name}: {}", patch.file));
                assert_eq!(
                    text.matches(old.as_str()).count(),
                    1,
                    "{name}: {old:?} must be there once"
                );
                *text = text.replace(old, new);
            }
            (None, None, Some(whole), false) => {
                files.insert(patch.file.clone(), whole.clone());
            }
            (None, None, None, true) => {
                assert!(files.remove(&patch.file).is_some(), "{name}: {}", patch.file);
            }
            _ => panic!("{name}: a patch replaces, adds or removes"),
        }
    }
    SourceSet::new(files)
}

fn found(compiled: &Compiled) -> BTreeSet<String> {
    compiled.diagnostics.iter().map(|diagnostic| diagnostic.code.to_string()).collect()
}

#[test]
fn the_base_has_no_findings() {
    let compiled = compile(SourceSet::new(base()));
    let text = human::render(&compiled.diagnostics, &compiled.sources);
    assert!(compiled.diagnostics.is_empty(), "{text}");
    assert!(compiled.plan.is_some());
}

#[test]
fn every_case_says_what_it_should() {
    let mut wrong = Vec::new();
    for (name, case) in cases() {
        let compiled = compile(patched(&name, &case));
        let text = human::render(&compiled.diagnostics, &compiled.sources);
        let expected: BTreeSet<String> = case.expect.iter().cloned().collect();
        if found(&compiled) != expected {
            wrong.push(format!(
                "{name}: expected {expected:?}, found {:?}\n{text}",
                found(&compiled)
            ));
            continue;
        }
        assert_eq!(compiled.plan.is_none(), compiled.diagnostics.has_errors(), "{name}");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(folder("snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings
            .bind(|| insta::assert_snapshot!(name.as_str(), format!("{}\n\n{text}", case.about)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_case() {
    let raised: BTreeSet<String> = cases().into_iter().flat_map(|(_, case)| case.expect).collect();
    let missing: Vec<String> = codes::all()
        .filter(|code| !ELSEWHERE.contains(&code.number))
        .map(ToString::to_string)
        .filter(|code| !raised.contains(code))
        .collect();
    assert!(missing.is_empty(), "no case in ui/cases raises {missing:?}");
}

#[test]
fn every_code_is_explained_once_and_in_order() {
    let all: Vec<_> = codes::all().collect();
    for pair in all.windows(2) {
        let [left, right] = pair else { continue };
        assert!(left.number < right.number, "{left} stands before {right}");
    }
    for code in all {
        assert!(!code.title.is_empty(), "{code}");
        assert_eq!(codes::find(&code.to_string()).map(|found| found.number), Some(code.number));
    }
}

#[test]
fn messages_do_not_talk_to_anybody() {
    for (name, case) in cases() {
        for diagnostic in compile(patched(&name, &case)).diagnostics.iter() {
            let texts = [&diagnostic.why[..], &diagnostic.help[..]].concat();
            for text in texts.iter().chain([&diagnostic.headline]) {
                let talks = text
                    .split(|at: char| !at.is_alphabetic())
                    .any(|word| matches!(word, "you" | "your" | "You" | "Your"));
                // "did you mean" is the one idiom.
                assert!(!talks || text.starts_with("did you mean"), "{name}: {text}");
            }
        }
    }
}
