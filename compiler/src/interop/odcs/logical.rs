//! Types of the standard as types of the language.

use covenant_model::value::LogicalType;

use super::super::import::read::{items_of, member, text_of};
use super::super::import::types::{Typed, by_name, number, parts, symbols, text};
use crate::parse::Node;
use crate::parse::scalars::{DECIMAL_PRECISION_MAX, logical_type};

/// What a property is. `None`: the language has no type for it.
pub(super) fn typed(property: &Node) -> Option<Typed> {
    let physical = text_of(property, "physicalType").unwrap_or_default().trim();
    // Our own words come back as they went.
    if let Ok(ty) = logical_type(physical) {
        return Some(Typed::sure(ty));
    }
    if let Some(ty) = enumerated(property) {
        return Some(Typed::sure(ty));
    }
    let sure = |ty: LogicalType| Some(Typed::sure(ty));
    match text_of(property, "logicalType").unwrap_or_default() {
        "boolean" => sure(LogicalType::Bool),
        "date" => sure(LogicalType::Date),
        "timestamp" => sure(LogicalType::Timestamp),
        "integer" => sure(integer(property, physical)),
        "number" => number(physical),
        "string" => sure(string(property, physical)),
        "object" | "array" | "map" | "vector" => sure(LogicalType::Json),
        "" => by_name(physical),
        _ => None,
    }
}

fn option<'n>(property: &'n Node, name: &str) -> Option<&'n str> {
    text_of(member(property, "logicalTypeOptions")?, name)
}

/// The values that 3.2 lists, or a pattern that is nothing but a list.
fn enumerated(property: &Node) -> Option<LogicalType> {
    if !matches!(text_of(property, "logicalType"), Some("string") | None) {
        return None;
    }
    let listed: Vec<&str> =
        items_of(property, "enum").iter().filter_map(|item| text_of(item, "value")).collect();
    if !listed.is_empty() {
        return symbols(&listed);
    }
    let pattern = option(property, "pattern")?.strip_prefix("^(")?.strip_suffix(")$")?;
    symbols(&pattern.split('|').collect::<Vec<_>>())
}

fn integer(property: &Node, physical: &str) -> LogicalType {
    let (name, _) = parts(physical);
    match option(property, "format") {
        Some("u64") => LogicalType::Decimal { precision: 20, scale: 0 },
        Some("i128" | "u128") => {
            LogicalType::Decimal { precision: DECIMAL_PRECISION_MAX, scale: 0 }
        }
        Some("i8" | "i16" | "i32" | "u8" | "u16") => LogicalType::Int32,
        _ if matches!(name.as_str(), "smallint" | "int2" | "int4" | "tinyint") => {
            LogicalType::Int32
        }
        _ => LogicalType::Int64,
    }
}

fn string(property: &Node, physical: &str) -> LogicalType {
    if option(property, "format") == Some("uuid") || physical.eq_ignore_ascii_case("uuid") {
        return LogicalType::Uuid;
    }
    if let Some(told) = option(property, "maxLength").and_then(|told| told.parse().ok()) {
        return text(Some(told));
    }
    match by_name(physical).map(|found| found.ty) {
        Some(LogicalType::String { max_chars }) => text(max_chars),
        _ => text(None),
    }
}
