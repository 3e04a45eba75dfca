//! What contracts mean, as plain data: the compiler's plan, the manifest's content, what every target is emitted from.
//! Built by the compiler only, and only from checked contracts. Field and group numbers index into
//! [`EntitySpec::fields`] and [`EntitySpec::groups`].

mod adoption;
mod evolution;
mod outbox;
mod row_filter;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expr::Expr;
use crate::terms::{ClassTerms, DatasetTerms, Declassify, Extensions, FieldTerms};
use crate::value::LogicalType;

pub use adoption::{Adoption, Compare, MatchPart, Review, Unmatched};
pub use evolution::{EntityEvolution, FieldEvolution, OPEN_SYMBOL_CHARS_MAX, UnknownMembers};
pub use outbox::OutboxSpec;
pub use row_filter::{RowCondition, RowFilter, RowLiteral};

/// Index into [`EntitySpec::fields`].
pub type FieldIx = usize;
/// Index into [`EntitySpec::groups`].
pub type GroupIx = usize;

/// The project: systems, classes of personal data, purposes, environments, budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProjectSpec {
    /// `acme-retail`.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// Who answers for it.
    pub owner: String,
    /// One paragraph.
    pub purpose: String,
    /// By name.
    pub systems: BTreeMap<String, SystemSpec>,
    /// PII classes by name.
    pub pii_classes: BTreeMap<String, PiiClass>,
    /// Purposes for which a sink may reveal, with their description.
    pub purposes: BTreeMap<String, String>,
    /// Environments by name, each with its settings.
    pub environments: BTreeMap<String, BTreeMap<String, String>>,
    /// Dollars a month.
    pub monthly_usd: Option<u32>,
    /// Whether a field without a class must say that it holds no personal data.
    #[serde(default)]
    pub classify_required: bool,
    /// What other standards say of it.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// A system that data comes from or goes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SystemSpec {
    /// A PostgreSQL database read by logical replication.
    Postgres {
        /// What it is.
        purpose: String,
        /// Name of the publication.
        publication: String,
        /// Name of the replication slot.
        slot: String,
        /// Where it stands: `eu-central-1`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// A stream of events.
    Stream {
        /// What it is.
        purpose: String,
        /// The table that producers write its events to, with the rest of their transaction; none: they send them over HTTP.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outbox: Option<OutboxSpec>,
        /// Where it stands: `eu-central-1`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// A Salesforce org, source and sink.
    Salesforce {
        /// What it is.
        purpose: String,
        /// `60.0`
        api_version: String,
        /// API calls that the org may use in 24 hours.
        daily_calls: u32,
        /// What we may use of them, in percent.
        share_percent: u8,
        /// Whose describes are committed: `acme.my.salesforce.com`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        org: Option<String>,
        /// Folder of the describes, beside `project.yaml`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        describe: Option<String>,
        /// What our records may take of the org's data storage, in megabytes as Salesforce counts them (1024 KB).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        storage_mb: Option<u32>,
        /// Where it stands: `eu-central-1`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// The warehouse.
    Snowflake {
        /// What it is.
        purpose: String,
        /// Name of the database.
        database: String,
        /// Where it stands: `eu-central-1`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
}

impl SystemSpec {
    /// Where it stands, where the project says so.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Postgres { region, .. }
            | Self::Stream { region, .. }
            | Self::Salesforce { region, .. }
            | Self::Snowflake { region, .. } => region.as_deref(),
        }
    }
}

/// A class of personal data and how capture protects it, the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PiiClass {
    /// What capture does.
    pub protect: Protection,
    /// What belongs to the class.
    pub about: String,
    /// Systems that must never get it, protected or not.
    pub forbid: Vec<String>,
    /// Erasure and the longest retention.
    #[serde(default)]
    pub terms: ClassTerms,
}

/// What capture does with a field of a class, before anything touches disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// `v1|key id|nonce|ciphertext`, and a keyed token for joins.
    Encrypt,
    /// The token only.
    Tokenize,
    /// Plaintext under encrypted storage and a masking policy.
    Mask,
    /// Never landed.
    Drop,
}

/// An entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EntitySpec {
    /// `sales.order`.
    pub name: String,
    /// Semantic version of the contract.
    pub version: String,
    /// SHA-256 of the contract's meaning, hexadecimal: what a binary and a manifest must agree on.
    pub contract_hash: String,
    /// Who answers for it.
    pub owner: String,
    /// What a row is.
    pub purpose: String,
    /// Which changes the contract promises not to make.
    pub compatibility: Compatibility,
    /// The key, in order. Never PII, never null.
    pub key: Vec<FieldIx>,
    /// Whether a deleted key can come back.
    pub key_reuse: KeyReuse,
    /// What a changed key means.
    pub key_change: KeyChange,
    /// The source that decides whether a row exists.
    pub existence_owner: String,
    /// In the contract's order.
    pub fields: Vec<FieldSpec>,
    /// Derived: see [`GroupSpec`].
    pub groups: Vec<GroupSpec>,
    /// By name.
    pub sources: BTreeMap<String, SourceSpec>,
    /// Where the current rows and their history are kept.
    pub warehouse: Option<WarehouseSink>,
    /// What is delivered to Salesforce.
    pub salesforce: Option<SalesforceSink>,
    /// Rules over the fields of a record.
    pub quality: Vec<QualityRule>,
    /// Freshness, volume, retention.
    pub expect: Expectations,
    /// Ids and names of removed fields.
    pub reserved: Vec<Reserved>,
    /// Status and sunset.
    #[serde(default)]
    pub terms: DatasetTerms,
    /// Ids of fields whose values together no two rows have, besides the key; each sorted.
    #[serde(default)]
    pub unique: Vec<Vec<u32>>,
    /// What it says of its own past.
    #[serde(default, skip_serializing_if = "EntityEvolution::is_silent")]
    pub evolution: EntityEvolution,
}

/// Which changes a contract promises not to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Compatibility {
    Backward,
    Forward,
    Full,
    BackwardTransitive,
    ForwardTransitive,
    FullTransitive,
}

/// Whether a deleted key can come back as another row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyReuse {
    /// It can; only `latest` rules are then independent of arrival.
    Allowed,
    /// It cannot.
    Never,
}

/// What an update of the key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyChange {
    /// Quarantined and alarmed.
    Reject,
    /// The row moves: the old key is deleted, the new one inserted, everything else moves along.
    Rekey,
}

impl EntitySpec {
    /// Whether a source is a stream of events. Their time is when something happened, often long before they were told, so
    /// freshness is not measured from it.
    pub fn tells_events(&self, source: &str) -> bool {
        matches!(self.sources.get(source), Some(SourceSpec::Stream { .. }))
    }
}

/// A field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldSpec {
    /// Stable: a renamed field keeps it.
    pub id: u32,
    /// Name in the contract and in every table.
    pub name: String,
    /// Logical type.
    pub ty: LogicalType,
    /// Whether NULL is a value of it.
    pub nullable: bool,
    /// Whether a change may leave it out (by declaration).
    pub optional: bool,
    /// Whether PostgreSQL may leave it out of a change because it is stored out of line and unchanged.
    pub large: bool,
    /// Which sources tell it, and by what name: source -> column, JSON member or Salesforce field.
    pub from: BTreeMap<String, String>,
    /// How competing values are settled.
    pub merge: MergeRule,
    /// Under `ranked`: the integer field whose higher value marks a correction by the owner.
    pub generation: Option<FieldIx>,
    /// Under `ranked`: declared steps from a state to its successors; others only raise an anomaly.
    pub transitions: BTreeMap<String, Vec<String>>,
    /// Class of personal data and what follows from it.
    pub pii: Option<PiiSpec>,
    /// The entity whose key this holds.
    pub references: Option<String>,
    /// `EUR`.
    pub unit: Option<String>,
    /// Smallest allowed value, in the text of the type.
    pub min: Option<String>,
    /// Largest allowed value.
    pub max: Option<String>,
    /// Regular expression that the whole text must match.
    pub pattern: Option<String>,
    /// `email`.
    pub format: Option<String>,
    /// For the reader.
    pub about: Option<String>,
    /// The merge group; none for fields of the key and for dropped PII.
    pub group: Option<GroupIx>,
    /// Status, sunset, examples, whether it is critical.
    #[serde(default)]
    pub terms: FieldTerms,
    /// Path to the field that says whose data this is: `customer_id`, `order_id.customer_id`.
    #[serde(default)]
    pub subject: Option<String>,
    /// What it says of records that know less, more or other names.
    #[serde(default, skip_serializing_if = "FieldEvolution::is_silent")]
    pub evolution: FieldEvolution,
}

impl FieldSpec {
    /// The type of the values that validators take: an open enum takes any short text.
    pub fn read_type(&self) -> Cow<'_, LogicalType> {
        if self.evolution.open {
            Cow::Owned(LogicalType::String { max_chars: Some(OPEN_SYMBOL_CHARS_MAX) })
        } else {
            Cow::Borrowed(&self.ty)
        }
    }
}

/// A field's class of personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PiiSpec {
    /// Name of the class.
    pub class: String,
    /// What capture does.
    pub protect: Protection,
}

/// How competing values of a field are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MergeRule {
    /// The newest version of the field's one owner.
    Latest,
    /// The highest state of a declared order.
    Ranked,
    /// The largest value.
    Max,
    /// The smallest value.
    Min,
    /// The oldest version's value.
    First,
}

/// Fields that are written together and guarded by one number. Derived by the compiler:
/// an owner's fields that every change carries are one group under `latest`, named after the owner; every field that a
/// change may leave out, and every field under another rule, is a group of its own, named after the field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupSpec {
    /// The owner's or the field's name.
    pub name: String,
    /// One for all its fields.
    pub rule: MergeRule,
    /// The sources that write it; more than one only under rules other than `latest`.
    pub owners: Vec<String>,
    /// In field order.
    pub fields: Vec<FieldIx>,
}

/// Where an entity's changes come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceSpec {
    /// A table.
    Postgres {
        /// Name of the system.
        system: String,
        /// `public`
        schema: String,
        /// `orders`
        table: String,
        /// Which of its rows are the entity's; none: all.
        #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
        filter: Option<RowFilter>,
    },
    /// A stream of JSON events.
    Stream {
        /// Name of the system.
        system: String,
        /// `order-events`
        stream: String,
        /// Member with the event's unique id.
        event_id: String,
        /// Member with the sequence that orders events per key; none: the event time orders them.
        order: Option<String>,
        /// Member with the event time.
        occurred_at: String,
        /// What becomes of events with other members.
        #[serde(default, skip_serializing_if = "UnknownMembers::is_open")]
        unknown: UnknownMembers,
    },
    /// A Salesforce object.
    Salesforce {
        /// Name of the system.
        system: String,
        /// `Account`
        object: String,
        /// Key field -> Salesforce field.
        key: BTreeMap<String, String>,
    },
}

/// The warehouse's tables of an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WarehouseSink {
    /// Name of the system.
    pub system: String,
    /// `ANALYTICS`
    pub database: String,
    /// `SALES`
    pub schema: String,
    /// `ORDERS`: the presented view. `<TABLE>_STATE` holds the rows with their guards, `<TABLE>_HISTORY` the history.
    pub table: String,
    /// Whether the append-only history is kept.
    pub history: bool,
    /// How the fold is applied; chosen by declared key locality.
    pub apply: ApplyForm,
}

/// How a folded batch is written (figures: `docs/performance.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ApplyForm {
    /// MERGE: as good for keys near each other.
    Merge,
    /// DELETE and INSERT of the whole folded rows: four times as fast for keys scattered over the table.
    DeleteInsert,
}

/// What is delivered to Salesforce.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SalesforceSink {
    /// Name of the system.
    pub system: String,
    /// `Order__c`
    pub object: String,
    /// External id field; holds the entity's key (several key fields joined by `|`).
    pub external_id: String,
    /// Which rows are delivered.
    pub filter: Option<AgeFilter>,
    /// What happens to the record of a deleted row.
    pub on_delete: OnDelete,
    /// What happens to the record of a row that leaves the filter.
    pub on_leave: OnDelete,
    /// Largest share of the delivered records that may be removed together, percent: more waits until a person has looked.
    pub max_removals_percent: u8,
    /// Largest share of the delivered records that may wait to be changed together by what is happening now, percent: more waits
    /// until a person has looked. None: no limit.
    #[serde(default)]
    pub max_updates_percent: Option<u8>,
    /// The purpose that lets plaintext through.
    pub reveal: Option<String>,
    /// Field by field.
    pub fields: Vec<SalesforceField>,
    /// Objects (entities of this project) whose records must be there first, by entity name.
    pub parents: Vec<String>,
    /// Hidden number field with the delivery revision, guarded by a generated validation rule.
    pub revision_field: String,
    /// Checkbox set under `on_delete: flag`.
    pub deleted_field: String,
    /// How records that were there before get their external id; none: they stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<Adoption>,
}

/// `field > now() - age`: older rows age out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgeFilter {
    /// A timestamp or date field.
    pub field: FieldIx,
    /// Kept days.
    pub keep_days: u32,
    /// As written.
    pub text: String,
}

/// What happens to the Salesforce record of a row that is deleted, or that leaves the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// Nothing.
    Keep,
    /// The deleted field is set.
    Flag,
    /// It is deleted.
    Delete,
}

/// One delivered field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SalesforceField {
    /// `Status__c`, or the relationship `Customer__r`.
    pub target: String,
    /// For a lookup: the external id field of the parent, so that the reference travels by external id.
    pub parent_external_id: Option<String>,
    /// For a lookup: the parent object.
    pub parent_object: Option<String>,
    /// The contract's field.
    pub source: FieldIx,
    /// Whether Salesforce refuses a record without it.
    #[serde(default)]
    pub required: bool,
}

/// A rule over the fields of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QualityRule {
    /// `total_adds_up`
    pub name: String,
    /// As written.
    pub text: String,
    /// What must hold; a rule that meets a null or an absent field holds.
    pub expect: Expr,
    /// What happens otherwise.
    pub on_fail: OnFail,
    /// Whether all its fields have one owner: then it is checked at capture, else after apply.
    pub at_capture: bool,
    /// For the reader.
    pub about: Option<String>,
}

/// What happens to a record that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// It is kept aside, with every reason.
    Quarantine,
    /// It flows, and is counted.
    Alarm,
}

/// What is promised of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Expectations {
    /// Sink system -> seconds from commit to visible.
    pub freshness_s: BTreeMap<String, u64>,
    /// Rows in all.
    pub rows: Option<u64>,
    /// Changes a day.
    pub rows_per_day: Option<u64>,
    /// `seasonal`, `fixed`
    pub band: Option<String>,
    /// Days.
    pub retention_days: Option<u32>,
    /// Of a million seconds, those in which it can be read: `99.9%` is 999,000.
    #[serde(default)]
    pub availability_ppm: Option<u32>,
}

/// A removed field's tombstone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reserved {
    /// Never used again.
    pub id: u32,
    /// Never used again.
    pub name: String,
}

/// A column that decides which rows a model has, though none of its fields need show it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RowsBy {
    /// Entity or model.
    pub dataset: String,
    /// Field of it.
    pub column: String,
    /// How it decides.
    pub how: RowUse,
}

/// How a column decides which rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RowUse {
    /// `WHERE`, `HAVING`, `QUALIFY`.
    Filter,
    /// `ON`.
    Join,
    /// `GROUP BY`.
    Group,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A model that is computed window by window: a run replaces the rows of the windows that are open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Window {
    /// The field whose values are the windows: a date or an instant.
    pub by: String,
    /// Seconds: windows that began longer than this before the newest one are closed. What comes later does not open them.
    pub late_s: u64,
    /// Seconds between runs that compute every window, closed ones too.
    pub rebuild_s: u64,
}

/// A model: a query over entities and other models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelSpec {
    /// `analytics.daily_sales`
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// SHA-256 of its meaning.
    pub contract_hash: String,
    /// Who answers for it.
    pub owner: String,
    /// What a row is.
    pub purpose: String,
    /// Which changes it promises not to make.
    pub compatibility: Compatibility,
    /// Names of the key's fields.
    pub key: Vec<String>,
    /// As written, over names of entities and models.
    pub query: String,
    /// Entities and models that it reads, sorted.
    pub inputs: Vec<String>,
    /// What decides which rows there are. Follows from the query.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows_by: Vec<RowsBy>,
    /// Declared columns, in order.
    pub fields: Vec<ModelField>,
    /// Where its rows are kept.
    pub warehouse: WarehouseSink,
    /// Seconds between runs.
    pub refresh_s: u64,
    /// Computed window by window; none: as a whole, in every run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The query alone does not exclude two rows of one key: `unique.sql` asks. Follows from the query.
    #[serde(default, skip_serializing_if = "is_false")]
    pub key_tested: bool,
    /// Freshness, volume, retention.
    pub expect: Expectations,
    /// Status and sunset.
    #[serde(default)]
    pub terms: DatasetTerms,
}

/// A column of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelField {
    /// Stable.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Declared type.
    pub ty: LogicalType,
    /// Whether NULL is a value of it.
    pub nullable: bool,
    /// Class of personal data.
    pub pii: Option<PiiSpec>,
    /// `EUR`.
    pub unit: Option<String>,
    /// For the reader.
    pub about: Option<String>,
    /// Columns that it is computed from: (entity or model, field), sorted.
    pub lineage: Vec<(String, String)>,
    /// Status, sunset, examples, whether it is critical.
    #[serde(default)]
    pub terms: FieldTerms,
    /// What makes it less personal than what it is computed from.
    #[serde(default)]
    pub declassify: Option<Declassify>,
}
