//! Whose data a field is: without it nobody can be forgotten.

use covenant_model::spec::Compatibility;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCP310",
    slug: "erasure-lost",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCP320", "what can be erased from now on hurts nobody"),
    modes: Modes::BOTH,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None(
        "who may see what: policies and grants, which a record does not show",
    ),
    what: "Personal data no longer says whose it is, says somebody else, or its class no longer asks.",
    why: "A person who asks to be forgotten is found by it: the data stays.",
    how: "Keep `subject`, or ask whoever answers for personal data and land the waiver before the \
          change.",
    cases: cases!("DCP310-erasure-lost"),
    check: Check::Sides(check),
};

pub(super) static GAINED: Rule = Rule {
    code: "DCP320",
    slug: "erasure-gained",
    direction: Direction::Tightens,
    mirror: Mirror::Uneven("DCP310", "what cannot be erased any more stays for ever"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None(
        "who may see what: policies and grants, which a record does not show",
    ),
    what: "Personal data says whose it is from now on, or its class asks for that.",
    why: "Nobody.",
    how: "Nothing.",
    cases: cases!("DCP320-erasure-gained"),
    check: Check::Sides(check_gained),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for pair in sides.entities() {
        for field in pair.fields().filter(|one| one.old.subject != one.new.subject) {
            let Some(old) = &field.old.subject else { continue };
            let told = match &field.new.subject {
                None => "no longer says whose data it is".to_owned(),
                Some(new) => format!("is said to be of {new}, no longer of {old}"),
            };
            let path = format!("{}/fields/{}/subject", pair.old.name, field.old.name);
            let who = people(Side::Old, path, &sides.new.plan.project.owner, "must agree");
            let headline = format!("{} {told}", field.shown());
            let mut finding = field.finding(&RULE, "subject", headline, vec![who], RULE.how);
            if field.new.pii.is_none() {
                // It is no personal data any more: that is the finding.
                finding = finding.because_of(field.leaf("pii"));
            }
            findings.push(finding);
        }
    }
    for (class, _, _) in demands(sides).filter(|(_, old, new)| *old && !*new) {
        let headline = format!("class {class} no longer asks whose data it is");
        findings.push(of_class(sides, &RULE, class, headline));
    }
}

fn check_gained(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for pair in sides.entities() {
        let gains = |one: &FieldPair<'_>| one.old.subject.is_none() && one.new.subject.is_some();
        for field in pair.fields().filter(gains) {
            let headline = format!("{} says whose data it is", field.shown());
            findings.push(field.finding(&GAINED, "subject", headline, Vec::new(), "nothing"));
        }
    }
    for (class, _, _) in demands(sides).filter(|(_, old, new)| !*old && *new) {
        let headline = format!("class {class} asks whose data it is");
        findings.push(of_class(sides, &GAINED, class, headline));
    }
}

/// Classes of both sides, and whether erasure is required.
fn demands(sides: Sides<'_>) -> impl Iterator<Item = (&String, bool, bool)> {
    sides.old.plan.project.pii_classes.iter().filter_map(move |(name, old)| {
        let new = sides.new.plan.project.pii_classes.get(name)?;
        Some((name, old.terms.erasure_required, new.terms.erasure_required))
    })
}

fn of_class(sides: Sides<'_>, rule: &'static Rule, class: &str, headline: String) -> Finding {
    let path = format!("project/pii/classes/{class}/erasure");
    let who = people(Side::New, path.clone(), &sides.new.plan.project.owner, "must agree");
    let broken = if rule == &GAINED { Vec::new() } else { vec![who] };
    let leaf = format!("project/pii_classes/{class}/terms/erasure_required");
    Finding::new(rule, Compatibility::Full, path, headline, broken, rule.how).claiming([leaf])
}
