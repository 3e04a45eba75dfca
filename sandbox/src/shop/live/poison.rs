//! Rows that break their contract, and their repair. The log keeps the last valid row: what the pipeline must still show.

use jiff::Timestamp;

use super::{AccountManagers, Shop};
use crate::error::Result;
use crate::shop::log::Entry;
use crate::shop::rows::euros;
use crate::shop::tables::{CUSTOMERS, INVENTORY_LEVELS, ORDER_LINES, ORDERS, Table, key_is};
use crate::shop::world::{LiveOrder, Poisoned};

const TOTAL_ADDS_UP: &str = "total = subtotal + tax + shipping - discount";

impl<M: AccountManagers> Shop<M> {
    pub(super) async fn poison_order(&mut self) -> Result<()> {
        let Some(at) = self.world.any_order(self.maker.rng()) else { return Ok(()) };
        let order = self.world.orders.swap_remove(at);
        self.world.untouchable.insert(order.customer_id.clone());
        let key = vec![order.order_id.clone()];
        let row = Target { table: ORDERS, key, order: Some(order) };
        self.poison(row, "total = total + 0.01", TOTAL_ADDS_UP, "total_adds_up").await
    }

    pub(super) async fn poison_customer(&mut self) -> Result<()> {
        let Some(at) = self.world.any_customer(self.maker.rng()) else { return Ok(()) };
        let id = self.world.customers[at].clone();
        self.world.untouchable.insert(id.clone());
        let heal = format!("email = 'asked{}@mail.example'", self.below(1_000_000));
        let row = Target { table: CUSTOMERS, key: vec![id], order: None };
        self.poison(row, "email = 'not an address'", &heal, "format: email").await
    }

    pub(super) async fn poison_level(&mut self) -> Result<()> {
        let (sku, location) = self.world.any_level(self.maker.rng());
        self.world.bad_levels.insert((sku.clone(), location.clone()));
        let row = Target { table: INVENTORY_LEVELS, key: vec![sku, location], order: None };
        let heal = "reserved = on_hand";
        self.poison(row, "reserved = on_hand + 1", heal, "never_promise_more_than_there_is").await
    }

    pub(super) async fn poison_line(&mut self) -> Result<()> {
        let Some(at) = self.world.any_order(self.maker.rng()) else { return Ok(()) };
        let key = vec![self.world.orders[at].order_id.clone(), "1".to_owned()];
        let already = |known: &Poisoned| known.table == ORDER_LINES && known.key == key;
        if self.world.poisoned.iter().any(already) {
            return Ok(());
        }
        // Deleting the order would delete its poisoned line: both are left alone until repaired.
        let order = self.world.orders.swap_remove(at);
        self.world.untouchable.insert(order.customer_id.clone());
        let row = Target { table: ORDER_LINES, key, order: Some(order) };
        let heal = "line_total = quantity * unit_price - discount";
        self.poison(row, "line_total = line_total + 1", heal, "line_total_adds_up").await
    }

    async fn poison(&mut self, row: Target, set: &str, heal: &str, rule: &str) -> Result<()> {
        let Target { table, key, order } = row;
        let update = |set: &str| {
            let place = key_is(table, &key);
            format!("UPDATE public.{} SET {set}, updated_at = now() WHERE {place}", table.name)
        };
        // The history may still be on its way: a table read that finds the row broken already cannot tell what it was before.
        // So the last valid row is told by the log of changes, out-of-line values too.
        self.transaction(&[update(&told_again(table))], 1).await?;
        let last_valid = self.row(table, &key).await?;
        self.transaction(&[update(set)], 1).await?;
        let heal = update(heal);
        self.log.put(&Entry::Poisoned {
            table: table.name.to_owned(),
            key: key.clone(),
            last_valid,
            rule: rule.to_owned(),
        })?;
        self.world.poisoned.push(Poisoned { table, key, heal, order });
        Ok(())
    }

    /// An order that never was valid; its lines are.
    pub(super) async fn poison_new_order(&mut self) -> Result<()> {
        let Some(at) = self.world.any_customer(self.maker.rng()) else { return Ok(()) };
        let customer_id = self.world.customers[at].clone();
        self.world.untouchable.insert(customer_id.clone());
        self.world.last_order += 1;
        let number = self.world.last_order;
        let mut made = self.maker.order(&customer_id, number, Timestamp::now(), "placed");
        let cents: i64 = made.order.get("total").replace('.', "").parse().unwrap_or(0);
        set(&mut made.order.values, ORDERS.column("total"), Some(euros(cents + 1)));
        // A repair that does not touch an out-of-line value would not carry what was refused.
        set(&mut made.order.values, ORDERS.column("gift_message"), None);
        let order_id = made.order.get("order_id").to_owned();
        let mut statements = vec![made.order.insert()];
        statements.extend(made.lines.iter().map(|line| line.insert()));
        let changes = statements.len() as u64;
        self.transaction(&statements, changes).await?;
        let key = vec![order_id.clone()];
        self.log.put(&Entry::Poisoned {
            table: ORDERS.name.to_owned(),
            key: key.clone(),
            last_valid: None,
            rule: "total_adds_up".to_owned(),
        })?;
        let heal = format!(
            "UPDATE public.orders SET {TOTAL_ADDS_UP}, updated_at = now() WHERE {}",
            key_is(ORDERS, &key)
        );
        let order = LiveOrder { order_id, customer_id, in_table: 0, told: 0, sequence: 0 };
        self.world.poisoned.push(Poisoned { table: ORDERS, key, heal, order: Some(order) });
        Ok(())
    }

    /// Repairs one; at least one always stays poisoned, for the end.
    pub(super) async fn heal(&mut self) -> Result<()> {
        if self.world.poisoned.len() < 2 {
            return Ok(());
        }
        let at = self.below(self.world.poisoned.len() as u32) as usize;
        let healed = self.world.poisoned.swap_remove(at);
        self.transaction(std::slice::from_ref(&healed.heal), 1).await?;
        if healed.table == INVENTORY_LEVELS
            && let [sku, location] = healed.key.as_slice()
        {
            self.world.bad_levels.remove(&(sku.clone(), location.clone()));
        }
        self.world.orders.extend(healed.order);
        self.log.put(&Entry::Healed { table: healed.table.name.to_owned(), key: healed.key })
    }
}

/// An assignment that changes nothing, and has the server write every value of the row to its log.
fn told_again(table: Table) -> String {
    let large = match table {
        ORDERS => Some("gift_message"),
        CUSTOMERS => Some("notes"),
        _ => None,
    };
    match (large, table.columns.first()) {
        (Some(column), _) => format!("{column} = {column} || ''"),
        (None, Some(key)) => format!("{key} = {key}"),
        (None, None) => String::new(),
    }
}

/// The row to poison.
struct Target {
    table: Table,
    key: Vec<String>,
    order: Option<LiveOrder>,
}

fn set(values: &mut [Option<String>], at: Option<usize>, value: Option<String>) {
    if let Some(place) = at.and_then(|at| values.get_mut(at)) {
        *place = value;
    }
}
