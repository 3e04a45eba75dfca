//! Contracts as written: values read, names not yet looked up. Places are in
//! [`crate::parse::SpanMap`], by path.

use std::sync::Arc;

use covenant_model::spec::{
    Compare, Compatibility, EntityEvolution, FieldEvolution, KeyChange, KeyReuse, MergeRule,
    OnDelete, OnFail, Protection, Reserved, Review, UnknownMembers, Unmatched, Window,
};
use covenant_model::terms::{ClassTerms, DatasetTerms, Declassify, Extensions, FieldTerms};
use covenant_model::value::LogicalType;

use crate::describe::Described;
use crate::parse::{Entry, SpanMap};

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct Ast {
    /// `project.yaml`.
    pub project: Option<ProjectDecl>,
    /// Sorted by file.
    pub entities: Vec<Arc<EntityDecl>>,
    /// Sorted by file.
    pub models: Vec<Arc<ModelDecl>>,
    /// Names of entities and models in files that could not be parsed: others may refer to them all
    /// the same.
    pub unreadable: Vec<String>,
    /// Nothing is known of a file, not even a name: it may declare anything that is missed.
    pub unread: bool,
    /// Findings about changes that are accepted; in the order written.
    pub waivers: Vec<WaiverDecl>,
    /// What Salesforce orgs say of their objects; sorted by file.
    pub describes: Vec<Arc<Described>>,
    /// Where everything stands.
    pub spans: SpanMap,
}

impl Ast {
    /// Whether a file that could not be read may declare an entity or model of that name: then it is not
    /// known to be missing.
    pub fn may_declare(&self, name: &str) -> bool {
        self.unread || self.unreadable.iter().any(|known| known == name)
    }
}

/// What entities and models have in common.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// `sales.order`
    pub name: String,
    /// `1.2.0`
    pub version: String,
    /// Who answers for it.
    pub owner: String,
    /// What a row is.
    pub purpose: String,
    /// None: not readable.
    pub compatibility: Option<Compatibility>,
    /// Names of key fields.
    pub key: Vec<String>,
    /// None: not declared. True: new keys fall anywhere among the old ones.
    pub scattered: Option<bool>,
    /// Freshness, volume, retention.
    pub expect: ExpectDecl,
    /// By system.
    pub sinks: Vec<SinkDecl>,
    /// Tombstones.
    pub reserved: Vec<Reserved>,
    /// Status and sunset.
    pub terms: DatasetTerms,
}

/// `project.yaml`.
#[derive(Clone, Debug, Default)]
pub struct ProjectDecl {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Owner.
    pub owner: String,
    /// Purpose.
    pub purpose: String,
    /// By name.
    pub systems: Vec<(String, covenant_model::spec::SystemSpec)>,
    /// By name.
    pub classes: Vec<(String, ClassDecl)>,
    /// Purpose and its description.
    pub purposes: Vec<(String, String)>,
    /// Environment and its settings.
    pub environments: Vec<(String, Vec<(String, String)>)>,
    /// Dollars a month.
    pub monthly_usd: Option<u32>,
    /// Whether every field must have a class or say that it holds no personal data.
    pub classify_required: bool,
    /// What other standards say of it.
    pub extensions: Extensions,
}

/// A class of personal data.
#[derive(Clone, Debug)]
pub struct ClassDecl {
    /// None: not readable.
    pub protect: Option<Protection>,
    /// What belongs to it.
    pub about: String,
    /// Systems that must never get it.
    pub forbid: Vec<String>,
    /// Erasure and the longest retention.
    pub terms: ClassTerms,
}

/// An entity.
#[derive(Clone, Debug)]
pub struct EntityDecl {
    /// Name, version and so on.
    pub head: Head,
    /// Whether a deleted key can come back.
    pub key_reuse: KeyReuse,
    /// What a changed key means.
    pub key_change: KeyChange,
    /// In order.
    pub sources: Vec<SourceDecl>,
    /// In order.
    pub fields: Vec<FieldDecl>,
    /// In order.
    pub quality: Vec<QualityDecl>,
    /// Names of fields whose values together no two rows have.
    pub unique: Vec<Vec<String>>,
    /// What it says of its own past.
    pub evolution: EntityEvolution,
}

/// A source: its system's kind says which of these it must have.
#[derive(Clone, Debug, Default)]
pub struct SourceDecl {
    /// Name; the system's, unless `system` says otherwise.
    pub name: String,
    /// The system, where it is not the name.
    pub system: Option<String>,
    /// `public.orders`
    pub table: Option<String>,
    /// Which rows of the table.
    pub filter: Option<String>,
    /// `order-events`
    pub stream: Option<String>,
    /// Member with the event's id.
    pub event_id: Option<String>,
    /// Member with the sequence.
    pub order: Option<String>,
    /// Member with the event time.
    pub occurred_at: Option<String>,
    /// Salesforce object.
    pub object: Option<String>,
    /// Key field -> Salesforce field.
    pub key: Vec<(String, String)>,
    /// Field -> Salesforce field.
    pub fields: Vec<(String, String)>,
    /// What becomes of events with other members; none: not declared.
    pub unknown: Option<UnknownMembers>,
}

/// A field.
#[derive(Clone, Debug)]
pub struct FieldDecl {
    /// Name.
    pub name: String,
    /// None: not readable.
    pub id: Option<u32>,
    /// None: not readable.
    pub ty: Option<LogicalType>,
    /// Whether NULL is a value.
    pub nullable: bool,
    /// Whether a change may leave it out.
    pub optional: bool,
    /// Whether PostgreSQL may leave it out.
    pub large: bool,
    /// Whether everything below could be read that other rules build on.
    pub sound: bool,
    /// `(source, its name there)`; none: the field's own.
    pub from: Vec<(String, Option<String>)>,
    /// How competing values are settled.
    pub merge: MergeRule,
    /// Name of the field that counts corrections.
    pub generation: Option<String>,
    /// State -> successors.
    pub transitions: Vec<(String, Vec<String>)>,
    /// Class of personal data.
    pub pii: Option<String>,
    /// Entity.
    pub references: Option<String>,
    /// Unit.
    pub unit: Option<String>,
    /// Smallest value.
    pub min: Option<String>,
    /// Largest value.
    pub max: Option<String>,
    /// Regular expression.
    pub pattern: Option<String>,
    /// Format.
    pub format: Option<String>,
    /// For the reader.
    pub about: Option<String>,
    /// Status, sunset, examples, whether it is critical.
    pub terms: FieldTerms,
    /// Whether it says `pii: none`.
    pub impersonal: bool,
    /// Path to the field that says whose data it is.
    pub subject: Option<String>,
    /// Whether no two rows have the same value.
    pub unique: bool,
    /// What makes a model's column less personal.
    pub declassify: Option<Declassify>,
    /// What it says of records that know less, more or other names.
    pub evolution: FieldEvolution,
}

impl FieldDecl {
    /// A field of which nothing but the name is known.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            id: None,
            ty: None,
            nullable: false,
            optional: false,
            large: false,
            sound: true,
            from: Vec::new(),
            merge: MergeRule::Latest,
            generation: None,
            transitions: Vec::new(),
            pii: None,
            references: None,
            unit: None,
            min: None,
            max: None,
            pattern: None,
            format: None,
            about: None,
            terms: FieldTerms::default(),
            impersonal: false,
            subject: None,
            unique: false,
            declassify: None,
            evolution: FieldEvolution::default(),
        }
    }
}

/// A quality rule.
#[derive(Clone, Debug)]
pub struct QualityDecl {
    /// Name.
    pub name: String,
    /// The rule.
    pub expect: String,
    /// What happens to a record that breaks it.
    pub on_fail: OnFail,
    /// For the reader.
    pub about: Option<String>,
}

/// A sink: its system's kind says which of these it must have.
#[derive(Clone, Debug, Default)]
pub struct SinkDecl {
    /// Name of the system.
    pub name: String,
    /// `DATABASE.SCHEMA.TABLE`
    pub table: Option<String>,
    /// Whether `history: scd2` is declared.
    pub history: bool,
    /// Salesforce object.
    pub object: Option<String>,
    /// External id field.
    pub external_id: Option<String>,
    /// Which rows are delivered.
    pub filter: Option<FilterDecl>,
    /// What happens to the record of a deleted row.
    pub on_delete: Option<OnDelete>,
    /// What happens to the record of a row that leaves the filter.
    pub on_leave: Option<OnDelete>,
    /// Largest share of the records that may be removed together, percent.
    pub max_removals: Option<u8>,
    /// Largest share of the records that may be changed together, percent.
    pub max_updates: Option<u8>,
    /// Purpose.
    pub reveal: Option<String>,
    /// How records that were there before get their external id.
    pub adopt: Option<AdoptDecl>,
    /// In the order written.
    pub fields: Vec<MappingDecl>,
}

/// How records that were there before get their external id.
#[derive(Clone, Debug)]
pub struct AdoptDecl {
    /// Tried in order; the parts of one rule count together.
    pub rules: Vec<Vec<PartDecl>>,
    /// What becomes of rows that match nothing.
    pub unmatched: Unmatched,
    /// Who reviews.
    pub review: Review,
}

/// A value that a record and a row must have in common.
#[derive(Clone, Debug)]
pub struct PartDecl {
    /// Name of the field.
    pub field: String,
    /// Salesforce field; none: the one that the field is mapped to.
    pub target: Option<String>,
    /// Which differences do not count; none: what the field's type says.
    pub compare: Option<Compare>,
}

/// A Salesforce field and what feeds it.
#[derive(Clone, Debug)]
pub struct MappingDecl {
    /// `Status__c`, `Customer__r.Customer_Id__c`
    pub target: String,
    /// Name of the field.
    pub source: String,
    /// Whether Salesforce refuses a record without it.
    pub required: bool,
}

/// `field > now() - age`.
#[derive(Clone, Debug)]
pub struct FilterDecl {
    /// Name of the field.
    pub field: String,
    /// Kept days.
    pub keep_days: u32,
    /// As written.
    pub text: String,
}

/// Freshness, volume, retention.
#[derive(Clone, Debug, Default)]
pub struct ExpectDecl {
    /// System -> seconds.
    pub freshness_s: Vec<(String, u64)>,
    /// Rows in all.
    pub rows: Option<u64>,
    /// Changes a day.
    pub rows_per_day: Option<u64>,
    /// `seasonal` or `fixed`.
    pub band: Option<String>,
    /// Days.
    pub retention_days: Option<u32>,
    /// Of a million seconds, those in which it can be read.
    pub availability_ppm: Option<u32>,
}

/// A model.
#[derive(Clone, Debug)]
pub struct ModelDecl {
    /// Name, version and so on.
    pub head: Head,
    /// SQL.
    pub query: Query,
    /// In order.
    pub fields: Vec<FieldDecl>,
    /// Seconds between runs.
    pub refresh_s: u64,
    /// Computed window by window.
    pub window: Option<Window>,
}

/// A query and how to find places in it.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// SQL.
    pub text: String,
    /// None: the model has no query.
    pub present: bool,
}

/// An accepted finding. The default, with no fingerprint, stands for one that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaiverDecl {
    /// Twelve hexadecimal digits.
    pub fingerprint: String,
    /// `DCW010`
    pub code: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for that.
    pub owner: String,
    /// The last day.
    pub expires: jiff::civil::Date,
}

/// For readers of maps whose keys are names.
pub type Named<'a> = &'a [Entry];
