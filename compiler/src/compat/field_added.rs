//! A field's id is new: optional ones hurt nobody, required ones reject every row that was there before.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{EntityPair, consumers};

pub(super) static OPTIONAL: Rule = Rule {
    code: "DCW014",
    slug: "optional-field-added",
    modes: Modes { backward: Grade::Info, forward: Grade::Info },
    migration: Migration::Inplace,
    explain: "A field that may be null or left out was added. Contracts are open: old validators ignore it, the table gets a \
              column by one ALTER, old rows hold NULL.",
    check: Check::Entity(check_optional),
};

pub(super) static REQUIRED: Rule = Rule {
    code: "DCW015",
    slug: "required-field-added",
    modes: Modes { backward: Grade::Error, forward: Grade::Info },
    migration: Migration::Backfill,
    explain: "A field that every record must carry was added.\n\nThe new validator rejects everything written before: landed \
              changes that are replayed, events in flight, rows whose column is still empty.\n\nAdd it as `nullable: true`, \
              backfill it, and tighten it in a later version.",
    check: Check::Entity(check_required),
};

fn check_optional(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    added(pair, findings, &OPTIONAL, false);
}

fn check_required(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    added(pair, findings, &REQUIRED, true);
}

fn added(pair: EntityPair<'_>, findings: &mut Vec<Finding>, rule: &'static Rule, required: bool) {
    for field in &pair.new.fields {
        let known = pair.old.fields.iter().any(|old| old.id == field.id);
        if known || required == (field.nullable || field.optional) {
            continue;
        }
        let (kind, broken, help) = if required {
            let how = "rejects every record written before";
            let mut broken = vec![consumers::validator(pair.new, how)];
            broken.extend(consumers::column(pair.new, field, "cannot be added NOT NULL"));
            ("required", broken, "declare it `nullable: true`, backfill it, tighten it later")
        } else {
            ("optional", Vec::new(), "nothing")
        };
        let finding = Finding::new(
            rule,
            pair.old.compatibility,
            format!("{}/fields/{}", pair.new.name, field.name),
            format!("{kind} field {} was added to {}", field.name, pair.new.name),
            broken,
            help.into(),
        );
        findings.push(finding.old_at(Some(pair.old.name.clone())));
    }
}
