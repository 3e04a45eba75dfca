//! A quality rule that refused records is gone.

use covenant_model::spec::OnFail;

use super::prelude::*;
use super::quality_tightened::{asks_the_same, never_breaks};

pub(super) static RULE: Rule = Rule {
    code: "DCM231",
    slug: "quality-rule-removed",
    direction: Direction::Loosens,
    mirror: Mirror::Rule("DCM230"),
    modes: Modes::FORWARD,
    consumers: &[RustValidator, SnowflakeTable, Model],
    migration: Migration::None,
    witness: WitnessKind::Record,
    what: "A quality rule that quarantined is gone.",
    why: "Readers lose a promise: rows may come that they were never made for. Old validators \
          refuse them.",
    how: "Say so to the readers first, and let the rule alarm for a while instead.",
    cases: cases!("DCM231-quality-rule-removed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for rule in pair.old.quality.iter().filter(|rule| rule.on_fail == OnFail::Quarantine) {
        if pair.new.quality.iter().any(|new| new.name == rule.name) {
            continue;
        }
        let mut broken = vec![pair.before().validator("refuses such records")];
        broken.extend(pair.after().table("may hold rows that break it"));
        if asks_the_same(pair.new, pair.old, rule) || never_breaks(pair.new, pair.old, &rule.expect)
        {
            // Asked on under another name, or by the declaration of the field.
            broken.clear();
        }
        let below = format!("quality/{}", rule.name);
        let leaf = pair.leaf(&below);
        let headline = format!("quality rule {} of {} is gone", rule.name, pair.new.name);
        findings.push(
            pair.finding(&RULE, &below, headline, broken, RULE.how)
                .new_at(Some(pair.new.name.clone()))
                .claiming([leaf]),
        );
    }
}
