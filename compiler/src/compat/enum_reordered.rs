//! The order of an enum changed, where nothing depends on it.

use covenant_model::spec::MergeRule;

use super::enum_value_removed::reordered;
use super::enum_value_renamed;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW045",
    slug: "enum-reordered",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("both sides do the same with every record"),
    what: "The symbols of an enum stand in another order, and no rule ranks by it.",
    why: "Nobody: the order only means something under `merge: ranked` (DCM260).",
    how: "Nothing.",
    cases: cases!("DCW045-enum-reordered"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let Some((old, new)) = enum_value_renamed::symbols(pair) else { return };
    if pair.new.merge == MergeRule::Ranked || !reordered(&old, new) {
        return;
    }
    let headline = format!("the values of {} stand in another order", pair.shown());
    let mut finding = pair.finding(&RULE, "type", headline, Vec::new(), "nothing");
    finding.claims = vec![pair.leaf("type/order")];
    findings.push(finding);
}
