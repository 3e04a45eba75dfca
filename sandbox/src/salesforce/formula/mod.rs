//! The formula language of validation rules, as far as generated rules need it.
//!
//! Read: numbers, `"text"`, TRUE/FALSE/NULL, field names, `= == <> != < <= > >= && || ! + - * &` and the functions of
//! [`parse::Function`]. Anything else is refused when the org is loaded, never when a record is written.

mod eval;
mod lex;
mod parse;

pub use eval::Scope;
pub use parse::FormulaError;

use super::schema::FieldIx;

/// A parsed formula.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formula {
    root: parse::Expr,
}

impl Formula {
    /// Parses a formula; `resolve` gives the position of a field.
    ///
    /// # Errors
    /// When the text is no formula of the supported language or names an unknown field.
    pub fn parse(
        text: &str,
        resolve: &dyn Fn(&str) -> Option<FieldIx>,
    ) -> Result<Self, FormulaError> {
        Ok(Self { root: parse::parse(text, resolve)? })
    }

    /// Whether the formula is true of a record about to be written.
    #[must_use]
    pub fn holds(&self, scope: &dyn Scope) -> bool {
        eval::truth(&self.root, scope)
    }
}

#[cfg(test)]
mod tests;
