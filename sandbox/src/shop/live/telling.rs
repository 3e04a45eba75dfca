//! Events: news, and everything that goes wrong on their way.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AccountManagers, Shop};
use crate::error::Result;
use crate::shop::catalog::CARRIERS;
use crate::shop::events::{OrderEvent, Outgoing};
use crate::shop::log::Why;
use crate::shop::world::{LiveOrder, status};

/// Rank of `shipped`: from here on a carrier is known.
const SHIPPED: usize = 3;
/// How far back a late event lies, at most, in minutes.
const LATE_MINUTES: u32 = 600;

impl<M: AccountManagers> Shop<M> {
    /// Tells what an order's state is now.
    pub(super) async fn tell(&mut self, at: usize, why: Why) -> Result<()> {
        self.world.orders[at].sequence += 1;
        let order = self.world.orders[at].clone();
        let event = self.event(&order, order.told, order.sequence, Timestamp::now());
        self.world.remember(event.clone(), self.maker.rng());
        self.send(event, true, why).await
    }

    fn event(&mut self, order: &LiveOrder, rank: usize, sequence: u64, at: Timestamp) -> Value {
        let producer = match rank {
            0 | 1 => "checkout",
            2 => "floor",
            3 | 4 => "carrier",
            _ => "desk",
        };
        let tracking: u32 = self.maker.rng().random();
        let carrier = (rank >= SHIPPED && self.below(4) > 0)
            .then(|| (self.maker.pick(CARRIERS), format!("T{tracking:010}")));
        OrderEvent {
            event_id: self.uuid(),
            order_id: order.order_id.clone(),
            sequence,
            status: status(rank),
            occurred_at: at,
            producer,
            carrier,
        }
        .json()
    }

    fn uuid(&mut self) -> String {
        Uuid::from_u128(self.maker.rng().random()).to_string()
    }

    async fn send(&mut self, body: Value, valid: bool, why: Why) -> Result<()> {
        self.tally.changes += 1;
        self.sender.send(Outgoing { body, valid, why }).await
    }

    /// The same event, byte for byte; sometimes long after newer ones.
    pub(super) async fn duplicate_event(&mut self) -> Result<()> {
        if self.world.sent.is_empty() {
            return self.advance(false, true).await;
        }
        let at = self.maker.rng().random_range(0..self.world.sent.len());
        let event = self.world.sent[at].clone();
        self.send(event, true, Why::Duplicate).await
    }

    /// An older state under an older sequence, told for the first time: it must not undo a newer one, nor its carrier.
    pub(super) async fn late_event(&mut self) -> Result<()> {
        let Some(at) = self.world.any_order(self.maker.rng()) else { return Ok(()) };
        let order = self.world.orders[at].clone();
        let rank = self.maker.rng().random_range(0..=order.told.min(SHIPPED + 1));
        let sequence = self.maker.rng().random_range(1..=order.sequence.max(1));
        let at = self.some_time_ago();
        let event = self.event(&order, rank, sequence, at);
        self.send(event, true, Why::Late).await
    }

    fn some_time_ago(&mut self) -> Timestamp {
        let back = SignedDuration::from_mins(i64::from(self.below(LATE_MINUTES)));
        Timestamp::now().saturating_sub(back).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// About an order that was deleted: it stays deleted.
    pub(super) async fn stale_event(&mut self) -> Result<()> {
        if self.world.deleted.is_empty() {
            return Ok(());
        }
        let at = self.maker.rng().random_range(0..self.world.deleted.len());
        self.world.deleted[at].sequence += 1;
        let order = self.world.deleted[at].clone();
        let rank = (order.told + 1).min(SHIPPED + 1);
        let event = self.event(&order, rank, order.sequence, Timestamp::now());
        self.send(event, true, Why::Stale).await
    }

    /// About an order that never was: kept, not shown.
    pub(super) async fn stray_event(&mut self) -> Result<()> {
        let order_id = self.uuid();
        let order =
            LiveOrder { order_id, customer_id: String::new(), in_table: 0, told: 1, sequence: 1 };
        let event = self.event(&order, 1, 1, Timestamp::now());
        self.send(event, true, Why::Stray).await
    }

    /// Breaks what every entity that listens to the stream demands, each time in another way.
    pub(super) async fn malformed_event(&mut self) -> Result<()> {
        let Some(at) = self.world.any_order(self.maker.rng()) else { return Ok(()) };
        let order = self.world.orders[at].clone();
        let mut event = self.event(&order, order.told, order.sequence + 1, Timestamp::now());
        match self.below(6) {
            0 => {
                event.as_object_mut().map(|fields| fields.remove("status"));
            }
            1 => event["status"] = json!("teleported"),
            2 => event["sequence"] = json!("first"),
            3 => event["order_id"] = json!("no order"),
            4 => event["occurred_at"] = json!("yesterday"),
            _ => event = Value::String("{\"event_id\": \"cut off".to_owned()),
        }
        self.send(event, false, Why::Malformed).await
    }
}
