//! The laws of the two directions, hunted on random pairs: what `backward` says of a change `forward` says of the
//! same change backwards, under the code that the rule's row names; `full` is the union of both; a version
//! compared with itself gives nothing.

use std::collections::BTreeSet;

use covenant_compiler::compat::{self, ConsumerKind, Direction, Finding, Grade, Mirror, Side};
use covenant_model::spec::Compatibility;

use super::{Case, case, errors, findings, seeds};

/// Pairs in `make test`.
const PAIRS: u64 = 400;
/// About version numbers, which only go up: they are not swapped with the sides.
const VERSIONS: [&str; 4] = ["DCM253", "DCM254", "DCM255", "DCM259"];

/// What the change backwards is to raise for a finding; none where the row says that it need not.
fn expected(code: &str) -> Option<&'static str> {
    let rule = compat::rule(code)?;
    match rule.mirror {
        Mirror::Own => Some(rule.code),
        Mirror::Rule(other) => Some(other),
        Mirror::Uneven(..) | Mirror::None(_) => None,
    }
}

/// Whether a rule's row names another one as its mirror, evenly or not.
fn names(code: &str, other: &str) -> bool {
    compat::rule(code).is_some_and(|rule| match rule.mirror {
        Mirror::Own => code == other,
        Mirror::Rule(named) | Mirror::Uneven(named, _) => named == other,
        Mirror::None(_) => false,
    })
}

fn flat(findings: &[Finding]) -> Vec<&Finding> {
    let all = findings.iter().flat_map(Finding::all);
    all.filter(|one| !VERSIONS.contains(&one.rule.code)).collect()
}

/// Whether a rule's row says that the other one is what the change backwards raises, and not as severe.
fn is_uneven(answer: &Finding, one: &Finding) -> bool {
    let named = matches!(answer.rule.mirror, Mirror::Uneven(named, _) if named == one.rule.code);
    named && answer.claims.iter().any(|leaf| one.claims.contains(leaf))
}

/// Whether an answer is as severe as what it answers. Old validators refuse what a looser contract lets in only
/// until they are deployed, and new ones what a stricter one keeps out for good: the ceilings mirror, and who only
/// lags behind makes a warning of the error.
fn as_severe(answer: &Finding) -> bool {
    let mut minding = answer.consumers.iter().filter(|one| one.suffers != Grade::Info);
    let lags = answer.ceiling == Grade::Error
        && match answer.rule.direction {
            Direction::Loosens => answer.consumers.iter().all(|one| one.suffers == Grade::Warning),
            Direction::Tightens | Direction::Neutral => false,
            Direction::Changes => minding.all(|one| {
                one.kind == ConsumerKind::RustValidator
                    && one.side == Side::Old
                    && one.suffers == Grade::Warning
            }),
        };
    answer.grade == Grade::Error || (lags && answer.grade == Grade::Warning)
}

/// What is wrong with one direction of a pair.
fn uneven(case: &Case, promise: Compatibility, swapped: Compatibility) -> Vec<String> {
    let there = findings(&case.old, &case.new, promise);
    let back = findings(&case.new, &case.old, swapped);
    let mut wrong = Vec::new();
    // The verdict, unless a rule says that its mirror is another matter.
    let even = |found: &[Finding], other: &[Finding]| {
        flat(found).iter().all(|one| {
            let named = flat(other).iter().any(|answer| is_uneven(answer, one));
            one.grade == Grade::Info || (expected(one.rule.code).is_some() && !named)
        })
    };
    let compatible = |found: &[Finding]| flat(found).iter().all(|one| one.grade == Grade::Info);
    if even(&there, &back) && even(&back, &there) && compatible(&there) != compatible(&back) {
        let codes = |found| flat(found).iter().map(|one| one.rule.code).collect::<Vec<_>>();
        wrong.push(format!("the verdicts differ: {:?} and {:?}", codes(&there), codes(&back)));
    }
    let back = flat(&back);
    for one in flat(&there).iter().filter(|one| one.grade == Grade::Error) {
        let code = one.rule.code;
        let Some(wanted) = expected(code) else { continue };
        if back.iter().any(|answer| is_uneven(answer, one)) {
            continue;
        }
        let answers = |other: &&&Finding| {
            let answer = other.rule.code;
            answer == wanted || answer == code || names(answer, code)
        };
        if !back.iter().filter(answers).any(|answer| as_severe(answer)) {
            let worst = back.iter().filter(answers).map(|other| other.grade).max();
            wrong.push(format!("{code} is an error, {wanted} backwards is {worst:?}"));
        }
    }
    wrong
}

#[test]
fn severity_mirrors_when_the_sides_are_swapped() {
    let (mut pairs, mut mirrored, mut wrong) = (0u32, BTreeSet::new(), Vec::new());
    for seed in seeds(PAIRS) {
        let Some(case) = case(seed) else { continue };
        pairs += 1;
        for (promise, swapped) in [
            (Compatibility::Backward, Compatibility::Forward),
            (Compatibility::Forward, Compatibility::Backward),
        ] {
            let found = findings(&case.old, &case.new, promise);
            mirrored.extend(errors(&found).into_iter().filter_map(|(code, _)| expected(code)));
            for text in uneven(&case, promise, swapped) {
                wrong.push(format!("seed {seed}, {promise:?}: {text}\n{}\n", case.change()));
            }
        }
    }
    println!("{pairs} pairs; mirrors seen: {mirrored:?}");
    let shown: Vec<_> = wrong.iter().take(super::SHOWN_MAX).cloned().collect();
    assert!(wrong.is_empty(), "{} mirrors are uneven:\n{}", wrong.len(), shown.join("\n"));
    assert!(pairs < 30 || mirrored.len() > 5, "few rules were ever mirrored: {mirrored:?}");
}

#[test]
fn the_same_contract_gives_nothing() {
    for seed in seeds(60) {
        let Some(case) = case(seed) else { continue };
        for promise in [Compatibility::Backward, Compatibility::Forward, Compatibility::Full] {
            for side in [&case.old, &case.new] {
                let found = findings(side, side, promise);
                assert!(found.is_empty(), "seed {seed}: {:?}", errors(&found));
            }
        }
    }
}

#[test]
fn full_is_the_union_of_both() {
    for seed in seeds(200) {
        let Some(case) = case(seed) else { continue };
        let of = |promise| errors(&findings(&case.old, &case.new, promise));
        let both: BTreeSet<_> =
            of(Compatibility::Backward).union(&of(Compatibility::Forward)).cloned().collect();
        assert_eq!(of(Compatibility::Full), both, "seed {seed}:\n{}", case.change());
    }
}
