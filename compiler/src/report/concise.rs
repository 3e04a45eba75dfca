//! One line a finding: for editors, `grep` and short screens.

use super::{Report, words};
use crate::diagnostic::Severity;

/// `path:line:column: error[DCW010] headline (breaks ...)`, from a severity on.
pub fn render(report: &Report, from: Severity) -> String {
    let mut out = String::new();
    for entry in report.findings.iter().filter(|entry| entry.worst() <= from) {
        let mut more = vec![words::breaks(entry)];
        more.extend(entry.waived.as_ref().map(|_| "waived".to_owned()));
        more.retain(|part| !part.is_empty());
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
        out.push_str(&format!(
            "{}: {}[{}] {}{more}\n",
            entry.place.words(),
            words::severity(entry.severity),
            entry.code,
            entry.headline,
        ));
    }
    out
}
