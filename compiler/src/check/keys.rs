//! Keys: there is one, it is exact, and one source decides whether a row exists.

use std::collections::BTreeSet;

use covenant_model::spec::FieldSpec;
use covenant_model::value::LogicalType;

use super::{Cx, finding};
use crate::diagnostic::codes;
use crate::ir::{EntityIr, ModelIr};

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        if entity.spec.key.is_empty() && entity.key_sound {
            no_key(cx, &entity.spec.name);
        }
        for (at, ix) in entity.spec.key.iter().enumerate() {
            let Some(field) = entity.spec.fields.get(*ix) else { continue };
            if !entity.unsound.contains(ix) {
                exact(cx, &entity.spec.name, at, field);
            }
        }
        existence(cx, entity);
    }
    for model in &cx.ir.models {
        model_key(cx, model);
    }
}

fn no_key(cx: &Cx<'_>, name: &str) {
    let path = format!("{name}/key");
    cx.report(
        finding(&codes::NO_KEY, cx.key(&path), format!("{name} has no key"))
            .why("changes are folded by key, sinks upsert by key, tombstones remember keys")
            .help("add `key: [<field>]`"),
    );
}

fn exact(cx: &Cx<'_>, entity: &str, at: usize, field: &FieldSpec) {
    let wrong = [
        (
            field.nullable,
            "nullable",
            "it is nullable, and a row without a key cannot be found again",
        ),
        (
            field.optional,
            "optional",
            "it is optional, and a change without its key belongs nowhere",
        ),
        (field.large, "large", "it is large, and PostgreSQL would leave it out of changes"),
        (
            field.pii.is_some(),
            "pii",
            "it is personal data, and keys stand in logs, ledgers and file names",
        ),
    ];
    let report = |attribute: &str, why: &str| {
        cx.report(
            finding(
                &codes::BAD_KEY,
                cx.attribute(entity, &field.name, attribute),
                format!("`{}` cannot be part of the key of {entity}", field.name),
            )
            .label(cx.value(&format!("{entity}/key/{at}")), "part of the key here")
            .why(why)
            .help("use an identifier of the source's own, such as a number or a UUID"),
        );
    };
    for (_, attribute, why) in wrong.iter().filter(|(wrong, ..)| *wrong) {
        report(attribute, why);
    }
    match field.ty {
        LogicalType::Json | LogicalType::Bytes | LogicalType::String { max_chars: None } => {
            report("type", &format!("{} has no exact, short form in every target", field.ty));
        }
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::String { max_chars: Some(_) }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. } => {}
    }
}

fn existence(cx: &Cx<'_>, entity: &EntityIr) {
    let spec = &entity.spec;
    let sound = entity.key_sound && !spec.key.iter().any(|ix| entity.unsound.contains(ix));
    if spec.key.is_empty() || !sound || !spec.existence_owner.is_empty() {
        return;
    }
    let key_fields = spec.key.iter().filter_map(|ix| spec.fields.get(*ix));
    let owners: BTreeSet<&str> =
        key_fields.clone().flat_map(|field| field.from.keys().map(String::as_str)).collect();
    // Without any source the field itself is reported.
    if owners.is_empty() {
        return;
    }
    let owners: Vec<&str> = owners.into_iter().collect();
    let mut report = finding(
        &codes::NO_EXISTENCE_OWNER,
        cx.value(&format!("{}/key", spec.name)),
        format!("{} say whether a row of {} exists", owners.join(" and "), spec.name),
    )
    .why("a delete by one and an insert by the other have no common order")
    .help("let the key fields come `from` the one source that creates and deletes rows");
    for field in key_fields {
        let span = cx.attribute(&spec.name, &field.name, "from");
        report = report.label(span, format!("from {}", super::owners(field).join(", ")));
    }
    cx.report(report);
}

fn model_key(cx: &Cx<'_>, model: &ModelIr) {
    let spec = &model.spec;
    if spec.key.is_empty() {
        no_key(cx, &spec.name);
    }
    for (at, name) in spec.key.iter().enumerate() {
        let span = cx.value(&format!("{}/key/{at}", spec.name));
        let Some(field) = spec.fields.iter().find(|field| field.name == *name) else {
            cx.report(
                finding(&codes::MODEL_KEY, span, format!("{} has no field `{name}`", spec.name))
                    .suggest(name, spec.fields.iter().map(|field| field.name.as_str())),
            );
            continue;
        };
        if field.nullable || field.pii.is_some() {
            let what = if field.nullable { "nullable" } else { "personal data" };
            cx.report(
                finding(
                    &codes::MODEL_KEY,
                    span,
                    format!("`{name}` is {what} and cannot be part of a key"),
                )
                .label(cx.field(&spec.name, name), "declared here")
                .help("give it a value in the query: `COALESCE(...)`"),
            );
        }
    }
}
