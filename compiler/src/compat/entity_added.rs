//! An entity or a model is new: nobody depends on it yet.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW003",
    slug: "entity-added",
    direction: Direction::Tightens,
    mirror: Mirror::Uneven("DCW001", "nobody depends on what is new; whoever is there loses"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::Inplace,
    witness: WitnessKind::None("nobody depends on what was not there"),
    what: "A new entity.",
    why: "Nobody depends on it yet.",
    how: "Nothing: `deploy` makes its tables, and its first load runs beside live traffic.",
    cases: cases!("DCW003-entity-added"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    let added = sides.new.plan.entities.iter().filter(|e| sides.old.entity(&e.name).is_none());
    for entity in added {
        let name = entity.name.clone();
        let headline = format!("entity {name} was added");
        let help = "nothing: its first load runs beside live traffic";
        findings.push(
            Finding::new(&RULE, entity.compatibility, name.clone(), headline, Vec::new(), help)
                .old_at(None)
                .claiming([name]),
        );
    }
}
