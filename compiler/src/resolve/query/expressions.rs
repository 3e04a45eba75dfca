//! The expressions that all warehouses share: forms, operators, literals and the types of CAST. Calls are looked up in
//! `functions`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; what is not listed is refused"
)]

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Interval, UnaryOperator, Value,
};

use super::Reading;
use super::facts::is_not_zero;
use crate::diagnostic::codes;

/// What is said instead.
const AS_CASE: &str = "docs/language.md lists the operators that all warehouses share";

/// What is said instead of a division by what may be zero.
pub(super) const NO_ZERO: &str =
    "write NULLIF behind it: `a / NULLIF(b, 0)` is null where b is zero";

impl Reading<'_> {
    /// Reports the outermost part of an expression, where not every warehouse understands it.
    pub(super) fn expr_is_shared(&mut self, expr: &Expr) {
        let Some((what, instead)) = outside(expr) else { return };
        let span = self.of(expr);
        let headline = format!("{what} is not the same in every warehouse");
        self.report(&codes::ONE_WAREHOUSE, span, headline, |at| at.help(instead));
    }
}

/// What is outside, and what to write instead.
fn outside(expr: &Expr) -> Option<(String, &'static str)> {
    match expr {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Nested(_)
        | Expr::Function(_)
        | Expr::Case { .. }
        | Expr::Exists { .. }
        | Expr::Subquery(_)
        | Expr::Tuple(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Like { any: false, .. }
        | Expr::ILike { any: false, .. }
        | Expr::Extract { .. }
        | Expr::Ceil { .. }
        | Expr::Floor { .. }
        | Expr::Substring { .. }
        | Expr::Trim { .. }
        // Reported with the GROUP BY that they stand in.
        | Expr::Rollup(_)
        | Expr::Cube(_)
        | Expr::GroupingSets(_) => None,
        Expr::BinaryOp { op: BinaryOperator::Divide | BinaryOperator::Modulo, right, .. } => {
            (!is_not_zero(right)).then(|| (format!("a division by zero, of `{expr}`,"), NO_ZERO))
        }
        Expr::BinaryOp { op, .. } => {
            (!is_shared(op)).then(|| (format!("the operator `{op}`"), AS_CASE))
        }
        Expr::UnaryOp { op, .. } => {
            let shared =
                matches!(op, UnaryOperator::Plus | UnaryOperator::Minus | UnaryOperator::Not);
            (!shared).then(|| (format!("the operator `{op}`"), AS_CASE))
        }
        Expr::Value(value) => literal(&value.value),
        Expr::TypedString(typed) => {
            let shared = matches!(typed.data_type, DataType::Date | DataType::Timestamp(..));
            (!shared).then(|| (format!("`{expr}`"), "write DATE '...', TIMESTAMP '...' or CAST"))
        }
        Expr::Interval(interval) => {
            (!in_one_text(interval)).then(|| (format!("`{expr}`"), "write INTERVAL '1 day'"))
        }
        Expr::Cast { kind, data_type, .. } => {
            if matches!(kind, CastKind::SafeCast) {
                return Some(("SAFE_CAST".to_owned(), "write TRY_CAST(a AS ...)"));
            }
            type_outside(data_type).map(|instead| (format!("the type `{data_type}`"), instead))
        }
        other => Some((format!("`{other}`"), AS_CASE)),
    }
}

fn is_shared(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::And
            | BinaryOperator::Or
            | BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo
            | BinaryOperator::StringConcat
    )
}

fn literal(value: &Value) -> Option<(String, &'static str)> {
    let shared = matches!(
        value,
        Value::Null | Value::Boolean(_) | Value::Number(..) | Value::SingleQuotedString(_)
    );
    (!shared).then(|| (format!("`{value}`"), "write texts in single quotes, numbers in digits"))
}

/// `INTERVAL '1 day'`: Snowflake wants the unit inside.
fn in_one_text(interval: &Interval) -> bool {
    let text = matches!(&*interval.value, Expr::Value(value)
        if matches!(value.value, Value::SingleQuotedString(_)));
    text && interval.leading_field.is_none() && interval.last_field.is_none()
}

/// What to write instead of a type that differs; none: it is the same everywhere.
fn type_outside(ty: &DataType) -> Option<&'static str> {
    match ty {
        DataType::Boolean
        | DataType::Bool
        | DataType::Date
        | DataType::Timestamp(None, sqlparser::ast::TimezoneInfo::None)
        | DataType::Int(None)
        | DataType::Integer(None)
        | DataType::SmallInt(None)
        | DataType::BigInt(None)
        | DataType::Double(_)
        | DataType::DoublePrecision
        | DataType::Float(_)
        | DataType::Varchar(_)
        | DataType::Text
        | DataType::String(_) => None,
        DataType::Decimal(ExactNumberInfo::None) | DataType::Numeric(ExactNumberInfo::None) => {
            Some("say how many digits: DECIMAL(18,2); by default Snowflake keeps no decimals")
        }
        DataType::Decimal(_) | DataType::Numeric(_) => None,
        _ => Some("write BOOLEAN, INT, BIGINT, DECIMAL(p,s), DOUBLE, VARCHAR, DATE or TIMESTAMP"),
    }
}
