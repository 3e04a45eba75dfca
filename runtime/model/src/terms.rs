//! Words of a contract that say how long something is there, and what its readers and the people that it is about may
//! rely on. Plain data, like [`crate::spec`]; nothing here changes what a record must be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What other standards say of a thing and the language has no place for, by standard: `covenant import` keeps it here, and
/// `covenant export` gives it back. Nothing runs by it, so no manifest has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Extensions(pub BTreeMap<String, Value>);

impl Extensions {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How far a dataset or a field is on its way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It stays.
    #[default]
    Active,
    /// It goes; read something else from now on.
    Deprecated,
    /// Nobody reads it any more.
    Retired,
}

impl Status {
    /// As contracts write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Retired => "retired",
        }
    }
}

/// Terms of an entity or a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DatasetTerms {
    /// How far it is on its way out.
    #[serde(default)]
    pub status: Status,
    /// The day until which it can be read, `2027-06-30`.
    #[serde(default)]
    pub sunset: Option<String>,
    /// What other standards say of it.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// Terms of a field of an entity or a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldTerms {
    /// How far it is on its way out.
    #[serde(default)]
    pub status: Status,
    /// The day until which it can be read, `2027-06-30`.
    #[serde(default)]
    pub sunset: Option<String>,
    /// Whether decisions rest on it, so that a change of its meaning is looked at by people.
    #[serde(default)]
    pub critical: bool,
    /// Values that it may have, in the text of the type; for the reader. Never of personal data.
    #[serde(default)]
    pub examples: Vec<String>,
    /// What it is on a platform, where that is not what follows from its type.
    #[serde(default, skip_serializing_if = "DeclaredTypes::is_empty")]
    pub types: DeclaredTypes,
    /// What other standards say of it.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// Types by platform, in the platform's own words. Each holds every value of the field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeclaredTypes {
    /// Column of a Snowflake table: `VARCHAR(400)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snowflake: Option<String>,
    /// Column of a DuckDB table: `BIGINT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duckdb: Option<String>,
    /// Field of a Salesforce object: `Text(80)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesforce: Option<String>,
}

impl DeclaredTypes {
    /// Whether every platform has the type that follows from the field's.
    pub fn is_empty(&self) -> bool {
        self.snowflake.is_none() && self.duckdb.is_none() && self.salesforce.is_none()
    }
}

/// What makes a column of a model, which is computed from personal data, less personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Declassifier {
    /// Cut to its first characters, a date to its month or year.
    Truncate,
    /// Put into one of a few classes.
    Bucket,
    /// A digest.
    Hash,
    /// Persons counted.
    Count,
}

impl Declassifier {
    /// As contracts write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Truncate => "truncate",
            Self::Bucket => "bucket",
            Self::Hash => "hash",
            Self::Count => "count",
        }
    }
}

/// How a column of a model is declassified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Declassify {
    /// By what.
    pub by: Declassifier,
    /// Under `count`: persons of the smallest group that is shown.
    #[serde(default)]
    pub min_group: Option<u32>,
}

/// What a class of personal data demands of the contracts that hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClassTerms {
    /// Whether every field of it must say whose data it is, so that it can be erased.
    #[serde(default)]
    pub erasure_required: bool,
    /// Days; longer it must not be kept anywhere.
    #[serde(default)]
    pub max_retention_days: Option<u32>,
    /// Classes that it stands above: what is made of data of one of them may be of this class, and what they forbid is forbidden
    /// here, too. See [`crate::classes`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<String>,
    /// Roles of the warehouse that never see its plaintext.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbid_roles: Vec<WarehouseRole>,
    /// Regions in which it is never stored: `us-east-1`, or `us-*` for all that begin like that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbid_regions: Vec<String>,
}

/// Roles of the warehouse that see the plaintext of masked columns. (Analysts never do; loaders see what is stored.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WarehouseRole {
    /// Runs models.
    Transformer,
    /// Reads personal data in the clear.
    PiiReader,
}

impl WarehouseRole {
    /// As contracts write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::PiiReader => "pii_reader",
        }
    }
}
