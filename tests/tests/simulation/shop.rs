//! What the shop does: transactions over free rows, and events about orders that were, are, or are still to come.

use std::collections::BTreeSet;

use super::chance::Dice;
use super::postgres::{Op, Postgres};
use super::rows::{Body, Row, STATES, Table, uuid_text};

/// Rows of a table at which the shop stops adding.
const CUSTOMERS_MAX: usize = 10;
const ORDERS_MAX: usize = 16;

/// A shop that is idle empties a table once in so many times.
const TRUNCATE_ONCE_IN: usize = 12;

/// The shop. Keys are never used twice.
pub(crate) struct Shop {
    next_customer: u32,
    next_order: u32,
    next_number: u32,
}

impl Shop {
    /// Opens with rows that are older than the slot.
    pub(crate) fn open(dice: &Dice, server: &mut Postgres) -> Self {
        let mut shop = Self { next_customer: 1, next_order: 1, next_number: 1 };
        for _ in 0..dice.below(6) {
            let key = shop.customer();
            // Some share a mailbox with whoever came before them.
            let shared = key > 1 && dice.once_in(4);
            let body = shop.body(dice, if shared { key - 1 } else { key });
            server.customers.insert(key, Row::from_before(body));
            for _ in 0..dice.below(3) {
                let (order, body) = (shop.order(), shop.body(dice, key));
                server.orders.insert(order, Row::from_before(body));
            }
        }
        shop
    }

    fn customer(&mut self) -> u32 {
        self.next_customer += 1;
        self.next_customer - 1
    }

    fn order(&mut self) -> u32 {
        self.next_order += 1;
        self.next_order - 1
    }

    fn body(&mut self, dice: &Dice, parent: u32) -> Body {
        self.next_number += 1;
        let large = dice.once_in(2).then_some(self.next_number);
        let rank = dice.below(2);
        Body { number: self.next_number, large, parent, rank, bad: false }
    }

    /// Orders that were, are, or will be.
    pub(crate) fn orders_told(&self) -> u32 {
        self.next_order + 2
    }

    /// One to three operations in one transaction.
    pub(crate) fn act(&mut self, dice: &Dice, server: &mut Postgres) -> bool {
        if !server.may_begin() || server.is_truncating() {
            return false;
        }
        if server.may_truncate() && dice.once_in(TRUNCATE_ONCE_IN) {
            server.begin(self.truncate(dice));
            return true;
        }
        let mut taken = server.locked();
        let mut ops = Vec::new();
        for _ in 0..=dice.below(3) {
            let some = self.ops(dice, server, &taken);
            taken.extend(some.iter().flat_map(Op::locks));
            ops.extend(some);
        }
        let began = !ops.is_empty();
        if began {
            server.begin(ops);
        }
        began
    }

    /// A table is emptied, and perhaps filled again at once.
    fn truncate(&mut self, dice: &Dice) -> Vec<Op> {
        let table = if dice.once_in(2) { Table::Customers } else { Table::Orders };
        let mut ops = vec![Op::Truncate { table }];
        if dice.once_in(2) {
            let key = self.customer();
            let body = self.body(dice, key);
            ops.push(Op::Insert { table: Table::Customers, key, body });
            let body = self.body(dice, key);
            ops.push(Op::Insert { table: Table::Orders, key: self.order(), body });
        }
        ops
    }

    fn ops(&mut self, dice: &Dice, server: &Postgres, taken: &BTreeSet<(Table, u32)>) -> Vec<Op> {
        let free = |table: Table| -> Vec<(u32, Row)> {
            let rows = server.table(table).iter();
            rows.filter(|(key, _)| !taken.contains(&(table, **key)))
                .map(|(key, row)| (*key, *row))
                .collect()
        };
        let customer = dice.pick(&free(Table::Customers));
        let order = dice.pick(&free(Table::Orders));
        match (dice.below(16), customer, order) {
            (0 | 1, ..) if server.customers.len() < CUSTOMERS_MAX => {
                let key = self.customer();
                let body = self.body(dice, key);
                vec![Op::Insert { table: Table::Customers, key, body }]
            }
            (2, ..) if server.customers.len() < CUSTOMERS_MAX => {
                // a record that breaks its contract from the start
                let key = self.customer();
                let body = Body { bad: true, large: None, ..self.body(dice, key) };
                vec![Op::Insert { table: Table::Customers, key, body }]
            }
            (3..=5, Some((parent, row)), _)
                if server.orders.len() < ORDERS_MAX && row.good.is_some() =>
            {
                let body = self.body(dice, parent);
                vec![Op::Insert { table: Table::Orders, key: self.order(), body }]
            }
            (6..=8, Some((key, row)), _) => {
                vec![self.update(dice, Table::Customers, key, &row)]
            }
            (9..=12, _, Some((key, row))) => vec![self.update(dice, Table::Orders, key, &row)],
            (13, Some((from, row)), _) if row.good == Some(row.now) => {
                let to = self.customer();
                self.move_customer(dice, server, taken, (from, to), &row)
            }
            (14, _, Some((key, _))) => vec![Op::Delete { table: Table::Orders, key }],
            (15, Some((key, _)), _) if dice.once_in(2) => remove_customer(server, taken, key),
            _ => Vec::new(),
        }
    }

    fn update(&mut self, dice: &Dice, table: Table, key: u32, row: &Row) -> Op {
        self.next_number += 1;
        let before = row.now;
        let mut body = Body { number: self.next_number, bad: false, ..before };
        if dice.once_in(3) {
            body.large = dice.once_in(4).then_some(()).map_or(Some(self.next_number), |()| None);
        }
        if row.told && dice.once_in(4) {
            // Told as a record that breaks its contract, also with a new value out of line.
            return Op::Update { table, key, before, body: Body { bad: true, ..body } };
        }
        if table == Table::Orders && dice.once_in(2) {
            body.rank = (before.rank + dice.below(3)).min(STATES.len() - 1);
        }
        Op::Update { table, key, before, body }
    }

    /// The key of a customer changes, and its orders refer to the new one in the same transaction.
    fn move_customer(
        &mut self,
        dice: &Dice,
        server: &Postgres,
        taken: &BTreeSet<(Table, u32)>,
        (from, to): (u32, u32),
        row: &Row,
    ) -> Vec<Op> {
        let Some(orders) = free_orders(server, taken, from) else { return Vec::new() };
        let mut body = row.now;
        if dice.once_in(2) {
            self.next_number += 1;
            body.number = self.next_number;
        }
        let mut ops = vec![Op::Rekey { from, to, before: row.now, body }];
        ops.extend(orders.into_iter().map(|(key, row)| {
            let body = Body { parent: to, bad: false, ..row.now };
            Op::Update { table: Table::Orders, key, before: row.now, body }
        }));
        ops
    }
}

fn remove_customer(server: &Postgres, taken: &BTreeSet<(Table, u32)>, key: u32) -> Vec<Op> {
    let Some(orders) = free_orders(server, taken, key) else { return Vec::new() };
    let gone = orders.into_iter().map(|(key, _)| Op::Delete { table: Table::Orders, key });
    gone.chain([Op::Delete { table: Table::Customers, key }]).collect()
}

/// The orders of a customer; none where one of them is held.
fn free_orders(
    server: &Postgres,
    taken: &BTreeSet<(Table, u32)>,
    customer: u32,
) -> Option<Vec<(u32, Row)>> {
    let all: Vec<(u32, Row)> = server
        .orders
        .iter()
        .filter(|(_, row)| row.now.parent == customer)
        .map(|(key, row)| (*key, *row))
        .collect();
    all.iter().all(|(key, _)| !taken.contains(&(Table::Orders, *key))).then_some(all)
}

/// An event of the log.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) order: u32,
    pub(crate) sequence: u32,
    pub(crate) rank: usize,
    pub(crate) carrier: Option<u32>,
    /// Breaks its contract.
    pub(crate) bad: bool,
}

impl Event {
    /// As it is sent; `spelling` changes the bytes, not the meaning.
    pub(crate) fn json(&self, spelling: usize) -> Vec<u8> {
        let status = if self.bad { "lost" } else { STATES[self.rank] };
        let carrier =
            self.carrier.map(|n| format!(", \"carrier\": \"Carrier {n}\"")).unwrap_or_default();
        let space = " ".repeat(spelling);
        format!(
            "{{{space}\"event_id\": \"{}\", \"order_id\": \"{}\", \"sequence\": {}, \
             \"status\": \"{status}\", \"occurred_at\": \"2026-01-01T00:00:{:02}Z\", \
             \"producer\": \"floor\"{carrier}}}",
            self.id,
            super::rows::key_text(Table::Orders, self.order),
            self.sequence,
            self.sequence % 60,
        )
        .into_bytes()
    }
}

/// The producer's own log, and what it has not been told to be durable.
#[derive(Default)]
pub(crate) struct Producer {
    pub(crate) log: Vec<Event>,
    pub(crate) unsure: BTreeSet<usize>,
}

impl Producer {
    /// Something happened to some order.
    pub(crate) fn tell(&mut self, dice: &Dice, orders: u32) {
        let number = self.log.len() as u32 + 1;
        self.unsure.insert(self.log.len());
        self.log.push(Event {
            id: uuid_text(2, number),
            order: 1 + dice.below(orders as usize) as u32,
            sequence: number,
            rank: dice.below(STATES.len()),
            carrier: dice.once_in(3).then_some(number),
            bad: dice.once_in(8),
        });
    }

    /// Some events, in any order, some of them again.
    pub(crate) fn batch(&self, dice: &Dice) -> Vec<usize> {
        let waiting: Vec<usize> = self.unsure.iter().copied().collect();
        let mut batch: Vec<usize> =
            (0..=dice.below(3)).filter_map(|_| dice.pick(&waiting)).collect();
        if dice.once_in(3) && !self.log.is_empty() {
            batch.push(dice.below(self.log.len()));
        }
        batch
    }
}
