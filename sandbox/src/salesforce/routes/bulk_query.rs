//! Bulk API 2.0 queries: create, poll, read page by page, delete.

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::bulk_ingest::list;
use crate::salesforce::bulk::{Job, JobKind, JobState, QueryJob, quoted_line};
use crate::salesforce::errors::{ApiError, code};
use crate::salesforce::http::{Answer, ApiVersion, Call};
use crate::salesforce::soql::{self, Matches};
use crate::salesforce::state::State;

/// Rows of a page when the client does not say; large, because clients stumble over a second page.
const PAGE: usize = 100_000;

/// Answers a call below `jobs/query`.
pub(super) fn route(
    state: &mut State,
    call: &Call,
    version: ApiVersion,
    tail: &[&str],
) -> Result<Answer, ApiError> {
    match tail {
        [] if call.method == Method::POST => create(state, call, version),
        [] if call.method == Method::GET => {
            Ok(list(state, |job| matches!(job.kind, JobKind::Query(_))))
        }
        [id] => one(state, call, id),
        [id, part] if call.method == Method::GET && part.eq_ignore_ascii_case("results") => {
            results(state, call, version, id)
        }
        _ => Err(ApiError::not_found()),
    }
}

fn find<'a>(state: &'a State, id: &str) -> Result<(&'a Job, &'a QueryJob), ApiError> {
    let job = state.jobs.find(id).ok_or_else(ApiError::not_found)?;
    match &job.kind {
        JobKind::Query(query) => Ok((job, query)),
        JobKind::Ingest(_) => Err(ApiError::not_found()),
    }
}

fn create(state: &mut State, call: &Call, version: ApiVersion) -> Result<Answer, ApiError> {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or("");
    let with_deleted = match text("operation") {
        "query" => false,
        "queryAll" => true,
        other => {
            let message = format!("Unknown operation: {other}");
            return Err(ApiError::new(400, code::MALFORMED_QUERY, message));
        }
    };
    let soql = text("query").to_owned();
    let now = state.now();
    let query =
        soql::compile(state.store.schema(), &soql, now).map_err(|e| e.into_api_error(&soql))?;
    let Matches::Rows(rows) = soql::run(&state.store, &query, with_deleted) else {
        let message = "Aggregates are not supported in Bulk Query";
        return Err(ApiError::new(400, code::MALFORMED_QUERY, message));
    };
    let object = state.store.schema().at(query.object);
    let (ix, name) = (object.ix, object.name.clone());
    let kind = JobKind::Query(QueryJob { query, rows, with_deleted });
    let user = state.integration.clone();
    let id = state
        .jobs
        .add((ix, &name), version, kind, user, now)
        .ok_or_else(|| ApiError::new(400, code::EXCEEDED_ID_LIMIT, "too many jobs are open"))?;
    Ok(Answer::json(200, find(state, id.as_str())?.0.to_json()))
}

fn one(state: &mut State, call: &Call, id: &str) -> Result<Answer, ApiError> {
    find(state, id)?;
    let job = state.jobs.find_mut(id).ok_or_else(ApiError::not_found)?;
    match call.method {
        Method::GET => {
            // The query ran when the job was created; the first poll finds it complete.
            if !job.state.over() {
                job.state = JobState::JobComplete;
            }
            Ok(Answer::json(200, job.to_json()))
        }
        Method::PATCH => {
            job.state = JobState::Aborted;
            Ok(Answer::json(200, job.to_json()))
        }
        Method::DELETE => {
            let id = job.id.clone();
            state.jobs.remove(&id);
            Ok(Answer::no_content())
        }
        _ => Err(ApiError::method_not_allowed(call.method.as_str(), "GET,PATCH,DELETE")),
    }
}

fn results(state: &State, call: &Call, version: ApiVersion, id: &str) -> Result<Answer, ApiError> {
    let (job, query) = find(state, id)?;
    if job.version != version {
        let message = format!("results must be read with API version {}", job.version);
        return Err(ApiError::new(409, code::INVALIDJOBSTATE, message));
    }
    if job.state == JobState::Aborted {
        return Err(ApiError::new(400, code::INVALIDJOBSTATE, "the job was aborted"));
    }
    let bad = || ApiError::new(400, code::INVALID_QUERY_LOCATOR, "invalid query locator");
    let from = match call.param("locator") {
        None => 0,
        Some(locator) => read_locator(locator).ok_or_else(bad)?,
    };
    let page = match call.param("maxRecords") {
        None => PAGE,
        Some(text) => text.parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(bad)?,
    };
    let to = query.rows.len().min(from.saturating_add(page));
    let rows = query.rows.get(from..to).ok_or_else(bad)?;
    let columns = query.query.columns().unwrap_or_default();
    let names: Vec<String> = columns.iter().map(|c| c.names.join(".")).collect();
    let mut out = quoted_line(names.iter().map(String::as_str));
    for at in rows {
        let cells: Vec<String> =
            columns.iter().map(|c| soql::cell(&state.store, &query.query, *at, c)).collect();
        out.push_str(&quoted_line(cells.iter().map(String::as_str)));
    }
    let next = if to < query.rows.len() { write_locator(to) } else { "null".to_owned() };
    Ok(Answer::csv(out)
        .with("sforce-numberofrecords", rows.len().to_string())
        .with("sforce-locator", next))
}

fn write_locator(at: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("row:{at}"))
}

fn read_locator(text: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("row:")?.parse().ok()
}
