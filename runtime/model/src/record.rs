//! Decoded records and the reasons why a record was refused.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::Value;

/// A field of a record: a change may leave a field out, which is not the same as setting it to NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// The change does not say anything about the field (unchanged TOAST, a field left out of an event).
    Absent,
    /// The change sets the field, perhaps to [`Value::Null`].
    Value(Value),
}

impl Cell {
    /// The value, where the change carries one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Absent => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// A validated record in plaintext: one cell per field, in the order of [`crate::spec::EntitySpec::fields`].
/// Lives in memory only; what touches disk has gone through the entity's PII protection.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// One per field of the entity.
    pub cells: Vec<Cell>,
}

impl Record {
    /// A record that says nothing yet.
    pub fn absent(fields: usize) -> Self {
        Self { cells: vec![Cell::Absent; fields] }
    }

    /// The field's value where it is carried and not null.
    pub fn get(&self, field: usize) -> Option<&Value> {
        self.cells.get(field).and_then(Cell::value).filter(|value| !value.is_null())
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} fields, content hidden)", self.cells.len())
    }
}

/// One rule that a record breaks. The message never holds a value of the record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// The field, where the rule is about one.
    pub field: Option<String>,
    /// `required`, `type`, `max_chars`, `min`, `max`, `pattern`, `format`, `symbol`, `unknown_field`, `duplicate_field`,
    /// `malformed`, or `quality:<name>`.
    pub rule: String,
    /// What was expected and what kind of thing was found.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {} ({})", self.message, self.rule),
            None => write!(f, "{} ({})", self.message, self.rule),
        }
    }
}

/// Every rule that a record breaks, never empty. The record's key is kept where it could be read, so that the
/// quarantine can say which row is affected (keys never hold PII).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    /// The key, where it could be decoded.
    pub key: Option<Vec<Value>>,
    /// In field order, quality rules last.
    pub all: Vec<Violation>,
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, violation) in self.all.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{violation}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}
