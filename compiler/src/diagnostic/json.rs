//! Findings as one JSON document.

use super::located::locate;
use super::{Diagnostics, Severity};
use crate::source::SourceSet;

/// Raised when the shape changes in a way that readers notice.
const FORMAT: u32 = 1;

/// `{"format": 1, "errors": n, "warnings": n, "diagnostics": [...]}` and a line feed.
pub fn render(diagnostics: &Diagnostics, sources: &SourceSet) -> String {
    let document = serde_json::json!({
        "format": FORMAT,
        "errors": diagnostics.count(Severity::Error),
        "warnings": diagnostics.count(Severity::Warning),
        "diagnostics": locate(diagnostics, sources),
    });
    format!("{document:#}\n")
}
