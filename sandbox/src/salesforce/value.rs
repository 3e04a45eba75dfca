//! Field values: how they are stored, read from JSON and CSV, and written to both.

use std::cmp::Ordering;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Value, json};

use super::decimal::Decimal;
use super::org::FieldKind;

/// A stored value. Instants are whole seconds since 1970, as SystemModstamp is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// No value.
    Null,
    /// Checkbox.
    Bool(bool),
    /// Text, picklist value, id or time of day.
    Text(Box<str>),
    /// Number.
    Number(Decimal),
    /// Day.
    Date(Date),
    /// Instant in seconds since 1970 UTC.
    Instant(i64),
}

/// Why a value could not be read: what the field wants, and what came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeMismatch {
    /// Name of the wanted type as Salesforce names it.
    pub wanted: &'static str,
    /// The value that came.
    pub got: String,
}

impl FieldValue {
    /// A text value.
    #[must_use]
    pub fn text(value: &str) -> Self {
        Self::Text(value.into())
    }

    /// True for no value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, when it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Date(_) | Self::Instant(_) => None,
        }
    }

    /// Reads a JSON value (or the text of a CSV cell) as a value of this type. Bounds are checked elsewhere.
    ///
    /// # Errors
    /// When the value is of another type.
    pub fn read(kind: &FieldKind, value: &Value) -> Result<Self, TypeMismatch> {
        if value.is_null() {
            return Ok(if matches!(kind, FieldKind::Checkbox) {
                Self::Bool(false)
            } else {
                Self::Null
            });
        }
        let mismatch = |wanted| TypeMismatch { wanted, got: plain(value) };
        match kind {
            FieldKind::Number { .. }
            | FieldKind::Currency { .. }
            | FieldKind::Percent { .. }
            | FieldKind::Int { .. } => read_number(value).ok_or_else(|| mismatch("double")),
            FieldKind::Checkbox => read_bool(value).ok_or_else(|| mismatch("boolean")),
            FieldKind::Date => match value.as_str() {
                Some("") => Ok(Self::Null),
                Some(text) => parse_date(text).map(Self::Date).ok_or_else(|| mismatch("date")),
                None => Err(mismatch("date")),
            },
            FieldKind::DateTime => match value.as_str() {
                Some("") => Ok(Self::Null),
                Some(text) => {
                    parse_instant(text).map(Self::Instant).ok_or_else(|| mismatch("datetime"))
                }
                None => Err(mismatch("datetime")),
            },
            FieldKind::Id
            | FieldKind::Text { .. }
            | FieldKind::TextArea { .. }
            | FieldKind::LongText { .. }
            | FieldKind::Email { .. }
            | FieldKind::Phone { .. }
            | FieldKind::Url { .. }
            | FieldKind::Picklist { .. }
            | FieldKind::MultiPicklist { .. }
            | FieldKind::Reference { .. }
            | FieldKind::AutoNumber { .. } => read_text(value).ok_or_else(|| mismatch("string")),
        }
    }

    /// The value in a REST answer.
    #[must_use]
    pub fn to_json(&self, kind: &FieldKind) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Text(text) => Value::String(text.to_string()),
            Self::Number(n) => match (kind, n.as_i64()) {
                (FieldKind::Int { .. }, Some(whole)) => json!(whole),
                _ => json!(n.as_f64()),
            },
            Self::Date(day) => Value::String(day.to_string()),
            Self::Instant(seconds) => Value::String(rest_instant(*seconds)),
        }
    }

    /// The value for whoever checks the simulator: whole numbers stay exact, others are doubles.
    #[must_use]
    pub fn to_exact_json(&self) -> Value {
        match self {
            Self::Number(n) => n.as_i64().map_or_else(|| json!(n.as_f64()), |whole| json!(whole)),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::Date(_) | Self::Instant(_) => {
                self.to_json(&FieldKind::Checkbox)
            }
        }
    }

    /// The cell of a Bulk 2.0 query result: null is empty, instants end in `Z`.
    #[must_use]
    pub fn to_csv(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(b) => b.to_string(),
            Self::Text(text) => text.to_string(),
            Self::Number(n) => n.to_string(),
            Self::Date(day) => day.to_string(),
            Self::Instant(seconds) => bulk_instant(*seconds),
        }
    }

    /// Order of two values of a field that distinguishes case, such as an id.
    #[must_use]
    pub fn exact_order(&self, other: &Self) -> Ordering {
        match (self.as_text(), other.as_text()) {
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) | (None, Some(_) | None) => self.order(other),
        }
    }

    /// Order of two values of one field; nulls first, text without regard to case.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => folded(a).cmp(folded(b)),
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::Date(_) => 3,
            Self::Instant(_) => 4,
            Self::Text(_) => 5,
        }
    }
}

/// The form in which text is compared where case does not count.
#[must_use]
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// A JSON value as text, without quotes around strings.
#[must_use]
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn read_number(value: &Value) -> Option<FieldValue> {
    let text = match value.as_str() {
        Some("") => return Some(FieldValue::Null),
        Some(text) => text.to_owned(),
        None => value.as_number()?.to_string(),
    };
    Decimal::parse(&text).map(FieldValue::Number)
}

fn read_bool(value: &Value) -> Option<FieldValue> {
    if let Some(b) = value.as_bool() {
        return Some(FieldValue::Bool(b));
    }
    match fold(value.as_str()?).as_str() {
        "true" | "1" => Some(FieldValue::Bool(true)),
        "false" | "0" | "" => Some(FieldValue::Bool(false)),
        _ => None,
    }
}

fn read_text(value: &Value) -> Option<FieldValue> {
    let text = match value.as_str() {
        Some(text) => text.to_owned(),
        None if value.is_number() || value.is_boolean() => value.to_string(),
        None => return None,
    };
    // Salesforce trims text and keeps no empty strings.
    let trimmed = text.trim();
    Some(if trimmed.is_empty() { FieldValue::Null } else { FieldValue::text(trimmed) })
}

/// Reads `2026-11-22`.
#[must_use]
pub fn parse_date(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

/// Reads an ISO 8601 instant with `Z`, `+00:00` or `+0000`; fractions of a second are dropped.
#[must_use]
pub fn parse_instant(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

fn utc(seconds: i64) -> Zoned {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC)
}

/// `2026-11-22T10:00:00.000+0000`, as REST answers write instants.
#[must_use]
pub fn rest_instant(seconds: i64) -> String {
    utc(seconds).strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

/// `2026-11-22T10:00:00.000Z`, as Bulk 2.0 results write instants.
#[must_use]
pub fn bulk_instant(seconds: i64) -> String {
    utc(seconds).strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{FieldValue, bulk_instant, parse_instant, rest_instant};
    use crate::salesforce::org::FieldKind;

    #[test]
    fn instants_read_in_every_form_clients_send() {
        let at = parse_instant("2024-01-01T00:00:00.000Z").expect("Z");
        for text in [
            "2024-01-01T00:00:00+00:00",
            "2024-01-01T00:00:00.000+0000",
            "2024-01-01T01:00:00.999+01:00",
        ] {
            assert_eq!(parse_instant(text), Some(at), "{text}");
        }
        assert_eq!(rest_instant(at), "2024-01-01T00:00:00.000+0000");
        assert_eq!(bulk_instant(at), "2024-01-01T00:00:00.000Z");
    }

    #[test]
    fn numbers_keep_their_digits() {
        let kind = FieldKind::Number { precision: 18, scale: 0 };
        let read = FieldValue::read(&kind, &json!(999_999_999_999_999_999_i64)).expect("number");
        assert_eq!(read.to_exact_json(), json!(999_999_999_999_999_999_i64));
        assert!(FieldValue::read(&kind, &json!("abc")).is_err());
        assert!(FieldValue::read(&kind, &json!({})).is_err());
    }

    #[test]
    fn text_is_trimmed_and_empty_text_is_null() {
        let kind = FieldKind::text(10);
        assert_eq!(FieldValue::read(&kind, &json!("  a b ")), Ok(FieldValue::text("a b")));
        assert_eq!(FieldValue::read(&kind, &json!("  ")), Ok(FieldValue::Null));
    }
}
