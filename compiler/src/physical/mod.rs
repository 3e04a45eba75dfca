//! Physical types: what a logical type is on each platform, how two of them relate, and how a stored column gets
//! from one to the other.
//!
//! The mapping is the emitters' own ([`of`] asks them and reads their answer), so what is judged here is what is
//! generated. Types can also be read from their names ([`PhysicalType::parse`]): `STRING`, `VARCHAR(16777216)` and
//! `TEXT` are three names of one type in Snowflake, and changing between them is no change.
//!
//! Sources of facts, cited as below wherever a rule rests on one:
//! - `[snowflake §6]`: the project's reference page on Snowflake, "ALTER COLUMN". What is marked unverified there
//!   is marked here.
//! - `[measured]`: observed on DuckDB 1.5.6 by `tests/tests/physical_duckdb.rs`.
//! - `[salesforce §3]`: the reference page on Salesforce, platform rules of field metadata; `[DCS131]`: the pairs of
//!   field types between which Salesforce loses data, from the catalogue of breaking rules.
//! - `[PostgreSQL]`: its documentation of ALTER TABLE.

mod alter;
mod cast;
mod declared;
#[cfg(test)]
mod laws;
mod of;
mod parse;

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

pub use alter::{Alter, Column, alter};
pub use declared::{Values, declared, fitting, holds_all, names, of_column};
pub use of::{of, of_logical};

/// Where a type stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// The warehouse.
    Snowflake,
    /// The embedded warehouse.
    #[serde(rename = "duckdb")]
    DuckDb,
    /// A source database. Its tables belong to others: what is said of them is advice.
    Postgres,
    /// Fields of an org.
    Salesforce,
    /// Events.
    Json,
    /// Generated records.
    Rust,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Platform; 6] =
        [Self::Snowflake, Self::DuckDb, Self::Postgres, Self::Salesforce, Self::Json, Self::Rust];

    /// As people write it on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snowflake => "snowflake",
            Self::DuckDb => "duckdb",
            Self::Postgres => "postgres",
            Self::Salesforce => "salesforce",
            Self::Json => "json",
            Self::Rust => "rust",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A type of a platform: what it is called there, and which values it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PhysicalType {
    /// As written, in upper case: `VARCHAR(40)`, `Picklist`.
    pub name: String,
    /// Equal for names that mean one type.
    pub shape: Shape,
}

impl fmt::Display for PhysicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The values that a type holds, whatever it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "shape")]
pub enum Shape {
    /// True or false.
    Boolean,
    /// Signed integer.
    Integer {
        /// 16, 32, 64 or 128.
        bits: u8,
    },
    /// Fixed-point number.
    Fixed {
        /// All digits.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// Floating-point number.
    Float {
        /// 32 or 64.
        bits: u8,
    },
    /// Text.
    Text {
        /// Characters; none: as many as the platform holds.
        max_chars: Option<u32>,
        /// Which of the platform's kinds.
        kind: TextKind,
    },
    /// One of some texts.
    Choice {
        /// The texts.
        symbols: BTreeSet<String>,
    },
    /// Bytes.
    Binary {
        /// Bytes; none: as many as the platform holds.
        max_bytes: Option<u32>,
    },
    /// Calendar day.
    Date,
    /// Point in time.
    Timestamp {
        /// What it knows of zones.
        zone: Zone,
        /// Digits of the second's fraction.
        digits: u8,
    },
    /// UUID, where it is not text.
    Uuid,
    /// Document, where it is not text.
    Document,
    /// Reference to a record of an object.
    Lookup {
        /// The parent's object.
        object: String,
    },
    /// A type that nothing is known of but its name.
    Unknown {
        /// The name.
        name: String,
    },
}

/// Kinds of text, each holding all that the one before it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// Must read like an address.
    Email,
    /// Any text.
    Plain,
    /// Any text, but no filter, no external id (Salesforce's long text area).
    Long,
}

/// What a timestamp knows of zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// Nothing: a clock on the wall.
    Naive,
    /// An instant, shown in the reader's zone.
    Instant,
    /// An instant with the offset that it was written with.
    Offset,
}

/// What became of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Nothing changed.
    Same,
    /// Another name of the same type.
    Synonym,
    /// Every old value is a new value.
    Wider,
    /// Some old values are no new values.
    Narrower,
    /// Another number of digits behind the point.
    Rescaled,
    /// Another idea of time zones: the same digits mean another moment.
    Zone,
    /// None of these.
    Unrelated,
}

impl Relation {
    /// What the way back is.
    pub fn mirror(self) -> Self {
        match self {
            Self::Wider => Self::Narrower,
            Self::Narrower => Self::Wider,
            Self::Same | Self::Synonym | Self::Rescaled | Self::Zone | Self::Unrelated => self,
        }
    }

    /// Whether every stored value stays what it is.
    pub fn keeps_every_value(self) -> bool {
        match self {
            Self::Same | Self::Synonym | Self::Wider => true,
            Self::Narrower | Self::Rescaled | Self::Zone | Self::Unrelated => false,
        }
    }
}

/// How `new` relates to `old`. Both are types of one platform: their shapes already say what their names mean there.
pub fn relation(old: &PhysicalType, new: &PhysicalType) -> Relation {
    if old.shape == new.shape {
        return if old.name == new.name { Relation::Same } else { Relation::Synonym };
    }
    match (&old.shape, &new.shape) {
        (Shape::Fixed { scale: old, .. }, Shape::Fixed { scale: new, .. }) if old != new => {
            Relation::Rescaled
        }
        (Shape::Timestamp { zone: old, .. }, Shape::Timestamp { zone: new, .. }) if old != new => {
            Relation::Zone
        }
        (old, new) if holds(new, old) => Relation::Wider,
        (old, new) if holds(old, new) => Relation::Narrower,
        _ => Relation::Unrelated,
    }
}

/// Whether every value of `small` is the same value in `large`: a partial order.
fn holds(large: &Shape, small: &Shape) -> bool {
    match (large, small) {
        (Shape::Integer { bits: large }, Shape::Integer { bits: small })
        | (Shape::Float { bits: large }, Shape::Float { bits: small }) => large >= small,
        (
            Shape::Fixed { precision: large, scale },
            Shape::Fixed { precision: small, scale: same },
        ) => scale == same && large >= small,
        (
            Shape::Text { max_chars: large, kind },
            Shape::Text { max_chars: small, kind: smaller },
        ) => limit(*large) >= limit(*small) && kind >= smaller,
        (Shape::Choice { symbols: large }, Shape::Choice { symbols: small }) => {
            large.is_superset(small)
        }
        (Shape::Text { max_chars, kind }, Shape::Choice { symbols }) => {
            *kind != TextKind::Email && longest(symbols) <= limit(*max_chars)
        }
        (Shape::Binary { max_bytes: large }, Shape::Binary { max_bytes: small }) => {
            limit(*large) >= limit(*small)
        }
        (
            Shape::Timestamp { zone, digits: large },
            Shape::Timestamp { zone: same, digits: small },
        ) => zone == same && large >= small,
        (large, small) => large == small,
    }
}

fn limit(max: Option<u32>) -> u32 {
    max.unwrap_or(u32::MAX)
}

fn longest(symbols: &BTreeSet<String>) -> u32 {
    let chars = symbols.iter().map(|symbol| symbol.chars().count());
    chars.max().and_then(|most| u32::try_from(most).ok()).unwrap_or(0)
}
