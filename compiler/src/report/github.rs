//! Findings as GitHub workflow commands: annotations on the lines of a pull request.

use super::place::Side;
use super::{Report, words};
use crate::diagnostic::Severity;

/// One command a line. Waived findings are notices.
pub fn render(report: &Report, from: Severity) -> String {
    let mut out = String::new();
    for entry in report.findings.iter().filter(|entry| entry.worst() <= from) {
        let command = match (&entry.waived, entry.worst()) {
            (None, Severity::Error) => "error",
            (None, Severity::Warning) => "warning",
            (Some(_), _) | (None, Severity::Info) => "notice",
        };
        let mut text = vec![entry.headline.clone()];
        text.extend(words::details(entry));
        let place = &entry.place;
        // A file of the old version is not part of the pull request: nothing to annotate.
        let at = match place.side {
            Side::New => format!(
                "file={},line={},col={},endLine={},endColumn={},",
                property(&place.path),
                place.line,
                place.column,
                place.end_line,
                place.end_column
            ),
            Side::Old => String::new(),
        };
        let title = format!("{}: {}", entry.code, entry.title);
        let (title, text) = (property(&title), data(&text.join("\n")));
        out.push_str(&format!("::{command} {at}title={title}::{text}\n"));
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
