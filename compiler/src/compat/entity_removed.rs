//! An entity is gone: its table stands still, what refers to it dangles.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{Sides, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCW001",
    slug: "entity-removed",
    modes: Modes { backward: Grade::Info, forward: Grade::Error },
    migration: Migration::None,
    explain: "An entity that was there is gone.\n\nIts table is no longer written, its Salesforce records are no longer kept up \
              to date, and what refers to it dangles.\n\nMove its consumers away first, in a change of their own; then remove \
              it.",
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for entity in &sides.old.entities {
        if sides.new.entity(&entity.name).is_some() {
            continue;
        }
        let mut broken = vec![consumers::validator(entity, "is no longer generated")];
        broken.extend(consumers::table(entity, "is no longer written"));
        broken.extend(consumers::readers(sides.old, &entity.name, "reads it"));
        broken.extend(consumers::references(sides.old, &entity.name, "refers to it"));
        findings.push(
            Finding::new(
                &RULE,
                entity.compatibility,
                entity.name.clone(),
                format!("entity {} was removed", entity.name),
                broken,
                "move its consumers away first, then remove it".into(),
            )
            .new_at(None),
        );
    }
}
