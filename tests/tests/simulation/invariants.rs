//! What must hold after every step, whatever failed.

use std::collections::BTreeMap;

use covenant_model::change::Key;
use covenant_model::join::RowState;
use covenant_model::version::{Guard, Lsn};
use covenant_runtime::crm::Crm;
use covenant_runtime::landing::{CommitNumber, Epoch, Landing, SourcePosition};
use futures::executor::block_on;

use super::parts::ACME;
use super::postgres::SLOT_START;
use super::process::STORE;
use super::world::World;

/// What was seen before.
#[derive(Default)]
pub(crate) struct Watch {
    last: CommitNumber,
    digest: String,
    epoch: Epoch,
    durable: Option<Lsn>,
    applied: CommitNumber,
    rows: BTreeMap<(String, Key), RowState>,
    revisions: BTreeMap<(&'static str, String), u64>,
    crm_calls: u64,
}

/// The objects that are delivered to.
const OBJECTS: [&str; 2] = ["Account", "Order__c"];

impl Watch {
    pub(crate) fn check(&mut self, world: &World) -> Result<(), String> {
        self.landing(world)?;
        let confirmed = world.server.lock().confirmed;
        let durable = self.durable.unwrap_or(SLOT_START);
        if confirmed > durable {
            return Err(format!("the slot was told {confirmed}, landing ends at {durable}"));
        }
        self.warehouse(world)?;
        self.crm(world)
    }

    /// Commits are numbered without holes, chained, never replaced, and one epoch writes at a time.
    fn landing(&mut self, world: &World) -> Result<(), String> {
        let landing = world.calm_landing();
        if self.last > CommitNumber(0) {
            let stored = block_on(landing.digest_at(self.last)).map_err(|e| e.to_string())?;
            if stored.as_deref() != Some(self.digest.as_str()) {
                return Err(format!("commit {} is not what it was", self.last.0));
            }
        }
        while let Some(commit) =
            block_on(landing.commit_at(self.last.next())).map_err(|e| e.to_string())?
        {
            if commit.previous_sha256 != self.digest {
                return Err(format!("commit {} breaks the chain", commit.number.0));
            }
            if commit.epoch < self.epoch {
                return Err(format!("commit {} is of an earlier epoch", commit.number.0));
            }
            let digest = block_on(landing.digest_at(commit.number)).map_err(|e| e.to_string())?;
            self.digest = digest.unwrap_or_default();
            (self.last, self.epoch) = (commit.number, commit.epoch);
            if let Some(SourcePosition::Postgres { lsn, .. }) = commit.positions.get(STORE) {
                if Some(*lsn) < self.durable {
                    return Err(format!("commit {} goes back to {lsn}", commit.number.0));
                }
                self.durable = Some(*lsn);
            }
        }
        let newest = block_on(landing.newest()).map_err(|e| e.to_string())?;
        match newest.map(|commit| commit.number) {
            Some(newest) if newest != self.last => {
                Err(format!("a hole behind commit {}: the newest is {}", self.last.0, newest.0))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// No guard of a row ever goes down.
    fn warehouse(&mut self, world: &World) -> Result<(), String> {
        let applied = world.store.applied();
        if applied < self.applied {
            return Err(format!("the warehouse went back to commit {}", applied.0));
        }
        if applied == self.applied {
            return Ok(());
        }
        self.applied = applied;
        let mut rows = BTreeMap::new();
        for entity in &ACME.entities {
            for (key, state) in world.store.table(&entity.name).rows() {
                rows.insert((entity.name.clone(), key.clone()), state.clone());
            }
        }
        for ((entity, key), before) in &self.rows {
            let after = rows.get(&(entity.clone(), key.clone()));
            if after.is_none_or(|after| lower(before, after)) {
                let key = covenant_runtime::crm::external_id_of(key);
                return Err(format!("{entity} {key} went back in the warehouse"));
            }
        }
        self.rows = rows;
        Ok(())
    }

    /// No revision of a record ever goes down.
    fn crm(&mut self, world: &World) -> Result<(), String> {
        let calls = world.crm.usage().map_or(0, |usage| usage.used);
        if calls == self.crm_calls {
            return Ok(());
        }
        self.crm_calls = calls;
        for object in OBJECTS {
            for record in world.records(object).into_values() {
                let before = self.revisions.entry((object, record.id.clone())).or_default();
                if record.revision < *before {
                    return Err(format!("{object} {} went back in the CRM", record.external_id));
                }
                *before = record.revision;
            }
        }
        Ok(())
    }
}

fn lower(before: &RowState, after: &RowState) -> bool {
    let existence = |state: &RowState| state.existence.map(|existence| existence.guard);
    let guard = |state: &RowState, at: usize| -> Option<Guard> {
        Some(state.groups.get(at)?.as_ref()?.guard)
    };
    existence(after) < existence(before)
        || (0..before.groups.len()).any(|at| guard(after, at) < guard(before, at))
}
