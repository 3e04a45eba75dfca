//! What the runtime and the compiler both need of a PostgreSQL server: how it is reached, what its catalogue says, and whether
//! that is what contracts need of it.
//!
//! Deliberately absent: replication, rows, contracts' files. Whoever asks says what becomes of an answer: the runtime refuses to
//! start, the compiler points at the line of a contract.

pub mod catalogue;
pub mod connect;
pub mod row_filter;

/// A quoted identifier.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted literal; sessions run with `standard_conforming_strings = on`.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
