//! A field's id is new: optional ones hurt nobody, required ones reject every row that was there before.

use covenant_model::spec::{EntitySpec, FieldSpec, SourceSpec};

use super::prelude::*;

pub(super) static OPTIONAL: Rule = Rule {
    code: "DCW014",
    slug: "optional-field-added",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCW010", "an addition takes nothing from a reader"),
    modes: Modes { backward: Grade::Warning, forward: Grade::Info },
    consumers: &[RustValidator],
    migration: Migration::Inplace,
    witness: WitnessKind::Record,
    what: "A field that may be null or left out was added.",
    why: "Nobody, where records may leave it out: contracts are open, old validators ignore it, \
          the table gets a column by one ALTER, old rows hold NULL. Where it may be null but not \
          left out, the new validator refuses records in flight that do not carry it yet.",
    how: "Say `optional: true`, or let the source carry it before the contract does.",
    cases: cases!("DCW014-optional-field-added"),
    check: Check::Entity(check_optional),
};

pub(super) static REQUIRED: Rule = Rule {
    code: "DCW015",
    slug: "required-field-added",
    direction: Direction::Tightens,
    mirror: Mirror::Uneven("DCW010", "a removal also takes from readers"),
    modes: Modes::BACKWARD,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "A field that every record must carry was added.",
    why: "The new validator rejects everything written before: landed changes that are \
          replayed, events in flight, rows whose column is still empty.",
    how: "Add it as `nullable: true, optional: true`, backfill it, and tighten it in a later \
          version.",
    cases: cases!("DCW015-required-field-added"),
    check: Check::Entity(check_required),
};

fn check_optional(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for field in added(pair, false) {
        let headline = format!("optional field {} was added to {}", field.name, pair.new.name);
        if !is_carried(pair.new, field) {
            findings.push(found(pair, &OPTIONAL, field, headline, Vec::new(), "nothing"));
            continue;
        }
        let how = "refuses records in flight that do not carry it yet";
        let broken = vec![pair.after().validator(how).mildly()];
        let help = "say `optional: true`, or let the source carry it first";
        findings.push(found(pair, &OPTIONAL, field, headline, broken, help));
    }
}

fn check_required(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for field in added(pair, true) {
        let mut broken = Vec::new();
        if is_carried(pair.new, field) {
            broken.push(pair.after().validator("rejects every record written before"));
        }
        if !field.nullable {
            broken.extend(pair.after().column(field, "cannot be added NOT NULL"));
        }
        let headline = format!("required field {} was added to {}", field.name, pair.new.name);
        let help = "declare it `nullable: true, optional: true`, backfill it, tighten it later";
        let mut finding = found(pair, &REQUIRED, field, headline, broken, help);
        let missing = [("nullable: true", field.nullable), ("optional: true", field.optional)];
        for (entry, _) in missing.iter().filter(|(_, there)| !there) {
            finding = finding.mend(Mend {
                title: format!("say `{entry}` until it is backfilled"),
                path: pair.leaf(&format!("fields/{}", field.name)),
                edit: MendEdit::AddEntry((*entry).to_owned()),
                safe: false,
            });
        }
        findings.push(finding);
    }
}

/// Whether records without the field are refused: null is something else than nothing. Salesforce
/// leaves out what did not change.
pub(super) fn is_carried(entity: &EntitySpec, field: &FieldSpec) -> bool {
    let patches =
        |source: &String| matches!(entity.sources.get(source), Some(SourceSpec::Salesforce { .. }));
    !field.optional && field.from.keys().any(|source| !patches(source))
}

fn added(pair: EntityPair<'_>, required: bool) -> impl Iterator<Item = &FieldSpec> {
    pair.new.fields.iter().filter(move |field| {
        field_of_id(pair.old, field.id).is_none() && required != (field.nullable || field.optional)
    })
}

fn found(
    pair: EntityPair<'_>,
    rule: &'static Rule,
    field: &FieldSpec,
    headline: String,
    broken: Vec<Consumer>,
    help: &str,
) -> Finding {
    pair.finding(rule, &format!("fields/{}", field.name), headline, broken, help)
        .old_at(Some(pair.old.name.clone()))
        .claiming([leaf_of_field(&pair.new.name, field.id, "")])
}
