//! Findings as SARIF 2.1.0 (OASIS), for code scanning.

use serde_json::{Value, json};

use super::codes::{self, Code};
use super::located::{Located, Region, locate};
use super::{Diagnostics, Severity};
use crate::source::SourceSet;

/// One run, and a line feed.
pub fn render(diagnostics: &Diagnostics, sources: &SourceSet) -> String {
    let found = locate(diagnostics, sources);
    let rules: Vec<Value> = codes::all()
        .filter(|code| found.iter().any(|one| one.code == code.to_string()))
        .map(rule)
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "covenant",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": found.iter().map(result).collect::<Vec<_>>(),
        }],
    });
    format!("{document:#}\n")
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn rule(code: &Code) -> Value {
    json!({
        "id": code.to_string(),
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.explain},
        "defaultConfiguration": {"level": level(code.severity)},
    })
}

fn location(region: &Region) -> Value {
    json!({"physicalLocation": {
        "artifactLocation": {"uri": region.file},
        "region": {
            "startLine": region.line,
            "startColumn": region.column,
            "endLine": region.end_line,
            "endColumn": region.end_column,
        },
    }})
}

fn result(found: &Located) -> Value {
    let mut text = found.message.clone();
    for more in found.why.iter().chain(&found.help) {
        text.push('\n');
        text.push_str(more);
    }
    let related = found.labels.iter().map(|label| {
        let mut place = location(&label.region);
        if let Value::Object(members) = &mut place {
            members.insert("message".to_owned(), json!({"text": label.text}));
        }
        place
    });
    json!({
        "ruleId": found.code,
        "level": level(found.severity),
        "message": {"text": text},
        "locations": [location(&found.region)],
        "relatedLocations": related.collect::<Vec<_>>(),
    })
}
