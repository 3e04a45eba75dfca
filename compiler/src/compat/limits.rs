//! Limits of values: which of two accepts less.

use covenant_model::spec::FieldSpec;
use covenant_model::support::time::{self, Spelling};
use covenant_model::value::{LogicalType, decimal_from_text};

/// Digits that bounds of decimals are compared with: the most that fit.
const COMPARED_PRECISION: u8 = 38;

/// How two sets of values relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The same.
    Same,
    /// The new one is part of the old one.
    Stricter,
    /// Neither, or it is not decided.
    Unknown,
}

/// A limit that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    /// `min`, `max`, `pattern`, `format`.
    pub(super) name: &'static str,
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
pub(super) fn stricter(old: &FieldSpec, new: &FieldSpec) -> Vec<Limit> {
    let mut found = Vec::new();
    let mut push = |name, before: &Option<String>, after: &Option<String>| {
        found.push(Limit { name, before: before.clone(), after: after.clone() });
    };
    if raised(&old.ty, &old.min, &new.min) {
        push("min", &old.min, &new.min);
    }
    if raised(&new.ty, &new.max, &old.max) {
        push("max", &old.max, &new.max);
    }
    let pattern = match (&old.pattern, &new.pattern) {
        (None, Some(_)) => true,
        (Some(old), Some(new)) => patterns(old, new) == Order::Stricter,
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

/// How two patterns relate.
pub(super) fn patterns(old: &str, new: &str) -> Order {
    if old == new { Order::Same } else { Order::Unknown }
}

/// Whether a lower limit went up; for an upper one with the sides swapped, whether it went down.
/// Where the one that is there now cannot be compared it counts as changed.
fn raised(ty: &LogicalType, old: &Option<String>, new: &Option<String>) -> bool {
    match (old, new) {
        (None, None) => false,
        (Some(_), None) => false,
        (None, Some(_)) => true,
        (Some(old), Some(new)) => match (number(ty, old), number(ty, new)) {
            (Some(old), Some(new)) => new > old,
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
