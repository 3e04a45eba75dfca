//! Up to 25 calls in one, later ones using the results of earlier ones.

use axum::http::Method;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::dispatch;
use crate::salesforce::errors::{ApiError, code};
use crate::salesforce::http::{Answer, ApiVersion, Body, Call, split_uri};
use crate::salesforce::state::State;

/// Most calls in one.
const MAX_CALLS: usize = 25;

/// POST composite
pub(super) fn route(state: &mut State, call: &Call) -> Result<Answer, ApiError> {
    if call.method != Method::POST {
        return Err(ApiError::method_not_allowed(call.method.as_str(), "POST"));
    }
    let body = call.object()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let parts = body.get("compositeRequest").and_then(Value::as_array).ok_or_else(|| {
        ApiError::bad_body("The request body must hold an array named compositeRequest")
    })?;
    if parts.len() > MAX_CALLS {
        let message = format!("Limit exceeded for composite API. Limit is {MAX_CALLS}");
        return Err(ApiError::new(400, code::EXCEEDED_ID_LIMIT, message));
    }
    let mark = all_or_none.then(|| state.store.savepoint());
    let mut results = Map::new();
    let mut answers: Vec<(String, Answer)> = Vec::new();
    let mut failed = None;
    for part in parts {
        let reference = part.get("referenceId").and_then(Value::as_str).unwrap_or("").to_owned();
        let answer = if failed.is_some() && all_or_none {
            halted()
        } else {
            one(state, call, part, &results)
        };
        if answer.status >= 300 && failed.is_none() {
            failed = Some(answers.len());
        }
        if let Body::Json(value) = &answer.body {
            results.insert(reference.clone(), value.clone());
        }
        answers.push((reference, answer));
    }
    if let Some(mark) = mark {
        if let Some(culprit) = failed {
            state.store.rollback_to(mark);
            for (_, answer) in answers.iter_mut().take(culprit) {
                *answer = halted();
            }
        }
        state.store.commit();
    }
    let all: Vec<Value> = answers.into_iter().map(|(id, answer)| shape(&id, answer)).collect();
    Ok(Answer::json(200, json!({"compositeResponse": all})))
}

fn halted() -> Answer {
    ApiError::new(
        400,
        code::PROCESSING_HALTED,
        "The transaction was rolled back since another operation in the same transaction failed.",
    )
    .into()
}

fn one(state: &mut State, outer: &Call, part: &Value, results: &Map<String, Value>) -> Answer {
    let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or("");
    let Ok(method) = text("method").parse::<Method>() else {
        return ApiError::bad_body("method is missing or unknown").into();
    };
    let url = match filled(text("url"), results) {
        Ok(url) => url,
        Err(error) => return error.into(),
    };
    let json = match part.get("body").map(|body| fill(body, results)).transpose() {
        Ok(json) => json,
        Err(error) => return error.into(),
    };
    let (path, query) = split_uri(&url);
    let call = Call {
        method,
        path,
        query,
        headers: outer.headers.clone(),
        body: Bytes::new(),
        json,
        row_faults: outer.row_faults.clone(),
    };
    let segments: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let ["services", "data", version, rest @ ..] = segments.as_slice() else {
        return ApiError::not_found().into();
    };
    if rest.first().is_some_and(|r| r.eq_ignore_ascii_case("composite")) && rest.len() == 1 {
        return ApiError::not_found().into();
    }
    match ApiVersion::parse(version) {
        Some(version) => dispatch(state, &call, version, rest).unwrap_or_else(Answer::from),
        None => ApiError::not_found().into(),
    }
}

fn shape(reference: &str, answer: Answer) -> Value {
    let body = match answer.body {
        Body::Json(value) => value,
        Body::Csv(text) | Body::Html(text) => Value::String(text),
        Body::Empty => Value::Null,
    };
    json!({"body": body, "httpHeaders": {}, "httpStatusCode": answer.status, "referenceId": reference})
}

/// Fills `@{ref.path}` in every text of a body.
fn fill(value: &Value, results: &Map<String, Value>) -> Result<Value, ApiError> {
    Ok(match value {
        Value::String(text) => Value::String(filled(text, results)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|v| fill(v, results)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(name, v)| Ok((name.clone(), fill(v, results)?)))
                .collect::<Result<_, ApiError>>()?,
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

fn filled(text: &str, results: &Map<String, Value>) -> Result<String, ApiError> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let (reference, tail) = after.split_once('}').ok_or_else(|| unknown(after))?;
        let (name, path) = reference.split_once('.').unwrap_or((reference, ""));
        let mut value = results.get(name).ok_or_else(|| unknown(reference))?;
        for step in path.split(['.', '[', ']']).filter(|s| !s.is_empty()) {
            let next = match step.parse::<usize>() {
                Ok(index) => value.get(index),
                Err(_) => value.get(step),
            };
            value = next.ok_or_else(|| unknown(reference))?;
        }
        out.push_str(before);
        out.push_str(&crate::salesforce::value::plain(value));
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

fn unknown(reference: &str) -> ApiError {
    let message = format!("Invalid reference specified. No value for {reference} found");
    ApiError::new(400, code::PROCESSING_HALTED, message)
}
