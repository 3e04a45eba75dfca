//! The tables of one entity, in the words of a dialect.

use covenant_model::columns::{
    self, ColumnPart, LandingColumn, LandingType, landing_columns, names,
};
use covenant_model::spec::{
    ApplyForm, EntitySpec, FieldSpec, KeyChange, MergeRule, PiiSpec, Protection, WarehouseSink,
};
use covenant_model::terms::DeclaredTypes;
use serde::Serialize;

use super::ident::{Dialect, single_line, slug, text_literal};
use crate::emit::words;

/// A stored column of a table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TableColumn {
    /// As it stands in SQL.
    pub(crate) name: String,
    /// The bare name, as an SQL literal.
    pub(crate) text: String,
    /// Column type.
    pub(crate) ty: String,
    /// Type as which a landing file's column is read.
    pub(crate) read_ty: String,
    /// The column as it is loaded out of a landing file.
    pub(crate) read: String,
    /// Whether NULL is allowed.
    pub(crate) nullable: bool,
    /// Parquet field id, where landing files hold it.
    pub(crate) parquet_id: i32,
    /// Class of personal data.
    pub(crate) pii: Option<String>,
    /// Data type of the masking policy, where the column holds plaintext that analysts must not read.
    pub(crate) mask: Option<&'static str>,
    /// Policy, tag and comment, as they follow the column where analysts read it. Snowflake only.
    pub(crate) governed: String,
    /// The comment of it, bare.
    pub(crate) about: String,
    /// The aggregate that takes the one value that is not null.
    pub(crate) highest: &'static str,
}

impl TableColumn {
    /// A nullable column that holds no field.
    pub(crate) fn new(name: &str, ty: LandingType, parquet_id: i32, dialect: Dialect) -> Self {
        let instant = ty == LandingType::TimestampMicros;
        let read_ty = if instant { READ_INSTANT.to_owned() } else { dialect.type_name(ty) };
        Self {
            name: dialect.ident(name),
            text: text_literal(name),
            ty: dialect.type_name(ty),
            read_ty,
            nullable: true,
            parquet_id,
            read: dialect.read(name, ty),
            pii: None,
            mask: None,
            governed: String::new(),
            about: String::new(),
            highest: if ty == LandingType::Bool { "BOOLOR_AGG" } else { "MAX" },
        }
    }

    /// The column as the contract's `types` has it, where it says so.
    pub(crate) fn declared(self, types: &DeclaredTypes, dialect: Dialect) -> Self {
        match dialect.declared(types) {
            Some(ty) => Self { ty: ty.to_owned(), ..self },
            None => self,
        }
    }

    /// The column with what governs and explains it.
    pub(crate) fn governed_by(self, pii: Option<&PiiSpec>, ty: LandingType, about: &str) -> Self {
        let mask = pii.and_then(|pii| mask_of(pii.protect, ty));
        let mut governed = String::new();
        if let Some(mask) = mask {
            governed.push_str(&format!(" WITH MASKING POLICY COVENANT.{}", policy(mask, None)));
        }
        if let Some(pii) = pii {
            governed.push_str(&format!(" WITH TAG (COVENANT.PII = {})", text_literal(&pii.class)));
        }
        if !about.is_empty() {
            governed.push_str(&format!(" COMMENT {}", text_literal(&single_line(about))));
        }
        let about = about.to_owned();
        Self { pii: pii.map(|pii| pii.class.clone()), mask, governed, about, ..self }
    }
}

impl TableColumn {
    /// The column under the policy of its class, where that is not the policy of every class.
    pub(crate) fn masked_for(&mut self, own: impl Fn(&str) -> bool) {
        let (Some(class), Some(mask)) = (&self.pii, self.mask) else { return };
        if own(class) {
            let policy = policy(mask, Some(class));
            self.governed = self.governed.replacen(
                &format!("COVENANT.{}", self::policy(mask, None)),
                &format!("COVENANT.{policy}"),
                1,
            );
        }
    }
}

/// Name of a masking policy: of a type, or of a type and one class.
pub(crate) fn policy(ty: &str, class: Option<&str>) -> String {
    match class {
        Some(class) => format!("MASK_{ty}_{}", class.to_uppercase()),
        None => format!("MASK_{ty}"),
    }
}

/// Landing files hold instants as adjusted to UTC.
const READ_INSTANT: &str = "TIMESTAMP WITH TIME ZONE";

/// A column of the key.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct KeyColumn {
    /// As it stands in SQL.
    pub(crate) name: String,
    /// Column type.
    pub(crate) ty: String,
    /// Name of the column in landing files that holds the key before a move.
    pub(crate) moved_from: String,
    /// Name of the old key's column in the table of moves.
    pub(crate) from: String,
    /// Name of the new key's column there.
    pub(crate) to: String,
}

/// A merge group.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct GroupTables {
    /// As in the contract.
    pub(crate) name: String,
    /// `latest`
    pub(crate) rule: &'static str,
    /// `store, events`
    pub(crate) owners: String,
    /// Guard column.
    pub(crate) guard: String,
    /// Alias of the batch's winning values.
    pub(crate) winner: String,
    /// Alias of the highest guard so far, in intervals.
    pub(crate) running: String,
    /// Stored columns.
    pub(crate) columns: Vec<TableColumn>,
}

/// The tables of one entity.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EntityTables {
    /// `sales.order`
    pub(crate) name: String,
    /// `sales_order`
    pub(crate) slug: String,
    /// Version of the contract.
    pub(crate) version: String,
    /// What a row is, in one line.
    pub(crate) purpose: String,
    /// `SALES`
    pub(crate) schema: String,
    /// The presented view, with its schema.
    pub(crate) view: String,
    /// Rows with their guards.
    pub(crate) state: String,
    /// The append-only history.
    pub(crate) history_table: String,
    /// Intervals of the history.
    pub(crate) intervals: String,
    /// Moves from key to key.
    pub(crate) moves: String,
    /// What a batch brings.
    pub(crate) batch: String,
    /// The rows that a batch changes, complete.
    pub(crate) folded: String,
    /// In order.
    pub(crate) key: Vec<KeyColumn>,
    /// In order.
    pub(crate) groups: Vec<GroupTables>,
    /// Every column of a landing file, in order.
    pub(crate) landing: Vec<TableColumn>,
    /// The columns of the presented view, in the contract's order.
    pub(crate) presented: Vec<TableColumn>,
    /// Whether rows move between keys.
    pub(crate) rekey: bool,
    /// Whether the history is kept.
    pub(crate) history: bool,
    /// Whether MERGE applies the fold.
    pub(crate) merge: bool,
    /// Type of versions and guards.
    pub(crate) guard_type: String,
}

impl EntityTables {
    /// The presented view alone, with its schema. None where the entity has no warehouse.
    pub(crate) fn view_of(entity: &EntitySpec, dialect: Dialect) -> Option<String> {
        let sink = entity.warehouse.as_ref()?;
        Some(TableNames { dialect, sink }.table(""))
    }

    /// None where the entity has no warehouse.
    pub(crate) fn new(entity: &EntitySpec, dialect: Dialect) -> Option<Self> {
        let sink = entity.warehouse.as_ref()?;
        let names = TableNames { dialect, sink };
        let slug = slug(&entity.name);
        let internal = |prefix: &str| format!("COVENANT.{prefix}_{}", slug.to_uppercase());
        Some(Self {
            name: entity.name.clone(),
            version: entity.version.clone(),
            purpose: single_line(&entity.purpose),
            schema: dialect.ident(&sink.schema),
            view: names.table(""),
            state: names.table("_STATE"),
            history_table: names.table("_HISTORY"),
            intervals: names.table("_INTERVALS"),
            moves: names.table("_MOVES"),
            batch: internal("BATCH"),
            folded: internal("FOLDED"),
            key: key(entity, dialect),
            groups: (0..entity.groups.len()).map(|ix| group(entity, ix, dialect)).collect(),
            landing: landing_columns(entity).iter().map(|column| landed(column, dialect)).collect(),
            presented: presented(entity, dialect),
            rekey: entity.key_change == KeyChange::Rekey,
            history: sink.history,
            merge: sink.apply == ApplyForm::Merge,
            guard_type: dialect.type_name(LandingType::GUARD),
            slug,
        })
    }
}

/// Guard column of a group, and alias of the batch's winning values.
pub(crate) fn group_names(entity: &EntitySpec, ix: usize, dialect: Dialect) -> (String, String) {
    let name = entity.groups.get(ix).map(|group| group.name.as_str()).unwrap_or_default();
    (dialect.ident(&columns::guard_name(entity, ix)), dialect.ident(&format!("_w_{name}")))
}

struct TableNames<'a> {
    dialect: Dialect,
    sink: &'a WarehouseSink,
}

impl TableNames<'_> {
    fn table(&self, suffix: &str) -> String {
        let table = format!("{}{suffix}", self.sink.table);
        format!("{}.{}", self.dialect.ident(&self.sink.schema), self.dialect.ident(&table))
    }
}

fn key(entity: &EntitySpec, dialect: Dialect) -> Vec<KeyColumn> {
    let columns = columns::of_key(entity);
    columns
        .iter()
        .map(|column| KeyColumn {
            name: dialect.ident(&column.name),
            ty: column_type(entity, column, dialect),
            moved_from: dialect.ident(&format!("{}{}", names::MOVED_FROM_PREFIX, column.name)),
            from: dialect.ident(&format!("from_{}", column.name)),
            to: dialect.ident(&format!("to_{}", column.name)),
        })
        .collect()
}

/// Ciphertexts and tokens are texts, whatever they hold.
pub(crate) fn column_type(
    entity: &EntitySpec,
    column: &columns::StoredColumn,
    dialect: Dialect,
) -> String {
    let plain = entity.fields.get(column.field).filter(|_| column.part == ColumnPart::Plain);
    let declared = plain.and_then(|field| dialect.declared(&field.terms.types));
    declared.map_or_else(|| dialect.type_name(LandingType::of(&column.ty)), str::to_owned)
}

fn group(entity: &EntitySpec, ix: usize, dialect: Dialect) -> GroupTables {
    let spec = entity.groups.get(ix);
    let name = spec.map(|group| group.name.clone()).unwrap_or_default();
    let rule = match spec.map(|group| group.rule).unwrap_or(MergeRule::Latest) {
        MergeRule::Latest => "latest",
        MergeRule::Ranked => "ranked",
        MergeRule::Max => "max",
        MergeRule::Min => "min",
        MergeRule::First => "first",
    };
    let (guard, winner) = group_names(entity, ix, dialect);
    GroupTables {
        rule,
        owners: spec.map(|group| group.owners.join(", ")).unwrap_or_default(),
        guard,
        winner,
        running: dialect.ident(&format!("_r_{name}")),
        columns: stored(entity, &columns::of_group(entity, ix), dialect),
        name,
    }
}

fn stored(
    entity: &EntitySpec,
    columns: &[columns::StoredColumn],
    dialect: Dialect,
) -> Vec<TableColumn> {
    columns
        .iter()
        .map(|column| {
            let ty = LandingType::of(&column.ty);
            let table = TableColumn::new(&column.name, ty, column.parquet_id, dialect);
            let table = TableColumn { ty: column_type(entity, column, dialect), ..table };
            match entity.fields.get(column.field) {
                Some(field) => {
                    table.governed_by(field.pii.as_ref(), ty, &about(field, column.part))
                }
                None => table,
            }
        })
        .collect()
}

/// Ciphertexts and tokens need no policy: nobody reads anything out of them without the keys.
fn mask_of(protect: Protection, ty: LandingType) -> Option<&'static str> {
    match protect {
        Protection::Mask => Some(match ty {
            LandingType::Bool => "BOOLEAN",
            LandingType::Int32 | LandingType::Int64 | LandingType::Decimal { .. } => "NUMBER",
            LandingType::Text => "VARCHAR",
            LandingType::Date => "DATE",
            LandingType::TimestampMicros => "TIMESTAMP_NTZ",
            LandingType::Bytes => "BINARY",
        }),
        Protection::Encrypt | Protection::Tokenize | Protection::Drop => None,
    }
}

fn about(field: &FieldSpec, part: ColumnPart) -> String {
    let holds = match part {
        ColumnPart::Plain => None,
        ColumnPart::Cipher => Some("encrypted".to_owned()),
        ColumnPart::Token => Some("token: equal for equal values".to_owned()),
    };
    let said = field.about.as_deref().map(|about| about.trim_end_matches('.').to_owned());
    let going = words::field_going(&field.terms);
    let words: Vec<String> =
        [said, holds, field.unit.clone(), going].into_iter().flatten().collect();
    words.join(", ")
}

fn landed(column: &LandingColumn, dialect: Dialect) -> TableColumn {
    TableColumn {
        nullable: column.nullable,
        ..TableColumn::new(&column.name, column.ty, column.parquet_id, dialect)
    }
}

fn presented(entity: &EntitySpec, dialect: Dialect) -> Vec<TableColumn> {
    let columns: Vec<_> = entity
        .fields
        .iter()
        .enumerate()
        .flat_map(|(ix, field)| columns::of_field(field, ix))
        .collect();
    stored(entity, &columns, dialect)
}
