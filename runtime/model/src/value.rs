//! Logical types and values: what a field can be, whatever system it stands in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a field. Add one here and the exhaustive matches of every target stop compiling.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogicalType {
    /// True or false.
    Bool,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// Fixed-point number; `1 <= precision <= 37` (a guard has room for 37 digits), `scale <= precision`.
    Decimal {
        /// All digits.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// Unicode text; the limit counts characters.
    String {
        /// Most characters; none: no limit.
        max_chars: Option<u32>,
    },
    /// RFC 9562 UUID.
    Uuid,
    /// Calendar day.
    Date,
    /// Instant, microseconds since 1970 in UTC.
    Timestamp,
    /// One of the symbols; their order is the rank under `merge: ranked`.
    Enum {
        /// In declared order.
        symbols: Vec<String>,
    },
    /// JSON document, kept as text.
    Json,
    /// Bytes.
    Bytes,
}

impl fmt::Display for LogicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int32 => f.write_str("int32"),
            Self::Int64 => f.write_str("int64"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::String { max_chars: Some(max) } => write!(f, "string({max})"),
            Self::String { max_chars: None } => f.write_str("string"),
            Self::Uuid => f.write_str("uuid"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Enum { symbols } => write!(f, "enum [{}]", symbols.join(", ")),
            Self::Json => f.write_str("json"),
            Self::Bytes => f.write_str("bytes"),
        }
    }
}

/// A value of a field. `Debug` shows the kind only: a value may be somebody's personal data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// SQL NULL or JSON null.
    Null,
    /// Boolean.
    Bool(bool),
    /// `int32` and `int64`.
    Int(i64),
    /// Unscaled; the scale is the type's.
    Decimal(#[serde(with = "decimal_text")] i128),
    /// `string`, `enum`, `json`, and everything that capture protected.
    Text(String),
    /// UUID as a number.
    Uuid(#[serde(with = "unsigned_text")] u128),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970 in UTC.
    Timestamp(i64),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// Whether this is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The name of the kind: what errors and `Debug` may show.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Decimal(_) => "decimal",
            Self::Text(_) => "text",
            Self::Uuid(_) => "uuid",
            Self::Date(_) => "date",
            Self::Timestamp(_) => "timestamp",
            Self::Bytes(_) => "bytes",
        }
    }

    /// Appends an unambiguous form (tag, length where it varies, content): the input of digests, and of keys in ledgers.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        let mut sized = |tag: u8, bytes: &[u8]| {
            out.push(tag);
            out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            out.extend_from_slice(bytes);
        };
        match self {
            Self::Null => sized(0, &[]),
            Self::Bool(flag) => sized(1, &[u8::from(*flag)]),
            Self::Int(number) => sized(2, &number.to_be_bytes()),
            Self::Decimal(number) => sized(3, &number.to_be_bytes()),
            Self::Text(text) => sized(4, text.as_bytes()),
            Self::Uuid(number) => sized(5, &number.to_be_bytes()),
            Self::Date(days) => sized(6, &days.to_be_bytes()),
            Self::Timestamp(us) => sized(7, &us.to_be_bytes()),
            Self::Bytes(bytes) => sized(8, bytes),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.kind())
    }
}

/// Renders an unscaled decimal with its scale: `(12345, 2)` is `123.45`.
pub fn decimal_to_text(unscaled: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Why a text is no decimal of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// Not a plain decimal number (NaN, infinities and exponents are none).
    Syntax,
    /// More digits behind the point than the scale, and they are not zeros.
    Scale,
    /// More digits than the precision.
    Precision,
}

/// Parses plain decimal text without ever rounding.
///
/// # Errors
/// Where the text is no plain decimal, or would lose digits.
pub fn decimal_from_text(text: &str, precision: u8, scale: u8) -> Result<i128, DecimalError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) => (false, text),
        None => return Err(DecimalError::Syntax),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !plain(whole) || !plain(fraction) {
        return Err(DecimalError::Syntax);
    }
    let scale = usize::from(scale);
    let kept = fraction.get(..scale.min(fraction.len())).unwrap_or(fraction);
    if fraction.bytes().skip(scale).any(|byte| byte != b'0') {
        return Err(DecimalError::Scale);
    }
    let mut unscaled: i128 = 0;
    let padding = scale - kept.len();
    for byte in whole.bytes().chain(kept.bytes()).chain(std::iter::repeat_n(b'0', padding)) {
        unscaled = unscaled
            .checked_mul(10)
            .and_then(|number| number.checked_add(i128::from(byte - b'0')))
            .ok_or(DecimalError::Precision)?;
    }
    let limit = 10i128.checked_pow(u32::from(precision)).ok_or(DecimalError::Precision)?;
    if unscaled >= limit {
        return Err(DecimalError::Precision);
    }
    Ok(if negative { -unscaled } else { unscaled })
}

mod decimal_text {
    use serde::{Deserialize, Deserializer, Serializer};
    pub(super) fn serialize<S: Serializer>(value: &i128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i128, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

mod unsigned_text {
    use serde::{Deserialize, Deserializer, Serializer};
    pub(super) fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_never_round() {
        assert_eq!(decimal_from_text("12.30", 12, 2), Ok(1230));
        assert_eq!(decimal_from_text("-0.5", 12, 2), Ok(-50));
        assert_eq!(decimal_from_text("12.300", 12, 2), Ok(1230));
        assert_eq!(decimal_from_text("12.301", 12, 2), Err(DecimalError::Scale));
        assert_eq!(decimal_from_text("12345678901", 12, 2), Err(DecimalError::Precision));
        for bad in ["", "-", ".", "NaN", "Infinity", "1e3", "1,5", "1.2.3", "+-1"] {
            assert_eq!(decimal_from_text(bad, 12, 2), Err(DecimalError::Syntax), "{bad}");
        }
    }

    #[test]
    fn decimal_text_round_trip() {
        for (unscaled, scale, text) in
            [(1230, 2, "12.30"), (-5, 2, "-0.05"), (0, 2, "0.00"), (7, 0, "7")]
        {
            assert_eq!(decimal_to_text(unscaled, scale), text);
            assert_eq!(decimal_from_text(text, 12, scale), Ok(unscaled));
        }
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Value::Text("ann@example.com".into())), "<text>");
    }
}
