//! A quality rule only alarms from now on.

use covenant_model::spec::OnFail;

use super::prelude::*;
use super::quality_tightened::{asks_the_same, never_breaks};

pub(super) static RULE: Rule = Rule {
    code: "DCM232",
    slug: "quality-action-loosened",
    direction: Direction::Loosens,
    mirror: Mirror::Rule("DCM230"),
    modes: Modes::FORWARD,
    consumers: &[RustValidator, SnowflakeTable, Model],
    migration: Migration::None,
    witness: WitnessKind::Record,
    what: "A quality rule that quarantined only alarms from now on.",
    why: "Records that break it reach the table and its readers; old validators refuse them.",
    how: "Say so to the readers first.",
    cases: cases!("DCM232-quality-action-loosened"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for rule in pair.new.quality.iter().filter(|rule| rule.on_fail == OnFail::Alarm) {
        let old = pair.old.quality.iter().find(|old| old.name == rule.name);
        if old.is_none_or(|old| old.on_fail != OnFail::Quarantine) {
            continue;
        }
        let mut broken = vec![pair.before().validator("refuses such records")];
        broken.extend(pair.after().table("may hold rows that break it"));
        if old.is_some_and(|old| {
            asks_the_same(pair.new, pair.old, old) || never_breaks(pair.new, pair.old, &old.expect)
        }) {
            // Asked on under another name, or by the declaration of the field.
            broken.clear();
        }
        let below = format!("quality/{}", rule.name);
        let leaf = pair.leaf(&below);
        let headline = format!("quality rule {} of {} only alarms now", rule.name, pair.new.name);
        let claims = [format!("{leaf}/on_fail"), format!("{leaf}/expect")];
        findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming(claims));
    }
}
