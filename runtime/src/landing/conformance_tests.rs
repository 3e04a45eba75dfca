//! What every landing must do, run against each implementation.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use covenant_model::change::{Change, Key};
use covenant_model::join::RowState;
use covenant_model::record::Violation;
use covenant_model::value::Value;
use covenant_model::version::{Incarnation, Version};

use super::memory::MemoryLanding;
use super::objects::ObjectLanding;
use super::*;
use crate::error::ErrorKind;
use crate::fault::{Fault, Faults};
use crate::testing;

/// Runs a test against every implementation. The second landing sees the same content, as another process does.
async fn on_each<F, Fut>(test: F)
where
    F: Fn(Arc<dyn Landing>, Arc<dyn Landing>) -> Fut,
    Fut: Future<Output = ()>,
{
    let memory = MemoryLanding::new();
    test(Arc::new(memory.clone()), Arc::new(memory)).await;
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(ObjectLanding::local(folder.path()).unwrap());
    test(open(), open()).await;
    let store = Arc::new(object_store::memory::InMemory::new());
    let open = || Arc::new(ObjectLanding::new(store.clone()));
    test(open(), open()).await;
}

fn commit(number: u64, epoch: u64) -> LandingCommit {
    let position = SourcePosition::Stream { incarnation: Incarnation::FIRST, events: number };
    LandingCommit {
        number: CommitNumber(number),
        epoch: Epoch(epoch),
        previous_sha256: String::new(),
        written_at_us: 0,
        files: Vec::new(),
        quarantine: None,
        positions: BTreeMap::from([("events".to_owned(), position)]),
        resolutions: Vec::new(),
        gaps: Vec::new(),
        floors: Vec::new(),
        derivations: Default::default(),
        last_refused: None,
    }
}

fn change(key: u128) -> Change {
    Change {
        key: Key(vec![Value::Uuid(key)]),
        source: "store".to_owned(),
        version: Version::from_packed(key).unwrap(),
        committed_at_us: i64::try_from(key).unwrap(),
        moved_from: None,
        state: RowState::empty(testing::order().groups.len()),
    }
}

fn refused(id: &str) -> Quarantined {
    Quarantined {
        id: id.to_owned(),
        entity: "shop.order".to_owned(),
        source: "store".to_owned(),
        key: None,
        position: "0/1#1".to_owned(),
        committed_at_us: 0,
        reasons: vec![Violation {
            field: None,
            rule: "malformed".to_owned(),
            message: "a JSON object was expected".to_owned(),
        }],
        payload: "v1|k|n|c".to_owned(),
    }
}

#[tokio::test]
async fn a_number_is_taken_once() {
    on_each(|one, other| async move {
        assert_eq!(one.newest().await.unwrap(), None);
        one.commit(&commit(1, 1)).await.unwrap();
        let again = other.commit(&commit(1, 2)).await;
        assert!(matches!(again, Err(CommitRefused::Taken)), "{again:?}");
        assert_eq!(other.commit_at(CommitNumber(1)).await.unwrap(), Some(commit(1, 1)));
        other.commit(&commit(2, 2)).await.unwrap();
        assert_eq!(one.newest().await.unwrap(), Some(commit(2, 2)));
        assert_eq!(one.commit_at(CommitNumber(3)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_digest_is_that_of_the_stored_bytes() {
    on_each(|one, other| async move {
        one.commit(&commit(1, 1)).await.unwrap();
        let digest = other.digest_at(CommitNumber(1)).await.unwrap();
        assert_eq!(digest, Some(manifest::digest(&commit(1, 1)).unwrap()));
        assert_eq!(other.digest_at(CommitNumber(2)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn every_epoch_is_taken_once_and_rises() {
    on_each(|one, other| async move {
        let mut taken = Vec::new();
        for _ in 0..3 {
            taken.push(one.take_epoch().await.unwrap());
            taken.push(other.take_epoch().await.unwrap());
        }
        let (left, right) = tokio::join!(one.take_epoch(), other.take_epoch());
        taken.extend([left.unwrap(), right.unwrap()]);
        assert!(taken[..6].windows(2).all(|pair| pair[0] < pair[1]), "{taken:?}");
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 8);
    })
    .await;
}

#[tokio::test]
async fn changes_are_read_back_and_a_repeated_put_is_the_same_file() {
    on_each(|one, other| async move {
        let entity = testing::order();
        let changes = [change(3), change(1)];
        let file = one.put_changes(&entity, &changes).await.unwrap();
        assert_eq!(other.put_changes(&entity, &changes).await.unwrap(), file);
        assert_eq!((file.rows, file.committed_at_us), (2, Some((1, 3))));
        assert_eq!(other.changes(&entity, &file).await.unwrap(), changes);
    })
    .await;
}

#[tokio::test]
async fn bytes_that_are_not_those_of_the_manifest_are_corrupt() {
    on_each(|one, other| async move {
        let entity = testing::order();
        let mut file = one.put_changes(&entity, &[change(1)]).await.unwrap();
        file.sha256 = "0".repeat(64);
        assert_eq!(other.changes(&entity, &file).await.unwrap_err().kind, ErrorKind::Corrupt);
        file.path = "data/shop.order/absent".to_owned();
        assert_eq!(other.changes(&entity, &file).await.unwrap_err().kind, ErrorKind::Corrupt);
    })
    .await;
}

#[tokio::test]
async fn quarantined_records_are_read_back() {
    on_each(|one, other| async move {
        let records = [refused("a"), refused("b")];
        let file = one.put_quarantine(&records).await.unwrap();
        assert_eq!(one.put_quarantine(&records).await.unwrap(), file);
        assert_eq!(file.by_entity, BTreeMap::from([("shop.order".to_owned(), 2)]));
        assert_eq!(other.quarantined(&file).await.unwrap(), records);
    })
    .await;
}

#[tokio::test]
async fn a_file_that_was_tampered_with_on_disk_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let landing = ObjectLanding::local(folder.path()).unwrap();
    let entity = testing::order();
    let file = landing.put_changes(&entity, &[change(1)]).await.unwrap();
    let path = landing.local_path(&file).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.pop();
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(landing.changes(&entity, &file).await.unwrap_err().kind, ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_torn_manifest_is_corrupt_and_never_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let landing = ObjectLanding::local(folder.path()).unwrap();
    landing.commit(&commit(1, 1)).await.unwrap();
    landing.commit(&commit(2, 1)).await.unwrap();
    std::fs::write(folder.path().join(manifest::commit_path(CommitNumber(2))), "{").unwrap();
    assert_eq!(landing.newest().await.unwrap_err().kind, ErrorKind::Corrupt);
}

#[tokio::test]
async fn what_an_interrupted_upload_leaves_behind_is_no_commit() {
    let folder = tempfile::tempdir().unwrap();
    let landing = ObjectLanding::local(folder.path()).unwrap();
    landing.commit(&commit(1, 1)).await.unwrap();
    let staged = format!("{}#1", manifest::commit_path(CommitNumber(2)));
    std::fs::write(folder.path().join(staged), "{").unwrap();
    let fresh = ObjectLanding::local(folder.path()).unwrap();
    assert_eq!(fresh.newest().await.unwrap(), Some(commit(1, 1)));
}

struct Ordered;

impl Faults for Ordered {
    fn at(&self, operation: &str) -> Fault {
        match operation {
            "landing.commit" => Fault::ReplyLost,
            "landing.put_changes" => Fault::Refused,
            _ => Fault::None,
        }
    }
}

#[tokio::test]
async fn ordered_faults_have_the_effect_they_say() {
    let landing = MemoryLanding::with_faults(Arc::new(Ordered));
    let outcome = landing.commit(&commit(1, 1)).await;
    assert!(matches!(outcome, Err(CommitRefused::Unknown(_))));
    assert_eq!(landing.newest().await.unwrap(), Some(commit(1, 1)));
    assert!(landing.put_changes(&testing::order(), &[change(1)]).await.is_err());
    assert_eq!(landing.objects().len(), 1);
}
