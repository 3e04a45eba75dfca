//! Landing in memory: the semantics of [`super::objects`] without a disk, with faults to order. For simulations and tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use covenant_model::change::Change;
use covenant_model::spec::EntitySpec;

use super::manifest::{self, sha256};
use super::objects::{
    corrupt, data_file, quarantine_file, quarantine_lines, read_quarantine_lines,
};
use super::{
    CommitNumber, CommitRefused, DataFile, Epoch, Landing, LandingCommit, QuarantineFile,
    Quarantined,
};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::fault::{Fault, Faults, NoFaults};

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Vec<u8>>,
    epochs: u64,
}

/// Landing in memory. Clones share the content: a clone is what another process sees.
#[derive(Clone)]
pub struct MemoryLanding {
    inner: Arc<Mutex<Inner>>,
    faults: Arc<dyn Faults>,
}

impl Default for MemoryLanding {
    fn default() -> Self {
        Self::with_faults(Arc::new(NoFaults))
    }
}

impl MemoryLanding {
    /// Empty, without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty. Operations are called `landing.take_epoch`, `landing.newest`, `landing.commit_at`, `landing.put_changes`,
    /// `landing.put_quarantine`, `landing.commit`, `landing.changes` and `landing.quarantined`.
    pub fn with_faults(faults: Arc<dyn Faults>) -> Self {
        Self { inner: Arc::default(), faults }
    }

    /// The same content under other faults.
    pub fn under(&self, faults: Arc<dyn Faults>) -> Self {
        Self { inner: self.inner.clone(), faults }
    }

    /// Every stored object by path: what an intruder with access to the storage would see.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.lock().objects.clone()
    }

    /// Replaces the bytes of an object: torn and tampered files.
    pub fn overwrite(&self, path: &str, bytes: Vec<u8>) {
        self.lock().objects.insert(path.to_owned(), bytes);
    }

    /// Removes an object: what retention does.
    pub fn remove(&self, path: &str) {
        self.lock().objects.remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves whole objects behind: nothing is half done under this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `act` under the fate that the faults choose.
    fn run<T>(
        &self,
        op: &str,
        act: impl FnOnce(&mut BTreeMap<String, Vec<u8>>, &mut u64) -> Result<T>,
    ) -> Result<T> {
        let fault = self.faults.at(op);
        if fault == Fault::Refused {
            return Err(unavailable(op, "was refused"));
        }
        let mut inner = self.lock();
        let Inner { objects, epochs } = &mut *inner;
        let result = act(objects, epochs);
        match fault {
            Fault::ReplyLost => Err(unavailable(op, "got no reply")),
            Fault::None | Fault::Refused => result,
        }
    }

    fn checked(&self, op: &str, path: &str, digest: &str) -> Result<Vec<u8>> {
        self.run(op, |objects, _| match objects.get(path) {
            None => Err(corrupt(path, "is missing, although a manifest names it")),
            Some(bytes) if sha256(bytes) != digest => {
                Err(corrupt(path, "does not have the digest that its manifest says"))
            }
            Some(bytes) => Ok(bytes.clone()),
        })
    }
}

fn unavailable(op: &str, what: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Unavailable,
        "landing (in memory)",
        format!("{op} {what}, as the test ordered"),
        "It is tried again.",
    )
}

#[async_trait]
impl Landing for MemoryLanding {
    async fn take_epoch(&self) -> Result<Epoch> {
        self.run("landing.take_epoch", |_, epochs| {
            *epochs += 1;
            Ok(Epoch(*epochs))
        })
    }

    async fn newest(&self) -> Result<Option<LandingCommit>> {
        self.run("landing.newest", |objects, _| {
            // '0' is the character behind '/': the range is the folder.
            let commits = objects.range("commits/".to_owned().."commits0".to_owned());
            commits
                .last()
                .and_then(|(path, bytes)| manifest::number_in(path).map(|number| (number, bytes)))
                .map(|(number, bytes)| manifest::decode(CommitNumber(number), bytes))
                .transpose()
        })
    }

    async fn commit_at(&self, number: CommitNumber) -> Result<Option<LandingCommit>> {
        self.run("landing.commit_at", |objects, _| {
            let bytes = objects.get(&manifest::commit_path(number));
            bytes.map(|bytes| manifest::decode(number, bytes)).transpose()
        })
    }

    async fn digest_at(&self, number: CommitNumber) -> Result<Option<String>> {
        self.run("landing.commit_at", |objects, _| {
            Ok(objects.get(&manifest::commit_path(number)).map(|bytes| sha256(bytes)))
        })
    }

    async fn put_changes(&self, entity: &EntitySpec, changes: &[Change]) -> Result<DataFile> {
        let bytes = serde_json::to_vec(changes)
            .map_err(|error| corrupt(&entity.name, &format!("cannot be written: {error}")))?;
        let file = data_file(entity, changes, sha256(&bytes), bytes.len(), "json");
        self.run("landing.put_changes", |objects, _| {
            objects.entry(file.path.clone()).or_insert(bytes);
            Ok(file)
        })
    }

    async fn put_quarantine(&self, records: &[Quarantined]) -> Result<QuarantineFile> {
        let bytes = quarantine_lines(records)?;
        let file = quarantine_file(records, &bytes);
        self.run("landing.put_quarantine", |objects, _| {
            objects.entry(file.path.clone()).or_insert(bytes);
            Ok(file)
        })
    }

    async fn commit(&self, commit: &LandingCommit) -> Result<(), CommitRefused> {
        let path = manifest::commit_path(commit.number);
        let bytes = manifest::encode(commit).map_err(CommitRefused::Unknown)?;
        let put = self.run("landing.commit", |objects, _| {
            if objects.contains_key(&path) {
                return Ok(false);
            }
            objects.insert(path.clone(), bytes);
            Ok(true)
        });
        match put {
            Ok(true) => Ok(()),
            Ok(false) => Err(CommitRefused::Taken),
            Err(error) => Err(CommitRefused::Unknown(error)),
        }
    }

    async fn changes(&self, entity: &EntitySpec, file: &DataFile) -> Result<Vec<Change>> {
        let bytes = self.checked("landing.changes", &file.path, &file.sha256)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| corrupt(&entity.name, &format!("cannot be read: {error}")))
    }

    async fn quarantined(&self, file: &QuarantineFile) -> Result<Vec<Quarantined>> {
        let bytes = self.checked("landing.quarantined", &file.path, &file.sha256)?;
        read_quarantine_lines(&file.path, &bytes)
    }

    fn local_path(&self, _: &DataFile) -> Option<PathBuf> {
        None
    }
}
