//! Names of types, as databases and other standards write them, as types of the language.

use covenant_model::value::LogicalType;

pub(in crate::interop) use crate::check::large::may_be_out_of_line as out_of_line;
use crate::parse::scalars::{DECIMAL_PRECISION_MAX, is_symbol, logical_type};

/// Of numbers whose digits nobody says.
const DECIMAL: &str = "decimal(37,9)";
/// Longest list of values that becomes an enum.
const SYMBOLS_MAX: usize = 100;
/// Digits that 64 bits always hold.
const INT64_DIGITS: u32 = 18;

/// A type, and whether it is a guess.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::interop) struct Typed {
    pub(in crate::interop) ty: LogicalType,
    pub(in crate::interop) guessed: bool,
}

/// Characters of a key whose column has no limit: a text without one cannot be a key.
const KEY_CHARS: u32 = 255;

impl Typed {
    /// The same for a field of the key.
    pub(in crate::interop) fn keyed(self, is_key: bool) -> Self {
        match self.ty {
            LogicalType::String { max_chars: None } if is_key => {
                Self { ty: LogicalType::String { max_chars: Some(KEY_CHARS) }, guessed: true }
            }
            LogicalType::String { .. }
            | LogicalType::Bool
            | LogicalType::Int32
            | LogicalType::Int64
            | LogicalType::Decimal { .. }
            | LogicalType::Uuid
            | LogicalType::Date
            | LogicalType::Timestamp
            | LogicalType::Enum { .. }
            | LogicalType::Json
            | LogicalType::Bytes => self,
        }
    }

    pub(in crate::interop) fn sure(ty: LogicalType) -> Self {
        Self { ty, guessed: false }
    }
}

/// `NUMERIC(12, 2)`: the name in lower case and the numbers in parentheses.
pub(in crate::interop) fn parts(physical: &str) -> (String, Vec<u32>) {
    let (name, rest) = physical.split_once('(').unwrap_or((physical, ""));
    let (numbers, behind) = rest.split_once(')').unwrap_or((rest, ""));
    let name = format!("{} {}", name.trim(), behind.trim());
    let numbers = numbers.split(',').filter_map(|one| one.trim().parse().ok()).collect();
    (name.trim().to_ascii_lowercase(), numbers)
}

/// A number as it is written: exact where its digits are told, a guess where they are not.
pub(in crate::interop) fn number(physical: &str) -> Option<Typed> {
    let (name, numbers) = parts(physical);
    let digits = match numbers.as_slice() {
        [precision, scale] => Some((*precision, *scale)),
        [precision] => Some((*precision, 0)),
        _ => None,
    };
    let exact = matches!(name.as_str(), "decimal" | "numeric" | "number" | "dec");
    if let (true, Some((precision, scale))) = (exact, digits)
        && let (Ok(precision), Ok(scale)) = (u8::try_from(precision), u8::try_from(scale))
        && (1..=DECIMAL_PRECISION_MAX).contains(&precision)
        && scale <= precision
    {
        return Some(Typed::sure(LogicalType::Decimal { precision, scale }));
    }
    logical_type(DECIMAL).ok().map(|ty| Typed { ty, guessed: true })
}

/// A text of at most so many characters; 0 and none: any.
pub(in crate::interop) fn text(chars: Option<u32>) -> LogicalType {
    LogicalType::String { max_chars: chars.filter(|chars| *chars > 0) }
}

/// An enum of values, where all of them can be symbols.
pub(in crate::interop) fn symbols(values: &[&str]) -> Option<LogicalType> {
    let once = |at: usize, one: &&str| !values.iter().take(at).any(|other| other == one);
    let fits = (1..=SYMBOLS_MAX).contains(&values.len())
        && values.iter().all(|one| is_symbol(one))
        && values.iter().enumerate().all(|(at, one)| once(at, one));
    let symbols = values.iter().map(|&one| one.to_owned()).collect();
    fits.then_some(LogicalType::Enum { symbols })
}

/// What a type's name means in PostgreSQL, Snowflake or our own language. `None`: the language has none for it.
pub(in crate::interop) fn by_name(physical: &str) -> Option<Typed> {
    // Our own words come back as they went.
    if let Ok(ty) = logical_type(physical) {
        return Some(Typed::sure(ty));
    }
    let (name, numbers) = parts(physical);
    let sure = |ty: LogicalType| Some(Typed::sure(ty));
    match name.as_str() {
        "boolean" | "bool" => sure(LogicalType::Bool),
        "date" => sure(LogicalType::Date),
        "smallint" | "int2" | "int4" | "tinyint" => sure(LogicalType::Int32),
        "int" | "integer" | "bigint" | "int8" => sure(LogicalType::Int64),
        "number" | "numeric" | "decimal" | "dec" => match numbers.as_slice() {
            [digits] | [digits, 0] if *digits <= INT64_DIGITS => sure(LogicalType::Int64),
            // what Snowflake makes of INTEGER
            [38] | [38, 0] => Some(Typed { ty: LogicalType::Int64, guessed: true }),
            _ => number(physical),
        },
        "float" | "double" | "real" | "double precision" | "float4" | "float8" => number(physical),
        "varchar" | "char" | "character" | "character varying" | "nvarchar" | "varchar2"
        | "text" | "string" => sure(text(numbers.first().copied())),
        "uuid" => sure(LogicalType::Uuid),
        "timestamptz" | "timestamp_tz" | "timestamp with time zone" => sure(LogicalType::Timestamp),
        // whose zone, nobody says
        "timestamp"
        | "timestamp_ntz"
        | "timestamp_ltz"
        | "datetime"
        | "timestamp without time zone" => {
            Some(Typed { ty: LogicalType::Timestamp, guessed: true })
        }
        "json" | "jsonb" | "variant" | "object" | "array" => sure(LogicalType::Json),
        "bytea" | "binary" | "varbinary" | "blob" => sure(LogicalType::Bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types() {
        for (there, here, guessed) in [
            ("NUMBER(38,0)", Some("int64"), true),
            ("NUMBER(18,0)", Some("int64"), false),
            ("NUMERIC(12, 2)", Some("decimal(12,2)"), false),
            ("double precision", Some("decimal(37,9)"), true),
            ("character varying(40)", Some("string(40)"), false),
            ("timestamp(3) with time zone", Some("timestamp"), false),
            ("TIMESTAMP_NTZ(9)", Some("timestamp"), true),
            ("enum [a, b]", Some("enum [a, b]"), false),
            ("interval", None, false),
        ] {
            let found = by_name(there);
            let shown = found.as_ref().map(|found| (found.ty.to_string(), found.guessed));
            assert_eq!(shown, here.map(|ty| (ty.to_owned(), guessed)), "{there}");
        }
    }
}
