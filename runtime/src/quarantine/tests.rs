use std::sync::Arc;

use covenant_model::change::Key;
use covenant_model::value::Value;

use super::{Filter, Quarantine, Retried};
use crate::capture::test_support::*;
use crate::capture::{CaptureLane, Limits};
use crate::error::ErrorKind;
use crate::keys::audit::MemoryAudit;
use crate::landing::Settled;
use crate::landing::memory::MemoryLanding;
use crate::source::RowOp;
use crate::testing;

/// Two bad orders (a negative total, an unknown status) and a later good one of the first's key.
async fn filled(landing: &MemoryLanding) -> CaptureLane {
    let mut lane = lane(landing).await;
    let ops = vec![
        (orders(), insert(order(1, &[(2, Some("-5.00"))]))),
        (orders(), insert(order(2, &[(1, Some("lost"))]))),
    ];
    lane.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    lane.commit().await.unwrap();
    let later = RowOp::Update { old: None, new: order(1, &[(2, Some("7.00"))]) };
    lane.accept_transaction(STORE, &transaction(30, vec![(orders(), later)])).unwrap();
    lane.commit().await.unwrap();
    lane
}

async fn read(landing: &MemoryLanding) -> Quarantine {
    let mut quarantine = Quarantine::new(Arc::new(landing.clone()));
    quarantine.refresh().await.unwrap();
    quarantine
}

fn id_of(quarantine: &Quarantine, rule: &str) -> String {
    let filter = Filter { rule: Some(rule.to_owned()), ..Filter::default() };
    quarantine.list(&filter)[0].id.clone()
}

/// A lane under contracts that no longer have the quality rule.
async fn relaxed(landing: &MemoryLanding) -> CaptureLane {
    let mut entities = testing::entities();
    entities[1].quality.clear();
    let shared = Arc::new(landing.clone());
    let open =
        CaptureLane::open(registry(entities), protector(), shared, clock(), Limits::default());
    open.await.unwrap()
}

#[tokio::test]
async fn records_are_listed_by_entity_and_rule() {
    let landing = MemoryLanding::new();
    filled(&landing).await;
    let quarantine = read(&landing).await;
    assert_eq!(quarantine.list(&Filter::default()).len(), 2);
    assert_eq!(quarantine.waiting()["shop.order"], 2);
    let one = Filter { limit: Some(1), ..Filter::default() };
    assert_eq!(quarantine.list(&one).len(), 1);
    let other = Filter { entity: Some("shop.customer".to_owned()), ..Filter::default() };
    assert!(quarantine.list(&other).is_empty());
    let entry = quarantine.show(&id_of(&quarantine, "symbol")).unwrap();
    assert_eq!(entry.key, Some(uuid(2)));
    assert_eq!(quarantine.show("nothing").unwrap_err().kind, ErrorKind::Rejected);
}

#[tokio::test]
async fn a_retry_lands_with_the_original_version_and_loses_to_what_is_newer() {
    let landing = MemoryLanding::new();
    drop(filled(&landing).await);
    let mut lane = relaxed(&landing).await;
    let mut quarantine = read(&landing).await;
    let id = id_of(&quarantine, "quality:total_not_negative");
    let retried = quarantine.retry(&id, &mut lane, "ann", "rule was wrong").await.unwrap();
    assert!(matches!(retried, Retried::Accepted(_)));
    lane.commit().await.unwrap();
    let landed = landed(&landing).await;
    assert_eq!(landed.of("shop.order").len(), 2);
    let table = landed.fold("shop.order");
    let row = &table.rows()[&Key(vec![Value::Uuid(1)])];
    let total = &row.groups[0].as_ref().unwrap().values[0];
    assert_eq!(*total, Value::Decimal(700), "the older change came later and lost");
    quarantine.refresh().await.unwrap();
    let resolution = quarantine.show(&id).unwrap().resolution.clone().unwrap();
    assert_eq!((resolution.how, resolution.who.as_str()), (Settled::Retried, "ann"));
    assert_eq!(quarantine.list(&Filter::default()).len(), 1);
    let again = quarantine.retry(&id, &mut lane, "ann", "").await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::Rejected);
}

#[tokio::test]
async fn a_record_that_is_still_bad_stays_where_it_is() {
    let landing = MemoryLanding::new();
    let mut lane = filled(&landing).await;
    let quarantine = read(&landing).await;
    let id = id_of(&quarantine, "symbol");
    let retried = quarantine.retry(&id, &mut lane, "ann", "").await.unwrap();
    assert!(matches!(&retried, Retried::StillRefused(reasons) if reasons[0].rule == "symbol"));
    assert_eq!(lane.commit().await.unwrap(), None);
    let discarded = quarantine.discard(&id, &mut lane, "ann", "a test order").await.unwrap();
    lane.commit().await.unwrap();
    assert!(lane.is_durable(discarded));
    let fresh = read(&landing).await;
    let settled = Filter { settled: true, ..Filter::default() };
    assert_eq!((fresh.list(&Filter::default()).len(), fresh.list(&settled).len()), (1, 2));
    let how = fresh.show(&id).unwrap().resolution.as_ref().unwrap().how;
    assert_eq!(how, Settled::Discarded);
}

#[tokio::test]
async fn a_payload_is_shown_for_a_purpose_and_audited() {
    let landing = MemoryLanding::new();
    let lane = filled(&landing).await;
    let quarantine = read(&landing).await;
    let id = id_of(&quarantine, "symbol");
    let audit = MemoryAudit::default();
    let shown = quarantine.reveal(&id, lane.deriver(), &audit, "ann", "repair").await.unwrap();
    let encoded = base64_of(CANARIES[0]);
    assert!(String::from_utf8(shown).unwrap().contains(&encoded));
    let entries = audit.entries();
    assert_eq!((entries.len(), entries[0].purpose.as_str()), (1, "repair"));
    assert!(!format!("{entries:?} {:?}", quarantine.show(&id)).contains(CANARIES[0]));
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Every kind of record survives the way through quarantine.
#[tokio::test]
async fn events_salesforce_records_and_rejected_moves_can_be_retried() {
    let landing = MemoryLanding::new();
    let mut lane = lane(&landing).await;
    let move_it = RowOp::Update { old: Some(key_only(&orders(), &uuid(1))), new: order(2, &[]) };
    lane.accept_transaction(STORE, &transaction(20, vec![(orders(), move_it)])).unwrap();
    let event = format!(r#"{{"event_id":"{}","order_id":"{}"}}"#, uuid(1), uuid(1));
    lane.accept_events("order-events", &[event.into()]).unwrap();
    let record = crate::crm::ModifiedRecord {
        id: "001".to_owned(),
        modified_at_us: 1,
        deleted: false,
        json: br#"{"Tier__c":"gold"}"#.to_vec(),
    };
    lane.accept_crm("salesforce", "Account", &[record], 2).unwrap();
    lane.commit().await.unwrap();
    let quarantine = read(&landing).await;
    let ids: Vec<_> =
        quarantine.list(&Filter::default()).iter().map(|entry| entry.id.clone()).collect();
    assert_eq!(ids.len(), 5);
    let mut accepted = 0;
    for id in ids {
        match quarantine.retry(&id, &mut lane, "ann", "").await.unwrap() {
            Retried::Accepted(_) => accepted += 1,
            Retried::StillRefused(reasons) => {
                let entry = quarantine.show(&id).unwrap();
                assert_eq!(reasons[0].rule, entry.reasons[0].rule);
            }
        }
    }
    assert_eq!(accepted, 1, "the delete of a rejected move may be let through by hand");
}
