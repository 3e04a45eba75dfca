//! Values of queries: exact, or none at all. What a database would round is not answered.

use std::cmp::Ordering;

use covenant_model::support::time::{self, Spelling};
use covenant_model::value::{LogicalType, Value, decimal_to_text};

use super::Stop;
use crate::witness::told::{Form, day, instant, uuid};

/// Digits behind the point of a quotient; one that needs more is not answered.
const QUOTIENT_SCALE: u8 = 6;
/// Microseconds of a day.
pub(in crate::witness) const DAY_US: i64 = 86_400_000_000;

/// A value of a query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sql {
    /// NULL.
    Null,
    /// Boolean.
    Bool(bool),
    /// Number.
    Number(Number),
    /// Text.
    Text(String),
    /// Days since 1970-01-01.
    Day(i32),
    /// Microseconds since 1970 in UTC.
    Instant(i64),
    /// UUID.
    Uuid(u128),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A fixed-point number without needless zeros: equal numbers are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    unscaled: i128,
    scale: u8,
}

impl Number {
    /// `unscaled / 10^scale`
    pub fn new(mut unscaled: i128, mut scale: u8) -> Self {
        while scale > 0 && unscaled % 10 == 0 {
            unscaled /= 10;
            scale -= 1;
        }
        Self { unscaled, scale }
    }

    /// The whole number, where it is one.
    pub(super) fn whole(self) -> Option<i128> {
        (self.scale == 0).then_some(self.unscaled)
    }

    fn at(self, scale: u8) -> Option<i128> {
        let more = u32::from(scale.checked_sub(self.scale)?);
        self.unscaled.checked_mul(10i128.checked_pow(more)?)
    }

    fn both(self, other: Self) -> Option<(i128, i128, u8)> {
        let scale = self.scale.max(other.scale);
        Some((self.at(scale)?, other.at(scale)?, scale))
    }

    pub(super) fn add(self, other: Self) -> Option<Self> {
        let (a, b, scale) = self.both(other)?;
        Some(Self::new(a.checked_add(b)?, scale))
    }

    pub(super) fn minus(self, other: Self) -> Option<Self> {
        let (a, b, scale) = self.both(other)?;
        Some(Self::new(a.checked_sub(b)?, scale))
    }

    pub(super) fn times(self, other: Self) -> Option<Self> {
        let scale = self.scale.checked_add(other.scale)?;
        Some(Self::new(self.unscaled.checked_mul(other.unscaled)?, scale))
    }

    /// Only where it comes out even: databases round in their own ways.
    pub(super) fn over(self, other: Self) -> Option<Self> {
        let (a, b, _) = self.both(other)?;
        let a = a.checked_mul(10i128.checked_pow(u32::from(QUOTIENT_SCALE))?)?;
        (b != 0 && a % b == 0).then(|| Self::new(a / b, QUOTIENT_SCALE))
    }

    /// Rounded towards minus infinity, or plus where `up`.
    pub(super) fn rounded(self, up: bool) -> Option<Self> {
        let one = 10i128.checked_pow(u32::from(self.scale))?;
        let floor = self.unscaled.div_euclid(one);
        let exact = self.scale == 0;
        Some(Self::new(if up && !exact { floor.checked_add(1)? } else { floor }, 0))
    }

    /// The same number under a declaration; none where it would be rounded or has too many digits.
    pub(super) fn declared(self, precision: u8, scale: u8) -> Option<Self> {
        let unscaled = self.at(scale)?;
        let limit = 10i128.checked_pow(u32::from(precision))?;
        (unscaled > -limit && unscaled < limit).then_some(self)
    }

    pub(super) fn absolute(self) -> Self {
        Self { unscaled: self.unscaled.saturating_abs(), ..self }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.both(*other) {
            Some((a, b, _)) => a.cmp(&b),
            // Out of range at a common scale: whole parts tell, else the digits.
            None => {
                let whole = |number: &Self| {
                    let one = 10i128.checked_pow(u32::from(number.scale)).unwrap_or(i128::MAX);
                    number.unscaled.div_euclid(one)
                };
                (whole(self), self.unscaled).cmp(&(whole(other), other.unscaled))
            }
        }
    }
}

impl Sql {
    /// A value of a contract.
    pub fn of(value: &Value, ty: &LogicalType) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Int(number) => Self::whole(i128::from(*number)),
            Value::Decimal(unscaled) => match ty {
                LogicalType::Decimal { scale, .. } => Self::Number(Number::new(*unscaled, *scale)),
                LogicalType::Bool
                | LogicalType::Int32
                | LogicalType::Int64
                | LogicalType::String { .. }
                | LogicalType::Uuid
                | LogicalType::Date
                | LogicalType::Timestamp
                | LogicalType::Enum { .. }
                | LogicalType::Json
                | LogicalType::Bytes => Self::Null,
            },
            Value::Text(text) => Self::Text(text.clone()),
            Value::Uuid(number) => Self::Uuid(*number),
            Value::Date(days) => Self::Day(*days),
            Value::Timestamp(us) => Self::Instant(*us),
            Value::Bytes(bytes) => Self::Bytes(bytes.clone()),
        }
    }

    pub(super) fn whole(number: i128) -> Self {
        Self::Number(Number::new(number, 0))
    }

    /// A number as written: `1`, `0.50`.
    pub(super) fn number(text: &str) -> Result<Self, Stop> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction}");
        let scale = u8::try_from(fraction.len()).ok();
        let unscaled = digits.parse::<i128>().ok();
        match (unscaled, scale) {
            (Some(unscaled), Some(scale)) => Ok(Self::Number(Number::new(unscaled, scale))),
            (_, _) => Err(Stop::unknown(format!("number {text}"))),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// What it reads as, of the kind of another value: a text beside a day is a day.
    pub(super) fn like(&self, other: &Self) -> Self {
        let Self::Text(text) = self else { return self.clone() };
        let read = match other {
            Self::Day(_) => time::date(text.as_bytes()).map(Self::Day),
            Self::Instant(_) => moment(text).map(Self::Instant),
            Self::Uuid(_) => u128::from_str_radix(&text.replace('-', ""), 16).ok().map(Self::Uuid),
            Self::Number(_) => Self::number(text).ok(),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::Bytes(_) => None,
        };
        read.unwrap_or_else(|| self.clone())
    }

    /// `None` where either is NULL.
    ///
    /// # Errors
    /// Where they are of different kinds.
    pub(super) fn compare(&self, other: &Self) -> Result<Option<Ordering>, Stop> {
        if self.is_null() || other.is_null() {
            return Ok(None);
        }
        let (left, right) = (self.like(other), other.like(self));
        // A day is midnight of that day.
        let (left, right) = match (left, right) {
            (Self::Day(day), right @ Self::Instant(_)) => (midnight(day), right),
            (left @ Self::Instant(_), Self::Day(day)) => (left, midnight(day)),
            (left, right) => (left, right),
        };
        if std::mem::discriminant(&left) != std::mem::discriminant(&right) {
            return Err(Stop::unknown(format!("comparing {left} and {right}")));
        }
        Ok(Some(left.cmp(&right)))
    }

    /// As JSON shows it.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(flag) => (*flag).into(),
            // Numbers of any length are texts in JSON, as everywhere else.
            Self::Number(number) => match number.whole().and_then(|one| i64::try_from(one).ok()) {
                Some(whole) => whole.into(),
                None => self.to_string().into(),
            },
            Self::Text(_) | Self::Day(_) | Self::Instant(_) | Self::Uuid(_) | Self::Bytes(_) => {
                self.to_string().into()
            }
        }
    }

    /// As SQL writes it.
    pub fn literal(&self) -> String {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => self.to_string(),
            Self::Text(_) | Self::Uuid(_) => format!("'{}'", self.to_string().replace('\'', "''")),
            Self::Day(_) => format!("DATE '{self}'"),
            Self::Instant(_) => format!("TIMESTAMP '{self}'"),
            Self::Bytes(bytes) => format!("from_hex('{}')", hex::encode(bytes)),
        }
    }
}

impl std::fmt::Display for Sql {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Number(number) => f.write_str(&decimal_to_text(number.unscaled, number.scale)),
            Self::Text(text) => f.write_str(text),
            Self::Day(days) => f.write_str(&day(*days).unwrap_or_default()),
            Self::Instant(us) => {
                let text = instant(Form::Row, *us).unwrap_or_default();
                f.write_str(text.trim_end_matches("+00"))
            }
            Self::Uuid(number) => f.write_str(&uuid(*number)),
            Self::Bytes(bytes) => f.write_str(&hex::encode(bytes)),
        }
    }
}

/// A moment as queries write it: with or without its zone, with or without the time.
fn moment(text: &str) -> Option<i64> {
    let rfc = text.replacen(' ', "T", 1);
    let timed = if rfc.contains('T') { rfc } else { format!("{rfc}T00:00:00") };
    let of = |text: &str| time::timestamp(text.as_bytes(), Spelling::Rfc3339);
    of(&timed).or_else(|| of(&format!("{timed}Z")))
}

fn midnight(day: i32) -> Sql {
    Sql::Instant(i64::from(day) * DAY_US)
}
