//! A reference came or went.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM207",
    slug: "reference-added-or-removed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::LOOK,
    consumers: &[Model, SnowflakeTable],
    migration: Migration::None,
    witness: WitnessKind::None(
        "the key that a field holds is the same; what it is looked up in differs",
    ),
    what: "A field refers to an entity from now on, or no longer.",
    why: "Readers lose, or are given, the promise that every value finds its row; old rows \
          were not checked.",
    how: "Check old rows before a reference is declared; tell the readers before one goes.",
    cases: cases!("DCM207-reference-added-or-removed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let (what, to) = match (&pair.old.references, &pair.new.references) {
        (None, Some(new)) => ("refers to", new),
        (Some(old), None) => ("no longer refers to", old),
        (None, None) | (Some(_), Some(_)) => return,
    };
    let mut broken: Vec<Consumer> =
        pair.entity.after().column(pair.new, "may hold values without a row").into_iter().collect();
    broken.extend(pair.entity.after().models(&pair.new.name, "joins by it"));
    let headline = format!("{} {what} {to}", pair.shown());
    findings.push(pair.finding(&RULE, "references", headline, broken, RULE.how));
}
