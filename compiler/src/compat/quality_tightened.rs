//! A quality rule that refuses records is new or different.

use covenant_model::expr::Expr;
use covenant_model::spec::{EntitySpec, OnFail, QualityRule};

use super::leaves::meaning;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM230",
    slug: "quality-rule-tightened",
    direction: Direction::Tightens,
    mirror: Mirror::Rule("DCM231"),
    modes: Modes::BACKWARD,
    consumers: &[RustValidator],
    migration: Migration::Precheck,
    witness: WitnessKind::Record,
    what: "A quality rule that quarantines was added, or changed, or quarantines from now on.",
    why: "Records that were valid are refused from now on, and replays of landed changes lose \
          them.",
    how: "Let it alarm for a while first: `on_fail: alarm`.",
    cases: cases!("DCM230-quality-rule-tightened"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for rule in pair.new.quality.iter().filter(|rule| rule.on_fail == OnFail::Quarantine) {
        let old = pair.old.quality.iter().find(|old| old.name == rule.name);
        let differs =
            |old: &QualityRule| meaning(pair.old, &old.expect) != meaning(pair.new, &rule.expect);
        let below = format!("quality/{}", rule.name);
        let leaf = pair.leaf(&below);
        let (what, claims) = match old {
            None => ("was added and quarantines", vec![leaf]),
            Some(old) if old.on_fail == OnFail::Alarm => (
                "quarantines from now on",
                vec![format!("{leaf}/on_fail"), format!("{leaf}/expect")],
            ),
            Some(old) if differs(old) => ("changed", vec![format!("{leaf}/expect")]),
            Some(_) => continue,
        };
        let headline = format!("quality rule {} of {} {what}", rule.name, pair.new.name);
        let known = asks_the_same(pair.old, pair.new, rule);
        let mut broken = vec![pair.after().validator("refuses records that were valid")];
        if known || never_breaks(pair.old, pair.new, &rule.expect) {
            // Asked before under another name, or by the declaration of the field.
            broken.clear();
        }
        let help = "let it alarm for a while first: `on_fail: alarm`";
        let mut finding = pair.finding(&RULE, &below, headline, broken, help).claiming(claims);
        if old.is_none() {
            finding = finding.old_at(Some(pair.old.name.clone()));
        } else if !known && old.is_some_and(|old| old.on_fail == OnFail::Quarantine) {
            // Whether another expression refuses more or less is not decided: both may be.
            finding = finding.always(Grade::Error);
        }
        findings.push(finding);
    }
}

/// Whether the other side refuses by the same expression, under whatever name, what `rule` of `entity` refuses.
pub(super) fn asks_the_same(other: &EntitySpec, entity: &EntitySpec, rule: &QualityRule) -> bool {
    other.quality.iter().any(|one| {
        one.on_fail == OnFail::Quarantine
            && meaning(other, &one.expect) == meaning(entity, &rule.expect)
    })
}

/// `a IS NOT NULL`, in the words of `entity`, of a field that every record of the other side carries.
pub(super) fn never_breaks(other: &EntitySpec, entity: &EntitySpec, expect: &Expr) -> bool {
    let Expr::Not(inner) = expect else { return false };
    let Expr::IsNull(ix) = &**inner else { return false };
    let there = id_of(entity, *ix).and_then(|id| field_of_id(other, id));
    there.is_some_and(|field| !field.nullable && !field.optional)
}
