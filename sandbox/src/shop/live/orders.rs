//! Orders: placed, moved on, deleted; and the column that appears one day.

use jiff::Timestamp;

use super::{AccountManagers, Shop};
use crate::error::Result;
use crate::shop::log::{Entry, Why};
use crate::shop::tables::{ORDERS, Row, literal};
use crate::shop::world::{LiveOrder, next_rank, status};

/// Rank of `cancelled`.
const CANCELLED: usize = 5;
/// One order in this many is cancelled instead of moving on, while that is allowed.
const CANCEL_ONE_IN: u32 = 15;
/// Orders can be cancelled up to this rank (picked).
const CANCELLABLE_TO: usize = 2;

impl<M: AccountManagers> Shop<M> {
    /// Order, lines and reservations in one transaction; checkout tells at the same time.
    pub(super) async fn new_order(&mut self) -> Result<()> {
        let Some(at) = self.world.any_customer(self.maker.rng()) else { return Ok(()) };
        let customer_id = self.world.customers[at].clone();
        self.world.last_order += 1;
        let number = self.world.last_order;
        let made = self.maker.order(&customer_id, number, Timestamp::now(), "placed");
        let mut statements = vec![made.order.insert()];
        statements.extend(made.lines.iter().map(Row::insert));
        statements.extend(made.lines.iter().filter_map(|line| self.reserve(line)));
        let changes = statements.len() as u64;
        self.transaction(&statements, changes).await?;
        let order = LiveOrder {
            order_id: made.order.get("order_id").to_owned(),
            customer_id,
            in_table: 0,
            told: 0,
            sequence: 0,
        };
        self.wrote(ORDERS, &[&order.order_id])?;
        self.world.orders.push(order);
        let last = self.world.orders.len() - 1;
        self.tell(last, Why::News).await
    }

    /// Never more than there is: an empty shelf changes nothing.
    fn reserve(&self, line: &Row) -> Option<String> {
        let (sku, location) = (line.get("sku"), line.get("location"));
        let level = (sku.to_owned(), location.to_owned());
        if location.is_empty() || self.world.bad_levels.contains(&level) {
            return None;
        }
        Some(format!(
            "UPDATE public.inventory_levels SET reserved = least(on_hand, reserved + {}), \
             updated_at = now() WHERE sku = {} AND location = {}",
            line.get("quantity"),
            literal(sku),
            literal(location)
        ))
    }

    /// An order reaches its next state, told by the table, by an event, or by both.
    pub(super) async fn advance(&mut self, in_table: bool, by_event: bool) -> Result<()> {
        let Some(at) = self.world.movable(self.maker.rng()) else { return self.new_order().await };
        let told = self.world.orders[at].told;
        let cancel = told <= CANCELLABLE_TO && self.maker.one_in(CANCEL_ONE_IN);
        let Some(next) = (if cancel { Some(CANCELLED) } else { next_rank(told) }) else {
            return Ok(());
        };
        // Sometimes the event overtakes the table.
        let event_first = by_event && self.below(2) == 0;
        self.world.orders[at].told = next;
        if event_first {
            self.tell(at, Why::News).await?;
        }
        if in_table {
            self.write_status(at, next).await?;
        }
        if by_event && !event_first {
            self.tell(at, Why::News).await?;
        }
        Ok(())
    }

    async fn write_status(&mut self, at: usize, rank: usize) -> Result<()> {
        let order_id = self.world.orders[at].order_id.clone();
        let wrap = if self.world.has_gift_wrap { ", gift_wrap = true" } else { "" };
        let update = format!(
            "UPDATE public.orders SET status = '{}', updated_at = now(){wrap} \
             WHERE order_id = '{order_id}'",
            status(rank)
        );
        self.transaction(&[update], 1).await?;
        self.world.orders[at].in_table = rank;
        self.wrote(ORDERS, &[&order_id])
    }

    /// Deletes an order with its lines; the carrier has not heard of it and goes on telling.
    pub(super) async fn delete_order(&mut self) -> Result<()> {
        let Some(at) = self.world.any_order(self.maker.rng()) else { return Ok(()) };
        let order = self.world.orders.swap_remove(at);
        let delete = format!("DELETE FROM public.orders WHERE order_id = '{}'", order.order_id);
        self.transaction(&[delete], 3).await?;
        self.log.put(&Entry::Deleted {
            table: ORDERS.name.to_owned(),
            key: vec![order.order_id.clone()],
        })?;
        self.world.deleted.push(order);
        self.stale_event().await
    }

    /// An additive change that no contract knows of yet.
    pub(super) async fn add_column(&mut self) -> Result<()> {
        let alter = "ALTER TABLE public.orders ADD COLUMN gift_wrap boolean NOT NULL DEFAULT false";
        self.transaction(&[alter.to_owned()], 0).await?;
        self.world.has_gift_wrap = true;
        self.log.put(&Entry::Noted { what: "public.orders has a new column gift_wrap".to_owned() })
    }
}
