//! Examples are values that the field may have, and never personal data.

use covenant_model::spec::{FieldSpec, PiiSpec};
use covenant_model::support::email;
use covenant_model::value::{LogicalType, decimal_from_text};

use super::bounds::bound;
use super::{Cx, finding};
use crate::diagnostic::codes;

/// Hexadecimal digits of the parts of a UUID.
const UUID_PARTS: [usize; 5] = [8, 4, 4, 4, 12];
/// Characters of one unit of base64.
const BASE64_UNIT: usize = 4;

/// A field, as far as examples are concerned.
struct Shown<'a> {
    name: &'a str,
    ty: &'a LogicalType,
    pii: Option<&'a PiiSpec>,
    given: &'a [String],
    /// Bounds and patterns, of entities only.
    limits: Option<&'a FieldSpec>,
}

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        for (_, field) in entity.sound_fields() {
            let shown = Shown {
                name: &field.name,
                ty: &field.ty,
                pii: field.pii.as_ref(),
                given: &field.terms.examples,
                limits: Some(field),
            };
            examples(cx, &entity.spec.name, &shown);
            symbols(cx, &entity.spec.name, field);
        }
    }
    for model in &cx.ir.models {
        for field in model.spec.fields.iter().filter(|one| !model.untyped.contains(&one.name)) {
            let shown = Shown {
                name: &field.name,
                ty: &field.ty,
                pii: field.pii.as_ref(),
                given: &field.terms.examples,
                limits: None,
            };
            examples(cx, &model.spec.name, &shown);
        }
    }
}

fn examples(cx: &Cx<'_>, dataset: &str, field: &Shown<'_>) {
    if let (Some(pii), false) = (field.pii, field.given.is_empty()) {
        cx.report(
            finding(
                &codes::EXAMPLE_OF_A_PERSON,
                cx.attribute(dataset, field.name, "examples"),
                format!("`{}` is personal data, and shows examples", field.name),
            )
            .label(cx.attribute(dataset, field.name, "pii"), format!("class `{}`", pii.class))
            .why("examples are copied from somewhere, and contracts are read by everybody")
            .help("remove them; `pattern` and `format` say what values look like"),
        );
        return;
    }
    for (at, example) in field.given.iter().enumerate() {
        let fits = fits(field.ty, example)
            .and_then(|()| field.limits.map_or(Ok(()), |limits| within(limits, example)));
        let Err(why) = fits else { continue };
        let path = format!("{dataset}/fields/{}/examples/{at}", field.name);
        cx.report(
            finding(&codes::BAD_EXAMPLE, cx.value(&path), format!("`{example}` {why}"))
                .label(cx.attribute(dataset, field.name, "type"), "the type")
                .help("show values that the field may have"),
        );
    }
}

/// Digits of the shortest number that leads to somebody.
const NUMBER_OF_A_PERSON: usize = 7;

/// Symbols are written in contracts, SQL and picklists: none may be somebody's number. (Addresses have characters that
/// no symbol has.)
fn symbols(cx: &Cx<'_>, dataset: &str, field: &FieldSpec) {
    let (Some(pii), LogicalType::Enum { symbols }) = (&field.pii, &field.ty) else { return };
    let former = field.evolution.renamed.keys();
    let is_number = |symbol: &&String| {
        let digits = symbol.bytes().filter(u8::is_ascii_digit).count();
        digits >= NUMBER_OF_A_PERSON
            && symbol.bytes().all(|at| at.is_ascii_digit() || matches!(at, b'-' | b'.' | b'_'))
    };
    let Some(symbol) = symbols.iter().chain(former).find(is_number) else { return };
    cx.report(
        finding(
            &codes::EXAMPLE_OF_A_PERSON,
            cx.attribute(dataset, &field.name, "type"),
            format!(
                "`{}` is personal data, and its symbol `{symbol}` is a number of somebody",
                field.name
            ),
        )
        .label(cx.attribute(dataset, &field.name, "pii"), format!("class `{}`", pii.class))
        .why("symbols are written into contracts, tables and picklists, which everybody reads")
        .help("make it a `string`; `pattern` says what values look like"),
    );
}

/// Or why it is no value of the field.
fn fits(ty: &LogicalType, text: &str) -> Result<(), String> {
    let is = match ty {
        LogicalType::Bool => matches!(text, "true" | "false"),
        LogicalType::Int32 => text.parse::<i32>().is_ok(),
        LogicalType::Int64 => text.parse::<i64>().is_ok(),
        LogicalType::Decimal { precision, scale } => {
            decimal_from_text(text, *precision, *scale).is_ok()
        }
        LogicalType::String { max_chars } => {
            max_chars.is_none_or(|max| text.chars().count() <= max as usize)
        }
        LogicalType::Uuid => is_uuid(text),
        LogicalType::Date => text.parse::<jiff::civil::Date>().is_ok(),
        LogicalType::Timestamp => text.parse::<jiff::Timestamp>().is_ok(),
        LogicalType::Enum { symbols } => symbols.iter().any(|symbol| symbol == text),
        LogicalType::Json => serde_json::from_str::<serde_json::Value>(text).is_ok(),
        LogicalType::Bytes => is_base64(text),
    };
    if is { Ok(()) } else { Err(format!("is no {ty}")) }
}

fn within(field: &FieldSpec, text: &str) -> Result<(), String> {
    let number = bound(&field.ty, text);
    let limit = |limit: &Option<String>| limit.as_ref().and_then(|text| bound(&field.ty, text));
    if let (Some(number), Some(min)) = (number, limit(&field.min))
        && number < min
    {
        return Err("is below `min`".to_owned());
    }
    if let (Some(number), Some(max)) = (number, limit(&field.max))
        && number > max
    {
        return Err("is above `max`".to_owned());
    }
    // A pattern that is none has been reported.
    let pattern =
        field.pattern.as_ref().and_then(|one| regex::Regex::new(&format!("^(?:{one})$")).ok());
    if pattern.is_some_and(|pattern| !pattern.is_match(text)) {
        return Err("does not match `pattern`".to_owned());
    }
    if field.format.as_deref() == Some("email") && !email::is_email(text) {
        return Err("is no e-mail address".to_owned());
    }
    Ok(())
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq(UUID_PARTS) && text.bytes().all(|at| at == b'-' || at.is_ascii_hexdigit())
}

fn is_base64(text: &str) -> bool {
    let bare = text.trim_end_matches('=');
    text.len().is_multiple_of(BASE64_UNIT)
        && text.len() - bare.len() <= 2
        && bare.bytes().all(|at| at.is_ascii_alphanumeric() || matches!(at, b'+' | b'/'))
}
