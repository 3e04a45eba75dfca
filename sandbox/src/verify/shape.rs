//! Which column stands where: written by hand after the contracts, so that a mistake of the compiler cannot hide itself.

use crate::shop::tables::{CUSTOMERS, INVENTORY_LEVELS, ORDER_LINES, ORDERS, Table};

/// What the warehouse holds of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The value's text.
    Plain,
    /// An instant.
    Instant,
    /// Encrypted, with a token beside it; the PII class.
    Sealed(&'static str),
    /// Its token only; the PII class.
    Token(&'static str),
    /// Nothing: the column must not be there.
    Dropped,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The source table's column of the same name.
    Table,
    /// The higher of the table's and the events' states.
    TableAndEvents,
    /// Events.
    Events,
    /// Salesforce.
    Crm,
}

/// A column of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name, in the source and in the warehouse.
    pub name: &'static str,
    /// What the warehouse holds of it.
    pub stored: Stored,
    /// Where it comes from.
    pub from: From,
}

/// An entity.
#[derive(Clone, Copy, Debug)]
pub struct Entity {
    /// `sales.order`
    pub name: &'static str,
    /// Its source table; none: events only.
    pub table: Option<Table>,
    /// The presented view in the warehouse.
    pub view: &'static str,
    /// Columns of the key come first, this many.
    pub key_columns: usize,
    /// All columns.
    pub columns: &'static [Column],
}

const fn plain(name: &'static str) -> Column {
    Column { name, stored: Stored::Plain, from: From::Table }
}

const fn instant(name: &'static str) -> Column {
    Column { name, stored: Stored::Instant, from: From::Table }
}

const fn sealed(name: &'static str, class: &'static str) -> Column {
    Column { name, stored: Stored::Sealed(class), from: From::Table }
}

const fn token(name: &'static str, class: &'static str) -> Column {
    Column { name, stored: Stored::Token(class), from: From::Table }
}

const fn told_by(from: From, column: Column) -> Column {
    Column { from, ..column }
}

/// `sales.customer`
pub const CUSTOMER: Entity = Entity {
    name: "sales.customer",
    table: Some(CUSTOMERS),
    view: "SALES.CUSTOMERS",
    key_columns: 1,
    columns: &[
        plain("customer_id"),
        sealed("display_name", "identity"),
        sealed("first_name", "identity"),
        sealed("last_name", "identity"),
        sealed("email", "contact"),
        sealed("phone", "contact"),
        Column { name: "date_of_birth", stored: Stored::Dropped, from: From::Table },
        plain("street"),
        plain("city"),
        plain("postal_code"),
        plain("country"),
        plain("language"),
        plain("segment"),
        plain("credit_limit"),
        plain("loyalty_points"),
        plain("marketing_opt_in"),
        sealed("notes", "freetext"),
        instant("created_at"),
        instant("updated_at"),
        told_by(From::Crm, plain("tier")),
        told_by(From::Crm, plain("account_owner")),
        told_by(From::Crm, plain("next_review_on")),
    ],
};

/// `sales.order`
pub const ORDER: Entity = Entity {
    name: "sales.order",
    table: Some(ORDERS),
    view: "SALES.ORDERS",
    key_columns: 1,
    columns: &[
        plain("order_id"),
        plain("customer_id"),
        plain("order_number"),
        told_by(From::TableAndEvents, plain("status")),
        plain("channel"),
        plain("currency"),
        plain("subtotal"),
        plain("tax"),
        plain("shipping"),
        plain("discount"),
        plain("total"),
        plain("line_count"),
        sealed("contact_email", "contact"),
        plain("ship_street"),
        plain("ship_country"),
        token("session_id", "device"),
        sealed("gift_message", "freetext"),
        plain("promised_on"),
        instant("placed_at"),
        instant("updated_at"),
        told_by(From::Events, plain("carrier")),
        told_by(From::Events, plain("tracking_number")),
        told_by(From::Events, instant("last_event_at")),
    ],
};

/// `sales.order_line`
pub const ORDER_LINE: Entity = Entity {
    name: "sales.order_line",
    table: Some(ORDER_LINES),
    view: "SALES.ORDER_LINES",
    key_columns: 2,
    columns: &[
        plain("order_id"),
        plain("line_no"),
        plain("sku"),
        plain("product_name"),
        plain("quantity"),
        plain("unit_price"),
        plain("discount"),
        plain("line_total"),
        plain("tax_rate"),
        plain("location"),
        plain("state"),
        instant("created_at"),
        instant("updated_at"),
    ],
};

/// `stock.inventory_level`
pub const INVENTORY_LEVEL: Entity = Entity {
    name: "stock.inventory_level",
    table: Some(INVENTORY_LEVELS),
    view: "STOCK.INVENTORY_LEVELS",
    key_columns: 2,
    columns: &[
        plain("sku"),
        plain("location"),
        plain("product_name"),
        plain("category"),
        plain("on_hand"),
        plain("reserved"),
        plain("safety_stock"),
        plain("reorder_point"),
        plain("unit_cost"),
        plain("bin"),
        plain("condition"),
        plain("counted_on"),
        instant("updated_at"),
    ],
};

/// `sales.order_event`
pub const ORDER_EVENT: Entity = Entity {
    name: "sales.order_event",
    table: None,
    view: "SALES.ORDER_EVENTS",
    key_columns: 1,
    columns: &[
        told_by(From::Events, plain("event_id")),
        told_by(From::Events, plain("order_id")),
        told_by(From::Events, plain("sequence")),
        told_by(From::Events, plain("status")),
        told_by(From::Events, instant("occurred_at")),
        told_by(From::Events, plain("producer")),
        told_by(From::Events, plain("carrier")),
        told_by(From::Events, plain("tracking_number")),
        told_by(From::Events, plain("location")),
        told_by(From::Events, token("scanner_id", "device")),
        told_by(From::Events, sealed("remark", "freetext")),
    ],
};

/// All entities, in the order of the table at the end.
pub const ENTITIES: [Entity; 5] = [CUSTOMER, ORDER, ORDER_LINE, INVENTORY_LEVEL, ORDER_EVENT];

/// How Salesforce writes a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Text, as it is.
    Text,
    /// A number: compared as a number.
    Number,
    /// A day.
    Date,
    /// An instant, kept to the second.
    Second,
    /// The parent's external id.
    Parent(&'static str),
}

/// A sink in Salesforce.
#[derive(Clone, Copy, Debug)]
pub struct CrmSink {
    /// The entity.
    pub entity: Entity,
    /// `Order__c`
    pub object: &'static str,
    /// External id field.
    pub external_id: &'static str,
    /// Field, column, form.
    pub fields: &'static [(&'static str, &'static str, Written)],
    /// Only rows whose instant in this column is younger than this many months.
    pub younger_than: Option<(&'static str, u32)>,
}

/// Checkbox that `on_delete: flag` sets.
pub const DELETED_FLAG: &str = "Covenant_Deleted__c";

/// Parents first.
pub const CRM_SINKS: [CrmSink; 2] = [
    CrmSink {
        entity: CUSTOMER,
        object: "Account",
        external_id: "Customer_Id__c",
        fields: &[
            ("Name", "display_name", Written::Text),
            ("Email__c", "email", Written::Text),
            ("Phone", "phone", Written::Text),
            ("BillingStreet", "street", Written::Text),
            ("City__c", "city", Written::Text),
            ("BillingPostalCode", "postal_code", Written::Text),
            ("Country_Code__c", "country", Written::Text),
            ("Segment__c", "segment", Written::Text),
            ("Credit_Limit__c", "credit_limit", Written::Number),
            ("Loyalty_Points__c", "loyalty_points", Written::Number),
            ("Tier__c", "tier", Written::Text),
            ("Account_Owner__c", "account_owner", Written::Text),
        ],
        younger_than: None,
    },
    CrmSink {
        entity: ORDER,
        object: "Order__c",
        external_id: "Order_Id__c",
        fields: &[
            ("Order_Number__c", "order_number", Written::Number),
            ("Status__c", "status", Written::Text),
            ("Channel__c", "channel", Written::Text),
            ("Total__c", "total", Written::Number),
            ("Line_Count__c", "line_count", Written::Number),
            ("Contact_Email__c", "contact_email", Written::Text),
            ("Promised_On__c", "promised_on", Written::Date),
            ("Placed_At__c", "placed_at", Written::Second),
            ("Carrier__c", "carrier", Written::Text),
            ("Tracking_Number__c", "tracking_number", Written::Text),
            ("Customer__c", "customer_id", Written::Parent("Account")),
        ],
        younger_than: Some(("updated_at", 18)),
    },
];

impl Entity {
    /// Place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
