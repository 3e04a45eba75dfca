//! Expressions of queries.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; what is known is listed, the rest gives no answer"
)]

use std::cmp::Ordering;

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CeilFloorKind, DataType, DateTimeField, ExactNumberInfo, Expr, Ident,
    UnaryOperator, Value as Literal,
};

use super::call;
use super::select::{self, Bound, Row, Tables};
use super::value::{DAY_US, Number, Sql};
use super::{Stop, fold};

/// Where an expression is evaluated.
#[derive(Clone, Copy)]
pub(super) struct Env<'e> {
    pub(super) tables: &'e Tables<'e>,
    /// Columns that can be named; in a group those of its first row.
    pub(super) row: &'e [Bound],
    /// The rows that aggregates are over.
    pub(super) group: Option<&'e [Row]>,
    /// The query around a subquery.
    pub(super) outer: Option<&'e Env<'e>>,
}

pub(super) type Eval = Result<Sql, Stop>;

impl<'e> Env<'e> {
    /// The same query at another row, without groups.
    pub(super) fn at(&self, row: &'e [Bound]) -> Env<'e> {
        Env { row, group: None, ..*self }
    }

    fn column(&self, alias: Option<&str>, name: &str) -> Eval {
        let fits = |one: &&Bound| alias.is_none_or(|alias| one.alias == alias);
        let found = self.row.iter().filter(fits).find_map(|one| one.columns.get(name));
        match (found, self.outer) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(outer)) => outer.column(alias, name),
            (None, None) => Err(Stop::unknown(format!("column {name}"))),
        }
    }

    /// A condition: NULL is no.
    pub(super) fn holds(&self, expr: &Expr) -> Result<bool, Stop> {
        Ok(self.eval(expr)? == Sql::Bool(true))
    }

    pub(super) fn eval(&self, expr: &Expr) -> Eval {
        match expr {
            Expr::Identifier(name) => self.column(None, &fold(name)),
            Expr::CompoundIdentifier(parts) => self.compound(parts),
            Expr::Value(value) => literal(&value.value),
            Expr::Nested(inner) => self.eval(inner),
            Expr::TypedString(typed) => {
                let text = typed.value.value.clone().into_string().unwrap_or_default();
                cast(&Sql::Text(text), &typed.data_type)
            }
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::IsNull(inner) => Ok(Sql::Bool(self.eval(inner)?.is_null())),
            Expr::IsNotNull(inner) => Ok(Sql::Bool(!self.eval(inner)?.is_null())),
            Expr::IsTrue(inner) => Ok(Sql::Bool(self.eval(inner)? == Sql::Bool(true))),
            Expr::IsFalse(inner) => Ok(Sql::Bool(self.eval(inner)? == Sql::Bool(false))),
            Expr::IsNotTrue(inner) => Ok(Sql::Bool(self.eval(inner)? != Sql::Bool(true))),
            Expr::IsNotFalse(inner) => Ok(Sql::Bool(self.eval(inner)? != Sql::Bool(false))),
            Expr::IsDistinctFrom(left, right) => Ok(Sql::Bool(!self.same(left, right)?)),
            Expr::IsNotDistinctFrom(left, right) => Ok(Sql::Bool(self.same(left, right)?)),
            Expr::InList { expr, list, negated } => {
                let options: Vec<Sql> =
                    list.iter().map(|one| self.eval(one)).collect::<Result<_, _>>()?;
                among(&self.eval(expr)?, &options, *negated)
            }
            Expr::InSubquery { expr, subquery, negated } => {
                let rows = select::query(self.tables, subquery, Some(self))?.rows;
                let options: Vec<Sql> =
                    rows.into_iter().filter_map(|row| row.into_iter().next()).collect();
                among(&self.eval(expr)?, &options, *negated)
            }
            Expr::Between { expr, negated, low, high } => {
                let value = self.eval(expr)?;
                let above = value.compare(&self.eval(low)?)?.map(Ordering::is_ge);
                let below = value.compare(&self.eval(high)?)?.map(Ordering::is_le);
                Ok(truth(both(above, below).map(|within| within != *negated)))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                self.like(expr, pattern, *negated)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Cast { expr, data_type, .. } => cast(&self.eval(expr)?, data_type),
            Expr::Extract { field, expr, .. } => extract(field, &self.eval(expr)?),
            Expr::Floor {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => self.rounded(expr, false),
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.rounded(expr, true)
            }
            Expr::Trim { expr, trim_where: None, trim_what: None, trim_characters: None } => {
                match self.eval(expr)? {
                    Sql::Text(text) => Ok(Sql::Text(text.trim_matches(' ').to_owned())),
                    Sql::Null => Ok(Sql::Null),
                    other => Err(Stop::unknown(format!("TRIM of {other}"))),
                }
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let from = substring_from.as_deref().map(|one| self.eval(one)).transpose()?;
                let count = substring_for.as_deref().map(|one| self.eval(one)).transpose()?;
                call::substring(&self.eval(expr)?, from.as_ref(), count.as_ref())
            }
            Expr::Exists { subquery, negated } => {
                let rows = select::query(self.tables, subquery, Some(self))?.rows;
                Ok(Sql::Bool(rows.is_empty() == *negated))
            }
            Expr::Subquery(query) => {
                let rows = select::query(self.tables, query, Some(self))?.rows;
                match rows.as_slice() {
                    [] => Ok(Sql::Null),
                    [row] => Ok(row.first().cloned().unwrap_or(Sql::Null)),
                    _ => Err(Stop::unknown("a subquery of several rows".to_owned())),
                }
            }
            Expr::Function(function) => call::call(self, function),
            other => Err(Stop::unknown(other.to_string())),
        }
    }

    fn compound(&self, parts: &[Ident]) -> Eval {
        match parts {
            [alias, name] => self.column(Some(&fold(alias)), &fold(name)),
            [.., alias, name] => self.column(Some(&fold(alias)), &fold(name)),
            _ => Err(Stop::unknown("a column without a name".to_owned())),
        }
    }

    fn same(&self, left: &Expr, right: &Expr) -> Result<bool, Stop> {
        let (left, right) = (self.eval(left)?, self.eval(right)?);
        Ok(match left.compare(&right)? {
            Some(ordering) => ordering.is_eq(),
            None => left.is_null() == right.is_null(),
        })
    }

    fn unary(&self, op: UnaryOperator, expr: &Expr) -> Eval {
        let value = self.eval(expr)?;
        match (op, value) {
            (_, Sql::Null) => Ok(Sql::Null),
            (UnaryOperator::Not, Sql::Bool(flag)) => Ok(Sql::Bool(!flag)),
            (UnaryOperator::Plus, value @ Sql::Number(_)) => Ok(value),
            (UnaryOperator::Minus, Sql::Number(number)) => {
                exact(Number::new(0, 0).minus(number), "a negative number")
            }
            (op, _) => Err(Stop::unknown(format!("operator {op}"))),
        }
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Eval {
        use BinaryOperator::{And, Divide, Minus, Multiply, Or, Plus, StringConcat};
        if matches!(op, And | Or) {
            let (left, right) = (boolean(self.eval(left)?)?, boolean(self.eval(right)?)?);
            let whole = if *op == And { both(left, right) } else { either(left, right) };
            return Ok(truth(whole));
        }
        let (left, right) = (self.eval(left)?, self.eval(right)?);
        if let Some(wanted) = comparison(op) {
            return Ok(truth(left.compare(&right)?.map(wanted)));
        }
        if left.is_null() || right.is_null() {
            return Ok(Sql::Null);
        }
        match (left, op, right) {
            (Sql::Number(a), Plus, Sql::Number(b)) => exact(a.add(b), "a sum"),
            (Sql::Number(a), Minus, Sql::Number(b)) => exact(a.minus(b), "a difference"),
            (Sql::Number(a), Multiply, Sql::Number(b)) => exact(a.times(b), "a product"),
            (Sql::Number(a), Divide, Sql::Number(b)) => exact(a.over(b), "a quotient"),
            (Sql::Text(a), StringConcat, Sql::Text(b)) => Ok(Sql::Text(a + &b)),
            (Sql::Day(day), Plus, Sql::Number(days)) => shifted(day, Some(days)),
            (Sql::Day(day), Minus, Sql::Number(days)) => {
                shifted(day, Number::new(0, 0).minus(days))
            }
            (Sql::Day(a), Minus, Sql::Day(b)) => Ok(Sql::whole(i128::from(a) - i128::from(b))),
            (_, op, _) => Err(Stop::unknown(format!("operator {op}"))),
        }
    }

    fn like(&self, expr: &Expr, pattern: &Expr, negated: bool) -> Eval {
        match (self.eval(expr)?, self.eval(pattern)?) {
            (Sql::Null, _) | (_, Sql::Null) => Ok(Sql::Null),
            (Sql::Text(text), Sql::Text(pattern)) if !pattern.contains('\\') => {
                let (text, pattern): (Vec<char>, Vec<char>) =
                    (text.chars().collect(), pattern.chars().collect());
                Ok(Sql::Bool(matches(&text, &pattern) != negated))
            }
            (_, _) => Err(Stop::unknown("LIKE".to_owned())),
        }
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Eval {
        for when in conditions {
            let taken = match operand {
                Some(operand) => {
                    let equal = self.eval(operand)?.compare(&self.eval(&when.condition)?)?;
                    equal == Some(Ordering::Equal)
                }
                None => self.holds(&when.condition)?,
            };
            if taken {
                return self.eval(&when.result);
            }
        }
        otherwise.map_or(Ok(Sql::Null), |expr| self.eval(expr))
    }

    fn rounded(&self, expr: &Expr, up: bool) -> Eval {
        match self.eval(expr)? {
            Sql::Null => Ok(Sql::Null),
            Sql::Number(number) => exact(number.rounded(up), "rounding"),
            other => Err(Stop::unknown(format!("rounding {other}"))),
        }
    }
}

pub(super) fn exact(number: Option<Number>, what: &str) -> Eval {
    number.map(Sql::Number).ok_or_else(|| Stop::unknown(format!("{what} that is not exact")))
}

fn shifted(day: i32, days: Option<Number>) -> Eval {
    let days = days.and_then(Number::whole).and_then(|days| i32::try_from(days).ok());
    let there = days.and_then(|days| day.checked_add(days));
    there.map(Sql::Day).ok_or_else(|| Stop::unknown("a day out of range".to_owned()))
}

fn literal(value: &Literal) -> Eval {
    match value {
        Literal::Number(digits, _) => Sql::number(digits),
        Literal::SingleQuotedString(text) => Ok(Sql::Text(text.clone())),
        Literal::Boolean(flag) => Ok(Sql::Bool(*flag)),
        Literal::Null => Ok(Sql::Null),
        other => Err(Stop::unknown(other.to_string())),
    }
}

fn comparison(op: &BinaryOperator) -> Option<fn(Ordering) -> bool> {
    Some(match op {
        BinaryOperator::Eq => Ordering::is_eq,
        BinaryOperator::NotEq => Ordering::is_ne,
        BinaryOperator::Lt => Ordering::is_lt,
        BinaryOperator::LtEq => Ordering::is_le,
        BinaryOperator::Gt => Ordering::is_gt,
        BinaryOperator::GtEq => Ordering::is_ge,
        _ => return None,
    })
}

fn boolean(value: Sql) -> Result<Option<bool>, Stop> {
    match value {
        Sql::Null => Ok(None),
        Sql::Bool(flag) => Ok(Some(flag)),
        other => Err(Stop::unknown(format!("{other} as a condition"))),
    }
}

pub(super) fn truth(value: Option<bool>) -> Sql {
    value.map_or(Sql::Null, Sql::Bool)
}

fn both(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        (None, _) | (_, None) => None,
    }
}

fn either(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    both(left.map(|one| !one), right.map(|one| !one)).map(|neither| !neither)
}

/// `x IN (...)`: NULL where nothing fits and something is NULL.
fn among(value: &Sql, options: &[Sql], negated: bool) -> Eval {
    let mut found = Some(false);
    for option in options {
        let equal = value.compare(option)?.map(Ordering::is_eq);
        found = either(found, equal);
    }
    Ok(truth(found.map(|found| found != negated)))
}

/// `%` is any text, `_` any character.
fn matches(text: &[char], pattern: &[char]) -> bool {
    match (text, pattern) {
        (text, []) => text.is_empty(),
        (text, ['%', rest @ ..]) => {
            (0..=text.len()).any(|at| matches(text.get(at..).unwrap_or_default(), rest))
        }
        ([_, text @ ..], ['_', rest @ ..]) => matches(text, rest),
        ([first, text @ ..], [wanted, rest @ ..]) => first == wanted && matches(text, rest),
        ([], _) => false,
    }
}

fn cast(value: &Sql, ty: &DataType) -> Eval {
    let unknown = || Err(Stop::unknown(format!("CAST of {value} to {ty}")));
    if value.is_null() {
        return Ok(Sql::Null);
    }
    match (ty, value) {
        (DataType::Date, Sql::Instant(us)) => {
            i32::try_from(us.div_euclid(DAY_US)).map(Sql::Day).or_else(|_| unknown())
        }
        (DataType::Date, value) => match value.like(&Sql::Day(0)) {
            day @ Sql::Day(_) => Ok(day),
            _ => unknown(),
        },
        (DataType::Timestamp(..) | DataType::TimestampNtz(_) | DataType::Datetime(_), value) => {
            match value.like(&Sql::Instant(0)) {
                at @ Sql::Instant(_) => Ok(at),
                Sql::Day(day) => Ok(Sql::Instant(i64::from(day) * DAY_US)),
                _ => unknown(),
            }
        }
        (DataType::Decimal(info) | DataType::Numeric(info) | DataType::Dec(info), value) => {
            let (precision, scale) = match info {
                ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
                ExactNumberInfo::Precision(precision) => (*precision, 0),
                // What DECIMAL alone means differs between databases.
                ExactNumberInfo::None => return unknown(),
            };
            match (value.like(&Sql::whole(0)), u8::try_from(precision), u8::try_from(scale)) {
                (Sql::Number(number), Ok(precision), Ok(scale)) => {
                    exact(number.declared(precision, scale), "a CAST")
                }
                (_, _, _) => unknown(),
            }
        }
        (DataType::Int(_) | DataType::Integer(_) | DataType::BigInt(_), value) => {
            match value.like(&Sql::whole(0)) {
                Sql::Number(number) if number.whole().is_some() => Ok(Sql::Number(number)),
                Sql::Bool(flag) => Ok(Sql::whole(i128::from(flag))),
                _ => unknown(),
            }
        }
        (DataType::Varchar(None) | DataType::Text | DataType::String(None), value) => match value {
            Sql::Text(_) | Sql::Day(_) | Sql::Uuid(_) => Ok(Sql::Text(value.to_string())),
            Sql::Number(number) if number.whole().is_some() => Ok(Sql::Text(value.to_string())),
            _ => unknown(),
        },
        (_, _) => unknown(),
    }
}

fn extract(field: &DateTimeField, value: &Sql) -> Eval {
    let days = match value {
        Sql::Null => return Ok(Sql::Null),
        Sql::Day(days) => *days,
        Sql::Instant(us) => i32::try_from(us.div_euclid(DAY_US)).unwrap_or(i32::MAX),
        other => return Err(Stop::unknown(format!("EXTRACT from {other}"))),
    };
    let text = Sql::Day(days).to_string();
    let mut parts = text.split('-').map(|part| part.parse::<i128>().ok());
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let part = match field {
        DateTimeField::Year => year,
        DateTimeField::Month => month,
        DateTimeField::Day => day,
        _ => None,
    };
    let unknown = || Stop::unknown(format!("EXTRACT({field})"));
    part.flatten().map(Sql::whole).ok_or_else(unknown)
}
