//! The plan: what checked contracts mean, with merge groups, lineage and order derived. Every target is emitted from it.

use covenant_model::manifest::JobSpec;
use covenant_model::spec::{EntitySpec, ModelSpec, ProjectSpec};
use serde::{Deserialize, Serialize};

/// Everything that emitters may look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Systems, classes, budget.
    pub project: ProjectSpec,
    /// Sorted by name.
    pub entities: Vec<EntitySpec>,
    /// In dependency order, ties by name.
    pub models: Vec<ModelSpec>,
    /// In dependency order.
    pub jobs: Vec<JobSpec>,
}

impl Plan {
    /// The entity of that name.
    pub fn entity(&self, name: &str) -> Option<&EntitySpec> {
        self.entities.iter().find(|entity| entity.name == name)
    }
}
