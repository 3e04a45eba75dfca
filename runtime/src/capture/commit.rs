//! Landing a batch: files first, then the conditional put of the manifest. A sealed batch is kept until its outcome is known, and
//! is put again with the same bytes, so that a commit whose reply was lost is recognised as our own.

use std::collections::BTreeMap;
use std::mem;

use covenant_model::position::Durable;

use super::batch::{Batch, BatchSeq};
use super::lane::{CaptureLane, overtaken};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::{
    CommitNumber, CommitRefused, DataFile, Epoch, LandingCommit, SourcePosition, manifest,
};

/// How often a start tries to shut earlier writers out before it gives up for this time.
const FENCE_ATTEMPTS: u32 = 16;

/// Whose manifest stands under a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Put {
    /// The one that we have just put, now or in an attempt whose reply was lost.
    Ours,
    /// That of another epoch.
    Taken(Epoch),
}

/// What has just become durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The landing commit.
    pub number: CommitNumber,
    /// This batch and all before it are durable.
    pub batch: BatchSeq,
    /// End position of every source and backfill job in it.
    pub positions: BTreeMap<String, SourcePosition>,
    /// Changes in it.
    pub changes: u64,
    /// Refused records in it.
    pub quarantined: u64,
}

/// A batch that takes in nothing more, with the positions that it ends at.
pub(super) struct Sealed {
    batch: Batch,
    positions: BTreeMap<String, SourcePosition>,
    /// Once its files are there.
    manifest: Option<(LandingCommit, String)>,
}

impl CaptureLane {
    /// Lands what is accepted; none where there is nothing. After an error, call again: the same batch is put again, whatever
    /// came of the first attempt, and what was accepted since waits in the next batch.
    ///
    /// # Errors
    /// `Fenced` where another writer has the number, `Storage` and `Unavailable` where putting fails. Nothing is acknowledged
    /// then.
    pub async fn commit(&mut self) -> Result<Option<Committed>> {
        if self.sealed.is_none() {
            if self.open.is_empty() && self.open.moved_at_us.is_none() {
                return Ok(None);
            }
            let next = Batch::new(BatchSeq(self.open.seq.0 + 1));
            let batch = mem::replace(&mut self.open, next);
            let positions = self.positions.clone();
            self.sealed = Some(Sealed { batch, positions, manifest: None });
        }
        let (manifest, digest) = self.prepared().await?;
        if let Put::Taken(other) = self.put(&manifest, &digest).await? {
            return Err(fenced(manifest.number, other, self.epoch));
        }
        self.finish(manifest, digest).map(Some)
    }

    /// The manifest of the sealed batch; puts its files where that has not been done.
    async fn prepared(&mut self) -> Result<(LandingCommit, String)> {
        let Some(sealed) = self.sealed.as_mut() else { return Err(nothing_sealed()) };
        if let Some(manifest) = &sealed.manifest {
            return Ok(manifest.clone());
        }
        let mut files = Vec::with_capacity(sealed.batch.changes.len());
        for (entity, changes) in &sealed.batch.changes {
            if let Some(bound) = self.deriver.registry().bound().get(*entity) {
                files.push(self.landing.put_changes(&bound.spec, changes).await?);
            }
        }
        for (entity, changes) in &sealed.batch.changes_again {
            if let Some(bound) = self.deriver.registry().bound().get(*entity) {
                let file = self.landing.put_changes(&bound.spec, changes).await?;
                files.push(DataFile { committed_at_us: None, again: true, ..file });
            }
        }
        files.extend_from_slice(&sealed.batch.files_again);
        files.sort_by(|left, right| left.entity.cmp(&right.entity));
        let quarantine = match sealed.batch.quarantined.as_slice() {
            [] => None,
            records => Some(self.landing.put_quarantine(records).await?),
        };
        let commit = LandingCommit {
            number: self.next,
            epoch: self.epoch,
            previous_sha256: self.previous_sha256.clone(),
            written_at_us: self.clock.now_us(),
            files,
            quarantine,
            positions: sealed.positions.clone(),
            resolutions: sealed.batch.resolutions.clone(),
            gaps: sealed.batch.gaps.clone(),
            floors: sealed.batch.floors.clone(),
            derivations: self.derivations.clone(),
            last_refused: self.last_refused,
        };
        let digest = manifest::digest(&commit)?;
        sealed.manifest = Some((commit.clone(), digest.clone()));
        Ok((commit, digest))
    }

    /// Commits without content, so that earlier epochs are shut out.
    pub(super) async fn fence(&mut self) -> Result<()> {
        for _ in 0..FENCE_ATTEMPTS {
            if let Some(newest) = self.landing.newest().await? {
                self.resume(newest).await?;
            }
            let fence = LandingCommit {
                number: self.next,
                epoch: self.epoch,
                previous_sha256: self.previous_sha256.clone(),
                written_at_us: self.clock.now_us(),
                files: Vec::new(),
                quarantine: None,
                positions: self.positions.clone(),
                resolutions: Vec::new(),
                gaps: Vec::new(),
                floors: Vec::new(),
                derivations: self.derivations.clone(),
                last_refused: self.last_refused,
            };
            let digest = manifest::digest(&fence)?;
            if self.put(&fence, &digest).await? == Put::Ours {
                self.previous_sha256 = digest;
                self.next = fence.number.next();
                return Ok(());
            }
        }
        Err(RuntimeError::new(
            ErrorKind::Unavailable,
            "landing",
            format!("another writer took the next commit {FENCE_ATTEMPTS} times in a row"),
            "It is tried again. Where it stays: find the other instance and stop it.",
        ))
    }

    /// Puts the manifest, or finds that it has been put.
    async fn put(&self, commit: &LandingCommit, digest: &str) -> Result<Put> {
        let unknown = match self.landing.commit(commit).await {
            Ok(()) => return Ok(Put::Ours),
            Err(CommitRefused::Taken) => None,
            Err(CommitRefused::Unknown(error)) => Some(error),
        };
        match self.landing.digest_at(commit.number).await? {
            Some(stored) if stored == digest => Ok(Put::Ours),
            Some(_) => {
                let other = self.landing.commit_at(commit.number).await?;
                Ok(Put::Taken(other.map_or(Epoch(0), |commit| commit.epoch)))
            }
            None => Err(unknown.unwrap_or_else(|| {
                let what = format!("commit {} is taken and cannot be read", commit.number.0);
                RuntimeError::new(ErrorKind::Unavailable, "landing", what, "It is tried again.")
            })),
        }
    }

    fn finish(&mut self, commit: LandingCommit, digest: String) -> Result<Committed> {
        let Some(sealed) = self.sealed.take() else { return Err(nothing_sealed()) };
        for (name, position) in &commit.positions {
            if let (SourcePosition::Postgres { lsn, .. }, Some(progress)) =
                (position, self.progress.get_mut(name))
            {
                progress.persist(Durable(*lsn)).map_err(|error| overtaken(&error))?;
            }
        }
        self.previous_sha256 = digest;
        self.next = commit.number.next();
        if commit.quarantine.is_some() {
            self.last_refused = Some(commit.number);
        }
        self.durable = sealed.batch.seq;
        self.stats.add(&sealed.batch.stats);
        Ok(Committed {
            number: commit.number,
            batch: sealed.batch.seq,
            changes: commit.files.iter().map(|file| file.rows).sum(),
            quarantined: commit.quarantine.as_ref().map_or(0, |file| file.records),
            positions: commit.positions,
        })
    }
}

pub(super) fn fenced(number: CommitNumber, other: Epoch, own: Epoch) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Fenced,
        "landing",
        format!("commit {} belongs to epoch {}, this is epoch {}", number.0, other.0, own.0),
        "Another instance has taken over; this one stops. Nothing of it is lost: the other reads from the last commit.",
    )
}

fn nothing_sealed() -> RuntimeError {
    RuntimeError::new(ErrorKind::Bug, "capture", "no batch is sealed", "Please report it.")
}
