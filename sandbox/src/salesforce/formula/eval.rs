//! Evaluation over the record as it would be and as it was.

use super::parse::{Expr, FieldFunction, Function, Operator};
use crate::salesforce::decimal::Decimal;
use crate::salesforce::schema::FieldIx;
use crate::salesforce::value::FieldValue;

/// The record a formula looks at.
pub trait Scope {
    /// The value that the write would leave.
    fn current(&self, field: FieldIx) -> &FieldValue;
    /// The value before the write; `None` when the record is new.
    fn prior(&self, field: FieldIx) -> Option<&FieldValue>;
}

/// True only for TRUE; null is not true.
pub(super) fn truth(expr: &Expr, scope: &dyn Scope) -> bool {
    matches!(value(expr, scope), FieldValue::Bool(true))
}

fn value(expr: &Expr, scope: &dyn Scope) -> FieldValue {
    match expr {
        Expr::Null => FieldValue::Null,
        Expr::Bool(b) => FieldValue::Bool(*b),
        Expr::Number(n) => FieldValue::Number(*n),
        Expr::Text(text) => FieldValue::text(text),
        Expr::Field(ix) => scope.current(*ix).clone(),
        Expr::Not(inner) => FieldValue::Bool(!truth(inner, scope)),
        Expr::Negate(inner) => match value(inner, scope) {
            FieldValue::Number(n) => FieldValue::Number(n.negated()),
            FieldValue::Null
            | FieldValue::Bool(_)
            | FieldValue::Text(_)
            | FieldValue::Date(_)
            | FieldValue::Instant(_) => FieldValue::Null,
        },
        Expr::Binary(operator, left, right) => binary(*operator, left, right, scope),
        Expr::Call(function, args) => call(*function, args, scope),
        Expr::OfField(FieldFunction::PriorValue, ix) => {
            // On a new record PRIORVALUE returns the field itself.
            scope.prior(*ix).unwrap_or_else(|| scope.current(*ix)).clone()
        }
        Expr::OfField(FieldFunction::IsChanged, ix) => {
            FieldValue::Bool(scope.prior(*ix).is_some_and(|prior| prior != scope.current(*ix)))
        }
    }
}

fn binary(operator: Operator, left: &Expr, right: &Expr, scope: &dyn Scope) -> FieldValue {
    match operator {
        Operator::And => FieldValue::Bool(truth(left, scope) && truth(right, scope)),
        Operator::Or => FieldValue::Bool(truth(left, scope) || truth(right, scope)),
        Operator::Equal | Operator::Differs => {
            let same = value(left, scope) == value(right, scope);
            FieldValue::Bool(same == (operator == Operator::Equal))
        }
        Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast => {
            let (a, b) = (value(left, scope), value(right, scope));
            // A comparison with a blank is not true.
            if a.is_null() || b.is_null() {
                return FieldValue::Bool(false);
            }
            let order = a.order(&b);
            FieldValue::Bool(match operator {
                Operator::Less => order.is_lt(),
                Operator::AtMost => order.is_le(),
                Operator::More => order.is_gt(),
                Operator::AtLeast
                | Operator::Or
                | Operator::And
                | Operator::Equal
                | Operator::Differs
                | Operator::Plus
                | Operator::Minus
                | Operator::Times
                | Operator::Join => order.is_ge(),
            })
        }
        Operator::Plus => arithmetic(left, right, scope, Decimal::plus),
        Operator::Minus => arithmetic(left, right, scope, |a, b| a.plus(b.negated())),
        Operator::Times => arithmetic(left, right, scope, Decimal::times),
        Operator::Join => {
            let joined = value(left, scope).to_csv() + &value(right, scope).to_csv();
            FieldValue::text(&joined)
        }
    }
}

fn arithmetic(
    left: &Expr,
    right: &Expr,
    scope: &dyn Scope,
    apply: impl Fn(Decimal, Decimal) -> Option<Decimal>,
) -> FieldValue {
    let (FieldValue::Number(a), FieldValue::Number(b)) = (value(left, scope), value(right, scope))
    else {
        return FieldValue::Null;
    };
    apply(a, b).map_or(FieldValue::Null, FieldValue::Number)
}

fn call(function: Function, args: &[Expr], scope: &dyn Scope) -> FieldValue {
    let arg = |i: usize| args.get(i).map_or(FieldValue::Null, |e| value(e, scope));
    let texts = || (arg(0).to_csv(), arg(1).to_csv());
    match function {
        Function::And => FieldValue::Bool(args.iter().all(|e| truth(e, scope))),
        Function::Or => FieldValue::Bool(args.iter().any(|e| truth(e, scope))),
        Function::Not => FieldValue::Bool(arg(0) != FieldValue::Bool(true)),
        Function::If => arg(if arg(0) == FieldValue::Bool(true) { 1 } else { 2 }),
        Function::IsNew => FieldValue::Bool(scope.prior(FieldIx(0)).is_none()),
        Function::IsBlank => FieldValue::Bool(arg(0).is_null() || arg(0).as_text() == Some("")),
        Function::IsPickVal => FieldValue::Bool(arg(0).to_csv() == arg(1).to_csv()),
        Function::BlankValue => arg(usize::from(arg(0).is_null())),
        Function::Text => FieldValue::text(&arg(0).to_csv()),
        Function::Len => {
            let length = i64::try_from(arg(0).to_csv().chars().count()).unwrap_or(i64::MAX);
            FieldValue::Number(Decimal::whole(length))
        }
        Function::Contains => {
            let (text, part) = texts();
            FieldValue::Bool(text.contains(&part))
        }
        Function::Begins => {
            let (text, part) = texts();
            FieldValue::Bool(text.starts_with(&part))
        }
    }
}
