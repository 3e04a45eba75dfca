//! Findings with lines and columns instead of bytes: what all formats for programs are made from.

use serde::Serialize;

use super::{Diagnostic, Diagnostics, Severity};
use crate::source::{SourceSet, Span};

/// A range in a file. Lines and columns count from 1, columns in characters; the end is behind the
/// last character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Region {
    /// Path as the command was given it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// From 1.
    pub end_line: usize,
    /// From 1.
    pub end_column: usize,
}

/// A second place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LocatedLabel {
    /// Where.
    #[serde(flatten)]
    pub region: Region,
    /// What is there.
    pub text: String,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Located {
    /// `CV3005`
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub message: String,
    /// Where.
    #[serde(flatten)]
    pub region: Region,
    /// Other places.
    pub labels: Vec<LocatedLabel>,
    /// Why.
    pub why: Vec<String>,
    /// What to do.
    pub help: Vec<String>,
}

fn region(span: Span, sources: &SourceSet) -> Region {
    match sources.get(span.file) {
        Some(source) => {
            let (start, end) = (source.place(span.start), source.place(span.end));
            Region {
                file: source.path.clone(),
                line: start.line,
                column: start.column,
                end_line: end.line,
                end_column: end.column,
            }
        }
        None => Region { file: String::new(), line: 1, column: 1, end_line: 1, end_column: 1 },
    }
}

fn one(diagnostic: &Diagnostic, sources: &SourceSet) -> Located {
    let labels = diagnostic.labels.iter().map(|label| LocatedLabel {
        region: region(label.span, sources),
        text: label.text.clone(),
    });
    Located {
        code: diagnostic.code.to_string(),
        severity: diagnostic.severity,
        message: diagnostic.headline.clone(),
        region: region(diagnostic.span, sources),
        labels: labels.collect(),
        why: diagnostic.why.clone(),
        help: diagnostic.help.clone(),
    }
}

/// Every finding.
pub fn locate(diagnostics: &Diagnostics, sources: &SourceSet) -> Vec<Located> {
    diagnostics.iter().map(|diagnostic| one(diagnostic, sources)).collect()
}
