//! A CRM in memory, for the simulation: revision guard, lookups by external id, deletions, and faults on demand. Its answers
//! have the same classes as the real one's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::json;

use super::{
    ApiUsage, Crm, CrmObject, CrmRecord, CrmValue, Found, Having, ModifiedRecord, OrgRecord,
    PAGE_ROWS, RowErrorClass, RowOutcome, STAMP_REVISION, Stamp,
};
use crate::env::Env;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::fault::{Fault, Faults};

/// Microseconds in a second.
const SECOND_US: i64 = 1_000_000;
/// Calls allowed in 24 hours.
const DAILY_CALLS: u64 = 1_000_000;

/// A record that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRecord {
    /// Never changes.
    pub id: String,
    /// Changes with a rekey. Empty: a person made the record, and it was never given one.
    pub external_id: String,
    /// Never goes down.
    pub revision: u64,
    /// With the external id, without the revision.
    pub fields: BTreeMap<String, CrmValue>,
    /// Time of the last write, microseconds since 1970.
    pub modified_at_us: i64,
    /// Whether it is in the bin.
    pub deleted: bool,
}

#[derive(Default)]
struct State {
    next_id: u64,
    calls: u64,
    /// Object -> record id -> record.
    objects: BTreeMap<String, BTreeMap<String, MemoryRecord>>,
}

/// The CRM in memory. Outlives the lanes that write to it, as the real one does.
pub struct MemoryCrm {
    env: Env,
    faults: Arc<dyn Faults>,
    state: Mutex<State>,
}

impl MemoryCrm {
    /// An empty CRM.
    pub fn new(env: Env, faults: Arc<dyn Faults>) -> Self {
        Self { env, faults, state: Mutex::new(State::default()) }
    }

    /// A person makes a record, which has no external id; returns its id.
    pub fn make(&self, object: &str, fields: &[(&str, CrmValue)]) -> String {
        let now_us = self.env.clock.now_us();
        let mut state = self.lock();
        state.next_id += 1;
        let id = format!("{:015}", state.next_id);
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let record = MemoryRecord {
            id: id.clone(),
            external_id: String::new(),
            revision: 0,
            fields: fields.collect(),
            modified_at_us: now_us,
            deleted: false,
        };
        state.objects.entry(object.to_owned()).or_default().insert(id.clone(), record);
        id
    }

    /// A person changes or deletes the record of an id. Returns false where there is none.
    pub fn change(&self, object: &str, id: &str, change: impl FnOnce(&mut MemoryRecord)) -> bool {
        let mut state = self.lock();
        let found = state.objects.get_mut(object).and_then(|records| records.get_mut(id));
        found.map(change).is_some()
    }

    /// Every record of an object that is not deleted, by id.
    pub fn all(&self, object: &str) -> BTreeMap<String, MemoryRecord> {
        let state = self.lock();
        let records = state.objects.get(object).into_iter().flatten();
        let alive = records.filter(|(_, record)| !record.deleted);
        alive.map(|(id, record)| (id.clone(), record.clone())).collect()
    }

    /// The records of an object that are not deleted and have an external id, by that. Two of one external id are a bug of the
    /// CRM.
    pub fn records(&self, object: &str) -> BTreeMap<String, MemoryRecord> {
        let state = self.lock();
        let records = state.objects.get(object).into_iter().flat_map(BTreeMap::values);
        records
            .filter(|record| !record.deleted && !record.external_id.is_empty())
            .map(|record| (record.external_id.clone(), record.clone()))
            .collect()
    }

    /// A person edits a record: sets fields of the record with this external id. Returns false where there is none.
    pub fn edit(&self, object: &str, external_id: &str, fields: &[(&str, CrmValue)]) -> bool {
        let now_us = self.env.clock.now_us();
        let mut state = self.lock();
        let Some(record) = find_mut(&mut state, object, external_id) else { return false };
        for (name, value) in fields {
            record.fields.insert((*name).to_owned(), value.clone());
        }
        record.modified_at_us = now_us;
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call and asks for its fault; `Err` where nothing must be done.
    fn begin(&self, operation: &str) -> Result<Fault> {
        self.lock().calls += 1;
        match self.faults.at(operation) {
            Fault::Refused => Err(unavailable(operation)),
            fault @ (Fault::None | Fault::ReplyLost) => Ok(fault),
        }
    }

    fn write(
        &self,
        state: &mut State,
        object: &CrmObject,
        id: Option<String>,
        record: &CrmRecord,
    ) -> RowOutcome {
        if self.faults.row("crm.row", &record.external_id) {
            return refused(RowErrorClass::Lock, "UNABLE_TO_LOCK_ROW");
        }
        if missing_parent(state, record) {
            return refused(RowErrorClass::ParentMissing, "INVALID_FIELD");
        }
        let id = id.or_else(|| id_of(state, &object.name, &record.external_id));
        let taken = id_of(state, &object.name, &record.external_id);
        if taken.is_some() && taken != id {
            return refused(RowErrorClass::Invalid, "DUPLICATE_VALUE");
        }
        let created = id.is_none();
        let id = id.unwrap_or_else(|| {
            state.next_id += 1;
            format!("{:015}", state.next_id)
        });
        let modified_at_us = self.env.clock.now_us();
        let records = state.objects.entry(object.name.clone()).or_default();
        let kept = records.entry(id.clone()).or_insert_with(|| MemoryRecord {
            id: id.clone(),
            external_id: record.external_id.clone(),
            revision: 0,
            fields: BTreeMap::new(),
            modified_at_us,
            deleted: false,
        });
        if kept.deleted {
            return refused(RowErrorClass::Gone, "ENTITY_IS_DELETED");
        }
        if record.revision < kept.revision {
            return refused(RowErrorClass::AlreadyNewer, "FIELD_CUSTOM_VALIDATION_EXCEPTION");
        }
        kept.external_id.clone_from(&record.external_id);
        kept.revision = record.revision;
        let name = object.external_id_field.clone();
        kept.fields.insert(name, CrmValue::Text(record.external_id.clone()));
        for (name, value) in &record.fields {
            // A relationship and the field with its id are one.
            if let (CrmValue::Null, Some(custom)) = (value, name.strip_suffix("__c")) {
                kept.fields.remove(&format!("{custom}__r"));
            }
            if let (CrmValue::Lookup { .. }, Some(custom)) = (value, name.strip_suffix("__r")) {
                kept.fields.remove(&format!("{custom}__c"));
            }
            kept.fields.insert(name.clone(), value.clone());
        }
        kept.modified_at_us = modified_at_us;
        RowOutcome::Written { id, created }
    }
}

#[async_trait]
impl Crm for MemoryCrm {
    async fn upsert(&self, object: &CrmObject, records: &[CrmRecord]) -> Result<Vec<RowOutcome>> {
        let fault = self.begin("crm.upsert")?;
        let mut seen = BTreeSet::new();
        let repeated: BTreeSet<_> = records
            .iter()
            .map(|record| &record.external_id)
            .filter(|id| !seen.insert(*id))
            .collect();
        let mut state = self.lock();
        let outcomes = records
            .iter()
            .map(|record| {
                if repeated.contains(&record.external_id) {
                    return refused(RowErrorClass::Invalid, "DUPLICATE_VALUE");
                }
                self.write(&mut state, object, None, record)
            })
            .collect();
        answered(fault, outcomes)
    }

    async fn delete(&self, object: &CrmObject, ids: &[String]) -> Result<Vec<RowOutcome>> {
        let fault = self.begin("crm.delete")?;
        let now_us = self.env.clock.now_us();
        let mut state = self.lock();
        let outcomes = ids
            .iter()
            .map(|id| {
                let records = state.objects.get_mut(&object.name);
                match records.and_then(|records| records.get_mut(id)) {
                    Some(record) if !record.deleted => {
                        record.deleted = true;
                        record.modified_at_us = now_us;
                        RowOutcome::Written { id: id.clone(), created: false }
                    }
                    Some(_) | None => refused(RowErrorClass::Gone, "ENTITY_IS_DELETED"),
                }
            })
            .collect();
        answered(fault, outcomes)
    }

    async fn find(
        &self,
        object: &CrmObject,
        external_ids: &[String],
    ) -> Result<Vec<Option<Found>>> {
        let fault = self.begin("crm.find")?;
        let state = self.lock();
        let records = state.objects.get(&object.name);
        let found = external_ids
            .iter()
            .map(|external_id| {
                let mut alive = records.into_iter().flat_map(BTreeMap::values);
                alive
                    .find(|record| !record.deleted && record.external_id == *external_id)
                    .map(|record| Found { id: record.id.clone(), revision: record.revision })
            })
            .collect();
        answered(fault, found)
    }

    async fn rekey(&self, object: &CrmObject, id: &str, to: &CrmRecord) -> Result<RowOutcome> {
        let fault = self.begin("crm.rekey")?;
        let mut state = self.lock();
        let known = state.objects.get(&object.name).is_some_and(|all| all.contains_key(id));
        let outcome = if known {
            self.write(&mut state, object, Some(id.to_owned()), to)
        } else {
            refused(RowErrorClass::Gone, "NOT_FOUND")
        };
        answered(fault, outcome)
    }

    async fn modified(
        &self,
        object: &str,
        fields: &[String],
        from_us: i64,
        to_us: i64,
    ) -> Result<Vec<ModifiedRecord>> {
        let fault = self.begin("crm.modified")?;
        let state = self.lock();
        let records = state.objects.get(object).into_iter().flat_map(BTreeMap::values);
        let mut found: Vec<_> = records
            .filter(|record| (from_us..to_us).contains(&second(record.modified_at_us)))
            .map(|record| modified(record, fields))
            .collect();
        found.sort_by(|a, b| (a.modified_at_us, &a.id).cmp(&(b.modified_at_us, &b.id)));
        answered(fault, found)
    }

    async fn page(
        &self,
        object: &str,
        fields: &[String],
        having: Having<'_>,
        after: Option<&str>,
    ) -> Result<Vec<OrgRecord>> {
        let fault = self.begin("crm.page")?;
        let state = self.lock();
        let records = state.objects.get(object).into_iter().flat_map(BTreeMap::values);
        let filled = |record: &MemoryRecord, field: &str| {
            !matches!(record.fields.get(field), None | Some(CrmValue::Null))
        };
        let found = records
            .filter(|record| {
                !record.deleted && after.is_none_or(|after| record.id.as_str() > after)
            })
            .filter(|record| match having {
                Having::Anything => true,
                Having::No(field) => !filled(record, field),
                Having::Some(field) => filled(record, field),
            })
            .take(PAGE_ROWS)
            .map(|record| org_record(&state, record, fields))
            .collect();
        answered(fault, found)
    }

    async fn retrieve(
        &self,
        object: &str,
        ids: &[String],
        fields: &[String],
    ) -> Result<Vec<Option<OrgRecord>>> {
        let fault = self.begin("crm.retrieve")?;
        let state = self.lock();
        let records = state.objects.get(object);
        let one = |id: &String| records.and_then(|records| records.get(id));
        let found = ids
            .iter()
            .map(|id| one(id).filter(|it| !it.deleted))
            .map(|found| found.map(|record| org_record(&state, record, fields)))
            .collect();
        answered(fault, found)
    }

    async fn holding(
        &self,
        object: &CrmObject,
        external_ids: &[String],
        fields: &[String],
    ) -> Result<Vec<OrgRecord>> {
        let fault = self.begin("crm.holding")?;
        let state = self.lock();
        let records = state.objects.get(&object.name).into_iter().flat_map(BTreeMap::values);
        let found = records
            .filter(|record| !record.deleted && external_ids.contains(&record.external_id))
            .map(|record| org_record(&state, record, fields))
            .collect();
        answered(fault, found)
    }

    async fn stamp(&self, object: &CrmObject, stamps: &[Stamp]) -> Result<Vec<RowOutcome>> {
        let fault = self.begin("crm.stamp")?;
        let now_us = self.env.clock.now_us();
        let mut state = self.lock();
        let outcomes = stamps
            .iter()
            .map(|stamp| {
                if self.faults.row("crm.row", &stamp.external_id) {
                    return refused(RowErrorClass::Lock, "UNABLE_TO_LOCK_ROW");
                }
                let taken = id_of(&state, &object.name, &stamp.external_id);
                if taken.is_some_and(|id| id != stamp.id) {
                    return refused(RowErrorClass::Invalid, "DUPLICATE_VALUE");
                }
                let records = state.objects.get_mut(&object.name);
                match records.and_then(|records| records.get_mut(&stamp.id)) {
                    Some(record) if record.revision > STAMP_REVISION && !record.deleted => {
                        refused(RowErrorClass::AlreadyNewer, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
                    }
                    Some(record) if !record.deleted => {
                        record.external_id.clone_from(&stamp.external_id);
                        let value = CrmValue::Text(stamp.external_id.clone());
                        record.fields.insert(object.external_id_field.clone(), value);
                        record.modified_at_us = now_us;
                        RowOutcome::Written { id: stamp.id.clone(), created: false }
                    }
                    Some(_) | None => refused(RowErrorClass::Gone, "ENTITY_IS_DELETED"),
                }
            })
            .collect();
        answered(fault, outcomes)
    }

    fn usage(&self) -> Option<ApiUsage> {
        Some(ApiUsage { used: self.lock().calls, max: DAILY_CALLS })
    }
}

fn second(us: i64) -> i64 {
    us.div_euclid(SECOND_US) * SECOND_US
}

fn modified(record: &MemoryRecord, fields: &[String]) -> ModifiedRecord {
    ModifiedRecord {
        id: record.id.clone(),
        modified_at_us: second(record.modified_at_us),
        deleted: record.deleted,
        json: json_of(record, fields),
    }
}

fn org_record(state: &State, record: &MemoryRecord, fields: &[String]) -> OrgRecord {
    let mut json = object_of(record, fields);
    json.insert("Covenant_Revision__c".to_owned(), json!(record.revision));
    for path in fields {
        if let Some((relationship, name)) = path.split_once('.') {
            json.remove(path);
            json.insert(relationship.to_owned(), parent_of(state, record, relationship, name));
        }
    }
    let json = serde_json::Value::Object(json).to_string().into_bytes();
    OrgRecord { id: record.id.clone(), json }
}

/// What a lookup shows of a parent: nothing of one that is gone.
fn parent_of(
    state: &State,
    record: &MemoryRecord,
    relationship: &str,
    name: &str,
) -> serde_json::Value {
    match record.fields.get(relationship) {
        Some(CrmValue::Lookup { object, external_id, .. })
            if id_of(state, object, external_id).is_some() =>
        {
            json!({ name: external_id })
        }
        Some(
            CrmValue::Null
            | CrmValue::Bool(_)
            | CrmValue::Number(_)
            | CrmValue::Text(_)
            | CrmValue::Lookup { .. },
        )
        | None => serde_json::Value::Null,
    }
}

fn json_of(record: &MemoryRecord, fields: &[String]) -> Vec<u8> {
    serde_json::Value::Object(object_of(record, fields)).to_string().into_bytes()
}

fn object_of(
    record: &MemoryRecord,
    fields: &[String],
) -> serde_json::Map<String, serde_json::Value> {
    let mut json = serde_json::Map::new();
    json.insert("Id".to_owned(), json!(record.id));
    for name in fields {
        let value = match record.fields.get(name) {
            Some(CrmValue::Bool(flag)) => json!(flag),
            Some(CrmValue::Number(text)) => serde_json::from_str(text).unwrap_or_default(),
            Some(CrmValue::Text(text)) => json!(text),
            Some(CrmValue::Null | CrmValue::Lookup { .. }) | None => serde_json::Value::Null,
        };
        json.insert(name.clone(), value);
    }
    json
}

fn missing_parent(state: &State, record: &CrmRecord) -> bool {
    record.fields.values().any(|value| match value {
        CrmValue::Lookup { object, external_id, .. } => id_of(state, object, external_id).is_none(),
        CrmValue::Null | CrmValue::Bool(_) | CrmValue::Number(_) | CrmValue::Text(_) => false,
    })
}

fn id_of(state: &State, object: &str, external_id: &str) -> Option<String> {
    let mut records = state.objects.get(object)?.values();
    let alive = |record: &&MemoryRecord| !record.deleted && record.external_id == external_id;
    records.find(alive).map(|record| record.id.clone())
}

fn find_mut<'a>(
    state: &'a mut State,
    object: &str,
    external_id: &str,
) -> Option<&'a mut MemoryRecord> {
    let mut records = state.objects.get_mut(object)?.values_mut();
    records.find(|record| !record.deleted && record.external_id == external_id)
}

fn refused(class: RowErrorClass, code: &str) -> RowOutcome {
    RowOutcome::Refused { class, code: code.to_owned(), message: String::new() }
}

fn unavailable(operation: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Unavailable,
        "memory crm",
        format!("{operation} failed on request"),
        "It is tried again",
    )
}

fn answered<T>(fault: Fault, answer: T) -> Result<T> {
    match fault {
        Fault::None => Ok(answer),
        Fault::Refused | Fault::ReplyLost => Err(unavailable("the answer")),
    }
}
