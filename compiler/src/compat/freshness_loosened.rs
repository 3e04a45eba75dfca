//! Freshness is promised for later, or sooner.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM240",
    slug: "freshness-loosened",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCM241", "a promise that is kept better hurts nobody"),
    modes: Modes::FORWARD,
    consumers: &[People, Model],
    migration: Migration::None,
    witness: WitnessKind::None("time passes between promise and breach: no single run shows it"),
    what: "A promise of freshness is longer, or gone.",
    why: "Whoever reads the sink counts on it; models that promise less than their inputs plus \
          their own schedule cannot keep their word.",
    how: "Agree it with the readers first.",
    cases: cases!("DCM240-freshness-loosened"),
    check: Check::Dataset(check),
};

pub(super) static TIGHTENED: Rule = Rule {
    code: "DCM241",
    slug: "freshness-tightened",
    direction: Direction::Tightens,
    mirror: Mirror::Uneven("DCM240", "a promise that is kept worse hurts readers"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("time passes between promise and breach: no single run shows it"),
    what: "A promise of freshness is shorter, or new.",
    why: "Nobody who reads. The pipeline has to keep it: jobs get the tighter objective.",
    how: "Nothing; look at the lag before.",
    cases: cases!("DCM241-freshness-tightened"),
    check: Check::Dataset(check_tightened),
};

fn check(pair: DatasetPair<'_>, findings: &mut Vec<Finding>) {
    for (system, old) in &pair.old.expect.freshness_s {
        let new = pair.new.expect.freshness_s.get(system);
        if new.is_some_and(|new| new <= old) {
            continue;
        }
        let told = new.map_or_else(|| "is gone".to_owned(), |new| format!("became {new} s"));
        let headline =
            format!("the promise that {} is in {system} within {old} s {told}", pair.new.name);
        let path = format!("{}/expect/freshness/{system}", pair.old.name);
        let reader = people(Side::Old, path.clone(), system, "was promised sooner");
        let mut broken = vec![reader];
        broken.extend(consumers::readers(pair.sides.new, pair.new.name, "is later, too"));
        push(pair, findings, &RULE, system, headline, broken);
    }
}

fn check_tightened(pair: DatasetPair<'_>, findings: &mut Vec<Finding>) {
    for (system, new) in &pair.new.expect.freshness_s {
        let old = pair.old.expect.freshness_s.get(system);
        if old.is_none_or(|old| new < old) {
            let headline = format!("{} promises to be in {system} within {new} s", pair.new.name);
            push(pair, findings, &TIGHTENED, system, headline, Vec::new());
        }
    }
}

fn push(
    pair: DatasetPair<'_>,
    findings: &mut Vec<Finding>,
    rule: &'static Rule,
    system: &str,
    headline: String,
    broken: Vec<Consumer>,
) {
    let mut finding =
        pair.finding(rule, &format!("expect/freshness/{system}"), headline, broken, rule.how);
    finding.claims = vec![format!("{}/expect/freshness_s/{system}", pair.new.name)];
    findings.push(finding);
}
