//! A warehouse that is put back from yesterday's copy catches up from landing by itself: its own ledger says what it has.
//! Delivery does not notice: it has a ledger of its own.

use std::path::Path;

use covenant_runtime::crm::CrmValue;
use covenant_runtime::error::ErrorKind;
use covenant_runtime::landing::CommitNumber;
use covenant_runtime::landing::manifest::commit_path;

use super::stage::{Shown, Stage, delete, insert, key_text, moved, update};

/// Copies a database file, with its log where it has one.
fn copy(from: &Path, to: &Path) {
    for suffix in ["", ".wal", "-wal", "-shm"] {
        let side = |path: &Path| format!("{}{suffix}", path.display());
        let _ = std::fs::remove_file(side(to));
        if Path::new(&side(from)).exists() {
            std::fs::copy(side(from), side(to)).unwrap();
        }
    }
}

/// A day of changes over the copy's: new rows, changed ones, a deletion, a row that moved, and one that was deleted yesterday
/// is told of by nobody.
async fn today(stage: &mut Stage) -> Shown {
    let mut running = stage.open().await.unwrap();
    let entity = stage.entity().clone();
    for number in 1..=6 {
        let ops = vec![update(&entity, number, 500 + number), insert(&entity, 20 + number, 1)];
        stage.told(&mut running, ops).await;
    }
    stage.told(&mut running, vec![delete(&entity, 7), moved(&entity, 8, 98, 5)]).await;
    running.rest().await;
    let shown = running.shown(&entity).await;
    stage.close(running).await;
    shown
}

/// A stage after yesterday, with the copies that were made then.
async fn yesterday() -> (Stage, Shown) {
    let mut stage = Stage::new();
    let mut running = stage.open().await.unwrap();
    let entity = stage.entity().clone();
    for number in 1..=12 {
        stage.told(&mut running, vec![insert(&entity, number, number)]).await;
    }
    stage.told(&mut running, vec![delete(&entity, 11), delete(&entity, 12)]).await;
    running.rest().await;
    let shown = running.shown(&entity).await;
    stage.close(running).await;
    copy(&stage.warehouse_file(), &stage.file("copy.duckdb"));
    copy(&stage.file("ledger.sqlite"), &stage.file("copy.sqlite"));
    (stage, shown)
}

#[tokio::test]
async fn a_restored_warehouse_reaches_the_same_rows_and_salesforce_hears_nothing() {
    let (mut stage, yesterday) = yesterday().await;
    let entity = stage.entity().clone();
    let before = today(&mut stage).await;
    assert_ne!(before, yesterday);
    assert_eq!(before.counts.tombstones, 4, "three deletions and the key that a row has left");
    let (calls, accounts) = (stage.calls(), stage.accounts());
    assert_eq!(accounts.len() as u64, before.counts.presented + 1, "one is flagged as deleted");

    copy(&stage.file("copy.duckdb"), &stage.warehouse_file());
    let mut running = stage.open().await.unwrap();
    assert_eq!(running.shown(&entity).await, yesterday, "the copy is what was put back");
    stage.wait();
    running.rest().await;
    assert_eq!(running.shown(&entity).await, before);
    assert_eq!(running.apply.applied(), Some(stage.newest().await));
    assert_eq!((stage.calls(), stage.accounts()), (calls, accounts), "nothing was sent");
    let counts = running.deliver.counts().unwrap();
    assert!(counts.values().all(|rows| rows.waiting == 0), "{counts:?}");

    // What comes behind the restore goes everywhere, and a deleted row stays deleted.
    stage.told(&mut running, vec![update(&entity, 1, 900)]).await;
    running.rest().await;
    let after = running.shown(&entity).await;
    assert_ne!(after.rows, before.rows);
    assert_eq!(after.counts.tombstones, before.counts.tombstones);
    let one = &stage.accounts()[&key_text(1)];
    assert_eq!(one.fields.get("Loyalty_Points__c"), Some(&CrmValue::Number("900".to_owned())));
}

#[tokio::test]
async fn a_copy_that_landing_no_longer_reaches_is_refused_with_the_first_missing_commit() {
    let (mut stage, _) = yesterday().await;
    let entity = stage.entity().clone();
    let before = today(&mut stage).await;
    let newest = stage.newest().await.0;
    copy(&stage.file("copy.duckdb"), &stage.warehouse_file());
    copy(&stage.file("copy.sqlite"), &stage.file("ledger.sqlite"));
    // Retention has removed the front of landing, three commits beyond the copy.
    let mut running = stage.open().await.unwrap();
    let has = running.apply.warehouse().applied().await.unwrap().0;
    let landing = stage.file("landing");
    let away = |number: u64, back: bool| {
        let path = landing.join(commit_path(CommitNumber(number)));
        let aside = path.with_extension("away");
        let (from, to) = if back { (aside, path) } else { (path, aside) };
        std::fs::rename(from, to).unwrap();
    };
    (1..=has + 3).for_each(|number| away(number, false));

    let error = running.apply.step().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Gap);
    let text = error.to_string();
    let held = has + 4;
    for part in [
        format!("the warehouse has commit {has} and needs commit {} next", has + 1),
        format!("it holds {held} to {}", newest + 1),
        format!("Put the manifests {} to {}", has + 1, held - 1),
        "or take a copy of the warehouse".to_owned(),
    ] {
        assert!(text.contains(&part), "`{part}` is missing in: {text}");
    }
    // It does not take the later commits instead, however often it tries.
    assert_eq!(running.apply.step().await.unwrap_err().kind, ErrorKind::Gap);
    assert_eq!(running.apply.warehouse().applied().await.unwrap(), CommitNumber(has));
    let error = running.deliver.step().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Gap);
    assert!(error.to_string().contains("the delivery ledger has commit"), "{error}");

    // The advice works.
    (1..=has + 3).for_each(|number| away(number, true));
    running.rest().await;
    assert_eq!(running.shown(&entity).await, before);
}

#[tokio::test]
async fn a_warehouse_that_is_ahead_of_landing_is_refused() {
    let (mut stage, _) = yesterday().await;
    today(&mut stage).await;
    let landing = stage.file("landing");
    let newest = stage.newest().await;
    std::fs::remove_file(landing.join(commit_path(newest))).unwrap();
    std::fs::remove_file(landing.join(commit_path(CommitNumber(newest.0 - 1)))).unwrap();
    // Another process, which has not seen the newest number before.
    let fresh = covenant_runtime::landing::objects::ObjectLanding::local(&landing).unwrap();
    stage.landing = std::sync::Arc::new(fresh);
    let mut running = stage.open().await.unwrap();
    let error = running.apply.step().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Gap);
    assert!(error.to_string().contains("landing ends at"), "{error}");
}
