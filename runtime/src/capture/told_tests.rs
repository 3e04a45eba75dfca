//! What of a transaction is an entity's: rows under its filter, and events out of an outbox.

use std::sync::Arc;

use covenant_model::change::Key;
use covenant_model::expr::Comparison;
use covenant_model::spec::{
    EntitySpec, KeyChange, OutboxSpec, RowCondition, RowFilter, RowLiteral, SourceSpec, SystemSpec,
};
use covenant_model::value::Value;

use super::test_support::*;
use super::{CaptureLane, Limits, Registry};
use crate::error::ErrorKind;
use crate::landing::SourcePosition;
use crate::landing::memory::MemoryLanding;
use crate::source::{Relation, RelationColumn, RowOp, Tuple};
use crate::testing;

const EVENTS: &str = "events";

/// Customers but for C9, which may change their key.
fn filtered() -> Vec<EntitySpec> {
    let mut entities = testing::entities();
    let customer = entities.iter_mut().find(|entity| entity.name == "shop.customer").unwrap();
    customer.key_change = KeyChange::Rekey;
    let Some(SourceSpec::Postgres { filter, .. }) = customer.sources.get_mut(STORE) else {
        panic!("customers are a table");
    };
    let to = vec![RowLiteral::Text("C9".into())];
    let not_nine = RowCondition { field: 0, is: Comparison::NotEqual, to };
    *filter = Some(RowFilter { text: "customer_id <> 'C9'".into(), all: vec![not_nine] });
    entities
}

fn moved(from: &str, to: &str) -> RowOp {
    let old = Some(key_only(&customers(), from));
    RowOp::Update { old, new: customer(to, "6") }
}

#[tokio::test]
async fn rows_outside_of_the_filter_are_no_rows_of_the_entity() {
    let landing = MemoryLanding::new();
    let mut lane = lane_of(filtered(), &landing).await.unwrap();
    let ops = vec![
        (customers(), insert(customer("C1", "5"))),
        (customers(), insert(customer("C9", "5"))),
        (customers(), RowOp::Update { old: None, new: customer("C9", "7") }),
    ];
    lane.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    lane.commit().await.unwrap();
    let landed = landed(&landing).await;
    let keys: Vec<_> = landed.of("shop.customer").iter().map(|one| one.key.clone()).collect();
    assert_eq!(keys, [Key(vec![Value::Text("C1".into())])]);
    assert_eq!(lane.stats().ignored, 2, "and they are counted");
}

#[tokio::test]
async fn a_row_that_leaves_is_deleted_and_one_that_enters_is_there() {
    let landing = MemoryLanding::new();
    let mut lane = lane_of(filtered(), &landing).await.unwrap();
    let ops = vec![
        (customers(), insert(customer("C1", "5"))),
        (customers(), moved("C1", "C9")),
        (customers(), moved("C9", "C3")),
        (customers(), moved("C3", "C4")),
    ];
    lane.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    lane.commit().await.unwrap();
    let table = landed(&landing).await.fold("shop.customer");
    let shown: Vec<_> = table.presented().map(|(key, _)| key.clone()).collect();
    assert_eq!(shown, [Key(vec![Value::Text("C4".into())])]);
}

#[tokio::test]
async fn a_deletion_counts_whatever_the_filter_says() {
    let landing = MemoryLanding::new();
    // taken in by the contract of before, which had no filter
    let mut before = lane(&landing).await;
    let ops = vec![(customers(), insert(customer("C9", "5")))];
    before.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    before.commit().await.unwrap();
    drop(before);
    let mut lane = lane_of(filtered(), &landing).await.unwrap();
    let gone = RowOp::Delete { old: key_only(&customers(), "C9") };
    lane.accept_transaction(STORE, &transaction(30, vec![(customers(), gone)])).unwrap();
    lane.commit().await.unwrap();
    assert_eq!(landed(&landing).await.fold("shop.customer").presented().count(), 0);
}

async fn with_outbox(landing: &MemoryLanding) -> CaptureLane {
    let entities = testing::entities();
    let codecs = testing::codecs(&entities);
    let table = ("public".to_owned(), "outbox".to_owned());
    let outbox = OutboxSpec { system: STORE.into(), schema: table.0, table: table.1 };
    let stream =
        SystemSpec::Stream { purpose: "Events.".into(), outbox: Some(outbox), region: None };
    let systems = [(EVENTS.to_owned(), stream)].into();
    let registry = Registry::new(entities, &codecs).unwrap().with_outboxes(&systems);
    let landing = Arc::new(landing.clone());
    let open =
        CaptureLane::open(Arc::new(registry), protector(), landing, clock(), Limits::default());
    let mut lane = open.await.unwrap();
    if lane.position(STORE).is_none() {
        lane.adopt(STORE, start()).unwrap();
    }
    lane
}

fn outbox(columns: &[&str]) -> Arc<Relation> {
    let column = |(at, name): (usize, &&str)| RelationColumn {
        name: (*name).to_owned(),
        key: at == 0,
        type_oid: 25,
    };
    let columns = columns.iter().enumerate().map(column).collect();
    Arc::new(Relation { schema: "public".into(), table: "outbox".into(), columns })
}

fn written(number: u32, stream: &str, event: &str) -> Tuple {
    let number = number.to_string();
    let texts = [number.as_str(), stream, event];
    Tuple::from_texts(texts.map(|text| Some(text.as_bytes())))
}

fn shipped(id: u128, order: u128, sequence: u64) -> String {
    serde_json::json!({
        "event_id": uuid(id), "order_id": uuid(order), "sequence": sequence, "status": "shipped",
        "occurred_at": "2026-01-02T00:00:00Z", "carrier": "post", "remark": CANARIES[3],
    })
    .to_string()
}

const COLUMNS: [&str; 3] = ["id", "stream", "event"];

#[tokio::test]
async fn an_event_is_landed_with_the_rows_of_its_transaction() {
    let landing = MemoryLanding::new();
    let mut lane = with_outbox(&landing).await;
    let table = outbox(&COLUMNS);
    let (event, bad) = (shipped(7, 1, 3), "{\"event_id\": 1}");
    let ops = vec![
        (orders(), insert(order(1, &[]))),
        (table.clone(), insert(written(1, "order-events", &event))),
        (table.clone(), insert(written(2, "order-events", bad))),
        (table.clone(), RowOp::Delete { old: written(1, "", "") }),
        (table.clone(), insert(written(3, "nobody-listens", &event))),
    ];
    lane.accept_transaction(STORE, &transaction(20, ops)).unwrap();
    lane.commit().await.unwrap();
    let all = landed(&landing).await;
    let sources: Vec<_> = all.of("shop.order").iter().map(|one| one.source.clone()).collect();
    assert_eq!(sources, [STORE, EVENTS], "the row and the event, in one commit");
    assert!(!all.quarantined.is_empty(), "what is no event is kept with its reasons");
    assert_eq!(lane.stats().ignored, 2, "a deletion, and a stream that nobody listens to");

    // the same event over HTTP is the same event
    let again = lane.accept_events("order-events", &[event.clone().into()]).unwrap();
    assert_eq!(again.outcomes, [super::accept::EventOutcome::Duplicate]);
    // and the log's position stands for it: what was landed is not taken twice after a restart
    let mut after = with_outbox(&landing).await;
    let same = vec![(table, insert(written(1, "order-events", &event)))];
    after.accept_transaction(STORE, &transaction(20, same)).unwrap();
    after.commit().await.unwrap();
    assert_eq!(landed(&landing).await.of("shop.order").len(), all.of("shop.order").len());
    let position = lane.position("events/order-events");
    assert!(matches!(position, Some(SourcePosition::Stream { events: 2, .. })), "{position:?}");
}

#[tokio::test]
async fn an_outbox_without_its_columns_stops_the_lane_and_takes_nothing() {
    let landing = MemoryLanding::new();
    let mut lane = with_outbox(&landing).await;
    let ops = vec![
        (orders(), insert(order(1, &[]))),
        (outbox(&COLUMNS[..2]), insert(written(1, "order-events", "{}"))),
    ];
    let error = lane.accept_transaction(STORE, &transaction(20, ops)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("outbox.sql"), "{error}");
    lane.commit().await.unwrap();
    assert!(landed(&landing).await.changes.is_empty(), "all of a transaction, or nothing");
}
