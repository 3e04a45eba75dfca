//! The mass-change breaker: what would touch more than the declared share of an entity's records waits until a person has looked.
//! A wrong DELETE or UPDATE in a source must not empty or overwrite the CRM overnight.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use covenant_model::spec::OnDelete;

use super::outcome::micros;
use super::record::Mapping;
use super::{DeliverLane, ROWS_PER_STEP};
use crate::error::Result;

/// Removals that are never held: a day's ordinary work.
pub(super) const REMOVALS_FREE: usize = 100;
/// Updates that are never held: what one step sends.
const UPDATES_FREE: u64 = ROWS_PER_STEP as u64;
/// So long a look at the waiting updates holds good: counting a long line again with every step would cost more than sending it.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What is to be done to many records together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mass {
    /// Removed: their rows are deleted.
    Deleted,
    /// Removed: their rows have aged out of the filter.
    Left,
    /// Changed.
    Changed,
}

impl Mass {
    const ALL: [Self; 3] = [Self::Deleted, Self::Left, Self::Changed];

    fn word(self) -> &'static str {
        match self {
            Self::Deleted | Self::Left => "removals",
            Self::Changed => "updates",
        }
    }
}

/// Entities whose held removals and updates a person has released. Shared with whoever hears the command.
#[derive(Clone, Debug, Default)]
pub struct Releases(Arc<Mutex<BTreeSet<String>>>);

impl Releases {
    /// Releases what is held of an entity now.
    pub fn release(&self, entity: &str) {
        self.lock().insert(entity.to_owned());
    }

    pub(crate) fn take(&self, entity: &str) -> bool {
        self.lock().remove(entity)
    }

    fn has(&self, entity: &str) -> bool {
        self.lock().contains(entity)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is held, what was released, and when the waiting updates were counted last.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// How many wait.
    held: BTreeMap<(String, Mass), u64>,
    allowed: BTreeSet<(String, Mass)>,
    /// When the updates of an entity are to be counted again, microseconds since 1970, and whether they are held until then.
    looked: BTreeMap<String, (i64, bool)>,
}

impl Breaker {
    /// What is held, by entity.
    pub(super) fn held(&self) -> BTreeMap<String, u64> {
        let mut held = BTreeMap::new();
        for ((entity, _), rows) in &self.held {
            *held.entry(entity.clone()).or_default() += rows;
        }
        held
    }

    /// An ordinary day: nothing is held, and what was released is over.
    pub(super) fn few(&mut self, mapping: &Mapping, mass: Mass) {
        let about = (mapping.entity.clone(), mass);
        self.held.remove(&about);
        self.allowed.remove(&about);
    }

    /// Many wait: whether they are held. `delivered`: the entity's records.
    fn many(
        &mut self,
        mapping: &Mapping,
        mass: Mass,
        waiting: u64,
        delivered: u64,
        percent: u8,
    ) -> bool {
        let about = (mapping.entity.clone(), mass);
        let held = !self.allowed.contains(&about)
            && waiting.saturating_mul(100) > delivered.saturating_mul(u64::from(percent));
        if !held {
            self.held.remove(&about);
        } else if self.held.insert(about, waiting).is_none() {
            tracing::error!(
                entity = mapping.entity,
                waiting,
                delivered,
                "{} are held: they would touch more than {percent}% of the records; correct the source, or release \
                 them with `covenant-runtime deliver release {}`",
                mass.word(),
                mapping.entity
            );
        }
        held
    }
}

impl DeliverLane {
    /// Whether so many removals wait that they are held.
    pub(super) fn breaks(&mut self, mapping: &Mapping, taken: usize) -> Result<bool> {
        if taken <= REMOVALS_FREE || mapping.on_delete == OnDelete::Keep {
            self.breaker.few(mapping, Mass::Deleted);
            return Ok(false);
        }
        self.many_removals(mapping, Mass::Deleted, None)
    }

    /// Whether so many removals are held; without a number: those that wait.
    pub(super) fn many_removals(
        &mut self,
        mapping: &Mapping,
        mass: Mass,
        waiting: Option<u64>,
    ) -> Result<bool> {
        self.hear_releases(mapping);
        let counts = self.parts.ledger.counts()?.get(&mapping.entity).copied().unwrap_or_default();
        let (waiting, percent) = (waiting.unwrap_or(counts.removals), mapping.max_removals_percent);
        Ok(self.breaker.many(mapping, mass, waiting, counts.sent, percent))
    }

    /// Whether so many delivered records wait to be changed by what happens now that they are held.
    pub(super) fn floods(&mut self, mapping: &Mapping) -> Result<bool> {
        let Some(percent) = mapping.max_updates_percent else { return Ok(false) };
        let now_us = self.parts.env.clock.now_us();
        if let Some((until_us, held)) = self.breaker.looked.get(&mapping.entity)
            && *until_us > now_us
            && !self.parts.releases.has(&mapping.entity)
        {
            return Ok(*held);
        }
        let entity = &mapping.entity;
        let waiting = self.parts.ledger.updates(entity, UPDATES_FREE + 1)?;
        if waiting <= UPDATES_FREE {
            self.breaker.few(mapping, Mass::Changed);
            self.breaker.looked.remove(entity);
            return Ok(false);
        }
        self.hear_releases(mapping);
        let delivered = self.parts.ledger.counts()?.get(entity).map_or(0, |counts| counts.sent);
        let waiting = self.parts.ledger.updates(entity, delivered)?;
        let held = self.breaker.many(mapping, Mass::Changed, waiting, delivered, percent);
        let until_us = now_us.saturating_add(micros(LOOK_EVERY));
        self.breaker.looked.insert(entity.clone(), (until_us, held));
        Ok(held)
    }

    fn hear_releases(&mut self, mapping: &Mapping) {
        if self.parts.releases.take(&mapping.entity) {
            tracing::warn!(entity = mapping.entity, "what the breaker held is released");
            let all = Mass::ALL.map(|mass| (mapping.entity.clone(), mass));
            self.breaker.allowed.extend(all);
        }
    }
}
