//! Up to 200 records in one call, each with its own outcome.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::object;
use super::sobjects::{field_list, key_field, record_json};
use crate::salesforce::errors::{ApiError, RowError, code};
use crate::salesforce::http::{Answer, ApiVersion, Call};
use crate::salesforce::ids::RecordId;
use crate::salesforce::schema::{FieldIx, ObjectIx, ObjectSchema, Schema, system};
use crate::salesforce::state::State;
use crate::salesforce::store::Row;
use crate::salesforce::value::{fold, plain};
use crate::salesforce::write::{RowResult, Upserted, several_match, type_mismatch};

/// Most records of one call.
const MAX_RECORDS: usize = 200;
/// Most records of one retrieve.
const MAX_RETRIEVED: usize = 2_000;

type Outcome = RowResult<(RecordId, Option<bool>)>;
/// A record of a request and its object.
type Given<'a> = (ObjectIx, &'a Map<String, Value>);

/// Answers a call below `composite/sobjects`.
pub(super) fn route(
    state: &mut State,
    call: &Call,
    version: ApiVersion,
    tail: &[&str],
) -> Result<Answer, ApiError> {
    match tail {
        [] if call.method == Method::POST => write_all(state, call, Operation::Create),
        [] if call.method == Method::PATCH => write_all(state, call, Operation::Update),
        [] if call.method == Method::DELETE => delete_all(state, call),
        [] => Err(ApiError::method_not_allowed(call.method.as_str(), "POST,PATCH,DELETE")),
        [name] if call.method == Method::POST => retrieve(state, call, version, name),
        [name, field] if call.method == Method::PATCH => {
            let object = object(state, name)?;
            let target = (object.ix, key_field(object, field)?);
            write_all(state, call, Operation::Upsert(target))
        }
        [_] | [_, _] => Err(ApiError::method_not_allowed(call.method.as_str(), "POST,PATCH")),
        _ => Err(ApiError::not_found()),
    }
}

#[derive(Clone, Copy)]
enum Operation {
    Create,
    Update,
    Upsert((ObjectIx, FieldIx)),
}

fn limit(count: usize, most: usize) -> Result<(), ApiError> {
    if count <= most {
        return Ok(());
    }
    let message =
        format!("record limit reached. cannot submit more than {most} records into this call");
    Err(ApiError::new(400, code::EXCEEDED_ID_LIMIT, message))
}

fn write_all(state: &mut State, call: &Call, operation: Operation) -> Result<Answer, ApiError> {
    let body = call.object()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let records = body
        .get("records")
        .and_then(Value::as_array)
        .ok_or_else(|| ApiError::bad_body("The request body must hold an array named records"))?;
    limit(records.len(), MAX_RECORDS)?;
    let schema = Arc::clone(state.store.schema());
    let rows = read_rows(&schema, records, operation)?;
    let repeated = match operation {
        Operation::Upsert((ix, field)) => repeated_keys(schema.at(ix), field, &rows),
        Operation::Create | Operation::Update => BTreeMap::new(),
    };
    let outcomes = in_one_go(state, all_or_none, |state| {
        rows.iter()
            .map(|(ix, row)| write_one(state, call, operation, *ix, row, &repeated))
            .collect()
    });
    Ok(results(&outcomes))
}

/// Runs writes; with `all_or_none` the first failure takes everything back.
fn in_one_go(
    state: &mut State,
    all_or_none: bool,
    run: impl FnOnce(&mut State) -> Vec<Outcome>,
) -> Vec<Outcome> {
    if !all_or_none {
        return run(state);
    }
    let outer = state.store.in_transaction();
    let mark = state.store.savepoint();
    let mut outcomes = run(state);
    if outcomes.iter().any(Result::is_err) {
        state.store.rollback_to(mark);
        for outcome in outcomes.iter_mut().filter(|o| o.is_ok()) {
            *outcome = Err(vec![rolled_back()]);
        }
    }
    if !outer {
        state.store.commit();
    }
    outcomes
}

fn rolled_back() -> RowError {
    RowError::new(
        code::ALL_OR_NONE_OPERATION_ROLLED_BACK,
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
    )
}

fn read_rows<'a>(
    schema: &Schema,
    records: &'a [Value],
    operation: Operation,
) -> Result<Vec<Given<'a>>, ApiError> {
    records
        .iter()
        .map(|record| {
            let map = record
                .as_object()
                .ok_or_else(|| ApiError::bad_body("every record must be a JSON object"))?;
            let named = record.pointer("/attributes/type").and_then(Value::as_str);
            let object = match (named, operation) {
                (Some(name), _) => schema.object(name).ok_or_else(|| {
                    let message = format!("sObject type '{name}' is not supported.");
                    ApiError::new(400, code::INVALID_TYPE, message)
                })?,
                (None, Operation::Upsert((ix, _))) => schema.at(ix),
                (None, Operation::Create | Operation::Update) => {
                    return Err(ApiError::bad_body("every record needs attributes.type"));
                }
            };
            if let Operation::Upsert((ix, _)) = operation
                && ix != object.ix
            {
                let message = format!(
                    "the records are of type {}, the URL names {}",
                    object.name,
                    schema.at(ix).name
                );
                return Err(ApiError::new(400, code::INVALID_TYPE, message));
            }
            match type_mismatch(object, map) {
                Some(error) => Err(ApiError::new(400, error.code, error.message)),
                None => Ok((object.ix, map)),
            }
        })
        .collect()
}

/// The value of a field in a record, the name's case ignored.
pub(super) fn value_of<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.get(name)
        .or_else(|| map.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Keys that occur more than once, with the text of the error every such row gets.
fn repeated_keys(
    object: &ObjectSchema,
    field: FieldIx,
    rows: &[Given<'_>],
) -> BTreeMap<String, RowError> {
    let name = &object.field(field).name;
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for (_, row) in rows {
        if let Some(key) = value_of(row, name).filter(|k| !k.is_null()) {
            *seen.entry(same_key(object, field, &plain(key))).or_default() += 1;
        }
    }
    seen.retain(|_, n| *n > 1);
    seen.into_keys().map(|key| (key.clone(), twice(name, &key))).collect()
}

/// The form in which two keys of one request are the same.
pub(super) fn same_key(object: &ObjectSchema, field: FieldIx, key: &str) -> String {
    let key = key.trim();
    if object.field(field).case_sensitive || field == system::ID {
        key.to_owned()
    } else {
        fold(key)
    }
}

/// The error of every row whose key occurs more than once in a request.
pub(super) fn twice(field: &str, key: &str) -> RowError {
    RowError::on(code::DUPLICATE_VALUE, format!("Duplicate external id specified: {key}"), field)
}

fn write_one(
    state: &mut State,
    call: &Call,
    operation: Operation,
    ix: ObjectIx,
    row: &Map<String, Value>,
    repeated: &BTreeMap<String, RowError>,
) -> Outcome {
    let schema = Arc::clone(state.store.schema());
    let object = schema.at(ix);
    match operation {
        Operation::Create => state.create_row(&call.row_faults, ix, row).map(|id| (id, None)),
        Operation::Update => {
            let id = value_of(row, "Id").map(plain).unwrap_or_default();
            let at = state.store.locate(object, &id)?;
            let mut fields = row.clone();
            fields.retain(|name, _| !name.eq_ignore_ascii_case("Id"));
            state.update_row(&call.row_faults, ix, at, &fields).map(|id| (id, None))
        }
        Operation::Upsert((_, field)) => {
            let name = &object.field(field).name;
            let key = value_of(row, name).cloned().unwrap_or(Value::Null);
            if let Some(error) = repeated.get(&same_key(object, field, &plain(&key))) {
                state.stats.row_errors(&object.name, std::slice::from_ref(error));
                return Err(vec![error.clone()]);
            }
            let mut fields = row.clone();
            fields.retain(|n, _| !n.eq_ignore_ascii_case(name));
            match state.upsert_row(&call.row_faults, (ix, field), &key, &fields, false)? {
                Upserted::Created(id) => Ok((id, Some(true))),
                Upserted::Updated(id) => Ok((id, Some(false))),
                Upserted::Several(ids) => {
                    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                    Err(vec![several_match(&object.field(field).label, name, &ids)])
                }
            }
        }
    }
}

fn results(outcomes: &[Outcome]) -> Answer {
    let one = |outcome: &Outcome| match outcome {
        Ok((id, created)) => {
            let mut out = json!({"id": id, "success": true, "errors": []});
            if let (Some(created), Some(map)) = (created, out.as_object_mut()) {
                map.insert("created".to_owned(), Value::Bool(*created));
            }
            out
        }
        Err(errors) => json!({
            "success": false,
            "errors": errors.iter().map(RowError::as_collection_error).collect::<Vec<_>>(),
        }),
    };
    Answer::json(200, Value::Array(outcomes.iter().map(one).collect()))
}

fn delete_all(state: &mut State, call: &Call) -> Result<Answer, ApiError> {
    let ids: Vec<&str> =
        call.param("ids").unwrap_or("").split(',').filter(|s| !s.is_empty()).collect();
    if ids.is_empty() {
        return Err(ApiError::new(400, code::MISSING_ARGUMENT, "The parameter ids is required"));
    }
    limit(ids.len(), MAX_RECORDS)?;
    let all_or_none = call.param("allOrNone") == Some("true");
    let schema = Arc::clone(state.store.schema());
    let outcomes = in_one_go(state, all_or_none, |state| {
        ids.iter()
            .map(|id| {
                let wrong = || {
                    let message = format!("malformed id {id}");
                    vec![RowError::new(code::MALFORMED_ID, message)]
                };
                let parsed = RecordId::parse(id).ok_or_else(wrong)?;
                let object = schema.by_prefix(parsed.key_prefix()).ok_or_else(wrong)?;
                let at = state.store.locate(object, id)?;
                state.delete_row(&call.row_faults, object.ix, at, false).map(|id| (id, None))
            })
            .collect()
    });
    Ok(results(&outcomes))
}

fn retrieve(
    state: &State,
    call: &Call,
    version: ApiVersion,
    name: &str,
) -> Result<Answer, ApiError> {
    let object = object(state, name)?;
    let body = call.object()?;
    let list = |key: &str| {
        body.get(key).and_then(Value::as_array).ok_or_else(|| {
            ApiError::new(400, code::MISSING_ARGUMENT, format!("The property {key} is required"))
        })
    };
    let (ids, names) = (list("ids")?, list("fields")?);
    limit(ids.len(), MAX_RETRIEVED)?;
    let fields = field_list(object, names.iter().filter_map(Value::as_str))?;
    let one = |id: &Value| {
        let at = id
            .as_str()
            .and_then(RecordId::parse)
            .and_then(|id| state.store.find_id(object, &id))
            .filter(|at| state.store.row(object.ix, *at).is_some_and(Row::live));
        at.map_or(Value::Null, |at| record_json(state, object.ix, at, &fields, version))
    };
    Ok(Answer::json(200, Value::Array(ids.iter().map(one).collect())))
}
