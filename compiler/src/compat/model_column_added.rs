//! A model got a column.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM228",
    slug: "model-column-added",
    direction: Direction::Neutral,
    mirror: Mirror::Uneven("DCM223", "readers lose what goes; nobody reads what is new"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::Inplace,
    witness: WitnessKind::None("nobody depends on what was not there"),
    what: "A model got a column.",
    why: "Nobody: readers name their columns.",
    how: "Nothing.",
    cases: cases!("DCM228-model-column-added"),
    check: Check::Model(check),
};

fn check(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    for column in &pair.new.fields {
        if pair.old.fields.iter().any(|old| old.id == column.id) {
            continue;
        }
        let headline = format!("{} got the column {}", pair.new.name, column.name);
        let below = format!("fields/{}", column.name);
        let leaf = leaf_of_field(&pair.new.name, column.id, "");
        findings.push(
            pair.finding(&RULE, &below, headline, Vec::new(), "nothing")
                .old_at(Some(pair.old.name.clone()))
                .claiming([leaf]),
        );
    }
}
