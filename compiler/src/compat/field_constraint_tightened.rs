//! min, max, pattern or format accept less than before.

use super::limits;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW050",
    slug: "constraint-tightened",
    direction: Direction::Tightens,
    mirror: Mirror::Rule("DCW051"),
    modes: Modes::BACKWARD,
    consumers: &[RustValidator],
    migration: Migration::Precheck,
    witness: WitnessKind::Record,
    what: "A limit, a pattern or a format accepts less than before, or is new.",
    why: "The new validator rejects records that were valid.",
    how: "Write it as a quality rule with `on_fail: alarm` first, and tighten when it is \
          silent.",
    cases: cases!("DCW050-constraint-tightened"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let changed = limits::stricter(pair.old, pair.new);
    if changed.is_empty() {
        return;
    }
    let headline = format!("{} accepts less: {}", pair.shown(), limits::told(&changed));
    let broken = vec![pair.entity.after().validator("rejects records that were valid")];
    let help = "write it as a quality rule with `on_fail: alarm` first";
    let attribute = changed.first().map_or("", |first| first.name);
    let mut finding = pair.finding(&RULE, attribute, headline, broken, help);
    finding.claims = changed.iter().map(|limit| pair.leaf(limit.name)).collect();
    findings.push(finding);
}
