//! Order events, and the sender that repeats until the pipeline has taken them: what a producer with an outbox does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::log::{Entry, ShopLog, Why, now_us};
use crate::error::{At, Result, SandboxError};

/// Events on their way at a time.
const IN_FLIGHT_MAX: usize = 64;
/// Events waiting to be sent.
const QUEUE_MAX: usize = 100_000;
/// An attempt without an answer ends after this time.
const ATTEMPT_BOUND: Duration = Duration::from_secs(20);
/// Wait between two attempts.
const RETRY_WAIT: Duration = Duration::from_millis(250);
const PLACE: &str = "event sender";
/// 202: durable. Anything else in 400..500 but these is a refusal for good.
const TRY_AGAIN: [u16; 3] = [408, 425, 429];

/// What an event says.
#[derive(Clone, Debug)]
pub struct OrderEvent {
    /// Unique.
    pub event_id: String,
    /// The order.
    pub order_id: String,
    /// Counts per order.
    pub sequence: u64,
    /// The state.
    pub status: &'static str,
    /// When it happened.
    pub occurred_at: jiff::Timestamp,
    /// Who tells.
    pub producer: &'static str,
    /// Who carries it, and under which number.
    pub carrier: Option<(&'static str, String)>,
}

impl OrderEvent {
    /// As the contract has it; what is not known is left out.
    pub fn json(&self) -> Value {
        let mut body = json!({
            "event_id": self.event_id,
            "order_id": self.order_id,
            "sequence": self.sequence,
            "status": self.status,
            "occurred_at": self.occurred_at.to_string(),
            "producer": self.producer,
        });
        if let Some((carrier, tracking)) = &self.carrier {
            body["carrier"] = json!(carrier);
            body["tracking_number"] = json!(tracking);
            body["location"] = json!("HAM1");
            body["remark"] = json!("left with neighbour");
        }
        body
    }
}

/// An event to send.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The event; a text is sent as it is.
    pub body: Value,
    /// Whether it keeps its contract.
    pub valid: bool,
    /// Why it is sent.
    pub why: Why,
}

/// Sends events side by side until each is answered for good.
#[derive(Debug)]
pub struct Sender {
    queue: mpsc::Sender<Outgoing>,
    worker: tokio::task::JoinHandle<Result<()>>,
    answered: Arc<AtomicU64>,
}

impl Sender {
    /// Sends to `url` (`…/events/order-events`).
    ///
    /// # Errors
    /// Where no HTTP client can be made.
    pub fn start(url: String, log: Arc<ShopLog>) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(ATTEMPT_BOUND).build().at(
            PLACE,
            "no HTTP client",
            "",
        )?;
        let (queue, incoming) = mpsc::channel(QUEUE_MAX);
        let answered = Arc::new(AtomicU64::new(0));
        let worker = tokio::spawn(run(http, url, log, incoming, Arc::clone(&answered)));
        Ok(Self { queue, worker, answered })
    }

    /// Queues an event.
    ///
    /// # Errors
    /// Where the queue is full for good: the sender has ended.
    pub async fn send(&self, event: Outgoing) -> Result<()> {
        self.queue.send(event).await.at(PLACE, "it has ended", "See its error at the end.")
    }

    /// Events answered so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until everything is answered.
    ///
    /// # Errors
    /// Where that takes longer than `bound`, or the log cannot be written.
    pub async fn finish(self, bound: Duration) -> Result<u64> {
        drop(self.queue);
        let ended = tokio::time::timeout(bound, self.worker).await.map_err(|_| {
            let what = format!("events were still unanswered after {} s", bound.as_secs());
            SandboxError::new(PLACE, what, "Does the runtime answer on /events/order-events?")
        })?;
        ended.at(PLACE, "it crashed", "")??;
        Ok(self.answered.load(Ordering::Relaxed))
    }
}

async fn run(
    http: reqwest::Client,
    url: String,
    log: Arc<ShopLog>,
    mut incoming: mpsc::Receiver<Outgoing>,
    answered: Arc<AtomicU64>,
) -> Result<()> {
    let slots = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let mut running: JoinSet<Result<()>> = JoinSet::new();
    while let Some(event) = incoming.recv().await {
        let slot = Arc::clone(&slots).acquire_owned().await.at(PLACE, "no slot", "")?;
        let (http, url) = (http.clone(), url.clone());
        let (log, answered) = (Arc::clone(&log), Arc::clone(&answered));
        running.spawn(async move {
            let _slot = slot;
            let at_us = now_us();
            let status = deliver(&http, &url, &event.body).await;
            answered.fetch_add(1, Ordering::Relaxed);
            let Outgoing { body, valid, why } = event;
            log.put(&Entry::Sent { body, valid, status, why, at_us })
        });
        while let Some(ended) = running.try_join_next() {
            ended.at(PLACE, "an attempt crashed", "")??;
        }
    }
    while let Some(ended) = running.join_next().await {
        ended.at(PLACE, "an attempt crashed", "")??;
    }
    Ok(())
}

/// Repeats until the answer is final: the runtime may be dead, starting, or have lost the answer.
async fn deliver(http: &reqwest::Client, url: &str, body: &Value) -> u16 {
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    loop {
        let request = http.post(url).header("content-type", "application/json").body(text.clone());
        if let Ok(answer) = request.send().await {
            let status = answer.status().as_u16();
            let refused = (400..500).contains(&status) && !TRY_AGAIN.contains(&status);
            if status == 202 || refused {
                return status;
            }
        }
        tokio::time::sleep(RETRY_WAIT).await;
    }
}
