//! A source's record as it came. Lives in memory; on disk only as the encrypted payload of a quarantined record, from which a
//! retry derives its changes again, with the version that the record had.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use covenant_model::version::{Incarnation, Lsn};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::source::{DatumAt, Relation, RelationColumn, RowOp, Tuple};

/// A record and its place.
#[derive(Clone, Serialize, Deserialize)]
pub struct Raw {
    /// Incarnation of the source when it came.
    pub incarnation: Incarnation,
    /// When the source committed it, microseconds since 1970.
    pub committed_at_us: i64,
    /// What it is.
    pub record: RawRecord,
}

/// What came.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RawRecord {
    /// A row of a table.
    Row {
        /// Commit LSN, or the bound of a table read.
        lsn: Lsn,
        /// Ordinal in the transaction; 0 for a table read.
        ordinal: u32,
        /// Where.
        relation: RawRelation,
        /// What.
        op: RawOp,
    },
    /// An event.
    Event {
        /// The stream.
        stream: String,
        /// Its JSON.
        json: RawBytes,
    },
    /// A polled Salesforce record.
    Crm {
        /// The object.
        object: String,
        /// SystemModstamp, microseconds since 1970.
        modified_at_us: i64,
        /// Whether it was deleted.
        deleted: bool,
        /// Its JSON.
        json: RawBytes,
    },
}

/// A relation, as the stream described it then.
#[derive(Clone, Serialize, Deserialize)]
pub struct RawRelation {
    schema: String,
    table: String,
    /// Name, whether it is in the replica identity, type OID.
    columns: Vec<(String, bool, u32)>,
}

/// What happened to a row.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RawOp {
    Insert { new: RawTuple },
    Update { old: Option<RawTuple>, new: RawTuple },
    Delete { old: RawTuple },
    Truncate,
}

/// A tuple.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawTuple(Vec<RawDatum>);

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawDatum {
    Null,
    Unchanged,
    Text(RawBytes),
}

/// Bytes, as base64 in JSON.
#[derive(Clone)]
pub struct RawBytes(pub Vec<u8>);

impl Serialize for RawBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for RawBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(|_| serde::de::Error::custom("no base64"))
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({}, content hidden)", self.position())
    }
}

impl Raw {
    /// Where it stood in its source; none where only its content tells (events).
    pub fn position(&self) -> String {
        match &self.record {
            RawRecord::Row { lsn, ordinal: 0, .. } => format!("read below {lsn}"),
            RawRecord::Row { lsn, ordinal, .. } => format!("{lsn}#{ordinal}"),
            RawRecord::Event { stream, .. } => stream.clone(),
            RawRecord::Crm { object, modified_at_us, .. } => format!("{object}@{modified_at_us}"),
        }
    }
}

impl From<&Relation> for RawRelation {
    fn from(relation: &Relation) -> Self {
        let columns = relation.columns.iter();
        Self {
            schema: relation.schema.clone(),
            table: relation.table.clone(),
            columns: columns.map(|c| (c.name.clone(), c.key, c.type_oid)).collect(),
        }
    }
}

impl From<&RawRelation> for Relation {
    fn from(raw: &RawRelation) -> Self {
        let columns = raw.columns.iter().cloned();
        Self {
            schema: raw.schema.clone(),
            table: raw.table.clone(),
            columns: columns
                .map(|(name, key, type_oid)| RelationColumn { name, key, type_oid })
                .collect(),
        }
    }
}

impl From<&Tuple> for RawTuple {
    fn from(tuple: &Tuple) -> Self {
        let datums = tuple.datums.iter().map(|datum| match datum {
            DatumAt::Null => RawDatum::Null,
            DatumAt::Unchanged => RawDatum::Unchanged,
            DatumAt::Text(range) => {
                RawDatum::Text(RawBytes(tuple.bytes.get(range.clone()).unwrap_or(&[]).to_vec()))
            }
        });
        Self(datums.collect())
    }
}

impl From<&RawTuple> for Tuple {
    fn from(raw: &RawTuple) -> Self {
        let mut bytes = Vec::new();
        let datums = raw
            .0
            .iter()
            .map(|datum| match datum {
                RawDatum::Null => DatumAt::Null,
                RawDatum::Unchanged => DatumAt::Unchanged,
                RawDatum::Text(text) => {
                    let start = bytes.len();
                    bytes.extend_from_slice(&text.0);
                    DatumAt::Text(start..bytes.len())
                }
            })
            .collect();
        Self { bytes: bytes.into(), datums }
    }
}

impl From<&RowOp> for RawOp {
    fn from(op: &RowOp) -> Self {
        match op {
            RowOp::Insert { new } => Self::Insert { new: new.into() },
            RowOp::Update { old, new } => {
                Self::Update { old: old.as_ref().map(Into::into), new: new.into() }
            }
            RowOp::Delete { old } => Self::Delete { old: old.into() },
            RowOp::Truncate => Self::Truncate,
        }
    }
}

impl From<&RawOp> for RowOp {
    fn from(raw: &RawOp) -> Self {
        match raw {
            RawOp::Insert { new } => Self::Insert { new: new.into() },
            RawOp::Update { old, new } => {
                Self::Update { old: old.as_ref().map(Into::into), new: new.into() }
            }
            RawOp::Delete { old } => Self::Delete { old: old.into() },
            RawOp::Truncate => Self::Truncate,
        }
    }
}
