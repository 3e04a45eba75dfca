use std::sync::Arc;

use bytes::Bytes;
use covenant_model::change::Key;
use covenant_model::value::Value;
use covenant_model::version::{Incarnation, Lsn, Position};

use super::accept::EventOutcome;
use super::test_support::*;
use super::{CaptureLane, Limits, Registry};
use crate::backfill::lane::ReadyChunk;
use crate::crm::ModifiedRecord;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::fault::{Fault, Faults};
use crate::keys::protector::Protector;
use crate::keys::provider::{DataKey, KeyId, KeyProvider, KeyPurpose};
use crate::landing::memory::MemoryLanding;
use crate::landing::{CommitNumber, Landing, SourcePosition};
use crate::source::{DatumAt, RowOp};
use crate::testing;

fn event(id: u128, order: u128, sequence: u64, status: &str) -> Bytes {
    let json = serde_json::json!({
        "event_id": uuid(id), "order_id": uuid(order), "sequence": sequence, "status": status,
        "occurred_at": "2026-01-02T00:00:00Z", "carrier": "post", "remark": CANARIES[3],
    });
    json.to_string().into()
}

#[tokio::test]
async fn a_transaction_is_landed_before_it_is_acknowledged() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let ops = vec![(orders(), insert(order(1, &[]))), (orders(), insert(order(2, &[])))];
    lane.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    assert_eq!(lane.acknowledge(STORE).unwrap().0, Lsn(10), "nothing is durable yet");
    assert_eq!(lane.progress(STORE).unwrap().accepted().0, Lsn(20));
    let committed = lane.commit().await.unwrap().unwrap();
    assert_eq!((committed.number, committed.changes), (CommitNumber(2), 2));
    assert_eq!(lane.acknowledge(STORE).unwrap().0, Lsn(20));
    let landed = landed(&landing).await;
    let changes = landed.of("shop.order");
    assert_eq!(changes.len(), 2);
    let (incarnation, position, _) = changes[1].version.parts();
    assert_eq!((incarnation, position), (1, Position::streamed(Lsn(19), 2)));
    assert!(changes[0].state.alive());
    assert_eq!(lane.commit().await.unwrap(), None, "nothing new");
}

#[tokio::test]
async fn a_repeated_transaction_is_dropped_and_the_rest_flows() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let first = transaction(20, vec![(orders(), insert(order(1, &[])))]);
    lane.accept_transaction(STORE, &first).unwrap();
    lane.accept_transaction(STORE, &first).unwrap();
    lane.commit().await.unwrap();
    lane.accept_transaction(STORE, &first).unwrap();
    assert_eq!(lane.commit().await.unwrap(), None);
    assert_eq!(landed(&landing).await.changes.len(), 1);
}

#[tokio::test]
async fn an_invalid_record_is_quarantined_with_every_reason_and_stalls_nothing() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let bad = order(1, &[(1, Some("lost")), (2, Some("-1.00")), (3, Some("no mail")), (8, None)]);
    let ops = vec![(orders(), insert(bad)), (orders(), insert(order(2, &[])))];
    lane.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    let committed = lane.commit().await.unwrap().unwrap();
    assert_eq!((committed.changes, committed.quarantined), (1, 1));
    assert_eq!(lane.acknowledge(STORE).unwrap().0, Lsn(20));
    let landed = landed(&landing).await;
    assert_eq!(
        landed.rules(),
        ["format", "quality:total_not_negative", "required", "symbol"].map(str::to_owned)
    );
    assert_eq!(landed.quarantined[0].key, Some(uuid(1)));
    assert_eq!(landed.quarantined[0].position, "0/13#1");
    let stats = lane.stats();
    assert_eq!(stats.quarantined["shop.order"], 1);
    assert_eq!(stats.changes[&("shop.order".to_owned(), STORE.to_owned())], 1);
}

fn unchanged(mut tuple: crate::source::Tuple, column: usize) -> crate::source::Tuple {
    tuple.datums[column] = DatumAt::Unchanged;
    tuple
}

#[tokio::test]
async fn a_large_field_may_be_left_out_and_another_may_not() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let without_note = RowOp::Update { old: None, new: unchanged(order(1, &[]), 7) };
    let without_mail = RowOp::Update { old: None, new: unchanged(order(2, &[]), 3) };
    let ops = vec![(orders(), without_note), (orders(), without_mail)];
    lane.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    lane.commit().await.unwrap();
    let landed = landed(&landing).await;
    let groups = &landed.of("shop.order")[0].state.groups;
    assert!(groups[0].is_some() && groups[2].is_none(), "{groups:?}");
    assert_eq!(landed.rules(), ["partial"]);
    assert_eq!(landed.quarantined[0].reasons[0].field.as_deref(), Some("email"));
}

#[tokio::test]
async fn a_rekey_is_a_delete_and_a_moved_insert_in_one_commit() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let old = key_only(&customers(), "C1");
    let ops = vec![
        (customers(), insert(customer("C1", "5"))),
        (customers(), RowOp::Update { old: Some(old), new: customer("C2", "6") }),
    ];
    lane.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    lane.commit().await.unwrap();
    let landed = landed(&landing).await;
    let changes = landed.of("shop.customer");
    assert_eq!(changes.len(), 3);
    let minor = |at: usize| changes[at].version.parts().1.minor();
    assert_eq!((minor(0), minor(1), minor(2)), (1, 2, 3));
    assert_eq!(changes[2].moved_from, Some(Key(vec![Value::Text("C1".into())])));
    let table = landed.fold("shop.customer");
    let shown: Vec<_> = table.presented().map(|(key, _)| key.clone()).collect();
    assert_eq!(shown, [Key(vec![Value::Text("C2".into())])]);
}

#[tokio::test]
async fn an_invalid_rekeyed_row_still_leaves_its_old_key() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let old = key_only(&customers(), "C1");
    let update = RowOp::Update { old: Some(old), new: customer("C2", "many") };
    let ops = vec![(customers(), insert(customer("C1", "5"))), (customers(), update)];
    lane.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    lane.commit().await.unwrap();
    let landed = landed(&landing).await;
    assert_eq!(landed.fold("shop.customer").presented().count(), 0);
    assert_eq!(landed.quarantined[0].key.as_deref(), Some("C2"));
}

#[tokio::test]
async fn a_rejected_key_change_puts_both_keys_into_quarantine() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let old = key_only(&orders(), &uuid(1));
    let update = RowOp::Update { old: Some(old), new: order(2, &[]) };
    lane.accept_transaction(STORE, &transaction(20, vec![(orders(), update)])).unwrap();
    lane.commit().await.unwrap();
    let landed = landed(&landing).await;
    assert!(landed.changes.is_empty());
    let keys: Vec<_> = landed.quarantined.iter().map(|record| record.key.clone()).collect();
    assert_eq!(keys, [Some(uuid(2)), Some(uuid(1))]);
    assert_ne!(landed.quarantined[0].id, landed.quarantined[1].id);
    assert_eq!(lane.stats().alarms, 2);
}

#[tokio::test]
async fn an_update_with_its_old_key_that_did_not_change_is_no_move() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let update = RowOp::Update { old: Some(order(1, &[])), new: order(1, &[(2, Some("9.00"))]) };
    lane.accept_transaction(STORE, &transaction(20, vec![(orders(), update)])).unwrap();
    lane.commit().await.unwrap();
    let landed = landed(&landing).await;
    assert_eq!((landed.changes.len(), landed.quarantined.len()), (1, 0));
}

#[tokio::test]
async fn deletes_are_tombstones() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let delete = RowOp::Delete { old: key_only(&orders(), &uuid(1)) };
    let ops = vec![(orders(), insert(order(1, &[]))), (orders(), delete)];
    lane.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    lane.commit().await.unwrap();
    let landed = landed(&landing).await;
    assert_eq!(landed.fold("shop.order").presented().count(), 0);
    assert_eq!(landed.fold("shop.order").rows().len(), 1);
}

#[tokio::test]
async fn one_event_feeds_every_entity_that_listens_and_a_repeat_feeds_none() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let events = [event(1, 7, 1, "paid"), event(1, 7, 1, "paid"), event(2, 7, 2, "lost")];
    let accepted = lane.accept_events("order-events", &events).unwrap();
    use EventOutcome::{Accepted, Duplicate, Quarantined};
    assert_eq!(accepted.outcomes, [Accepted, Duplicate, Quarantined]);
    assert!(!lane.is_durable(accepted.batch));
    lane.commit().await.unwrap();
    assert!(lane.is_durable(accepted.batch));
    let again = lane.accept_events("order-events", &events[..1]).unwrap();
    assert_eq!(again.outcomes, [Duplicate]);
    assert!(lane.is_durable(again.batch), "a repeat of what is durable needs no commit");
    let landed = landed(&landing).await;
    assert_eq!(landed.of("shop.order").len(), 1);
    assert_eq!(landed.of("shop.order_event").len(), 1);
    assert_eq!(landed.quarantined.len(), 2);
    let order = landed.of("shop.order")[0];
    assert!(order.state.incomplete(), "events do not own an order's existence");
    assert!(order.state.groups[0].is_none() && order.state.groups[1].is_some());
    let position = lane.position("events/order-events").unwrap();
    assert!(matches!(position, SourcePosition::Stream { events: 2, .. }), "{position:?}");
    let error = lane.accept_events("other", &events).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
}

#[tokio::test]
async fn a_table_read_loses_to_the_stream_and_keeps_its_cursor() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let update = RowOp::Update { old: None, new: order(1, &[(2, Some("99.00"))]) };
    lane.accept_transaction(STORE, &transaction(20, vec![(orders(), update)])).unwrap();
    let chunk = ReadyChunk {
        job: "backfill-1".to_owned(),
        entity: "shop.order".to_owned(),
        relation: orders(),
        rows: vec![order(1, &[]), order(2, &[])],
        bound: Lsn(18),
        read_at_us: 5,
        after: Some(vec![uuid(2)]),
        rows_total: 2,
        done: false,
        asked: Vec::new(),
        key: Vec::new(),
    };
    lane.accept_chunk(STORE, &chunk).unwrap();
    let committed = lane.commit().await.unwrap().unwrap();
    assert_eq!(committed.positions["backfill-1"], chunk.position());
    let landed = landed(&landing).await;
    let table = landed.fold("shop.order");
    let row = &table.rows()[&Key(vec![Value::Uuid(1)])];
    assert_eq!(row.groups[0].as_ref().unwrap().values[0], Value::Decimal(9900));
    assert_eq!(table.presented().count(), 2);
}

#[tokio::test]
async fn salesforce_tells_its_own_fields_only() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let record = |deleted, id: &str| ModifiedRecord {
        id: "001".to_owned(),
        modified_at_us: 5_000_000,
        deleted,
        json: format!(r#"{{"Customer_Id__c":"{id}","Tier__c":"gold"}}"#).into_bytes(),
    };
    let records = [record(false, "C1"), record(true, "C2"), record(false, "much too long a key")];
    lane.accept_crm("salesforce", "Account", &records, 9_000_000).unwrap();
    lane.commit().await.unwrap();
    let landed = landed(&landing).await;
    let change = landed.of("shop.customer")[0];
    assert!(change.state.incomplete());
    assert_eq!(change.state.groups[1].as_ref().unwrap().values, [Value::Text("gold".into())]);
    assert_eq!(change.version.parts().1, Position::polled(6_000_000));
    assert_eq!(landed.rules(), ["max_chars"]);
    assert_eq!(lane.stats().ignored, 1);
    let Some(SourcePosition::Salesforce { polled_to_us, .. }) = lane.position("salesforce") else {
        panic!("no position")
    };
    assert_eq!(polled_to_us["Account"], 9_000_000);
}

#[tokio::test]
async fn the_objects_to_poll_name_their_key_and_the_fields_that_salesforce_owns() {
    let lane = lane(&MemoryLanding::new()).await;
    let objects = lane.registry().objects();
    assert_eq!((objects.len(), objects[0].object.as_str()), (1, "Account"));
    assert_eq!(objects[0].fields, ["Customer_Id__c", "Tier__c"]);
}

#[tokio::test]
async fn a_restart_goes_on_at_the_newest_manifest() {
    let landing = MemoryLanding::new();
    let mut first = lane(&landing).await;
    let one = transaction(20, vec![(orders(), insert(order(1, &[])))]);
    first.accept_transaction(STORE, &one).unwrap();
    first.commit().await.unwrap();
    let two = transaction(30, vec![(orders(), insert(order(2, &[])))]);
    first.accept_transaction(STORE, &two).unwrap();
    drop(first);
    let mut second = lane(&landing).await;
    assert_eq!(second.progress(STORE).unwrap().durable().0, Lsn(20));
    second.accept_transaction(STORE, &one).unwrap();
    second.accept_transaction(STORE, &two).unwrap();
    second.commit().await.unwrap();
    assert_eq!(landed(&landing).await.of("shop.order").len(), 2);
    let chain = landing.commit_at(CommitNumber(4)).await.unwrap().unwrap().previous_sha256;
    assert_eq!(Some(chain), landing.digest_at(CommitNumber(3)).await.unwrap());
}

#[tokio::test]
async fn a_later_start_fences_an_earlier_one() {
    let landing = MemoryLanding::new();
    let mut old = lane(&landing).await;
    let one = transaction(20, vec![(orders(), insert(order(1, &[])))]);
    old.accept_transaction(STORE, &one).unwrap();
    let mut new = lane(&landing).await;
    assert_eq!(old.commit().await.unwrap_err().kind, ErrorKind::Fenced);
    assert_eq!(old.acknowledge(STORE).unwrap().0, Lsn(10));
    new.accept_transaction(STORE, &one).unwrap();
    new.commit().await.unwrap();
    assert_eq!(landed(&landing).await.changes.len(), 1);
}

#[tokio::test]
async fn a_source_never_goes_back_without_a_new_incarnation() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let at = |incarnation: u16, to: u64| SourcePosition::Postgres {
        incarnation: Incarnation::new(incarnation).unwrap(),
        system_id: "7".to_owned(),
        timeline: 1,
        slot: "covenant".to_owned(),
        lsn: Lsn(to),
    };
    assert_eq!(lane.adopt(STORE, at(1, 9)).unwrap_err().kind, ErrorKind::Gap);
    lane.adopt(STORE, at(2, 5)).unwrap();
    assert_eq!(lane.adopt(STORE, at(1, 50)).unwrap_err().kind, ErrorKind::Gap);
    let one = transaction(6, vec![(orders(), insert(order(1, &[])))]);
    lane.accept_transaction(STORE, &one).unwrap();
    lane.commit().await.unwrap();
    assert_eq!(landed(&landing).await.changes[0].1.version.parts().0, 2);
}

/// Fails one operation once.
struct Once(&'static str, Fault, std::sync::atomic::AtomicBool);

impl Faults for Once {
    fn at(&self, operation: &str) -> Fault {
        let strike =
            operation == self.0 && !self.2.swap(true, std::sync::atomic::Ordering::Relaxed);
        if strike { self.1 } else { Fault::None }
    }
}

#[tokio::test]
async fn a_commit_whose_outcome_is_unknown_is_settled_by_reading_it_back() {
    for fault in [Fault::Refused, Fault::ReplyLost] {
        let memory = MemoryLanding::new();
        lane(&memory).await;
        // The second commit of this lane: the first one fences.
        let mut lane = lane(&memory).await;
        let faulty = Arc::new(Once("landing.commit", fault, false.into()));
        lane.landing = Arc::new(memory.under(faulty));
        let one = transaction(20, vec![(orders(), insert(order(1, &[])))]);
        lane.accept_transaction(STORE, &one).unwrap();
        let first = lane.commit().await;
        match fault {
            Fault::ReplyLost => assert!(first.unwrap().is_some(), "it was ours"),
            Fault::Refused | Fault::None => {
                assert_eq!(first.unwrap_err().kind, ErrorKind::Unavailable);
                assert_eq!(lane.acknowledge(STORE).unwrap().0, Lsn(10));
                let two = transaction(30, vec![(orders(), insert(order(2, &[])))]);
                lane.accept_transaction(STORE, &two).unwrap();
                assert_eq!(lane.commit().await.unwrap().unwrap().changes, 1);
                assert_eq!(lane.acknowledge(STORE).unwrap().0, Lsn(20), "not yet the second");
                assert!(lane.commit().await.unwrap().is_some());
            }
        }
    }
}

struct NoKeys;

impl KeyProvider for NoKeys {
    fn current(&self, purpose: &KeyPurpose) -> Result<KeyId> {
        match purpose {
            KeyPurpose::Digest => Ok(KeyId::new("k").unwrap()),
            KeyPurpose::Encrypt(_) | KeyPurpose::Nonce(_) | KeyPurpose::Token(_) => {
                Err(RuntimeError::new(ErrorKind::Unavailable, "kms", "no answer", "Wait."))
            }
        }
    }
    fn key(&self, _: &KeyId, _: &KeyPurpose) -> Result<DataKey> {
        Ok(DataKey::new([0; 32]))
    }
}

#[tokio::test]
async fn without_keys_nothing_is_accepted_and_nothing_is_written() {
    let landing = MemoryLanding::new();
    let protector = Arc::new(Protector::new(Arc::new(NoKeys)).unwrap());
    let (registry, shared) = (registry(testing::entities()), Arc::new(landing.clone()));
    let open = CaptureLane::open(registry, protector, shared, clock(), Limits::default());
    let mut lane = open.await.unwrap();
    lane.adopt(STORE, start()).unwrap();
    let one = transaction(20, vec![(orders(), insert(order(1, &[])))]);
    let error = lane.accept_transaction(STORE, &one).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(lane.progress(STORE).unwrap().accepted().0, Lsn(10));
    lane.commit().await.unwrap();
    assert!(landed(&landing).await.changes.is_empty());
    assert_eq!(lane.acknowledge(STORE).unwrap().0, Lsn(10));
    assert!(lane.accept_events("order-events", &[event(1, 1, 1, "paid")]).is_err());
    assert!(lane.position("events/order-events").is_none());
}

#[tokio::test]
async fn a_batch_is_due_by_rows_bytes_linger_and_idle() {
    let landing = MemoryLanding::new();
    let clock = clock();
    let limits = Limits { rows: 2, ..Limits::default() };
    let (registry, shared) = (registry(testing::entities()), Arc::new(landing.clone()));
    let open = CaptureLane::open(registry, protector(), shared, clock.clone(), limits);
    let mut lane = open.await.unwrap();
    assert_eq!(lane.commit_due_in(), None);
    lane.adopt(STORE, start()).unwrap();
    assert_eq!(lane.commit_due_in(), Some(limits.idle));
    let one = transaction(20, vec![(orders(), insert(order(1, &[])))]);
    lane.accept_transaction(STORE, &one).unwrap();
    assert_eq!(lane.commit_due_in(), Some(limits.linger));
    clock.0.fetch_add(200_000, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(lane.commit_due_in(), Some(std::time::Duration::ZERO));
    assert!(lane.may_accept());
    let two = transaction(30, vec![(orders(), insert(order(2, &[])))]);
    lane.accept_transaction(STORE, &two).unwrap();
    assert!(!lane.may_accept());
    lane.commit().await.unwrap();
    assert!(lane.may_accept() && lane.commit_due_in().is_none());
}

#[test]
fn a_codec_of_another_contract_is_refused() {
    let mut entities = testing::entities();
    let codecs = testing::codecs(&entities);
    entities[1].contract_hash = "another".to_owned();
    let error = Registry::new(entities.clone(), &codecs).err().unwrap();
    assert!(error.kind == ErrorKind::Config && error.what.contains("another"), "{error}");
    assert_eq!(Registry::new(entities, &codecs[..1]).err().unwrap().kind, ErrorKind::Config);
}

/// What a text looks like inside of something longer in base64: at each of the three places where it can begin.
fn base64_of(text: &str) -> [String; 3] {
    use base64::Engine;
    ["", "x", "xx"].map(|before| {
        let whole =
            base64::engine::general_purpose::STANDARD_NO_PAD.encode(format!("{before}{text}"));
        // The first and last characters depend on the neighbours.
        whole[4..whole.len() - 2].to_owned()
    })
}

#[tokio::test]
async fn no_plaintext_of_a_protected_class_is_found_anywhere() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let ops = vec![
        (orders(), insert(order(1, &[]))),
        (orders(), insert(order(2, &[(2, Some("-1.00")), (8, None)]))),
        (customers(), insert(customer("C1", "5"))),
        (customers(), insert(customer("C2", "x"))),
    ];
    let whole = transaction(20, ops);
    lane.accept_transaction(STORE, &whole).unwrap();
    lane.accept_events("order-events", &[event(1, 7, 1, "paid"), event(2, 7, 1, "lost")]).unwrap();
    let shown = format!("{whole:?}");
    let committed = lane.commit().await.unwrap().unwrap();
    let landed = landed(&landing).await;
    let mut outputs = vec![shown, format!("{committed:?} {:?}", lane.stats())];
    outputs.push(format!("{:?} {:?}", landed.changes, landed.quarantined));
    for record in &landed.quarantined {
        outputs.push(format!("{:?}", lane.deriver().raw_of(record).unwrap()));
    }
    for (path, bytes) in landing.objects() {
        outputs.push(path);
        outputs.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    // The same as Parquet, as production lands it.
    for entity in testing::entities() {
        let changes: Vec<_> = landed.of(&entity.name).into_iter().cloned().collect();
        let bytes = crate::landing::parquet::encode(&entity, &changes).unwrap();
        outputs.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    assert!(landed.changes.len() == 4 && landed.quarantined.len() == 4);
    for canary in CANARIES {
        for output in &outputs {
            assert!(!output.contains(canary), "{canary} in {output}");
        }
        for encoded in base64_of(canary) {
            assert!(outputs.iter().all(|output| !output.contains(&encoded)), "{canary} in base64");
        }
        // Bytes may hide as numbers in JSON.
        let numbers = canary.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",");
        assert!(outputs.iter().all(|output| !output.contains(&numbers)), "{canary} as numbers");
    }
    assert!(outputs.iter().any(|output| output.contains("Main Street 1")), "the search works");
}
