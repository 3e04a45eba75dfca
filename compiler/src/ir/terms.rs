//! What a model's column makes of the columns that it reads, as far as that matters for personal data.

/// The form of an expression. Only forms are listed that lose something for sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The first characters of a column; or the month, quarter or year of a date.
    Truncate {
        /// Characters that are left; none for dates.
        chars: Option<u32>,
    },
    /// One of a few values that the query spells out, or a multiple of a number.
    Bucket,
    /// A digest of 256 bits or more.
    Hash,
    /// Rows or values counted.
    Count {
        /// What HAVING demands of every group that is shown.
        group: Option<Counted>,
    },
}

/// `HAVING COUNT(DISTINCT <column>) >= <at least>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The column that is counted: entity or model, field.
    pub of: (String, String),
    /// Different values of it in every group.
    pub at_least: u32,
}

impl Shape {
    /// In a few words.
    pub fn told(&self) -> &'static str {
        match self {
            Self::Truncate { .. } => "a column cut short",
            Self::Bucket => "one of a few values",
            Self::Hash => "a digest",
            Self::Count { .. } => "a count",
        }
    }
}
