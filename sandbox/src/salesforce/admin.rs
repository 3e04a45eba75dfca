//! The admin API, on a port of its own: fault rules, counters, records as they are, edits by a human.
//!
//! | call | does |
//! |---|---|
//! | `GET /healthz` | `ok` |
//! | `POST /faults` | adds a rule or an array of rules, see [`FaultRule`] |
//! | `GET /faults`, `DELETE /faults` | lists them with how often each fired; forgets them |
//! | `GET /stats` | counters: calls, statuses, rows, row errors, tokens, overlap per key and parent |
//! | `POST /limits` | `{"max", "used"}`: the daily maximum and what is used of it |
//! | `POST /tokens/expire` | every token is invalid from now on |
//! | `GET /records/{object}?fields=a,b` | all records as an array, with `deleted` |
//! | `POST /records/{object}` | creates as a human |
//! | `POST /records/{object}/{id}`, `DELETE` | changes, deletes as a human; `?by=Field` names the record by a key |

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::stream;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::errors::RowError;
use super::faults::FaultRule;
use super::ids::RecordId;
use super::schema::{FieldIx, ObjectIx, ObjectSchema};
use super::server;
use super::state::State;
use super::store::{Row, RowIx};
use super::value::FieldValue;

/// Records serialised per turn of the lock.
const ROWS_PER_TURN: usize = 2_000;

type App = Arc<server::Shared>;

/// The routes of the admin API.
pub(super) fn router(shared: App) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/faults", get(list_faults).post(add_faults).delete(clear_faults))
        .route("/stats", get(stats))
        .route("/limits", post(set_limits))
        .route("/tokens/expire", post(expire_tokens))
        .route("/records/{sobject}", get(dump).post(create))
        .route("/records/{sobject}/{id}", post(edit).delete(remove))
        .with_state(shared)
}

struct Refused(StatusCode, Value);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

fn not_found(what: &str) -> Refused {
    Refused(StatusCode::NOT_FOUND, json!(format!("{what} does not exist in this org")))
}

fn row_refused(errors: Vec<RowError>) -> Refused {
    let all: Vec<Value> = errors.iter().map(RowError::as_collection_error).collect();
    Refused(StatusCode::BAD_REQUEST, Value::Array(all))
}

async fn list_faults(Shared(app): Shared<App>) -> Json<Value> {
    Json(app.lock().stats_json()["faults"].take())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Rules {
    Many(Vec<FaultRule>),
    One(Box<FaultRule>),
}

async fn add_faults(
    Shared(app): Shared<App>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let one: Result<FaultRule, _> = serde_json::from_value(body.clone());
    let rules = match serde_json::from_value::<Rules>(body) {
        Ok(Rules::Many(rules)) => rules,
        Ok(Rules::One(rule)) => vec![*rule],
        Err(_) => {
            let why = one.err().map_or_else(String::new, |e| e.to_string());
            return Err(Refused(
                StatusCode::BAD_REQUEST,
                json!(format!("not a fault rule: {why}")),
            ));
        }
    };
    let mut state = app.lock();
    for rule in rules {
        if !state.faults.add(rule) {
            return Err(Refused(
                StatusCode::CONFLICT,
                json!("too many fault rules; DELETE /faults first"),
            ));
        }
    }
    Ok((StatusCode::CREATED, Json(json!({"rules": state.faults.list().len()}))))
}

async fn clear_faults(Shared(app): Shared<App>) -> StatusCode {
    app.lock().faults.clear();
    StatusCode::NO_CONTENT
}

async fn stats(Shared(app): Shared<App>) -> Json<Value> {
    Json(app.lock().stats_json())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    max: Option<u64>,
    used: Option<u64>,
}

async fn set_limits(Shared(app): Shared<App>, Json(limits): Json<Limits>) -> Json<Value> {
    let mut state = app.lock();
    let now = state.now();
    if let Some(max) = limits.max {
        state.usage.set_max(max);
    }
    if let Some(used) = limits.used {
        state.usage.set_used(used, now);
    }
    Json(json!({"used": state.usage.used(now), "max": state.usage.max()}))
}

async fn expire_tokens(Shared(app): Shared<App>) -> StatusCode {
    app.lock().sessions.expire_all();
    StatusCode::NO_CONTENT
}

fn object_ix(state: &State, name: &str) -> Result<ObjectIx, Refused> {
    state.store.schema().object(name).map(|o| o.ix).ok_or_else(|| not_found(name))
}

#[derive(Deserialize)]
struct Columns {
    /// Names of the fields wanted, separated by commas; all fields when absent.
    fields: Option<String>,
}

/// GET /records/{sobject}: an array, one record a line, deleted ones included, purged ones left out.
async fn dump(
    Shared(app): Shared<App>,
    Path(name): Path<String>,
    Query(columns): Query<Columns>,
) -> Result<Response, Refused> {
    let (object, fields) = {
        let state = app.lock();
        let object = object_ix(&state, &name)?;
        let schema = state.store.schema().at(object);
        let fields: Vec<FieldIx> = match &columns.fields {
            None => schema.field_ixs().collect(),
            Some(list) => list
                .split(',')
                .map(|f| schema.field_ix(f).ok_or_else(|| not_found(f)))
                .collect::<Result<_, _>>()?,
        };
        (object, Arc::new(fields))
    };
    let turns = stream::unfold(Some(0_usize), move |from| {
        let (app, fields) = (Arc::clone(&app), Arc::clone(&fields));
        async move {
            let (text, next) = dump_turn(&app.lock(), object, &fields, from?);
            Some((Ok::<_, std::io::Error>(text), next))
        }
    });
    let headers = [("content-type", "application/json;charset=UTF-8")];
    Ok((headers, Body::from_stream(turns)).into_response())
}

/// A part of a JSON array of all records of an object, and where the next part starts.
fn dump_turn(
    state: &State,
    object: ObjectIx,
    fields: &[FieldIx],
    from: usize,
) -> (String, Option<usize>) {
    let schema = state.store.schema().at(object);
    let mut out = String::from(if from == 0 { "[" } else { "" });
    let mut first = state.store.rows(object).take(from).all(|(_, row)| row.purged);
    let mut read = 0;
    for (_, row) in state.store.rows(object).skip(from).take(ROWS_PER_TURN) {
        read += 1;
        if row.purged {
            continue;
        }
        out.push_str(if first { "\n" } else { ",\n" });
        first = false;
        out.push_str(&row_json(schema, fields, row).to_string());
    }
    if read == ROWS_PER_TURN {
        return (out, Some(from + read));
    }
    out.push_str("\n]\n");
    (out, None)
}

fn row_json(schema: &ObjectSchema, fields: &[FieldIx], row: &Row) -> Value {
    let fields =
        fields.iter().map(|ix| (schema.field(*ix).name.clone(), row.get(*ix).to_exact_json()));
    let mut out: Map<String, Value> = fields.collect();
    out.insert("deleted".to_owned(), Value::Bool(row.deleted()));
    Value::Object(out)
}

#[derive(Deserialize)]
struct By {
    /// Field whose value the path names, instead of the id.
    by: Option<String>,
}

fn find(state: &State, object: ObjectIx, id: &str, by: &By) -> Result<RowIx, Refused> {
    let schema = state.store.schema().at(object);
    let missing = || Refused(StatusCode::NOT_FOUND, json!("no such record"));
    let Some(field) = &by.by else {
        let parsed = RecordId::parse(id).ok_or_else(missing)?;
        return state.store.find_id(schema, &parsed).ok_or_else(missing);
    };
    let ix = schema.field_ix(field).ok_or_else(|| not_found(field))?;
    let key = FieldValue::read(&schema.field(ix).kind, &json!(id)).map_err(|_| missing())?;
    match state.store.find_key(schema, ix, &key) {
        [at] => Ok(*at),
        [] => Err(missing()),
        [..] => Err(Refused(StatusCode::CONFLICT, json!("several records carry that key"))),
    }
}

async fn create(
    Shared(app): Shared<App>,
    Path(name): Path<String>,
    Json(fields): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let mut state = app.lock();
    let object = object_ix(&state, &name)?;
    let actor = state.human_actor();
    let id = state.store.create(object, &fields, &actor).map_err(row_refused)?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))))
}

async fn edit(
    Shared(app): Shared<App>,
    Path((name, id)): Path<(String, String)>,
    Query(by): Query<By>,
    Json(fields): Json<Map<String, Value>>,
) -> Result<Json<Value>, Refused> {
    let mut state = app.lock();
    let object = object_ix(&state, &name)?;
    let at = find(&state, object, &id, &by)?;
    let actor = state.human_actor();
    let id = state.store.update(object, at, &fields, &actor).map_err(row_refused)?;
    Ok(Json(json!({"id": id})))
}

async fn remove(
    Shared(app): Shared<App>,
    Path((name, id)): Path<(String, String)>,
    Query(by): Query<By>,
) -> Result<StatusCode, Refused> {
    let mut state = app.lock();
    let object = object_ix(&state, &name)?;
    let at = find(&state, object, &id, &by)?;
    let actor = state.human_actor();
    state.store.delete(object, at, &actor).map_err(row_refused)?;
    Ok(StatusCode::NO_CONTENT)
}
