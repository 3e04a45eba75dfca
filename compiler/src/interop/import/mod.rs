//! What all importers have in common: the draft that they make of what others wrote, names, and why a file is refused.
//!
//! A draft is for people to go on with: what was guessed says so, what has no place in the language is named in a comment,
//! or kept as an extension. It holds together: an importer's output passes `covenant check`.

pub(super) mod draft;
pub(super) mod names;
pub(super) mod personal;
pub(super) mod read;
pub(super) mod settle;
pub(super) mod types;

/// Why a file cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}, line {line}, column {column}: {why}")]
pub struct ImportError {
    /// As given.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// In words.
    pub why: String,
}

impl ImportError {
    /// Of a whole file.
    pub(super) fn file(path: &str, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: 1, column: 1, why: why.into() }
    }
}

/// What an import made.
#[derive(Debug)]
pub struct Imported {
    /// The files.
    pub tree: crate::tree::OutputTree,
    /// What was not taken over, and why: one line each.
    pub left: Vec<String>,
}
