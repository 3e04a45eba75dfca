//! Every error is shown by something concrete, over the whole corpus: the cases of every rule, changes of Acme's own contracts, and
//! both composed. What a rule's row says about its witness is true: some case produces that kind.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

#[allow(dead_code, reason = "the scoreboard uses all of it")]
#[path = "scoreboard/corpus.rs"]
mod corpus;

use std::collections::{BTreeMap, BTreeSet};

use covenant_compiler::compat::{self, Finding, Grade, RULES, WitnessKind};
use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;
use covenant_compiler::{compile, witness};

/// Errors of rules with a witness that may go without one, and why. Short, and never longer without a reason.
const MAY_LACK: &[(&str, &str)] = &[];

/// Rules whose kind of witness no case produces, and why.
const NEVER_SHOWN: &[(&str, &str)] = &[("DCW053", "the language has one format only: no case")];

/// A change of the corpus, judged.
struct Judged {
    title: String,
    found: Vec<Finding>,
}

fn plan(files: &[(String, String)], title: &str) -> Plan {
    let compiled = compile(SourceSet::new(files.to_vec()));
    compiled.plan.unwrap_or_else(|| panic!("{title} does not hold together"))
}

fn judged() -> Vec<Judged> {
    let one = |pair: corpus::Pair| {
        let (old, new) = (plan(&pair.old, &pair.title), plan(&pair.new, &pair.title));
        let mut found = compat::diff(&old, &new);
        witness::confirm(&old, &new, &mut found);
        Judged { title: pair.title, found }
    };
    corpus::pairs().into_iter().map(one).collect()
}

fn has_witness(kind: WitnessKind) -> bool {
    match kind {
        WitnessKind::Record
        | WitnessKind::Sequence
        | WitnessKind::Limit
        | WitnessKind::Delivery
        | WitnessKind::Query
        | WitnessKind::Statement => true,
        WitnessKind::None(_) => false,
    }
}

#[test]
fn every_error_has_a_witness_and_every_kind_is_produced() {
    let mut missing: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut counted: BTreeMap<&str, u32> = BTreeMap::new();
    let mut produced: BTreeMap<&str, BTreeSet<WitnessKind>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for one in judged() {
        for finding in one.found.iter().flat_map(Finding::all) {
            let code = finding.rule.code;
            if let Some(witness) = &finding.witness {
                produced.entry(code).or_default().insert(witness.kind);
                *counted.entry(code).or_default() += 1;
                if !witness.confirmed || witness.old == witness.new {
                    wrong.push(format!("{}: {} shows nothing", one.title, finding.headline));
                }
                if !has_witness(finding.rule.witness) {
                    wrong.push(format!("{code} has a witness, and its row says none"));
                }
            } else if finding.grade == Grade::Error && has_witness(finding.rule.witness) {
                let told = format!("{}: {}", one.title, finding.headline);
                missing.entry(code).or_default().push(told);
            }
        }
    }
    println!("shown: {counted:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let lacking = missing.iter().filter(|(code, _)| !MAY_LACK.iter().any(|(one, _)| one == *code));
    let lacking: Vec<_> = lacking.collect();
    assert!(lacking.is_empty(), "errors without a witness: {lacking:#?}");
    let stale: Vec<_> = MAY_LACK.iter().filter(|(code, _)| !missing.contains_key(code)).collect();
    assert!(stale.is_empty(), "have a witness everywhere now: {stale:?}");
    let mut unseen = Vec::new();
    for rule in RULES.iter().filter(|rule| has_witness(rule.witness)) {
        let seen = produced.get(rule.code).is_some_and(|kinds| kinds.contains(&rule.witness));
        let excused = NEVER_SHOWN.iter().any(|(code, _)| *code == rule.code);
        if seen == excused {
            unseen.push(format!(
                "{}: {:?}, not {:?}",
                rule.code,
                produced.get(rule.code),
                rule.witness
            ));
        }
    }
    assert!(
        unseen.is_empty(),
        "the table says one thing, the cases another:\n{}",
        unseen.join("\n")
    );
}

#[test]
fn a_rule_without_a_witness_says_why() {
    for rule in RULES {
        if let WitnessKind::None(why) = rule.witness {
            assert!(why.len() > 20 && !why.ends_with('.'), "{}: {why}", rule.code);
        }
    }
}
