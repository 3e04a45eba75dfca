//! What is written into an object: that the org takes it, all of it, in every row.

use covenant_model::spec::{EntitySpec, OnDelete, SalesforceField, SalesforceSink};
use covenant_model::value::LogicalType;

use super::{CUSTOM, Pair, fit, lookup};
use crate::check::salesforce::mapping_path;
use crate::check::{Cx, finding};
use crate::describe::{Field, Kind, SObject};
use crate::diagnostic::codes;
use crate::emit::salesforce::key_chars;
use crate::ir::{EntityIr, Org};

/// Digits of the largest delivery revision (53 bits).
const REVISION_DIGITS: u32 = 16;

pub(super) fn check(
    cx: &Cx<'_>,
    org: &Org,
    entity: &EntityIr,
    sink: &SalesforceSink,
    object: &SObject,
) {
    whole_object(cx, &entity.spec, sink, object);
    for mapping in &sink.fields {
        if entity.unsound.contains(&mapping.source) {
            continue;
        }
        let at = cx.key(&mapping_path(&entity.spec, sink, mapping));
        let pair = Pair { cx, entity, object, at };
        if mapping.parent_external_id.is_some() {
            lookup::check(&pair, org, mapping);
        } else {
            mapped(&pair, mapping);
        }
    }
    external_id(cx, entity, sink, object);
    own_fields(cx, entity, sink, object);
    unfed(cx, &entity.spec, sink, object);
    compared(cx, entity, sink, object);
}

/// Whether rows of the entity may remove records.
fn removes(sink: &SalesforceSink, how: OnDelete) -> bool {
    sink.on_delete == how || (sink.filter.is_some() && sink.on_leave == how)
}

fn whole_object(cx: &Cx<'_>, spec: &EntitySpec, sink: &SalesforceSink, object: &SObject) {
    let at = cx.value(&format!("{}/sinks/{}/object", spec.name, sink.system));
    let name = &object.name;
    let deletes = removes(sink, OnDelete::Delete);
    for (refused, attribute, what) in [
        (!object.createable, "createable", "created"),
        (!object.updateable, "updateable", "changed"),
        (deletes && !object.deletable, "deletable", "deleted"),
        (!object.queryable, "queryable", "read back"),
    ] {
        if refused {
            cx.report(
                finding(&codes::NOT_WRITABLE, at, format!("records of `{name}` cannot be {what}"))
                    .label(object.span(attribute), format!("{name}: `{attribute}` is false"))
                    .help("grant it to the integration user and commit the new describe"),
            );
        }
    }
    if object.custom_setting {
        cx.report(
            finding(&codes::NOT_WRITABLE, at, format!("`{name}` is a custom setting"))
                .label(object.at, "it holds configuration, no data")
                .help("deliver into a custom object"),
        );
    }
}

/// A field that is sent as it is.
fn mapped(pair: &Pair<'_>, mapping: &SalesforceField) {
    let (name, spec) = (&mapping.target, &pair.entity.spec);
    let Some(field) = spec.fields.get(mapping.source) else { return };
    let Some(there) = pair.named(name, name.ends_with(CUSTOM)) else { return };
    if !writable(pair, there) {
        return;
    }
    let declared = pair.cx.field(&spec.name, &field.name);
    if let Some(misfit) = fit::written(field, there) {
        let headline = format!("`{name}` {}, and `{}` {}", misfit.theirs, field.name, misfit.ours);
        let found = |code| {
            pair.finding(code, there, misfit.attribute, headline).label(declared, "declared here")
        };
        pair.cx.report(if name.ends_with(CUSTOM) && fit::widened(field, there, misfit.code) {
            found(&codes::NOT_YET_IN_ORG)
                .why("the generated metadata widens the field; until then the org refuses what does not fit")
                .help("deploy `generated/salesforce` and commit the new describe")
        } else {
            found(misfit.code).help(misfit.help)
        });
    }
    let empty = field.nullable || field.optional;
    if empty && !there.nillable && there.kind != Kind::Boolean {
        let headline = format!("the org demands `{name}`, and `{}` may be missing", field.name);
        pair.cx.report(
            pair.finding(&codes::ORG_DEMANDS, there, "nillable", headline)
                .label(declared, "declared here")
                .why("every record without it would be refused")
                .help("let the field always be there, or make it optional in the org"),
        );
    }
}

/// Whether the API takes values for it; else says why not.
pub(super) fn writable(pair: &Pair<'_>, there: &Field) -> bool {
    let (name, attribute) =
        (&there.name, if there.createable { "updateable" } else { "createable" });
    let (attribute, headline, help) = if there.calculated {
        let headline = format!("`{name}` is computed by Salesforce");
        ("calculated", headline, "map another field: nobody can write a formula's value")
    } else if there.auto_number {
        let headline = format!("`{name}` is numbered by Salesforce");
        ("type", headline, "map another field")
    } else if there.kind == Kind::Compound {
        let headline = format!("`{name}` is several fields shown as one");
        ("type", headline, "map its parts: `BillingStreet`, `BillingCity` and so on")
    } else if !there.createable && !there.updateable {
        let headline = format!("`{name}` is read only for the integration user");
        (attribute, headline, "assign the generated permission set, or map another field")
    } else if !there.createable {
        let headline = format!("`{name}` cannot be written when a record is created");
        (attribute, headline, "map another field")
    } else if !there.updateable {
        let headline = format!("`{name}` cannot be changed once a record is there");
        (attribute, headline, "map another field, or let the org allow the change")
    } else {
        return true;
    };
    pair.cx.report(pair.finding(&codes::NOT_WRITABLE, there, attribute, headline).help(help));
    false
}

fn external_id(cx: &Cx<'_>, entity: &EntityIr, sink: &SalesforceSink, object: &SObject) {
    let spec = &entity.spec;
    let at = cx.value(&format!("{}/sinks/{}/external_id", spec.name, sink.system));
    let pair = Pair { cx, entity, object, at };
    let Some(there) = pair.named(&sink.external_id, true) else { return };
    if !writable(&pair, there) {
        return;
    }
    let key: Vec<_> = spec.key.iter().filter_map(|ix| spec.fields.get(*ix)).collect();
    let chars = key_chars(&key);
    let texts = key.iter().any(|field| matches!(field.ty, LogicalType::String { .. }));
    let name = &there.name;
    let (attribute, wrong) = if there.kind != Kind::String {
        ("type", "is no text, which keys are sent as".to_owned())
    } else if !there.external_id {
        ("externalId", "is not marked as external id: nothing can be upserted by it".to_owned())
    } else if !there.unique {
        ("unique", "is not unique: two records could have one key".to_owned())
    } else if there.length < chars {
        ("length", format!("holds {} characters, and keys may have {chars}", there.length))
    } else if texts && !there.case_sensitive {
        ("caseSensitive", "takes `a` for `A`: two keys could become one record".to_owned())
    } else {
        return;
    };
    cx.report(
        pair.finding(&codes::ORG_EXTERNAL_ID, there, attribute, format!("`{name}` {wrong}")).help(
            "in the org, make it a text that is External ID, Unique and case sensitive, and commit the new describe",
        ),
    );
}

/// The delivery revision and the flag of deleted rows.
fn own_fields(cx: &Cx<'_>, entity: &EntityIr, sink: &SalesforceSink, object: &SObject) {
    let at = cx.value(&format!("{}/sinks/{}/object", entity.spec.name, sink.system));
    let pair = Pair { cx, entity, object, at };
    if let Some(there) = pair.named(&sink.revision_field, true)
        && writable(&pair, there)
        && (!there.kind.is_number()
            || there.precision.saturating_sub(there.scale) < REVISION_DIGITS)
    {
        let headline = format!(
            "the delivery revision has {REVISION_DIGITS} digits, and `{}` is {}",
            there.name,
            there.shown()
        );
        cx.report(
            pair.finding(&codes::ORG_SMALLER, there, "precision", headline)
                .help("deploy the generated field: a number of 18 digits"),
        );
    }
    if !removes(sink, OnDelete::Flag) {
        return;
    }
    if let Some(there) = pair.named(&sink.deleted_field, true)
        && writable(&pair, there)
        && there.kind != Kind::Boolean
    {
        let headline =
            format!("deleted rows set a checkbox, and `{}` is {}", there.name, there.shown());
        cx.report(
            pair.finding(&codes::ORG_TYPE, there, "type", headline)
                .help("deploy the generated field: a checkbox"),
        );
    }
}

/// What the org demands of every new record, and nothing feeds.
fn unfed(cx: &Cx<'_>, spec: &EntitySpec, sink: &SalesforceSink, object: &SObject) {
    let fed = |field: &Field| {
        let by_name = |name: &str| field.name.eq_ignore_ascii_case(name);
        let related = field.relationship.as_deref().unwrap_or_default();
        let own = [&sink.external_id, &sink.revision_field, &sink.deleted_field];
        own.into_iter().any(|name| by_name(name))
            || sink.fields.iter().any(|mapping| match mapping.parent_external_id {
                Some(_) => mapping.target.eq_ignore_ascii_case(related),
                None => by_name(&mapping.target),
            })
    };
    let at = cx.key(&format!("{}/sinks/{}/fields", spec.name, sink.system));
    for field in object.fields.iter().filter(|field| field.demanded() && !fed(field)) {
        let name = &field.name;
        let place = format!("{} of {}: {}", field.place(), object.name, field.shown());
        cx.report(
            finding(
                &codes::ORG_DEMANDS,
                at,
                format!("`{}` demands `{name}`, and nothing is mapped to it", object.name),
            )
            .label(field.span("nillable"), place)
            .why("no record could be created: REQUIRED_FIELD_MISSING")
            .help(format!("map a field to `{name}`, or give it a default in the org")),
        );
    }
}

/// Fields by which records are found that were there before.
fn compared(cx: &Cx<'_>, entity: &EntityIr, sink: &SalesforceSink, object: &SObject) {
    let Some(adopt) = &sink.adopt else { return };
    let base = format!("{}/sinks/{}/adopt/match", entity.spec.name, sink.system);
    for (at, rule) in adopt.rules.iter().enumerate() {
        for (place, part) in rule.iter().enumerate() {
            let mapped = |one: &SalesforceField| one.target.eq_ignore_ascii_case(&part.target);
            // what is delivered as well has been judged where it is mapped
            if part.target.is_empty() || sink.fields.iter().any(mapped) {
                continue;
            }
            let at = cx.value(&format!("{base}/{at}/{place}"));
            let pair = Pair { cx, entity, object, at };
            let Some(there) = pair.named(&part.target, false) else { continue };
            if there.kind == Kind::Compound || there.kind == Kind::Binary {
                let headline =
                    format!("`{}` is {}: it cannot be compared", there.name, there.shown());
                cx.report(
                    pair.finding(&codes::ORG_TYPE, there, "type", headline)
                        .help("match by a text, a number or a date"),
                );
            }
        }
    }
}
