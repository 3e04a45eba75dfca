//! What the ledger's and the lane's tests share: a marking sealer, random changes of a few rows, and a landing in memory.
#![allow(dead_code, unreachable_pub)]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use covenant_model::change::{Change, Key};
use covenant_model::join::{Existence, GroupState, RowState};
use covenant_model::spec::EntitySpec;
use covenant_model::value::Value;
use covenant_model::version::{Guard, Incarnation, Lsn, Position, Revision, Version};
use covenant_runtime::error::{ErrorKind, Result, RuntimeError};
use covenant_runtime::landing::{
    CommitNumber, CommitRefused, DataFile, Epoch, Landing, LandingCommit, QuarantineFile,
    Quarantined,
};
use covenant_runtime::ledger::{Digest, Sealer};

pub mod spec;

/// Turns bytes around, and checks the context as a real cipher would.
pub struct TestSealer;

impl Sealer for TestSealer {
    fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let turned = plain.iter().map(|byte| byte ^ 0x5a);
        Ok((context.len() as u32)
            .to_be_bytes()
            .into_iter()
            .chain(context.iter().copied())
            .chain(turned)
            .collect())
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let head = [&(context.len() as u32).to_be_bytes()[..], context].concat();
        match sealed.strip_prefix(head.as_slice()) {
            Some(turned) => Ok(turned.iter().map(|byte| byte ^ 0x5a).collect()),
            None => Err(RuntimeError::new(ErrorKind::Corrupt, "test", "other context", "")),
        }
    }

    fn digest(&self, content: &[u8]) -> Result<Digest> {
        use sha2::Digest as _;
        Ok(sha2::Sha256::digest(content).into())
    }
}

pub fn version(at: u64) -> Version {
    Version::new(Incarnation::FIRST, Position::streamed(Lsn(at), 1), Revision(0))
}

/// A change of a row of three groups: `latest`, `ranked`, `max`.
pub fn change(
    key: Key,
    at: u64,
    alive: Option<bool>,
    groups: [Option<(Guard, Value)>; 3],
    moved_from: Option<Key>,
) -> Change {
    let guard = Guard::latest(version(at));
    Change {
        key,
        source: "store".to_owned(),
        version: version(at),
        committed_at_us: at as i64 * 1_000_000,
        moved_from,
        state: RowState {
            existence: alive.map(|alive| Existence { guard, alive }),
            groups: groups
                .into_iter()
                .map(|group| group.map(|(guard, value)| GroupState { guard, values: vec![value] }))
                .collect(),
        },
    }
}

/// A landing that only reads back what a test put in: commits of changes by entity.
#[derive(Default)]
pub struct TestLanding {
    commits: Mutex<Vec<(LandingCommit, Vec<Arc<Vec<Change>>>)>>,
}

impl TestLanding {
    pub fn push(&self, by_entity: &[(&str, Vec<Change>)]) {
        let mut commits = self.commits.lock().unwrap();
        let number = CommitNumber(commits.len() as u64 + 1);
        let file = |(at, (entity, changes)): (usize, &(&str, Vec<Change>))| DataFile {
            entity: (*entity).to_owned(),
            contract_hash: String::new(),
            path: format!("{}/{at}", number.0),
            rows: changes.len() as u64,
            bytes: 0,
            sha256: String::new(),
            committed_at_min_us: changes.iter().map(|c| c.committed_at_us).min().unwrap_or(0),
            committed_at_max_us: changes.iter().map(|c| c.committed_at_us).max().unwrap_or(0),
        };
        let commit = LandingCommit {
            number,
            epoch: Epoch(1),
            previous_sha256: String::new(),
            written_at_us: 0,
            files: by_entity.iter().enumerate().map(file).collect(),
            quarantine: None,
            positions: Default::default(),
            resolutions: Vec::new(),
        };
        let changes = by_entity.iter().map(|(_, changes)| Arc::new(changes.clone())).collect();
        commits.push((commit, changes));
    }

    pub fn all(&self) -> Vec<LandingCommit> {
        self.commits.lock().unwrap().iter().map(|(commit, _)| commit.clone()).collect()
    }
}

#[async_trait]
impl Landing for TestLanding {
    async fn take_epoch(&self) -> Result<Epoch> {
        Ok(Epoch(1))
    }
    async fn newest(&self) -> Result<Option<LandingCommit>> {
        Ok(self.all().pop())
    }
    async fn commit_at(&self, number: CommitNumber) -> Result<Option<LandingCommit>> {
        Ok(self.all().get(number.0 as usize - 1).cloned())
    }
    async fn digest_at(&self, _: CommitNumber) -> Result<Option<String>> {
        unreachable!("these tests do not capture")
    }
    async fn put_changes(&self, _: &EntitySpec, _: &[Change]) -> Result<DataFile> {
        unreachable!("these tests do not capture")
    }
    async fn put_quarantine(&self, _: &[Quarantined]) -> Result<QuarantineFile> {
        unreachable!("these tests do not capture")
    }
    async fn commit(&self, _: &LandingCommit) -> std::result::Result<(), CommitRefused> {
        unreachable!("these tests do not capture")
    }
    async fn changes(&self, _: &EntitySpec, file: &DataFile) -> Result<Vec<Change>> {
        let (commit, at) = file.path.split_once('/').unwrap();
        let commits = self.commits.lock().unwrap();
        let (_, changes) = &commits[commit.parse::<usize>().unwrap() - 1];
        Ok(changes[at.parse::<usize>().unwrap()].to_vec())
    }
    async fn quarantined(&self, _: &QuarantineFile) -> Result<Vec<Quarantined>> {
        Ok(Vec::new())
    }
    fn local_path(&self, _: &DataFile) -> Option<std::path::PathBuf> {
        None
    }
}
