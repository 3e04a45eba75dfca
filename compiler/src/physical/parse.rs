//! Types by their names.

use super::{PhysicalType, Platform, Shape, TextKind, Zone};

/// Characters of a Snowflake VARCHAR without a length, and so of its synonyms (data types, "String types").
const SNOWFLAKE_TEXT: u32 = 16_777_216;
/// Bytes of a Snowflake BINARY without a length.
const SNOWFLAKE_BYTES: u32 = 8_388_608;
/// Digits of a second that a timestamp has without a number.
const SNOWFLAKE_DIGITS: u8 = 9;
const MICROSECONDS: u8 = 6;
const MILLISECONDS: u8 = 3;
/// Characters of a Salesforce email field.
pub(super) const SALESFORCE_EMAIL: u32 = 80;
/// What NUMBER is without digits in Snowflake, and what DECIMAL is in DuckDB.
const SNOWFLAKE_NUMBER: (u8, u8) = (38, 0);
const DUCKDB_DECIMAL: (u8, u8) = (18, 3);

impl PhysicalType {
    /// The type that a platform calls so. A name that is not known is a type of its own: related to nothing but
    /// itself.
    pub fn parse(platform: Platform, text: &str) -> Self {
        let name = normal(platform, text);
        let (base, numbers) = split(&name);
        let shape = match platform {
            Platform::Snowflake => snowflake(&base, &numbers),
            Platform::DuckDb => duckdb(&base, &numbers),
            Platform::Postgres => postgres(&base, &numbers),
            Platform::Salesforce => salesforce(&base, &numbers),
            // Built from contracts only: they have no names of their own that anybody would write.
            Platform::Json | Platform::Rust => None,
        };
        let shape = shape.unwrap_or_else(|| Shape::Unknown { name: name.clone() });
        Self { name, shape }
    }
}

/// One blank between words, none beside brackets; upper case but for Salesforce, whose names are words.
fn normal(platform: Platform, text: &str) -> String {
    if !text.contains(char::is_whitespace) {
        return cased(platform, text.to_owned());
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.replace(" (", "(").replace("( ", "(").replace(" )", ")").replace(", ", ",");
    cased(platform, text)
}

fn cased(platform: Platform, mut text: String) -> String {
    if platform != Platform::Salesforce {
        text.make_ascii_uppercase();
    }
    text
}

/// `TIMESTAMP(6) WITH TIME ZONE` is `TIMESTAMP WITH TIME ZONE` and 6.
fn split(name: &str) -> (String, Vec<u32>) {
    let Some((before, rest)) = name.split_once('(') else { return (name.to_owned(), Vec::new()) };
    let Some((inside, after)) = rest.split_once(')') else { return (name.to_owned(), Vec::new()) };
    let numbers: Option<Vec<u32>> = inside.split(',').map(|one| one.trim().parse().ok()).collect();
    match numbers {
        Some(numbers) => (format!("{before}{after}"), numbers),
        None => (name.to_owned(), Vec::new()),
    }
}

fn text(max_chars: Option<u32>) -> Shape {
    Shape::Text { max_chars, kind: TextKind::Plain }
}

fn digits(numbers: &[u32], otherwise: (u8, u8)) -> Option<Shape> {
    let byte = |number: &u32| u8::try_from(*number).ok();
    let (precision, scale) = match numbers {
        [] => otherwise,
        [precision] => (byte(precision)?, 0),
        [precision, scale] => (byte(precision)?, byte(scale)?),
        _ => return None,
    };
    Some(Shape::Fixed { precision, scale })
}

fn instant(zone: Zone, numbers: &[u32], otherwise: u8) -> Option<Shape> {
    let digits = match numbers {
        [] => otherwise,
        [digits] => u8::try_from(*digits).ok()?,
        _ => return None,
    };
    Some(Shape::Timestamp { zone, digits })
}

/// Synonyms: Snowflake documentation, "Summary of data types".
fn snowflake(base: &str, numbers: &[u32]) -> Option<Shape> {
    Some(match base {
        "BOOLEAN" => Shape::Boolean,
        "NUMBER" | "DECIMAL" | "DEC" | "NUMERIC" => digits(numbers, SNOWFLAKE_NUMBER)?,
        "INT" | "INTEGER" | "BIGINT" | "SMALLINT" | "TINYINT" | "BYTEINT" => {
            digits(&[], SNOWFLAKE_NUMBER)?
        }
        "FLOAT" | "FLOAT4" | "FLOAT8" | "DOUBLE" | "DOUBLE PRECISION" | "REAL" => {
            Shape::Float { bits: 64 }
        }
        "VARCHAR" | "STRING" | "TEXT" | "NVARCHAR" | "NVARCHAR2" | "CHAR VARYING"
        | "NCHAR VARYING" => text(Some(numbers.first().copied().unwrap_or(SNOWFLAKE_TEXT))),
        "CHAR" | "CHARACTER" | "NCHAR" => text(Some(numbers.first().copied().unwrap_or(1))),
        "BINARY" | "VARBINARY" => {
            Shape::Binary { max_bytes: Some(numbers.first().copied().unwrap_or(SNOWFLAKE_BYTES)) }
        }
        "DATE" => Shape::Date,
        // What TIMESTAMP alone means is a parameter of the session; NTZ is its default.
        "TIMESTAMP_NTZ" | "TIMESTAMPNTZ" | "TIMESTAMP WITHOUT TIME ZONE" | "DATETIME" => {
            instant(Zone::Naive, numbers, SNOWFLAKE_DIGITS)?
        }
        "TIMESTAMP_LTZ" | "TIMESTAMPLTZ" | "TIMESTAMP WITH LOCAL TIME ZONE" => {
            instant(Zone::Instant, numbers, SNOWFLAKE_DIGITS)?
        }
        "TIMESTAMP_TZ" | "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => {
            instant(Zone::Offset, numbers, SNOWFLAKE_DIGITS)?
        }
        "VARIANT" => Shape::Document,
        _ => return None,
    })
}

/// A length on VARCHAR is read and not enforced [measured], so all of them are one type.
fn duckdb(base: &str, numbers: &[u32]) -> Option<Shape> {
    Some(match base {
        "BOOLEAN" | "BOOL" | "LOGICAL" => Shape::Boolean,
        "SMALLINT" | "INT2" | "SHORT" => Shape::Integer { bits: 16 },
        "INTEGER" | "INT4" | "INT" | "SIGNED" => Shape::Integer { bits: 32 },
        "BIGINT" | "INT8" | "LONG" => Shape::Integer { bits: 64 },
        "HUGEINT" => Shape::Integer { bits: 128 },
        "DECIMAL" | "NUMERIC" | "DEC" => digits(numbers, DUCKDB_DECIMAL)?,
        "REAL" | "FLOAT4" | "FLOAT" => Shape::Float { bits: 32 },
        "DOUBLE" | "FLOAT8" => Shape::Float { bits: 64 },
        "VARCHAR" | "TEXT" | "STRING" | "CHAR" | "BPCHAR" | "NVARCHAR" => text(None),
        "BLOB" | "BYTEA" | "BINARY" | "VARBINARY" => Shape::Binary { max_bytes: None },
        "DATE" => Shape::Date,
        "TIMESTAMP" | "DATETIME" | "TIMESTAMP WITHOUT TIME ZONE" => {
            instant(Zone::Naive, &[], MICROSECONDS)?
        }
        // TIMESTAMP_NS ends in the year 2262, and a cast from TIMESTAMP_S to TIMESTAMP_MS does not come back as it
        // was [measured]: types of their own, related to none.
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => instant(Zone::Instant, &[], MICROSECONDS)?,
        "UUID" => Shape::Uuid,
        "JSON" => Shape::Document,
        _ => return None,
    })
}

fn postgres(base: &str, numbers: &[u32]) -> Option<Shape> {
    Some(match base {
        "BOOLEAN" | "BOOL" => Shape::Boolean,
        "SMALLINT" | "INT2" => Shape::Integer { bits: 16 },
        "INTEGER" | "INT" | "INT4" => Shape::Integer { bits: 32 },
        "BIGINT" | "INT8" => Shape::Integer { bits: 64 },
        // Without digits it holds any number, NaN too: a type of its own.
        "NUMERIC" | "DECIMAL" if !numbers.is_empty() => digits(numbers, SNOWFLAKE_NUMBER)?,
        "REAL" | "FLOAT4" => Shape::Float { bits: 32 },
        "DOUBLE PRECISION" | "FLOAT8" => Shape::Float { bits: 64 },
        "TEXT" => text(None),
        "VARCHAR" | "CHARACTER VARYING" => text(numbers.first().copied()),
        "BYTEA" => Shape::Binary { max_bytes: None },
        "DATE" => Shape::Date,
        "TIMESTAMP" | "TIMESTAMP WITHOUT TIME ZONE" => instant(Zone::Naive, numbers, MICROSECONDS)?,
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => {
            instant(Zone::Instant, numbers, MICROSECONDS)?
        }
        "UUID" => Shape::Uuid,
        "JSONB" => Shape::Document,
        _ => return None,
    })
}

/// Types of custom fields [salesforce §3]. Picklists and lookups are built from contracts: their names do not hold
/// what they hold.
fn salesforce(base: &str, numbers: &[u32]) -> Option<Shape> {
    let kind = |kind| Shape::Text { max_chars: numbers.first().copied(), kind };
    Some(match base {
        "Checkbox" => Shape::Boolean,
        "Number" => digits(numbers, (18, 0))?,
        "Text" => kind(TextKind::Plain),
        "LongTextArea" => kind(TextKind::Long),
        "Email" => Shape::Text { max_chars: Some(SALESFORCE_EMAIL), kind: TextKind::Email },
        "Date" => Shape::Date,
        "DateTime" => instant(Zone::Instant, &[], MILLISECONDS)?,
        _ => return None,
    })
}
