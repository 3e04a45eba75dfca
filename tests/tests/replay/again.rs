//! Commits that are replayed: a no-op where nothing was lost, everything where a table was emptied; and by a corrected contract
//! their results win over the old ones.

use std::collections::BTreeMap;

use covenant_model::change::{Key, Protect, Site};
use covenant_model::columns::{self, ColumnPart};
use covenant_model::join::RowState;
use covenant_model::spec::EntitySpec;
use covenant_model::value::Value;
use covenant_model::version::{Guard, Revision, Version};
use covenant_runtime::error::ErrorKind;
use covenant_runtime::ledger::Ledger;
use covenant_runtime::ledger::sqlite::SqliteLedger;
use covenant_runtime::replay::{ReplayJob, ReplayRequest};

use super::stage::{CUSTOMER, Shown, Stage, delete, insert, moved, update};

/// A class that no contract of Acme has: under it, tokens join with nobody's.
const WRONG_CLASS: &str = "misnamed";

fn from_the_first(rederive: bool) -> ReplayRequest {
    ReplayRequest { from: 1, entity: Some(CUSTOMER.to_owned()), rederive, ..Default::default() }
}

/// Some rows: changed, deleted, moved.
async fn some(stage: &mut Stage) -> Shown {
    let mut running = stage.open().await.unwrap();
    let entity = stage.entity().clone();
    for number in 1..=9 {
        stage.told(&mut running, vec![insert(&entity, number, number)]).await;
    }
    for number in 1..=5 {
        stage.told(&mut running, vec![update(&entity, number, 100 + number)]).await;
    }
    stage.told(&mut running, vec![delete(&entity, 6), moved(&entity, 7, 77, 3)]).await;
    running.rest().await;
    let shown = running.shown(&entity).await;
    stage.close(running).await;
    shown
}

#[tokio::test]
async fn a_replay_changes_nothing_where_nothing_was_lost() {
    let mut stage = Stage::new();
    let before = some(&mut stage).await;
    let entity = stage.entity().clone();
    let (calls, accounts) = (stage.calls(), stage.accounts());
    let mut running = stage.open().await.unwrap();
    running.order(&from_the_first(false)).await;
    assert!(running.portions().await > 2);
    let changed = running.apply.totals().rows_changed;
    running.rest().await;
    assert!(running.apply.totals().changes > 15, "it was applied");
    assert_eq!(running.apply.totals().rows_changed, changed);
    assert_eq!(running.shown(&entity).await, before);
    assert_eq!((stage.calls(), stage.accounts()), (calls, accounts));
    assert_eq!(running.apply.freshness()[CUSTOMER].quantiles().p99_ms, 0, "history is not late");
}

#[tokio::test]
async fn a_dropped_table_comes_back_and_a_killed_replay_goes_on_where_it_was() {
    let mut stage = Stage::new();
    let before = some(&mut stage).await;
    let entity = stage.entity().clone();
    let (calls, accounts) = (stage.calls(), stage.accounts());
    by_hand(
        &stage,
        "DROP VIEW SALES.CUSTOMERS; DROP VIEW SALES.CUSTOMERS_INTERVALS; \
         DROP TABLE SALES.CUSTOMERS_STATE; DROP TABLE SALES.CUSTOMERS_HISTORY;",
    );
    // An empty table must not be taken for a loss at the source.
    let error = stage.open().await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::SchemaMismatch, "{error}");
    assert!(error.to_string().contains("replay --from 1 --entity sales.customer"), "{error}");
    for statement in stage.sql.get("duckdb/schema.sql").unwrap() {
        by_hand(&stage, statement);
    }
    let mut running = stage.open().await.unwrap();
    assert!(running.shown(&entity).await.rows.is_empty());
    let job = running.order(&from_the_first(false)).await;
    assert_eq!(running.order(&from_the_first(false)).await, job, "asked twice, one job");
    assert!(running.portion().await);
    running.rest().await;
    let part = running.shown(&entity).await;
    assert!(!part.rows.is_empty() && part != before);
    let landed = stage.newest().await;
    stage.close(running).await;

    let mut running = stage.open().await.unwrap();
    let open = ReplayJob::unfinished(running.capture.positions());
    assert_eq!(open.iter().map(|(job, _)| job).collect::<Vec<_>>(), [&job]);
    let (next, rows) = job.resumed(Some(&open[0].1));
    assert!(next.0 > 1 && rows > 0, "it does not begin anew: {next:?}, {rows}");
    running.portions().await;
    running.rest().await;
    assert!(stage.newest().await > landed);
    assert_eq!(running.shown(&entity).await, before);
    assert_eq!(ReplayJob::unfinished(running.capture.positions()), []);
    assert_eq!((stage.calls(), stage.accounts()), (calls, accounts));
    assert_ne!(running.order(&from_the_first(false)).await.id, job.id, "the next one is another");
}

fn by_hand(stage: &Stage, sql: &str) {
    let db = ::duckdb::Connection::open(stage.warehouse_file()).unwrap();
    db.execute_batch(sql).unwrap();
}

/// The e-mail's place among the stored columns: group, ciphertext, token.
fn email(entity: &EntitySpec) -> (usize, usize, usize) {
    let field = entity.fields.iter().position(|field| field.name == "email").unwrap();
    let group = entity.fields[field].group.unwrap();
    let stored = columns::of_group(entity, group);
    let place = |part| stored.iter().position(|c| c.field == field && c.part == part).unwrap();
    (group, place(ColumnPart::Cipher), place(ColumnPart::Token))
}

/// Token, and revision of what wrote it, by key.
fn tokens(entity: &EntitySpec, rows: &[(Key, RowState)]) -> BTreeMap<Key, (String, Revision)> {
    let (group, _, token) = email(entity);
    let of = |(key, state): &(Key, RowState)| {
        let group = state.groups[group].as_ref()?;
        let Value::Text(token) = &group.values[token] else { return None };
        let version = Version::from_packed(group.guard.packed()).unwrap();
        assert_eq!(Guard::latest(version), group.guard);
        Some((key.clone(), (token.clone(), version.parts().2)))
    };
    rows.iter().filter_map(of).collect()
}

/// The token of a customer's e-mail under a class: what it must be.
fn token(stage: &Stage, class: &str, key: &Key, version: Version) -> String {
    let Value::Text(id) = &key.0[0] else { panic!("no text") };
    let number: u32 = id[1..].parse().unwrap();
    let plain = Value::Text(format!("ann{number}@example.com"));
    let site = Site { entity: CUSTOMER, field: "email", class, key, version };
    stage.protector.token(&site, &plain).unwrap()
}

/// A contract in which the e-mail stands under a wrong class.
fn misname(stage: &mut Stage) -> EntitySpec {
    let right = stage.entity().clone();
    let mut wrong = right.clone();
    wrong.contract_hash = "0".repeat(64);
    for field in wrong.fields.iter_mut().filter(|field| field.name == "email") {
        field.pii.as_mut().unwrap().class = WRONG_CLASS.to_owned();
    }
    replace(stage, wrong);
    right
}

fn replace(stage: &mut Stage, entity: EntitySpec) {
    let at = stage.manifest.entities.iter().position(|old| old.name == entity.name).unwrap();
    stage.manifest.entities[at] = entity;
}

#[tokio::test]
async fn a_corrected_contract_wins_over_the_old_result_of_the_same_change() {
    let mut stage = Stage::new();
    let right = misname(&mut stage);
    let class = right.fields.iter().find(|field| field.name == "email").unwrap();
    let class = class.pii.as_ref().unwrap().class.clone();
    let before = some(&mut stage).await;
    let any = Version::from_packed(0).unwrap();
    let wrong = tokens(&right, &before.rows);
    for (key, found) in &wrong {
        assert_eq!(*found, (token(&stage, WRONG_CLASS, key, any), Revision(0)));
    }

    // Corrected: what is told from now on has the next revision, what was told before stands as it was.
    replace(&mut stage, right.clone());
    let mut running = stage.open().await.unwrap();
    stage.told(&mut running, vec![update(&right, 1, 111)]).await;
    running.rest().await;
    let mixed = tokens(&right, &running.shown(&right).await.rows);
    let changed = mixed.iter().filter(|(key, found)| wrong[*key] != **found);
    assert_eq!(changed.map(|(_, found)| found.1).collect::<Vec<_>>(), [Revision(1)]);

    // Derived again: every row, once killed in between; Salesforce has the same plaintext and hears nothing.
    let (calls, accounts) = (stage.calls(), stage.accounts());
    running.order(&from_the_first(true)).await;
    assert!(running.portion().await);
    stage.close(running).await;
    let mut running = stage.open().await.unwrap();
    assert!(running.portions().await > 1);
    stage.wait();
    running.rest().await;
    let after = running.shown(&right).await;
    for (key, found) in tokens(&right, &after.rows) {
        assert_eq!(found, (token(&stage, &class, &key, any), Revision(1)), "{key:?}");
    }
    // Tombstones that have no record are looked up once more; nothing is written.
    assert!(stage.calls() <= calls + 1);
    assert_eq!(stage.accounts(), accounts);
    let sent = running.deliver.totals();
    assert_eq!((sent.written, sent.removed, sent.refused), (0, 0, 0), "{sent:?}");
    assert_eq!(after.counts.presented, before.counts.presented);
    assert_eq!(after.counts.tombstones, before.counts.tombstones);
    let changes = before.counts.history;
    assert_eq!(after.counts.history, 2 * changes + 1, "both results of each, and the new one");
    let mut ledger =
        SqliteLedger::open(&stage.file("ledger.sqlite"), stage.protector.clone()).unwrap();
    let kept: Vec<(Key, RowState)> = ledger
        .scan(CUSTOMER, None, 1_000)
        .unwrap()
        .into_iter()
        .map(|row| (row.key, row.state))
        .collect();
    assert_eq!(tokens(&right, &kept), tokens(&right, &after.rows));

    // A warehouse that begins anew sees old and new results in another order, and comes to the same.
    stage.close(running).await;
    std::fs::remove_file(stage.warehouse_file()).unwrap();
    let mut running = stage.open().await.unwrap();
    running.rest().await;
    assert_eq!(running.shown(&right).await, after);

    // A second one finds nothing to do.
    running.order(&from_the_first(true)).await;
    running.portions().await;
    running.rest().await;
    assert_eq!(running.shown(&right).await, after);
}
