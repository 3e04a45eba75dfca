//! What an expression makes of what it reads. Only forms that lose something for sure are known; everything else has no
//! shape, and stays as personal as its sources.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; forms that are not listed have no shape"
)]

use sqlparser::ast::{
    BinaryOperator, CaseWhen, DateTimeField, DuplicateTreatment, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, Select, Value,
};

use super::{Reading, Scope};
use crate::ir::{Counted, Shape};

/// More values than these are no buckets.
const BUCKETS_MAX: usize = 50;
/// Bits of the shortest digest.
const DIGEST_BITS_MIN: u32 = 256;
/// Parts of a date that many people share.
const COARSE: [&str; 3] = ["year", "quarter", "month"];

impl Reading<'_> {
    /// The shape of an output column.
    pub(super) fn shape(&self, expr: &Expr, select: &Select, scopes: &[Scope]) -> Option<Shape> {
        match bare(expr) {
            Expr::Function(call) => self.call(call, select, scopes),
            Expr::Case { conditions, else_result, .. } => cases(conditions, else_result.as_deref()),
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                cut(expr, substring_from.as_deref(), substring_for.as_deref())
            }
            Expr::Extract { field, expr, .. } => {
                let coarse = matches!(field, DateTimeField::Year | DateTimeField::Quarter);
                (coarse && is_column(expr)).then_some(Shape::Truncate { chars: None })
            }
            Expr::BinaryOp { left, op: BinaryOperator::Multiply, right } => steps(left, right),
            _ => None,
        }
    }

    fn call(&self, call: &Function, select: &Select, scopes: &[Scope]) -> Option<Shape> {
        if call.over.is_some() {
            return None;
        }
        let name = name_of(call)?;
        if name == "count" {
            let group = select.having.as_ref().and_then(|having| self.counted(having, scopes));
            return Some(Shape::Count { group });
        }
        let arguments = arguments(call)?;
        match (name.as_str(), arguments.as_slice()) {
            ("sha256", [one]) if is_text(one) => Some(Shape::Hash),
            ("sha2", [one]) if is_text(one) => Some(Shape::Hash),
            ("sha2", [one, bits]) if is_text(one) => {
                (number(bits)? >= DIGEST_BITS_MIN).then_some(Shape::Hash)
            }
            ("left", [one, chars]) if is_column(one) => {
                Some(Shape::Truncate { chars: Some(number(chars)?) })
            }
            ("substr" | "substring", [one, from, chars]) => cut(one, Some(from), Some(chars)),
            ("date_trunc", [part, one]) if is_column(one) => {
                let part = text(part)?.to_lowercase();
                COARSE.contains(&part.as_str()).then_some(Shape::Truncate { chars: None })
            }
            ("year", [one]) if is_column(one) => Some(Shape::Truncate { chars: None }),
            _ => None,
        }
    }

    /// `COUNT(DISTINCT column) >= n` among the conditions that must all hold.
    fn counted(&self, having: &Expr, scopes: &[Scope]) -> Option<Counted> {
        let Expr::BinaryOp { left, op, right } = bare(having) else { return None };
        match op {
            BinaryOperator::And => {
                self.counted(left, scopes).or_else(|| self.counted(right, scopes))
            }
            BinaryOperator::GtEq => self.group(left, number(right)?, scopes),
            BinaryOperator::Gt => self.group(left, number(right)?.checked_add(1)?, scopes),
            BinaryOperator::LtEq => self.group(right, number(left)?, scopes),
            BinaryOperator::Lt => self.group(right, number(left)?.checked_add(1)?, scopes),
            _ => None,
        }
    }

    fn group(&self, counted: &Expr, at_least: u32, scopes: &[Scope]) -> Option<Counted> {
        let Expr::Function(call) = bare(counted) else { return None };
        let FunctionArguments::List(list) = &call.args else { return None };
        let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        if name_of(call)? != "count" || !distinct || call.over.is_some() || call.filter.is_some() {
            return None;
        }
        let arguments = arguments(call)?;
        let [column] = arguments.as_slice() else { return None };
        let of = self.only_source(column, scopes)?;
        Some(Counted { of, at_least })
    }

    /// The column of an entity or a model that a bare column shows as it is.
    fn only_source(&self, column: &Expr, scopes: &[Scope]) -> Option<(String, String)> {
        let (alias, name) = match bare(column) {
            Expr::Identifier(name) => (None, super::fold(name)),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [alias, name] => (Some(super::fold(alias)), super::fold(name)),
                _ => return None,
            },
            _ => return None,
        };
        let relations = scopes.last()?.iter();
        let fits = |one: &&super::Relation| alias.as_ref().is_none_or(|alias| one.alias == *alias);
        let mut found = relations
            .filter(fits)
            .filter_map(|one| one.columns.as_ref())
            .filter_map(|columns| columns.iter().find(|known| known.name == name));
        let (first, other) = (found.next()?, found.next());
        let mut sources = first.lineage.iter();
        match (other, first.direct, sources.next(), sources.next()) {
            (None, true, Some(only), None) => Some(only.clone()),
            _ => None,
        }
    }
}

/// Without parentheses and casts.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => bare(inner),
        other => other,
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(bare(expr), Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// A column, perhaps trimmed or in one letter case.
fn is_text(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Trim { expr, trim_what: None, .. } => is_text(expr),
        Expr::Function(call) => {
            let same = name_of(call).is_some_and(|name| {
                matches!(name.as_str(), "lower" | "upper" | "trim" | "ltrim" | "rtrim")
            });
            same && arguments(call)
                .is_some_and(|all| matches!(all.as_slice(), [one] if is_text(one)))
        }
        other => is_column(other),
    }
}

fn name_of(call: &Function) -> Option<String> {
    match call.name.0.as_slice() {
        [one] => Some(one.as_ident()?.value.to_lowercase()),
        _ => None,
    }
}

fn arguments(call: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let plain = |one| match one {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}

fn literal(expr: &Expr) -> Option<&Value> {
    match bare(expr) {
        Expr::Value(value) => Some(&value.value),
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<u32> {
    match literal(expr)? {
        Value::Number(digits, _) => digits.parse().ok(),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match literal(expr)? {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

/// The first characters.
fn cut(of: &Expr, from: Option<&Expr>, chars: Option<&Expr>) -> Option<Shape> {
    let from = match from {
        Some(from) => number(from)?,
        None => 1,
    };
    let chars = number(chars?)?;
    (from == 1 && is_column(of)).then_some(Shape::Truncate { chars: Some(chars) })
}

/// Every outcome is spelled out.
fn cases(conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Option<Shape> {
    let outcomes = conditions.iter().map(|one| &one.result).chain(otherwise);
    let spelled = outcomes.clone().all(|one| literal(one).is_some());
    (spelled && outcomes.count() <= BUCKETS_MAX).then_some(Shape::Bucket)
}

/// `FLOOR(column / 10) * 10`
fn steps(left: &Expr, right: &Expr) -> Option<Shape> {
    let step = number(right)?;
    let Expr::Floor { expr, .. } = bare(left) else { return None };
    let Expr::BinaryOp { left, op: BinaryOperator::Divide, right } = bare(expr) else {
        return None;
    };
    (step > 1 && number(right)? == step && is_column(left)).then_some(Shape::Bucket)
}
