//! A field refers to another entity.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM206",
    slug: "reference-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[Reference, SalesforceMapping, Model],
    migration: Migration::None,
    witness: WitnessKind::None(
        "the key that a field holds is the same; what it is looked up in differs",
    ),
    what: "A field refers to another entity.",
    why: "Joins and lookups go elsewhere: they find other rows, or none.",
    how: "Add a new field for the new reference.",
    cases: cases!("DCM206-reference-changed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.references, &pair.new.references) else { return };
    if old == new {
        return;
    }
    let mut broken: Vec<Consumer> =
        pair.entity.after().column(pair.new, "joins other rows").into_iter().collect();
    broken.extend(pair.entity.after().mappings(pair.new, "looks other records up"));
    broken.extend(pair.entity.after().models(&pair.new.name, "joins by it"));
    let headline = format!("{} refers to {new}, no longer to {old}", pair.shown());
    findings.push(pair.finding(&RULE, "references", headline, broken, RULE.how));
}
