//! What the shop remembers of its own rows: enough to act on them, and to keep poisoned ones out of everyday business.

use std::collections::BTreeSet;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;

use super::catalog::{LOCATIONS, STATUSES, rank, sku};
use super::history::Loaded;
use super::rows::{FIRST_CUSTOMER, Size, customer_id};
use super::tables::Table;

/// Sent events that duplicates are drawn from.
const SENT_MAX: usize = 2_000;

/// An order that the shop acts on.
#[derive(Clone, Debug)]
pub struct LiveOrder {
    /// Its key.
    pub order_id: String,
    /// Its customer.
    pub customer_id: String,
    /// Rank of its state in the table.
    pub in_table: usize,
    /// Rank of its state by whatever was told.
    pub told: usize,
    /// Sequence of its last event.
    pub sequence: u64,
}

/// A poisoned row, and the SQL that repairs it.
#[derive(Clone, Debug)]
pub struct Poisoned {
    /// Table.
    pub table: Table,
    /// Key.
    pub key: Vec<String>,
    /// `UPDATE …`
    pub heal: String,
    /// The order to act on again afterwards.
    pub order: Option<LiveOrder>,
}

/// The shop's memory.
#[derive(Debug)]
pub struct World {
    /// Orders that things happen to.
    pub orders: Vec<LiveOrder>,
    /// Customers, by place.
    pub customers: Vec<String>,
    /// Customers that must be left alone: poisoned, or with a poisoned order.
    pub untouchable: BTreeSet<String>,
    /// Stock levels that must be left alone.
    pub bad_levels: BTreeSet<(String, String)>,
    /// Rows to repair.
    pub poisoned: Vec<Poisoned>,
    /// Deleted orders with their last sequence.
    pub deleted: Vec<LiveOrder>,
    /// Events that were sent.
    pub sent: Vec<Value>,
    /// Number of the last customer.
    pub last_customer: u64,
    /// Number of the last order.
    pub last_order: u64,
    /// Whether the additional column is there.
    pub has_gift_wrap: bool,
    articles: u32,
}

impl World {
    /// After the history.
    pub fn after(loaded: &Loaded, size: Size) -> Self {
        let orders = loaded
            .recent
            .iter()
            .filter_map(|order| {
                let at = rank(&order.status)?;
                Some(LiveOrder {
                    order_id: order.order_id.clone(),
                    customer_id: order.customer_id.clone(),
                    in_table: at,
                    told: at,
                    sequence: at as u64 + 1,
                })
            })
            .collect();
        let customers = (FIRST_CUSTOMER..=loaded.last_customer).map(customer_id).collect();
        Self {
            orders,
            customers,
            untouchable: BTreeSet::new(),
            bad_levels: BTreeSet::new(),
            poisoned: Vec::new(),
            deleted: Vec::new(),
            sent: Vec::new(),
            last_customer: loaded.last_customer,
            last_order: loaded.last_order,
            has_gift_wrap: false,
            articles: size.articles,
        }
    }

    /// An order that can still move on.
    pub fn movable(&self, rng: &mut StdRng) -> Option<usize> {
        // A few draws are enough: most orders can.
        (0..50)
            .map(|_| rng.random_range(0..self.orders.len().max(1)))
            .find(|at| self.orders.get(*at).is_some_and(|order| next_rank(order.told).is_some()))
    }

    /// Any order.
    pub fn any_order(&self, rng: &mut StdRng) -> Option<usize> {
        (!self.orders.is_empty()).then(|| rng.random_range(0..self.orders.len()))
    }

    /// A customer that may be touched.
    pub fn any_customer(&self, rng: &mut StdRng) -> Option<usize> {
        (0..50)
            .map(|_| rng.random_range(0..self.customers.len().max(1)))
            .find(|at| self.customers.get(*at).is_some_and(|id| !self.untouchable.contains(id)))
    }

    /// A stock level that may be touched.
    pub fn any_level(&self, rng: &mut StdRng) -> (String, String) {
        loop {
            let article = rng.random_range(1..=self.articles);
            let location = LOCATIONS[rng.random_range(0..LOCATIONS.len())];
            let level = (sku(article), location.to_owned());
            // There are many more levels than poisoned ones.
            if !self.bad_levels.contains(&level) {
                return level;
            }
        }
    }

    /// Remembers an event for duplicates.
    pub fn remember(&mut self, event: Value, rng: &mut StdRng) {
        if self.sent.len() < SENT_MAX {
            self.sent.push(event);
        } else {
            let at = rng.random_range(0..SENT_MAX);
            self.sent[at] = event;
        }
    }
}

/// Where an order goes from this rank: placed, paid, picked, shipped, delivered. Ends there.
pub fn next_rank(told: usize) -> Option<usize> {
    (told < 4).then_some(told + 1)
}

/// The state of a rank.
pub fn status(rank: usize) -> &'static str {
    STATUSES.get(rank).copied().unwrap_or("placed")
}
