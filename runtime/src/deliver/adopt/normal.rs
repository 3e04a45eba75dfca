//! Values as they are compared: what people and systems write differently becomes the same text. Both sides go through the
//! same function, so that it can be crude and still be fair.

use covenant_model::spec::Compare;
use covenant_model::value::{LogicalType, Value};
use serde_json::value::RawValue;

use crate::crm::CrmValue;
use crate::deliver::record::crm_value;

/// Largest exponent of a number that is written out; no field of a CRM holds more digits.
const EXPONENT_MAX: i32 = 64;

/// Our value; none where there is nothing to compare.
pub(super) fn ours(compare: Compare, ty: &LogicalType, value: &Value) -> Option<String> {
    match crm_value(ty, value).ok()? {
        CrmValue::Null | CrmValue::Lookup { .. } => None,
        CrmValue::Bool(flag) => normal(compare, ty, &flag.to_string()),
        CrmValue::Number(text) | CrmValue::Text(text) => normal(compare, ty, &text),
    }
}

/// A record's value as the CRM answers it; none where there is nothing to compare.
pub(super) fn theirs(compare: Compare, ty: &LogicalType, json: &RawValue) -> Option<String> {
    let raw = json.get();
    match raw.as_bytes().first()? {
        b'"' => normal(compare, ty, &serde_json::from_str::<String>(raw).ok()?),
        b'n' | b'{' | b'[' => None,
        _ => normal(compare, ty, raw),
    }
}

fn normal(compare: Compare, ty: &LogicalType, text: &str) -> Option<String> {
    let same = match compare {
        Compare::Email => text.trim().to_lowercase(),
        Compare::Digits => {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            digits.trim_start_matches('0').to_owned()
        }
        Compare::Text => text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
        Compare::Exact => exact(ty, text.trim())?,
    };
    (!same.is_empty()).then_some(same)
}

/// One spelling for what is the same number, id or instant.
fn exact(ty: &LogicalType, text: &str) -> Option<String> {
    match ty {
        LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. } => number(text),
        LogicalType::Timestamp => milliseconds(text),
        LogicalType::Uuid => Some(text.to_lowercase()),
        LogicalType::Bool
        | LogicalType::String { .. }
        | LogicalType::Date
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => Some(text.to_owned()),
    }
}

/// `7`, `7.0`, `7.00` and `0.7E1` are one number.
fn number(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, exponent.trim_start_matches('+').parse::<i32>().ok()?)
        }
        None => (text, 0),
    };
    if exponent.abs() > EXPONENT_MAX {
        return None;
    }
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa.trim_start_matches('+')),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && part.is_empty())
        || !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let all = format!("{whole}{part}");
    let point = whole.len() as i32 + exponent;
    let padded = match point {
        ..=0 => format!("{}{all}", "0".repeat(point.unsigned_abs() as usize + 1)),
        _ => all.clone(),
    };
    let at = if point <= 0 { 1 } else { point as usize };
    let padded = format!("{padded}{}", "0".repeat(at.saturating_sub(padded.len())));
    let (whole, part) = padded.split_at(at);
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    let plain = if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") };
    Some(if plain == "0" { plain } else { format!("{sign}{plain}") })
}

/// Salesforce keeps milliseconds, and writes `+0000` for `Z`.
fn milliseconds(text: &str) -> Option<String> {
    let iso = match text.strip_suffix("+0000") {
        Some(rest) => format!("{rest}Z"),
        None => text.to_owned(),
    };
    Some(iso.parse::<jiff::Timestamp>().ok()?.as_millisecond().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: LogicalType = LogicalType::String { max_chars: None };
    const MONEY: LogicalType = LogicalType::Decimal { precision: 12, scale: 2 };

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    /// Whether our value and the record's JSON are the same.
    fn same(compare: Compare, ty: &LogicalType, value: Value, json: &str) -> bool {
        let (ours, theirs) = (ours(compare, ty, &value), theirs(compare, ty, &raw(json)));
        ours.is_some() && ours == theirs
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn what_people_write_differently_is_the_same() {
        assert!(same(Compare::Email, &TEXT, text("ann@mail.example"), r#"" Ann@Mail.EXAMPLE ""#));
        assert!(!same(Compare::Email, &TEXT, text("ann@mail.example"), r#""anne@mail.example""#));
        assert!(same(Compare::Digits, &TEXT, text("+49 40 123-45"), r#""0049 (40) 12345""#));
        assert!(!same(Compare::Digits, &TEXT, text("+49 40 12345"), r#""040 12345""#));
        assert!(same(Compare::Text, &TEXT, text("Jörg  Müller"), r#""JÖRG MÜLLER ""#));
        assert!(!same(Compare::Text, &TEXT, text("Jörg Müller"), r#""Jörg Mueller""#));
        assert!(same(Compare::Exact, &TEXT, text("C17"), r#"" C17 ""#));
        assert!(!same(Compare::Exact, &TEXT, text("C17"), r#""c17""#));
    }

    #[test]
    fn numbers_ids_and_instants_are_compared_by_what_they_mean() {
        for json in ["12.5", "12.50", "1.25E1", "125e-1", "12.500"] {
            assert!(same(Compare::Exact, &MONEY, Value::Decimal(1250), json), "{json}");
        }
        assert!(!same(Compare::Exact, &MONEY, Value::Decimal(1250), "12.51"));
        for (value, json) in [(0, "-0.0"), (1, "0.01"), (-5, "-0.05"), (1, "1E-2")] {
            assert!(same(Compare::Exact, &MONEY, Value::Decimal(value), json), "{json}");
        }
        let big = Value::Int(12_345_678_901_234_567);
        assert!(same(Compare::Exact, &LogicalType::Int64, big.clone(), "12345678901234567.0"));
        assert!(!same(Compare::Exact, &LogicalType::Int64, big, "12345678901234568"));
        let at = Value::Timestamp(1_767_225_600_123_999);
        let json = r#""2026-01-01T00:00:00.123+0000""#;
        assert!(same(Compare::Exact, &LogicalType::Timestamp, at, json));
        let id = r#""00000000-0000-0000-0000-00000000000A""#;
        assert!(same(Compare::Exact, &LogicalType::Uuid, Value::Uuid(10), id));
        assert!(same(Compare::Exact, &LogicalType::Date, Value::Date(0), r#""1970-01-01""#));
    }

    #[test]
    fn nothing_is_never_the_same_as_nothing() {
        for (compare, json) in [
            (Compare::Email, r#""  ""#),
            (Compare::Digits, r#""none""#),
            (Compare::Digits, r#""000""#),
            (Compare::Text, "null"),
            (Compare::Exact, r#"{"a":1}"#),
        ] {
            assert_eq!(theirs(compare, &TEXT, &raw(json)), None, "{json}");
        }
        assert_eq!(ours(Compare::Email, &TEXT, &Value::Null), None);
        assert_eq!(theirs(Compare::Exact, &MONEY, &raw("1E999999999")), None);
        assert_eq!(theirs(Compare::Exact, &MONEY, &raw(r#""much""#)), None);
    }
}
