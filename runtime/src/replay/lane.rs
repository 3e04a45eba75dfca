//! Reads landing in portions and hands them out. A state machine of one owner: [`ReplayLane::step`] reads at most one portion;
//! what it has handed out counts as landed, and where landing fails the owner starts over with a new lane.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use covenant_model::change::Change;
use covenant_model::floor::Floor;

use super::job::ReplayJob;
use crate::backfill::lane::Gate;
use crate::capture::derive::Deriver;
use crate::capture::rederive::Again;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::{CommitNumber, DataFile, Landing, LandingCommit, SourcePosition, reach};

/// Changes at which a portion ends; one commit may exceed it.
pub const PORTION_ROWS: u64 = 20_000;
/// Landing commits of one portion: idle ones are read and hold nothing.
pub const PORTION_COMMITS: u64 = 256;

/// Where a portion ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortionLimits {
    /// Changes.
    pub rows: u64,
    /// Landing commits.
    pub commits: u64,
}

impl Default for PortionLimits {
    fn default() -> Self {
        Self { rows: PORTION_ROWS, commits: PORTION_COMMITS }
    }
}

/// Landed changes once more: what one commit of a replay holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Portion {
    /// Name of the job.
    pub job: String,
    /// The job's position behind this portion.
    pub position: SourcePosition,
    /// The last commit in it.
    pub upto: CommitNumber,
    /// Data files that are landed once more as they are.
    pub files: Vec<DataFile>,
    /// Floors of the portion's commits, once more.
    pub floors: Vec<Floor>,
    /// Entity index and change: what was derived again.
    pub changes: Vec<(usize, Change)>,
    /// Changes of this portion that the contract of today refuses: their old results stand.
    pub refused: u64,
    /// One of the reasons, without values.
    pub refusal: Option<String>,
    /// Changes of the job so far.
    pub rows_total: u64,
    /// Whether the job has reached its end.
    pub done: bool,
}

struct Active {
    job: ReplayJob,
    next: CommitNumber,
    rows: u64,
}

/// The lane.
pub struct ReplayLane {
    landing: Arc<dyn Landing>,
    deriver: Deriver,
    gate: Arc<dyn Gate>,
    jobs: VecDeque<Active>,
    /// The job that was given up last.
    given_up: Option<String>,
    limits: PortionLimits,
}

impl ReplayLane {
    /// A lane without jobs. `deriver` stamps the revisions in force.
    pub fn new(
        landing: Arc<dyn Landing>,
        deriver: Deriver,
        gate: Arc<dyn Gate>,
        limits: PortionLimits,
    ) -> Self {
        Self { landing, deriver, gate, jobs: VecDeque::new(), given_up: None, limits }
    }

    /// Takes a job over where it stands. One that is under way goes on.
    pub fn resume(&mut self, job: ReplayJob, position: Option<&SourcePosition>) {
        if self.jobs.iter().any(|active| active.job.id == job.id) {
            return;
        }
        let (next, rows) = job.resumed(position);
        self.jobs.push_back(Active { job, next, rows });
    }

    /// Whether there is no job.
    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The job that was given up since this was asked last.
    pub fn given_up(&mut self) -> Option<String> {
        self.given_up.take()
    }

    /// Reads the next portion; none where nothing is to do, or the gate is closed.
    ///
    /// # Errors
    /// Those of landing and keys: the same portion is read by the next step. `Gap` where landing no longer holds a commit: its
    /// job is given up for this process.
    pub async fn step(&mut self) -> Result<Option<Portion>> {
        if !self.gate.may_run() {
            return Ok(None);
        }
        let Some(active) = self.jobs.front() else { return Ok(None) };
        let (job, rows) = (active.job.clone(), active.rows);
        let read = match self.read(&job, active.next).await {
            Ok(read) => read,
            Err(error) => {
                if error.kind == ErrorKind::Gap {
                    self.given_up = self.jobs.pop_front().map(|active| active.job.id);
                }
                return Err(error);
            }
        };
        let (files, found) = if job.rederive {
            (Vec::new(), self.derived(&job, &read.commits).await?)
        } else {
            (again(&job, &read.commits), Found::default())
        };
        let landed = found.changes.len() as u64 + files.iter().map(|file| file.rows).sum::<u64>();
        let (rows_total, done) = (rows + landed, read.upto >= job.to);
        let floors = if job.rederive { Vec::new() } else { floors(&job, &read.commits) };
        let portion = Portion {
            position: job.position(Some(read.upto), rows_total),
            job: job.id,
            upto: read.upto,
            files,
            floors,
            changes: found.changes,
            refused: found.refused,
            refusal: found.refusal,
            rows_total,
            done,
        };
        if done {
            self.jobs.pop_front();
        } else if let Some(active) = self.jobs.front_mut() {
            (active.next, active.rows) = (read.upto.next(), rows_total);
        }
        Ok(Some(portion))
    }

    async fn read(&self, job: &ReplayJob, from: CommitNumber) -> Result<Read> {
        let mut read = Read { commits: Vec::new(), upto: from };
        let (mut rows, mut number) = (0, from);
        while number <= job.to && number.0 - from.0 < self.limits.commits {
            let Some(commit) = self.landing.commit_at(number).await? else {
                return Err(self.missing(job, number).await?);
            };
            let wanted = commit.files.iter().filter(|file| job.wants(&file.entity));
            let more: u64 = wanted.map(|file| file.rows).sum();
            if rows > 0 && rows + more > self.limits.rows {
                break;
            }
            rows += more;
            read.upto = number;
            if more > 0 || commit.floors.iter().any(|floor| job.wants(&floor.entity)) {
                read.commits.push(commit);
            }
            number = number.next();
        }
        Ok(read)
    }

    /// Changes that are landed `again` were derived from others that are derived again themselves: only first results count,
    /// or one change could have two results of one revision.
    async fn derived(&self, job: &ReplayJob, commits: &[LandingCommit]) -> Result<Found> {
        let mut found = Found::default();
        for file in commits.iter().flat_map(|commit| &commit.files) {
            if file.again || !job.wants(&file.entity) {
                continue;
            }
            let registry = self.deriver.registry();
            let Some(at) = registry.position_of(&file.entity) else { continue };
            let Some(bound) = registry.bound().get(at) else { continue };
            for change in self.landing.changes(&bound.spec, file).await? {
                match self.deriver.landed_again(at, &change)? {
                    Again::Derived(change) => found.changes.push((at, *change)),
                    Again::Stands => {}
                    Again::Refused(why) => {
                        found.refused += 1;
                        found.refusal.get_or_insert_with(|| format!("{}: {why}", file.entity));
                    }
                }
            }
        }
        Ok(found)
    }

    async fn missing(&self, job: &ReplayJob, number: CommitNumber) -> Result<RuntimeError> {
        let newest = self.landing.newest().await?.map_or(number, |commit| commit.number);
        let held = reach::first_held(self.landing.as_ref(), number, newest).await?;
        Ok(RuntimeError::new(
            ErrorKind::Gap,
            "replay",
            format!(
                "{} needs commit {}, which landing no longer holds: it holds {} to {}",
                job.id, number.0, held.0, newest.0
            ),
            format!(
                "Put the missing manifests and their data files back into landing and start again, or replay from commit {}",
                held.0
            ),
        ))
    }
}

struct Read {
    commits: Vec<LandingCommit>,
    upto: CommitNumber,
}

#[derive(Default)]
struct Found {
    changes: Vec<(usize, Change)>,
    refused: u64,
    refusal: Option<String>,
}

/// The data files of commits, each once.
fn again(job: &ReplayJob, commits: &[LandingCommit]) -> Vec<DataFile> {
    let mut seen = BTreeSet::new();
    let files = commits.iter().flat_map(|commit| &commit.files);
    let wanted = files.filter(|file| job.wants(&file.entity) && seen.insert(file.path.clone()));
    wanted.map(|file| DataFile { committed_at_us: None, again: true, ..file.clone() }).collect()
}

fn floors(job: &ReplayJob, commits: &[LandingCommit]) -> Vec<Floor> {
    let floors = commits.iter().flat_map(|commit| &commit.floors);
    floors.filter(|floor| job.wants(&floor.entity)).cloned().collect()
}
