//! Rows of the shop's two tables, and how PostgreSQL tells them.

use std::sync::Arc;

use covenant_model::spec::EntitySpec;
use covenant_runtime::source::{DatumAt, Relation, RelationColumn, Tuple};

use super::chance::START_US;
use super::parts::ACME;

const MINUTE_US: i64 = 60_000_000;
const DAY_US: i64 = 86_400_000_000;

/// States of an order, lowest first, as the contract ranks them.
pub(crate) const STATES: [&str; 7] =
    ["placed", "paid", "picked", "shipped", "delivered", "cancelled", "refunded"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Customers,
    Orders,
}

impl Table {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Orders => "orders",
        }
    }

    pub(crate) fn entity(self) -> &'static str {
        match self {
            Self::Customers => "sales.customer",
            Self::Orders => "sales.order",
        }
    }

    pub(crate) fn key_column(self) -> &'static str {
        match self {
            Self::Customers => "customer_id",
            Self::Orders => "order_id",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        if name == "customers" { Self::Customers } else { Self::Orders }
    }
}

/// What changes in a row. Everything else of it is always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    /// Points of a customer, total of an order.
    pub(crate) number: u32,
    /// Notes of a customer, gift message of an order: stored out of line where there are any.
    pub(crate) large: Option<u32>,
    /// Customer of an order; mailbox of a customer, which moves along with them.
    pub(crate) parent: u32,
    /// Status of an order: only rises in the table.
    pub(crate) rank: usize,
    /// Breaks its contract.
    pub(crate) bad: bool,
}

/// A row that snapshots show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) now: Body,
    /// Its newest version that keeps the contract: what targets must show.
    pub(crate) good: Option<Body>,
    /// The stream has told such a version, with the large value.
    pub(crate) told: bool,
}

impl Row {
    /// A row from before the slot: only a table read tells it.
    pub(crate) fn from_before(body: Body) -> Self {
        Self { now: body, good: Some(body), told: false }
    }

    pub(crate) fn inserted(body: Body) -> Self {
        Self { now: body, good: (!body.bad).then_some(body), told: true }
    }

    pub(crate) fn update(&mut self, body: Body) {
        // An update that leaves the large value unchanged tells it only where it was told before.
        self.told |= !body.bad && (body.large.is_none() || body.large != self.now.large);
        self.now = body;
        if !body.bad {
            self.good = Some(body);
        }
    }
}

/// `C000000007`, or a UUID; both sort as the number.
pub(crate) fn key_text(table: Table, key: u32) -> String {
    match table {
        Table::Customers => format!("C{key:09}"),
        Table::Orders => uuid_text(1, key),
    }
}

pub(crate) fn uuid_text(kind: u16, number: u32) -> String {
    format!("00000000-0000-4000-8000-{kind:04x}{number:08x}")
}

pub(crate) fn large_text(large: u32) -> String {
    format!("written down, {large}")
}

pub(crate) fn name_text(body: &Body) -> String {
    format!("Ann {}", body.number)
}

/// Every third state of an order is so old that it leaves Salesforce in the life of a world, or has never been there.
pub(crate) fn updated_at_us(body: &Body) -> i64 {
    let leaves_at_us = match body.number % 3 {
        0 => START_US + (i64::from(body.number) * 53 % 45 - 5) * MINUTE_US,
        _ => START_US + 30 * DAY_US,
    };
    leaves_at_us - keep_days() * DAY_US
}

/// Whether an order's state has left Salesforce by then.
pub(crate) fn has_left(body: &Body, now_us: i64) -> bool {
    updated_at_us(body) + keep_days() * DAY_US < now_us
}

fn keep_days() -> i64 {
    let sink = ACME.entity("sales.order").salesforce.as_ref().unwrap();
    i64::from(sink.filter.as_ref().unwrap().keep_days)
}

fn instant_text(us: i64) -> String {
    let at = jiff::Timestamp::from_microsecond(us).unwrap();
    at.strftime("%Y-%m-%d %H:%M:%S+00").to_string()
}

/// What customers are known by before they have an external id.
pub(crate) fn mailbox_text(mailbox: u32) -> String {
    format!("someone{mailbox}@example.com")
}

pub(crate) fn total_text(body: &Body) -> String {
    format!("{}.00", body.number)
}

/// The columns that the contract takes from the store.
pub(crate) fn relation(table: Table, entity: &EntitySpec) -> Arc<Relation> {
    let columns = entity.fields.iter().filter_map(|field| field.from.get("store"));
    let column = |name: &String| RelationColumn {
        name: name.clone(),
        key: name == table.key_column(),
        type_oid: 25,
    };
    let columns = columns.map(column).collect();
    Arc::new(Relation { schema: "public".to_owned(), table: table.name().to_owned(), columns })
}

/// The text of a column; none: NULL.
fn text(table: Table, key: u32, body: &Body, column: &str) -> Option<String> {
    let plain = |text: &str| Some(text.to_owned());
    match (table, column) {
        (Table::Customers, "customer_id") => Some(key_text(table, key)),
        (Table::Orders, "order_id") => Some(key_text(table, key)),
        (Table::Orders, "customer_id") => Some(key_text(Table::Customers, body.parent)),
        (_, "display_name") => Some(name_text(body)),
        (Table::Customers, "email") => Some(mailbox_text(body.parent)),
        (_, "contact_email") => plain("ann@example.com"),
        (_, "country" | "ship_country") => plain("DE"),
        (_, "language") => plain("de"),
        (_, "segment") => plain("consumer"),
        (_, "credit_limit" | "tax" | "shipping" | "discount") => plain("0.00"),
        (_, "loyalty_points") if body.bad => plain("-1"),
        (_, "loyalty_points") => Some(body.number.to_string()),
        (_, "marketing_opt_in") => plain("t"),
        (_, "notes" | "gift_message") => body.large.map(large_text),
        (Table::Orders, "updated_at") => Some(instant_text(updated_at_us(body))),
        (_, "created_at" | "updated_at" | "placed_at") => plain("2026-01-01 00:00:00+00"),
        (_, "order_number") => Some((key + 1).to_string()),
        (_, "status") => STATES.get(body.rank).map(|state| (*state).to_owned()),
        (_, "channel") => plain("web"),
        (_, "currency") => plain("EUR"),
        (_, "total") => Some(total_text(body)),
        (_, "subtotal") if body.bad => Some(format!("{}.01", body.number)),
        (_, "subtotal") => Some(total_text(body)),
        (_, "line_count") => plain("1"),
        (_, _) => None,
    }
}

/// The whole row; a large value that an update (with what was there `before`) does not touch is left out.
pub(crate) fn tuple(
    relation: &Relation,
    table: Table,
    key: u32,
    body: &Body,
    before: Option<&Body>,
    unchanged_is_null: bool,
) -> Tuple {
    let texts: Vec<Option<String>> =
        relation.columns.iter().map(|column| text(table, key, body, &column.name)).collect();
    let mut tuple = Tuple::from_texts(texts.iter().map(|text| text.as_deref().map(str::as_bytes)));
    let untouched = before.is_some_and(|before| before.large == body.large);
    let large = |column: &RelationColumn| matches!(column.name.as_str(), "notes" | "gift_message");
    if body.large.is_some()
        && untouched
        && let Some(at) = relation.columns.iter().position(large)
    {
        tuple.datums[at] = if unchanged_is_null { DatumAt::Null } else { DatumAt::Unchanged };
    }
    tuple
}

/// The key alone, as replica identity default tells the old row.
pub(crate) fn key_tuple(relation: &Relation, table: Table, key: u32) -> Tuple {
    let text = key_text(table, key);
    let texts = relation.columns.iter().map(|column| column.key.then_some(text.as_bytes()));
    Tuple::from_texts(texts)
}
