//! How records that people made in the CRM before us get their external id, so that the first delivery doubles nobody.

use serde::{Deserialize, Serialize};

use super::FieldIx;

/// What a sink declares under `adopt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Adoption {
    /// Tried in order: the first rule under which a record and a row meet decides. The parts of one rule count together.
    pub rules: Vec<Vec<MatchPart>>,
    /// What becomes of rows that match no record.
    pub unmatched: Unmatched,
    /// Who reviews what was matched.
    pub review: Review,
}

/// One value that a record and a row must have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MatchPart {
    /// The contract's field.
    pub field: FieldIx,
    /// The CRM's field.
    pub target: String,
    /// Which differences do not count.
    pub compare: Compare,
}

/// Which differences between two values do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// Upper and lower case, and blanks around.
    Email,
    /// Everything but digits, and zeros in front of them.
    Digits,
    /// Upper and lower case, and how many blanks there are.
    Text,
    /// How a number, a date or an instant is written, and blanks around a text.
    Exact,
}

impl Compare {
    /// As contracts write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Digits => "digits",
            Self::Text => "text",
            Self::Exact => "exact",
        }
    }
}

/// What becomes of rows that match no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// They are delivered: each makes a record.
    Create,
    /// They wait until a person lets them go.
    Wait,
}

/// Who reviews what was matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Review {
    /// A person, who applies the plan.
    ByHand,
    /// Nobody: one record that matches one row is taken for it. Everything else waits for a person.
    Auto,
}
