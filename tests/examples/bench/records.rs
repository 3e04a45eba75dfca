//! How many records one core decodes and validates: order events as JSON, orders as PostgreSQL tuples. Invalid records are
//! part of the corpus (3 %), and what was accepted is counted.

use std::hint::black_box;
use std::time::{Duration, Instant};

use acme_pipeline::{sales_order, sales_order_event};
use covenant_model::codec::{EntityCodec, PgDatum};
use covenant_model::support::generated::Generated;

use crate::Failure;
use crate::figure::Row;
use crate::part::{Measured, peak_rss_mib, run};

const DOCUMENTS: usize = 10_000;
/// Every 33rd record breaks a rule: 3 %.
const INVALID_EVERY: usize = 33;
/// How long passes over the corpus are repeated, seconds; the best pass counts.
const SECONDS: &str = "2";
const SECONDS_QUICK: &str = "0.3";

const STATUSES: [&str; 7] =
    ["placed", "paid", "picked", "shipped", "delivered", "cancelled", "refunded"];

/// Part, and how the table calls it.
const PARTS: [(&str, &str); 4] = [
    ("event-typed", "validate + decode: order event, JSON of 349 bytes, typed"),
    ("event-record", "validate + decode: the same into a record"),
    ("order-typed", "validate + decode: order tuple, 20 columns, typed"),
    ("order-record", "validate + decode: the same into a record"),
];

/// Takes the figure.
pub(crate) fn figure(quick: bool) -> Result<Vec<Row>, Failure> {
    let seconds = if quick { SECONDS_QUICK } else { SECONDS };
    let row = |(part, name): (&str, &str)| {
        let measured = run(&["records", part, seconds], "")?;
        Ok(Row::new(name, measured.rate(), "records/s and core").memory(measured.rss_mib))
    };
    PARTS.into_iter().map(row).collect()
}

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

/// Takes one of [`PARTS`], in this process.
pub(crate) fn part(what: &str, seconds: f64) -> Result<Measured, Failure> {
    if let Some(form) = what.strip_prefix("event-") {
        let events: Vec<String> = (0..DOCUMENTS).map(event).collect();
        return if form == "typed" {
            measure(seconds, || {
                count(&events, |json| {
                    sales_order_event::Codec::typed_event("events", json.as_bytes()).is_ok()
                })
            })
        } else {
            let codec: &dyn EntityCodec = &sales_order_event::Codec;
            measure(seconds, || {
                count(&events, |json| codec.decode_event("events", json.as_bytes()).is_ok())
            })
        };
    }
    let orders: Vec<_> = (0..DOCUMENTS).map(order).collect();
    let tuples: Vec<Vec<PgDatum<'_>>> =
        orders.iter().map(|row| row.iter().map(datum).collect()).collect();
    let source = sales_order::ENTITY.source("store").map(|source| source.members);
    let names: Vec<_> = source.unwrap_or_default().iter().map(|member| member.name).collect();
    let map = sales_order::Codec.columns("store", &names);
    if what == "order-typed" {
        measure(seconds, || {
            count(&tuples, |tuple| sales_order::Codec::typed_pg("store", &map, tuple).is_ok())
        })
    } else {
        let codec: &dyn EntityCodec = &sales_order::Codec;
        measure(seconds, || count(&tuples, |tuple| codec.decode_pg("store", &map, tuple).is_ok()))
    }
}

fn datum(text: &Option<String>) -> PgDatum<'_> {
    match text {
        Some(text) => PgDatum::Text(text.as_bytes()),
        None => PgDatum::Null,
    }
}

fn count<T>(corpus: &[T], valid: impl Fn(&T) -> bool) -> usize {
    corpus.iter().filter(|record| valid(record)).count()
}

/// Repeats whole passes over the corpus; `pass` returns how many records were valid. On one thread, which is never without
/// work, so wall time of the best pass is CPU time.
fn measure(seconds: f64, mut pass: impl FnMut() -> usize) -> Result<Measured, Failure> {
    let expected = DOCUMENTS - DOCUMENTS.div_ceil(INVALID_EVERY);
    let found = pass();
    if found != expected {
        return Err(format!("{found} records were valid, {expected} should be").into());
    }
    let (mut best, began) = (Duration::MAX, Instant::now());
    while began.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        black_box(pass());
        best = best.min(start.elapsed());
    }
    let seconds = best.as_secs_f64();
    let rss_mib = peak_rss_mib("self").unwrap_or_default();
    Ok(Measured { count: DOCUMENTS as u64, seconds, cpu_s: seconds, rss_mib })
}
