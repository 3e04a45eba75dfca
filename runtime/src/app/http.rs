//! The loopback API: health, readiness, metrics, the status page, and the commands that speak to a running runtime.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::config::Secret;
use super::reconcile_task::{Desk, ReconcileRequest};
use crate::backfill::lane::Job;
use crate::deliver::Releases;
use crate::landing::{CommitNumber, SourcePosition};
use crate::telemetry::status::Board;

/// The status page: one file, no dependencies, refreshed by itself.
const PAGE: &str = include_str!("page.html");
/// Commands that may wait for the lanes; more are refused with 503.
pub const CONTROL_QUEUE: usize = 16;
/// How long a command may take to be accepted.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(30);

/// A backfill that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillRequest {
    /// Entity name.
    pub entity: String,
    /// Only rows whose `column` lies in `[from, to)`; all three or none.
    pub column: Option<String>,
    /// Lower bound, as the column's text.
    pub from: Option<String>,
    /// Upper bound, as the column's text.
    pub to: Option<String>,
    /// `2/8`: only the second of eight parts of the table.
    #[serde(default)]
    pub chunk: Option<String>,
}

/// A command to the running lanes.
#[derive(Debug)]
pub enum Control {
    /// Start a backfill; answers its job's name.
    Backfill(BackfillRequest, Answer),
    /// Commit what is accepted; answers how far landing is. Asked by reconciliation only.
    Land(oneshot::Sender<Landed>),
    /// Read these rows again; answers once the job is durable. Asked by reconciliation only.
    Repair(Job, oneshot::Sender<()>),
    /// List, show, retry or discard quarantined records.
    Quarantine(QuarantineCommand, Answer),
}

/// How far landing is.
#[derive(Clone, Debug)]
pub struct Landed {
    /// The newest commit.
    pub commit: CommitNumber,
    /// End position of every source and job in it.
    pub positions: BTreeMap<String, SourcePosition>,
}

/// Where a command's answer goes: JSON, or what is wrong with the command.
pub type Answer = oneshot::Sender<std::result::Result<serde_json::Value, String>>;

/// What to do with quarantined records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum QuarantineCommand {
    /// All that are open, newest first.
    List {
        /// Of one entity only.
        entity: Option<String>,
    },
    /// One, with every reason.
    Show {
        /// Its id.
        id: String,
    },
    /// Decode it again under the current contract, and land it at its own version.
    Retry {
        /// Its id.
        id: String,
    },
    /// Close it without landing it.
    Discard {
        /// Its id.
        id: String,
        /// Why.
        reason: String,
    },
}

/// What handlers need.
#[derive(Clone)]
pub struct Shared {
    /// The status.
    pub board: Board,
    /// To the lanes.
    pub control: mpsc::Sender<Control>,
    /// To the reconciliation.
    pub reconcile: Desk,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    /// Demanded of every caller where the address is not loopback.
    pub token: Option<Secret>,
    /// To the delivery lane.
    pub releases: Releases,
}

/// Held removals that may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRequest {
    /// Entity name.
    pub entity: String,
}

/// All routes but `/events`, which capture brings.
pub fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/metrics", get(metrics))
        .route("/api/status", get(status))
        .route("/api/backfill", post(backfill))
        .route("/api/reconcile", get(reconciled).post(reconcile))
        .route("/api/quarantine", post(quarantine))
        .route("/api/deliver/release", post(release))
        .with_state(shared)
}

/// Health and readiness: never behind the token, they say nothing.
pub fn probes(board: Board) -> Router {
    let ready = move || {
        let board = board.clone();
        async move {
            if board.snapshot().ready {
                (StatusCode::OK, "ready\n")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "not ready: see / or /api/status\n")
            }
        }
    };
    Router::new().route("/healthz", get(|| async { "alive\n" })).route("/readyz", get(ready))
}

/// Refuses callers without the token, where one is set.
pub async fn guard(State(token): State<Option<Secret>>, request: Request, next: Next) -> Response {
    let Some(token) = token else { return next.run(request).await };
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if given.is_some_and(|given| equal_in_constant_time(given, token.expose())) {
        next.run(request).await
    } else {
        (StatusCode::UNAUTHORIZED, "a bearer token is needed (COVENANT_HTTP_TOKEN)\n")
            .into_response()
    }
}

/// Takes the same time wherever the two differ, so that a caller cannot guess byte by byte.
fn equal_in_constant_time(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

async fn metrics(State(shared): State<Shared>) -> String {
    shared.metrics.render()
}

async fn status(State(shared): State<Shared>) -> Response {
    Json(shared.board.snapshot()).into_response()
}

async fn backfill(State(shared): State<Shared>, Json(body): Json<BackfillRequest>) -> Response {
    ask(&shared, |answer| Control::Backfill(body, answer)).await
}

async fn reconcile(State(shared): State<Shared>, Json(body): Json<ReconcileRequest>) -> Response {
    match shared.reconcile.ask(body) {
        Ok(run) => Json(run).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
}

async fn reconciled(State(shared): State<Shared>) -> Response {
    Json(shared.reconcile.look()).into_response()
}

async fn quarantine(State(shared): State<Shared>, Json(body): Json<QuarantineCommand>) -> Response {
    ask(&shared, |answer| Control::Quarantine(body, answer)).await
}

/// Answers at once: the lane hears of it with its next step.
async fn release(State(shared): State<Shared>, Json(body): Json<ReleaseRequest>) -> Response {
    let held = shared.board.snapshot().held_removals;
    let Some(rows) = held.get(&body.entity) else {
        let why = format!("no removals of {} are held\n", body.entity);
        return (StatusCode::BAD_REQUEST, why).into_response();
    };
    shared.releases.release(&body.entity);
    Json(serde_json::json!({ "entity": body.entity, "released": rows })).into_response()
}

async fn ask(shared: &Shared, command: impl FnOnce(Answer) -> Control) -> Response {
    let (answer, answered) = oneshot::channel();
    if shared.control.try_send(command(answer)).is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "busy: try again\n").into_response();
    }
    match tokio::time::timeout(CONTROL_TIMEOUT, answered).await {
        Ok(Ok(Ok(value))) => Json(value).into_response(),
        Ok(Ok(Err(why))) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
        Ok(Err(_)) | Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the runtime is stopping or stuck\n").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_whole() {
        assert!(equal_in_constant_time("abc", "abc"));
        assert!(!equal_in_constant_time("abc", "abd"));
        assert!(!equal_in_constant_time("abc", "ab"));
    }
}
