//! From a folded row to the CRM's record: which stored column each field comes from, and how its value is written.

use covenant_model::change::Key;
use covenant_model::columns::{self, ColumnPart};
use covenant_model::join::RowState;
use covenant_model::spec::{AgeFilter, EntitySpec, FieldIx, OnDelete, SalesforceSink};
use covenant_model::value::{LogicalType, Value, decimal_to_text};
use covenant_model::version::Guard;

use super::adopt::rules::Rules;
use crate::crm::{CrmObject, CrmRecord, CrmValue, external_id_of};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::ledger::{Cells, Digest, Pending, Sealer};

/// Microseconds in a day.
const DAY_US: i64 = 86_400_000_000;

/// Opens what capture encrypted, for a sink that declares a purpose. Implemented over the key provider.
pub trait Reveal: Send + Sync {
    /// The plaintext of a ciphertext.
    ///
    /// # Errors
    /// `Corrupt` where it does not open; `Unavailable` where the key is not to be had.
    fn reveal(&self, site: &RevealSite<'_>, cipher: &str) -> Result<Value>;

    /// Told once per call to the CRM: who got what kind of data of how many rows.
    fn audit(&self, event: &Revealed<'_>);

    /// Told before records that people made are given our external ids: who let it be. What cannot be kept must not be done.
    ///
    /// # Errors
    /// `Storage` where it cannot be kept.
    fn approved(&self, _event: &Approved<'_>) -> Result<()> {
        Ok(())
    }
}

/// Who let records be changed that are not ours yet, for the audit log.
#[derive(Clone, Copy, Debug)]
pub struct Approved<'a> {
    /// A person's name, or the contract.
    pub by: &'a str,
    /// What was approved: digest of the plan, or what was decided.
    pub what: &'a str,
    /// Entity name.
    pub entity: &'a str,
    /// The object.
    pub object: &'a str,
    /// The one field that is written.
    pub field: &'a str,
    /// Records that it is about.
    pub records: usize,
}

/// Where a ciphertext stands.
#[derive(Clone, Copy, Debug)]
pub struct RevealSite<'a> {
    /// Entity name.
    pub entity: &'a str,
    /// Field name.
    pub field: &'a str,
    /// PII class.
    pub class: &'a str,
    /// Type of the plaintext.
    pub ty: &'a LogicalType,
}

/// A reveal, for the audit log. Holds no value.
#[derive(Clone, Copy, Debug)]
pub struct Revealed<'a> {
    /// The declared purpose.
    pub purpose: &'a str,
    /// Entity name.
    pub entity: &'a str,
    /// Object that got it.
    pub object: &'a str,
    /// Field names.
    pub fields: &'a [String],
    /// Rows.
    pub rows: usize,
}

/// How the rows of one entity become records of one object.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Entity name.
    pub entity: String,
    /// The object.
    pub object: CrmObject,
    /// What happens to the record of a deleted row.
    pub on_delete: OnDelete,
    /// What happens to the record of a row that leaves the filter.
    pub on_leave: OnDelete,
    /// Largest share of the delivered records that may be removed together, percent.
    pub max_removals_percent: u8,
    /// Largest share of the delivered records that may be changed together, percent; none: no limit.
    pub max_updates_percent: Option<u8>,
    /// Entities whose records must be there first.
    pub parents: Vec<String>,
    /// Names of the fields that are decrypted on the way, and the purpose that allows it.
    pub revealed: Vec<String>,
    /// The declared purpose; empty where nothing is revealed.
    pub purpose: String,
    pub(super) deleted_field: String,
    /// How records that were there before are adopted.
    pub adopt: Option<Rules>,
    filter: Option<(Place, AgeFilter)>,
    pub(super) fields: Vec<Mapped>,
    /// What its records are made of; none where that cannot be told from what is stored.
    pub cells: Option<Cells>,
}

#[derive(Clone, Debug)]
pub(super) struct Mapped {
    pub(super) target: String,
    /// Parent object and its external id field.
    pub(super) lookup: Option<(String, String)>,
    place: Place,
    name: String,
    class: String,
    pub(super) ty: LogicalType,
    cipher: bool,
}

/// Where a field's stored column stands in a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Key(usize),
    Group(usize, usize),
}

impl Place {
    /// None: nothing was ever said of it.
    fn of(self, row: &Pending) -> Option<&Value> {
        self.at(&row.key, &row.state)
    }

    /// The same of a row that does not wait.
    pub(super) fn at<'v>(self, key: &'v Key, state: &'v RowState) -> Option<&'v Value> {
        match self {
            Self::Key(at) => key.0.get(at),
            Self::Group(group, at) => group_value(state, group, at).map(|(_, value)| value),
        }
    }
}

fn group_value(state: &RowState, group: usize, at: usize) -> Option<(Guard, &Value)> {
    let group = state.groups.get(group)?.as_ref()?;
    Some((group.guard, group.values.get(at)?))
}

impl Mapping {
    /// The mapping of an entity with a Salesforce sink.
    ///
    /// # Errors
    /// `Config` where the sink names a field that is not stored.
    pub fn new(entity: &EntitySpec, sink: &SalesforceSink) -> Result<Self> {
        let mut fields = Vec::with_capacity(sink.fields.len());
        for field in &sink.fields {
            let (place, part) = place_of(entity, field.source)?;
            let spec = entity.fields.get(field.source).ok_or_else(|| not_stored(entity, ""))?;
            let cipher = part == ColumnPart::Cipher;
            if cipher && sink.reveal.is_none() {
                return Err(unrevealed(entity, &spec.name));
            }
            let lookup = field.parent_object.clone().zip(field.parent_external_id.clone());
            fields.push(Mapped {
                target: field.target.clone(),
                lookup,
                place,
                name: spec.name.clone(),
                class: spec.pii.as_ref().map(|pii| pii.class.clone()).unwrap_or_default(),
                ty: spec.ty.clone(),
                cipher,
            });
        }
        let adopt = match &sink.adopt {
            Some(adopt) => Some(Rules::new(entity, adopt, sink.reveal.as_deref())?),
            None => None,
        };
        let filter = match &sink.filter {
            Some(filter) => Some((place_of(entity, filter.field)?.0, filter.clone())),
            None => None,
        };
        let told = sink.fields.iter().map(|field| field.source);
        let told = told.chain(sink.filter.as_ref().map(|filter| filter.field));
        // a key never changes
        let told = told.filter(|field| !entity.key.contains(field));
        let cells = told.map(|field| cell_of(entity, field)).collect();
        Ok(Self {
            entity: entity.name.clone(),
            object: CrmObject {
                name: sink.object.clone(),
                external_id_field: sink.external_id.clone(),
                revision_field: sink.revision_field.clone(),
            },
            on_delete: sink.on_delete,
            on_leave: if sink.filter.is_some() { sink.on_leave } else { OnDelete::Keep },
            max_removals_percent: sink.max_removals_percent,
            max_updates_percent: sink.max_updates_percent,
            parents: sink.parents.clone(),
            revealed: fields.iter().filter(|f| f.cipher).map(|f| f.name.clone()).collect(),
            purpose: sink.reveal.clone().unwrap_or_default(),
            deleted_field: sink.deleted_field.clone(),
            adopt,
            filter,
            fields,
            cells,
        })
    }

    /// Whether the row has aged out of what is delivered. A row without the field has not.
    pub fn aged_out(&self, row: &Pending, now_us: i64) -> bool {
        self.ages_out(&row.key, &row.state, now_us)
    }

    /// The same, of a row that nobody is about to send.
    pub fn ages_out(&self, key: &Key, state: &RowState, now_us: i64) -> bool {
        self.ages_out_at_us(key, state).is_some_and(|at_us| at_us < now_us)
    }

    /// When the row ages out, microseconds since 1970; none: never, as it stands.
    pub fn leaves_at_us(&self, row: &Pending) -> Option<i64> {
        self.ages_out_at_us(&row.key, &row.state)
    }

    /// The same of a row that does not wait.
    pub fn ages_out_at_us(&self, key: &Key, state: &RowState) -> Option<i64> {
        let (place, filter) = self.filter.as_ref()?;
        let kept_us = i64::from(filter.keep_days) * DAY_US;
        match place.at(key, state) {
            Some(Value::Timestamp(us)) => Some(us.saturating_add(kept_us)),
            Some(Value::Date(days)) => Some((i64::from(*days) * DAY_US).saturating_add(kept_us)),
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Decimal(_)
                | Value::Text(_)
                | Value::Uuid(_)
                | Value::Bytes(_),
            )
            | None => None,
        }
    }

    /// The record of a row that is there. Fields of which nothing was ever said are left out.
    ///
    /// # Errors
    /// Of [`Reveal::reveal`].
    pub fn record(&self, row: &Pending, reveal: &dyn Reveal) -> Result<CrmRecord> {
        let mut record = self.bare(row);
        for field in &self.fields {
            let Some(stored) = field.place.of(row) else { continue };
            let plain = match (field.cipher, stored) {
                (true, Value::Text(cipher)) => Some(reveal.reveal(&field.site(self), cipher)?),
                (true | false, _) => None,
            };
            let (name, value) = field.written(plain.as_ref().unwrap_or(stored))?;
            record.fields.insert(name, value);
        }
        if self.flags() {
            record.fields.insert(self.deleted_field.clone(), CrmValue::Bool(false));
        }
        Ok(record)
    }

    /// The parents that the row's record looks up: object and key.
    pub fn parents_of(&self, row: &Pending) -> Vec<(&str, Key)> {
        let lookups = self.fields.iter().filter_map(|field| {
            let (object, _) = field.lookup.as_ref()?;
            let value = field.place.of(row).filter(|value| **value != Value::Null)?;
            Some((object.as_str(), Key(vec![value.clone()])))
        });
        lookups.collect()
    }

    /// Whether records can be flagged as deleted.
    pub(super) fn flags(&self) -> bool {
        self.on_delete == OnDelete::Flag || self.on_leave == OnDelete::Flag
    }

    /// What marks the record of a deleted row.
    pub fn flagged(&self, row: &Pending) -> CrmRecord {
        let mut record = self.bare(row);
        record.fields.insert(self.deleted_field.clone(), CrmValue::Bool(true));
        record
    }

    fn bare(&self, row: &Pending) -> CrmRecord {
        CrmRecord {
            external_id: external_id_of(&row.key),
            revision: row.revision,
            fields: std::collections::BTreeMap::new(),
        }
    }
}

impl Mapped {
    fn site<'a>(&'a self, mapping: &'a Mapping) -> RevealSite<'a> {
        RevealSite { entity: &mapping.entity, field: &self.name, class: &self.class, ty: &self.ty }
    }

    fn written(&self, value: &Value) -> Result<(String, CrmValue)> {
        match (&self.lookup, value) {
            (Some(_), Value::Null) => Ok((reference_field(&self.target), CrmValue::Null)),
            (Some((object, external_id_field)), value) => {
                let key = Key(vec![value.clone()]);
                let lookup = CrmValue::Lookup {
                    object: object.clone(),
                    external_id_field: external_id_field.clone(),
                    external_id: external_id_of(&key),
                };
                Ok((self.target.clone(), lookup))
            }
            (None, value) => Ok((self.target.clone(), crm_value(&self.ty, value)?)),
        }
    }
}

/// Content of a record without its revision: what tells whether there is anything new to send.
///
/// # Errors
/// Where the key is not to be had.
pub fn digest_of(record: &CrmRecord, sealer: &dyn Sealer) -> Result<Digest> {
    let content = serde_json::to_vec(&(&record.external_id, &record.fields)).map_err(|error| {
        RuntimeError::new(
            ErrorKind::Bug,
            "delivery",
            format!("a record does not serialize ({:?})", error.classify()),
            "Report this as a bug of covenant",
        )
    })?;
    sealer.digest(&content)
}

/// The field that holds the id behind a relationship: what is set to nothing where there is no parent.
pub(super) fn reference_field(relationship: &str) -> String {
    match relationship.strip_suffix("__r") {
        Some(custom) => format!("{custom}__c"),
        None => format!("{relationship}Id"),
    }
}

/// The CRM's form of a value.
///
/// # Errors
/// `Corrupt` for a date or time that no calendar has.
pub fn crm_value(ty: &LogicalType, value: &Value) -> Result<CrmValue> {
    Ok(match value {
        Value::Null => CrmValue::Null,
        Value::Bool(flag) => CrmValue::Bool(*flag),
        Value::Int(number) => CrmValue::Number(number.to_string()),
        Value::Decimal(unscaled) => CrmValue::Number(decimal_to_text(*unscaled, scale_of(ty))),
        Value::Text(text) => CrmValue::Text(text.clone()),
        Value::Uuid(number) => CrmValue::Text(uuid::Uuid::from_u128(*number).to_string()),
        Value::Date(days) => CrmValue::Text(date_text(*days).ok_or_else(|| no_date("date"))?),
        Value::Timestamp(us) => {
            CrmValue::Text(timestamp_text(*us).ok_or_else(|| no_date("timestamp"))?)
        }
        Value::Bytes(bytes) => {
            use base64::Engine;
            CrmValue::Text(base64::engine::general_purpose::STANDARD.encode(bytes))
        }
    })
}

fn scale_of(ty: &LogicalType) -> u8 {
    match ty {
        LogicalType::Decimal { scale, .. } => *scale,
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => 0,
    }
}

fn date_text(days: i32) -> Option<String> {
    let day = jiff::Span::new().try_days(days).ok()?;
    Some(jiff::civil::date(1970, 1, 1).checked_add(day).ok()?.to_string())
}

fn timestamp_text(us: i64) -> Option<String> {
    let time = jiff::Timestamp::from_microsecond(us).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

pub(super) fn place_of(entity: &EntitySpec, field: FieldIx) -> Result<(Place, ColumnPart)> {
    let name = entity.fields.get(field).map(|spec| spec.name.as_str()).unwrap_or("?");
    if let Some(at) = entity.key.iter().position(|ix| *ix == field) {
        return Ok((Place::Key(at), ColumnPart::Plain));
    }
    let group = entity.fields.get(field).and_then(|spec| spec.group);
    let group = group.ok_or_else(|| not_stored(entity, name))?;
    let stored = columns::of_group(entity, group);
    let at = stored.iter().position(|column| column.field == field);
    let at = at.ok_or_else(|| not_stored(entity, name))?;
    let part = stored.get(at).map_or(ColumnPart::Plain, |column| column.part);
    Ok((Place::Group(group, at), part))
}

/// The stored column that tells whether a field's value is another one.
fn cell_of(entity: &EntitySpec, field: FieldIx) -> Option<(usize, usize)> {
    let group = entity.fields.get(field).and_then(|spec| spec.group)?;
    let stored = columns::of_group(entity, group);
    let at = stored.iter().position(|column| {
        column.field == field
            && match column.part {
                ColumnPart::Plain | ColumnPart::Token => true,
                // no two changes have the same one
                ColumnPart::Cipher => false,
            }
    })?;
    Some((group, at))
}

pub(super) fn not_stored(entity: &EntitySpec, field: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Config,
        "delivery",
        format!("{}.{field} is delivered but not stored", entity.name),
        "Take it out of the sink, or change its PII class, and build again",
    )
}

pub(super) fn unrevealed(entity: &EntitySpec, field: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Config,
        "delivery",
        format!("{}.{field} is encrypted and its sink declares no purpose", entity.name),
        "Declare `reveal:` in the sink, or take the field out of it, and build again",
    )
}

fn no_date(kind: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Corrupt,
        "delivery",
        format!("a {kind} lies outside the calendar"),
        "Correct the record at its source",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_salesforce_writes_them() {
        let of = |ty, value| crm_value(&ty, &value).unwrap();
        let text = |text: &str| CrmValue::Text(text.to_owned());
        let decimal = LogicalType::Decimal { precision: 20, scale: 2 };
        assert_eq!(
            of(decimal, Value::Decimal(1_234_567_890_123_456_789)),
            CrmValue::Number("12345678901234567.89".to_owned())
        );
        assert_eq!(of(LogicalType::Date, Value::Date(-1)), text("1969-12-31"));
        assert_eq!(
            of(LogicalType::Timestamp, Value::Timestamp(1_767_225_600_000_000)),
            text("2026-01-01T00:00:00.000Z")
        );
        assert_eq!(
            of(LogicalType::Timestamp, Value::Timestamp(1_767_225_600_123_999)),
            text("2026-01-01T00:00:00.123Z")
        );
    }

    #[test]
    fn a_lookup_is_cleared_by_its_id_field() {
        assert_eq!(reference_field("Customer__r"), "Customer__c");
        assert_eq!(reference_field("Account"), "AccountId");
    }
}
