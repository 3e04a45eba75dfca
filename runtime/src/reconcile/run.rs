//! One run over one entity: suspects, fences, rounds, repairs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use covenant_model::change::Key;
use covenant_model::version::Lsn;

use super::sides::{Subject, Target, key_texts};
use super::{Kind, Report, Told, judge};
use crate::capture::derive::Deriver;
use crate::capture::registry::Binding;
use crate::crm::external_id_of;
use crate::env::Clock;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::CommitNumber;
use crate::ledger::{Digest, Ledger, Sealer};
use crate::source::{Chunk, ChunkRequest, TableReader};
use crate::warehouse::Warehouse;

/// Rows read at once, of either side.
const CHUNK_ROWS: usize = 2_000;
/// Keys that are judged, and repaired, together.
pub const SUSPECTS_MAX: usize = 1_000;
/// Looks at a suspect before it counts as unsettled.
pub(super) const ROUNDS_MAX: u32 = 10;
/// Between two looks.
pub(super) const ROUND_WAIT: Duration = Duration::from_millis(300);
/// Between two looks at how far a target is.
pub(super) const TARGET_LOOK: Duration = Duration::from_millis(50);
/// How long a target may take to pass a fence, microseconds.
pub(super) const TARGET_WAIT_MAX_US: i64 = 600_000_000;

/// The running lanes, as a run needs them.
#[async_trait(?Send)]
pub trait Lanes {
    /// Waits until everything that the log holds before `lsn` is landed; the commit that holds the last of it.
    ///
    /// # Errors
    /// `Unavailable` where it is not reached in time.
    async fn landed_past(&mut self, lsn: Lsn) -> Result<CommitNumber>;

    /// Lands these rows once more, by a backfill; the commit that holds the last of it.
    ///
    /// # Errors
    /// As [`Lanes::landed_past`].
    async fn repair(&mut self, entity: &str, request: ChunkRequest) -> Result<CommitNumber>;

    /// Texts of the keys of an entity that wait in quarantine.
    ///
    /// # Errors
    /// Of landing.
    async fn waiting(&mut self, entity: &str) -> Result<BTreeSet<String>>;

    /// Told now and then what is being done.
    fn progress(&mut self, doing: String);
}

/// Compares the source with its targets.
pub struct Reconciler {
    reader: Box<dyn TableReader>,
    deriver: Deriver,
    sealer: Arc<dyn Sealer>,
    targets: Vec<Target>,
    clock: Arc<dyn Clock>,
}

/// What one entity's run knows.
struct Work<'a> {
    subject: Subject<'a>,
    request: ChunkRequest,
    repair: bool,
    waiting: BTreeSet<String>,
    /// By target; none where the target does not keep the entity.
    reports: Vec<Option<Report>>,
    suspects: BTreeSet<Key>,
}

impl Reconciler {
    /// A run's reader and targets are its own: no lane waits for it.
    pub fn new(
        reader: Box<dyn TableReader>,
        deriver: Deriver,
        sealer: Arc<dyn Sealer>,
        warehouse: Box<dyn Warehouse>,
        ledger: Option<Box<dyn Ledger>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut targets = vec![Target::Warehouse(warehouse)];
        targets.extend(ledger.map(Target::Ledger));
        Self { reader, deriver, sealer, targets, clock }
    }

    /// Compares one entity, as `request` reads it from `source`, with every target that keeps it.
    ///
    /// # Errors
    /// Of either side; `Rejected` for an entity that capture does not know.
    pub async fn entity(
        &mut self,
        lanes: &mut dyn Lanes,
        entity: &str,
        source: &str,
        request: ChunkRequest,
        repair: bool,
    ) -> Result<Vec<Report>> {
        let (deriver, sealer) = (self.deriver.clone(), self.sealer.clone());
        let registry = deriver.registry().clone();
        let at = registry.position_of(entity);
        let bound = at.and_then(|at| Some((at, registry.bound().get(at)?)));
        let (at, bound) = bound.ok_or_else(|| unknown(entity))?;
        let binding = Binding { entity: at, source: source.to_owned() };
        let subject = Subject { deriver: &deriver, sealer: sealer.as_ref(), bound, binding };
        let report = |target: &Target| Report {
            entity: entity.to_owned(),
            target: target.name().to_owned(),
            ..Report::default()
        };
        let kept = |target: &Target| target.keeps(&bound.spec).then(|| report(target));
        let mut work = Work {
            reports: self.targets.iter().map(kept).collect(),
            waiting: lanes.waiting(entity).await?,
            suspects: BTreeSet::new(),
            subject,
            request,
            repair,
        };
        self.forward(lanes, &mut work).await?;
        self.backward(lanes, &mut work).await?;
        self.settle(lanes, &mut work).await?;
        Ok(work.reports.into_iter().flatten().collect())
    }

    /// Every row of the source: do the targets show the same?
    async fn forward(&mut self, lanes: &mut dyn Lanes, work: &mut Work<'_>) -> Result<()> {
        let estimated = self.reader.estimate(&work.request).await.unwrap_or(0);
        let (mut after, mut read): (Option<Vec<String>>, u64) = (None, 0);
        loop {
            let chunk = self.reader.read(&work.request, after.as_deref(), CHUNK_ROWS).await?;
            let (told, unreadable) = work.subject.told(&chunk)?;
            read += chunk.rows.len() as u64;
            let keys: Vec<Key> = told.keys().cloned().collect();
            for (target, report) in self.targets.iter_mut().zip(&mut work.reports) {
                let Some(report) = report else { continue };
                report.source_rows += chunk.rows.len() as u64;
                report.quarantined.count += unreadable;
                let shown = target.rows(&work.subject, &keys).await?;
                let differ =
                    |key: &&Key| judge(told[*key], shown.get(*key).copied(), false).is_some();
                work.suspects.extend(keys.iter().filter(differ).cloned());
            }
            let name = &work.request.table;
            lanes.progress(format!("{name}: {read} of about {estimated} rows of the source"));
            if work.suspects.len() >= SUSPECTS_MAX {
                self.settle(lanes, work).await?;
            }
            after = chunk.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Every row of a target: does the source have it? Contents were compared on the way forward.
    async fn backward(&mut self, lanes: &mut dyn Lanes, work: &mut Work<'_>) -> Result<()> {
        for ix in 0..self.targets.len() {
            let (mut after, mut read): (Option<Key>, u64) = (None, 0);
            // Targets of which nothing is reported are not read.
            while let (Some(target), Some(Some(_))) =
                (self.targets.get_mut(ix), work.reports.get(ix))
            {
                let page = target.page(&work.subject, after.as_ref(), CHUNK_ROWS).await?;
                let target = target.name();
                let keys: Vec<Key> = page.shown.into_keys().collect();
                read += keys.len() as u64;
                let chunk = self.by_key(work, &keys).await?;
                let told = chunk.map(|chunk| work.subject.told(&chunk)).transpose()?;
                let told = told.map(|(told, _)| told).unwrap_or_default();
                work.suspects.extend(keys.into_iter().filter(|key| !told.contains_key(key)));
                if let Some(Some(report)) = work.reports.get_mut(ix) {
                    report.target_rows = read;
                    report.undelivered += page.undelivered;
                }
                let entity = &work.subject.spec().name;
                lanes.progress(format!("{entity}: {read} rows of the {target}"));
                if work.suspects.len() >= SUSPECTS_MAX {
                    self.settle(lanes, work).await?;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn by_key(&mut self, work: &Work<'_>, keys: &[Key]) -> Result<Option<Chunk>> {
        if keys.is_empty() {
            return Ok(None);
        }
        let request = keyed(work, keys)?;
        self.reader.read(&request, None, keys.len() + 1).await.map(Some)
    }

    /// Judges every suspect, and repairs what is definite.
    async fn settle(&mut self, lanes: &mut dyn Lanes, work: &mut Work<'_>) -> Result<()> {
        let mut suspects: Vec<Key> = std::mem::take(&mut work.suspects).into_iter().collect();
        while !suspects.is_empty() {
            let rest = suspects.split_off(suspects.len().min(SUSPECTS_MAX));
            let entity = work.subject.spec().name.clone();
            lanes.progress(format!("{entity}: looking again at {} rows", suspects.len()));
            let definite = self.rounds(lanes, work, suspects).await?;
            let broken: BTreeSet<Key> = definite
                .iter()
                .filter(|(_, kind)| **kind != Kind::Quarantined)
                .map(|((_, key), _)| key.clone())
                .collect();
            for ((target, key), kind) in &definite {
                if let Some(Some(report)) = work.reports.get_mut(*target) {
                    report.found(*kind).add(key);
                }
            }
            if work.repair && !broken.is_empty() {
                let keys: Vec<Key> = broken.into_iter().collect();
                lanes.progress(format!("{entity}: repairing {} rows", keys.len()));
                let commit = lanes.repair(&entity, keyed(work, &keys)?).await?;
                self.reached(commit).await?;
                let left = self.rounds_quietly(lanes, work, keys).await?;
                for ((target, key), kind) in definite {
                    let mended = kind != Kind::Quarantined && !left.contains(&(target, key));
                    if let Some(Some(report)) = work.reports.get_mut(target) {
                        report.repaired += u64::from(mended);
                    }
                }
            }
            suspects = rest;
        }
        Ok(())
    }

    /// What differs still, without a word in the report about what is unsettled.
    async fn rounds_quietly(
        &mut self,
        lanes: &mut dyn Lanes,
        work: &mut Work<'_>,
        keys: Vec<Key>,
    ) -> Result<BTreeSet<(usize, Key)>> {
        let before = work.reports.clone();
        let left = self.rounds(lanes, work, keys).await?;
        work.reports = before;
        Ok(left.into_keys().collect())
    }

    /// Looks again and again until each key is the same on both sides or the same difference was seen twice in a row.
    async fn rounds(
        &mut self,
        lanes: &mut dyn Lanes,
        work: &mut Work<'_>,
        keys: Vec<Key>,
    ) -> Result<BTreeMap<(usize, Key), Kind>> {
        type Sides = (Told, Option<Digest>);
        let mut definite = BTreeMap::new();
        let mut last: BTreeMap<(usize, Key), Sides> = BTreeMap::new();
        let mut open = keys;
        for round in 0..ROUNDS_MAX {
            let Some(chunk) = self.by_key(work, &open).await? else { return Ok(definite) };
            let (told, _) = work.subject.told(&chunk)?;
            let commit = lanes.landed_past(chunk.read_at).await?;
            self.reached(commit).await?;
            let mut differ: BTreeMap<(usize, Key), Sides> = BTreeMap::new();
            for (ix, target) in self.targets.iter_mut().enumerate() {
                let Some(Some(_)) = work.reports.get(ix) else { continue };
                let shown = target.rows(&work.subject, &open).await?;
                for key in &open {
                    let source = told.get(key).copied().unwrap_or(Told::Absent);
                    let sides = (source, shown.get(key).copied());
                    let waits = work.waiting.contains(&external_id_of(key));
                    let Some(kind) = judge(sides.0, sides.1, waits) else { continue };
                    let place = (ix, key.clone());
                    if last.get(&place) == Some(&sides) {
                        definite.insert(place, kind);
                    } else if !definite.contains_key(&place) {
                        differ.insert(place, sides);
                    }
                }
            }
            let left: BTreeSet<Key> = differ.keys().map(|(_, key)| key.clone()).collect();
            open = left.into_iter().collect();
            last = differ;
            if !open.is_empty() && round + 1 < ROUNDS_MAX {
                self.clock.sleep(ROUND_WAIT).await;
            }
        }
        for (target, key) in last.into_keys() {
            if let Some(Some(report)) = work.reports.get_mut(target) {
                report.unsettled.add(&key);
            }
        }
        Ok(definite)
    }

    /// Waits until every target has a landing commit.
    async fn reached(&mut self, commit: CommitNumber) -> Result<()> {
        let until_us = self.clock.now_us().saturating_add(TARGET_WAIT_MAX_US);
        for target in &mut self.targets {
            while target.upto().await? < commit {
                if self.clock.now_us() > until_us {
                    return Err(RuntimeError::new(
                        ErrorKind::Unavailable,
                        "reconcile",
                        format!("the {} did not reach landing commit {}", target.name(), commit.0),
                        "See in `covenant-runtime status` what holds its lane up, then run it again.",
                    ));
                }
                self.clock.sleep(TARGET_LOOK).await;
            }
        }
        Ok(())
    }
}

fn keyed(work: &Work<'_>, keys: &[Key]) -> Result<ChunkRequest> {
    let texts = keys.iter().map(|key| key_texts(work.subject.spec(), key));
    Ok(ChunkRequest { keys: texts.collect::<Result<_>>()?, ..work.request.clone() })
}

fn unknown(entity: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Rejected,
        "reconcile",
        format!("{entity} has no source that capture reads"),
        "Name an entity that is read from a table.",
    )
}
