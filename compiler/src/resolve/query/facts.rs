//! What an expression gives: its type, as far as it is the same in every warehouse, and whether it may be null.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the grammar of SQL is large and grows; of what is not listed nothing is known"
)]

use covenant_model::value::LogicalType;
use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, Ident, UnaryOperator, Value, WindowFrameBound, WindowType,
};

use super::functions::{self, Gives, Null};
use super::{Scope, Visible, fold};
use crate::ir::{Fact, Given};

/// Digits that a whole number of 32 bits surely has room for.
const SMALL_DIGITS: usize = 9;

/// `(alias, column)`.
type Name = (Option<String>, String);

/// Where an expression stands.
#[derive(Clone)]
pub(super) struct Facing<'a> {
    pub(super) scopes: &'a [Scope],
    /// Aggregates meet a row at least: there is a GROUP BY.
    pub(super) grouped: bool,
    /// Columns that are not null here.
    pub(super) told: Vec<Name>,
}

/// The column and the alias of an expression that is just that, in parentheses perhaps.
pub(super) fn column_name(expr: &Expr) -> Option<Name> {
    match expr {
        Expr::Nested(inner) => column_name(inner),
        Expr::Identifier(name) => Some((None, fold(name))),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [alias, name] => Some((Some(fold(alias)), fold(name))),
            _ => None,
        },
        _ => None,
    }
}

/// The column of that name in one scope: place of its relation, and the column.
pub(super) fn find<'s>(scope: &'s Scope, name: &Name) -> Option<(usize, &'s Visible)> {
    let (alias, column) = name;
    scope.iter().enumerate().find_map(|(at, relation)| {
        if alias.as_ref().is_some_and(|alias| relation.alias != *alias) {
            return None;
        }
        let columns = relation.columns.as_ref()?;
        Some((at, columns.iter().find(|known| known.name == *column)?))
    })
}

impl Facing<'_> {
    /// What an expression gives.
    pub(super) fn of(&self, expr: &Expr) -> Fact {
        match expr {
            Expr::Identifier(name) => self.column(std::slice::from_ref(name), expr),
            Expr::CompoundIdentifier(parts) => self.column(parts, expr),
            Expr::Nested(inner) => self.of(inner),
            Expr::Value(value) => literal(&value.value),
            Expr::TypedString(typed) => Fact::sure(of_type(&typed.data_type)),
            Expr::Interval(_) => Fact::sure(Given::Unknown),
            Expr::Cast { kind, expr, data_type, .. } => {
                let inner = self.of(expr);
                let tried = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                let json = inner.given == Given::Exact(LogicalType::Json);
                Fact { nullable: inner.nullable || tried || json, given: of_type(data_type) }
            }
            Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::Exists { .. } => Fact::sure(FLAG),
            Expr::InList { expr, list, .. } => {
                let nullable = self.any([&**expr].into_iter().chain(list));
                Fact { nullable, given: FLAG }
            }
            Expr::Between { expr, low, high, .. } => {
                Fact { nullable: self.any([&**expr, &**low, &**high]), given: FLAG }
            }
            Expr::Like { expr, pattern, .. } | Expr::ILike { expr, pattern, .. } => {
                Fact { nullable: self.any([&**expr, &**pattern]), given: FLAG }
            }
            Expr::UnaryOp { op, expr } => {
                let inner = self.of(expr);
                let given = match op {
                    UnaryOperator::Not => FLAG,
                    _ => inner.given,
                };
                Fact { nullable: inner.nullable, given }
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::Extract { expr, .. } => {
                Fact { nullable: self.of(expr).nullable, given: Given::Number { scale: Some(0) } }
            }
            Expr::Floor { expr, .. } | Expr::Ceil { expr, .. } => {
                Fact { nullable: self.of(expr).nullable, given: Given::Number { scale: Some(0) } }
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let parts = [Some(expr), substring_from.as_ref(), substring_for.as_ref()];
                let parts = parts.into_iter().flatten().map(|part| &**part);
                Fact { nullable: self.any(parts), given: Given::Text }
            }
            Expr::Trim { expr, .. } => {
                Fact { nullable: self.of(expr).nullable, given: Given::Text }
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                let mut facing = self.clone();
                let mut all = Vec::new();
                for one in conditions {
                    let mut inside = facing.clone();
                    if operand.is_none() {
                        inside.told.extend(surely(&one.condition));
                        facing.told.extend(surely_not(&one.condition));
                    }
                    all.push(inside.of(&one.result));
                }
                all.push(match else_result {
                    Some(otherwise) => facing.of(otherwise),
                    None => Fact { nullable: true, given: Given::Null },
                });
                union(all)
            }
            Expr::Function(call) => self.call(call),
            // Subqueries may find no row; of the rest nothing is known.
            _ => Fact { nullable: true, given: Given::Unknown },
        }
    }

    fn any<'e>(&self, parts: impl IntoIterator<Item = &'e Expr>) -> bool {
        parts.into_iter().any(|part| self.of(part).nullable)
    }

    fn column(&self, parts: &[Ident], expr: &Expr) -> Fact {
        let Some(name) = column_name(expr).filter(|_| parts.len() <= 2) else {
            return Fact::sure(Given::Unknown);
        };
        let Some((scope, (at, found))) =
            self.scopes.iter().rev().find_map(|scope| Some((scope, find(scope, &name)?)))
        else {
            // Unknown, and reported.
            return Fact::sure(Given::Unknown);
        };
        let told = self
            .told
            .iter()
            .any(|told| told.1 == name.1 && find(scope, told).is_some_and(|one| one.0 == at));
        let Fact { nullable, given } = found.fact.clone();
        Fact { nullable: nullable && !told, given }
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Fact {
        let (a, b) = (self.of(left), self.of(right));
        let nullable = a.nullable || b.nullable;
        let scales = (a.given.scale(), b.given.scale());
        match op {
            BinaryOperator::And
            | BinaryOperator::Or
            | BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => Fact { nullable, given: FLAG },
            BinaryOperator::StringConcat => Fact { nullable, given: Given::Text },
            BinaryOperator::Divide | BinaryOperator::Modulo => {
                Fact { nullable, given: Given::Number { scale: None } }
            }
            BinaryOperator::Plus | BinaryOperator::Minus => {
                let given = match scales {
                    (Some(Some(one)), Some(Some(other))) => {
                        Given::Number { scale: Some(one.max(other)) }
                    }
                    (Some(_), Some(_)) => Given::Number { scale: None },
                    _ => Given::Unknown,
                };
                Fact { nullable, given }
            }
            BinaryOperator::Multiply => {
                let given = match scales {
                    (Some(Some(one)), Some(Some(other))) => {
                        Given::Number { scale: Some(one.saturating_add(other)) }
                    }
                    _ => Given::Number { scale: None },
                };
                Fact { nullable, given }
            }
            _ => Fact { nullable: true, given: Given::Unknown },
        }
    }

    fn call(&self, call: &Function) -> Fact {
        let Some(known) = functions::find(call) else {
            return Fact { nullable: true, given: Given::Unknown };
        };
        let arguments: Vec<&Expr> = arguments(call);
        let facts: Vec<Fact> = arguments.iter().map(|one| self.of(one)).collect();
        let any = facts.iter().any(|one| one.nullable);
        let nullable = match known.null {
            Null::Strict => any,
            Null::All => facts.iter().all(|one| one.nullable),
            Null::Never => false,
            Null::Perhaps => true,
            Null::Aggregate => any || !self.meets_a_row(call),
            Null::Beside => any || facts.len() < 3,
        };
        let number = |scale| Given::Number { scale };
        let given = match known.gives {
            Gives::Same => union(facts).given,
            Gives::Last => facts.into_iter().next_back().map_or(Given::Unknown, |one| one.given),
            Gives::Whole => number(Some(0)),
            Gives::Number => number(None),
            Gives::Text => Given::Text,
            Gives::Flag => FLAG,
            Gives::Date => Given::Exact(LogicalType::Date),
            Gives::Timestamp => Given::Exact(LogicalType::Timestamp),
            Gives::Sum => number(facts.first().and_then(|one| one.given.scale()).flatten()),
            Gives::Unknown => Given::Unknown,
        };
        Fact { nullable, given }
    }

    /// Whether an aggregate always has a row to look at.
    fn meets_a_row(&self, call: &Function) -> bool {
        match &call.over {
            None => self.grouped,
            Some(WindowType::NamedWindow(_)) => false,
            Some(WindowType::WindowSpec(spec)) => match &spec.window_frame {
                None => true,
                Some(frame) => {
                    let from = !matches!(frame.start_bound, WindowFrameBound::Following(_));
                    let to = !matches!(frame.end_bound, Some(WindowFrameBound::Preceding(_)));
                    from && to
                }
            },
        }
    }
}

const FLAG: Given = Given::Exact(LogicalType::Bool);

/// Arguments of a call that are expressions.
pub(super) fn arguments(call: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &call.args else { return Vec::new() };
    let plain = |one| match one {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    list.args.iter().filter_map(plain).collect()
}

/// One of several: null where one of them is, and of the type that holds all.
pub(super) fn union(all: impl IntoIterator<Item = Fact>) -> Fact {
    let mut all = all.into_iter();
    let Some(first) = all.next() else { return Fact { nullable: true, given: Given::Unknown } };
    all.fold(first, |one, other| Fact {
        nullable: one.nullable || other.nullable,
        given: one.given.join(other.given),
    })
}

/// Columns that are not null where the condition holds.
pub(super) fn surely(condition: &Expr) -> Vec<Name> {
    match condition {
        Expr::Nested(inner) => surely(inner),
        Expr::IsNotNull(inner) => column_name(inner).into_iter().collect(),
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::And => surely(left).into_iter().chain(surely(right)).collect(),
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => strict(left).into_iter().chain(strict(right)).collect(),
            _ => Vec::new(),
        },
        Expr::InList { expr, .. } => strict(expr),
        Expr::Between { expr, low, high, negated: false } => {
            [expr, low, high].into_iter().flat_map(|part| strict(part)).collect()
        }
        Expr::Like { expr, .. } | Expr::ILike { expr, .. } => strict(expr),
        _ => Vec::new(),
    }
}

/// Columns that are not null where the condition does not hold, or is null.
fn surely_not(condition: &Expr) -> Vec<Name> {
    match condition {
        Expr::Nested(inner) => surely_not(inner),
        Expr::IsNull(inner) => column_name(inner).into_iter().collect(),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            surely_not(left).into_iter().chain(surely_not(right)).collect()
        }
        _ => Vec::new(),
    }
}

/// Columns whose null makes the expression null.
fn strict(expr: &Expr) -> Vec<Name> {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
            column_name(expr).into_iter().collect()
        }
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => strict(inner),
        Expr::UnaryOp { expr, .. } => strict(expr),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply,
            right,
        } => strict(left).into_iter().chain(strict(right)).collect(),
        _ => Vec::new(),
    }
}

/// A number other than zero, or null instead of zero: `NULLIF(a, 0)`.
pub(super) fn is_not_zero(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_not_zero(inner),
        Expr::Function(call) => {
            let null = call.name.to_string().eq_ignore_ascii_case("nullif");
            null && matches!(arguments(call).as_slice(), [_, zero]
                if matches!(zero, Expr::Value(value) if value.value.to_string() == "0"))
        }
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.bytes().any(|digit| matches!(digit, b'1'..=b'9')),
            _ => false,
        },
        _ => false,
    }
}

fn literal(value: &Value) -> Fact {
    match value {
        Value::Null => Fact { nullable: true, given: Given::Null },
        Value::Boolean(_) => Fact::sure(FLAG),
        Value::Number(digits, _) => Fact::sure(match digits.split_once('.') {
            Some((_, fine)) => Given::Number { scale: u8::try_from(fine.len()).ok() },
            None if digits.len() <= SMALL_DIGITS => Given::Exact(LogicalType::Int32),
            None => Given::Number { scale: Some(0) },
        }),
        Value::SingleQuotedString(text) => {
            let chars = u32::try_from(text.chars().count().max(1)).ok();
            Fact::sure(Given::Exact(LogicalType::String { max_chars: chars }))
        }
        _ => Fact::sure(Given::Unknown),
    }
}

fn of_type(ty: &DataType) -> Given {
    let decimal = |info: &ExactNumberInfo| match info {
        ExactNumberInfo::PrecisionAndScale(precision, scale) => {
            match (u8::try_from(*precision), u8::try_from(*scale)) {
                (Ok(precision), Ok(scale)) => {
                    Given::Exact(LogicalType::Decimal { precision, scale })
                }
                _ => Given::Unknown,
            }
        }
        ExactNumberInfo::Precision(_) => Given::Number { scale: Some(0) },
        ExactNumberInfo::None => Given::Unknown,
    };
    match ty {
        DataType::Boolean | DataType::Bool => FLAG,
        DataType::Date => Given::Exact(LogicalType::Date),
        DataType::Timestamp(..) | DataType::TimestampNtz(..) | DataType::Datetime(_) => {
            Given::Exact(LogicalType::Timestamp)
        }
        DataType::Int(_) | DataType::Integer(_) | DataType::SmallInt(_) => {
            Given::Exact(LogicalType::Int32)
        }
        DataType::BigInt(_) => Given::Exact(LogicalType::Int64),
        DataType::Decimal(info) | DataType::Numeric(info) => decimal(info),
        DataType::Double(_) | DataType::DoublePrecision | DataType::Float(_) | DataType::Real => {
            Given::Number { scale: None }
        }
        DataType::Varchar(_) | DataType::Text | DataType::String(_) | DataType::Char(_) => {
            Given::Text
        }
        DataType::Uuid => Given::Exact(LogicalType::Uuid),
        _ => Given::Unknown,
    }
}
