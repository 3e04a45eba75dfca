//! What the project and its classes of personal data demand of every contract.

use covenant_model::spec::Compatibility;

use super::prelude::*;

pub(super) static POLICY: Rule = Rule {
    code: "DCP304",
    slug: "classification-policy-changed",
    direction: Direction::Loosens,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None(
        "the words of a class: what it does to a record is shown where a field changes its class",
    ),
    what: "Fields no longer have to say whether they are personal data, or have to from now on.",
    why: "No longer: the next field that nobody thought about is the one that leaks. (From now on: \
          `check` names every field that does not.)",
    how: "Keep `classify: required`, or ask whoever answers for personal data.",
    cases: cases!("DCP304-classification-policy-changed"),
    check: Check::Sides(check_policy),
};

pub(super) static SHORTER: Rule = Rule {
    code: "DCP322",
    slug: "class-kept-shorter",
    direction: Direction::Tightens,
    mirror: Mirror::Uneven("DCP311", "what is kept for longer was not agreed"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("time passes between promise and breach: no single run shows it"),
    what: "A class of personal data may be kept for a shorter time, or gets a limit.",
    why: "Nobody: contracts that keep it for longer are refused by `check`.",
    how: "Nothing.",
    cases: cases!("DCP322-class-kept-shorter"),
    check: Check::Sides(check_shorter),
};

fn check_policy(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (&sides.old.plan.project, &sides.new.plan.project);
    if old.classify_required == new.classify_required {
        return;
    }
    let path = "project/pii/classify".to_owned();
    let (headline, broken, grade) = if new.classify_required {
        ("every field has to say whether it is personal data", Vec::new(), Grade::Info)
    } else {
        let who = people(Side::New, path.clone(), &new.owner, "must agree");
        ("fields no longer have to say whether they are personal data", vec![who], Grade::Error)
    };
    let headline = headline.to_owned();
    let mut finding =
        Finding::new(&POLICY, Compatibility::Full, path, headline, broken, POLICY.how)
            .claiming(["project/classify_required".to_owned()]);
    finding.grade = grade;
    findings.push(finding);
}

/// Classes of both sides whose limit differs, and the limits; none is for ever.
pub(super) fn limits(sides: Sides<'_>) -> impl Iterator<Item = (&String, u32, u32)> {
    sides.old.plan.project.pii_classes.iter().filter_map(move |(name, old)| {
        let new = sides.new.plan.project.pii_classes.get(name)?;
        let days = |limit: Option<u32>| limit.unwrap_or(u32::MAX);
        let (old, new) = (days(old.terms.max_retention_days), days(new.terms.max_retention_days));
        (old != new).then_some((name, old, new))
    })
}

/// A finding about the limit of a class.
pub(super) fn limit(
    sides: Sides<'_>,
    rule: &'static Rule,
    (class, old, new): (&str, u32, u32),
    hurts: bool,
) -> Finding {
    let told =
        |days: u32| if days == u32::MAX { "for ever".to_owned() } else { format!("{days} days") };
    let headline = format!("class {class} may be kept {}, no longer {}", told(new), told(old));
    let path = format!("project/pii/classes/{class}/max_retention");
    let who = people(Side::New, path.clone(), &sides.new.plan.project.owner, "must agree");
    let broken = if hurts { vec![who] } else { Vec::new() };
    let leaf = format!("project/pii_classes/{class}/terms/max_retention_days");
    Finding::new(rule, Compatibility::Full, path, headline, broken, rule.how).claiming([leaf])
}

fn check_shorter(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for (class, old, new) in limits(sides).filter(|(_, old, new)| new < old) {
        findings.push(limit(sides, &SHORTER, (class, old, new), false));
    }
}
