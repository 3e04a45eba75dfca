//! What it takes to change the type of a stored column.

use serde::Serialize;

use super::cast::{cast, query};
use super::{PhysicalType, Platform, Relation, Shape, relation};

/// A stored column. Both as they stand in SQL, or as Salesforce calls object and field.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// `SALES.ORDERS_STATE`, `Order__c`
    pub table: &'a str,
    /// `total`, `Total__c`
    pub column: &'a str,
}

/// What it takes to change the type of a stored column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "alter")]
pub enum Alter {
    /// Nothing: it is the same type by another name, or nothing is stored.
    Nothing,
    /// One statement on the live table; every value stays.
    InPlace {
        /// The statement, without its semicolon.
        sql: String,
    },
    /// One statement on the live table, once the query has given 0.
    Precheck {
        /// Counts the values that would be lost.
        query: String,
        /// The statement, without its semicolon.
        sql: String,
    },
    /// A new column or table, filled from the old one, then swapped.
    Rebuild {
        /// Counts the values that would be lost; none: no value can be.
        query: Option<String>,
        /// The new value, over the old column.
        expression: String,
    },
    /// No statement turns the old values into the new.
    Impossible {
        /// Why.
        why: &'static str,
    },
}

/// What it takes to turn a stored column of type `old` into one of type `new`.
pub fn alter(platform: Platform, at: &Column<'_>, old: &PhysicalType, new: &PhysicalType) -> Alter {
    let relation = relation(old, new);
    if matches!(relation, Relation::Same | Relation::Synonym) {
        return Alter::Nothing;
    }
    match platform {
        Platform::Snowflake => snowflake(at, old, new, relation),
        Platform::DuckDb => duckdb(at, old, new),
        Platform::Postgres => postgres(at, old, new),
        Platform::Salesforce => salesforce(at, old, new, relation),
        // Nothing is stored: code and schemas are generated anew. Who is hurt is a matter of the relation.
        Platform::Json | Platform::Rust => Alter::Nothing,
    }
}

const NO_CAST: &str =
    "the old values have no counterpart in the new type: load them again from the source";

/// [snowflake §6]: a longer VARCHAR and a higher NUMBER precision are allowed (unverified on an account), a lower
/// precision only where all values fit (documented), and nothing else: no other type, no shorter VARCHAR, no other
/// scale (by a vendor's summary). BINARY's rows were not read, so a longer one is rebuilt.
fn snowflake(at: &Column<'_>, old: &PhysicalType, new: &PhysicalType, relation: Relation) -> Alter {
    let sql = || {
        format!("ALTER TABLE {} ALTER COLUMN {} SET DATA TYPE {}", at.table, at.column, new.name)
    };
    let alterable = matches!(new.shape, Shape::Text { .. } | Shape::Fixed { .. });
    let Some(cast) = cast(Platform::Snowflake, at.column, old, new) else {
        return Alter::Impossible { why: NO_CAST };
    };
    let query = cast.lost.as_deref().map(|lost| query(at, lost));
    match (relation, query) {
        (Relation::Wider, None) if alterable => Alter::InPlace { sql: sql() },
        (Relation::Narrower, Some(query)) if matches!(new.shape, Shape::Fixed { .. }) => {
            Alter::Precheck { query, sql: sql() }
        }
        (_, query) => Alter::Rebuild { query, expression: cast.expression },
    }
}

/// [measured]: ALTER ... USING takes any cast, in a transaction, with the data in place; a view over the table must
/// be created again. A cast that rounds does so silently, so the query comes first.
fn duckdb(at: &Column<'_>, old: &PhysicalType, new: &PhysicalType) -> Alter {
    in_place(Platform::DuckDb, at, old, new, "SET DATA TYPE")
}

/// [PostgreSQL]: ALTER COLUMN TYPE ... USING; a longer varchar or more digits at the same scale rewrite nothing, other
/// types rewrite the table under an exclusive lock.
fn postgres(at: &Column<'_>, old: &PhysicalType, new: &PhysicalType) -> Alter {
    in_place(Platform::Postgres, at, old, new, "TYPE")
}

fn in_place(
    platform: Platform,
    at: &Column<'_>,
    old: &PhysicalType,
    new: &PhysicalType,
    words: &str,
) -> Alter {
    let Some(cast) = cast(platform, at.column, old, new) else {
        return Alter::Impossible { why: NO_CAST };
    };
    let sql = format!(
        "ALTER TABLE {} ALTER COLUMN {} {words} {} USING {}",
        at.table, at.column, new.name, cast.expression
    );
    match cast.lost {
        Some(lost) => Alter::Precheck { query: query(at, &lost), sql },
        None => Alter::InPlace { sql },
    }
}

const DATA_LOSS: &str = "Salesforce loses data between these types: deploy a field of another name, deliver to it, \
                         move its readers, then remove the old one";

/// [DCS131]: to or from Date and DateTime, to Number, from Checkbox, Text to Picklist lose data. Longer texts, more
/// digits and more picklist values are a deployment. Shorter or rescaled fields would cut what is stored, and SOQL
/// has no function that finds such values: a new field.
fn salesforce(
    at: &Column<'_>,
    old: &PhysicalType,
    new: &PhysicalType,
    relation: Relation,
) -> Alter {
    match relation {
        Relation::Wider => Alter::InPlace {
            sql: format!("deploy objects/{0}/fields/{1}.field-meta.xml", at.table, at.column),
        },
        Relation::Same
        | Relation::Synonym
        | Relation::Narrower
        | Relation::Rescaled
        | Relation::Zone
        | Relation::Unrelated => {
            let kept = |ty: &PhysicalType| {
                matches!(ty.shape, Shape::Text { .. } | Shape::Choice { .. } | Shape::Fixed { .. })
            };
            let to_number = matches!(new.shape, Shape::Fixed { .. });
            let numbers = to_number && matches!(old.shape, Shape::Fixed { .. });
            if kept(old) && kept(new) && (numbers || !to_number) {
                Alter::Rebuild { query: None, expression: at.column.to_owned() }
            } else {
                Alter::Impossible { why: DATA_LOSS }
            }
        }
    }
}
