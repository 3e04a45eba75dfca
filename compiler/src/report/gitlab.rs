//! Findings as a GitLab code quality report.

use serde_json::{Value, json};

use super::{Entry, Report, words};
use crate::diagnostic::Severity;

/// A list of issues. Waived ones are left out: GitLab has no word for them and would count them.
///
/// # Errors
/// Never in practice: all keys are texts.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let counted = report.findings.iter().filter(|entry| entry.waived.is_none());
    let issues: Vec<Value> = counted.map(issue).collect();
    Ok(format!("{}\n", serde_json::to_string_pretty(&issues)?))
}

fn issue(entry: &Entry) -> Value {
    let severity = match entry.severity {
        Severity::Error => "critical",
        Severity::Warning => "major",
        Severity::Info => "info",
    };
    let breaks = words::breaks(entry);
    let who = if breaks.is_empty() { String::new() } else { format!(" ({breaks})") };
    json!({
        "description": format!("{}: {}{who}", entry.code, entry.headline),
        "check_name": entry.code,
        "fingerprint": entry.fingerprint,
        "severity": severity,
        "location": {
            "path": entry.place.path,
            "lines": {"begin": entry.place.line, "end": entry.place.end_line},
        },
    })
}
