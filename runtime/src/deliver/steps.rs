//! Steps of ranked states, for entities that no warehouse keeps: there the ledger is the only one that knows how a row stood.

use super::{DeliverLane, Named};
use crate::error::Result;
use covenant_model::change::Key;
use covenant_model::join::RowState;
use covenant_model::steps;
use std::collections::BTreeMap;

impl DeliverLane {
    /// The steps that changes take rows by. Call before they are folded, and count them once they are.
    pub(super) fn steps(&mut self, told: &Named) -> Result<BTreeMap<steps::Step, u64>> {
        let mut taken = BTreeMap::new();
        for (name, entity) in &self.entities {
            if entity.warehouse.is_some() || steps::watched(entity).is_empty() {
                continue;
            }
            let changes = || told.iter().filter(|(of, _)| of == name).map(|(_, change)| change);
            let mut known: BTreeMap<Key, RowState> = BTreeMap::new();
            for key in changes().flat_map(|change| change.moved_from.iter().chain([&change.key])) {
                if !known.contains_key(key)
                    && let Some(row) = self.parts.ledger.row(name, key)?
                {
                    known.insert(key.clone(), row.state);
                }
            }
            taken.extend(steps::taken(entity, changes(), |key| known.get(key).cloned()));
        }
        Ok(taken)
    }

    /// Counts those that were folded.
    pub(super) fn count_steps(&mut self, taken: &BTreeMap<steps::Step, u64>) {
        for (name, entity) in &self.entities {
            self.odd_steps.add(entity, taken.iter().filter(|(step, _)| step.entity == *name));
        }
    }
}
