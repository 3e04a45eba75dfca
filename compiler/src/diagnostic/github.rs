//! Findings as GitHub workflow commands: annotations on the lines of a pull request.

use super::located::locate;
use super::{Diagnostics, Severity};
use crate::source::SourceSet;

/// One command a line.
pub fn render(diagnostics: &Diagnostics, sources: &SourceSet) -> String {
    let mut out = String::new();
    for found in locate(diagnostics, sources) {
        let command = match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let more: Vec<&str> = found.why.iter().chain(&found.help).map(String::as_str).collect();
        let text = std::iter::once(found.message.as_str()).chain(more).collect::<Vec<_>>();
        out.push_str(&format!(
            "::{command} file={},line={},col={},endLine={},endColumn={},title={}::{}\n",
            property(&found.region.file),
            found.region.line,
            found.region.column,
            found.region.end_line,
            found.region.end_column,
            property(&found.code),
            data(&text.join("\n")),
        ));
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
