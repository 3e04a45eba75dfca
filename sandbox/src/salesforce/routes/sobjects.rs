//! One record at a time: create, read, change, delete, upsert by external id.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::{describe, object, replication};
use crate::salesforce::errors::{ApiError, RowError, code};
use crate::salesforce::http::{Answer, ApiVersion, Call};
use crate::salesforce::ids::RecordId;
use crate::salesforce::schema::{FieldIx, ObjectIx, ObjectSchema, system};
use crate::salesforce::soql::attributes;
use crate::salesforce::state::State;
use crate::salesforce::store::{Row, RowIx};
use crate::salesforce::value::FieldValue;
use crate::salesforce::write::{Upserted, is_key, type_mismatch};

/// Answers a call below `sobjects/{object}`.
pub(super) fn route(
    state: &mut State,
    call: &Call,
    version: ApiVersion,
    name: &str,
    tail: &[&str],
) -> Result<Answer, ApiError> {
    let ix = object(state, name)?.ix;
    match tail {
        [] if call.method == Method::GET => Ok(describe::basic(state, ix, version)),
        [] if call.method == Method::POST => create(state, call, ix),
        [] => Err(ApiError::method_not_allowed(call.method.as_str(), "HEAD,GET,POST")),
        [word] if word.eq_ignore_ascii_case("describe") => Ok(describe::full(state, ix, version)),
        [word] if word.eq_ignore_ascii_case("updated") => replication::updated(state, call, ix),
        [word] if word.eq_ignore_ascii_case("deleted") => replication::deleted(state, call, ix),
        [word] if word.eq_ignore_ascii_case("id") && call.method == Method::POST => {
            create(state, call, ix)
        }
        [id] => by_id(state, call, version, ix, id),
        [field, key] => by_key(state, call, version, ix, field, key),
        _ => Err(ApiError::not_found()),
    }
}

fn body<'a>(object: &ObjectSchema, call: &'a Call) -> Result<&'a Map<String, Value>, ApiError> {
    let body = call.object()?;
    match type_mismatch(object, body) {
        Some(error) => Err(ApiError::new(400, error.code, error.message)),
        None => Ok(body),
    }
}

fn create(state: &mut State, call: &Call, ix: ObjectIx) -> Result<Answer, ApiError> {
    let input = body(state.store.schema().at(ix), call)?;
    let id = state.create_row(&call.row_faults, ix, input).map_err(ApiError::row)?;
    Ok(Answer::json(201, json!({"id": id, "success": true, "errors": []})))
}

fn by_id(
    state: &mut State,
    call: &Call,
    version: ApiVersion,
    ix: ObjectIx,
    id: &str,
) -> Result<Answer, ApiError> {
    let schema = std::sync::Arc::clone(state.store.schema());
    let at = RecordId::parse(id)
        .and_then(|id| state.store.find_id(schema.at(ix), &id))
        .ok_or_else(ApiError::not_found)?;
    if state.store.row(ix, at).is_some_and(Row::deleted) {
        return Err(ApiError {
            status: 404,
            errors: vec![RowError::new(code::ENTITY_IS_DELETED, "entity is deleted")],
            with_fields: true,
        });
    }
    on_row(state, call, version, ix, at)
}

fn on_row(
    state: &mut State,
    call: &Call,
    version: ApiVersion,
    ix: ObjectIx,
    at: RowIx,
) -> Result<Answer, ApiError> {
    match call.method {
        Method::GET => read(state, call, version, ix, at),
        Method::PATCH => {
            let schema = std::sync::Arc::clone(state.store.schema());
            let input = body(schema.at(ix), call)?;
            if input.contains_key("Id") {
                let message = "The Id field should not be specified in the sobject data.";
                return Err(ApiError::new(400, code::INVALID_FIELD, message));
            }
            state.update_row(&call.row_faults, ix, at, input).map_err(ApiError::row)?;
            Ok(Answer::no_content())
        }
        Method::DELETE => {
            state.delete_row(&call.row_faults, ix, at, false).map_err(ApiError::row)?;
            Ok(Answer::no_content())
        }
        _ => Err(ApiError::method_not_allowed(call.method.as_str(), "HEAD,GET,PATCH,DELETE")),
    }
}

fn read(
    state: &State,
    call: &Call,
    version: ApiVersion,
    ix: ObjectIx,
    at: RowIx,
) -> Result<Answer, ApiError> {
    let object = state.store.schema().at(ix);
    let fields: Vec<FieldIx> = match call.param("fields") {
        None => object.field_ixs().collect(),
        Some(list) => field_list(object, list.split(','))?,
    };
    Ok(Answer::json(200, record_json(state, ix, at, &fields, version)))
}

/// Positions of named fields.
pub(super) fn field_list<'a>(
    object: &ObjectSchema,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<FieldIx>, ApiError> {
    names
        .map(|name| {
            object.field_ix(name.trim()).ok_or_else(|| {
                let message = format!("No such column '{name}' on sobject of type {}", object.name);
                ApiError::new(400, code::INVALID_FIELD, message)
            })
        })
        .collect()
}

/// A record with these fields, in REST's form.
pub(super) fn record_json(
    state: &State,
    ix: ObjectIx,
    at: RowIx,
    fields: &[FieldIx],
    version: ApiVersion,
) -> Value {
    let Some(row) = state.store.row(ix, at) else { return Value::Null };
    let object = state.store.schema().at(ix);
    let mut out = Map::new();
    out.insert("attributes".to_owned(), attributes(&state.store, ix, row, &version.to_string()));
    for field in fields {
        let def = object.field(*field);
        out.insert(def.name.clone(), row.get(*field).to_json(&def.kind));
    }
    Value::Object(out)
}

fn no_such_key(field: &str) -> ApiError {
    let message =
        format!("Provided external ID field does not exist or is not accessible: {field}");
    ApiError::new(404, code::NOT_FOUND, message)
}

/// The key field of an upsert.
pub(super) fn key_field(object: &ObjectSchema, name: &str) -> Result<FieldIx, ApiError> {
    object.field_ix(name).filter(|ix| is_key(object, *ix)).ok_or_else(|| no_such_key(name))
}

fn by_key(
    state: &mut State,
    call: &Call,
    version: ApiVersion,
    ix: ObjectIx,
    field: &str,
    key: &str,
) -> Result<Answer, ApiError> {
    let schema = std::sync::Arc::clone(state.store.schema());
    let object = schema.at(ix);
    let field = key_field(object, field)?;
    if field == system::ID {
        return by_id(state, call, version, ix, key);
    }
    if call.method == Method::PATCH || call.method == Method::POST {
        return upsert(state, call, version, (ix, field), key);
    }
    let wanted = FieldValue::read(&object.field(field).kind, &json!(key))
        .map_err(|_| ApiError::not_found())?;
    match state.store.find_key(object, field, &wanted) {
        [] => Err(ApiError::not_found()),
        [at] => {
            let at = *at;
            on_row(state, call, version, ix, at)
        }
        several => {
            let ids = several.iter().filter_map(|at| state.store.id_of(ix, *at)).collect();
            Ok(choices(object, ids, version))
        }
    }
}

/// 300: the records that carry the key.
fn choices(object: &ObjectSchema, ids: Vec<RecordId>, version: ApiVersion) -> Answer {
    let url =
        |id: RecordId| json!(format!("/services/data/v{version}/sobjects/{}/{id}", object.name));
    Answer::json(300, Value::Array(ids.into_iter().map(url).collect()))
}

fn upsert(
    state: &mut State,
    call: &Call,
    version: ApiVersion,
    (ix, field): (ObjectIx, FieldIx),
    key: &str,
) -> Result<Answer, ApiError> {
    let schema = std::sync::Arc::clone(state.store.schema());
    let object = schema.at(ix);
    let input = body(object, call)?;
    let key_name = &object.field(field).name;
    for name in input.keys() {
        if name.eq_ignore_ascii_case(key_name) || name.eq_ignore_ascii_case("Id") {
            let message = format!("The {name} field should not be specified in the sobject data.");
            return Err(ApiError::new(400, code::INVALID_FIELD, message));
        }
    }
    let update_only = call.param("updateOnly") == Some("true");
    let done = state
        .upsert_row(&call.row_faults, (ix, field), &json!(key), input, update_only)
        .map_err(|errors| {
            let missing = update_only && errors.iter().any(|e| e.code == code::NOT_FOUND);
            if missing { ApiError::not_found() } else { ApiError::row(errors) }
        })?;
    let says_created = version >= ApiVersion::UPSERT_SAYS_CREATED;
    let saved = |id: RecordId, created: bool| {
        let mut out = json!({"id": id, "success": true, "errors": []});
        if let (true, Some(map)) = (says_created, out.as_object_mut()) {
            map.insert("created".to_owned(), Value::Bool(created));
        }
        out
    };
    Ok(match done {
        Upserted::Created(id) => Answer::json(201, saved(id, true)),
        Upserted::Updated(id) if says_created => Answer::json(200, saved(id, false)),
        Upserted::Updated(_) => Answer::no_content(),
        Upserted::Several(ids) => choices(object, ids, version),
    })
}
