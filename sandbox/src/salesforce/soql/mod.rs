//! The subset of SOQL that integrations use: one object, parent fields, conditions, order, limits, aggregates over all rows.

mod bind;
mod eval;
mod lex;
mod like;
mod parse;

pub use bind::{BoundQuery, Column};
pub use eval::{Matches, attributes, cell, render, run};

use super::errors::{ApiError, ErrorCode, code};
use super::schema::Schema;

/// Longest query text, in bytes (the limit of a SOQL statement, in characters, is 100,000).
pub const MAX_QUERY_BYTES: usize = 100_000;

/// A query that cannot run, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoqlError {
    /// MALFORMED_QUERY, INVALID_FIELD or INVALID_TYPE.
    pub code: ErrorCode,
    /// Byte offset, when the message shows a place.
    pub at: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl SoqlError {
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self { code: code::MALFORMED_QUERY, at: None, message: message.into() }
    }

    pub(crate) fn at(code: ErrorCode, at: usize, message: impl Into<String>) -> Self {
        Self { code, at: Some(at), message: message.into() }
    }

    /// The answer: 400, the query with a caret under the place, then the message.
    #[must_use]
    pub fn into_api_error(self, query: &str) -> ApiError {
        let message = match self.at {
            None => self.message,
            Some(at) => {
                let column = query.get(..at).map_or(at, |head| head.chars().count());
                let gap = " ".repeat(column);
                format!("\n{query}\n{gap}^\nERROR at Row:1:Column:{}\n{}", column + 1, self.message)
            }
        };
        ApiError::new(400, self.code, message)
    }
}

/// Parses a query and binds its names to the org.
///
/// # Errors
/// As Salesforce answers: MALFORMED_QUERY, INVALID_FIELD, INVALID_TYPE.
pub fn compile(schema: &Schema, text: &str, now: i64) -> Result<BoundQuery, SoqlError> {
    if text.len() > MAX_QUERY_BYTES {
        return Err(SoqlError::malformed(
            "SOQL statements cannot be longer than 100000 characters.",
        ));
    }
    let query = parse::parse(text)?;
    bind::bind(schema, &query, now)
}

#[cfg(test)]
mod tests;
