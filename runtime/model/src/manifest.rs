//! What the compiler hands to the runtime: `generated/manifest.json`, with the SQL files beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::spec::{EntitySpec, ModelSpec, ProjectSpec};

/// Raised when the meaning of the manifest changes; a runtime refuses another one.
pub const MANIFEST_FORMAT: u32 = 1;

/// Everything that a runtime executes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u32,
    /// Version of the compiler.
    pub compiler: String,
    /// Systems, classes, budget.
    pub project: ProjectSpec,
    /// By name, sorted.
    pub entities: Vec<EntitySpec>,
    /// In dependency order.
    pub models: Vec<ModelSpec>,
    /// In dependency order.
    pub jobs: Vec<JobSpec>,
    /// SHA-256 of every generated SQL file that the runtime executes, by path relative to the manifest.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// The entity of that name.
    pub fn entity(&self, name: &str) -> Option<&EntitySpec> {
        self.entities.iter().find(|entity| entity.name == name)
    }
}

/// A job of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobSpec {
    /// `capture.store`, `apply.warehouse`, `deliver.salesforce`, `transform.analytics.daily_sales`
    pub name: String,
    /// What it does.
    pub kind: JobKind,
    /// The system that it speaks to.
    pub system: String,
    /// The entities or models that it touches, sorted.
    pub datasets: Vec<String>,
    /// Jobs whose output it reads.
    pub needs: Vec<String>,
    /// Seconds between runs; 0: continuous.
    pub every_s: u64,
    /// Seconds from commit to visible that are promised; the tightest of its datasets.
    pub freshness_slo_s: Option<u64>,
    /// Attempts before the job is declared failed and a human is told; 0: for ever, with backoff.
    pub attempts_max: u32,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Source -> landing.
    Capture,
    /// Landing -> warehouse.
    Apply,
    /// Warehouse -> models.
    Transform,
    /// Landing -> ledger -> Salesforce.
    Deliver,
    /// Table -> landing, beside live traffic.
    Backfill,
    /// Source against target.
    Reconcile,
}
