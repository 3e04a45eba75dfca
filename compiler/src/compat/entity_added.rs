//! An entity is new: nobody depends on it yet.

use super::Sides;
use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};

pub(super) static RULE: Rule = Rule {
    code: "DCW003",
    slug: "entity-added",
    modes: Modes { backward: Grade::Info, forward: Grade::Info },
    migration: Migration::Inplace,
    explain: "A new entity. Nobody depends on it yet; `deploy` makes its tables, and its first load runs beside live traffic.",
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for entity in sides.new.entities.iter().filter(|e| sides.old.entity(&e.name).is_none()) {
        let finding = Finding::new(
            &RULE,
            entity.compatibility,
            entity.name.clone(),
            format!("entity {} was added", entity.name),
            Vec::new(),
            "nothing: its first load runs beside live traffic".into(),
        );
        findings.push(finding.old_at(None));
    }
}
