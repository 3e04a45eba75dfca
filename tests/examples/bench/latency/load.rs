//! The writer: a timetable of transactions, carried out by several connections so that a slow commit delays none of the
//! others' turns for long.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::Failure;
use crate::shop::Shop;

/// Orders of a transaction.
const PER_TRANSACTION: u64 = 5;
/// Connections that write in turns.
const WRITERS: u64 = 8;
/// Between the decision to begin and the first turn.
const LEAD: Duration = Duration::from_millis(300);

/// What was written, and when.
pub(super) struct Written {
    /// Number of the first order.
    first: u64,
    /// Of each transaction: when it was due, when its commit was told; microseconds since 1970.
    turns: Vec<(i64, i64)>,
}

impl Written {
    /// Changes.
    pub(super) fn count(&self) -> u64 {
        self.turns.len() as u64 * PER_TRANSACTION
    }

    /// When an order was due; none: it is none of these.
    pub(super) fn due_us(&self, order: u64) -> Option<i64> {
        let turn = order.checked_sub(self.first)? / PER_TRANSACTION;
        self.turns.get(usize::try_from(turn).ok()?).map(|(due, _)| *due)
    }

    /// How late commits were told, by the timetable, in seconds.
    pub(super) fn own_delays_s(&self) -> Vec<f64> {
        self.turns.iter().map(|(due, told)| (told - due) as f64 / 1e6).collect()
    }
}

/// Writes `rate` orders a second for so long.
pub(super) async fn run(
    shop: &Shop,
    first: u64,
    rate: u64,
    seconds: u64,
) -> Result<Written, Failure> {
    let transactions = rate * seconds / PER_TRANSACTION;
    let every = Duration::from_secs_f64(PER_TRANSACTION as f64 / rate as f64);
    let (begin, begin_us) = (Instant::now() + LEAD, now_us() + LEAD.as_micros() as i64);
    let table = Arc::new(Timetable { first, transactions, every, begin, begin_us });
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let client = shop.source.connect().await?;
        let statement = client.prepare("SELECT bench_orders($1, $2)").await?;
        let table = Arc::clone(&table);
        writers.push(tokio::spawn(async move {
            let mut turns = Vec::new();
            for turn in (writer..table.transactions).step_by(WRITERS as usize) {
                tokio::time::sleep_until(table.begin + table.after(turn)).await;
                let first = (table.first + turn * PER_TRANSACTION) as i64;
                client.execute(&statement, &[&first, &(PER_TRANSACTION as i64)]).await?;
                let due_us = table.begin_us + table.after(turn).as_micros() as i64;
                turns.push((turn, due_us, now_us()));
            }
            Ok::<_, tokio_postgres::Error>(turns)
        }));
    }
    let mut turns = Vec::new();
    for writer in writers {
        turns.extend(writer.await??);
    }
    turns.sort_unstable();
    let turns = turns.into_iter().map(|(_, due, told)| (due, told)).collect();
    Ok(Written { first, turns })
}

struct Timetable {
    first: u64,
    transactions: u64,
    every: Duration,
    begin: Instant,
    begin_us: i64,
}

impl Timetable {
    fn after(&self, turn: u64) -> Duration {
        self.every.mul_f64(turn as f64)
    }
}

/// The machine's clock, microseconds since 1970.
pub(super) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
