//! The columns that a field becomes once capture has protected it: what landing files, warehouse tables and ledgers hold.
//! One function decides, so that no two targets can disagree.

use serde::{Deserialize, Serialize};

use crate::spec::{EntitySpec, FieldIx, FieldSpec, GroupIx, Protection};
use crate::value::LogicalType;

/// Names of the columns that the pipeline adds. `SYS_` columns start with an underscore, which no field may.
pub mod names {
    /// Version of the change, or of the change that decided existence last. `DECIMAL(38,0)`.
    pub const VERSION: &str = "_version";
    /// Source (owner) that told the change.
    pub const SOURCE: &str = "_source";
    /// When the source committed it, microseconds in UTC. For freshness only: never orders anything.
    pub const COMMITTED_AT: &str = "_committed_at";
    /// Guard of existence. NULL in a change that says nothing about existence; NULL in a row whose owner is unseen.
    pub const EXISTS: &str = "_exists";
    /// Whether the row is there (true) or deleted (false).
    pub const ALIVE: &str = "_alive";
    /// Prefix of a merge group's guard column.
    pub const GUARD_PREFIX: &str = "_g_";
    /// Prefix of the key columns that a row moved from.
    pub const MOVED_FROM_PREFIX: &str = "_from_";
    /// Suffix of the token beside a ciphertext.
    pub const TOKEN_SUFFIX: &str = "_token";
    /// Number of the landing commit that changed the row last. For freshness only.
    pub const COMMIT: &str = "_commit";
}

/// What a stored column holds of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnPart {
    /// The value itself.
    Plain,
    /// `v1|key id|nonce|ciphertext`.
    Cipher,
    /// Keyed token: equal for equal plaintexts.
    Token,
}

/// A stored column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredColumn {
    /// Column name.
    pub name: String,
    /// The field it holds.
    pub field: FieldIx,
    /// What it holds of it.
    pub part: ColumnPart,
    /// Its type: the field's, or text for ciphertexts and tokens.
    pub ty: LogicalType,
    /// Parquet field id: the contract's id, tokens beside it.
    pub parquet_id: i32,
}

/// Parquet ids of tokens start here: contract ids stay below.
const TOKEN_ID_BASE: i32 = 100_000;

/// The stored columns of one field, in order; none where its class is dropped.
pub fn of_field(field: &FieldSpec, ix: FieldIx) -> Vec<StoredColumn> {
    let text = LogicalType::String { max_chars: None };
    let id = i32::try_from(field.id).unwrap_or(i32::MAX);
    let column =
        |name: String, part, ty, parquet_id| StoredColumn { name, field: ix, part, ty, parquet_id };
    let plain = || column(field.name.clone(), ColumnPart::Plain, field.ty.clone(), id);
    match field.pii.as_ref().map(|pii| pii.protect) {
        None | Some(Protection::Mask) => vec![plain()],
        Some(Protection::Encrypt) => vec![
            column(field.name.clone(), ColumnPart::Cipher, text.clone(), id),
            column(
                format!("{}{}", field.name, names::TOKEN_SUFFIX),
                ColumnPart::Token,
                text,
                TOKEN_ID_BASE.saturating_add(id),
            ),
        ],
        Some(Protection::Tokenize) => {
            vec![column(field.name.clone(), ColumnPart::Token, text, id)]
        }
        Some(Protection::Drop) => Vec::new(),
    }
}

/// The stored columns of a merge group, in order.
pub fn of_group(entity: &EntitySpec, group: GroupIx) -> Vec<StoredColumn> {
    let fields = entity.groups.get(group).map(|group| group.fields.as_slice()).unwrap_or(&[]);
    fields
        .iter()
        .filter_map(|ix| entity.fields.get(*ix).map(|field| of_field(field, *ix)))
        .flatten()
        .collect()
}

/// The key's columns, in order.
pub fn of_key(entity: &EntitySpec) -> Vec<StoredColumn> {
    entity
        .key
        .iter()
        .filter_map(|ix| entity.fields.get(*ix).map(|field| of_field(field, *ix)))
        .flatten()
        .collect()
}

/// Name of a group's guard column.
pub fn guard_name(entity: &EntitySpec, group: GroupIx) -> String {
    let name = entity.groups.get(group).map(|group| group.name.as_str()).unwrap_or("");
    format!("{}{name}", names::GUARD_PREFIX)
}
