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
use crate::deliver::adopt::{AdoptCommand, Desk as Adoptions};
use crate::landing::{CommitNumber, SourcePosition};
use crate::replay::ReplayRequest;
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
    /// Replay landing commits; answers the job's name.
    Replay(ReplayRequest, Answer),
    /// Commit what is accepted; answers how far landing is. Asked by reconciliation only.
    Land(oneshot::Sender<Landed>),
    /// Read these rows again; answers once the job is durable. Asked by reconciliation only.
    Repair(Job, oneshot::Sender<()>),
    /// These reconciliations are no longer owed; answers once that is durable. Asked by reconciliation only.
    Paid(Vec<String>, oneshot::Sender<()>),
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
    /// To the delivery lane, about records that people made before us.
    pub adoptions: Adoptions,
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
        .route("/api/replay", post(replay))
        .route("/api/reconcile", get(reconciled).post(reconcile))
        .route("/api/quarantine", post(quarantine))
        .route("/api/deliver/release", post(release))
        .route("/api/adopt", get(adoptions).post(adopt))
        .with_state(shared)
}

/// Health and readiness: never behind the token, they say nothing.
pub fn probes(board: Board) -> Router {
    let ready = move || {
        let board = board.clone();
        async move {
            let status = board.snapshot();
            if !status.ready {
                let why = "not ready: see / or /api/status\n".to_owned();
                return (StatusCode::SERVICE_UNAVAILABLE, why);
            }
            // Whoever sends traffic here may go on; whoever looks sees what waits for a person.
            let mut said = "ready\n".to_owned();
            for adoption in status.adoptions.iter().filter(|it| !it.open || it.waits) {
                said += &format!("adoption of {}: {}\n", adoption.entity, adoption.state);
            }
            (StatusCode::OK, said)
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

async fn replay(State(shared): State<Shared>, Json(body): Json<ReplayRequest>) -> Response {
    ask(&shared, |answer| Control::Replay(body, answer)).await
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
    let held = shared.board.snapshot().held_by_breaker;
    let Some(rows) = held.get(&body.entity) else {
        let why = format!("nothing of {} is held\n", body.entity);
        return (StatusCode::BAD_REQUEST, why).into_response();
    };
    shared.releases.release(&body.entity);
    Json(serde_json::json!({ "entity": body.entity, "released": rows })).into_response()
}

/// Done or begun: a plan is read and applied in steps of the lane, and looked at with GET.
async fn adopt(State(shared): State<Shared>, Json(body): Json<AdoptCommand>) -> Response {
    let answered = match shared.adoptions.ask(body) {
        Ok(answered) => answered,
        Err(why) => return (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    };
    match tokio::time::timeout(CONTROL_TIMEOUT, answered).await {
        Ok(Ok(Ok(()))) => adoptions(State(shared)).await,
        Ok(Ok(Err(why))) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
        Ok(Err(_)) | Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the runtime is stopping or stuck\n").into_response()
        }
    }
}

async fn adoptions(State(shared): State<Shared>) -> Response {
    Json(shared.adoptions.look()).into_response()
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
    use metrics_exporter_prometheus::PrometheusBuilder;
    use serde_json::{Value, json};

    use super::*;
    use crate::app::reconcile_task::desk;

    /// The API as it listens, without lanes behind it.
    async fn api(token: Option<&str>) -> (String, Shared) {
        let (control, _) = mpsc::channel(1);
        let shared = Shared {
            board: Board::default(),
            control,
            reconcile: desk().0,
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            token: token.map(Secret::new),
            releases: Releases::default(),
            adoptions: Adoptions::default(),
        };
        let guarded = axum::middleware::from_fn_with_state(shared.token.clone(), guard);
        let app = router(shared.clone()).layer(guarded);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (url, shared)
    }

    async fn post(url: &str, path: &str, body: &Value) -> (u16, String) {
        let request = reqwest::Client::new().post(format!("{url}{path}")).json(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    #[tokio::test]
    async fn what_is_held_is_released_once_and_only_by_name() {
        let (url, shared) = api(None).await;
        let path = "/api/deliver/release";
        let order = json!({ "entity": "sales.order" });
        let (status, text) = post(&url, path, &order).await;
        assert_eq!((status, text.as_str()), (400, "nothing of sales.order is held\n"));
        assert!(
            !shared.releases.take("sales.order"),
            "nothing is released ahead of a mass deletion"
        );

        let held = BTreeMap::from([("sales.order".to_owned(), 412)]);
        shared.board.update(|status| status.held_by_breaker = held);
        let (status, text) = post(&url, path, &json!({ "entity": "sales.customer" })).await;
        assert_eq!(status, 400, "{text}");
        let (status, text) = post(&url, path, &order).await;
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer, json!({ "entity": "sales.order", "released": 412 }));
        assert!(!shared.releases.take("sales.customer"));
        assert!(shared.releases.take("sales.order"));
        assert!(!shared.releases.take("sales.order"), "the lane takes it once");
        // A request that names nothing is none.
        assert_eq!(post(&url, path, &json!({})).await.0, 422);
    }

    #[tokio::test]
    async fn a_release_needs_the_token_where_there_is_one() {
        let (url, shared) = api(Some("secret")).await;
        let held = BTreeMap::from([("sales.order".to_owned(), 412)]);
        shared.board.update(|status| status.held_by_breaker = held);
        let (status, _) =
            post(&url, "/api/deliver/release", &json!({ "entity": "sales.order" })).await;
        assert_eq!(status, 401);
        assert!(!shared.releases.take("sales.order"));
    }

    #[tokio::test]
    async fn a_replay_without_lanes_is_told_to_try_again() {
        let (url, _) = api(None).await;
        let (status, text) = post(&url, "/api/replay", &json!({ "from": 1 })).await;
        assert_eq!((status, text.as_str()), (503, "busy: try again\n"));
    }

    /// The page shows what it finds in the status and nothing where it finds nothing, so that a renamed field would go unseen.
    #[test]
    fn the_page_asks_only_for_what_the_status_has() {
        let status = serde_json::to_value(crate::telemetry::status::Status::default()).unwrap();
        let asked: std::collections::BTreeSet<&str> = PAGE
            .match_indices("s.")
            .filter(|(at, _)| !PAGE[..*at].ends_with(|c: char| c.is_ascii_alphanumeric()))
            .filter_map(|(at, _)| {
                let rest = &PAGE[at + 2..];
                let name = rest.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).next()?;
                (!name.is_empty()).then_some(name)
            })
            .collect();
        for name in ["lanes", "freshness", "quarantine_waiting", "backfills", "models", "ready"] {
            assert!(asked.contains(name), "the page no longer shows {name}");
        }
        let unknown: Vec<_> = asked.iter().filter(|name| status.get(**name).is_none()).collect();
        assert!(unknown.is_empty(), "the status has no {unknown:?}");
        for heading in
            ["Lanes", "#behind", "#promise", "#p99", "Refused records that wait", "#last run"]
        {
            assert!(PAGE.contains(heading), "no `{heading}`");
        }
    }

    #[tokio::test]
    async fn it_is_alive_at_once_and_ready_when_the_board_says_so() {
        let board = Board::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = probes(board.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let get = async |path: &str| {
            reqwest::get(format!("{url}{path}")).await.unwrap().status().as_u16()
        };
        assert_eq!((get("/healthz").await, get("/readyz").await), (200, 503));
        board.update(|status| status.ready = true);
        assert_eq!((get("/healthz").await, get("/readyz").await), (200, 200));
    }

    #[test]
    fn tokens_are_compared_whole() {
        assert!(equal_in_constant_time("abc", "abc"));
        assert!(!equal_in_constant_time("abc", "abd"));
        assert!(!equal_in_constant_time("abc", "ab"));
    }
}
