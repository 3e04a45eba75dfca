//! `covenant test`: Acme's tests hold, fail where their contract changes its mind, and what is wrong with a test is said.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use covenant_compiler::cases::{self, Tally};
use covenant_compiler::diagnostic::{Diagnostics, Sink, human};
use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;
use covenant_compiler::{compile, driver, parse};

fn acme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts")
}

/// The contracts of Acme with one text in place of another.
fn plan(old: &str, new: &str) -> Plan {
    let sources = driver::read_contracts(&acme()).unwrap();
    let files: Vec<(String, String)> =
        sources.iter().map(|(_, file)| (file.path.clone(), file.text.clone())).collect();
    assert!(old.is_empty() || files.iter().any(|(_, text)| text.contains(old)), "{old}");
    let replaced = files.into_iter().map(|(path, text)| {
        let text = if old.is_empty() { text } else { text.replace(old, new) };
        (path, text)
    });
    let compiled = compile(SourceSet::new(replaced));
    compiled
        .plan
        .unwrap_or_else(|| panic!("{}", human::render(&compiled.diagnostics, &compiled.sources)))
}

fn run(plan: &Plan, sources: &SourceSet) -> (Tally, Diagnostics) {
    let sink = Sink::default();
    let mut all = Tally::default();
    for (id, source) in sources.iter() {
        let Some(suite) = parse::suite(id, source, &sink) else { continue };
        all = all.and(cases::run(plan, &suite, |_| true, &sink).unwrap());
    }
    (all, sink.finish())
}

fn codes(found: &Diagnostics) -> BTreeSet<String> {
    found.iter().map(|one| one.code.to_string()).collect()
}

#[test]
fn acme_s_tests_hold() {
    let sources = driver::read_cases(&acme()).unwrap();
    let (tally, found) = run(&plan("", ""), &sources);
    assert!(found.is_empty(), "{}", human::render(&found, &sources));
    assert!(tally.failed == 0 && tally.passed > 10 && tally.records > tally.passed, "{tally:?}");
}

/// Each change of a contract is noticed by a test of it.
#[test]
fn a_contract_that_changes_its_mind_fails_its_tests() {
    let sources = driver::read_cases(&acme()).unwrap();
    for (old, new, code) in [
        ("expect: total = subtotal", "expect: total <= subtotal", "CV7004"),
        ("credit_limit > 0", "credit_limit >= 0", "CV7004"),
        (
            "decimal(12,2)\", from: store, unit: EUR, min: 0}",
            "decimal(12,2)\", from: store, unit: EUR}",
            "CV7004",
        ),
        ("delivered, cancelled, refunded]", "cancelled, delivered, refunded]", "CV7005"),
        ("key_change: rekey ", "key_change: reject ", "CV7004"),
        ("Tier__c, ", "Rank__c, ", "CV7002"),
    ] {
        let (_, found) = run(&plan(old, new), &sources);
        assert!(codes(&found).contains(code), "{new}: {:?}", codes(&found));
    }
}

#[test]
fn what_is_wrong_is_said() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract_tests/wrong.tests.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let sources = SourceSet::new([("sales/wrong.tests.yaml".to_owned(), text)]);
    let (tally, found) = run(&plan("", ""), &sources);
    // The one that has neither a record nor a delete is no test.
    assert_eq!((tally.passed, tally.failed), (0, 11), "{}", human::render(&found, &sources));
    let expected = (1..=5).map(|number| format!("CV700{number}")).collect::<BTreeSet<_>>();
    assert_eq!(codes(&found), expected);
    let text = human::render(&found, &sources);
    assert!(!text.contains("sealed("), "{text}");
    insta::with_settings!({snapshot_path => "contract_tests", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("wrong", text);
    });
}

#[test]
fn a_file_of_tests_is_read_as_a_whole_or_refused() {
    let plan = plan("", "");
    for (text, code) in [
        ("tests: sales.order\ncases:\n  - {name: x, given: [], expct: []}\n", "CV1003"),
        ("tests: sales.nothing\ncases: [{name: x, given: []}]\n", "CV7002"),
        ("tests: analytics.daily_sales\ncases: [{name: x, given: []}]\n", "CV7002"),
        ("tests: sales.order\n", "CV1005"),
        ("tests: [\n", "CV1001"),
        ("tests: sales.order\nbase: {shop: {}}\ncases: [{name: x, given: []}]\n", "CV7002"),
    ] {
        let sources = SourceSet::new([("x.tests.yaml".to_owned(), text.to_owned())]);
        let (tally, found) = run(&plan, &sources);
        assert_eq!(
            codes(&found),
            BTreeSet::from([code.to_owned()]),
            "{text}{}",
            human::render(&found, &sources)
        );
        let misspelled = code == "CV1003";
        assert!(misspelled || tally.passed == 0, "{text}");
    }
}

/// A contract of tests is not a contract.
#[test]
fn tests_are_no_contracts() {
    let contracts = driver::read_contracts(&acme()).unwrap();
    assert!(contracts.iter().all(|(_, file)| !cases::is_cases(&file.path)));
    let tests = driver::read_cases(&acme()).unwrap();
    assert!(tests.iter().all(|(_, file)| cases::is_cases(&file.path)));
    assert!(tests.len() >= 2);
}
