//! The CRM seam: upsert by external id with an outcome per row, and what people changed there.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Result;

/// A record to write: JSON fields as the CRM names them, the external id and the delivery revision among them.
#[derive(Clone, Debug, PartialEq)]
pub struct CrmRecord {
    /// Value of the external id.
    pub external_id: String,
    /// Fields.
    pub fields: Map<String, Value>,
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

/// A CRM. **Every call may be applied although its answer is lost**: callers repeat the same upsert, never an insert.
#[async_trait]
pub trait Crm: Send + Sync {
    /// Upserts up to [`MAX_ROWS_PER_CALL`] records of one object, one per external id; outcomes in request order.
    ///
    /// # Errors
    /// `Unavailable` (outcome unknown), `Throttled` (with the time), `Credentials`, `Rejected`.
    async fn upsert(
        &self,
        object: &str,
        external_id_field: &str,
        records: &[CrmRecord],
    ) -> Result<Vec<RowOutcome>>;

    /// Deletes by the CRM's ids; outcomes in request order.
    ///
    /// # Errors
    /// As [`Crm::upsert`].
    async fn delete(&self, object: &str, ids: &[String]) -> Result<Vec<RowOutcome>>;

    /// Changes the external id of a record that moved to another key.
    ///
    /// # Errors
    /// As [`Crm::upsert`].
    async fn rekey(
        &self,
        object: &str,
        external_id_field: &str,
        from: &str,
        to: &CrmRecord,
    ) -> Result<RowOutcome>;

    /// Records whose SystemModstamp lies in `[from, to)` (whole seconds), by keyset `(SystemModstamp, Id)`, as JSON texts.
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
}

/// Most records in one call (sObject Collections).
pub const MAX_ROWS_PER_CALL: usize = 200;

/// A record that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
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
