//! Boolean rules over the fields of one record: the language of `quality.expect`, and its reference interpreter.
//! Three-valued: a rule that meets a null or an absent field gives no verdict, and holds.

use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::spec::{EntitySpec, FieldIx};
use crate::value::{LogicalType, Value};

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Expr {
    /// A field of the record.
    Field(FieldIx),
    /// A number, as an unscaled integer and its scale.
    Number {
        /// Unscaled.
        unscaled: i64,
        /// Digits behind the point.
        scale: u8,
    },
    /// A text, compared with strings and enum symbols.
    Text(String),
    /// True or false.
    Bool(bool),
    /// Sum, difference or product of numbers.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// Comparison of two values of one kind.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// Both.
    And(Box<Expr>, Box<Expr>),
    /// At least one.
    Or(Box<Expr>, Box<Expr>),
    /// Not.
    Not(Box<Expr>),
    /// Whether a field is null (never unknown).
    IsNull(FieldIx),
    /// One of several literals.
    In(Box<Expr>, Vec<Expr>),
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether the comparison holds for two operands in this order.
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// What an expression gives.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Operand {
    Bool(bool),
    Number { unscaled: i128, scale: u8 },
    Text(String),
}

impl Expr {
    /// Every field that it reads, sorted, once each.
    pub fn fields(&self) -> Vec<FieldIx> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn collect(&self, found: &mut Vec<FieldIx>) {
        match self {
            Self::Field(ix) | Self::IsNull(ix) => found.push(*ix),
            Self::Number { .. } | Self::Text(_) | Self::Bool(_) => {}
            Self::Arithmetic(_, left, right)
            | Self::Compare(_, left, right)
            | Self::And(left, right)
            | Self::Or(left, right) => {
                left.collect(found);
                right.collect(found);
            }
            Self::Not(inner) => inner.collect(found),
            Self::In(inner, options) => {
                inner.collect(found);
                options.iter().for_each(|option| option.collect(found));
            }
        }
    }

    /// Whether the rule holds; unknown (null or absent operands, overflow) holds.
    pub fn holds(&self, entity: &EntitySpec, record: &Record) -> bool {
        !matches!(self.eval(entity, record), Some(Operand::Bool(false)))
    }

    fn eval(&self, entity: &EntitySpec, record: &Record) -> Option<Operand> {
        match self {
            Self::Field(ix) => operand(&entity.fields.get(*ix)?.ty, record.get(*ix)?),
            Self::Number { unscaled, scale } => {
                Some(Operand::Number { unscaled: i128::from(*unscaled), scale: *scale })
            }
            Self::Text(text) => Some(Operand::Text(text.clone())),
            Self::Bool(flag) => Some(Operand::Bool(*flag)),
            Self::Arithmetic(operator, left, right) => {
                arithmetic(*operator, left.eval(entity, record)?, right.eval(entity, record)?)
            }
            Self::Compare(operator, left, right) => {
                let order = compare(left.eval(entity, record)?, right.eval(entity, record)?)?;
                Some(Operand::Bool(operator.holds(order)))
            }
            Self::And(left, right) => {
                match (left.truth(entity, record), right.truth(entity, record)) {
                    (Some(false), _) | (_, Some(false)) => Some(Operand::Bool(false)),
                    (Some(true), Some(true)) => Some(Operand::Bool(true)),
                    (None, Some(true)) | (Some(true), None) | (None, None) => None,
                }
            }
            Self::Or(left, right) => {
                match (left.truth(entity, record), right.truth(entity, record)) {
                    (Some(true), _) | (_, Some(true)) => Some(Operand::Bool(true)),
                    (Some(false), Some(false)) => Some(Operand::Bool(false)),
                    (None, Some(false)) | (Some(false), None) | (None, None) => None,
                }
            }
            Self::Not(inner) => inner.truth(entity, record).map(|flag| Operand::Bool(!flag)),
            Self::IsNull(ix) => {
                let value = record.cells.get(*ix)?.value()?;
                Some(Operand::Bool(value.is_null()))
            }
            Self::In(inner, options) => {
                let value = inner.eval(entity, record)?;
                let mut found = false;
                for option in options {
                    found |= compare(value.clone(), option.eval(entity, record)?)?.is_eq();
                }
                Some(Operand::Bool(found))
            }
        }
    }

    fn truth(&self, entity: &EntitySpec, record: &Record) -> Option<bool> {
        match self.eval(entity, record)? {
            Operand::Bool(flag) => Some(flag),
            Operand::Number { .. } | Operand::Text(_) => None,
        }
    }
}

fn operand(ty: &LogicalType, value: &Value) -> Option<Operand> {
    let scale = match ty {
        LogicalType::Decimal { scale, .. } => *scale,
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => 0,
    };
    match value {
        Value::Bool(flag) => Some(Operand::Bool(*flag)),
        Value::Int(number) | Value::Timestamp(number) => {
            Some(Operand::Number { unscaled: i128::from(*number), scale: 0 })
        }
        Value::Date(days) => Some(Operand::Number { unscaled: i128::from(*days), scale: 0 }),
        Value::Decimal(unscaled) => Some(Operand::Number { unscaled: *unscaled, scale }),
        Value::Text(text) => Some(Operand::Text(text.clone())),
        Value::Null | Value::Uuid(_) | Value::Bytes(_) => None,
    }
}

fn rescale(unscaled: i128, from: u8, to: u8) -> Option<i128> {
    unscaled.checked_mul(10i128.checked_pow(u32::from(to.checked_sub(from)?))?)
}

fn arithmetic(operator: Arithmetic, left: Operand, right: Operand) -> Option<Operand> {
    let (Operand::Number { unscaled: a, scale: sa }, Operand::Number { unscaled: b, scale: sb }) =
        (left, right)
    else {
        return None;
    };
    let common = sa.max(sb);
    let (unscaled, scale) = match operator {
        Arithmetic::Add => (rescale(a, sa, common)?.checked_add(rescale(b, sb, common)?)?, common),
        Arithmetic::Subtract => {
            (rescale(a, sa, common)?.checked_sub(rescale(b, sb, common)?)?, common)
        }
        Arithmetic::Multiply => (a.checked_mul(b)?, sa.checked_add(sb)?),
    };
    Some(Operand::Number { unscaled, scale })
}

fn compare(left: Operand, right: Operand) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (
            Operand::Number { unscaled: a, scale: sa },
            Operand::Number { unscaled: b, scale: sb },
        ) => {
            let common = sa.max(sb);
            Some(rescale(a, sa, common)?.cmp(&rescale(b, sb, common)?))
        }
        (Operand::Text(a), Operand::Text(b)) => Some(a.cmp(&b)),
        (Operand::Bool(a), Operand::Bool(b)) => Some(a.cmp(&b)),
        (Operand::Number { .. } | Operand::Text(_) | Operand::Bool(_), _) => None,
    }
}
