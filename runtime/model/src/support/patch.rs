//! A field of a typed record.

use crate::record::Cell;
use crate::support::scalar::Scalar;
use crate::value::Value;

/// What a change says about a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Nothing.
    #[default]
    Absent,
    /// It is null.
    Null,
    /// It has this value.
    Set(T),
}

impl<T> Patch<T> {
    /// The value, where there is one.
    pub fn set(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Whether it is null; nothing known of an absent field.
    pub fn is_null(&self) -> Option<bool> {
        match self {
            Self::Absent => None,
            Self::Null => Some(true),
            Self::Set(_) => Some(false),
        }
    }
}

impl<'a, T: Scalar<'a>> Patch<T> {
    /// The same as a cell of an untyped record.
    pub fn into_cell(self) -> Cell {
        match self {
            Self::Absent => Cell::Absent,
            Self::Null => Cell::Value(Value::Null),
            Self::Set(value) => Cell::Value(value.into_value()),
        }
    }
}
