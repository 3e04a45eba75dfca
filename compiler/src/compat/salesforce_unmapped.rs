//! A Salesforce field is no longer fed, or by another field.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{EntityPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCS130",
    slug: "salesforce-field-unmapped",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::None,
    explain: "A Salesforce field that was fed is not fed any more, or by another field of the contract.\n\nIts last values stay and \
              grow stale; nobody in Salesforce can see that.\n\nRemove it from layouts and reports first, or blank it once.",
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    if old.object != new.object {
        return; // the whole sink moved: one finding is enough
    }
    for mapped in &old.fields {
        let Some(field) = pair.old.fields.get(mapped.source) else { continue };
        let fed = new.fields.iter().any(|other| {
            let same = pair.new.fields.get(other.source).is_some_and(|new| new.id == field.id);
            other.target == mapped.target && same
        });
        let gone = !pair.new.fields.iter().any(|new| new.id == field.id);
        if fed || gone {
            continue; // a removed field is one finding of its own
        }
        let broken = consumers::mappings(pair.old, field, "is no longer fed by it")
            .into_iter()
            .filter(|consumer| consumer.name.ends_with(&mapped.target))
            .collect();
        findings.push(
            Finding::new(
                &RULE,
                pair.old.compatibility,
                format!("{}/sinks/{}/fields/{}", pair.old.name, old.system, mapped.target),
                format!("{}.{} is no longer fed by {}", old.object, mapped.target, field.name),
                broken,
                "remove it from layouts and reports first, or blank it once".into(),
            )
            .new_at(Some(format!("{}/sinks/{}", pair.new.name, new.system))),
        );
    }
}
