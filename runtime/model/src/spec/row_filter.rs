//! Which rows of a table are an entity's.
//!
//! Over the key alone: a row then enters or leaves only where its key changes, which a log tells as a deletion of the old key
//! and an insertion under the new one. Over any other column, rows would leave that were never told of, and a change that leaves
//! the column out could not be judged (`docs/decisions/0015`).

use serde::{Deserialize, Serialize};

use super::{EntitySpec, FieldIx};
use crate::expr::Comparison;
use crate::value::Value;

/// Rows that meet every condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RowFilter {
    /// As the contract says it.
    pub text: String,
    /// In the contract's order; at least one.
    pub all: Vec<RowCondition>,
}

/// A comparison of a key field with literals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RowCondition {
    /// Of the key.
    pub field: FieldIx,
    /// How; texts are only compared for equality, since databases order them by their own rules.
    pub is: Comparison,
    /// One literal; several where the field equals one of them, or none of them.
    pub to: Vec<RowLiteral>,
}

/// A literal of a row filter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum RowLiteral {
    /// Compared with whole numbers.
    Int(i64),
    /// Compared with texts.
    Text(String),
}

impl RowFilter {
    /// Whether the row of this key (values in the order of the entity's key) is the entity's.
    pub fn holds(&self, entity: &EntitySpec, key: &[Value]) -> bool {
        self.all.iter().all(|condition| {
            let at = entity.key.iter().position(|ix| *ix == condition.field);
            at.and_then(|at| key.get(at)).is_some_and(|value| condition.holds(value))
        })
    }
}

impl RowCondition {
    fn holds(&self, value: &Value) -> bool {
        let orders = self.to.iter().map(|literal| literal.order_of(value));
        match self.is {
            // Of something that cannot be compared, nothing holds.
            Comparison::NotEqual => {
                let mut orders = orders;
                orders.all(|order| order.is_some_and(|order| self.is.holds(order)))
            }
            Comparison::Equal
            | Comparison::Less
            | Comparison::LessOrEqual
            | Comparison::Greater
            | Comparison::GreaterOrEqual => {
                let mut orders = orders;
                orders.any(|order| order.is_some_and(|order| self.is.holds(order)))
            }
        }
    }
}

impl RowLiteral {
    /// How a value stands to the literal; none where they are of different kinds.
    fn order_of(&self, value: &Value) -> Option<std::cmp::Ordering> {
        match (self, value) {
            (Self::Int(literal), Value::Int(value)) => Some(value.cmp(literal)),
            (Self::Text(literal), Value::Text(value)) => Some(value.cmp(literal)),
            (
                Self::Int(_) | Self::Text(_),
                Value::Null
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Decimal(_)
                | Value::Text(_)
                | Value::Uuid(_)
                | Value::Date(_)
                | Value::Timestamp(_)
                | Value::Bytes(_),
            ) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(is: Comparison, to: Vec<RowLiteral>) -> RowCondition {
        RowCondition { field: 0, is, to }
    }

    #[test]
    fn comparisons() {
        let text = |text: &str| RowLiteral::Text(text.into());
        let eu = Value::Text("eu".into());
        assert!(condition(Comparison::Equal, vec![text("us"), text("eu")]).holds(&eu));
        assert!(!condition(Comparison::Equal, vec![text("us")]).holds(&eu));
        assert!(condition(Comparison::NotEqual, vec![text("us"), text("ap")]).holds(&eu));
        assert!(!condition(Comparison::NotEqual, vec![text("us"), text("eu")]).holds(&eu));
        let int = |number| vec![RowLiteral::Int(number)];
        assert!(condition(Comparison::GreaterOrEqual, int(7)).holds(&Value::Int(7)));
        assert!(!condition(Comparison::Less, int(7)).holds(&Value::Int(7)));
        assert!(!condition(Comparison::NotEqual, int(7)).holds(&Value::Null), "not comparable");
    }
}
