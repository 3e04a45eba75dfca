//! Limits of values: which of two accepts less.

use covenant_model::spec::FieldSpec;
use covenant_model::support::time::{self, Spelling};
use covenant_model::value::{LogicalType, decimal_from_text};

use crate::witness::language::{self, Texts, Undecided};

/// Digits that bounds of decimals are compared with: the most that fit.
const COMPARED_PRECISION: u8 = 38;

/// How two sets of values relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The same.
    Same,
    /// The new one is part of the old one.
    Stricter,
    /// The old one is part of the new one.
    Looser,
    /// Each has what the other has not.
    Apart,
    /// Not decided.
    Unknown,
}

/// A limit that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// `min`, `max`, `pattern`, `format`.
    pub(crate) name: &'static str,
    before: Option<String>,
    after: Option<String>,
}

impl Limit {
    /// The same change backwards.
    pub(super) fn reversed(self) -> Self {
        Self { name: self.name, before: self.after, after: self.before }
    }
}

/// `min none -> 1, max 500 -> 200`
pub(super) fn told(limits: &[Limit]) -> String {
    let show = |limit: &Option<String>| limit.clone().unwrap_or_else(|| "none".to_owned());
    let told = limits
        .iter()
        .map(|limit| format!("{} {} -> {}", limit.name, show(&limit.before), show(&limit.after)));
    told.collect::<Vec<_>>().join(", ")
}

/// Limits of `new` that accept less than those of `old`. A limit that means something else
/// altogether is not among them.
pub(crate) fn stricter(old: &FieldSpec, new: &FieldSpec) -> Vec<Limit> {
    let mut found = Vec::new();
    let mut push = |name, before: &Option<String>, after: &Option<String>| {
        found.push(Limit { name, before: before.clone(), after: after.clone() });
    };
    if bounded(&new.ty, &old.min, &new.min, |old, new| new > old) {
        push("min", &old.min, &new.min);
    }
    if bounded(&new.ty, &old.max, &new.max, |old, new| new < old) {
        push("max", &old.max, &new.max);
    }
    let pattern = match (&old.pattern, &new.pattern) {
        (None, Some(_)) => true,
        (Some(_), Some(_)) => patterns(old, new) == Order::Stricter,
        (Some(_) | None, None) => false,
    };
    if pattern {
        push("pattern", &old.pattern, &new.pattern);
    }
    if old.format.is_none() && new.format.is_some() {
        push("format", &old.format, &new.format);
    }
    found
}

/// How the patterns of two fields relate, among texts of the lengths that both allow.
pub(crate) fn patterns(old: &FieldSpec, new: &FieldSpec) -> Order {
    if old.pattern == new.pattern {
        return Order::Same;
    }
    // What is longer than both allow is no matter of the pattern.
    let max_chars = chars(&old.ty).zip(chars(&new.ty)).map(|(old, new)| old.max(new));
    let of = |field| Texts { pattern: pattern_of(field), max_chars };
    let lost = language::outside(of(old), of(new));
    let won = language::outside(of(new), of(old));
    match (lost, won) {
        (Ok(None), Ok(None)) => Order::Same,
        (Ok(Some(_)), Ok(None)) => Order::Stricter,
        (Ok(None), Ok(Some(_))) => Order::Looser,
        (Ok(Some(_)), Ok(Some(_))) => Order::Apart,
        (Err(Undecided), _) | (_, Err(Undecided)) => Order::Unknown,
    }
}

fn pattern_of(field: &FieldSpec) -> Option<&str> {
    field.pattern.as_deref()
}

fn chars(ty: &LogicalType) -> Option<u32> {
    match ty {
        LogicalType::String { max_chars } => *max_chars,
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => None,
    }
}

/// Whether a bound is new, or tighter than before. Where the one that is there now cannot be
/// compared it counts as tighter.
fn bounded(
    ty: &LogicalType,
    old: &Option<String>,
    new: &Option<String>,
    tighter: impl Fn(i128, i128) -> bool,
) -> bool {
    match (old, new) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(old), Some(new)) => match (number(ty, old), number(ty, new)) {
            (Some(old), Some(new)) => tighter(old, new),
            (Some(_) | None, None) | (None, Some(_)) => old != new,
        },
    }
}

fn number(ty: &LogicalType, text: &str) -> Option<i128> {
    match ty {
        LogicalType::Int32 | LogicalType::Int64 => text.parse().ok(),
        LogicalType::Decimal { scale, .. } => {
            decimal_from_text(text, COMPARED_PRECISION, *scale).ok()
        }
        LogicalType::Date => time::date(text.as_bytes()).map(i128::from),
        LogicalType::Timestamp => {
            time::timestamp(text.as_bytes(), Spelling::Rfc3339).map(i128::from)
        }
        LogicalType::Bool
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => None,
    }
}
