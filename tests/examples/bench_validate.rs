//! How many records one core decodes and validates: order events as JSON, orders as PostgreSQL tuples.
//!
//! `cargo run --example bench_validate [seconds]`; figures stand in docs/performance.md. Invalid records are part of
//! the corpus (3 %), and what was accepted is counted: a fast wrong answer is the usual bug.

use std::hint::black_box;
use std::time::{Duration, Instant};

use acme_pipeline::{sales_order, sales_order_event};
use covenant_model::codec::{EntityCodec, PgDatum};
use covenant_model::support::generated::Generated;

const DOCUMENTS: usize = 10_000;
/// Every 33rd record breaks a rule: 3 %.
const INVALID_EVERY: usize = 33;
const SECONDS_DEFAULT: f64 = 2.0;

const STATUSES: [&str; 7] =
    ["placed", "paid", "picked", "shipped", "delivered", "cancelled", "refunded"];

fn event(number: usize) -> String {
    let status = if number.is_multiple_of(INVALID_EVERY) { "lost" } else { STATUSES[number % 7] };
    format!(
        r#"{{"event_id":"0189d5f2-{:04x}-7000-8000-{number:012x}","sequence":{},"occurred_at":"2026-03-{:02}T{:02}:15:42.{:06}Z","order_id":"0189d5f2-0000-7000-8000-{number:012x}","status":"{status}","producer":"carrier","carrier":"Deutsche Post DHL","tracking_number":"00340434{number:012}","location":"DE-LEJ-2","remark":"left with a neighbour, signed by the neighbour"}}"#,
        number % 65_536,
        number % 9 + 1,
        number % 28 + 1,
        number % 24,
        number % 1_000_000,
    )
}

fn order(number: usize) -> Vec<Option<String>> {
    let total = if number.is_multiple_of(INVALID_EVERY) { 1 } else { 12_390 + number % 100 };
    [
        Some(format!("0189d5f2-0000-7000-8000-{number:012x}")),
        Some(format!("C{number:09}")),
        Some((number + 1).to_string()),
        Some(STATUSES[number % 7].to_owned()),
        Some("web".to_owned()),
        Some("EUR".to_owned()),
        Some(format!("100.{:02}", number % 100)),
        Some("19.00".to_owned()),
        Some("4.90".to_owned()),
        Some("0.00".to_owned()),
        Some(format!("{}.{:02}", total / 100, total % 100)),
        Some("2".to_owned()),
        Some(format!("customer.{number}@example.com")),
        Some("Musterstraße 12".to_owned()),
        Some("DE".to_owned()),
        Some(format!("{number:032x}")),
        None,
        Some("2026-03-05".to_owned()),
        Some("2026-03-01 10:15:42.123456+00".to_owned()),
        Some("2026-03-01 10:15:43+00".to_owned()),
    ]
    .to_vec()
}

/// Runs whole passes over the corpus and prints the figure; `pass` returns how many were valid.
fn measure(name: &str, bytes: usize, seconds: f64, mut pass: impl FnMut() -> usize) {
    let expected = DOCUMENTS - DOCUMENTS.div_ceil(INVALID_EVERY);
    assert_eq!(pass(), expected, "{name}: another number of valid records");
    let (mut best, mut passes, began) = (Duration::MAX, 0u32, Instant::now());
    while began.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        black_box(pass());
        best = best.min(start.elapsed());
        passes += 1;
    }
    let per_record_ns = best.as_nanos() as f64 / DOCUMENTS as f64;
    println!(
        "{name:<34} {:>9.0} records/s {per_record_ns:>7.0} ns {:>7.0} MB/s  best of {passes}",
        1e9 / per_record_ns,
        bytes as f64 / best.as_secs_f64() / 1e6,
    );
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or(SECONDS_DEFAULT);
    let events: Vec<String> = (0..DOCUMENTS).map(event).collect();
    let bytes = events.iter().map(String::len).sum();
    measure("event JSON, typed", bytes, seconds, || {
        let typed = |json: &String| {
            sales_order_event::Codec::typed_event("events", json.as_bytes()).is_ok()
        };
        events.iter().filter(|json| typed(json)).count()
    });
    measure("event JSON, record", bytes, seconds, || {
        let codec: &dyn EntityCodec = &sales_order_event::Codec;
        events.iter().filter(|json| codec.decode_event("events", json.as_bytes()).is_ok()).count()
    });
    let orders: Vec<_> = (0..DOCUMENTS).map(order).collect();
    let bytes = orders.iter().flatten().flatten().map(String::len).sum();
    let tuples: Vec<Vec<PgDatum<'_>>> = orders
        .iter()
        .map(|row| {
            row.iter()
                .map(|text| match text {
                    Some(text) => PgDatum::Text(text.as_bytes()),
                    None => PgDatum::Null,
                })
                .collect()
        })
        .collect();
    let source = sales_order::ENTITY.source("store").map(|source| source.members);
    let names: Vec<_> = source.unwrap_or_default().iter().map(|member| member.name).collect();
    let map = sales_order::Codec.columns("store", &names);
    measure("order tuple (20 columns), typed", bytes, seconds, || {
        let typed =
            |tuple: &Vec<PgDatum<'_>>| sales_order::Codec::typed_pg("store", &map, tuple).is_ok();
        tuples.iter().filter(|tuple| typed(tuple)).count()
    });
    measure("order tuple (20 columns), record", bytes, seconds, || {
        let codec: &dyn EntityCodec = &sales_order::Codec;
        tuples.iter().filter(|tuple| codec.decode_pg("store", &map, tuple).is_ok()).count()
    });
}
