//! How a stored value becomes a value of another type without loss, and the query that finds those that cannot.

use super::{Column, PhysicalType, Platform, Shape, Zone};

/// An expression over the old column, and the condition under which a row would lose something.
pub(super) struct Cast {
    pub(super) expression: String,
    /// None: no value can be lost.
    pub(super) lost: Option<String>,
}

impl Cast {
    fn safe(expression: String) -> Option<Self> {
        Some(Self { expression, lost: None })
    }

    fn unless(expression: String, lost: String) -> Option<Self> {
        Some(Self { expression, lost: Some(lost) })
    }
}

/// The query that must give 0 before the cast may run.
pub(super) fn query(at: &Column<'_>, lost: &str) -> String {
    format!("SELECT count(*) FROM {} WHERE {} IS NOT NULL AND ({lost})", at.table, at.column)
}

/// None where no conversion keeps the meaning.
pub(super) fn cast(
    platform: Platform,
    column: &str,
    old: &PhysicalType,
    new: &PhysicalType,
) -> Option<Cast> {
    let plain = format!("CAST({column} AS {})", new.name);
    match (&old.shape, &new.shape) {
        (Shape::Unknown { .. } | Shape::Lookup { .. }, _)
        | (_, Shape::Unknown { .. } | Shape::Lookup { .. } | Shape::Choice { .. }) => None,
        (old, new) if super::holds(new, old) => Cast::safe(plain),
        (Shape::Text { .. }, Shape::Text { max_chars: Some(max), .. }) => {
            Cast::unless(plain, format!("length({column}) > {max}"))
        }
        (Shape::Timestamp { zone: from, .. }, Shape::Timestamp { zone: to, .. }) if from != to => {
            Cast::safe(rezoned(platform, column, *from, *to, &new.name))
        }
        (from, Shape::Fixed { precision, scale }) if is_number(from) => {
            let whole = u32::from(precision.saturating_sub(*scale));
            // Not by abs(): the smallest integer has none.
            let end = power_of_ten(whole);
            let beyond = format!("{column} >= {end} OR {column} <= -{end}");
            Cast::unless(plain, format!("{beyond}{}", fraction(column, from, *scale)))
        }
        (from, Shape::Integer { bits }) if is_number(from) => {
            let limit = 1_u128 << bits.saturating_sub(1).min(126);
            let beyond = format!("{column} >= {limit} OR {column} < -{limit}");
            Cast::unless(plain, format!("{beyond}{}", fraction(column, from, 0)))
        }
        (from, Shape::Float { .. }) if is_number(from) => {
            // There and back: comparing across types would itself round. Snowflake's TRY_CAST takes texts only.
            let back = if platform == Platform::DuckDb { "TRY_CAST" } else { "CAST" };
            let there = format!("{back}({column} AS {})", new.name);
            let returned = format!("{back}({there} AS {})", old.name);
            Cast::unless(plain, format!("{returned} IS NULL OR {returned} <> {column}"))
        }
        (Shape::Boolean, to) if is_number(to) => Cast::safe(plain),
        (from, Shape::Boolean) if is_number(from) => {
            Cast::unless(plain, format!("{column} NOT IN (0, 1)"))
        }
        (Shape::Date, Shape::Timestamp { zone: Zone::Naive, .. }) => Cast::safe(plain),
        (Shape::Timestamp { zone: Zone::Naive, .. }, Shape::Date) => {
            Cast::unless(plain.clone(), format!("{plain} <> {column}"))
        }
        (Shape::Timestamp { .. }, Shape::Timestamp { .. }) => {
            Cast::unless(plain.clone(), format!("{plain} <> {column}"))
        }
        (from, Shape::Text { max_chars, .. }) => as_text(platform, column, from, new, *max_chars),
        (Shape::Text { .. }, to) => from_text(platform, column, to, &new.name),
        _ => None,
    }
}

fn is_number(shape: &Shape) -> bool {
    matches!(shape, Shape::Integer { .. } | Shape::Fixed { .. } | Shape::Float { .. })
}

/// The part of the condition that finds digits beyond the scale; integers have none.
fn fraction(column: &str, from: &Shape, scale: u8) -> String {
    if matches!(from, Shape::Integer { .. }) {
        return String::new();
    }
    format!(" OR {column} <> round({column}, {scale})")
}

/// Exact: a float of this size would not be.
fn power_of_ten(exponent: u32) -> String {
    format!("1{}", "0".repeat(usize::try_from(exponent).unwrap_or(0)))
}

/// UTC is what every instant of ours is: a naive column of another zone was no column of ours.
fn rezoned(platform: Platform, column: &str, from: Zone, to: Zone, name: &str) -> String {
    let snowflake = platform == Platform::Snowflake;
    match (from, to) {
        (Zone::Naive, _) if snowflake => {
            format!("CAST(TO_TIMESTAMP_TZ(TO_VARCHAR({column}) || ' +0000') AS {name})")
        }
        (_, Zone::Naive) if snowflake => {
            format!("CAST(CONVERT_TIMEZONE('UTC', {column}) AS {name})")
        }
        (Zone::Naive, _) | (_, Zone::Naive) => format!("({column} AT TIME ZONE 'UTC')"),
        (Zone::Instant | Zone::Offset, Zone::Instant | Zone::Offset) => {
            format!("CAST({column} AS {name})")
        }
    }
}

/// Everything but bytes and texts of unknown kinds has one text.
fn as_text(
    platform: Platform,
    column: &str,
    from: &Shape,
    new: &PhysicalType,
    max_chars: Option<u32>,
) -> Option<Cast> {
    let expression = match from {
        // Snowflake writes floats with a format of its own, and documents as quoted text.
        Shape::Document if platform == Platform::Snowflake => format!("TO_JSON({column})"),
        Shape::Binary { .. } => return None,
        Shape::Boolean
        | Shape::Integer { .. }
        | Shape::Fixed { .. }
        | Shape::Float { .. }
        | Shape::Text { .. }
        | Shape::Choice { .. }
        | Shape::Date
        | Shape::Timestamp { .. }
        | Shape::Uuid
        | Shape::Document
        | Shape::Lookup { .. }
        | Shape::Unknown { .. } => format!("CAST({column} AS {})", new.name),
    };
    match max_chars {
        Some(max) => Cast::unless(expression, format!("length(CAST({column} AS VARCHAR)) > {max}")),
        None => Cast::safe(expression),
    }
}

/// A text that is no value of the new type, or that would be rounded, is lost.
fn from_text(platform: Platform, column: &str, to: &Shape, name: &str) -> Option<Cast> {
    let plain = format!("CAST({column} AS {name})");
    if platform == Platform::Postgres {
        // There is no TRY_CAST; ALTER TABLE itself fails on the first value that is none and changes nothing.
        return Cast::safe(plain);
    }
    let tried = format!("TRY_CAST({column} AS {name})");
    match to {
        Shape::Fixed { scale, .. } => {
            // As many digits as there are, to see what rounding would take away.
            let whole = 38_u8.saturating_sub(scale.saturating_add(10).min(28));
            let wide = format!("DECIMAL(38,{})", 38_u8.saturating_sub(whole));
            Cast::unless(
                plain,
                format!("{tried} IS NULL OR {tried} <> TRY_CAST({column} AS {wide})"),
            )
        }
        Shape::Integer { .. } => Cast::unless(
            plain,
            format!("{tried} IS NULL OR {tried} <> TRY_CAST({column} AS DECIMAL(38,10))"),
        ),
        Shape::Boolean
        | Shape::Float { .. }
        | Shape::Date
        | Shape::Timestamp { .. }
        | Shape::Uuid
        | Shape::Document => Cast::unless(plain, format!("{tried} IS NULL")),
        Shape::Binary { .. }
        | Shape::Text { .. }
        | Shape::Choice { .. }
        | Shape::Lookup { .. }
        | Shape::Unknown { .. } => None,
    }
}
