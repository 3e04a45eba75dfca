//! A value as its source spells it.

use std::borrow::Cow;
use std::fmt;

use crate::support::json;

/// A value that has been found but not yet read.
#[derive(Clone, Copy)]
pub enum Raw<'a> {
    /// SQL NULL or JSON null.
    Null,
    /// PostgreSQL's text format.
    Pg(&'a [u8]),
    /// What stands between the quotes of a JSON string.
    Str {
        /// Without the quotes, escapes as they are.
        text: &'a str,
        /// Whether there are escapes.
        escaped: bool,
    },
    /// A JSON number, as written.
    Number(&'a str),
    /// A JSON boolean.
    Bool(bool),
    /// A JSON object or array, as written.
    Composite(&'a str),
}

impl<'a> Raw<'a> {
    /// The text of a string, escapes resolved. `None` where this is no string, or no Unicode.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Pg(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Str { text, escaped: false } => Some(Cow::Borrowed(text)),
            Self::Str { text, escaped: true } => json::unescape(text).map(Cow::Owned),
            Self::Null | Self::Number(_) | Self::Bool(_) | Self::Composite(_) => None,
        }
    }

    /// What kind of thing this is: what messages may say.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Pg(_) => "other text",
            Self::Str { .. } => "a string that is none",
            Self::Number(_) => "a number that is none",
            Self::Bool(_) => "a boolean",
            Self::Composite(_) => "an object or array",
        }
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.kind())
    }
}
