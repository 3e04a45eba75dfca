//! Landing -> ledger -> CRM: what is sent is always the folded row, never a change.
//!
//! One step folds a few landing commits, then sends what waits: records that are there, parents before children; then
//! removals, children before parents. Calls are made one after another, so that no two are in flight for one key or one
//! parent. Nothing is lost when a step dies at any instruction: the ledger raised the revision before the call, and a row
//! whose outcome was not recorded waits on.
//!
//! Ledger calls block: run the lane on a thread of its own.

pub mod adopt;
mod breaker;
pub mod budget;
pub mod compare;
mod gather;
mod outcome;
pub mod record;
mod removals;
mod send;
mod steps;
mod wave;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use covenant_model::change::Change;
use covenant_model::floor::Floor;
use covenant_model::spec::EntitySpec;

use self::adopt::Adoptions;
use self::breaker::Breaker;
pub use self::breaker::Releases;
use self::budget::{BUDGET_RECHECK, Budget, Calls};
use self::gather::Gather;
use self::outcome::micros;
use self::record::{Mapping, Reveal};

use crate::crm::{Crm, MAX_ROWS_PER_CALL};
use crate::env::Env;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::reach::{self, Reader};
use crate::landing::{CommitNumber, Epoch, Landing, LandingCommit};
use crate::ledger::{Cells, Ledger, LedgerCounts, Sealer, Told, Work};
use crate::telemetry::freshness::Freshness;
use crate::telemetry::odd_steps::OddSteps;

/// Most landing commits folded in one step: sending must not starve behind a long catch-up.
const FOLDS_PER_STEP: u64 = 16;
/// Most rows of one entity taken in one step.
const ROWS_PER_STEP: usize = 5 * MAX_ROWS_PER_CALL;
/// Revisions of one epoch: a later epoch's are all higher, so that what an older instance still sends is refused by the CRM
/// itself, and a rebuilt ledger wins over what a lost one sent. JSON readers keep 53 bits: room for 9 million epochs.
const REVISIONS_PER_EPOCH: u64 = 1_000_000_000;
/// Largest revision that every JSON reader keeps exactly.
const REVISION_MAX: u64 = (1 << 53) - 1;
/// Epoch of the first instance that ever wrote to a landing.
const FIRST_EPOCH: Epoch = Epoch(1);
/// Longest time for which Salesforce executes a call, and a minute for the way there and clocks that differ. (Salesforce ends
/// calls after 10 minutes.)
pub const CALL_LIFE: Duration = Duration::from_secs(660);
/// Whom an error about missing commits is about.
const READER: Reader = Reader {
    who: "the delivery ledger",
    place: "delivery",
    rebuild: "begin with an empty data folder and a new slot, which reads every table again, and set the delivery revisions \
              in Salesforce back to nothing",
};
/// Name of the ledger's note with the call budget.
const BUDGET_NOTE: &str = "budget";
/// Name of the note with the time before which calls were made that this ledger does not know, microseconds since 1970.
const UNKNOWN_CALLS_NOTE: &str = "unknown calls may run until";

/// Changes by the name of their entity.
type Named = Vec<(String, Change)>;

/// What one step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stepped {
    /// Landing commits folded.
    pub folded: u64,
    /// Rows written to the CRM.
    pub written: u64,
    /// Rows whose content was there already.
    pub unchanged: u64,
    /// Records removed or flagged.
    pub removed: u64,
    /// Rows refused, for now or for good.
    pub refused: u64,
    /// Rows that are not to be delivered.
    pub skipped: u64,
    /// Records of rows that left the sink's filter: flagged, deleted, or found to be so.
    pub left: u64,
    /// Rows that wait until no call for their record can still execute.
    pub held: u64,
    /// Pieces of adoptions that were done.
    pub adopting: u64,
}

impl Stepped {
    /// Nothing was there to do: the caller may wait a little.
    pub fn idle(&self) -> bool {
        *self == Self::default()
    }
}

/// What a lane needs.
pub struct Parts {
    /// Where changes come from.
    pub landing: Arc<dyn Landing>,
    /// What is remembered.
    pub ledger: Box<dyn Ledger>,
    /// Where records go.
    pub crm: Arc<dyn Crm>,
    /// Opens ciphertexts where a sink declares a purpose.
    pub reveal: Arc<dyn Reveal>,
    /// Digests what was delivered.
    pub sealer: Arc<dyn Sealer>,
    /// Time and chance.
    pub env: Env,
    /// Epoch of this instance, taken from landing.
    pub epoch: Epoch,
    /// API calls that the lane may make in 24 hours.
    pub daily_share: u64,
    /// What a person has released.
    pub releases: Releases,
    /// How long a call may go on in the CRM after everybody has given up on it: [`CALL_LIFE`] for Salesforce.
    pub call_life: Duration,
}

/// The lane.
pub struct DeliverLane {
    parts: Parts,
    entities: BTreeMap<String, EntitySpec>,
    /// Parents before children.
    mappings: Vec<Arc<Mapping>>,
    /// By entity: what its records are made of.
    cells: BTreeMap<String, Cells>,
    budget: Calls,
    /// A ledger that is younger than the pipeline does not know the calls that were given up before it: they may run until
    /// then, microseconds since 1970.
    unknown_calls_until_us: i64,
    freshness: BTreeMap<String, Freshness>,
    /// Rows in one call; shrinks where calls fail whole, and grows back.
    chunk: usize,
    breaker: Breaker,
    totals: Stepped,
    gather: Gather,
    adoptions: Adoptions,
    odd_steps: OddSteps,
    began: Began,
}

/// What was landed when the lane began is folded before anything is sent. A ledger that is younger than the CRM, lost and
/// rebuilt or left behind by another instance, would otherwise show states that are over, and make records for keys that
/// have moved since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Began {
    /// It is not known yet how far that is.
    Unknown,
    /// Up to this commit.
    At(CommitNumber),
    /// It is folded.
    Folded,
}

impl DeliverLane {
    /// A lane over the entities that have a Salesforce sink.
    ///
    /// # Errors
    /// `Config` where a sink cannot be mapped or parents form a cycle; those of the ledger.
    pub fn new(mut parts: Parts, entities: &[EntitySpec]) -> Result<Self> {
        let delivered = entities.iter().filter(|entity| entity.salesforce.is_some());
        let kept: BTreeMap<_, _> =
            delivered.map(|entity| (entity.name.clone(), entity.clone())).collect();
        let budget = match parts.ledger.note(BUDGET_NOTE)? {
            Some(text) => serde_json::from_str(&text).unwrap_or_default(),
            None => Budget::default(),
        };
        let unknown_calls_until_us = unknown_calls(&mut parts)?;
        let mappings = mappings(entities)?;
        let cells = mappings.iter().filter_map(|m| Some((m.entity.clone(), m.cells.clone()?)));
        let cells = cells.collect();
        let adoptions = Adoptions::load(parts.ledger.as_mut(), &mappings, &kept)?;
        Ok(Self {
            unknown_calls_until_us,
            mappings,
            cells,
            adoptions,
            entities: kept,
            parts,
            budget: Calls::new(budget),
            freshness: BTreeMap::new(),
            chunk: MAX_ROWS_PER_CALL,
            breaker: Breaker::default(),
            totals: Stepped::default(),
            gather: Gather::default(),
            odd_steps: OddSteps::default(),
            began: Began::Unknown,
        })
    }

    /// Does a bounded amount of work.
    ///
    /// # Errors
    /// Of landing, ledger and CRM; what was not recorded is tried again by the next step. `Throttled` where the budget is
    /// used up, `Fenced` where a later instance delivers, `SchemaMismatch` where the CRM does not know our fields.
    pub async fn step(&mut self) -> Result<Stepped> {
        let mut done = Stepped { folded: self.fold().await?, ..Stepped::default() };
        // What goes wrong with an adoption must not hold up the entities that have none: they are sent first.
        // Fewer than a step may fold: nothing is left that was landed. Waiting for a step that folds none would, while commits
        // keep coming, be waiting for ever.
        if !self.has_caught_up().await? {
            self.remember(&done);
            return Ok(done);
        }
        let adopting = self.adopt(done.folded < FOLDS_PER_STEP).await;
        done.adopting = u64::from(matches!(adopting, Ok(true)));
        let now_us = self.parts.env.clock.now_us();
        let linger = self.linger_at(now_us);
        if self.gather.lingers(now_us, linger) {
            self.remember(&done);
            return adopting.map(|_| done);
        }
        self.gather.begin();
        let sent = self.send(&mut done).await;
        self.remember(&done);
        if done.held > 0 {
            self.show_adoptions()?;
        }
        sent.and(adopting).map(|_| done)
    }

    async fn send(&mut self, done: &mut Stepped) -> Result<()> {
        // What happens now first. A child whose parent is still in the history is parked until the parent is there.
        for work in [Work::Live, Work::History] {
            for mapping in self.mappings.clone() {
                if self.adoptions.waits(&mapping.entity) {
                    continue;
                }
                let mut work = work;
                if work == Work::Live {
                    self.sweep(&mapping)?;
                    if self.floods(&mapping)? {
                        work = Work::Creates;
                    }
                }
                let rows = self.take(&mapping, work)?;
                let more = rows.len() >= ROWS_PER_STEP;
                self.upserts(&mapping, rows, done).await?;
                if more {
                    // Children wait until their parents are through: they would only be refused.
                    return Ok(());
                }
            }
        }
        for mapping in self.mappings.clone().into_iter().rev() {
            if self.adoptions.waits(&mapping.entity) {
                continue;
            }
            let rows = self.take(&mapping, Work::Removals)?;
            let more = rows.len() >= ROWS_PER_STEP;
            if self.breaks(&mapping, rows.len())? {
                continue;
            }
            self.removals(&mapping, rows, done).await?;
            if more {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take(&mut self, mapping: &Mapping, work: Work) -> Result<Vec<crate::ledger::Pending>> {
        let now_us = self.parts.env.clock.now_us();
        let mut rows = self.parts.ledger.pending(&mapping.entity, work, now_us, ROWS_PER_STEP)?;
        self.gather.full |= rows.len() >= MAX_ROWS_PER_CALL;
        let floor = self.parts.epoch.0.saturating_mul(REVISIONS_PER_EPOCH);
        for row in &mut rows {
            if self.unknown_calls_until_us > now_us {
                row.unsure_until_us = row.unsure_until_us.max(self.unknown_calls_until_us);
                row.unsure_here_until_us =
                    row.unsure_here_until_us.max(self.unknown_calls_until_us);
            }
            row.revision = row.revision.max(floor + 1);
            if row.revision > REVISION_MAX {
                return Err(RuntimeError::new(
                    ErrorKind::Bug,
                    "delivery",
                    "delivery revisions are used up",
                    "Report this as a bug of covenant",
                ));
            }
        }
        Ok(rows)
    }

    /// Whether everything is folded that was landed when the lane began.
    async fn has_caught_up(&mut self) -> Result<bool> {
        if self.began == Began::Folded {
            return Ok(true);
        }
        let folded = self.parts.ledger.folded()?;
        let until = match self.began {
            Began::At(until) => until,
            Began::Unknown | Began::Folded => {
                let newest = self.parts.landing.newest().await?;
                newest.map_or(CommitNumber(0), |commit| commit.number)
            }
        };
        self.began = if folded < until { Began::At(until) } else { Began::Folded };
        Ok(self.began == Began::Folded)
    }

    /// Folds the next landing commits; returns how many.
    async fn fold(&mut self) -> Result<u64> {
        let mut folded = 0;
        for _ in 0..FOLDS_PER_STEP {
            let last = self.parts.ledger.folded()?;
            let next = last.next();
            let landing = self.parts.landing.as_ref();
            let Some(commit) = reach::following(landing, last, READER).await? else { break };
            let (live, again) = self.changes(&commit).await?;
            let floors = commit.floors.iter().filter(|f| self.entities.contains_key(&f.entity));
            let floors: Vec<Floor> = floors.cloned().collect();
            let steps = self.steps(&live)?;
            let cells = &self.cells;
            let told = Told { floors: &floors, changes: &live, again: &again, cells };
            self.gather.rows += self.parts.ledger.fold_all(next, told)?;
            self.count_steps(&steps);
            self.adoptions.landed(commit.positions.values());
            self.adoptions.changed(&live);
            self.adoptions.changed(&again);
            folded += 1;
        }
        Ok(folded)
    }

    /// The changes of a commit: those that it tells first, and those that it tells again.
    async fn changes(&self, commit: &LandingCommit) -> Result<(Named, Named)> {
        let (mut live, mut again) = (Named::new(), Named::new());
        for file in &commit.files {
            if let Some(entity) = self.entities.get(&file.entity) {
                let mut read = self.parts.landing.changes(entity, file).await?;
                // The ledger keeps since when a row waits; an event, and what is told again, waits since it was landed.
                for change in
                    read.iter_mut().filter(|c| file.again || entity.tells_events(&c.source))
                {
                    change.committed_at_us = commit.written_at_us;
                }
                let changes = if file.again { &mut again } else { &mut live };
                changes.extend(read.into_iter().map(|change| (entity.name.clone(), change)));
            }
        }
        Ok((live, again))
    }

    /// Tells the ledger that a call for these rows begins.
    fn sending(&mut self, rows: &[crate::ledger::Pending]) -> Result<()> {
        let now_us = self.parts.env.clock.now_us();
        self.parts.ledger.sending(rows, now_us.saturating_add(micros(self.parts.call_life)))
    }

    /// Before every call: the budget. Counts the call.
    fn spend(&mut self) -> Result<()> {
        let now_us = self.parts.env.clock.now_us();
        let (share, usage) = (self.parts.daily_share, self.parts.crm.usage());
        if !self.budget.with(|budget| budget.allows(now_us, share, usage)) {
            let mut error = RuntimeError::new(
                ErrorKind::Throttled,
                "delivery",
                format!("{} calls used of our {} a day", self.calls(), self.parts.daily_share),
                "It goes on as calls of the last 24 hours expire; raise `share` in project.yaml if it must not wait",
            );
            error.retry_after = Some(BUDGET_RECHECK);
            return Err(error);
        }
        self.budget.with(|budget| budget.spend(now_us, 1));
        self.gather.last_call_us = Some(now_us);
        Ok(())
    }

    /// After a step: totals and the budget's note. Losing the note costs an hour's count, so its failure is only told.
    fn remember(&mut self, done: &Stepped) {
        self.totals.folded += done.folded;
        self.totals.written += done.written;
        self.totals.unchanged += done.unchanged;
        self.totals.removed += done.removed;
        self.totals.refused += done.refused;
        self.totals.skipped += done.skipped;
        self.totals.left += done.left;
        self.totals.held += done.held;
        self.totals.adopting += done.adopting;
        if done.written + done.removed + done.refused == 0 {
            return;
        }
        let text = self.budget.with(|budget| serde_json::to_string(budget));
        let kept = text.map_err(|error| error.to_string()).and_then(|text| {
            self.parts.ledger.set_note(BUDGET_NOTE, &text).map_err(|error| error.to_string())
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "the call budget was not kept");
        }
    }

    /// Everything that waits goes now and from now on: the process drains.
    pub fn drain(&mut self) {
        self.gather.draining = true;
    }

    /// How long rows wait for others to share a call, as the budget stands.
    pub fn linger(&mut self) -> Duration {
        self.linger_at(self.parts.env.clock.now_us())
    }

    fn linger_at(&self, now_us: i64) -> Duration {
        self.budget.with(|budget| budget.linger(now_us, self.parts.daily_share))
    }

    /// From commit in the source to delivered, by entity.
    pub fn freshness(&self) -> &BTreeMap<String, Freshness> {
        &self.freshness
    }

    /// Everything since the lane started.
    pub fn totals(&self) -> &Stepped {
        &self.totals
    }

    /// Removals and updates that the mass-change breaker holds, by entity.
    pub fn held(&self) -> BTreeMap<String, u64> {
        self.breaker.held()
    }

    /// A person has looked: what is held of an entity may go.
    pub fn release(&mut self, entity: &str) {
        self.parts.releases.release(entity);
    }

    /// Rows by state, by entity.
    ///
    /// # Errors
    /// Of the ledger.
    pub fn counts(&mut self) -> Result<BTreeMap<String, LedgerCounts>> {
        self.parts.ledger.counts()
    }

    /// Our calls in the last 24 hours.
    pub fn calls(&self) -> u64 {
        self.budget.with(|budget| budget.spent())
    }

    /// The call budget, for who reads the CRM beside the lane.
    pub fn budget(&self) -> Calls {
        self.budget.clone()
    }

    /// Steps of states that no contract declares, of entities without a warehouse.
    pub fn odd_steps(&self) -> &OddSteps {
        &self.odd_steps
    }

    /// The ledger, for the operator's commands and reconciliation.
    pub fn ledger(&mut self) -> &mut dyn Ledger {
        self.parts.ledger.as_mut()
    }
}

/// Until when calls may run that a ledger before this one made. The first instance of a pipeline has none before it.
fn unknown_calls(parts: &mut Parts) -> Result<i64> {
    if let Some(text) = parts.ledger.note(UNKNOWN_CALLS_NOTE)? {
        return Ok(text.parse().unwrap_or(0));
    }
    let until_us = if parts.epoch <= FIRST_EPOCH {
        0
    } else {
        parts.env.clock.now_us().saturating_add(micros(parts.call_life))
    };
    parts.ledger.set_note(UNKNOWN_CALLS_NOTE, &until_us.to_string())?;
    Ok(until_us)
}

/// How each entity with a Salesforce sink is delivered, parents before children.
///
/// # Errors
/// `Config` where a sink cannot be mapped or parents form a cycle.
pub fn mappings(entities: &[EntitySpec]) -> Result<Vec<Arc<Mapping>>> {
    let sinks = entities.iter().filter_map(|entity| Some((entity, entity.salesforce.as_ref()?)));
    let mapped = sinks.map(|(entity, sink)| Mapping::new(entity, sink).map(Arc::new));
    parents_first(mapped.collect::<Result<_>>()?)
}

/// Sorts so that every entity stands behind its parents; ties by name.
fn parents_first(mappings: Vec<Arc<Mapping>>) -> Result<Vec<Arc<Mapping>>> {
    let mut open: BTreeMap<String, Arc<Mapping>> =
        mappings.into_iter().map(|mapping| (mapping.entity.clone(), mapping)).collect();
    let mut sorted = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let free = open.values().find(|mapping| {
            mapping
                .parents
                .iter()
                .all(|parent| *parent == mapping.entity || !open.contains_key(parent))
        });
        let Some(name) = free.map(|mapping| mapping.entity.clone()) else {
            let names: Vec<_> = open.keys().cloned().collect();
            return Err(RuntimeError::new(
                ErrorKind::Config,
                "delivery",
                format!("the parents of {} form a cycle", names.join(", ")),
                "Take one of the lookups out of its sink",
            ));
        };
        sorted.extend(open.remove(&name));
    }
    Ok(sorted)
}
