//! A field's id is gone.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{EntityPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCW010",
    slug: "field-removed",
    modes: Modes { backward: Grade::Info, forward: Grade::Error },
    migration: Migration::Inplace,
    explain: "A field that was there is gone (its stable id is not used any more).\n\nThe warehouse column is no longer written, \
              models that read it fail, Salesforce fields that it fed stand still.\n\nMove the consumers that are named away \
              first. Keep its id and name under `reserved`, so that neither can come back with another meaning.",
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for field in &pair.old.fields {
        if pair.new.fields.iter().any(|new| new.id == field.id) {
            continue;
        }
        let mut broken: Vec<_> =
            consumers::column(pair.old, field, "is no longer written").into_iter().collect();
        broken.extend(consumers::mappings(pair.old, field, "is no longer fed"));
        broken.extend(consumers::models(pair.sides.old, &pair.old.name, &field.name, "reads it"));
        let reserved = pair.new.reserved.iter().any(|reserved| reserved.id == field.id);
        let help = if reserved {
            "move the consumers away first".to_owned()
        } else {
            format!(
                "move the consumers away first, and add `{{id: {}, name: {}}}` to `reserved`",
                field.id, field.name
            )
        };
        let finding = Finding::new(
            &RULE,
            pair.old.compatibility,
            format!("{}/fields/{}", pair.old.name, field.name),
            format!("field {} of {} was removed", field.name, pair.old.name),
            broken,
            help,
        );
        findings.push(finding.new_at(Some(pair.new.name.clone())));
    }
}
