//! Steps of ranked states that a contract does not declare: counted, told once each in the log, shown. Names of states are
//! labels of an enum and no data; keys are not told.

use std::collections::BTreeMap;

use covenant_model::spec::EntitySpec;
use covenant_model::steps::{self, Anomaly, Step};
use serde::Serialize;

use super::metric_names;
use super::status::Board;

/// Steps that the status shows, the most frequent ones.
const SHOWN_MAX: usize = 50;

/// A step that is not declared, as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OddStep {
    /// Entity.
    pub entity: String,
    /// Field.
    pub field: String,
    /// State before.
    pub before: String,
    /// State after.
    pub after: String,
    /// `skipped`: declared steps lead there over states that were not told. `undeclared`: none do.
    pub anomaly: &'static str,
    /// Rows that took it since the start.
    pub rows: u64,
}

/// Those of a lane since the start. As many as the enums of the contracts have pairs of states, at most.
#[derive(Clone, Debug, Default)]
pub struct OddSteps(BTreeMap<(Step, Anomaly), u64>);

impl OddSteps {
    /// Counts those of the steps of an entity that its contract does not declare; returns of how many rows.
    pub fn add<'s>(
        &mut self,
        entity: &EntitySpec,
        taken: impl IntoIterator<Item = (&'s Step, &'s u64)>,
    ) -> u64 {
        let mut odd = 0;
        for (step, rows) in taken {
            let Some(anomaly) = steps::judge(entity, step) else { continue };
            odd += rows;
            let known = self.0.entry((step.clone(), anomaly)).or_default();
            if *known == 0 {
                tracing::warn!(
                    entity = step.entity,
                    field = step.field,
                    before = step.before,
                    after = step.after,
                    anomaly = anomaly.word(),
                    "a step of a state is not declared; later ones like it are only counted"
                );
            }
            *known += rows;
        }
        odd
    }

    /// All, the most frequent first.
    pub fn list(&self) -> Vec<OddStep> {
        let shown = self.0.iter().map(|((step, anomaly), rows)| OddStep {
            entity: step.entity.clone(),
            field: step.field.clone(),
            before: step.before.clone(),
            after: step.after.clone(),
            anomaly: anomaly.word(),
            rows: *rows,
        });
        let mut shown: Vec<OddStep> = shown.collect();
        shown.sort_by_key(|step| std::cmp::Reverse(step.rows));
        shown
    }

    /// Tells board and metrics. `lane`: who counted; no entity is counted by two.
    pub fn show(&self, board: &Board, lane: &str) {
        if self.0.is_empty() {
            return;
        }
        let mut sums: BTreeMap<(&str, &str, &'static str), u64> = BTreeMap::new();
        for ((step, anomaly), rows) in &self.0 {
            *sums.entry((&step.entity, &step.field, anomaly.word())).or_default() += rows;
        }
        for ((entity, field, anomaly), rows) in sums {
            let labels = [
                ("entity", entity.to_owned()),
                ("field", field.to_owned()),
                ("anomaly", anomaly.to_owned()),
            ];
            metrics::counter!(metric_names::STATE_STEPS, &labels).absolute(rows);
        }
        let mut shown = self.list();
        shown.truncate(SHOWN_MAX);
        board.update(|status| drop(status.odd_steps.insert(lane.to_owned(), shown)));
    }
}
