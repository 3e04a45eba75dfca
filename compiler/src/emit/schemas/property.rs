//! JSON Schema of one field: what the generated decoder of events accepts.

use covenant_model::spec::{EntitySpec, FieldSpec};
use covenant_model::support::email;
use covenant_model::terms::Status;
use covenant_model::value::LogicalType;

use super::doc::Doc;
use crate::emit::EmitError;
use crate::emit::rust::bounds;

/// Any year from 1 to 9999; the day itself is left to `format`.
const DATE_PATTERN: &str = "^(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}$";
pub(super) const TIMESTAMP_PATTERN: &str = "^(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}\
(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$";
const UUID_PATTERN: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
/// Bits behind the end must be zero.
const BASE64_PATTERN: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|\
[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";
/// Powers of ten above this are no exact 64-bit integers.
const EXACT_DIGITS_MAX: u32 = 18;

/// Schema of a field's values.
///
/// # Errors
/// Where a bound is none.
pub(super) fn schema(entity: &EntitySpec, field: &FieldSpec) -> Result<Doc, EmitError> {
    let value = typed(entity, field)?;
    let schema = if field.nullable { nullable(value) } else { value };
    let schema = match &field.about {
        Some(about) => schema.with("description", about.trim()),
        None => schema,
    };
    let schema = schema.with_some("examples", examples(field).filled());
    let going = field.terms.status != Status::Active;
    let schema = schema.with_some("deprecated", going.then_some(true));
    let schema = schema.with_some("x-sunset", field.terms.sunset.as_ref());
    let schema = schema.with_some("default", default(field));
    let known = match (&field.ty, field.evolution.open) {
        (LogicalType::Enum { symbols }, true) => Doc::list(symbols),
        (_, true | false) => Doc::map(),
    };
    let schema = schema.with_some("x-known-symbols", known.filled());
    let schema = schema.with_some("x-unit", field.unit.as_ref());
    Ok(schema.with_some("x-pii", field.pii.as_ref().map(|pii| &pii.class)))
}

/// Numbers as numbers where JSON has them exactly, everything else as its text.
fn examples(field: &FieldSpec) -> Doc {
    Doc::list(field.terms.examples.iter().map(|text| written(field, text)))
}

/// What a record gets that leaves the field out.
fn default(field: &FieldSpec) -> Option<Doc> {
    field.evolution.default.as_deref().map(|text| written(field, text))
}

/// A value that stands in a contract, as JSON writes it. Decimals stay text, so that no reader rounds them.
fn written(field: &FieldSpec, text: &str) -> Doc {
    match &field.ty {
        LogicalType::Bool => Doc::Flag(text == "true"),
        LogicalType::Int32 | LogicalType::Int64 => {
            text.parse().map_or_else(|_| Doc::from(text), Doc::Int)
        }
        LogicalType::Decimal { .. }
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => Doc::from(text),
    }
}

fn nullable(value: Doc) -> Doc {
    Doc::map().with("anyOf", vec![value, Doc::map().with("type", "null")])
}

fn typed(entity: &EntitySpec, field: &FieldSpec) -> Result<Doc, EmitError> {
    let text = || Doc::map().with("type", "string");
    Ok(match &*field.read_type() {
        LogicalType::Bool => Doc::map().with("type", "boolean"),
        LogicalType::Int32 => integer(entity, field, i64::from(i32::MIN), i64::from(i32::MAX))?,
        LogicalType::Int64 => integer(entity, field, i64::MIN, i64::MAX)?,
        LogicalType::Decimal { precision, scale } => decimal(entity, field, *precision, *scale)?,
        LogicalType::String { max_chars } => string(field, *max_chars),
        LogicalType::Uuid => text().with("format", "uuid").with("pattern", UUID_PATTERN),
        LogicalType::Date => text().with("format", "date").with("pattern", DATE_PATTERN),
        LogicalType::Timestamp => {
            text().with("format", "date-time").with("pattern", TIMESTAMP_PATTERN)
        }
        LogicalType::Enum { symbols } => Doc::map().with("enum", Doc::list(symbols)),
        LogicalType::Json => Doc::map().with("not", Doc::map().with("type", "null")),
        LogicalType::Bytes => {
            text().with("contentEncoding", "base64").with("pattern", BASE64_PATTERN)
        }
    })
}

fn string(field: &FieldSpec, max_chars: Option<u32>) -> Doc {
    let mut schema = Doc::map().with("type", "string").with_some("maxLength", max_chars);
    if let Some(pattern) = &field.pattern {
        schema = schema.with("pattern", format!("^(?:{pattern})$"));
    }
    if field.format.as_deref() == Some("email") {
        let email = Doc::map()
            .with("format", "email")
            .with("pattern", email::PATTERN)
            .with("maxLength", i64::try_from(email::ADDRESS_CHARS_MAX).unwrap_or(i64::MAX));
        schema = schema.with("allOf", vec![email]);
    }
    schema
}

fn integer(entity: &EntitySpec, field: &FieldSpec, low: i64, high: i64) -> Result<Doc, EmitError> {
    let bound = |text: &Option<String>, other: i64| match text {
        Some(text) => {
            bounds::number(entity, field, text).map(|number| i64::try_from(number).unwrap_or(other))
        }
        None => Ok(other),
    };
    Ok(Doc::map()
        .with("type", "integer")
        .with("minimum", bound(&field.min, low)?)
        .with("maximum", bound(&field.max, high)?))
}

/// A decimal comes as a number or, so that no reader rounds it, as text.
fn decimal(
    entity: &EntitySpec,
    field: &FieldSpec,
    precision: u8,
    scale: u8,
) -> Result<Doc, EmitError> {
    let whole = precision.saturating_sub(scale);
    let limit = power_of_ten(u32::from(whole));
    let mut number = Doc::map().with("type", "number");
    number = match &field.min {
        Some(text) => number.with("minimum", as_float(text)),
        None => number.with("exclusiveMinimum", negated(&limit)),
    };
    number = match &field.max {
        Some(text) => number.with("maximum", as_float(text)),
        None => number.with("exclusiveMaximum", limit),
    };
    number = match scale {
        0 => number.with("multipleOf", 1i64),
        _ => number.with("multipleOf", as_float(&format!("1e-{scale}"))),
    };
    let unsigned = match &field.min {
        Some(text) => bounds::number(entity, field, text)? >= 0,
        None => false,
    };
    let sign = if unsigned { "(?!-.*[1-9])" } else { "" };
    let pattern = format!("^{sign}(?=.*[0-9])[-+]?0*[0-9]{{0,{whole}}}(\\.[0-9]{{0,{scale}}}0*)?$");
    let text = Doc::map().with("type", "string").with("pattern", pattern);
    Ok(Doc::map().with("anyOf", vec![number, text]))
}

fn power_of_ten(digits: u32) -> Doc {
    if digits <= EXACT_DIGITS_MAX {
        Doc::Int(10i64.pow(digits))
    } else {
        Doc::Float(as_number(&format!("1e{digits}")))
    }
}

fn negated(doc: &Doc) -> Doc {
    match doc {
        Doc::Int(number) => Doc::Int(-number),
        Doc::Float(number) => Doc::Float(-number),
        Doc::Null | Doc::Flag(_) | Doc::Text(_) | Doc::List(_) | Doc::Map(_) => doc.clone(),
    }
}

fn as_float(text: &str) -> Doc {
    match text.parse::<i64>() {
        Ok(number) => Doc::Int(number),
        Err(_) => Doc::Float(as_number(text)),
    }
}

/// Of a text that has been read as a number before; JSON Schema has no other numbers than these.
fn as_number(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}
