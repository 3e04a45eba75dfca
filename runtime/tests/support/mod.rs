//! What the ledger's and the lane's tests share: a marking sealer, random changes of a few rows, and a landing in memory.
#![allow(dead_code, unreachable_pub)]

use covenant_model::change::{Change, Key};
use covenant_model::floor::Floor;
use covenant_model::join::{Existence, GroupState, RowState};
use covenant_model::spec::EntitySpec;
use covenant_model::value::Value;
use covenant_model::version::{Guard, Incarnation, Lsn, Position, Revision, Version};
use covenant_runtime::error::{ErrorKind, Result, RuntimeError};
use covenant_runtime::landing::{CommitNumber, Epoch, Landing, LandingCommit};
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

/// Lands one commit of changes.
pub async fn land(landing: &dyn Landing, by_entity: &[(&EntitySpec, Vec<Change>)]) {
    land_with(landing, by_entity, Vec::new()).await;
}

/// A TRUNCATE of an entity's table.
pub fn floor(entity: &str, place: u64) -> Floor {
    Floor {
        entity: entity.to_owned(),
        source: "store".to_owned(),
        version: version(place),
        committed_at_us: place as i64 * 1_000_000,
    }
}

/// Lands one commit of changes and TRUNCATEs.
pub async fn land_with(
    landing: &dyn Landing,
    by_entity: &[(&EntitySpec, Vec<Change>)],
    floors: Vec<Floor>,
) {
    let newest = landing.newest().await.unwrap();
    let number = newest.map_or(CommitNumber(1), |commit| commit.number.next());
    let mut files = Vec::new();
    for (entity, changes) in by_entity {
        if !changes.is_empty() {
            files.push(landing.put_changes(entity, changes).await.unwrap());
        }
    }
    let previous = landing.digest_at(CommitNumber(number.0 - 1)).await.unwrap();
    let commit = LandingCommit {
        number,
        epoch: Epoch(1),
        previous_sha256: previous.unwrap_or_default(),
        written_at_us: 0,
        files,
        quarantine: None,
        positions: Default::default(),
        resolutions: Vec::new(),
        gaps: Vec::new(),
        floors,
        derivations: Default::default(),
        last_refused: None,
    };
    landing.commit(&commit).await.unwrap();
}
