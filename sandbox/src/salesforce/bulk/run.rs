//! Running ingest jobs, a chunk of rows at a time, through the same write path as every other call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use csv::StringRecord;
use serde_json::{Map, Value, json};

use super::{Ingest, Job, JobKind, JobState, Operation, ROWS_PER_BATCH, RowOutcome};
use crate::salesforce::errors::{RowError, code};
use crate::salesforce::ids::RecordId;
use crate::salesforce::schema::{ObjectIx, ObjectSchema, system};
use crate::salesforce::state::State;
use crate::salesforce::value::fold;
use crate::salesforce::write::{RowResult, Upserted, several_match};

/// Rows written before other calls get their turn.
const ROWS_PER_STEP: usize = 200;
/// The cell that empties a field.
const NULL_CELL: &str = "#N/A";

/// Runs the next rows of the oldest job that has some. False when there is nothing to do.
pub fn step(state: &mut State) -> bool {
    let waiting = |job: &Job| {
        matches!(job.state, JobState::UploadComplete | JobState::InProgress)
            && matches!(job.kind, JobKind::Ingest(_))
    };
    let Some(at) = state.jobs.all.iter().position(waiting) else { return false };
    // The job is taken out while its rows are written, so that both can be borrowed.
    let Some(mut job) = state.jobs.all.remove(at) else { return false };
    if job.state == JobState::UploadComplete {
        start(state, &mut job);
    } else {
        advance(state, &mut job);
    }
    state.jobs.all.insert(at, job);
    true
}

fn start(state: &mut State, job: &mut Job) {
    let path = job_path(job);
    let JobKind::Ingest(ingest) = &mut job.kind else { return };
    let schema = Arc::clone(state.store.schema());
    let unknown =
        ingest.header.iter().find(|name| !known(&schema, schema.at(job.object), ingest, name));
    if let Some(name) = unknown {
        job.error = Some(format!("InvalidBatch : Field name not found : {name}"));
        job.state = JobState::Failed;
        return;
    }
    ingest.fail_after = state.faults.fail_job(&path, &job.object_name);
    let batches = ingest.rows.len().div_ceil(ROWS_PER_BATCH);
    state.jobs.batches += u64::try_from(batches).unwrap_or(u64::MAX);
    job.state = if ingest.rows.is_empty() { JobState::JobComplete } else { JobState::InProgress };
}

fn job_path(job: &Job) -> String {
    format!("/services/data/v{}/jobs/ingest/{}", job.version, job.id)
}

fn known(
    schema: &crate::salesforce::schema::Schema,
    object: &ObjectSchema,
    ingest: &Ingest,
    name: &str,
) -> bool {
    if name.eq_ignore_ascii_case("Id") {
        return true;
    }
    if matches!(ingest.operation, Operation::Delete | Operation::HardDelete) {
        return false;
    }
    match name.split_once('.') {
        None => object.field_ix(name).is_some(),
        Some((relationship, field)) => {
            let parent = object.relationship(relationship).and_then(|ix| {
                let crate::salesforce::org::FieldKind::Reference { to, .. } =
                    &object.field(ix).kind
                else {
                    return None;
                };
                schema.object(to)
            });
            parent.is_some_and(|p| p.field_ix(field).is_some())
        }
    }
}

fn advance(state: &mut State, job: &mut Job) {
    let (path, object) = (job_path(job), job.object);
    let JobKind::Ingest(ingest) = &mut job.kind else { return };
    let rules = state.faults.row_rules("POST", &path, &job.object_name);
    let from = ingest.outcomes.len();
    let end = ingest.fail_after.unwrap_or(usize::MAX).min(ingest.rows.len());
    let to = end.min(from + ROWS_PER_STEP);
    if from.is_multiple_of(ROWS_PER_BATCH) {
        ingest.repeated = repeated_keys(state, object, ingest, from);
    }
    for at in from..to {
        let outcome = match write(state, object, ingest, &ingest.rows[at], &rules) {
            Ok((id, created)) => RowOutcome::Done(id, created),
            Err(errors) => {
                RowOutcome::Refused(errors.first().map(RowError::as_bulk_cell).unwrap_or_default())
            }
        };
        ingest.outcomes.push(outcome);
    }
    if ingest.outcomes.len() == ingest.rows.len() {
        job.state = JobState::JobComplete;
    } else if ingest.outcomes.len() == end {
        job.error = Some("TransientError : the batch was retried too often".to_owned());
        job.state = JobState::Failed;
    }
}

/// Keys that occur more than once in the batch that row `from` belongs to.
fn repeated_keys(
    state: &State,
    object: ObjectIx,
    ingest: &Ingest,
    from: usize,
) -> BTreeSet<String> {
    let Operation::Upsert(field) = ingest.operation else { return BTreeSet::new() };
    let schema = state.store.schema().at(object);
    let name = &schema.field(field).name;
    let Some(column) = ingest.header.iter().position(|h| h.eq_ignore_ascii_case(name)) else {
        return BTreeSet::new();
    };
    let start = from - from % ROWS_PER_BATCH;
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for row in ingest.rows.iter().skip(start).take(ROWS_PER_BATCH) {
        if let Some(key) = row.get(column).filter(|k| !k.is_empty()) {
            *seen.entry(same_key(schema, field, key)).or_default() += 1;
        }
    }
    seen.into_iter().filter(|(_, n)| *n > 1).map(|(key, _)| key).collect()
}

fn same_key(object: &ObjectSchema, field: crate::salesforce::schema::FieldIx, key: &str) -> String {
    let exact = object.field(field).case_sensitive || field == system::ID;
    if exact { key.trim().to_owned() } else { fold(key.trim()) }
}

/// A row as the JSON a REST client would send: empty cells left out, `#N/A` null, `Parent__r.Key__c` nested.
fn as_json(header: &StringRecord, row: &StringRecord) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, cell) in header.iter().zip(row) {
        if cell.is_empty() {
            continue;
        }
        let value = if cell == NULL_CELL { Value::Null } else { json!(cell) };
        match name.split_once('.') {
            Some((relationship, field)) => {
                out.insert(relationship.to_owned(), json!({field: value}));
            }
            None => {
                out.insert(name.to_owned(), value);
            }
        }
    }
    out
}

fn take(row: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = row.keys().find(|k| k.eq_ignore_ascii_case(name))?.clone();
    row.remove(&key)
}

fn write(
    state: &mut State,
    object: ObjectIx,
    ingest: &Ingest,
    row: &StringRecord,
    rules: &[usize],
) -> RowResult<(RecordId, bool)> {
    let schema = Arc::clone(state.store.schema());
    let shape = schema.at(object);
    let mut fields = as_json(&ingest.header, row);
    let by_id = |fields: &mut Map<String, Value>| {
        take(fields, "Id").as_ref().and_then(Value::as_str).unwrap_or("").to_owned()
    };
    match ingest.operation {
        Operation::Insert => state.create_row(rules, object, &fields).map(|id| (id, true)),
        Operation::Update => {
            let at = state.store.locate(shape, &by_id(&mut fields))?;
            state.update_row(rules, object, at, &fields).map(|id| (id, false))
        }
        Operation::Delete | Operation::HardDelete => {
            let at = state.store.locate(shape, &by_id(&mut fields))?;
            let for_good = ingest.operation == Operation::HardDelete;
            state.delete_row(rules, object, at, for_good).map(|id| (id, false))
        }
        Operation::Upsert(field) => {
            let def = shape.field(field);
            let key = take(&mut fields, &def.name).unwrap_or(Value::Null);
            let text = key.as_str().unwrap_or("");
            if ingest.repeated.contains(&same_key(shape, field, text)) {
                let message = format!("Duplicate external id specified: {text}");
                let error = RowError::on(code::DUPLICATE_VALUE, message, &def.name);
                state.stats.row_errors(&shape.name, std::slice::from_ref(&error));
                return Err(vec![error]);
            }
            match state.upsert_row(rules, (object, field), &key, &fields, false)? {
                Upserted::Created(id) => Ok((id, true)),
                Upserted::Updated(id) => Ok((id, false)),
                Upserted::Several(ids) => {
                    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                    Err(vec![several_match(&def.label, &def.name, &ids)])
                }
            }
        }
    }
}
