//! Loads years of orders by COPY. Everything follows from the seed and the instant that counts as now.

use bytes::Bytes;
use futures::SinkExt;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use tokio_postgres::Client;

use super::catalog;
use super::rows::{FIRST_CUSTOMER, Maker, customer_id};
use super::tables::{CUSTOMERS, INVENTORY_LEVELS, ORDER_LINES, ORDERS, Row, Table};
use crate::error::{At, Result};

/// The history's length, in days.
const HISTORY_DAYS: i64 = 5 * 365;
/// No order was last touched between these ages, in days: what Salesforce holds ends at 18 months, and an order that
/// crosses that line during a run would be neither expected nor unexpected.
const GAP_DAYS: std::ops::Range<i64> = 530..565;
/// The youngest order of the history, in minutes.
const YOUNGEST_MINUTES: i64 = 30;
const MINUTES_PER_DAY: i64 = 24 * 60;
/// Rows are sent in pieces of this size, in bytes.
const PIECE_BYTES: usize = 1 << 18;
const PLACE: &str = "shop history";

/// An order that is still open at the end of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Its key.
    pub order_id: String,
    /// Its customer.
    pub customer_id: String,
    /// Its state in the table.
    pub status: String,
}

/// What was loaded, as far as the live shop goes on with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Rows by table, in the order of loading.
    pub rows: Vec<(String, u64)>,
    /// The youngest orders.
    pub recent: Vec<OpenOrder>,
    /// Number of the last customer.
    pub last_customer: u64,
    /// Number of the last order.
    pub last_order: u64,
}

/// How many of the youngest orders the live shop goes on with.
const RECENT: usize = 2_000;

/// Loads everything. `progress` gets the number of rows since the last call.
///
/// # Errors
/// Where the database refuses.
pub async fn load(
    client: &Client,
    maker: &mut Maker,
    now: Timestamp,
    mut progress: impl FnMut(u64),
) -> Result<Loaded> {
    let size = maker.size();
    let mut loaded = Loaded {
        last_customer: FIRST_CUSTOMER + u64::from(size.customers) - 1,
        last_order: u64::from(size.orders),
        ..Loaded::default()
    };
    let start = back(now, HISTORY_DAYS * MINUTES_PER_DAY);
    let mut customers = Copy::start(client, CUSTOMERS).await?;
    for at in 0..u64::from(size.customers) {
        customers.put(&maker.customer(FIRST_CUSTOMER + at, start), &mut progress).await?;
    }
    loaded.rows.push((CUSTOMERS.name.to_owned(), customers.finish(&mut progress).await?));
    load_levels(client, maker, back(now, MINUTES_PER_DAY), &mut loaded, &mut progress).await?;
    load_orders(client, maker, now, &mut loaded, &mut progress).await?;
    client.batch_execute("ANALYZE").await.at(PLACE, "ANALYZE failed", "")?;
    Ok(loaded)
}

async fn load_levels(
    client: &Client,
    maker: &mut Maker,
    at: Timestamp,
    loaded: &mut Loaded,
    progress: &mut impl FnMut(u64),
) -> Result<()> {
    let mut levels = Copy::start(client, INVENTORY_LEVELS).await?;
    for article in 1..=maker.size().articles {
        for location in catalog::LOCATIONS {
            levels.put(&maker.level(article, location, at), progress).await?;
        }
    }
    loaded.rows.push((INVENTORY_LEVELS.name.to_owned(), levels.finish(progress).await?));
    Ok(())
}

/// Lines are kept until their orders are in: one connection copies one table at a time.
async fn load_orders(
    client: &Client,
    maker: &mut Maker,
    now: Timestamp,
    loaded: &mut Loaded,
    progress: &mut impl FnMut(u64),
) -> Result<()> {
    const CHUNK: u64 = 20_000;
    let total = loaded.last_order;
    let (mut orders_loaded, mut lines_loaded) = (0, 0);
    let mut number = 1;
    while number <= total {
        let mut lines = Vec::new();
        let mut orders = Copy::start(client, ORDERS).await?;
        for number in number..=total.min(number + CHUNK - 1) {
            let made = history_order(maker, number, total, now);
            orders.put(&made.order, progress).await?;
            if total - number < RECENT as u64 {
                loaded.recent.push(open_order(&made.order));
            }
            lines.extend(made.lines);
        }
        orders_loaded += orders.finish(progress).await?;
        let mut copy = Copy::start(client, ORDER_LINES).await?;
        for line in &lines {
            copy.put(line, progress).await?;
        }
        lines_loaded += copy.finish(progress).await?;
        number += CHUNK;
    }
    loaded.rows.push((ORDERS.name.to_owned(), orders_loaded));
    loaded.rows.push((ORDER_LINES.name.to_owned(), lines_loaded));
    Ok(())
}

fn open_order(order: &Row) -> OpenOrder {
    OpenOrder {
        order_id: order.get("order_id").to_owned(),
        customer_id: order.get("customer_id").to_owned(),
        status: order.get("status").to_owned(),
    }
}

/// Orders grow younger with their number; the youngest are still open.
fn history_order(
    maker: &mut Maker,
    number: u64,
    total: u64,
    now: Timestamp,
) -> super::rows::OrderRows {
    let customers = u64::from(maker.size().customers);
    let customer = customer_id(FIRST_CUSTOMER + maker.rng().random_range(0..customers));
    let span = HISTORY_DAYS * MINUTES_PER_DAY - YOUNGEST_MINUTES;
    let share = (total - number) as f64 / total as f64;
    let mut minutes = YOUNGEST_MINUTES + (span as f64 * share) as i64;
    let gap = GAP_DAYS.start * MINUTES_PER_DAY..GAP_DAYS.end * MINUTES_PER_DAY;
    if gap.contains(&minutes) {
        minutes = gap.start - 1;
    }
    let status = if total - number < RECENT as u64 {
        catalog::STATUSES[maker.rng().random_range(0..4)]
    } else if maker.one_in(12) {
        "cancelled"
    } else {
        "delivered"
    };
    maker.order(&customer, number, back(now, minutes), status)
}

fn back(now: Timestamp, minutes: i64) -> Timestamp {
    now.saturating_sub(SignedDuration::from_mins(minutes)).unwrap_or(now)
}

/// A COPY in progress.
struct Copy {
    sink: std::pin::Pin<Box<tokio_postgres::CopyInSink<Bytes>>>,
    piece: String,
    pending: u64,
    table: Table,
}

impl Copy {
    async fn start(client: &Client, table: Table) -> Result<Self> {
        let sql = format!("COPY public.{} ({}) FROM STDIN", table.name, table.columns.join(", "));
        let sink = client.copy_in(sql.as_str()).await.at(
            PLACE,
            format!("COPY {} was refused", table.name),
            "",
        )?;
        let piece = String::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
        Ok(Self { sink: Box::pin(sink), piece, pending: 0, table })
    }

    async fn put(&mut self, row: &Row, progress: &mut impl FnMut(u64)) -> Result<()> {
        row.copy_line(&mut self.piece);
        self.pending += 1;
        if self.piece.len() >= PIECE_BYTES { self.flush(progress).await } else { Ok(()) }
    }

    async fn flush(&mut self, progress: &mut impl FnMut(u64)) -> Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        let told = format!("COPY {} failed", self.table.name);
        self.sink.send(piece).await.at(PLACE, told, "")?;
        progress(std::mem::take(&mut self.pending));
        Ok(())
    }

    async fn finish(mut self, progress: &mut impl FnMut(u64)) -> Result<u64> {
        self.flush(progress).await?;
        let told = format!("COPY {} failed", self.table.name);
        self.sink.as_mut().finish().await.at(PLACE, told, "")
    }
}
