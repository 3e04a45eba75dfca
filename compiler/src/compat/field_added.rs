//! A field's id is new: optional ones hurt nobody, required ones reject every row that was there before.

use covenant_model::spec::{EntitySpec, SourceSpec};

use super::prelude::*;
use super::unknown_members;

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

pub(super) static CLOSED: Rule = Rule {
    code: "DCW013",
    slug: "field-added-to-closed",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCW010", "a removal takes from every reader, not from validators only"),
    modes: Modes::FORWARD,
    consumers: &[RustValidator],
    migration: Migration::Inplace,
    witness: WitnessKind::Record,
    what: "A field was added to a source that is closed.",
    why: "Old validators quarantine events with members that they do not know: every event of a \
          producer that already sends the field, until they are deployed.",
    how: "Deploy the validators first, let producers send the field afterwards.",
    cases: cases!("DCW013-field-added-to-closed"),
    check: Check::Entity(check_closed),
};

pub(super) static DEFAULTED: Rule = Rule {
    code: "DCW016",
    slug: "defaulted-field-added",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCW010", "an addition takes nothing from a reader"),
    modes: Modes::INFO,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Backfill,
    witness: WitnessKind::None("nobody depends on what was not there"),
    what: "A field with a default was added.",
    why: "Nobody: records that lack it get the default, and stored rows are filled with it.",
    how: "Nothing. The default can go once no landed record lacks the field.",
    cases: cases!("DCW016-defaulted-field-added"),
    check: Check::Entity(check_defaulted),
};

/// What an added field asks of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Nothing,
    Value,
    ValueOrDefault,
}

fn asks(field: &FieldSpec) -> Asks {
    match (&field.evolution.default, field.nullable || field.optional) {
        (Some(_), _) => Asks::ValueOrDefault,
        (None, true) => Asks::Nothing,
        (None, false) => Asks::Value,
    }
}

fn check_closed(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for field in pair.new.fields.iter().filter(|one| field_of_id(pair.old, one.id).is_none()) {
        let Some(source) = unknown_members::strangers(pair.old, pair.new, field) else { continue };
        let headline =
            format!("{} of {} is unknown to the closed {source}", field.name, pair.new.name);
        let broken = vec![pair.before().validator("rejects events that carry it")];
        let help = "deploy the validators first, then let producers send it";
        let finding = found(pair, &CLOSED, field, headline, broken, help);
        let leaf = leaf_of_field(&pair.new.name, field.id, "");
        // A field that records must carry breaks more than this: there it is an effect.
        let alone = !breaks_records(pair.new, field);
        findings.push(if alone { finding } else { finding.because_of(leaf) });
    }
}

fn check_defaulted(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for field in added(pair, Asks::ValueOrDefault) {
        let text = field.evolution.default.as_deref().unwrap_or_default();
        let headline =
            format!("field {} was added to {}, by default {text}", field.name, pair.new.name);
        findings.push(found(pair, &DEFAULTED, field, headline, Vec::new(), DEFAULTED.how));
    }
}

fn check_optional(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for field in added(pair, Asks::Nothing) {
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
    for field in added(pair, Asks::Value) {
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

/// Whether a field that is added asks something of records that were written before.
fn breaks_records(entity: &EntitySpec, field: &FieldSpec) -> bool {
    match asks(field) {
        Asks::Value => true,
        Asks::Nothing => is_carried(entity, field),
        Asks::ValueOrDefault => false,
    }
}

/// Whether records without the field are refused: null is something else than nothing. Salesforce
/// leaves out what did not change.
pub(super) fn is_carried(entity: &EntitySpec, field: &FieldSpec) -> bool {
    !field.optional && field.evolution.default.is_none() && !patches_only(entity, field)
}

/// Whether only sources tell it that leave out what did not change.
pub(super) fn patches_only(entity: &EntitySpec, field: &FieldSpec) -> bool {
    let patches =
        |source: &String| matches!(entity.sources.get(source), Some(SourceSpec::Salesforce { .. }));
    field.from.keys().all(patches)
}

fn added(pair: EntityPair<'_>, wanted: Asks) -> impl Iterator<Item = &FieldSpec> {
    pair.new.fields.iter().filter(move |field| {
        // One change, one finding: what only a closed source minds is said there.
        let minded = !breaks_records(pair.new, field)
            && unknown_members::strangers(pair.old, pair.new, field).is_some();
        field_of_id(pair.old, field.id).is_none() && asks(field) == wanted && !minded
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
