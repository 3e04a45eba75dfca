//! What generated quality rules are written in: three-valued logic and exact arithmetic, `None` for unknown (null or
//! absent operands, overflow). Means the same as [`crate::expr::Expr::holds`], which tests hold it to.

use std::cmp::Ordering;

/// A number with more digits behind the point.
pub fn scaled(number: Option<i128>, factor: i128) -> Option<i128> {
    number?.checked_mul(factor)
}

/// Sum of two numbers of one scale.
pub fn add(left: Option<i128>, right: Option<i128>) -> Option<i128> {
    left?.checked_add(right?)
}

/// Difference of two numbers of one scale.
pub fn subtract(left: Option<i128>, right: Option<i128>) -> Option<i128> {
    left?.checked_sub(right?)
}

/// Product; the scales add up.
pub fn multiply(left: Option<i128>, right: Option<i128>) -> Option<i128> {
    left?.checked_mul(right?)
}

/// Order of two values of one kind.
pub fn compare<T: Ord>(left: Option<T>, right: Option<T>) -> Option<Ordering> {
    Some(left?.cmp(&right?))
}

/// Both. False wins over unknown.
pub fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        (None, _) | (_, None) => None,
    }
}

/// At least one. True wins over unknown.
pub fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        (None, _) | (_, None) => None,
    }
}

/// Whether one of several comparisons found equality; unknown where one is unknown.
pub fn one_of(comparisons: &[Option<Ordering>]) -> Option<bool> {
    let mut found = false;
    for comparison in comparisons {
        found |= (*comparison)?.is_eq();
    }
    Some(found)
}
