//! Records as the org itself holds them: what adoption and comparisons read, page by page.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

/// Records of one page of [`super::Crm::page`]. A page that has fewer is the last one.
pub const PAGE_ROWS: usize = 2_000;

/// Which records of an object are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Having<'a> {
    /// All of them.
    Anything,
    /// Those without a value in this field.
    No(&'a str),
    /// Those with one.
    Some(&'a str),
}

/// A record as the org holds it. `Debug` shows its id only.
#[derive(Clone, PartialEq, Eq)]
pub struct OrgRecord {
    /// `001…`
    pub id: String,
    /// The record's JSON, with the fields that were asked for.
    pub json: Vec<u8>,
}

impl OrgRecord {
    /// Its fields, as written: numbers keep every digit. Empty where the JSON is no object.
    pub fn fields(&self) -> BTreeMap<&str, &RawValue> {
        serde_json::from_slice(&self.json).unwrap_or_default()
    }
}

impl fmt::Debug for OrgRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrgRecord({}, content hidden)", self.id)
    }
}

/// The external id that a record is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// `001…`
    pub id: String,
    /// Never PII.
    pub external_id: String,
}
