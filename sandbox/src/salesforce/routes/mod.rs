//! Which call goes where. Every route is a plain function of the state; nothing here waits.

mod bulk_ingest;
mod bulk_query;
mod collections;
mod composite;
mod describe;
mod limits;
mod oauth;
mod query;
mod replication;
mod sobjects;

use serde_json::{Value, json};

use super::errors::{ApiError, code};
use super::http::{Answer, ApiVersion, Call};
use super::schema::ObjectSchema;
use super::state::State;

/// Longest URI and headers together, in bytes.
const MAX_HEAD_BYTES: usize = 16_384;

/// Answers a call.
pub fn answer(state: &mut State, call: &Call) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["services", "oauth2", "token"] => oauth::token(state, call),
        ["services", "data"] => versions(),
        _ => session_call(state, call, &path),
    }
}

fn session_call(state: &mut State, call: &Call, path: &[&str]) -> Answer {
    if let Err(error) = admit(state, call) {
        let unauthorised = error.status == 401;
        let answer = Answer::from(error);
        return if unauthorised { answer } else { with_usage(state, answer) };
    }
    let result = match path {
        ["services", "oauth2", "userinfo"] => return oauth::userinfo(state),
        ["id", _, _] => return oauth::identity(state, call),
        ["services", "data", version, rest @ ..] => match ApiVersion::parse(version) {
            Some(version) => dispatch(state, call, version, rest),
            None => Err(ApiError::not_found()),
        },
        _ => Err(ApiError::not_found()),
    };
    with_usage(state, result.unwrap_or_else(Answer::from))
}

/// Session, size of the head, daily maximum: what every REST call must pass.
fn admit(state: &mut State, call: &Call) -> Result<(), ApiError> {
    let bearer = call
        .header("authorization")
        .and_then(|h| h.split_once(' '))
        .filter(|(scheme, _)| {
            scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("OAuth")
        })
        .map(|(_, token)| token.trim());
    let token = bearer.or_else(|| call.param("oauth_token"));
    if !token.is_some_and(|t| state.sessions.valid(t)) {
        return Err(ApiError::new(401, code::INVALID_SESSION_ID, "Session expired or invalid"));
    }
    let head: usize = call.headers.iter().map(|(n, v)| n.as_str().len() + v.len()).sum::<usize>()
        + call.query.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
    if head > MAX_HEAD_BYTES {
        return Err(ApiError::new(414, code::UNKNOWN_EXCEPTION, "URI Too Long"));
    }
    let now = state.now();
    if !state.usage.take(now) {
        return Err(ApiError::new(
            403,
            code::REQUEST_LIMIT_EXCEEDED,
            "TotalRequests Limit exceeded.",
        ));
    }
    Ok(())
}

fn with_usage(state: &mut State, answer: Answer) -> Answer {
    let now = state.now();
    let info = format!("api-usage={}/{}", state.usage.used(now), state.usage.max());
    answer.with("sforce-limit-info", info)
}

/// Answers a call below `/services/data/vXX.X`.
pub(super) fn dispatch(
    state: &mut State,
    call: &Call,
    version: ApiVersion,
    rest: &[&str],
) -> Result<Answer, ApiError> {
    let resource = rest.first().map(|r| r.to_ascii_lowercase()).unwrap_or_default();
    let tail = rest.get(1..).unwrap_or_default();
    match (resource.as_str(), tail) {
        ("", _) => Ok(resources(state, call, version)),
        ("sobjects", []) => Ok(describe::global(state, version)),
        ("sobjects", [object, tail @ ..]) => sobjects::route(state, call, version, object, tail),
        ("query", []) => query::first(state, call, version, false),
        ("queryall", []) => query::first(state, call, version, true),
        ("query" | "queryall", [locator]) => query::more(state, version, locator),
        ("limits", tail) => limits::route(state, call, tail),
        ("composite", []) => composite::route(state, call),
        ("composite", [kind, tail @ ..]) if kind.eq_ignore_ascii_case("sobjects") => {
            collections::route(state, call, version, tail)
        }
        ("jobs", [kind, tail @ ..]) if kind.eq_ignore_ascii_case("ingest") => {
            bulk_ingest::route(state, call, version, tail)
        }
        ("jobs", [kind, tail @ ..]) if kind.eq_ignore_ascii_case("query") => {
            bulk_query::route(state, call, version, tail)
        }
        _ => Err(ApiError::not_found()),
    }
}

fn versions() -> Answer {
    let all: Vec<Value> = (ApiVersion::OLDEST.0..=ApiVersion::NEWEST.0)
        .map(|n| {
            let version = ApiVersion(n);
            // Three releases a year; version 60 was Spring '24.
            let since = i32::from(n) - 60;
            let season =
                ["Spring", "Summer", "Winter"][usize::try_from(since.rem_euclid(3)).unwrap_or(0)];
            let year = 24 + since.div_euclid(3) + i32::from(season == "Winter");
            json!({
                "label": format!("{season} '{year:02}"),
                "url": format!("/services/data/v{version}"),
                "version": version.to_string(),
            })
        })
        .collect();
    Answer::json(200, Value::Array(all))
}

fn resources(state: &State, call: &Call, version: ApiVersion) -> Answer {
    let base = format!("/services/data/v{version}");
    Answer::json(
        200,
        json!({
            "sobjects": format!("{base}/sobjects"),
            "query": format!("{base}/query"),
            "queryAll": format!("{base}/queryAll"),
            "limits": format!("{base}/limits"),
            "composite": format!("{base}/composite"),
            "jobs": format!("{base}/jobs"),
            "identity": oauth::identity_url(state, call),
        }),
    )
}

/// Names a call for the statistics, with object, key and job left out.
#[must_use]
pub fn endpoint(call: &Call) -> String {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let shape = match path.as_slice() {
        ["services", "data", _, "sobjects", _, "describe"] => {
            "sobjects/{object}/describe".to_owned()
        }
        ["services", "data", _, "sobjects", _, tail @ ("updated" | "deleted")] => {
            format!("sobjects/{{object}}/{tail}")
        }
        ["services", "data", _, "sobjects", _] => "sobjects/{object}".to_owned(),
        ["services", "data", _, "sobjects", _, _] => "sobjects/{object}/{id}".to_owned(),
        ["services", "data", _, "sobjects", _, _, _] => {
            "sobjects/{object}/{field}/{key}".to_owned()
        }
        ["services", "data", _, "composite", "sobjects", _] => {
            "composite/sobjects/{object}".to_owned()
        }
        ["services", "data", _, "composite", "sobjects", _, _] => {
            "composite/sobjects/{object}/{field}".to_owned()
        }
        ["services", "data", _, name @ ("query" | "queryAll"), _] => format!("{name}/{{locator}}"),
        ["services", "data", _, "jobs", kind, _] => format!("jobs/{kind}/{{job}}"),
        ["services", "data", _, "jobs", kind, _, tail @ ..] => {
            format!("jobs/{kind}/{{job}}/{}", tail.join("/"))
        }
        ["services", "data", _, rest @ ..] => rest.join("/"),
        ["services", rest @ ..] => rest.join("/"),
        ["id", ..] => "id".to_owned(),
        _ => "other".to_owned(),
    };
    format!("{} {shape}", call.method)
}

/// The object of a path segment.
fn object<'a>(state: &'a State, name: &str) -> Result<&'a ObjectSchema, ApiError> {
    state.store.schema().object(name).ok_or_else(ApiError::not_found)
}
