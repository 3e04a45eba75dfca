//! The CRM seam: upsert by external id with an outcome per row, and what people changed there.

pub mod errors;
pub mod memory;
pub mod org;
pub mod salesforce;

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use covenant_model::change::Key;
use covenant_model::value::Value;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

pub use self::org::{Having, OrgRecord, PAGE_ROWS, Shown, Stamp};
use crate::error::Result;

/// A value as the CRM takes it. `Debug` shows the kind only: plaintext that a sink reveals passes through here.
#[derive(Clone, PartialEq, Eq)]
pub enum CrmValue {
    /// Sets the field to nothing.
    Null,
    /// Checkbox.
    Bool(bool),
    /// Plain decimal text, sent as a JSON number with every digit: no binary floating point on the way.
    Number(String),
    /// Text, date, date-time, picklist.
    Text(String),
    /// A parent, by its external id.
    Lookup {
        /// The parent object: what a missing parent is looked up in.
        object: String,
        /// The parent's external id field.
        external_id_field: String,
        /// The parent's external id.
        external_id: String,
    },
}

impl fmt::Debug for CrmValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "<null>",
            Self::Bool(_) => "<bool>",
            Self::Number(_) => "<number>",
            Self::Text(_) => "<text>",
            Self::Lookup { .. } => "<lookup>",
        })
    }
}

impl Serialize for CrmValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Number(text) => RawValue::from_string(text.clone())
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Lookup { external_id_field, external_id, .. } => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(external_id_field, external_id)?;
                map.end()
            }
        }
    }
}

/// A record to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmRecord {
    /// Value of the external id. Never PII.
    pub external_id: String,
    /// Raised with every send; the CRM itself refuses a lower one.
    pub revision: u64,
    /// By the CRM's names, without the external id and the revision.
    pub fields: BTreeMap<String, CrmValue>,
}

/// An object of the CRM, as a delivery addresses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmObject {
    /// `Order__c`
    pub name: String,
    /// External id field.
    pub external_id_field: String,
    /// Number field with the delivery revision.
    pub revision_field: String,
}

/// Why a row was refused; decides what happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowErrorClass {
    /// Somebody else holds the record: smaller, alone, jittered.
    Lock,
    /// The parent is not there yet: parked until it is.
    ParentMissing,
    /// The delivery revision is lower than the record's: it is already newer.
    AlreadyNewer,
    /// The record is not there (any more).
    Gone,
    /// The record itself is refused (validation, length, picklist, duplicate rule): quarantined.
    Invalid,
    /// May heal: again.
    Transient,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowOutcome {
    /// Written; the CRM's id of the record.
    Written {
        /// `001…`
        id: String,
        /// Whether it is new.
        created: bool,
    },
    /// Refused.
    Refused {
        /// The class.
        class: RowErrorClass,
        /// `UNABLE_TO_LOCK_ROW`
        code: String,
        /// What the CRM said, with every quoted value removed.
        message: String,
    },
}

/// A record that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// `001…`
    pub id: String,
    /// Its delivery revision; 0 where nothing was ever delivered to it.
    pub revision: u64,
}

/// How much of the CRM's daily allowance is used, by everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiUsage {
    /// Calls in the last 24 hours.
    pub used: u64,
    /// Calls allowed in 24 hours.
    pub max: u64,
}

/// A CRM. **Every call may be applied although its answer is lost**: callers repeat the same upsert, never an insert.
#[async_trait]
pub trait Crm: Send + Sync {
    /// Upserts up to [`MAX_ROWS_PER_CALL`] records of one object, one per external id; outcomes in request order.
    ///
    /// # Errors
    /// `Unavailable` (outcome unknown), `Throttled` (with the time), `Credentials`, `Rejected`.
    async fn upsert(&self, object: &CrmObject, records: &[CrmRecord]) -> Result<Vec<RowOutcome>>;

    /// Deletes up to [`MAX_ROWS_PER_CALL`] records by the CRM's ids; outcomes in request order.
    ///
    /// # Errors
    /// As [`Crm::upsert`].
    async fn delete(&self, object: &CrmObject, ids: &[String]) -> Result<Vec<RowOutcome>>;

    /// Looks up to [`MAX_ROWS_PER_CALL`] records up by external id; answers in request order.
    ///
    /// # Errors
    /// As [`Crm::upsert`].
    async fn find(&self, object: &CrmObject, external_ids: &[String])
    -> Result<Vec<Option<Found>>>;

    /// Writes a record by its id, its external id too: what a row that moved to another key needs.
    ///
    /// # Errors
    /// As [`Crm::upsert`].
    async fn rekey(&self, object: &CrmObject, id: &str, to: &CrmRecord) -> Result<RowOutcome>;

    /// Records whose SystemModstamp lies in `[from, to)` (whole seconds), deleted ones too, by keyset
    /// `(SystemModstamp, Id)`, as JSON texts.
    ///
    /// # Errors
    /// As [`Crm::upsert`].
    async fn modified(
        &self,
        object: &str,
        fields: &[String],
        from_us: i64,
        to_us: i64,
    ) -> Result<Vec<ModifiedRecord>>;

    /// A page of an object's records in the order of their ids, behind `after`; fewer than [`PAGE_ROWS`]: the last one. Deleted
    /// ones are not there.
    ///
    /// # Errors
    /// As [`Crm::upsert`].
    async fn page(
        &self,
        object: &str,
        fields: &[String],
        having: Having<'_>,
        after: Option<&str>,
    ) -> Result<Vec<OrgRecord>>;

    /// Reads up to [`MAX_ROWS_PER_CALL`] records by the CRM's ids; answers in request order, none for those that are not there.
    ///
    /// # Errors
    /// As [`Crm::upsert`].
    async fn retrieve(
        &self,
        object: &str,
        ids: &[String],
        fields: &[String],
    ) -> Result<Vec<Option<OrgRecord>>>;

    /// Reads every record that carries one of up to [`MAX_ROWS_PER_CALL`] external ids; all of them, where several share one.
    ///
    /// # Errors
    /// As [`Crm::upsert`].
    async fn holding(
        &self,
        object: &CrmObject,
        external_ids: &[String],
        fields: &[String],
    ) -> Result<Vec<OrgRecord>>;

    /// Gives up to [`MAX_ROWS_PER_CALL`] records their external id, under [`STAMP_REVISION`], and changes nothing else; outcomes
    /// in request order. A record that was delivered to since refuses it.
    ///
    /// # Errors
    /// As [`Crm::upsert`].
    async fn stamp(&self, object: &CrmObject, stamps: &[Stamp]) -> Result<Vec<RowOutcome>>;

    /// What the CRM last said of its daily allowance; none before the first answer.
    fn usage(&self) -> Option<ApiUsage>;
}

/// Delivery revision of a stamp: below that of every delivery. A stamp that times out and executes when its record has long
/// been delivered to, or moved to another key, is refused by the same rule as a late delivery.
pub const STAMP_REVISION: u64 = 0;

/// Most records in one call (sObject Collections).
pub const MAX_ROWS_PER_CALL: usize = 200;

/// A record that was read back.
#[derive(Clone, PartialEq, Eq)]
pub struct ModifiedRecord {
    /// `001…`
    pub id: String,
    /// SystemModstamp, microseconds since 1970 (whole seconds).
    pub modified_at_us: i64,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The record's JSON.
    pub json: Vec<u8>,
}

impl fmt::Debug for ModifiedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModifiedRecord({}, content hidden)", self.id)
    }
}

/// Joins the parts of a key in an external id.
pub(crate) const KEY_SEPARATOR: &str = "|";

/// The external id of a row: the texts of its key, joined by `|`.
pub fn external_id_of(key: &Key) -> String {
    key.0.iter().map(key_text).collect::<Vec<_>>().join(KEY_SEPARATOR)
}

fn key_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Decimal(unscaled) => unscaled.to_string(),
        Value::Text(text) => text.clone(),
        Value::Uuid(number) => uuid::Uuid::from_u128(*number).to_string(),
        Value::Date(days) => days.to_string(),
        Value::Timestamp(us) => us.to_string(),
        Value::Bytes(bytes) => hex::encode(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit() {
        let number = CrmValue::Number("12345678901234567.89".to_owned());
        assert_eq!(serde_json::to_string(&number).unwrap(), "12345678901234567.89");
    }

    #[test]
    fn an_external_id_joins_the_key() {
        let key = Key(vec![Value::Uuid(1), Value::Int(7)]);
        assert_eq!(external_id_of(&key), "00000000-0000-0000-0000-000000000001|7");
    }
}
