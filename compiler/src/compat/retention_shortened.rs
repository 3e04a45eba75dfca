//! Rows are kept for a shorter or a longer time.

use covenant_model::spec::Expectations;

use super::class_terms_changed::{limit, limits};
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM242",
    slug: "retention-shortened",
    direction: Direction::Tightens,
    mirror: Mirror::Uneven("DCM243", "what is destroyed is gone, what is kept hurts nobody"),
    modes: Modes::BOTH,
    consumers: &[People, SnowflakeTable, Model],
    migration: Migration::Impossible,
    witness: WitnessKind::None("time passes between promise and breach: no single run shows it"),
    what: "Rows are kept for a shorter time.",
    why: "What is older is destroyed: history, year-on-year reports and backfills lose it, and \
          nothing brings it back.",
    how: "Copy what somebody still needs first.",
    cases: cases!("DCM242-retention-shortened"),
    check: Check::Dataset(check),
};

pub(super) static LONGER: Rule = Rule {
    code: "DCM243",
    slug: "retention-lengthened",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCM242", "what is destroyed is gone, what is kept hurts nobody"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("time passes between promise and breach: no single run shows it"),
    what: "Rows are kept for longer. (Of personal data: DCP311.)",
    why: "Nobody who reads.",
    how: "Nothing.",
    cases: cases!("DCM243-retention-lengthened"),
    check: Check::Dataset(check_longer),
};

pub(super) static PERSONAL: Rule = Rule {
    code: "DCP311",
    slug: "personal-data-kept-longer",
    direction: Direction::Loosens,
    mirror: Mirror::Rule("DCM242"),
    modes: Modes::BOTH,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None("time passes between promise and breach: no single run shows it"),
    what: "Personal data is kept for longer, or for ever, or its class allows that.",
    why: "The time was agreed with those whose data it is, or is the law.",
    how: "Ask whoever answers for personal data, and land the waiver before the change.",
    cases: cases!("DCP311-personal-data-kept-longer"),
    check: Check::Sides(check_personal),
};

/// None: for ever.
fn kept(expect: &Expectations) -> u32 {
    expect.retention_days.unwrap_or(u32::MAX)
}

fn told(expect: &Expectations) -> String {
    expect.retention_days.map_or_else(|| "for ever".to_owned(), |days| format!("{days} days"))
}

fn push(
    pair: DatasetPair<'_>,
    findings: &mut Vec<Finding>,
    rule: &'static Rule,
    broken: Vec<Consumer>,
) {
    let headline = format!(
        "{} is kept {}, no longer {}",
        pair.new.name,
        told(pair.new.expect),
        told(pair.old.expect)
    );
    let mut finding = pair.finding(rule, "expect/retention", headline, broken, rule.how);
    finding.claims = vec![format!("{}/expect/retention_days", pair.new.name)];
    findings.push(finding);
}

fn check(pair: DatasetPair<'_>, findings: &mut Vec<Finding>) {
    if kept(pair.new.expect) >= kept(pair.old.expect) {
        return;
    }
    let path = format!("{}/expect/retention", pair.new.name);
    let mut broken = vec![people(Side::New, path, pair.new.owner, "loses what is older")];
    broken.extend(consumers::readers(pair.sides.new, pair.new.name, "loses what is older"));
    push(pair, findings, &RULE, broken);
}

fn check_longer(pair: DatasetPair<'_>, findings: &mut Vec<Finding>) {
    if kept(pair.new.expect) > kept(pair.old.expect) && !pair.new.personal {
        push(pair, findings, &LONGER, Vec::new());
    }
}

fn check_personal(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    sides.datasets().for_each(|pair| check_dataset(pair, findings));
    for (class, old, new) in limits(sides).filter(|(_, old, new)| new > old) {
        findings.push(limit(sides, &PERSONAL, (class, old, new), true));
    }
}

fn check_dataset(pair: DatasetPair<'_>, findings: &mut Vec<Finding>) {
    if kept(pair.new.expect) > kept(pair.old.expect) && pair.new.personal {
        let path = format!("{}/expect/retention", pair.new.name);
        let broken = vec![people(Side::New, path, pair.new.owner, "must agree")];
        push(pair, findings, &PERSONAL, broken);
    }
}
