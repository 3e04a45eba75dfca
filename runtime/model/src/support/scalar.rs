//! The typed values of generated records, and how each is read from the three spellings.

use std::borrow::Cow;
use std::fmt;

use crate::support::check::Check;
use crate::support::raw::Raw;
use crate::support::table::Ty;
use crate::support::time::{self, Spelling};
use crate::support::{json, number};
use crate::value::Value;

/// A typed value.
pub trait Scalar<'a>: Sized {
    /// Reads and checks. `None`: violations were noted.
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self>;

    /// The same, untyped.
    fn into_value(self) -> Value;
}

/// A value that can be counted with: bounds and quality rules.
pub trait Number {
    /// Integers as they are, decimals unscaled, dates in days, timestamps in microseconds.
    fn number(&self) -> i128;
}

/// A value that is text: quality rules.
pub trait Textual {
    /// The text.
    fn as_text(&self) -> &str;
}

/// Text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Cow<'a, str>);

/// A JSON document as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json<'a>(pub Cow<'a, str>);

/// Bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// RFC 9562 UUID as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Uuid(pub u128);

/// Unscaled fixed-point number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal<const SCALE: u8>(pub i128);

/// Days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Date(pub i32);

/// Microseconds since 1970 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timestamp(pub i64);

impl<const SCALE: u8> fmt::Display for Decimal<SCALE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::value::decimal_to_text(self.0, SCALE))
    }
}

/// A value of the type that the contract's table gives the field: what interpreters read, where generated code knows the
/// type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Any(pub Value);

/// Notes a violation where nothing could be read.
fn or_wrong<T>(read: Option<T>, raw: Raw<'_>, check: &mut Check<'_>) -> Option<T> {
    if read.is_none() {
        check.wrong_type(raw);
    }
    read
}

/// The bytes of a string, for the types whose text is ASCII.
fn ascii(raw: Raw<'_>) -> Option<Cow<'_, [u8]>> {
    match raw {
        Raw::Pg(bytes) => Some(Cow::Borrowed(bytes)),
        Raw::Str { text, escaped: false } => Some(Cow::Borrowed(text.as_bytes())),
        Raw::Str { escaped: true, .. } => Some(Cow::Owned(raw.text()?.into_owned().into_bytes())),
        Raw::Null | Raw::Number(_) | Raw::Bool(_) | Raw::Composite(_) => None,
    }
}

fn integer(raw: Raw<'_>) -> Option<i64> {
    match raw {
        Raw::Pg(bytes) => number::int(bytes),
        Raw::Number(text) => number::json_int(text),
        Raw::Null | Raw::Str { .. } | Raw::Bool(_) | Raw::Composite(_) => None,
    }
}

impl<'a> Scalar<'a> for bool {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        let flag = match raw {
            Raw::Bool(flag) => Some(flag),
            Raw::Pg(b"t") => Some(true),
            Raw::Pg(b"f") => Some(false),
            Raw::Null | Raw::Pg(_) | Raw::Str { .. } | Raw::Number(_) | Raw::Composite(_) => None,
        };
        or_wrong(flag, raw, check)
    }

    fn into_value(self) -> Value {
        Value::Bool(self)
    }
}

impl<'a> Scalar<'a> for i64 {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        let number = or_wrong(integer(raw), raw, check)?;
        check.number(i128::from(number));
        Some(number)
    }

    fn into_value(self) -> Value {
        Value::Int(self)
    }
}

impl<'a> Scalar<'a> for i32 {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        let number = integer(raw).and_then(|number| i32::try_from(number).ok());
        let number = or_wrong(number, raw, check)?;
        check.number(i128::from(number));
        Some(number)
    }

    fn into_value(self) -> Value {
        Value::Int(i64::from(self))
    }
}

impl<'a, const SCALE: u8> Scalar<'a> for Decimal<SCALE> {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        unscaled(raw, SCALE, check).map(Self)
    }

    fn into_value(self) -> Value {
        Value::Decimal(self.0)
    }
}

/// A decimal of that scale, unscaled.
fn unscaled(raw: Raw<'_>, scale: u8, check: &mut Check<'_>) -> Option<i128> {
    let Some(Ty::Decimal { precision, .. }) = check.spec().map(|field| field.ty) else {
        return None;
    };
    let unscaled = match raw {
        Raw::Number(text) => number::json_decimal(text, precision, scale),
        Raw::Pg(_) | Raw::Str { .. } => {
            raw.text().and_then(|text| number::decimal(&text, precision, scale))
        }
        Raw::Null | Raw::Bool(_) | Raw::Composite(_) => None,
    };
    let unscaled = or_wrong(unscaled, raw, check)?;
    check.number(unscaled);
    Some(unscaled)
}

impl<'a> Scalar<'a> for Any {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        let value = match check.spec()?.ty {
            Ty::Bool => bool::read(raw, check)?.into_value(),
            Ty::Int32 => i32::read(raw, check)?.into_value(),
            Ty::Int64 => i64::read(raw, check)?.into_value(),
            Ty::Decimal { scale, .. } => Value::Decimal(unscaled(raw, scale, check)?),
            Ty::String { .. } => Text::read(raw, check)?.into_value(),
            Ty::Uuid => Uuid::read(raw, check)?.into_value(),
            Ty::Date => Date::read(raw, check)?.into_value(),
            Ty::Timestamp => Timestamp::read(raw, check)?.into_value(),
            Ty::Enum { symbols } => {
                let symbol = check.symbol(raw).and_then(|place| symbols.get(place))?;
                Value::Text((*symbol).to_owned())
            }
            Ty::Json => Json::read(raw, check)?.into_value(),
            Ty::Bytes => Bytes::read(raw, check)?.into_value(),
        };
        Some(Self(value))
    }

    fn into_value(self) -> Value {
        self.0
    }
}

impl<'a> Scalar<'a> for Text<'a> {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        let text = check.string(raw)?;
        check.text(&text);
        Some(Self(text))
    }

    fn into_value(self) -> Value {
        Value::Text(self.0.into_owned())
    }
}

impl<'a> Scalar<'a> for Json<'a> {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        let text = match raw {
            Raw::Pg(_) => raw.text(),
            Raw::Composite(text) | Raw::Number(text) => Some(Cow::Borrowed(text)),
            Raw::Bool(flag) => Some(Cow::Borrowed(if flag { "true" } else { "false" })),
            Raw::Str { text, .. } => Some(Cow::Owned(format!("\"{text}\""))),
            Raw::Null => None,
        };
        or_wrong(text, raw, check).map(Self)
    }

    fn into_value(self) -> Value {
        Value::Text(self.0.into_owned())
    }
}

impl<'a> Scalar<'a> for Bytes {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        let bytes = match raw {
            Raw::Pg(bytes) => number::pg_bytes(bytes),
            Raw::Str { .. } => raw.text().and_then(|text| number::base64(&text)),
            Raw::Null | Raw::Number(_) | Raw::Bool(_) | Raw::Composite(_) => None,
        };
        or_wrong(bytes, raw, check).map(Self)
    }

    fn into_value(self) -> Value {
        Value::Bytes(self.0)
    }
}

impl<'a> Scalar<'a> for Uuid {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        let uuid = ascii(raw).and_then(|bytes| number::uuid(&bytes));
        or_wrong(uuid, raw, check).map(Self)
    }

    fn into_value(self) -> Value {
        Value::Uuid(self.0)
    }
}

impl<'a> Scalar<'a> for Date {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        let days = ascii(raw).and_then(|bytes| time::date(&bytes));
        let days = or_wrong(days, raw, check)?;
        check.number(i128::from(days));
        Some(Self(days))
    }

    fn into_value(self) -> Value {
        Value::Date(self.0)
    }
}

impl<'a> Scalar<'a> for Timestamp {
    fn read(raw: Raw<'a>, check: &mut Check<'_>) -> Option<Self> {
        let us = instant(raw, check.spelling());
        let us = or_wrong(us, raw, check)?;
        check.number(i128::from(us));
        Some(Self(us))
    }

    fn into_value(self) -> Value {
        Value::Timestamp(self.0)
    }
}

/// Microseconds since 1970 in UTC.
pub fn instant(raw: Raw<'_>, spelling: Spelling) -> Option<i64> {
    ascii(raw).and_then(|bytes| time::timestamp(&bytes, spelling))
}

/// The id of an event, as text: a string, or an integer as it is written.
pub fn event_id(raw: Raw<'_>) -> Option<String> {
    /// Longer ids than this are somebody's mistake, and would be kept for years in ledgers.
    const CHARS_MAX: usize = 200;
    let text = match raw {
        Raw::Str { text, escaped: true } => json::unescape(text)?,
        Raw::Str { text, escaped: false } => text.to_owned(),
        Raw::Number(text) => number::json_int(text)?.to_string(),
        Raw::Null | Raw::Pg(_) | Raw::Bool(_) | Raw::Composite(_) => return None,
    };
    (!text.is_empty() && text.chars().count() <= CHARS_MAX).then_some(text)
}

impl Number for i32 {
    fn number(&self) -> i128 {
        i128::from(*self)
    }
}

impl Number for i64 {
    fn number(&self) -> i128 {
        i128::from(*self)
    }
}

impl<const SCALE: u8> Number for Decimal<SCALE> {
    fn number(&self) -> i128 {
        self.0
    }
}

impl Number for Date {
    fn number(&self) -> i128 {
        i128::from(self.0)
    }
}

impl Number for Timestamp {
    fn number(&self) -> i128 {
        i128::from(self.0)
    }
}

impl Textual for Text<'_> {
    fn as_text(&self) -> &str {
        &self.0
    }
}

impl Textual for Json<'_> {
    fn as_text(&self) -> &str {
        &self.0
    }
}
