//! A field can hold every value that the query gives: its type, and null.

use covenant_model::value::LogicalType;

use super::{Cx, finding};
use crate::diagnostic::codes;
use crate::ir::{Given, ModelIr};

pub(super) fn check(cx: &Cx<'_>) {
    for model in cx.ir.models.iter().filter(|model| model.query_sound) {
        computed(cx, model);
        let shown = model.spec.fields.iter().filter(|field| {
            model.direct.contains(&field.name) && !model.untyped.contains(&field.name)
        });
        for field in shown {
            let [(table, column)] = field.lineage.as_slice() else { continue };
            let Some(ty) = type_of(cx, table, column) else { continue };
            if holds(&field.ty, &ty) {
                continue;
            }
            cx.report(
                finding(
                    &codes::MODEL_TYPE,
                    cx.attribute(&model.spec.name, &field.name, "type"),
                    format!(
                        "`{}` is {}, and shows {table}.{column}, which is {ty}",
                        field.name, field.ty
                    ),
                )
                .label(cx.attribute(table, column, "type"), "the column's type")
                .help(format!("declare `type: {ty}`, or convert with CAST in the query")),
            );
        }
    }
}

/// Null, and types of what is not shown as it is.
fn computed(cx: &Cx<'_>, model: &ModelIr) {
    for field in &model.spec.fields {
        let Some(fact) = model.facts.get(&field.name) else { continue };
        let name = &field.name;
        if fact.nullable && !field.nullable {
            cx.report(
                finding(
                    &codes::NULL_SHOWN,
                    cx.field(&model.spec.name, name),
                    format!("`{name}` is never null, and the query may give null for it"),
                )
                .label(cx.value(&format!("{}/query", model.spec.name)), "this query")
                .help("declare `nullable: true`, or give a value instead: `COALESCE(..., 0)`"),
            );
        }
        let shown = model.direct.contains(name) || model.untyped.contains(name);
        if shown || field.pii.is_some() || fits(&field.ty, &fact.given) {
            continue;
        }
        let given = fact.given.describe();
        cx.report(
            finding(
                &codes::MODEL_TYPE,
                cx.attribute(&model.spec.name, name, "type"),
                format!("`{name}` is {}, and the query computes {given}", field.ty),
            )
            .help("declare a type that holds it, or convert with CAST in the query"),
        );
    }
}

/// Whether what is computed is of the field's kind, and nothing of it would be cut.
fn fits(to: &LogicalType, from: &Given) -> bool {
    match (to, from) {
        (_, Given::Unknown | Given::Null) => true,
        (LogicalType::Decimal { scale: fine, .. }, from) => match from.scale() {
            Some(Some(scale)) => *fine >= scale,
            Some(None) => true,
            None => false,
        },
        (LogicalType::Int32 | LogicalType::Int64, Given::Number { scale }) => *scale == Some(0),
        (LogicalType::String { .. }, Given::Text) => true,
        (LogicalType::Enum { .. }, Given::Text) => true,
        (LogicalType::Enum { .. }, Given::Exact(LogicalType::String { .. })) => true,
        // Written as a text that is cast into it.
        (LogicalType::Json | LogicalType::Uuid, Given::Text) => true,
        (to, Given::Exact(from)) => holds(to, from),
        (_, Given::Number { .. } | Given::Text) => false,
    }
}

/// None: unknown, or reported already.
fn type_of(cx: &Cx<'_>, table: &str, column: &str) -> Option<LogicalType> {
    if let Some(entity) = cx.ir.entity(table) {
        let (ix, field) =
            entity.spec.fields.iter().enumerate().find(|(_, one)| one.name == column)?;
        // What stands in the table of a protected field is text, whatever it was.
        let plain = field.pii.is_none() && !entity.unsound.contains(&ix);
        return plain.then(|| field.read_type().into_owned());
    }
    let model = cx.ir.model(table)?;
    let field = model.spec.fields.iter().find(|field| field.name == column)?;
    (!model.untyped.contains(column)).then(|| field.ty.clone())
}

/// Whether every value of `from` is one of `to`.
fn holds(to: &LogicalType, from: &LogicalType) -> bool {
    match (to, from) {
        (LogicalType::Int64, LogicalType::Int32) => true,
        (LogicalType::String { max_chars: wide }, LogicalType::String { max_chars: narrow }) => {
            wide.is_none_or(|wide| narrow.is_some_and(|narrow| narrow <= wide))
        }
        (LogicalType::String { max_chars: wide }, LogicalType::Enum { symbols }) => {
            let longest = symbols.iter().map(|symbol| symbol.chars().count()).max().unwrap_or(0);
            wide.is_none_or(|wide| longest as u64 <= u64::from(wide))
        }
        (
            LogicalType::Decimal { precision: wide, scale: fine },
            LogicalType::Decimal { precision: narrow, scale: coarse },
        ) => {
            let whole = |precision: &u8, scale: &u8| precision.saturating_sub(*scale);
            fine >= coarse && whole(wide, fine) >= whole(narrow, coarse)
        }
        (to, from) => to == from,
    }
}
