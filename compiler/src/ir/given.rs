//! What a query's column holds, as it is read out of the query.

use covenant_model::value::LogicalType;

/// Type and nullability of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Whether a row may have null there.
    pub nullable: bool,
    /// Its type.
    pub given: Given,
}

impl Fact {
    /// Never null.
    pub fn sure(given: Given) -> Self {
        Self { nullable: false, given }
    }
}

/// A type, as far as all warehouses agree on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// It fits everything.
    Unknown,
    /// Always null.
    Null,
    /// That of a field, of a literal or of a CAST.
    Exact(LogicalType),
    /// Computed; `scale` is how many decimals it has at most, where they are bounded.
    Number {
        /// Decimals.
        scale: Option<u8>,
    },
    /// Computed, of any length.
    Text,
}

impl Given {
    /// Decimals of a number; none: it is no number; none inside: any.
    pub fn scale(&self) -> Option<Option<u8>> {
        match self {
            Self::Number { scale } => Some(*scale),
            Self::Exact(LogicalType::Int32 | LogicalType::Int64) => Some(Some(0)),
            Self::Exact(LogicalType::Decimal { scale, .. }) => Some(Some(*scale)),
            Self::Unknown | Self::Null | Self::Text | Self::Exact(_) => None,
        }
    }

    /// Characters of a text; none: it is no text; none inside: any number.
    fn chars(&self) -> Option<Option<u32>> {
        match self {
            Self::Text => Some(None),
            Self::Exact(LogicalType::String { max_chars }) => Some(*max_chars),
            Self::Exact(LogicalType::Enum { symbols }) => {
                let longest = symbols.iter().map(|symbol| symbol.chars().count()).max();
                Some(longest.and_then(|longest| u32::try_from(longest).ok()))
            }
            Self::Unknown | Self::Null | Self::Number { .. } | Self::Exact(_) => None,
        }
    }

    /// Whether some type holds both, as far as is known. Texts are written where other types are wanted: a literal is
    /// one, and a CAST.
    pub fn meets(&self, other: &Self) -> bool {
        let kind = |one: &Self| match one {
            Self::Unknown | Self::Null => None,
            Self::Number { .. } => Some("number"),
            Self::Text => Some("text"),
            Self::Exact(ty) => match ty {
                LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. } => {
                    Some("number")
                }
                LogicalType::Bool => Some("bool"),
                LogicalType::Date | LogicalType::Timestamp => Some("time"),
                LogicalType::Bytes => Some("bytes"),
                LogicalType::String { .. }
                | LogicalType::Enum { .. }
                | LogicalType::Uuid
                | LogicalType::Json => Some("text"),
            },
        };
        match (kind(self), kind(other)) {
            (Some(one), Some(two)) => one == two,
            (None, _) | (_, None) => true,
        }
    }

    /// The type that holds both; unknown where they have nothing in common.
    pub fn join(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Null, _) => return other,
            (_, Self::Null) => return self,
            _ if self == other => return self,
            _ => {}
        }
        if let (Some(one), Some(two)) = (self.scale(), other.scale()) {
            let scale = one.zip(two).map(|(one, two)| one.max(two));
            return Self::Number { scale };
        }
        if let (Some(one), Some(two)) = (self.chars(), other.chars()) {
            let chars = one.zip(two).map(|(one, two)| one.max(two));
            return match chars {
                Some(_) => Self::Exact(LogicalType::String { max_chars: chars }),
                None => Self::Text,
            };
        }
        Self::Unknown
    }

    /// For messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Unknown => "of an unknown type".to_owned(),
            Self::Null => "always null".to_owned(),
            Self::Exact(ty) => ty.to_string(),
            Self::Number { scale: Some(0) } => "a whole number".to_owned(),
            Self::Number { scale: Some(scale) } => format!("a number with {scale} decimals"),
            Self::Number { scale: None } => "a number with any decimals".to_owned(),
            Self::Text => "a text".to_owned(),
        }
    }
}
