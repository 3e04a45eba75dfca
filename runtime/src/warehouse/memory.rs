//! A warehouse in memory, for the simulation: the reference fold behind the same fence and batch ledger, and faults on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use covenant_model::change::{Change, Key};
use covenant_model::join::{RowState, Table};
use covenant_model::spec::{EntitySpec, ModelSpec};
use covenant_model::steps::{self, Step};
use covenant_model::version::Version;

use super::{Applied, Cycle, ModelRun, TableCounts, Warehouse, fenced, unapplied};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::fault::{Fault, Faults};
use crate::landing::{CommitNumber, Epoch, Landing, LandingCommit};

/// What is kept: outlives every instance that writes to it.
#[derive(Default)]
struct Store {
    fence: Epoch,
    applied: CommitNumber,
    tables: BTreeMap<String, Table>,
    history: BTreeMap<String, BTreeSet<(Key, String, Version)>>,
    cycles: BTreeMap<String, Cycle>,
}

/// The warehouse's content, shared by the instances that open it one after another.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Store>>);

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folded rows of an entity.
    pub fn table(&self, entity: &str) -> Table {
        self.lock().tables.get(entity).cloned().unwrap_or_default()
    }

    /// The last applied commit.
    pub fn applied(&self) -> CommitNumber {
        self.lock().applied
    }
}

/// One instance's hand on the warehouse.
pub struct MemoryWarehouse {
    store: MemoryStore,
    entities: BTreeMap<String, EntitySpec>,
    faults: Arc<dyn Faults>,
    epoch: Epoch,
}

impl MemoryWarehouse {
    /// Over the entities that have a warehouse sink.
    pub fn new(store: MemoryStore, entities: &[EntitySpec], faults: Arc<dyn Faults>) -> Self {
        let kept = entities.iter().filter(|entity| entity.warehouse.is_some());
        let entities = kept.map(|entity| (entity.name.clone(), entity.clone())).collect();
        Self { store, entities, faults, epoch: Epoch(0) }
    }

    /// `Err` where nothing must be done.
    fn begin(&self, operation: &str) -> Result<Fault> {
        match self.faults.at(operation) {
            Fault::Refused => Err(failed(operation)),
            fault @ (Fault::None | Fault::ReplyLost) => Ok(fault),
        }
    }
}

/// What the commits that are not applied yet take rows by.
fn steps_of(
    entities: &BTreeMap<String, EntitySpec>,
    store: &Store,
    read: &[(&LandingCommit, Vec<(String, Change)>)],
) -> BTreeMap<Step, u64> {
    let new = || read.iter().filter(|(commit, _)| commit.number > store.applied);
    let mut taken = BTreeMap::new();
    for (name, entity) in entities {
        let told = new().flat_map(|(_, changes)| changes).filter(|(of, _)| of == name);
        let table = store.tables.get(name);
        let known = |key: &Key| table.and_then(|table| table.rows().get(key).cloned());
        taken.extend(steps::taken(entity, told.map(|(_, change)| change), known));
    }
    taken
}

#[async_trait]
impl Warehouse for MemoryWarehouse {
    async fn open(&mut self, epoch: Epoch) -> Result<()> {
        let fault = self.begin("warehouse.open")?;
        let mut store = self.store.lock();
        if store.fence > epoch {
            return Err(fenced(epoch));
        }
        store.fence = epoch;
        self.epoch = epoch;
        answered(fault, ())
    }

    async fn applied(&mut self) -> Result<CommitNumber> {
        let fault = self.begin("warehouse.applied")?;
        answered(fault, self.store.lock().applied)
    }

    async fn apply(&mut self, landing: &dyn Landing, commits: &[LandingCommit]) -> Result<Applied> {
        let fault = self.begin("warehouse.apply")?;
        let applied = self.store.lock().applied;
        let mut read: Vec<(&LandingCommit, Vec<(String, Change)>)> = Vec::new();
        for commit in unapplied(applied, commits)? {
            let mut changes = Vec::new();
            for file in &commit.files {
                if let Some(entity) = self.entities.get(&file.entity) {
                    let all = landing.changes(entity, file).await?;
                    changes.extend(all.into_iter().map(|change| (entity.name.clone(), change)));
                }
            }
            read.push((commit, changes));
        }
        let mut store = self.store.lock();
        if store.fence != self.epoch {
            return Err(fenced(self.epoch));
        }
        let mut done = Applied { upto: applied, ..Applied::default() };
        done.steps = steps_of(&self.entities, &store, &read);
        let mut changed = BTreeSet::new();
        for (commit, changes) in read {
            if commit.number <= store.applied {
                continue;
            }
            for floor in commit.floors.iter().filter(|f| self.entities.contains_key(&f.entity)) {
                let table = store.tables.entry(floor.entity.clone()).or_default();
                let lifted = table.raise(floor.guard());
                changed.extend(lifted.into_iter().map(|key| (floor.entity.clone(), key)));
            }
            for (entity, change) in changes {
                done.changes += 1;
                let table = store.tables.entry(entity.clone()).or_default();
                let touched = table.fold(&change);
                changed.extend(touched.into_iter().map(|key| (entity.clone(), key)));
                let told = (change.key, change.source, change.version);
                store.history.entry(entity).or_default().insert(told);
            }
            store.applied = commit.number;
        }
        done.upto = store.applied;
        done.rows_changed = changed.len() as u64;
        answered(fault, done)
    }

    async fn run_model(&mut self, model: &ModelSpec, run: ModelRun) -> Result<u64> {
        let fault = self.begin("warehouse.run_model")?;
        let mut store = self.store.lock();
        if store.fence != self.epoch {
            return Err(fenced(self.epoch));
        }
        let commit = store.applied;
        let before = store.cycles.get(&model.name).and_then(|cycle| cycle.rebuilt_us);
        let rebuilt_us = if run.rebuild { Some(run.now_us) } else { before };
        store.cycles.insert(model.name.clone(), Cycle { number: run.cycle, commit, rebuilt_us });
        answered(fault, 0)
    }

    async fn cycles(&mut self) -> Result<BTreeMap<String, Cycle>> {
        let fault = self.begin("warehouse.cycles")?;
        answered(fault, self.store.lock().cycles.clone())
    }

    async fn counts(&mut self, entity: &EntitySpec) -> Result<TableCounts> {
        let store = self.store.lock();
        let mut counts = TableCounts::default();
        let rows =
            store.tables.get(&entity.name).into_iter().flat_map(|table| table.rows().values());
        for state in rows {
            if state.alive() {
                counts.presented += 1;
            } else if state.incomplete() {
                counts.incomplete += 1;
            } else {
                counts.tombstones += 1;
            }
        }
        if entity.warehouse.as_ref().is_some_and(|sink| sink.history) {
            counts.history = store.history.get(&entity.name).map_or(0, |all| all.len() as u64);
        }
        Ok(counts)
    }

    async fn incomplete(&mut self, entity: &EntitySpec) -> Result<u64> {
        self.counts(entity).await.map(|counts| counts.incomplete)
    }

    async fn scan(
        &mut self,
        entity: &EntitySpec,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, RowState)>> {
        let store = self.store.lock();
        let rows = store.tables.get(&entity.name).into_iter().flat_map(|table| table.rows());
        let behind = rows.filter(|(key, _)| after.is_none_or(|after| *key > after));
        Ok(behind.take(limit).map(|(key, state)| (key.clone(), state.clone())).collect())
    }

    async fn rows(&mut self, entity: &EntitySpec, keys: &[Key]) -> Result<Vec<(Key, RowState)>> {
        let store = self.store.lock();
        let table = store.tables.get(&entity.name);
        let row = |key: &Key| Some((key.clone(), table?.rows().get(key)?.clone()));
        Ok(keys.iter().filter_map(row).collect())
    }
}

fn failed(what: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Unavailable,
        "memory warehouse",
        format!("{what} failed on request"),
        "It is tried again",
    )
}

fn answered<T>(fault: Fault, answer: T) -> Result<T> {
    match fault {
        Fault::None => Ok(answer),
        Fault::Refused | Fault::ReplyLost => Err(failed("the answer")),
    }
}
