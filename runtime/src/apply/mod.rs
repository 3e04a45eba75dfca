//! Landing -> warehouse, and the models behind it.
//!
//! One step applies the next landing commits, several in one transaction where many wait; then runs the models whose time has
//! come. What is applied is always read from the warehouse's own ledger: after a failure whose outcome is unknown, and after
//! a start. Models of one cycle see one state: the lane applies nothing between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use covenant_model::spec::{EntitySpec, ModelSpec};
use covenant_model::steps::{self, Step};

use crate::env::Env;
use crate::error::Result;
use crate::landing::reach::{self, Reader};
use crate::landing::{CommitNumber, DataFile, Epoch, Landing, LandingCommit};
use crate::telemetry::freshness::Freshness;
use crate::telemetry::odd_steps::OddSteps;
use crate::warehouse::{Cycle, ModelRun, Warehouse};

/// Most landing commits in one transaction.
const COMMITS_PER_BATCH: usize = 64;
/// Most changes in one transaction, unless one commit alone holds more.
const CHANGES_PER_BATCH: u64 = 250_000;
/// Between two counts of incomplete rows, microseconds: a minute.
const COUNT_EVERY_US: i64 = 60_000_000;
/// Microseconds in a second.
const SECOND_US: i64 = 1_000_000;
/// Whom an error about missing commits is about.
const READER: Reader = Reader {
    who: "the warehouse",
    place: "apply",
    rebuild: "begin with an empty data folder and a new slot, which reads every table again; what events and Salesforce \
              told before is then lost",
};

/// What one step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stepped {
    /// Landing commits applied.
    pub commits: u64,
    /// Changes in them.
    pub changes: u64,
    /// Rows that changed.
    pub rows_changed: u64,
    /// Models that ran.
    pub models: u64,
    /// Rows that took a step between states which their contract does not declare.
    pub odd_steps: u64,
}

impl Stepped {
    /// Nothing was there to do: the caller may wait a little.
    pub fn idle(&self) -> bool {
        *self == Self::default()
    }
}

/// A model's last run in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Number of the cycle.
    pub cycle: u64,
    /// Rows.
    pub rows: u64,
    /// When it ended, microseconds since 1970.
    pub at_us: i64,
}

/// The lane.
pub struct ApplyLane {
    landing: Arc<dyn Landing>,
    warehouse: Box<dyn Warehouse>,
    env: Env,
    /// In dependency order.
    models: Vec<ModelSpec>,
    /// None: to be read from the warehouse.
    applied: Option<CommitNumber>,
    /// None: to be read from the warehouse.
    cycles: Option<BTreeMap<String, Cycle>>,
    due_us: BTreeMap<String, i64>,
    freshness: BTreeMap<String, Freshness>,
    ran: BTreeMap<String, Ran>,
    totals: Stepped,
    /// Those whose steps between states are held against their contract.
    watched: Vec<EntitySpec>,
    odd_steps: OddSteps,
    /// Entities that others tell beside the owner of their rows' existence.
    shared: Vec<EntitySpec>,
    /// By entity, as counted last.
    incomplete: BTreeMap<String, u64>,
    counted_at_us: Option<i64>,
    /// By entity: the earliest change of the next commits that is landed and not applied, microseconds since 1970.
    waiting_since_us: BTreeMap<String, i64>,
}

impl ApplyLane {
    /// Opens the warehouse under `epoch`. `models` are in dependency order, as the manifest has them.
    ///
    /// # Errors
    /// Of [`Warehouse::open`].
    pub async fn open(
        landing: Arc<dyn Landing>,
        mut warehouse: Box<dyn Warehouse>,
        models: Vec<ModelSpec>,
        env: Env,
        epoch: Epoch,
    ) -> Result<Self> {
        warehouse.open(epoch).await?;
        Ok(Self {
            landing,
            warehouse,
            env,
            models,
            applied: None,
            cycles: None,
            due_us: BTreeMap::new(),
            freshness: BTreeMap::new(),
            ran: BTreeMap::new(),
            totals: Stepped::default(),
            watched: Vec::new(),
            odd_steps: OddSteps::default(),
            shared: Vec::new(),
            incomplete: BTreeMap::new(),
            counted_at_us: None,
            waiting_since_us: BTreeMap::new(),
        })
    }

    /// Counts from now on what is odd with these entities: steps between states that they do not declare, incomplete rows.
    pub fn watch(&mut self, entities: &[EntitySpec]) {
        let kept = entities.iter().filter(|entity| entity.warehouse.is_some());
        self.shared = kept.filter(|entity| entity.sources.len() > 1).cloned().collect();
        let declaring = entities.iter().filter(|entity| !steps::watched(entity).is_empty());
        self.watched = declaring.cloned().collect();
    }

    /// Counts the incomplete rows where the last count is old: never at each commit.
    async fn count_incomplete(&mut self) -> Result<()> {
        let now_us = self.env.clock.now_us();
        let recent = |at_us: i64| (0..COUNT_EVERY_US).contains(&now_us.saturating_sub(at_us));
        if self.counted_at_us.is_some_and(recent) {
            return Ok(());
        }
        for entity in &self.shared {
            let rows = self.warehouse.incomplete(entity).await?;
            self.incomplete.insert(entity.name.clone(), rows);
        }
        self.counted_at_us = Some(now_us);
        Ok(())
    }

    /// Rows that only a source which does not own their existence has told, by entity, as counted within the last minute.
    pub fn incomplete(&self) -> &BTreeMap<String, u64> {
        &self.incomplete
    }

    /// Only what a transaction has committed is counted; a replay raises no guard, so it takes no step.
    fn count_steps(&mut self, taken: &BTreeMap<Step, u64>) -> u64 {
        let mut odd = 0;
        for entity in &self.watched {
            let own = taken.iter().filter(|(step, _)| step.entity == entity.name);
            odd += self.odd_steps.add(entity, own);
        }
        odd
    }

    /// Steps between states that no contract declares, since the start.
    pub fn odd_steps(&self) -> &OddSteps {
        &self.odd_steps
    }

    /// Does a bounded amount of work.
    ///
    /// # Errors
    /// Of landing and warehouse; `Gap` where landing no longer holds the next commit, or ends before what is applied.
    pub async fn step(&mut self) -> Result<Stepped> {
        let stepped = self.work().await;
        match &stepped {
            Ok(done) => {
                self.totals.commits += done.commits;
                self.totals.changes += done.changes;
                self.totals.rows_changed += done.rows_changed;
                self.totals.models += done.models;
                self.totals.odd_steps += done.odd_steps;
            }
            // Whether the last transaction was committed is unknown.
            Err(_) => (self.applied, self.cycles) = (None, None),
        }
        stepped
    }

    async fn work(&mut self) -> Result<Stepped> {
        let applied = self.last_applied().await?;
        let mut done = Stepped::default();
        let (commits, following) = self.next(applied).await?;
        self.waiting_since_us = waiting_since(commits.iter().chain(&following));
        if !commits.is_empty() {
            let batch = self.warehouse.apply(self.landing.as_ref(), &commits).await?;
            self.applied = Some(batch.upto);
            self.visible(&commits);
            self.waiting_since_us = waiting_since(&following);
            done.commits = commits.len() as u64;
            done.changes = batch.changes;
            done.rows_changed = batch.rows_changed;
            done.odd_steps = self.count_steps(&batch.steps);
        }
        done.models = self.transform().await?;
        self.count_incomplete().await?;
        Ok(done)
    }

    /// The last applied commit, as far as this lane knows; none before its first step and after a failure.
    pub fn applied(&self) -> Option<CommitNumber> {
        self.applied
    }

    async fn last_applied(&mut self) -> Result<CommitNumber> {
        if let Some(applied) = self.applied {
            return Ok(applied);
        }
        let applied = self.warehouse.applied().await?;
        reach::not_behind(self.landing.as_ref(), applied, READER).await?;
        self.applied = Some(applied);
        Ok(applied)
    }

    /// The next commits, as many as belong into one transaction, and whichever stands behind them.
    async fn next(
        &self,
        applied: CommitNumber,
    ) -> Result<(Vec<LandingCommit>, Option<LandingCommit>)> {
        let mut commits: Vec<LandingCommit> = Vec::new();
        let mut changes = 0;
        let mut following = reach::following(self.landing.as_ref(), applied, READER).await?;
        while let Some(commit) = following.take() {
            let rows: u64 = commit.files.iter().map(|file| file.rows).sum();
            let full = commits.len() >= COMMITS_PER_BATCH || changes + rows > CHANGES_PER_BATCH;
            if full && !commits.is_empty() {
                return Ok((commits, Some(commit)));
            }
            changes += rows;
            following = self.landing.commit_at(commit.number.next()).await?;
            commits.push(commit);
        }
        Ok((commits, None))
    }

    /// Samples of freshness: the earliest and the latest change of each file stand for half of its rows each.
    fn visible(&mut self, commits: &[LandingCommit]) {
        let now_us = self.env.clock.now_us();
        for (commit, file) in commits.iter().flat_map(|c| c.files.iter().map(move |f| (c, f))) {
            let (earliest, latest) = told_at_us(commit, file);
            let freshness = self.freshness.entry(file.entity.clone()).or_default();
            let half = file.rows / 2;
            freshness.record(now_us.saturating_sub(earliest), file.rows - half);
            freshness.record(now_us.saturating_sub(latest), half);
        }
    }

    /// One cycle of the models that are due; returns how many ran. A model whose inputs have not changed since its last run
    /// does not run.
    async fn transform(&mut self) -> Result<u64> {
        let now_us = self.env.clock.now_us();
        let is_due = |model: &&ModelSpec| {
            self.due_us.get(&model.name).is_none_or(|due_us| *due_us <= now_us)
        };
        let due: Vec<ModelSpec> = self.models.iter().filter(is_due).cloned().collect();
        if due.is_empty() {
            return Ok(0);
        }
        let fence = self.last_applied().await?;
        let mut cycles = match self.cycles.take() {
            Some(cycles) => cycles,
            None => self.warehouse.cycles().await?,
        };
        let number = cycles.values().map(|cycle| cycle.number).max().unwrap_or(0) + 1;
        let mut ran = 0;
        for model in due {
            let last = cycles.get(&model.name).copied();
            let rebuild = rebuilds(&model, last, now_us);
            // What came late stands in the inputs already.
            let late = rebuild && model.window.is_some();
            if late || last.is_none_or(|cycle| cycle.commit < fence) {
                let run = ModelRun { cycle: number, now_us, rebuild };
                let rows = self.warehouse.run_model(&model, run).await?;
                let before = last.and_then(|cycle| cycle.rebuilt_us);
                let rebuilt_us = if rebuild { Some(now_us) } else { before };
                cycles.insert(model.name.clone(), Cycle { number, commit: fence, rebuilt_us });
                let at_us = self.env.clock.now_us();
                self.ran.insert(model.name.clone(), Ran { cycle: number, rows, at_us });
                ran += 1;
            }
            let every_us =
                i64::try_from(model.refresh_s).unwrap_or(i64::MAX).saturating_mul(SECOND_US);
            self.due_us.insert(model.name, now_us.saturating_add(every_us));
        }
        self.cycles = Some(cycles);
        Ok(ran)
    }

    /// All models are due at the next step.
    pub fn run_models_now(&mut self) {
        self.due_us.clear();
    }

    /// From commit in the source to visible in the warehouse, by entity.
    pub fn freshness(&self) -> &BTreeMap<String, Freshness> {
        &self.freshness
    }

    /// Since when the oldest change waits that is landed and not in the warehouse, by entity, microseconds since 1970.
    pub fn waiting_since_us(&self) -> &BTreeMap<String, i64> {
        &self.waiting_since_us
    }

    /// Models that ran in this process.
    pub fn models(&self) -> &BTreeMap<String, Ran> {
        &self.ran
    }

    /// Everything since the lane started.
    pub fn totals(&self) -> &Stepped {
        &self.totals
    }

    /// The warehouse, for counts and reconciliation.
    pub fn warehouse(&mut self) -> &mut dyn Warehouse {
        self.warehouse.as_mut()
    }
}

/// Whether a run computes every window of the model: always, where it has none.
fn rebuilds(model: &ModelSpec, last: Option<Cycle>, now_us: i64) -> bool {
    let Some(window) = &model.window else { return true };
    let every_us = i64::try_from(window.rebuild_s).unwrap_or(i64::MAX).saturating_mul(SECOND_US);
    let rebuilt_us = last.and_then(|cycle| cycle.rebuilt_us);
    rebuilt_us.is_none_or(|at_us| now_us.saturating_sub(at_us) >= every_us)
}

/// Earliest and latest time of a file's changes: in the source, or of the landing commit where that says nothing of waiting.
fn told_at_us(commit: &LandingCommit, file: &DataFile) -> (i64, i64) {
    file.committed_at_us.unwrap_or((commit.written_at_us, commit.written_at_us))
}

fn waiting_since<'c>(
    commits: impl IntoIterator<Item = &'c LandingCommit>,
) -> BTreeMap<String, i64> {
    let mut since = BTreeMap::new();
    for (commit, file) in
        commits.into_iter().flat_map(|commit| commit.files.iter().map(move |file| (commit, file)))
    {
        let (earliest, _) = told_at_us(commit, file);
        let known = since.entry(file.entity.clone()).or_insert(earliest);
        *known = earliest.min(*known);
    }
    since
}
