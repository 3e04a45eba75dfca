//! Types of the standard as types of the language.

use covenant_model::value::LogicalType;

use super::super::import::read::{items_of, member, text_of};
use crate::parse::Node;
use crate::parse::scalars::{DECIMAL_PRECISION_MAX, is_symbol, logical_type};

/// Of numbers whose digits nobody says.
const DECIMAL: &str = "decimal(37,9)";
/// Longest list of values that becomes an enum.
const SYMBOLS_MAX: usize = 100;

/// A type, and whether it is a guess.
pub(super) struct Typed {
    pub(super) ty: LogicalType,
    pub(super) guessed: bool,
}

/// What a property is. `None`: the language has no type for it.
pub(super) fn typed(property: &Node) -> Option<Typed> {
    let physical = text_of(property, "physicalType").unwrap_or_default().trim();
    // Our own words come back as they went.
    if let Ok(ty) = logical_type(physical) {
        return Some(Typed { ty, guessed: false });
    }
    if let Some(ty) = enumerated(property) {
        return Some(Typed { ty, guessed: false });
    }
    let sure = |ty: LogicalType| Some(Typed { ty, guessed: false });
    match text_of(property, "logicalType").unwrap_or_default() {
        "boolean" => sure(LogicalType::Bool),
        "date" => sure(LogicalType::Date),
        "timestamp" => sure(LogicalType::Timestamp),
        "integer" => sure(integer(property, physical)),
        "number" => number(physical),
        "string" => sure(string(property, physical)),
        "object" | "array" | "map" | "vector" => sure(LogicalType::Json),
        "" => by_physical(property, physical),
        _ => None,
    }
}

fn option<'n>(property: &'n Node, name: &str) -> Option<&'n str> {
    text_of(member(property, "logicalTypeOptions")?, name)
}

/// The values that 3.2 lists, or a pattern that is nothing but a list.
fn enumerated(property: &Node) -> Option<LogicalType> {
    let listed: Vec<&str> =
        items_of(property, "enum").iter().filter_map(|item| text_of(item, "value")).collect();
    let symbols: Vec<String> = if listed.is_empty() {
        let pattern = option(property, "pattern")?.strip_prefix("^(")?.strip_suffix(")$")?;
        pattern.split('|').map(str::to_owned).collect()
    } else {
        listed.iter().map(|&text| text.to_owned()).collect()
    };
    let texts = matches!(text_of(property, "logicalType"), Some("string") | None);
    let plain =
        symbols.iter().all(|one| is_symbol(one)) && (1..=SYMBOLS_MAX).contains(&symbols.len());
    let once = symbols
        .iter()
        .enumerate()
        .all(|(at, one)| !symbols.iter().take(at).any(|other| other == one));
    (texts && plain && once).then_some(LogicalType::Enum { symbols })
}

fn integer(property: &Node, physical: &str) -> LogicalType {
    let small = matches!(option(property, "format"), Some("i8" | "i16" | "i32" | "u8" | "u16"))
        || matches!(
            physical.to_ascii_lowercase().as_str(),
            "smallint" | "int2" | "int4" | "tinyint"
        );
    match option(property, "format") {
        Some("u64") => LogicalType::Decimal { precision: 20, scale: 0 },
        Some("i128" | "u128") => {
            LogicalType::Decimal { precision: DECIMAL_PRECISION_MAX, scale: 0 }
        }
        _ if small => LogicalType::Int32,
        _ => LogicalType::Int64,
    }
}

/// `NUMERIC(12, 2)`: the name in lower case and what stands in parentheses.
fn parts(physical: &str) -> (String, Vec<u32>) {
    let (name, rest) = physical.split_once('(').unwrap_or((physical, ""));
    let numbers = rest.trim_end().trim_end_matches(')').split(',');
    (name.trim().to_ascii_lowercase(), numbers.filter_map(|one| one.trim().parse().ok()).collect())
}

fn number(physical: &str) -> Option<Typed> {
    let (name, numbers) = parts(physical);
    let digits = match numbers.as_slice() {
        [precision, scale] => Some((u8::try_from(*precision).ok()?, u8::try_from(*scale).ok()?)),
        [precision] => Some((u8::try_from(*precision).ok()?, 0)),
        _ => None,
    };
    let exact = matches!(name.as_str(), "decimal" | "numeric" | "number" | "dec");
    if let (true, Some((precision, scale))) = (exact, digits)
        && (1..=DECIMAL_PRECISION_MAX).contains(&precision)
        && scale <= precision
    {
        return Some(Typed { ty: LogicalType::Decimal { precision, scale }, guessed: false });
    }
    let ty = logical_type(DECIMAL).ok()?;
    Some(Typed { ty, guessed: true })
}

fn string(property: &Node, physical: &str) -> LogicalType {
    if option(property, "format") == Some("uuid") || physical.eq_ignore_ascii_case("uuid") {
        return LogicalType::Uuid;
    }
    let told = option(property, "maxLength").and_then(|text| text.parse().ok());
    let (name, numbers) = parts(physical);
    let sized = matches!(
        name.as_str(),
        "varchar"
            | "char"
            | "character"
            | "character varying"
            | "nvarchar"
            | "varchar2"
            | "string"
            | "text"
    );
    let sized = if sized { numbers.first().copied() } else { None };
    LogicalType::String { max_chars: told.or(sized).filter(|chars| *chars > 0) }
}

fn by_physical(property: &Node, physical: &str) -> Option<Typed> {
    let (name, _) = parts(physical);
    let sure = |ty: LogicalType| Some(Typed { ty, guessed: false });
    match name.as_str() {
        "boolean" | "bool" => sure(LogicalType::Bool),
        "date" => sure(LogicalType::Date),
        "int" | "integer" | "bigint" | "smallint" | "int2" | "int4" | "int8" => {
            sure(integer(property, physical))
        }
        "decimal" | "numeric" | "number" => number(physical),
        "varchar" | "char" | "text" | "nvarchar" | "character varying" => {
            sure(string(property, physical))
        }
        "timestamptz" | "timestamp_tz" => sure(LogicalType::Timestamp),
        "json" | "jsonb" | "variant" => sure(LogicalType::Json),
        "bytea" | "binary" | "varbinary" | "blob" => sure(LogicalType::Bytes),
        _ => None,
    }
}
