//! Types that a contract declares for a platform, under `types`.

use covenant_model::terms::FieldTerms;
use covenant_model::value::LogicalType;

use super::of::{self, of_logical};
use super::{PhysicalType, Platform, Shape, TextKind, Zone, limit, longest};
use crate::emit::salesforce::FieldType;

/// Most digits of a number: Snowflake and DuckDB; Salesforce [salesforce §3].
const DIGITS_MAX: u8 = 38;
const SALESFORCE_DIGITS_MAX: u8 = 18;
/// Characters of a Salesforce text, and of a long text area [salesforce §3].
const SALESFORCE_TEXT_MAX: u32 = 255;
const SALESFORCE_LONG: std::ops::RangeInclusive<u32> = 256..=131_072;
/// Characters of a Snowflake VARCHAR: what one without a length has.
const SNOWFLAKE_TEXT_MAX: u32 = 16_777_216;
/// Digits of a second's fraction in Snowflake.
const FRACTION_MAX: u8 = 9;
/// Digits of the second's fraction that a `timestamp` has.
const MICROSECONDS: u8 = 6;
/// Digits of whole numbers of 32 and 64 bits.
const INT32_DIGITS: u8 = 10;
const INT64_DIGITS: u8 = 19;
/// Hyphenated text.
const UUID_CHARS: u32 = 36;
/// Characters of a symbol that an open enum lets through.
const OPEN_SYMBOL_MAX: u32 = 255;

/// Names of the types that can be declared, as messages show them.
pub fn names(platform: Platform) -> &'static [&'static str] {
    match platform {
        Platform::Snowflake => &[
            "BOOLEAN",
            "NUMBER(p,s)",
            "VARCHAR(n)",
            "STRING",
            "TEXT",
            "DATE",
            "TIMESTAMP_NTZ(n)",
            "BINARY(n)",
        ],
        Platform::DuckDb => &[
            "BOOLEAN",
            "INTEGER",
            "BIGINT",
            "HUGEINT",
            "DECIMAL(p,s)",
            "VARCHAR",
            "DATE",
            "TIMESTAMP",
            "BLOB",
        ],
        Platform::Salesforce => {
            &["Checkbox", "Number(p,s)", "Text(n)", "LongTextArea(n)", "Email", "Date", "DateTime"]
        }
        Platform::Postgres | Platform::Json | Platform::Rust => &[],
    }
}

/// A type that a contract declares.
///
/// # Errors
/// Why the platform has no such type.
pub fn declared(platform: Platform, text: &str) -> Result<PhysicalType, &'static str> {
    let ty = PhysicalType::parse(platform, text);
    let salesforce = platform == Platform::Salesforce;
    let (digits, chars) = if salesforce {
        (SALESFORCE_DIGITS_MAX, SALESFORCE_TEXT_MAX)
    } else {
        (DIGITS_MAX, SNOWFLAKE_TEXT_MAX)
    };
    match &ty.shape {
        Shape::Unknown { .. } => Err("it is not known"),
        Shape::Fixed { precision, .. } if *precision == 0 || *precision > digits => {
            Err(if salesforce {
                "numbers have 1 to 18 digits"
            } else {
                "numbers have 1 to 38 digits"
            })
        }
        Shape::Fixed { precision, scale } if scale > precision => {
            Err("more digits behind the point than in all")
        }
        Shape::Text { max_chars: None, .. } if salesforce => Err("it needs a length"),
        Shape::Text { max_chars: Some(0), .. } => Err("a length is 1 or more"),
        Shape::Text { max_chars: Some(max), kind: TextKind::Long }
            if !SALESFORCE_LONG.contains(max) =>
        {
            Err("long text areas have 256 to 131072 characters")
        }
        Shape::Text { max_chars: Some(max), kind: TextKind::Plain } if *max > chars => {
            Err(if salesforce { "texts have at most 255 characters" } else { "it is too long" })
        }
        Shape::Timestamp { digits, .. } if *digits > FRACTION_MAX => {
            Err("a second's fraction has at most 9 digits")
        }
        Shape::Boolean
        | Shape::Integer { .. }
        | Shape::Fixed { .. }
        | Shape::Float { .. }
        | Shape::Text { .. }
        | Shape::Choice { .. }
        | Shape::Binary { .. }
        | Shape::Date
        | Shape::Timestamp { .. }
        | Shape::Uuid
        | Shape::Document
        | Shape::Lookup { .. } => Ok(ty),
    }
}

/// What `types` says for a platform.
pub(super) fn text(platform: Platform, terms: &FieldTerms) -> Option<&str> {
    match platform {
        Platform::Snowflake => terms.types.snowflake.as_deref(),
        Platform::DuckDb => terms.types.duckdb.as_deref(),
        Platform::Salesforce => terms.types.salesforce.as_deref(),
        Platform::Postgres | Platform::Json | Platform::Rust => None,
    }
}

/// The type of a column that holds values of this type in plaintext: what `types` says, else what follows.
pub fn of_column(platform: Platform, ty: &LogicalType, terms: &FieldTerms) -> PhysicalType {
    let named = text(platform, terms).map(|text| PhysicalType::parse(platform, text));
    named.unwrap_or_else(|| of_logical(platform, ty))
}

/// The values of a field, as far as a platform's type must hold them.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// Their type.
    pub ty: &'a LogicalType,
    /// Whether an enum lets other symbols through.
    pub open: bool,
    /// Whether they are addresses.
    pub email: bool,
}

/// Whether a column or field of the declared type takes every value of the field, and gives it back as it was.
/// Only types of one idea are compared: no number is kept as text, and none in binary digits.
pub fn holds_all(platform: Platform, declared: &PhysicalType, values: Values<'_>) -> bool {
    let salesforce = platform == Platform::Salesforce;
    match (values.ty, &declared.shape) {
        (LogicalType::Bool, Shape::Boolean) | (LogicalType::Date, Shape::Date) => true,
        (LogicalType::Int32, Shape::Integer { bits }) => *bits >= 32,
        (LogicalType::Int64, Shape::Integer { bits }) => *bits >= 64,
        (LogicalType::Int32, Shape::Fixed { precision, scale: 0 }) => *precision >= INT32_DIGITS,
        // Salesforce has no number of 19 digits: its longest is what is generated, too.
        (LogicalType::Int64, Shape::Fixed { precision, scale: 0 }) => {
            *precision >= if salesforce { SALESFORCE_DIGITS_MAX } else { INT64_DIGITS }
        }
        (
            LogicalType::Decimal { precision, scale },
            Shape::Fixed { precision: most, scale: same },
        ) => scale == same && most >= precision,
        (ty, Shape::Text { max_chars, kind }) => {
            let chars = chars(platform, ty, values.open);
            match kind {
                // What is generated for an address: Salesforce takes no longer ones.
                TextKind::Email => values.email && matches!(ty, LogicalType::String { .. }),
                TextKind::Plain | TextKind::Long => {
                    chars.is_some_and(|most| limit(*max_chars) >= most)
                }
            }
        }
        (LogicalType::Timestamp, Shape::Timestamp { zone, digits }) => match zone {
            Zone::Instant => salesforce,
            Zone::Naive => !salesforce && *digits >= MICROSECONDS,
            Zone::Offset => false,
        },
        (LogicalType::Bytes, Shape::Binary { .. }) => {
            of_logical(platform, values.ty).shape == declared.shape
        }
        (
            LogicalType::Bool
            | LogicalType::Int32
            | LogicalType::Int64
            | LogicalType::Decimal { .. }
            | LogicalType::String { .. }
            | LogicalType::Uuid
            | LogicalType::Date
            | LogicalType::Timestamp
            | LogicalType::Enum { .. }
            | LogicalType::Json
            | LogicalType::Bytes,
            _,
        ) => false,
    }
}

/// Characters of the longest value; none for what is no text.
fn chars(platform: Platform, ty: &LogicalType, open: bool) -> Option<u32> {
    let unbounded = match platform {
        Platform::Snowflake => SNOWFLAKE_TEXT_MAX,
        // As long as what is generated.
        Platform::Salesforce => FieldType::LONG_TEXT,
        Platform::DuckDb | Platform::Postgres | Platform::Json | Platform::Rust => u32::MAX,
    };
    match ty {
        LogicalType::String { max_chars } => Some(max_chars.unwrap_or(unbounded)),
        LogicalType::Json => Some(unbounded),
        LogicalType::Uuid => Some(UUID_CHARS),
        LogicalType::Enum { .. } if open => Some(OPEN_SYMBOL_MAX),
        LogicalType::Enum { symbols } => Some(longest(&symbols.iter().cloned().collect())),
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Bytes => None,
    }
}

/// The smallest type that holds every value of the field, by name; none where the platform has none.
pub fn fitting(platform: Platform, values: Values<'_>) -> Option<String> {
    let chars = chars(platform, values.ty, values.open);
    let bounded = |max: &u32| *max < SNOWFLAKE_TEXT_MAX;
    match (platform, chars) {
        (Platform::Snowflake, Some(max)) if bounded(&max) => Some(format!("VARCHAR({max})")),
        (Platform::Salesforce, Some(max)) if max <= SALESFORCE_TEXT_MAX => {
            Some(format!("Text({max})"))
        }
        (Platform::Salesforce, _) => {
            let ty = FieldType::of_type(values.ty, values.email).ok()?;
            Some(of::salesforce(&ty).name)
        }
        (
            Platform::Snowflake
            | Platform::DuckDb
            | Platform::Postgres
            | Platform::Json
            | Platform::Rust,
            _,
        ) => Some(of_logical(platform, values.ty).name),
    }
}
