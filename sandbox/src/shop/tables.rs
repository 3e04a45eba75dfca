//! The shop's tables as the schema has them, and rows as texts in column order.

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// `orders`
    pub name: &'static str,
    /// In the schema's order.
    pub columns: &'static [&'static str],
    /// Columns of the key come first, this many.
    pub key_columns: usize,
}

/// `public.customers`
pub const CUSTOMERS: Table = Table {
    name: "customers",
    columns: &[
        "customer_id",
        "display_name",
        "first_name",
        "last_name",
        "email",
        "phone",
        "date_of_birth",
        "street",
        "city",
        "postal_code",
        "country",
        "language",
        "segment",
        "credit_limit",
        "loyalty_points",
        "marketing_opt_in",
        "notes",
        "created_at",
        "updated_at",
    ],
    key_columns: 1,
};

/// `public.orders`
pub const ORDERS: Table = Table {
    name: "orders",
    columns: &[
        "order_id",
        "customer_id",
        "order_number",
        "status",
        "channel",
        "currency",
        "subtotal",
        "tax",
        "shipping",
        "discount",
        "total",
        "line_count",
        "contact_email",
        "ship_street",
        "ship_country",
        "session_id",
        "gift_message",
        "promised_on",
        "placed_at",
        "updated_at",
    ],
    key_columns: 1,
};

/// `public.order_lines`
pub const ORDER_LINES: Table = Table {
    name: "order_lines",
    columns: &[
        "order_id",
        "line_no",
        "sku",
        "product_name",
        "quantity",
        "unit_price",
        "discount",
        "line_total",
        "tax_rate",
        "location",
        "state",
        "created_at",
        "updated_at",
    ],
    key_columns: 2,
};

/// `public.inventory_levels`
pub const INVENTORY_LEVELS: Table = Table {
    name: "inventory_levels",
    columns: &[
        "sku",
        "location",
        "product_name",
        "category",
        "on_hand",
        "reserved",
        "safety_stock",
        "reorder_point",
        "unit_cost",
        "bin",
        "condition",
        "counted_on",
        "updated_at",
    ],
    key_columns: 2,
};

/// Parents before children.
pub const ALL: [Table; 4] = [CUSTOMERS, ORDERS, ORDER_LINES, INVENTORY_LEVELS];

impl Table {
    /// Every column as an unambiguous text, for `SELECT`: instants as microseconds since 1970, the rest as PostgreSQL casts it.
    pub fn canonical_columns(&self) -> String {
        let texts: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                if is_instant(column) {
                    format!("(extract(epoch FROM {column}) * 1000000)::bigint::text")
                } else {
                    format!("{column}::text")
                }
            })
            .collect();
        texts.join(", ")
    }

    /// Place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| *column == name)
    }
}

/// A row as PostgreSQL's text form, one per column of its table; `None` is NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it belongs.
    pub table: Table,
    /// In column order.
    pub values: Vec<Option<String>>,
}

impl Row {
    /// The text of a column; NULL and unknown columns are empty.
    pub fn get(&self, column: &str) -> &str {
        self.table
            .column(column)
            .and_then(|at| self.values.get(at))
            .and_then(|value| value.as_deref())
            .unwrap_or("")
    }

    /// A line of COPY's text format.
    pub fn copy_line(&self, out: &mut String) {
        for (at, value) in self.values.iter().enumerate() {
            if at > 0 {
                out.push('\t');
            }
            match value {
                None => out.push_str("\\N"),
                Some(text) => escape_copy(text, out),
            }
        }
        out.push('\n');
    }

    /// `INSERT INTO public.orders (…) VALUES (…)`
    pub fn insert(&self) -> String {
        let values: Vec<String> =
            self.values.iter().map(|value| literal_or_null(value.as_deref())).collect();
        format!(
            "INSERT INTO public.{} ({}) VALUES ({})",
            self.table.name,
            self.table.columns.join(", "),
            values.join(", ")
        )
    }

    /// `customer_id = 'C100000001'`
    pub fn key_is(&self) -> String {
        let key: Vec<&str> =
            self.values.iter().take(self.table.key_columns).flatten().map(String::as_str).collect();
        key_is(self.table, &key)
    }
}

/// Whether a column of the shop holds an instant.
pub fn is_instant(column: &str) -> bool {
    matches!(column, "created_at" | "updated_at" | "placed_at")
}

/// Condition that a row has this key.
pub fn key_is(table: Table, key: &[impl AsRef<str>]) -> String {
    let parts: Vec<String> = table
        .columns
        .iter()
        .take(table.key_columns)
        .zip(key)
        .map(|(column, value)| format!("{column} = {}", literal(value.as_ref())))
        .collect();
    parts.join(" AND ")
}

/// A quoted SQL literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn literal_or_null(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), literal)
}

fn escape_copy(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_the_schema_in_this_order() {
        for table in ALL {
            let start = format!("CREATE TABLE public.{} (", table.name);
            let body = crate::ACME_SCHEMA.split(&start).nth(1).and_then(|s| s.split(");").next());
            let declared: Vec<&str> = body
                .unwrap_or("")
                .lines()
                .filter(|line| line.starts_with("    ") && !line.starts_with("     "))
                .filter_map(|line| line.split_whitespace().next())
                .filter(|word| *word != "PRIMARY")
                .collect();
            assert_eq!(declared, table.columns, "{}", table.name);
        }
    }

    #[test]
    fn quotes_and_tabs_are_escaped() {
        let row = Row {
            table: INVENTORY_LEVELS,
            values: vec![Some("a'b".into()), Some("c\td\\".into()), None],
        };
        let mut line = String::new();
        row.copy_line(&mut line);
        assert_eq!(line, "a'b\tc\\td\\\\\t\\N\n");
        assert!(row.insert().contains("('a''b', 'c\td\\', NULL)"));
        assert_eq!(row.key_is(), "sku = 'a''b' AND location = 'c\td\\'");
    }
}
