//! Findings as SARIF 2.1.0 (OASIS), for code scanning.

use serde_json::{Map, Value, json};

use super::place::{Place, Side};
use super::{Entry, Report, words};
use crate::diagnostic::Severity;

/// Name under which files of the old version are told apart from those of the new.
const OLD_BASE: &str = "OLD_VERSION";
/// Name of our fingerprint, and its version.
const FINGERPRINT: &str = "covenant/v1";

/// One run, and a line feed.
///
/// # Errors
/// Never in practice: all keys are texts.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let mut run = Map::new();
    let driver = json!({
        "name": report.tool.name,
        "version": report.tool.version,
        "rules": rules(report),
    });
    run.insert("tool".to_owned(), json!({"driver": driver}));
    run.insert("columnKind".to_owned(), json!("unicodeCodePoints"));
    if let Some(against) = &report.against {
        let old = json!({"description": {"text": format!("contracts of {against}")}});
        run.insert("originalUriBaseIds".to_owned(), json!({OLD_BASE: old}));
    }
    let results: Vec<Value> = report.findings.iter().map(|entry| result(report, entry)).collect();
    run.insert("results".to_owned(), json!(results));
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn rules(report: &Report) -> Vec<Value> {
    let mut codes: Vec<&Entry> = report.findings.iter().collect();
    codes.sort_by(|left, right| left.code.cmp(&right.code));
    codes.dedup_by(|left, right| left.code == right.code);
    codes.into_iter().map(rule).collect()
}

fn rule(entry: &Entry) -> Value {
    let worst = entry.ceiling.unwrap_or(entry.severity);
    json!({
        "id": entry.code,
        "shortDescription": {"text": entry.title},
        "help": {"text": format!("covenant explain {}", entry.code)},
        "defaultConfiguration": {"level": level(worst)},
    })
}

/// Percent-encodes what a relative URI reference cannot hold; a colon would make a scheme.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn region(place: &Place) -> Value {
    json!({
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    })
}

fn artifact(place: &Place) -> Value {
    match place.side {
        Side::New => json!({"uri": uri(&place.path)}),
        Side::Old => json!({"uri": uri(&place.path), "uriBaseId": OLD_BASE}),
    }
}

fn location(place: &Place) -> Value {
    json!({"physicalLocation": {"artifactLocation": artifact(place), "region": region(place)}})
}

fn related(place: &Place, text: &str) -> Value {
    let mut found = location(place);
    if let Value::Object(members) = &mut found {
        members.insert("message".to_owned(), json!({"text": text}));
    }
    found
}

fn result(report: &Report, entry: &Entry) -> Value {
    let mut text = vec![entry.headline.clone()];
    text.extend(words::details(entry));
    let mut found = Map::new();
    found.insert("ruleId".to_owned(), json!(entry.code));
    found.insert("level".to_owned(), json!(level(entry.severity)));
    found.insert("message".to_owned(), json!({"text": text.join("\n")}));
    found.insert("locations".to_owned(), json!([location(&entry.place)]));
    let mut places: Vec<Value> = entry
        .labels
        .iter()
        .chain(&entry.hops)
        .filter_map(|label| Some(related(label.place.as_ref()?, &label.text)))
        .collect();
    let consumers = entry.consumers.iter();
    places.extend(
        consumers.filter_map(|one| Some(related(one.place.as_ref()?, &words::consumer(one)))),
    );
    found.insert("relatedLocations".to_owned(), json!(places));
    found.insert("partialFingerprints".to_owned(), json!({FINGERPRINT: entry.fingerprint}));
    let fixes: Vec<Value> = entry.fixes.iter().map(fix).collect();
    if !fixes.is_empty() {
        found.insert("fixes".to_owned(), json!(fixes));
    }
    if let Some(waived) = &entry.waived {
        let why = words::waived(waived);
        let accepted = json!({"kind": "external", "status": "accepted", "justification": why});
        found.insert("suppressions".to_owned(), json!([accepted]));
    }
    if report.against.is_some() {
        found.insert("properties".to_owned(), properties(entry));
    }
    Value::Object(found)
}

/// What SARIF has no word for, as in our own JSON.
fn properties(entry: &Entry) -> Value {
    json!({
        "subject": entry.subject,
        "consumers": entry.consumers,
        "hops": entry.hops,
        "migration": entry.migration,
        "witness": entry.witness,
        "effects": entry.effects,
    })
}

/// Edits by file, as SARIF wants them.
fn fix(fix: &super::Fix) -> Value {
    let mut changes: Vec<(&Place, Vec<Value>)> = Vec::new();
    for edit in &fix.edits {
        let replacement = json!({
            "deletedRegion": region(&edit.place),
            "insertedContent": {"text": edit.text},
        });
        match changes.iter_mut().find(|(place, _)| place.file == edit.place.file) {
            Some((_, replacements)) => replacements.push(replacement),
            None => changes.push((&edit.place, vec![replacement])),
        }
    }
    let changes: Vec<Value> = changes
        .into_iter()
        .map(|(place, edits)| json!({"artifactLocation": artifact(place), "replacements": edits}))
        .collect();
    json!({"description": {"text": fix.title}, "artifactChanges": changes})
}
