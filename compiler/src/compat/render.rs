//! Findings as text: both sides and every consumer with their source lines.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use super::finding::Finding;
use super::rule::Grade;
use crate::Compiled;
use crate::source::{SourceSet, Span};

/// Consumers that are shown with their source line; the rest is listed.
const FRAMES_MAX: usize = 8;

/// Every finding that is at least `from`, an empty line between.
pub fn human(findings: &[Finding], old: &Compiled, new: &Compiled, from: Grade) -> String {
    let mut out = String::new();
    for finding in findings.iter().filter(|finding| finding.grade >= from) {
        out.push_str(&one(finding, old, new));
        out.push_str("\n\n");
    }
    out
}

/// One line for the end: `2 errors, 1 warning, 3 notes`.
pub fn summary(findings: &[Finding]) -> String {
    let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let parts: Vec<String> =
        [(Grade::Error, "error"), (Grade::Warning, "warning"), (Grade::Info, "note")]
            .into_iter()
            .map(|(grade, word)| (count(grade), word))
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{number} {word}{}", if number == 1 { "" } else { "s" }))
            .collect();
    if parts.is_empty() { "no change that anybody could notice".into() } else { parts.join(", ") }
}

fn one(finding: &Finding, old: &Compiled, new: &Compiled) -> String {
    let level = match finding.grade {
        Grade::Error => Level::ERROR,
        Grade::Warning => Level::WARNING,
        Grade::Info => Level::INFO,
    };
    let title = level.primary_title(finding.headline.as_str()).id(finding.rule.code);
    let mut group = Group::with_title(title);
    if let Some((span, sources)) = place(finding.new_path.as_deref(), new) {
        group = framed(group, span, sources, "now", true);
    }
    if let Some((span, sources)) = place(finding.old_path.as_deref(), old) {
        group = framed(group, span, sources, "before", finding.new_path.is_none());
    }
    let labels: Vec<String> = finding
        .consumers
        .iter()
        .map(|consumer| format!("{} {} {}", kind(consumer), consumer.name, consumer.how))
        .collect();
    for (consumer, label) in finding.consumers.iter().zip(&labels).take(FRAMES_MAX) {
        let known = place(Some(&consumer.path), new).or_else(|| place(Some(&consumer.path), old));
        if let Some((span, sources)) = known {
            group = framed(group, span, sources, label, false);
        }
    }
    for label in labels.iter().skip(FRAMES_MAX) {
        group = group.element(Level::NOTE.message(label.as_str()));
    }
    let migration = format!("stored data: {}", migration(finding));
    group = group.element(Level::NOTE.message(migration.as_str()));
    group = group.element(Level::HELP.message(finding.help.as_str()));
    Renderer::plain().render(&[group])
}

fn place<'c>(path: Option<&str>, side: &'c Compiled) -> Option<(Span, &'c SourceSet)> {
    let path = path?;
    let spans = &side.checked.as_ref()?.get().spans;
    // A path of which nothing is known on this side would be answered with its surroundings: that is no place.
    let entity = path.split('/').next()?;
    spans.get(entity)?;
    let span = if spans.get(path).is_some() { spans.value(path)? } else { spans.key(path)? };
    Some((span, &side.sources))
}

fn framed<'a>(
    group: Group<'a>,
    span: Span,
    sources: &'a SourceSet,
    label: &'a str,
    primary: bool,
) -> Group<'a> {
    let Some(source) = sources.get(span.file) else { return group };
    let end = span.end.min(source.text.len());
    let start = span.start.min(end);
    let shown = source.text.get(start..end).unwrap_or("");
    let end = shown.find('\n').map_or(end, |at| start + at);
    let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
    group.element(
        Snippet::source(source.text.as_str())
            .path(source.path.as_str())
            .annotation(kind.span(start..end).label(label)),
    )
}

fn kind(consumer: &super::Consumer) -> &'static str {
    use super::ConsumerKind::{
        Model, People, Reference, RustValidator, SalesforceMapping, SnowflakeTable,
    };
    match consumer.kind {
        RustValidator => "the Rust validator",
        SnowflakeTable => "the Snowflake table",
        SalesforceMapping => "the Salesforce mapping",
        Model => "the model",
        Reference => "the reference",
        People => "the promise to",
    }
}

fn migration(finding: &Finding) -> &'static str {
    use super::Migration::{Backfill, Impossible, Inplace, None, Precheck, Rebuild};
    match finding.rule.migration {
        None => "untouched",
        Inplace => "one ALTER on the live table",
        Backfill => "the table changes in place, old rows must be loaded again",
        Precheck => "in place only if a query proves that all values fit",
        Rebuild => "new table, copy, swap",
        Impossible => "nothing restores what is lost",
    }
}

/// Findings as JSON, for other tools: one object, sorted as [`super::diff`] sorts.
///
/// # Errors
/// Never in practice: the value has string keys only.
pub fn json(findings: &[Finding]) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Report<'a> {
        errors: usize,
        findings: &'a [Finding],
    }
    let errors = findings.iter().filter(|finding| finding.grade == Grade::Error).count();
    serde_json::to_string_pretty(&Report { errors, findings })
}

/// Findings as workflow commands: annotations on a pull request.
pub fn github(findings: &[Finding], new: &Compiled) -> String {
    let mut out = String::new();
    for finding in findings {
        let level = match finding.grade {
            Grade::Error => "error",
            Grade::Warning => "warning",
            Grade::Info => "notice",
        };
        let (path, line) = position(finding, new);
        let consumers: Vec<&str> =
            finding.consumers.iter().map(|consumer| consumer.name.as_str()).collect();
        let who = if consumers.is_empty() { "nobody".into() } else { consumers.join(", ") };
        let text = format!("{} Breaks: {who}. {}", finding.headline, finding.help);
        let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        out.push_str(&format!(
            "::{level} file={path},line={line},title={}::{text}\n",
            finding.rule.code
        ));
    }
    out
}

/// Findings as SARIF 2.1.0, for code scanning.
///
/// # Errors
/// Never in practice: the value has string keys only.
pub fn sarif(findings: &[Finding], new: &Compiled) -> Result<String, serde_json::Error> {
    let results: Vec<serde_json::Value> = findings
        .iter()
        .map(|finding| {
            let (path, line) = position(finding, new);
            let level = match finding.grade {
                Grade::Error => "error",
                Grade::Warning => "warning",
                Grade::Info => "note",
            };
            serde_json::json!({
                "ruleId": finding.rule.code,
                "level": level,
                "message": {"text": format!("{}. {}", finding.headline, finding.help)},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": path},
                    "region": {"startLine": line},
                }}],
            })
        })
        .collect();
    let driver = serde_json::json!({"name": "covenant", "version": env!("CARGO_PKG_VERSION")});
    serde_json::to_string_pretty(&serde_json::json!({
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }))
}

/// File and line of a finding in the new contracts; what is gone is shown where its surroundings are.
fn position(finding: &Finding, new: &Compiled) -> (String, usize) {
    place(finding.new_path.as_deref(), new)
        .and_then(|(span, sources)| {
            let source = sources.get(span.file)?;
            Some((source.path.clone(), source.place(span.start).line))
        })
        .unwrap_or_else(|| ("contracts".to_owned(), 1))
}
