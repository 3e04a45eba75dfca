//! Makes valid rows. A function of the seed and of the instant that it is given: same input, same rows.

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use super::catalog;
use super::tables::{CUSTOMERS, INVENTORY_LEVELS, ORDER_LINES, ORDERS, Row};

/// One customer in this many has notes.
const NOTES_ONE_IN: u32 = 30;
/// One order in this many has a gift message.
const GIFT_ONE_IN: u32 = 50;
/// Length of notes and gift messages, in bytes: beyond 2 kB PostgreSQL stores them out of line.
const LARGE_BYTES: usize = 3_000;
/// Number of the first customer.
pub const FIRST_CUSTOMER: u64 = 100_000_001;
/// Share of the price that is tax, in percent.
const TAX_PERCENT: i64 = 19;
const TAX_RATE: &str = "0.1900";
const CENTS_PER_EURO: i64 = 100;
/// Goods above this ship free, in cents.
const FREE_SHIPPING_CENTS: i64 = 4_900;
const SHIPPING_CENTS: i64 = 495;
const MAX_LINES: u32 = 4;

/// How large the shop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Orders in the history.
    pub orders: u32,
    /// Customers in the history.
    pub customers: u32,
    /// Articles; each lies at every location.
    pub articles: u32,
}

impl Size {
    /// A shop of that many orders: eight per customer, and articles in keeping.
    pub fn of_orders(orders: u32) -> Self {
        Self { orders, customers: (orders / 8).max(20), articles: (orders / 100).clamp(50, 2_000) }
    }
}

/// Makes rows.
#[derive(Debug)]
pub struct Maker {
    rng: StdRng,
    size: Size,
}

/// An order with its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRows {
    /// The order.
    pub order: Row,
    /// Its lines.
    pub lines: Vec<Row>,
}

impl Maker {
    /// Same seed, same rows.
    pub fn new(seed: u64, size: Size) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), size }
    }

    /// The dice, for choices around the rows.
    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.rng
    }

    /// How large the shop is.
    pub fn size(&self) -> Size {
        self.size
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.rng.random_range(0..n) == 0
    }

    /// One of a list.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.random_range(0..from.len())]
    }

    /// A customer of that number.
    pub fn customer(&mut self, number: u64, created: Timestamp) -> Row {
        let first = self.pick(catalog::FIRST_NAMES);
        let last = self.pick(catalog::LAST_NAMES);
        let (city, postal_code, country, language) = self.pick(catalog::PLACES);
        let segment = self.pick(&["consumer", "consumer", "consumer", "business", "wholesale"]);
        let credit = if segment == "consumer" { 0 } else { self.rng.random_range(1..500) * 100 };
        let notes = self.one_in(NOTES_ONE_IN).then(|| self.large_text("Called about"));
        let born = format!("19{:02}-{:02}-15", self.rng.random_range(50..99), 1 + number % 12);
        let street = format!("{} {}", self.pick(catalog::STREETS), self.rng.random_range(1..200));
        let phone = format!("+49 40 {:07}", self.rng.random_range(0..10_000_000));
        let values = vec![
            Some(customer_id(number)),
            Some(format!("{first} {last}")),
            Some(first.to_owned()),
            Some(last.to_owned()),
            Some(format!("customer{number}@mail.example")),
            (!self.one_in(5)).then_some(phone),
            self.one_in(2).then_some(born),
            Some(street),
            Some(city.to_owned()),
            Some(postal_code.to_owned()),
            Some(country.to_owned()),
            Some(language.to_owned()),
            Some(segment.to_owned()),
            Some(euros(credit * CENTS_PER_EURO)),
            Some(self.rng.random_range(0..5_000).to_string()),
            Some(self.one_in(3).to_string()),
            notes,
            Some(created.to_string()),
            Some(created.to_string()),
        ];
        Row { table: CUSTOMERS, values }
    }

    /// An order of a customer, with its lines.
    pub fn order(
        &mut self,
        customer: &str,
        number: u64,
        placed: Timestamp,
        status: &str,
    ) -> OrderRows {
        let order_id = Uuid::from_u128(self.rng.random()).to_string();
        // 1 to 4, on average 2.2 lines
        let count = self.rng.random_range(1..=MAX_LINES).min(self.rng.random_range(2..=MAX_LINES));
        let mut lines = Vec::new();
        let mut subtotal = 0;
        for line_no in 1..=count {
            let (row, cents) = self.line(&order_id, line_no, placed, status);
            lines.push(row);
            subtotal += cents;
        }
        let tax = subtotal * TAX_PERCENT / 100;
        let shipping = if subtotal >= FREE_SHIPPING_CENTS { 0 } else { SHIPPING_CENTS };
        let discount = if self.one_in(6) { subtotal / 10 } else { 0 };
        let (_, _, country, _) = self.pick(catalog::PLACES);
        let session: u64 = self.rng.random();
        let promised = placed.saturating_add(SignedDuration::from_hours(72)).unwrap_or(placed);
        let values = vec![
            Some(order_id),
            Some(customer.to_owned()),
            Some(number.to_string()),
            Some(status.to_owned()),
            Some(self.pick(catalog::CHANNELS).to_owned()),
            Some("EUR".to_owned()),
            Some(euros(subtotal)),
            Some(euros(tax)),
            Some(euros(shipping)),
            Some(euros(discount)),
            Some(euros(subtotal + tax + shipping - discount)),
            Some(count.to_string()),
            Some(format!("order{number}@mail.example")),
            Some(format!("{} {}", self.pick(catalog::STREETS), self.rng.random_range(1..200))),
            Some(country.to_owned()),
            (!self.one_in(4)).then(|| format!("s-{session:016x}")),
            self.one_in(GIFT_ONE_IN).then(|| self.large_text("With love from")),
            Some(promised.to_string()[..10].to_owned()),
            Some(placed.to_string()),
            Some(placed.to_string()),
        ];
        OrderRows { order: Row { table: ORDERS, values }, lines }
    }

    fn line(&mut self, order_id: &str, line_no: u32, at: Timestamp, status: &str) -> (Row, i64) {
        let article = self.rng.random_range(1..=self.size.articles);
        let quantity = self.rng.random_range(1..=5);
        let price = catalog::price_cents(article);
        let discount = if self.one_in(10) { price / 5 } else { 0 };
        let cents = quantity * price - discount;
        let done = matches!(status, "shipped" | "delivered" | "refunded");
        let values = vec![
            Some(order_id.to_owned()),
            Some(line_no.to_string()),
            Some(catalog::sku(article)),
            Some(catalog::product(article)),
            Some(quantity.to_string()),
            Some(euros(price)),
            Some(euros(discount)),
            Some(euros(cents)),
            Some(TAX_RATE.to_owned()),
            (!self.one_in(8)).then(|| self.pick(catalog::LOCATIONS).to_owned()),
            Some(if done { "shipped" } else { "open" }.to_owned()),
            Some(at.to_string()),
            Some(at.to_string()),
        ];
        (Row { table: ORDER_LINES, values }, cents)
    }

    /// What lies of an article at a location.
    pub fn level(&mut self, article: u32, location: &str, at: Timestamp) -> Row {
        let on_hand = self.rng.random_range(20..900);
        let cost = catalog::price_cents(article) * 6_000 / 100;
        let values = vec![
            Some(catalog::sku(article)),
            Some(location.to_owned()),
            Some(catalog::product(article)),
            Some(catalog::category(article).to_owned()),
            Some(on_hand.to_string()),
            Some((on_hand / 10).to_string()),
            Some("10".to_owned()),
            Some("40".to_owned()),
            Some(format!("{}.{:04}", cost / 10_000, cost % 10_000)),
            (!self.one_in(5)).then(|| format!("A{:02}-{:02}", article % 40, article % 17)),
            Some("sellable".to_owned()),
            self.one_in(3).then(|| "2026-03-01".to_owned()),
            Some(at.to_string()),
        ];
        Row { table: INVENTORY_LEVELS, values }
    }

    /// A text that PostgreSQL stores out of line.
    pub fn large_text(&mut self, opening: &str) -> String {
        let mut text = opening.to_owned();
        while text.len() < LARGE_BYTES {
            text.push(' ');
            text.push_str(self.pick(catalog::LAST_NAMES));
            text.push_str(&self.rng.random_range(0..10_000).to_string());
        }
        text
    }
}

/// `C100000001`
pub fn customer_id(number: u64) -> String {
    format!("C{number:09}")
}

/// Cents as euros: `1234` -> `12.34`.
pub fn euros(cents: i64) -> String {
    format!("{}.{:02}", cents / CENTS_PER_EURO, cents % CENTS_PER_EURO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seed: u64) -> Vec<Row> {
        let mut maker = Maker::new(seed, Size::of_orders(1_000));
        let at = Timestamp::UNIX_EPOCH;
        let mut rows = vec![maker.customer(FIRST_CUSTOMER, at), maker.level(3, "HAM1", at)];
        for number in 1..200 {
            let made = maker.order("C100000001", number, at, "placed");
            rows.push(made.order);
            rows.extend(made.lines);
        }
        rows
    }

    fn cents(text: &str) -> i64 {
        text.replace('.', "").parse().unwrap()
    }

    #[test]
    fn the_seed_decides_everything() {
        assert_eq!(sample(7), sample(7));
        assert_ne!(sample(7), sample(8));
    }

    #[test]
    fn rows_keep_the_contracts_rules() {
        for row in sample(11) {
            match row.table.name {
                "orders" => {
                    let part = |name| cents(row.get(name));
                    let sum = part("subtotal") + part("tax") + part("shipping") - part("discount");
                    assert_eq!(part("total"), sum);
                    assert!(part("tax") <= part("total"));
                }
                "order_lines" => {
                    let quantity: i64 = row.get("quantity").parse().unwrap();
                    let total =
                        quantity * cents(row.get("unit_price")) - cents(row.get("discount"));
                    assert_eq!(cents(row.get("line_total")), total);
                }
                "customers" => assert_eq!(row.get("customer_id").len(), 10),
                _ => assert!(row.get("sku").starts_with("SKU-")),
            }
            assert_eq!(row.values.len(), row.table.columns.len());
        }
    }

    #[test]
    fn some_rows_are_large_enough_to_be_stored_out_of_line() {
        let large = sample(3).iter().filter(|row| row.get("gift_message").len() > 2_000).count();
        assert!((1..30).contains(&large), "{large}");
    }
}
