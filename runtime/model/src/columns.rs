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

/// Physical type of a landing column: what the Parquet file holds, and what the warehouse reads out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LandingType {
    /// BOOLEAN.
    Bool,
    /// INT32.
    Int32,
    /// INT64.
    Int64,
    /// DECIMAL, as fixed-length bytes where the precision needs it.
    Decimal {
        /// All digits, at most 38.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// UTF-8. UUIDs are hyphenated lower-case text, enums their symbol, JSON its text.
    Text,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970 in UTC, adjusted to UTC.
    TimestampMicros,
    /// BYTE_ARRAY without a logical type.
    Bytes,
}

impl LandingType {
    /// Versions and guards: one integer of at most 38 digits.
    pub const GUARD: LandingType = LandingType::Decimal { precision: 38, scale: 0 };

    /// How a logical type is stored.
    pub fn of(ty: &LogicalType) -> Self {
        match ty {
            LogicalType::Bool => Self::Bool,
            LogicalType::Int32 => Self::Int32,
            LogicalType::Int64 => Self::Int64,
            LogicalType::Decimal { precision, scale } => {
                Self::Decimal { precision: *precision, scale: *scale }
            }
            LogicalType::String { .. }
            | LogicalType::Uuid
            | LogicalType::Enum { .. }
            | LogicalType::Json => Self::Text,
            LogicalType::Date => Self::Date,
            LogicalType::Timestamp => Self::TimestampMicros,
            LogicalType::Bytes => Self::Bytes,
        }
    }
}

/// What a landing column is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LandingRole {
    /// The n-th column of the key.
    Key(usize),
    /// The change's version.
    Version,
    /// The source that told the change.
    Source,
    /// When the source committed it.
    CommittedAt,
    /// Guard of existence.
    Exists,
    /// Whether the row is there.
    Alive,
    /// The n-th column of the key that the row moved from.
    MovedFrom(usize),
    /// Guard of a merge group.
    Guard(GroupIx),
    /// The n-th stored column of a merge group.
    Stored(GroupIx, usize),
}

/// A column of an entity's landing file and of its batch table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LandingColumn {
    /// Column name.
    pub name: String,
    /// What it is for.
    pub role: LandingRole,
    /// Physical type.
    pub ty: LandingType,
    /// Parquet field id, unique within the file and stable over contract versions.
    pub parquet_id: i32,
    /// Whether a row may leave it out.
    pub nullable: bool,
}

/// Parquet ids of the columns that every landing file has.
const SYSTEM_ID_BASE: i32 = 200_000;
/// A group's guard: this plus the smallest contract id of its fields, so that groups may come and go.
const GUARD_ID_BASE: i32 = 300_000;
/// A key column before a move: this plus its contract id.
const MOVED_FROM_ID_BASE: i32 = 400_000;

/// The columns of an entity's landing files, in order: key, version, source, commit time, existence, the key before a move,
/// then every merge group's guard and stored columns. The landing writer and every warehouse's SQL use this one list.
pub fn landing_columns(entity: &EntitySpec) -> Vec<LandingColumn> {
    let key = of_key(entity);
    let mut columns = Vec::new();
    for (at, column) in key.iter().enumerate() {
        columns.push(LandingColumn {
            name: column.name.clone(),
            role: LandingRole::Key(at),
            ty: LandingType::of(&column.ty),
            parquet_id: column.parquet_id,
            nullable: false,
        });
    }
    columns.extend(system_columns());
    for (at, column) in key.iter().enumerate() {
        columns.push(LandingColumn {
            name: format!("{}{}", names::MOVED_FROM_PREFIX, column.name),
            role: LandingRole::MovedFrom(at),
            ty: LandingType::of(&column.ty),
            parquet_id: MOVED_FROM_ID_BASE.saturating_add(column.parquet_id),
            nullable: true,
        });
    }
    for (ix, group) in entity.groups.iter().enumerate() {
        columns.push(LandingColumn {
            name: guard_name(entity, ix),
            role: LandingRole::Guard(ix),
            ty: LandingType::GUARD,
            parquet_id: GUARD_ID_BASE.saturating_add(smallest_id(entity, &group.fields)),
            nullable: true,
        });
        for (at, column) in of_group(entity, ix).into_iter().enumerate() {
            columns.push(LandingColumn {
                role: LandingRole::Stored(ix, at),
                ty: LandingType::of(&column.ty),
                name: column.name,
                parquet_id: column.parquet_id,
                nullable: true,
            });
        }
    }
    columns
}

fn system_columns() -> impl Iterator<Item = LandingColumn> {
    let system = [
        (names::VERSION, LandingRole::Version, LandingType::GUARD, false),
        (names::SOURCE, LandingRole::Source, LandingType::Text, false),
        (names::COMMITTED_AT, LandingRole::CommittedAt, LandingType::TimestampMicros, false),
        (names::EXISTS, LandingRole::Exists, LandingType::GUARD, true),
        (names::ALIVE, LandingRole::Alive, LandingType::Bool, true),
    ];
    system.into_iter().zip(SYSTEM_ID_BASE..).map(|((name, role, ty, nullable), parquet_id)| {
        LandingColumn { name: name.to_owned(), role, ty, parquet_id, nullable }
    })
}

fn smallest_id(entity: &EntitySpec, fields: &[FieldIx]) -> i32 {
    let ids = fields.iter().filter_map(|ix| entity.fields.get(*ix)).map(|field| field.id);
    ids.min().and_then(|id| i32::try_from(id).ok()).unwrap_or(i32::MAX - GUARD_ID_BASE)
}
