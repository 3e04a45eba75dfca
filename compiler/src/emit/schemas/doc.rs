//! A document whose members keep their order, whatever features other crates switch on in `serde_json`.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

/// A JSON or YAML document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Doc {
    /// Nothing; what we write has none, what others wrote may.
    Null,
    /// Boolean.
    Flag(bool),
    /// Whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// Sequence.
    List(Vec<Doc>),
    /// Members in the order in which they were added.
    Map(Vec<(String, Doc)>),
}

impl Doc {
    /// An object without members.
    pub(crate) fn map() -> Self {
        Self::Map(Vec::new())
    }

    /// Adds a member.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Doc>) -> Self {
        if let Self::Map(members) = &mut self {
            members.push((name.to_owned(), value.into()));
        }
        self
    }

    /// Adds a member where there is a value.
    pub(crate) fn with_some(self, name: &str, value: Option<impl Into<Doc>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A sequence.
    pub(crate) fn list<T: Into<Doc>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    /// A member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// Members of an object; none of anything else.
    pub(crate) fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Map(members) => members,
            Self::Null
            | Self::Flag(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::List(_) => &[],
        }
    }

    /// Items of a sequence; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            Self::Null
            | Self::Flag(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Map(_) => &[],
        }
    }

    /// The text of a text.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Flag(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::List(_)
            | Self::Map(_) => None,
        }
    }

    /// Whether both say the same: the order of members does not matter.
    pub(crate) fn says(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Map(ours), Self::Map(theirs)) => {
                ours.len() == theirs.len()
                    && ours
                        .iter()
                        .all(|(name, value)| other.get(name).is_some_and(|there| value.says(there)))
            }
            (Self::List(ours), Self::List(theirs)) => {
                ours.len() == theirs.len()
                    && ours.iter().zip(theirs).all(|(one, other)| one.says(other))
            }
            (
                Self::Null
                | Self::Flag(_)
                | Self::Int(_)
                | Self::Float(_)
                | Self::Text(_)
                | Self::List(_)
                | Self::Map(_),
                _,
            ) => self == other,
        }
    }

    /// Members sorted by name, whatever order the value has.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Self::Int(whole),
                (None, Some(broken)) => Self::Float(broken),
                (None, None) => Self::Text(number.to_string()),
            },
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(members) => {
                let sorted: BTreeMap<_, _> = members.iter().collect();
                let members = sorted.into_iter();
                Self::Map(members.map(|(name, value)| (name.clone(), Self::of(value))).collect())
            }
        }
    }

    /// Nothing where the sequence or object is empty.
    pub(crate) fn filled(self) -> Option<Self> {
        match &self {
            Self::List(items) if items.is_empty() => None,
            Self::Map(members) if members.is_empty() => None,
            Self::Null
            | Self::Flag(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::List(_)
            | Self::Map(_) => Some(self),
        }
    }
}

impl From<bool> for Doc {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Doc {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Doc {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<&str> for Doc {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Doc {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Doc {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<Doc>> for Doc {
    fn from(items: Vec<Doc>) -> Self {
        Self::List(items)
    }
}

impl Serialize for Doc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}
