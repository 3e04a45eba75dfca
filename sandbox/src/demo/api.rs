//! What the runtime says of itself: for bars and for waiting, never for the proof.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{At, Result, SandboxError};

/// An answer later than this is none.
const ANSWER_BOUND: Duration = Duration::from_secs(5);
/// Commands may take longer: they wait for a lane.
const COMMAND_BOUND: Duration = Duration::from_secs(35);
const PLACE: &str = "runtime API";

/// The part of `/api/status` that the demo looks at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Everything has started and nothing is parked.
    pub ready: bool,
    /// Fencing token: another one for every process.
    pub epoch: u64,
    /// Newest landing commit.
    pub landing_commit: u64,
    /// By name.
    pub lanes: BTreeMap<String, Lane>,
    /// Changes landed since the process started, by entity.
    pub changes: BTreeMap<String, u64>,
    /// Refused since the process started, by entity and rule.
    pub quarantined: BTreeMap<String, u64>,
    /// By entity.
    pub delivery: BTreeMap<String, Delivery>,
    /// By job.
    pub backfills: BTreeMap<String, Backfill>,
    /// Rows that the mass-change breaker holds, by entity.
    pub held_by_breaker: BTreeMap<String, u64>,
}

/// A lane.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Lane {
    /// `running`, `retrying`, `parked`, …
    pub state: String,
    /// Last landing commit that it has finished.
    pub commit: u64,
    /// In words.
    pub detail: String,
    /// Last failure.
    pub last_error: Option<String>,
}

/// Rows of the delivery ledger.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// All.
    pub rows: u64,
    /// To be delivered.
    pub waiting: u64,
    /// Waiting for their parents.
    pub parked: u64,
    /// Refused by Salesforce.
    pub quarantined: u64,
}

/// A backfill or an initial load.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Backfill {
    /// Entity.
    pub entity: String,
    /// Rows landed.
    pub rows: u64,
    /// Rows expected, roughly.
    pub rows_estimated: u64,
    /// `running`, `paused: …`, `done`
    pub state: String,
}

impl Status {
    /// The commit that a target's lane has finished; the slowest where several serve it. None: no such lane.
    pub fn lane_commit(&self, prefix: &str) -> Option<u64> {
        self.lanes
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(_, lane)| lane.commit)
            .min()
    }

    /// Rows that wait for delivery.
    pub fn waiting(&self) -> u64 {
        self.delivery.values().map(|rows| rows.waiting).sum()
    }

    /// Whether every table read has ended.
    pub fn backfills_done(&self) -> bool {
        self.backfills.values().all(|job| job.state == "done")
    }
}

/// Speaks to the runtime.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
    base: String,
}

impl Api {
    /// At `http://127.0.0.1:PORT`.
    ///
    /// # Errors
    /// Where no HTTP client can be made.
    pub fn new(base: String) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(ANSWER_BOUND).build().at(
            PLACE,
            "no HTTP client",
            "",
        )?;
        Ok(Self { http, base })
    }

    /// Where events go.
    pub fn events_url(&self) -> String {
        format!("{}/events/order-events", self.base)
    }

    /// The address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// None while the process is dead or starting.
    pub async fn status(&self) -> Option<Status> {
        let answer = self.http.get(format!("{}/api/status", self.base)).send().await.ok()?;
        answer.json().await.ok()
    }

    /// Whether it is ready for traffic.
    pub async fn ready(&self) -> bool {
        let answer = self.http.get(format!("{}/readyz", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends a command and returns its answer; none where the runtime did not take it now.
    ///
    /// # Errors
    /// Where the command itself is wrong.
    pub async fn command(&self, path: &str, body: &Value) -> Result<Option<Value>> {
        let request =
            self.http.post(format!("{}{path}", self.base)).json(body).timeout(COMMAND_BOUND);
        let Ok(answer) = request.send().await else { return Ok(None) };
        let status = answer.status();
        let Ok(text) = answer.text().await else { return Ok(None) };
        if status.is_success() {
            return Ok(Some(serde_json::from_str(&text).unwrap_or(Value::Null)));
        }
        if status.is_server_error() {
            return Ok(None);
        }
        let what = format!("{path} was refused with {status}: {}", text.trim());
        Err(SandboxError::new(PLACE, what, ""))
    }

    /// What a path tells; none where the runtime does not answer now.
    pub async fn get(&self, path: &str) -> Option<Value> {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.ok()?;
        answer.error_for_status().ok()?.json().await.ok()
    }

    /// Quarantined records: entity, key where it could be read, rules.
    ///
    /// # Errors
    /// Where the answer is no list.
    pub async fn quarantine(&self) -> Result<Vec<Quarantined>> {
        let answer =
            self.command("/api/quarantine", &json!({"command": "list", "entity": null})).await?;
        let list = match answer {
            Some(Value::Array(list)) => list,
            Some(Value::Object(mut fields)) => {
                let list =
                    fields.values_mut().find_map(|value| value.as_array_mut().map(std::mem::take));
                list.ok_or_else(|| {
                    SandboxError::new(PLACE, "/api/quarantine answered no list", "")
                })?
            }
            Some(_) | None => {
                return Err(SandboxError::new(PLACE, "/api/quarantine did not answer", ""));
            }
        };
        Ok(list.iter().map(Quarantined::read).collect())
    }
}

/// A record in quarantine, as far as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// `sales.order`
    pub entity: String,
    /// Text of its key.
    pub key: Option<String>,
    /// Every rule it breaks.
    pub rules: Vec<String>,
}

impl Quarantined {
    fn read(record: &Value) -> Self {
        let text = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
        let reasons = record.get("reasons").and_then(Value::as_array);
        let rule = |reason: &Value| {
            let named = reason.as_str().or_else(|| reason.get("rule").and_then(Value::as_str));
            named.unwrap_or("unnamed").to_owned()
        };
        Self {
            entity: text("entity").unwrap_or_default(),
            key: text("key"),
            rules: reasons.map(|list| list.iter().map(rule).collect()).unwrap_or_default(),
        }
    }
}
