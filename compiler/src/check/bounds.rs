//! `min`, `max`, `pattern` and `format` fit the type.

use covenant_model::spec::FieldSpec;
use covenant_model::value::{LogicalType, decimal_from_text};

use super::{Cx, finding};
use crate::diagnostic::codes;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        for (_, field) in entity.sound_fields() {
            let name = &entity.spec.name;
            bounds(cx, name, field);
            texts(cx, name, field);
        }
    }
}

fn report(cx: &Cx<'_>, entity: &str, field: &FieldSpec, attribute: &str, headline: String) {
    cx.report(
        finding(&codes::BOUNDS, cx.attribute(entity, &field.name, attribute), headline)
            .label(cx.attribute(entity, &field.name, "type"), "the type"),
    );
}

fn bounds(cx: &Cx<'_>, entity: &str, field: &FieldSpec) {
    let read = |attribute: &str, text: &Option<String>| {
        let text = text.as_ref()?;
        let number = bound(&field.ty, text);
        if number.is_none() {
            let headline = format!("`{attribute}: {text}` is no bound of type {}", field.ty);
            report(cx, entity, field, attribute, headline);
        }
        number
    };
    let (min, max) = (read("min", &field.min), read("max", &field.max));
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let headline = format!("no value of `{}` can be within its bounds", field.name);
        report(cx, entity, field, "min", headline);
    }
}

/// The bound in units of the type's last digit.
pub(super) fn bound(ty: &LogicalType, text: &str) -> Option<i128> {
    match ty {
        LogicalType::Int32 => text.parse::<i32>().ok().map(i128::from),
        LogicalType::Int64 => text.parse::<i64>().ok().map(i128::from),
        LogicalType::Decimal { precision, scale } => {
            decimal_from_text(text, *precision, *scale).ok()
        }
        LogicalType::Bool
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => None,
    }
}

fn texts(cx: &Cx<'_>, entity: &str, field: &FieldSpec) {
    let is_text = matches!(field.ty, LogicalType::String { .. });
    for (attribute, there) in
        [("pattern", field.pattern.is_some()), ("format", field.format.is_some())]
    {
        if there && !is_text {
            let headline = format!("`{attribute}` is for texts; `{}` is {}", field.name, field.ty);
            report(cx, entity, field, attribute, headline);
        }
    }
    if let Some(pattern) = &field.pattern
        && let Err(error) = regex_syntax::Parser::new().parse(pattern)
    {
        let line = error.to_string().lines().last().unwrap_or("").trim().to_owned();
        cx.report(
            finding(
                &codes::BAD_PATTERN,
                cx.attribute(entity, &field.name, "pattern"),
                format!("not a regular expression: {line}: `{pattern}`"),
            )
            .help("the syntax is that of the `regex` crate: no back references, no look-around"),
        );
    }
}
