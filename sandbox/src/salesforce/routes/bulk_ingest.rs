//! Bulk API 2.0 ingest: create, upload, close, poll, results, delete.

use axum::http::Method;
use serde_json::{Value, json};

use super::object;
use super::sobjects::key_field;
use crate::salesforce::bulk::{Ingest, Job, JobKind, JobState, MAX_UPLOAD_BYTES, Operation};
use crate::salesforce::errors::{ApiError, code};
use crate::salesforce::http::{Answer, ApiVersion, Body, Call};
use crate::salesforce::state::State;

/// Names of the column separators.
const DELIMITERS: [(&str, u8); 6] = [
    ("COMMA", b','),
    ("TAB", b'\t'),
    ("SEMICOLON", b';'),
    ("PIPE", b'|'),
    ("CARET", b'^'),
    ("BACKQUOTE", b'`'),
];

/// Answers a call below `jobs/ingest`.
pub(super) fn route(
    state: &mut State,
    call: &Call,
    version: ApiVersion,
    tail: &[&str],
) -> Result<Answer, ApiError> {
    match tail {
        [] if call.method == Method::POST => create(state, call, version),
        [] if call.method == Method::GET => {
            Ok(list(state, |job| matches!(job.kind, JobKind::Ingest(_))))
        }
        [id] => match call.method {
            Method::GET => Ok(Answer::json(200, find(state, id)?.0.to_json())),
            Method::PATCH => change(state, call, id),
            Method::DELETE => delete(state, id),
            _ => Err(ApiError::method_not_allowed(call.method.as_str(), "GET,PATCH,DELETE")),
        },
        [id, part] if call.method == Method::PUT && part.eq_ignore_ascii_case("batches") => {
            upload(state, call, id)
        }
        [id, part] if call.method == Method::GET => results(state, id, part),
        _ => Err(ApiError::not_found()),
    }
}

/// Lists jobs.
pub(super) fn list(state: &State, wanted: impl Fn(&Job) -> bool) -> Answer {
    let records: Vec<Value> = state.jobs.iter().filter(|j| wanted(j)).map(Job::to_json).collect();
    Answer::json(200, json!({"done": true, "nextRecordsUrl": null, "records": records}))
}

fn find<'a>(state: &'a State, id: &str) -> Result<(&'a Job, &'a Ingest), ApiError> {
    let job = state.jobs.find(id).ok_or_else(ApiError::not_found)?;
    match &job.kind {
        JobKind::Ingest(ingest) => Ok((job, ingest)),
        JobKind::Query(_) => Err(ApiError::not_found()),
    }
}

fn wrong_state(state: JobState) -> ApiError {
    let message = format!("Invalid job state: the job is {}", state.as_str());
    ApiError::new(400, code::INVALIDJOBSTATE, message)
}

fn invalid(message: String) -> ApiError {
    ApiError::new(400, crate::salesforce::errors::ErrorCode::known("INVALIDJOB"), message)
}

fn create(state: &mut State, call: &Call, version: ApiVersion) -> Result<Answer, ApiError> {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let name = text("object").ok_or_else(|| invalid("object is missing".to_owned()))?;
    let object = object(state, name).map_err(|_| {
        ApiError::new(400, code::INVALID_TYPE, format!("Unable to find object: {name}"))
    })?;
    let key_name = text("externalIdFieldName");
    let operation = match text("operation") {
        Some("insert") => Operation::Insert,
        Some("update") => Operation::Update,
        Some("delete") => Operation::Delete,
        Some("hardDelete") => Operation::HardDelete,
        Some("upsert") => {
            let name = key_name
                .ok_or_else(|| invalid("externalIdFieldName is required for upsert".to_owned()))?;
            Operation::Upsert(key_field(object, name).map_err(|_| {
                invalid(format!("External ID was not specified or is no external id: {name}"))
            })?)
        }
        other => return Err(invalid(format!("Unknown operation: {}", other.unwrap_or("none")))),
    };
    if text("contentType").is_some_and(|t| t != "CSV") {
        return Err(invalid("contentType must be CSV".to_owned()));
    }
    let wanted = text("columnDelimiter").unwrap_or("COMMA");
    let delimiter = DELIMITERS
        .iter()
        .find(|(name, _)| *name == wanted)
        .map(|(name, byte)| (*byte, *name))
        .ok_or_else(|| invalid(format!("Unknown columnDelimiter: {wanted}")))?;
    let line_ending = if text("lineEnding") == Some("CRLF") { "CRLF" } else { "LF" };
    let ingest = Ingest::new(operation, key_name.map(str::to_owned), delimiter, line_ending);
    let (ix, name) = (object.ix, object.name.clone());
    let (user, now) = (state.integration.clone(), state.now());
    let id = state
        .jobs
        .add((ix, &name), version, JobKind::Ingest(ingest), user, now)
        .ok_or_else(|| invalid("too many jobs are open".to_owned()))?;
    let job = state.jobs.find(id.as_str()).ok_or_else(ApiError::not_found)?;
    Ok(Answer::json(200, job.to_json()))
}

fn upload(state: &mut State, call: &Call, id: &str) -> Result<Answer, ApiError> {
    let (job, ingest) = find(state, id)?;
    if job.state != JobState::Open || ingest.uploaded {
        return Err(wrong_state(job.state));
    }
    if !call.header("content-type").is_some_and(|t| t.starts_with("text/csv")) {
        let message = "Content-Type must be text/csv";
        return Err(ApiError::new(415, code::UNSUPPORTED_MEDIA_TYPE, message));
    }
    if call.body.len() > MAX_UPLOAD_BYTES || !state.jobs.fits(call.body.len()) {
        return Err(ApiError::new(413, code::EXCEEDED_ID_LIMIT, "the upload is too large"));
    }
    let job = state.jobs.find_mut(id).ok_or_else(ApiError::not_found)?;
    let JobKind::Ingest(ingest) = &mut job.kind else { return Err(ApiError::not_found()) };
    if let Err(why) = ingest.upload(&call.body) {
        // The upload itself is accepted; that it cannot be read shows when the job runs.
        ingest.uploaded = true;
        job.error = Some(format!("InvalidBatch : {why}"));
    }
    Ok(Answer { status: 201, body: Body::Empty, headers: Vec::new() })
}

fn change(state: &mut State, call: &Call, id: &str) -> Result<Answer, ApiError> {
    find(state, id)?;
    let wanted = call.object()?.get("state").and_then(Value::as_str).unwrap_or("").to_owned();
    let job = state.jobs.find_mut(id).ok_or_else(ApiError::not_found)?;
    match (wanted.as_str(), job.state) {
        ("UploadComplete", JobState::Open) => {
            job.state =
                if job.error.is_some() { JobState::Failed } else { JobState::UploadComplete };
        }
        ("Aborted", JobState::Open | JobState::UploadComplete | JobState::InProgress) => {
            job.state = JobState::Aborted;
        }
        (_, now) => return Err(wrong_state(now)),
    }
    Ok(Answer::json(200, job.to_json()))
}

fn delete(state: &mut State, id: &str) -> Result<Answer, ApiError> {
    let (job, _) = find(state, id)?;
    if matches!(job.state, JobState::InProgress) {
        return Err(wrong_state(job.state));
    }
    let id = job.id.clone();
    state.jobs.remove(&id);
    Ok(Answer::no_content())
}

fn results(state: &State, id: &str, part: &str) -> Result<Answer, ApiError> {
    let (job, ingest) = find(state, id)?;
    let body = match part.to_ascii_lowercase().as_str() {
        "successfulresults" => ingest.successful(),
        "failedresults" => ingest.failed_rows(),
        "unprocessedrecords" => ingest.unprocessed(),
        _ => return Err(ApiError::not_found()),
    };
    if !job.state.over() {
        return Err(wrong_state(job.state));
    }
    Ok(Answer::csv(body))
}
