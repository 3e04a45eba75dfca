//! The API's connections: reads calls, applies scripted faults, answers, or drops the connection where a fault says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

use super::bulk::{self, MAX_UPLOAD_BYTES};
use super::faults::{Effect, usual_message};
use super::http::{Answer, Body, CSV, Call, HTML, JSON};
use super::routes;
use super::state::State;
use super::stats::keys_of;

/// Most connections served at a time; more wait.
const MAX_CONNECTIONS: usize = 1_024;
/// Longest wait for open connections when stopping.
const DRAIN: Duration = Duration::from_secs(2);
/// Longest scripted delay.
const LONGEST_DELAY: Duration = Duration::from_secs(600);

/// What the API, the admin API and the workers share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Told when a job may have become ready to run.
    pub(super) work: Notify,
}

impl Shared {
    pub(super) fn new(state: State) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(state), work: Notify::new() })
    }

    /// The state. A panic in another call leaves it usable: every write is one assignment.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("a scripted fault dropped the connection")]
struct Dropped;

/// Counts a request as running until it is dropped, also when the client goes away.
struct InFlight {
    shared: Arc<Shared>,
    keys: Vec<String>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.lock().stats.finish(&self.keys);
    }
}

/// Accepts connections until told to stop.
pub(super) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut open = JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (shared, stop) = (Arc::clone(&shared), stop.clone());
                    open.spawn(async move {
                        connection(shared, stream, stop).await;
                        drop(slot);
                    });
                }
                Err(error) => tracing::warn!(%error, "accepting a connection failed"),
            },
            _ = stop.changed() => break,
        }
        while open.try_join_next().is_some() {}
    }
    let drained = tokio::time::timeout(DRAIN, async { while open.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!("connections were still open when the simulator stopped");
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, mut stop: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    let service = service_fn(move |request| exchange(Arc::clone(&shared), request));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn exchange(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_UPLOAD_BYTES).collect().await else {
        let body =
            json!([{"errorCode": "INVALID_REQUEST", "message": "the request body is too large"}]);
        return Ok(response(Answer::json(413, body)));
    };
    let uri = head.uri.path_and_query().map_or("/", |pq| pq.as_str());
    let mut call = Call::new(head.method, uri, head.headers, body.to_bytes());
    let (effects, _in_flight) = admit(&shared, &mut call);
    for effect in &effects {
        if let Some(ms) = effect.latency_ms {
            tokio::time::sleep(Duration::from_millis(ms).min(LONGEST_DELAY)).await;
        }
    }
    let answer = run(&shared, call, &effects)?;
    Ok(response(answer))
}

/// Counts the call and asks the fault rules.
fn admit(shared: &Arc<Shared>, call: &mut Call) -> (Vec<Effect>, InFlight) {
    let keys = keys_of(&call.path, call.json.as_ref());
    let mut state = shared.lock();
    state.stats.call(routes::endpoint(call));
    state.stats.start(&keys);
    let object = state.object_of(call);
    let path = format!("/{}", call.path.join("/"));
    let decision = state.faults.decide(call.method.as_str(), &path, object.as_deref());
    call.row_faults = decision.row_rules;
    if decision.effects.iter().any(|e| e.expire_token) {
        state.sessions.expire_all();
    }
    (decision.effects, InFlight { shared: Arc::clone(shared), keys })
}

fn run(shared: &Arc<Shared>, call: Call, effects: &[Effect]) -> Result<Answer, Dropped> {
    let dropped = || shared.lock().stats.dropped();
    if effects.iter().any(|e| e.lost_request) {
        dropped();
        return Err(Dropped);
    }
    if let Some(ms) = effects.iter().find_map(|e| e.late_apply_ms) {
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms).min(LONGEST_DELAY)).await;
            apply(&shared, &call);
        });
        dropped();
        return Err(Dropped);
    }
    let scripted = effects.iter().find_map(scripted_answer);
    let answer = match scripted {
        Some(answer) => answer,
        None => apply(shared, &call),
    };
    shared.lock().stats.status(answer.status);
    if effects.iter().any(|e| e.lost_reply) {
        dropped();
        return Err(Dropped);
    }
    Ok(answer)
}

fn apply(shared: &Arc<Shared>, call: &Call) -> Answer {
    let answer = routes::answer(&mut shared.lock(), call);
    if call.path.iter().any(|s| s == "jobs") {
        shared.work.notify_one();
    }
    answer
}

fn scripted_answer(effect: &Effect) -> Option<Answer> {
    let status = effect.status?;
    let code = effect.code.as_deref().unwrap_or("SERVER_UNAVAILABLE");
    let message = effect.message.as_deref().unwrap_or_else(|| usual_message(code));
    if effect.html {
        let page = format!(
            "<html><head><title>{status}</title></head><body><h1>{message}</h1></body></html>"
        );
        return Some(Answer { status, body: Body::Html(page), headers: Vec::new() });
    }
    Some(Answer::json(status, json!([{"message": message, "errorCode": code}])))
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let (kind, bytes) = match answer.body {
        Body::Empty => (None, Bytes::new()),
        Body::Json(value) => (Some(JSON), Bytes::from(value.to_string())),
        Body::Csv(text) => (Some(CSV), Bytes::from(text)),
        Body::Html(text) => (Some(HTML), Bytes::from(text)),
    };
    let mut builder = Response::builder().status(answer.status);
    if let Some(kind) = kind {
        builder = builder.header("content-type", kind);
    }
    for (name, value) in &answer.headers {
        builder = builder.header(*name, value);
    }
    builder.body(Full::new(bytes)).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer could not be built; check its headers");
        let mut broken = Response::new(Full::new(Bytes::new()));
        *broken.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        broken
    })
}

/// Runs Bulk jobs until told to stop; other calls get the lock between chunks.
pub(super) async fn run_jobs(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = shared.work.notified() => {}
            _ = stop.changed() => return,
        }
        while bulk::step(&mut shared.lock()) {
            tokio::task::yield_now().await;
            if *stop.borrow() {
                return;
            }
        }
    }
}
