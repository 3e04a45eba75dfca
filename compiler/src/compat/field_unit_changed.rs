//! The unit or currency changed while the type did not.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW054",
    slug: "unit-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "The unit or currency of a field changed, and its type did not.",
    why: "Numbers stay valid and become wrong.",
    how: "Add a new field in the new unit instead.",
    cases: cases!("DCW054-unit-changed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    if pair.old.unit == pair.new.unit {
        return;
    }
    let show = |unit: &Option<String>| unit.clone().unwrap_or_else(|| "none".to_owned());
    let headline = format!(
        "{} changed its unit from {} to {}",
        pair.shown(),
        show(&pair.old.unit),
        show(&pair.new.unit)
    );
    // A unit that is only said now, or no longer, does not make a number wrong.
    let both = pair.old.unit.is_some() && pair.new.unit.is_some();
    let broken = pair.stored("mixes both units");
    let broken = if both { broken } else { mildly(broken) };
    let after = pair.entity.after();
    let mut finding =
        pair.finding(&RULE, "unit", headline, broken, "add a new field in the new unit");
    if !both {
        // The numbers stay as they are; only the words beside them follow.
        finding.migration = Migration::Inplace;
    }
    findings.push(finding.via(after.lineage(&pair.new.name)));
}
