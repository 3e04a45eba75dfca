//! Landing on an object store: S3 in production, a local folder in the sandbox. Both have the one operation that counts, a put
//! that fails where the object exists.
//!
//! ```text
//! commits/00000000000000000001.json   manifests: the commit
//! epochs/00000000000000000001.json    fencing tokens that were taken
//! data/<entity>/<sha256>.parquet      changes, named by their content
//! quarantine/<sha256>.jsonl           refused records, payloads encrypted
//! ```

use std::collections::BTreeMap;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use covenant_model::change::Change;
use covenant_model::spec::EntitySpec;
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use super::manifest::{self, COMMITS, DATA, EPOCHS, QUARANTINE, sha256};
use super::{
    CommitNumber, CommitRefused, DataFile, Epoch, Landing, LandingCommit, QuarantineFile,
    Quarantined, parquet,
};
use crate::error::{ErrorKind, Result, RuntimeError};

/// Landing on an object store.
pub struct ObjectLanding {
    store: Arc<dyn ObjectStore>,
    /// Where the store is a local folder.
    root: Option<PathBuf>,
    /// The highest manifest number that is known to exist: `newest` looks on from here instead of listing again.
    known: AtomicU64,
}

impl ObjectLanding {
    /// A local folder; it is made where it does not exist. Every put is synced to disk.
    ///
    /// # Errors
    /// `Storage` where the folder cannot be made or read.
    pub fn local(root: &FsPath) -> Result<Self> {
        let storage = |error: &dyn std::fmt::Display| {
            RuntimeError::new(
                ErrorKind::Storage,
                "landing",
                format!("the folder {} cannot be used: {error}", root.display()),
                "Check that it exists, is writable, and that the disk is not full.",
            )
        };
        std::fs::create_dir_all(root).map_err(|error| storage(&error))?;
        let root = root.canonicalize().map_err(|error| storage(&error))?;
        let store = LocalFileSystem::new_with_prefix(&root).map_err(|error| storage(&error))?;
        let store = Arc::new(store.with_fsync(true));
        Ok(Self { store, root: Some(root), known: AtomicU64::new(0) })
    }

    /// Any store with a conditional put (S3, GCS, Azure, memory); its prefix is the landing's root.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, root: None, known: AtomicU64::new(0) }
    }

    async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let read = async { self.store.get(&Path::from(path)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("read", path, &error)),
        }
    }

    /// Bytes that a manifest speaks of: they must be there and have the digest that it says.
    async fn get_checked(&self, path: &str, expected: &str) -> Result<Bytes> {
        let Some(bytes) = self.get(path).await? else {
            return Err(corrupt(path, "is missing, although a manifest names it"));
        };
        if sha256(&bytes) != expected {
            return Err(corrupt(path, "does not have the digest that its manifest says"));
        }
        Ok(bytes)
    }

    /// Puts an object that is named by its content: one that is there already is the same.
    async fn put_content(&self, path: &str, bytes: Vec<u8>) -> Result<()> {
        match self.put_new(path, bytes).await {
            Ok(()) | Err(StoreError::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(failed("written", path, &error)),
        }
    }

    async fn put_new(&self, path: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.store.put_opts(&Path::from(path), bytes.into(), options).await.map(|_| ())
    }

    /// The highest number below a folder; 0: none.
    async fn highest(&self, folder: &str) -> Result<u64> {
        let mut listed = self.store.list(Some(&Path::from(folder)));
        let mut highest = 0;
        let fail = |error: StoreError| failed("listed", folder, &error);
        while let Some(object) = listed.try_next().await.map_err(fail)? {
            let number = manifest::number_in(object.location.as_ref()).unwrap_or(0);
            highest = highest.max(number);
        }
        Ok(highest)
    }
}

#[async_trait]
impl Landing for ObjectLanding {
    async fn take_epoch(&self) -> Result<Epoch> {
        let mut epoch = Epoch(self.highest(EPOCHS).await? + 1);
        loop {
            let path = manifest::epoch_path(epoch);
            match self.put_new(&path, b"{}".to_vec()).await {
                Ok(()) => return Ok(epoch),
                Err(StoreError::AlreadyExists { .. }) => epoch = Epoch(epoch.0 + 1),
                Err(error) => return Err(failed("written", &path, &error)),
            }
        }
    }

    async fn newest(&self) -> Result<Option<LandingCommit>> {
        let mut number = match self.known.load(Ordering::Relaxed) {
            0 => self.highest(COMMITS).await?,
            known => known,
        };
        let mut newest = None;
        // A number that was seen is probed again, then those behind it: commits have no holes.
        while let Some(commit) = self.commit_at(CommitNumber(number.max(1))).await? {
            number = commit.number.0 + 1;
            newest = Some(commit);
        }
        Ok(newest)
    }

    async fn commit_at(&self, number: CommitNumber) -> Result<Option<LandingCommit>> {
        let Some(bytes) = self.get(&manifest::commit_path(number)).await? else { return Ok(None) };
        let commit = manifest::decode(number, &bytes)?;
        self.known.fetch_max(number.0, Ordering::Relaxed);
        Ok(Some(commit))
    }

    async fn digest_at(&self, number: CommitNumber) -> Result<Option<String>> {
        let bytes = self.get(&manifest::commit_path(number)).await?;
        Ok(bytes.map(|bytes| sha256(&bytes)))
    }

    async fn put_changes(&self, entity: &EntitySpec, changes: &[Change]) -> Result<DataFile> {
        let bytes = parquet::encode(entity, changes)?;
        let digest = sha256(&bytes);
        let file = data_file(entity, changes, digest, bytes.len(), "parquet");
        self.put_content(&file.path, bytes).await?;
        Ok(file)
    }

    async fn put_quarantine(&self, records: &[Quarantined]) -> Result<QuarantineFile> {
        let bytes = quarantine_lines(records)?;
        let file = quarantine_file(records, &bytes);
        self.put_content(&file.path, bytes).await?;
        Ok(file)
    }

    async fn commit(&self, commit: &LandingCommit) -> Result<(), CommitRefused> {
        let path = manifest::commit_path(commit.number);
        let bytes = manifest::encode(commit).map_err(CommitRefused::Unknown)?;
        match self.put_new(&path, bytes).await {
            Ok(()) => {
                self.known.fetch_max(commit.number.0, Ordering::Relaxed);
                Ok(())
            }
            Err(StoreError::AlreadyExists { .. }) => Err(CommitRefused::Taken),
            Err(error) => Err(CommitRefused::Unknown(failed("written", &path, &error))),
        }
    }

    async fn changes(&self, entity: &EntitySpec, file: &DataFile) -> Result<Vec<Change>> {
        parquet::decode(entity, self.get_checked(&file.path, &file.sha256).await?)
    }

    async fn quarantined(&self, file: &QuarantineFile) -> Result<Vec<Quarantined>> {
        let bytes = self.get_checked(&file.path, &file.sha256).await?;
        read_quarantine_lines(&file.path, &bytes)
    }

    fn local_path(&self, file: &DataFile) -> Option<PathBuf> {
        self.root.as_ref().map(|root| root.join(&file.path))
    }
}

/// What a manifest says of a data file.
pub(super) fn data_file(
    entity: &EntitySpec,
    changes: &[Change],
    sha256: String,
    bytes: usize,
    extension: &str,
) -> DataFile {
    let times = || {
        let told = changes.iter().filter(|change| !entity.tells_events(&change.source));
        told.map(|change| change.committed_at_us)
    };
    DataFile {
        entity: entity.name.clone(),
        contract_hash: entity.contract_hash.clone(),
        path: format!("{DATA}/{}/{sha256}.{extension}", entity.name),
        rows: changes.len() as u64,
        bytes: bytes as u64,
        sha256,
        committed_at_us: times().min().zip(times().max()),
        again: false,
    }
}

/// What a manifest says of a file of quarantined records.
pub(super) fn quarantine_file(records: &[Quarantined], bytes: &[u8]) -> QuarantineFile {
    let digest = sha256(bytes);
    let mut by_entity = BTreeMap::new();
    for record in records {
        *by_entity.entry(record.entity.clone()).or_insert(0) += 1;
    }
    QuarantineFile {
        path: format!("{QUARANTINE}/{digest}.jsonl"),
        records: records.len() as u64,
        sha256: digest,
        by_entity,
    }
}

/// Quarantined records as JSON lines.
pub(super) fn quarantine_lines(records: &[Quarantined]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for record in records {
        serde_json::to_writer(&mut bytes, record).map_err(|error| {
            RuntimeError::new(
                ErrorKind::Bug,
                "landing",
                format!("quarantined record {} cannot be written as JSON: {error}", record.id),
                "Nothing was landed. Please report it.",
            )
        })?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// The reverse of [`quarantine_lines`].
pub(super) fn read_quarantine_lines(path: &str, bytes: &[u8]) -> Result<Vec<Quarantined>> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            // The line itself stays out of the message: it may hold what somebody tampered with.
            serde_json::from_slice(line)
                .map_err(|error| corrupt(path, &format!("has a line that is no record: {error}")))
        })
        .collect()
}

pub(super) fn corrupt(path: &str, why: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Corrupt,
        "landing",
        format!("{path} {why}"),
        "Restore the file from a backup of the landing; the manifest says what its digest must be.",
    )
}

fn failed(what: &str, path: &str, error: &StoreError) -> RuntimeError {
    let (kind, advice) = match error {
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => (
            ErrorKind::Credentials,
            "Check the credentials of the landing and that they allow get, put and list.",
        ),
        StoreError::Generic { .. }
        | StoreError::NotFound { .. }
        | StoreError::InvalidPath { .. }
        | StoreError::JoinError { .. }
        | StoreError::NotSupported { .. }
        | StoreError::AlreadyExists { .. }
        | StoreError::Precondition { .. }
        | StoreError::NotModified { .. }
        | StoreError::NotImplemented { .. }
        | StoreError::UnknownConfigurationKey { .. }
        | _ => (
            ErrorKind::Storage,
            "It is tried again. Where it stays: check the disk's free space, or the network to the store.",
        ),
    };
    RuntimeError::new(kind, "landing", format!("{path} could not be {what}: {error}"), advice)
}
