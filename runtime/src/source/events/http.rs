//! `POST /events/{stream}`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::queue::{EventSender, Reply};
use super::split::{EVENTS_PER_REQUEST, SplitError, split};
use crate::capture::EventOutcome;
use crate::error::{ErrorKind, Result, RuntimeError};

/// Bytes of one request: 1 MiB.
pub const BODY_BYTES: usize = 1 << 20;
/// How long a request waits for its landing commit before the producer is told to come again.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// When a producer should come again, seconds.
pub const RETRY_AFTER_S: u64 = 1;
/// Environment variable with the bearer token that the ingest shares with the API.
pub const TOKEN_ENV: &str = "COVENANT_HTTP_TOKEN";

/// Who may send events.
#[derive(Clone)]
pub enum Access {
    /// Anybody on this machine: only behind a loopback address.
    Loopback,
    /// Whoever has the token; its SHA-256 is kept.
    Token([u8; 32]),
}

impl Access {
    /// Decides by the address that the server will listen on.
    ///
    /// # Errors
    /// `Config` where others could reach it and there is no token.
    pub fn of(address: SocketAddr, token: Option<&str>) -> Result<Self> {
        match token.filter(|token| !token.is_empty()) {
            Some(token) => Ok(Self::Token(Sha256::digest(token).into())),
            None if address.ip().is_loopback() => Ok(Self::Loopback),
            None => Err(RuntimeError::new(
                ErrorKind::Config,
                "event ingest",
                format!("it would listen on {address}, where others reach it, without a token"),
                format!("Set {TOKEN_ENV}, or listen on 127.0.0.1."),
            )),
        }
    }

    fn allows(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Loopback => true,
            Self::Token(expected) => {
                let sent = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
                let sent = sent.and_then(|value| value.strip_prefix(b"Bearer "));
                let digest: [u8; 32] = Sha256::digest(sent.unwrap_or(b"")).into();
                // Of digests, and to the end: the time that it takes tells nothing about the token.
                let same = digest.iter().zip(expected).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0;
                sent.is_some() && same
            }
        }
    }
}

struct Ingest {
    sender: EventSender,
    streams: BTreeSet<String>,
    access: Access,
}

/// The router; whoever merges it binds the address that [`Access::of`] was asked for.
pub fn router(
    sender: EventSender,
    streams: impl IntoIterator<Item = String>,
    access: Access,
) -> Router {
    let state = Arc::new(Ingest { sender, streams: streams.into_iter().collect(), access });
    Router::new()
        .route("/events/{stream}", post(ingest))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(state)
}

async fn ingest(
    State(ingest): State<Arc<Ingest>>,
    Path(stream): Path<String>,
    headers: HeaderMap,
    body: std::result::Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    if !ingest.access.allows(&headers) {
        return problem(StatusCode::UNAUTHORIZED, "send `Authorization: Bearer <token>`");
    }
    if !ingest.streams.contains(&stream) {
        return problem(StatusCode::NOT_FOUND, "no contract listens to a stream of this name");
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let what = format!("the body is larger than {BODY_BYTES} bytes; send several requests");
            return problem(StatusCode::PAYLOAD_TOO_LARGE, &what);
        }
        Err(_) => return problem(StatusCode::BAD_REQUEST, "the body could not be read"),
    };
    let events = match split(&body) {
        Ok(events) => events,
        Err(error @ SplitError::TooMany) => {
            return problem(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string());
        }
        Err(error @ (SplitError::Empty | SplitError::NotJson { .. })) => {
            return problem(StatusCode::BAD_REQUEST, &error.to_string());
        }
    };
    let Ok(reply) = ingest.sender.offer(&stream, events) else {
        return again("the queue is full");
    };
    match tokio::time::timeout(REPLY_TIMEOUT, reply).await {
        Ok(Ok(reply)) => answer(reply),
        Ok(Err(_)) | Err(_) => again("the events were not landed in time"),
    }
}

fn answer(reply: Reply) -> Response {
    let Ok(outcomes) = reply else { return again("the events could not be landed") };
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let body = json!({
        "accepted": count(EventOutcome::Accepted),
        "duplicates": count(EventOutcome::Duplicate),
        "quarantined": count(EventOutcome::Quarantined),
        "outcomes": outcomes.iter().map(|outcome| name(*outcome)).collect::<Vec<_>>(),
    });
    (StatusCode::ACCEPTED, axum::Json(body)).into_response()
}

fn name(outcome: EventOutcome) -> &'static str {
    match outcome {
        EventOutcome::Accepted => "accepted",
        EventOutcome::Duplicate => "duplicate",
        EventOutcome::Quarantined => "quarantined",
    }
}

fn again(why: &str) -> Response {
    let what = format!(
        "{why}; send the same events again (most {EVENTS_PER_REQUEST} at once), repeats are harmless"
    );
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, &what);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    response
}

fn problem(status: StatusCode, what: &str) -> Response {
    (status, axum::Json(json!({ "error": what }))).into_response()
}
