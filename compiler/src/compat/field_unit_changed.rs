//! The unit or currency changed while the type did not.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCW054",
    slug: "unit-changed",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::Backfill,
    explain: "A field's unit or currency changed and its type did not: numbers stay valid and become wrong.\n\nAdd a new field in \
              the new unit instead.",
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.unit, &pair.new.unit) else { return };
    if old == new {
        return;
    }
    let entity = pair.entity.new;
    let how = "mixes both units";
    let mut broken: Vec<_> = consumers::column(entity, pair.new, how).into_iter().collect();
    broken.extend(consumers::mappings(entity, pair.new, how));
    broken.extend(consumers::models(pair.entity.sides.new, &entity.name, &pair.new.name, how));
    findings.push(Finding::new(
        &RULE,
        pair.entity.old.compatibility,
        format!("{}/fields/{}", entity.name, pair.new.name),
        format!("{}.{} changed its unit from {old} to {new}", entity.name, pair.new.name),
        broken,
        "add a new field in the new unit".into(),
    ));
}
