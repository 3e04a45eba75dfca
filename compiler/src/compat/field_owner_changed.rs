//! Another source tells a field.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCS136",
    slug: "field-owner-changed",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::Backfill,
    explain: "Another source owns a field, or one more, or one less.\n\nVersions of different owners are not comparable, so values of \
              the old owner must be read again under the new one; where Salesforce was the owner, echoes and overwrites change \
              sides.\n\nPlan a backfill of the entity, and tell the old owner's users.",
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let owners =
        |field: &covenant_model::spec::FieldSpec| field.from.keys().cloned().collect::<Vec<_>>();
    let (before, after) = (owners(pair.old), owners(pair.new));
    if before == after {
        return;
    }
    let entity = pair.entity.new;
    let mut broken = vec![consumers::validator(entity, "takes it from another source")];
    broken.extend(consumers::column(entity, pair.new, "holds the old owner's values"));
    broken.extend(consumers::mappings(entity, pair.new, "gets another owner's values"));
    findings.push(Finding::new(
        &RULE,
        pair.entity.old.compatibility,
        format!("{}/fields/{}/from", entity.name, pair.new.name),
        format!(
            "{}.{} was told by {} and is now told by {}",
            entity.name,
            pair.new.name,
            before.join(" and "),
            after.join(" and ")
        ),
        broken,
        "plan a backfill of the entity under the new owner".into(),
    ));
}
