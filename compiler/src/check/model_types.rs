//! A field that shows a column as it is can hold every value of it.

use covenant_model::value::LogicalType;

use super::{Cx, finding};
use crate::diagnostic::codes;

pub(super) fn check(cx: &Cx<'_>) {
    for model in cx.ir.models.iter().filter(|model| model.query_sound) {
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
