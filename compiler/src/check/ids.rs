//! Ids and names: unique, and never those of a removed field.

use covenant_model::columns::names::TOKEN_SUFFIX;
use covenant_model::spec::{PiiSpec, Protection, Reserved};

use super::{Cx, finding};
use crate::diagnostic::codes;

/// What the check needs of a field.
struct Named<'a> {
    id: u32,
    name: &'a str,
    pii: Option<&'a PiiSpec>,
}

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        let fields: Vec<Named<'_>> = entity
            .spec
            .fields
            .iter()
            .map(|field| Named { id: field.id, name: &field.name, pii: field.pii.as_ref() })
            .collect();
        one(cx, &entity.spec.name, &fields, &entity.spec.reserved);
    }
    for model in &cx.ir.models {
        let fields: Vec<Named<'_>> = model
            .spec
            .fields
            .iter()
            .map(|field| Named { id: field.id, name: &field.name, pii: field.pii.as_ref() })
            .collect();
        one(cx, &model.spec.name, &fields, &model.reserved);
    }
}

fn one(cx: &Cx<'_>, dataset: &str, fields: &[Named<'_>], reserved: &[Reserved]) {
    for (at, field) in fields.iter().enumerate() {
        let before = fields.get(..at).unwrap_or(&[]);
        // 0 stands for an id that could not be read.
        if let Some(first) = before.iter().find(|first| first.id == field.id && field.id != 0) {
            cx.report(
                finding(
                    &codes::DUPLICATE_ID,
                    cx.attribute(dataset, field.name, "id"),
                    format!("`{}` and `{}` both have the id {}", first.name, field.name, field.id),
                )
                .label(cx.attribute(dataset, first.name, "id"), "first here")
                .why("stored files are read by id")
                .help(format!("the next free id is {}", next_id(fields, reserved))),
            );
        }
        // A name with capitals is reported as such.
        let lower = |name: &str| !name.bytes().any(|byte| byte.is_ascii_uppercase());
        let again = |first: &&Named<'_>| {
            first.name.eq_ignore_ascii_case(field.name) && lower(first.name) && lower(field.name)
        };
        if let Some(first) = before.iter().find(again) {
            cx.report(
                finding(
                    &codes::DUPLICATE_NAME,
                    cx.field(dataset, field.name),
                    format!("`{}` and `{}` differ in case only", first.name, field.name),
                )
                .label(cx.field(dataset, first.name), "first here")
                .why("Snowflake and Salesforce do not tell them apart"),
            );
        }
        token(cx, dataset, fields, field);
        tombstone(cx, dataset, field, reserved);
    }
}

fn next_id(fields: &[Named<'_>], reserved: &[Reserved]) -> u32 {
    let used = fields.iter().map(|field| field.id).chain(reserved.iter().map(|one| one.id));
    used.max().unwrap_or(0).saturating_add(1)
}

fn token(cx: &Cx<'_>, dataset: &str, fields: &[Named<'_>], field: &Named<'_>) {
    let Some(base) = field.name.strip_suffix(TOKEN_SUFFIX) else { return };
    let encrypted = fields.iter().find(|other| {
        other.name == base && other.pii.is_some_and(|pii| pii.protect == Protection::Encrypt)
    });
    if let Some(other) = encrypted {
        cx.report(
            finding(
                &codes::DUPLICATE_NAME,
                cx.field(dataset, field.name),
                format!("`{}` is the name of the token beside `{}`", field.name, other.name),
            )
            .label(cx.field(dataset, other.name), "encrypted, so it is stored with a token")
            .help("rename the field"),
        );
    }
}

fn tombstone(cx: &Cx<'_>, dataset: &str, field: &Named<'_>, reserved: &[Reserved]) {
    for one in reserved {
        let (same_id, same_name) = (one.id == field.id, one.name == field.name);
        if !same_id && !same_name {
            continue;
        }
        let span = if same_id {
            cx.attribute(dataset, field.name, "id")
        } else {
            cx.field(dataset, field.name)
        };
        let what = if same_id { format!("id {}", one.id) } else { format!("name `{}`", one.name) };
        cx.report(
            finding(
                &codes::RESERVED_NAME,
                span,
                format!("the {what} belonged to a field that was removed"),
            )
            .label(cx.value(&format!("{dataset}/reserved/{}", one.name)), "reserved here")
            .why("old files and old readers would take the new field for the old one")
            .help("take an id and a name that were never used"),
        );
    }
}
