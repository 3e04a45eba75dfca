//! The generated decoders on Acme's own contracts: good and bad tuples, events and Salesforce records; every violation
//! of a record at once; nothing of anybody's data in messages.

#![allow(clippy::unwrap_used)] // a test fails where it unwraps

use acme_pipeline::{sales_customer, sales_order, sales_order_event, sales_order_line};
use covenant_model::codec::{ColumnMap, EntityCodec, PgDatum};
use covenant_model::record::{Cell, Violations};
use covenant_model::support::generated::Generated;
use covenant_model::support::patch::Patch;
use covenant_model::support::scalar::{Decimal, Text, Timestamp, Uuid};
use covenant_model::value::Value;

const CANARY: &str = "Canary-4711";
const ORDER_ID: &str = "0189d5f2-0000-7000-8000-0000000000ff";
const ORDER_NUMBER: u128 = 0x0189_d5f2_0000_7000_8000_0000_0000_00ff;
const NEW_YEAR_2026_US: i64 = 1_767_225_600_000_000;

/// A valid order as PostgreSQL tells it.
const ORDER: [(&str, Option<&str>); 20] = [
    ("order_id", Some(ORDER_ID)),
    ("customer_id", Some("C000000001")),
    ("order_number", Some("17")),
    ("status", Some("paid")),
    ("channel", Some("web")),
    ("currency", Some("EUR")),
    ("subtotal", Some("100.00")),
    ("tax", Some("19.00")),
    ("shipping", Some("4.90")),
    ("discount", Some("0.00")),
    ("total", Some("123.90")),
    ("line_count", Some("2")),
    ("contact_email", Some("ann@example.com")),
    ("ship_street", None),
    ("ship_country", Some("DE")),
    ("session_id", None),
    ("gift_message", Some("für Änne")),
    ("promised_on", Some("2026-01-05")),
    ("placed_at", Some("2026-01-01 00:00:00.123456+00")),
    ("updated_at", Some("2026-01-01 00:00:01+00")),
];

fn map_of(codec: &dyn EntityCodec, columns: &[(&str, Option<&str>)]) -> ColumnMap {
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    codec.columns("store", &names)
}

fn tuple<'a>(columns: &[(&str, Option<&'a str>)]) -> Vec<PgDatum<'a>> {
    columns
        .iter()
        .map(|(_, value)| value.map_or(PgDatum::Null, |text| PgDatum::Text(text.as_bytes())))
        .collect()
}

fn with<'a, const N: usize>(
    mut columns: [(&'a str, Option<&'a str>); N],
    changes: &[(&str, Option<&'a str>)],
) -> [(&'a str, Option<&'a str>); N] {
    for (name, value) in changes {
        let slot = columns.iter_mut().find(|(column, _)| column == name).unwrap();
        slot.1 = *value;
    }
    columns
}

/// `field:rule` of every violation, in order.
fn rules(violations: &Violations) -> Vec<String> {
    let field = |field: &Option<String>| field.clone().unwrap_or_default();
    violations.all.iter().map(|one| format!("{}:{}", field(&one.field), one.rule)).collect()
}

fn order_violations(changes: &[(&str, Option<&str>)]) -> Violations {
    let columns = with(ORDER, changes);
    let map = map_of(&sales_order::Codec, &columns);
    sales_order::Codec.decode_pg("store", &map, &tuple(&columns)).unwrap_err()
}

#[test]
fn a_valid_tuple_becomes_a_typed_record() {
    let map = map_of(&sales_order::Codec, &ORDER);
    let order = sales_order::Codec::typed_pg("store", &map, &tuple(&ORDER)).unwrap();
    assert_eq!(order.order_id, Uuid(ORDER_NUMBER));
    assert_eq!(order.status, Patch::Set(sales_order::OrderStatus::Paid));
    assert_eq!(order.total, Patch::Set(Decimal::<2>(12_390)));
    assert_eq!(order.placed_at, Patch::Set(Timestamp(NEW_YEAR_2026_US + 123_456)));
    assert_eq!(order.ship_street, Patch::Null);
    assert_eq!(order.carrier, Patch::Absent, "the store does not tell it");
    let record = sales_order::Codec::record(order);
    assert_eq!(record.cells[3], Cell::Value(Value::Text("paid".into())));
    assert_eq!(record.cells[20], Cell::Absent);
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let mut shuffled = ORDER;
    shuffled.reverse();
    let straight =
        sales_order::Codec.decode_pg("store", &map_of(&sales_order::Codec, &ORDER), &tuple(&ORDER));
    let turned = sales_order::Codec.decode_pg(
        "store",
        &map_of(&sales_order::Codec, &shuffled),
        &tuple(&shuffled),
    );
    assert_eq!(straight, turned);
    let mut wider = vec![("added_later", Some("x"))];
    wider.extend(ORDER);
    let widened =
        sales_order::Codec.decode_pg("store", &map_of(&sales_order::Codec, &wider), &tuple(&wider));
    assert_eq!(straight, widened, "columns that no contract knows are ignored");
}

#[test]
fn every_violation_is_reported_at_once_in_field_order() {
    let found = order_violations(&[
        ("customer_id", None),
        ("order_number", Some("0")),
        ("status", Some("lost")),
        ("currency", Some("euro")),
        ("subtotal", Some("NaN")),
        ("tax", Some("Infinity")),
        ("discount", Some("-0.01")),
        ("line_count", Some("501")),
        ("contact_email", Some("ann at example")),
        ("promised_on", Some("infinity")),
        ("placed_at", Some("0044-03-15 00:00:00+00 BC")),
        ("updated_at", Some("2026-01-01 00:00:01")),
    ]);
    assert_eq!(
        rules(&found),
        [
            "customer_id:required",
            "order_number:min",
            "status:symbol",
            "currency:max_chars",
            "currency:pattern",
            "subtotal:type",
            "tax:type",
            "discount:min",
            "line_count:max",
            "contact_email:format",
            "promised_on:type",
            "placed_at:type",
            "updated_at:type",
        ]
    );
    assert_eq!(found.key, Some(vec![Value::Uuid(ORDER_NUMBER)]));
    let text = found.to_string();
    assert!(text.contains("without its offset from UTC"), "{text}");
    assert!(text.contains("a year before Christ"), "{text}");
}

#[test]
fn quality_rules_are_reported_beside_the_others() {
    let found = order_violations(&[("total", Some("1.00")), ("channel", Some("fax"))]);
    assert_eq!(
        rules(&found),
        ["channel:symbol", ":quality:total_adds_up", ":quality:tax_below_total"]
    );
    // a rule that meets an unreadable operand gives no verdict
    let found = order_violations(&[("total", Some("x"))]);
    assert_eq!(rules(&found), ["total:type"]);
}

#[test]
fn unchanged_is_absent_and_never_null() {
    let map = map_of(&sales_order::Codec, &ORDER);
    let mut data = tuple(&ORDER);
    data[16] = PgDatum::Unchanged;
    let order = sales_order::Codec::typed_pg("store", &map, &data).unwrap();
    assert_eq!(order.gift_message, Patch::Absent);
    data[0] = PgDatum::Unchanged;
    let found = sales_order::Codec.decode_pg("store", &map, &data).unwrap_err();
    assert_eq!(rules(&found), ["order_id:required"]);
    assert_eq!(found.key, None);
}

#[test]
fn a_missing_column_is_a_violation() {
    let map = map_of(&sales_order::Codec, &ORDER[..19]);
    let found = sales_order::Codec.decode_pg("store", &map, &tuple(&ORDER)).unwrap_err();
    assert_eq!(rules(&found), ["updated_at:required"]);
}

#[test]
fn the_key_alone_is_enough_for_a_delete() {
    let columns = [("order_id", Some(ORDER_ID)), ("line_no", Some("3")), ("sku", None)];
    let map = map_of(&sales_order_line::Codec, &columns);
    let key = sales_order_line::Codec.decode_pg_key(&map, &tuple(&columns)).unwrap();
    assert_eq!(key, [Value::Uuid(ORDER_NUMBER), Value::Int(3)]);
    let bad = [("order_id", Some("x")), ("line_no", None)];
    let found = sales_order_line::Codec
        .decode_pg_key(&map_of(&sales_order_line::Codec, &bad), &tuple(&bad));
    assert_eq!(rules(&found.unwrap_err()), ["order_id:type", "line_no:required"]);
}

fn event(members: &str) -> String {
    format!(
        r#"{{"event_id": "e-1", "order_id": "{ORDER_ID}", "sequence": 7, "status": "shipped",
            "occurred_at": "2026-01-01T01:00:00+01:00"{members}}}"#
    )
}

#[test]
fn an_event_tells_its_order_and_its_fields() {
    let json = event(r#", "carrier": "D\u0048L", "unknown": {"nested": [1, 2, {"x": null}]}"#);
    let read = sales_order::Codec.decode_event("events", json.as_bytes()).unwrap();
    assert_eq!((read.event_id.as_str(), read.order), ("e-1", 7));
    assert_eq!(read.occurred_at_us, NEW_YEAR_2026_US);
    assert_eq!(read.record.cells[0], Cell::Value(Value::Uuid(ORDER_NUMBER)));
    assert_eq!(read.record.cells[20], Cell::Value(Value::Text("DHL".into())));
    assert_eq!(read.record.cells[21], Cell::Absent, "optional, and left out");
    assert_eq!(read.record.cells[22], Cell::Value(Value::Timestamp(NEW_YEAR_2026_US)));
    assert_eq!(read.record.cells[1], Cell::Absent, "the store's");
}

#[test]
fn a_bad_event_tells_everything_that_is_wrong() {
    let json = format!(
        r#"{{"order_id": 5, "sequence": -1, "status": ["x"], "occurred_at": "yesterday",
            "carrier": "{}", "carrier": "twice", "tracking_number": 12}}"#,
        "x".repeat(41)
    );
    let found = sales_order::Codec.decode_event("events", json.as_bytes()).unwrap_err();
    assert_eq!(
        rules(&found),
        [
            "sequence:type",
            "occurred_at:type",
            "event_id:required",
            "order_id:type",
            "status:type",
            "carrier:max_chars",
            "carrier:duplicate_field",
            "tracking_number:type",
            "last_event_at:type",
        ]
    );
    assert_eq!(found.key, None);
}

#[test]
fn what_is_no_object_is_malformed() {
    for json in ["", "[]", "null", "{\"order_id\":", "{} {}", "\u{feff}{}"] {
        let found = sales_order::Codec.decode_event("events", json.as_bytes()).unwrap_err();
        assert_eq!(rules(&found), [":malformed"], "{json}");
    }
    let found = sales_order::Codec.decode_event("events", b"{\"a\": \"\xff\"}").unwrap_err();
    assert_eq!(rules(&found), [":malformed"]);
}

#[test]
fn an_event_entity_keeps_the_event_itself() {
    let json = format!(
        r#"{{"event_id": "{ORDER_ID}", "order_id": "{ORDER_ID}", "sequence": 7, "status": "placed",
            "occurred_at": "2026-01-01T00:00:00Z", "producer": "checkout"}}"#
    );
    let read = sales_order_event::Codec.decode_event("events", json.as_bytes()).unwrap();
    assert_eq!(read.event_id, ORDER_ID);
    assert_eq!(read.record.cells[0], Cell::Value(Value::Uuid(ORDER_NUMBER)));
    assert_eq!(read.record.cells[2], Cell::Value(Value::Int(7)));
}

#[test]
fn salesforce_tells_what_it_owns_by_its_own_names() {
    let json = br#"{"attributes": {"type": "Account"}, "Id": "001", "Customer_Id__c": "C000000001",
        "Tier__c": "gold", "Account_Owner__c": null}"#;
    let record = sales_customer::Codec.decode_salesforce("salesforce", json).unwrap();
    assert_eq!(record.cells[0], Cell::Value(Value::Text("C000000001".into())));
    assert_eq!(record.cells[19], Cell::Value(Value::Text("gold".into())));
    assert_eq!(record.cells[20], Cell::Value(Value::Null));
    assert_eq!(record.cells[21], Cell::Absent, "what did not change is left out");
    let bad = br#"{"Tier__c": "tin", "Next_Review__c": 5}"#;
    let found = sales_customer::Codec.decode_salesforce("salesforce", bad).unwrap_err();
    assert_eq!(rules(&found), ["customer_id:required", "tier:symbol", "next_review_on:type"]);
}

#[test]
fn a_source_of_another_kind_is_refused() {
    let found = sales_order::Codec.decode_event("store", b"{}").unwrap_err();
    assert_eq!(rules(&found), [":malformed"]);
}

#[test]
fn personal_data_shows_itself_to_nobody() {
    let columns = with(ORDER, &[("ship_street", Some(CANARY)), ("session_id", Some(CANARY))]);
    let map = map_of(&sales_order::Codec, &columns);
    let order = sales_order::Codec::typed_pg("store", &map, &tuple(&columns)).unwrap();
    let street = order.ship_street.set().unwrap();
    assert_eq!(street.plain(), &Text(CANARY.into()), "it is there");
    for shown in [
        format!("{order:?}"),
        format!("{order:#?}"),
        format!("{street:?}"),
        street.to_string(),
        serde_json::to_string(street).unwrap(),
        format!("{:?}", sales_order::Codec::record(order.clone())),
    ] {
        assert!(!shown.contains(CANARY), "{shown}");
        assert!(!shown.contains("ann@example.com"), "{shown}");
    }
    assert_eq!(street.to_string(), "<address>");
}

#[test]
fn violations_hold_no_values() {
    let everywhere: Vec<_> = ORDER.iter().map(|(name, _)| (*name, Some(CANARY))).collect();
    let found = order_violations(&everywhere);
    assert!(found.all.len() > 15, "{found}");
    let json = ORDER.iter().map(|(name, _)| format!("\"{name}\": \"{CANARY}\""));
    let json = format!("{{{}, \"event_id\": [\"{CANARY}\"]}}", json.collect::<Vec<_>>().join(","));
    let from_event = sales_order::Codec.decode_event("events", json.as_bytes()).unwrap_err();
    for violations in [found, from_event] {
        let shown = format!("{violations} {violations:?}");
        assert!(!shown.contains(CANARY), "{shown}");
        assert!(!serde_json::to_string(&violations.all).unwrap().contains(CANARY));
    }
}

#[test]
fn a_record_that_was_built_is_checked_by_the_same_rules() {
    let map = map_of(&sales_order::Codec, &ORDER);
    let mut order = sales_order::Codec::typed_pg("store", &map, &tuple(&ORDER)).unwrap();
    assert_eq!(sales_order::Codec::validate(&order), Ok(()));
    order.currency = Patch::Set(Text("euro".into()));
    order.total = Patch::Set(Decimal::<2>(-1));
    order.line_count = Patch::Null;
    let found = sales_order::Codec::validate(&order).unwrap_err();
    assert_eq!(
        rules(&found),
        [
            "currency:max_chars",
            "currency:pattern",
            "total:min",
            "line_count:required",
            ":quality:total_adds_up",
            ":quality:tax_below_total"
        ]
    );
}

#[test]
fn the_registry_knows_every_entity_once() {
    let names: Vec<_> = acme_pipeline::registry().iter().map(|codec| codec.entity()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    assert_eq!(names.len(), 5);
}
