//! min, max, pattern or format accept more than before.

use super::limits;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW051",
    slug: "constraint-loosened",
    direction: Direction::Loosens,
    mirror: Mirror::Rule("DCW050"),
    modes: Modes::FORWARD,
    consumers: &[RustValidator],
    migration: Migration::None,
    witness: WitnessKind::Record,
    what: "A limit, a pattern or a format accepts more than before, or is gone.",
    why: "Old validators reject the new values until they are deployed.",
    how: "Deploy before the producer uses it.",
    cases: cases!("DCW051-constraint-loosened"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    // What is looser one way is stricter the other way.
    let changed = limits::stricter(pair.new, pair.old);
    if changed.is_empty() {
        return;
    }
    let told: Vec<limits::Limit> = changed.into_iter().map(limits::Limit::reversed).collect();
    let headline = format!("{} accepts more: {}", pair.shown(), limits::told(&told));
    let how = "rejects the new values until it is deployed";
    let broken = vec![pair.entity.before().validator(how).mildly()];
    let attribute = told.first().map_or("", |first| first.name);
    let mut finding =
        pair.finding(&RULE, attribute, headline, broken, "deploy before the producer uses it");
    finding.claims = told.iter().map(|limit| pair.leaf(limit.name)).collect();
    findings.push(finding);
}
