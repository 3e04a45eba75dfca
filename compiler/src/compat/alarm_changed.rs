//! A rule that alarms came, went or changed.

use covenant_model::spec::{OnFail, QualityRule};

use super::leaves::meaning;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM233",
    slug: "alarm-changed",
    direction: Direction::Changes,
    mirror: Mirror::Uneven("DCM233", "nobody misses an alarm that was not there"),
    modes: Modes::FORWARD_LOOK,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None("an alarm refuses nothing: records are taken as before"),
    what: "A quality rule that alarms came, went, or asks for something else.",
    why: "Whoever watches the alarm is told of other things, or of nothing.",
    how: "Tell whoever watches it.",
    cases: cases!("DCM233-alarm-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let alarms = |rule: &&QualityRule| rule.on_fail == OnFail::Alarm;
    for rule in pair.old.quality.iter().filter(alarms) {
        let new = pair.new.quality.iter().find(|new| new.name == rule.name);
        let what = match new {
            None => "is gone",
            Some(new) if new.on_fail != OnFail::Alarm => continue,
            Some(new) if meaning(pair.new, &new.expect) == meaning(pair.old, &rule.expect) => {
                continue;
            }
            Some(_) => "asks for something else",
        };
        let path = pair.leaf(&format!("quality/{}", rule.name));
        let watch = people(Side::Old, path, &pair.old.owner, "is told of something else");
        push(pair, findings, rule, what, vec![watch]);
    }
    for rule in pair.new.quality.iter().filter(alarms) {
        if !pair.old.quality.iter().any(|old| old.name == rule.name) {
            push(pair, findings, rule, "is new", Vec::new());
        }
    }
}

fn push(
    pair: EntityPair<'_>,
    findings: &mut Vec<Finding>,
    rule: &QualityRule,
    what: &str,
    broken: Vec<Consumer>,
) {
    let below = format!("quality/{}", rule.name);
    let leaf = pair.leaf(&below);
    let headline = format!("alarm {} of {} {what}", rule.name, pair.new.name);
    let claims = if what == "asks for something else" { format!("{leaf}/expect") } else { leaf };
    findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([claims]));
}
