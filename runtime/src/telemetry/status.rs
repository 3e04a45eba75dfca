//! The status: one plain value that the page, the API and `covenant-runtime status` show.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::freshness::Quantiles;
use super::odd_steps::OddStep;

/// What a lane is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneState {
    /// Not started yet.
    #[default]
    Starting,
    /// At work, or waiting for work.
    Running,
    /// Failed and will try again by itself.
    Retrying,
    /// Stopped in a named state until a person acts.
    Parked,
    /// Ended with the process.
    Stopped,
}

/// A lane.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LaneStatus {
    /// What it is doing.
    pub state: LaneState,
    /// Last landing commit that it has finished.
    pub commit: u64,
    /// Position, rate, or what else describes it.
    pub detail: String,
    /// Last failure, without values.
    pub last_error: Option<String>,
    /// When it last did something, microseconds since 1970.
    pub last_success_us: i64,
    /// Failures since the start.
    pub failures: u64,
}

/// Freshness of one dataset in one target, against its promise.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FreshnessStatus {
    /// Promised seconds.
    pub slo_s: Option<u64>,
    /// From commit to visible.
    pub latency: Quantiles,
}

/// A backfill.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BackfillStatus {
    /// Entity.
    pub entity: String,
    /// Rows landed.
    pub rows: u64,
    /// Rows expected, roughly.
    pub rows_estimated: u64,
    /// `running`, `paused: live freshness`, `done`
    pub state: String,
    /// Of a re-derivation: changes that the contract of today refuses, whose old results stand.
    pub refused: u64,
    /// One of the reasons, without values.
    pub refusal: Option<String>,
}

/// A model's last run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ModelStatus {
    /// Number of its last cycle.
    pub cycle: u64,
    /// Rows.
    pub rows: u64,
    /// When it ended, microseconds since 1970.
    pub ran_at_us: i64,
}

/// An adoption, in short; `/api/adopt` has the plan.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AdoptionStatus {
    /// Entity.
    pub entity: String,
    /// In words.
    pub state: String,
    /// Whether rows of the entity are delivered.
    pub open: bool,
    /// Whether a person has something to do.
    pub waits: bool,
    /// Rows that wait for a person.
    pub held: u64,
}

/// Gaps in the numbers that a producer of events gives.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SequenceStatus {
    /// Entity.
    pub entity: String,
    /// Source: the producer.
    pub source: String,
    /// Open ones.
    pub open: u64,
    /// Age of the oldest open one, seconds.
    pub oldest_s: u64,
    /// Whether it is older than a late event would be.
    pub late: bool,
    /// Opened since the start.
    pub opened: u64,
    /// Closed by late events since the start.
    pub healed: u64,
    /// Forgotten while open since the start.
    pub given_up: u64,
}

/// Everything.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// Name of the project.
    pub project: String,
    /// Version of the runtime.
    pub version: String,
    /// Fencing token.
    pub epoch: u64,
    /// Whether everything has started and nothing is parked.
    pub ready: bool,
    /// Newest landing commit.
    pub landing_commit: u64,
    /// When the process started, microseconds since 1970.
    pub started_at_us: i64,
    /// By name.
    pub lanes: BTreeMap<String, LaneStatus>,
    /// Changes landed since the start, by entity.
    pub changes: BTreeMap<String, u64>,
    /// Target -> freshness.
    pub freshness: BTreeMap<String, FreshnessStatus>,
    /// Quarantined at capture since the start, by `entity: rule`.
    pub quarantined: BTreeMap<String, u64>,
    /// Refused records that wait for a person, by entity, whenever they were refused.
    pub quarantine_waiting: BTreeMap<String, u64>,
    /// Delivery ledger, by entity: waiting, parked, quarantined, all.
    pub delivery: BTreeMap<String, crate::ledger::LedgerCounts>,
    /// Records that people made before us, by entity that adopts.
    pub adoptions: Vec<AdoptionStatus>,
    /// Removals and updates that the mass-change breaker holds, by entity.
    pub held_by_breaker: BTreeMap<String, u64>,
    /// Steps between states that contracts do not declare, since the start, by the lane that saw them.
    pub odd_steps: BTreeMap<String, Vec<OddStep>>,
    /// Gaps in the numbers of producers.
    pub sequences: Vec<SequenceStatus>,
    /// Rows of the warehouse whose existence owner has not told them yet, by entity that others tell too.
    pub incomplete: BTreeMap<String, u64>,
    /// By job.
    pub backfills: BTreeMap<String, BackfillStatus>,
    /// By name.
    pub models: BTreeMap<String, ModelStatus>,
    /// The last reconciliation that has ended.
    pub reconciliation: Option<crate::app::reconcile_task::Run>,
    /// The reconciliation that a raised incarnation owes, and what it waits for.
    pub reconcile_owed: Option<String>,
    /// API calls: used and allowed in 24 hours, as the CRM says.
    pub api_calls: Option<(u64, u64)>,
}

/// The status that lanes share. The lock is held for an assignment, never over an await.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<Status>>);

impl Board {
    /// Changes it.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A copy.
    pub fn snapshot(&self) -> Status {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes one lane.
    pub fn lane(&self, name: &str, change: impl FnOnce(&mut LaneStatus)) {
        self.update(|status| change(status.lanes.entry(name.to_owned()).or_default()));
    }
}
