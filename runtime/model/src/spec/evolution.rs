//! Words by which a contract changes without breaking who is bound to it. Every one of them has a default that says
//! nothing and is not written, so that contracts without them are, byte for byte, what they were.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most characters of a symbol that an open enum did not declare: what a Salesforce picklist takes.
pub const OPEN_SYMBOL_CHARS_MAX: u32 = 255;

/// What a field says of records that know less, more or other names than the contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldEvolution {
    /// What a record gets that leaves the field out, in the text of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Older names that events and Salesforce may still use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Of an enum: symbols that are not declared pass through and are kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub open: bool,
    /// Of an enum: old symbol -> what it is called now. Records that use the old one are read as the new one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub renamed: BTreeMap<String, String>,
}

impl FieldEvolution {
    /// Whether it says nothing: then it is not written.
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

/// What an entity says of its own past.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EntityEvolution {
    /// The name that the entity had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formerly: Option<String>,
}

impl EntityEvolution {
    /// Whether it says nothing: then it is not written.
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of an event with members that the contract does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnknownMembers {
    /// They are ignored.
    #[default]
    Open,
    /// The event is quarantined.
    Closed,
}

impl UnknownMembers {
    /// The default, which is not written.
    pub fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
