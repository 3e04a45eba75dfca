//! Findings about a change: both sides, the consumers, and the line that was edited.

use similar::{ChangeTag, TextDiff};

use super::place::{Place, Side, Sources};
use super::{Command, Consumer, Entry, Label, Migration, Report};
use crate::Compiled;
use crate::compat::{self, ConsumerKind, Finding, Grade};
use crate::diagnostic::Severity;
use crate::parse::SpanMap;
use crate::source::{SourceFile, Span};

/// Everything that was found about the change from `old` to `new`.
pub fn report(found: &[Finding], old: &Compiled, new: &Compiled, against: &str) -> Report {
    let mut kept = Sources::default();
    let entries = found.iter().map(|one| entry(one, old, new, &mut kept)).collect();
    Report::new(Command::Diff, Some(against.to_owned()), entries, kept)
}

/// A grade as a severity.
pub fn severity(grade: Grade) -> Severity {
    match grade {
        Grade::Error => Severity::Error,
        Grade::Warning => Severity::Warning,
        Grade::Info => Severity::Info,
    }
}

fn entry(found: &Finding, old: &Compiled, new: &Compiled, kept: &mut Sources) -> Entry {
    let before = span(found.old_path.as_deref(), old);
    let now = span(found.new_path.as_deref(), new);
    let now = now.map(|span| edited(found, span, old, new).unwrap_or(span));
    let place = match (now, before) {
        (Some(span), _) => kept.place(Side::New, &new.sources, span),
        (None, Some(span)) => kept.place(Side::Old, &old.sources, span),
        (None, None) => Place::nowhere(),
    };
    let title = found.rule.slug.replace('-', " ");
    let mut entry = Entry::new(
        found.rule.code.to_owned(),
        title,
        severity(found.grade),
        found.headline.clone(),
        place,
    );
    entry.at = if now.is_some() { "now" } else { "before" }.to_owned();
    if let (Some(_), Some(span)) = (now, before) {
        let place = Some(kept.place(Side::Old, &old.sources, span));
        entry.labels.push(Label { text: "before".to_owned(), place });
    }
    entry.subject = Some(found.subject.clone());
    entry.ceiling = Some(severity(found.ceiling));
    for one in &found.consumers {
        let place = place_of(&one.path, old, new, kept);
        entry.consumers.push(Consumer {
            kind: kind(one.kind).0.to_owned(),
            words: kind(one.kind).1.to_owned(),
            name: one.name.clone(),
            how: one.how.clone(),
            place,
        });
    }
    entry.migration = Some(migration(found.rule.migration));
    entry.help = vec![found.help.clone()];
    entry.fingerprint.clone_from(&found.fingerprint);
    entry
}

/// Where a path stands now, or else stood.
fn place_of(path: &str, old: &Compiled, new: &Compiled, kept: &mut Sources) -> Option<Place> {
    match (span(Some(path), new), span(Some(path), old)) {
        (Some(span), _) => Some(kept.place(Side::New, &new.sources, span)),
        (None, Some(span)) => Some(kept.place(Side::Old, &old.sources, span)),
        (None, None) => None,
    }
}

/// The span of a path, or of what is nearest around it; none where the contract is not there at
/// all.
fn span(path: Option<&str>, side: &Compiled) -> Option<Span> {
    let path = path?;
    let spans = &side.ast.spans;
    spans.get(path.split('/').next()?)?;
    if spans.get(path).is_some() { spans.value(path) } else { spans.key(path) }
}

/// A place in the lines that were edited, where the finding's own is not: the innermost thing that
/// begins on an edited line within the subject, or else beside it.
fn edited(found: &Finding, own: Span, old: &Compiled, new: &Compiled) -> Option<Span> {
    let source = new.sources.get(own.file)?;
    let path = found.new_path.as_deref()?;
    let before = text_before(path, old)?;
    let lines = edited_lines(before, &source.text);
    let of = |span: Span| source.place(span.start).line;
    if lines.contains(&of(own)) {
        return None;
    }
    let within = |around: &str| innermost(&new.ast.spans, around, source, own, &lines);
    let parent = path.rsplit_once('/').map(|(parent, _)| parent).filter(|one| one.contains('/'));
    within(path).or_else(|| parent.and_then(within))
}

/// The old text of the contract that a path is in, whatever file it stood in.
fn text_before<'c>(path: &str, old: &'c Compiled) -> Option<&'c str> {
    let span = old.ast.spans.get(path.split('/').next()?)?.value;
    old.sources.get(span.file).map(|source| source.text.as_str())
}

/// Lines of the new text (from 1) that the old one does not have.
fn edited_lines(old: &str, new: &str) -> Vec<usize> {
    let diff = TextDiff::from_lines(old, new);
    let added = diff.iter_all_changes().filter(|change| change.tag() == ChangeTag::Insert);
    added.filter_map(|change| change.new_index()).map(|at| at + 1).collect()
}

/// The deepest path below `around` whose key stands on one of the lines.
fn innermost(
    spans: &SpanMap,
    around: &str,
    source: &SourceFile,
    own: Span,
    lines: &[usize],
) -> Option<Span> {
    let prefix = format!("{around}/");
    let mut found: Vec<(&str, Span)> = spans
        .iter()
        .filter(|(path, spans)| path.starts_with(&prefix) && spans.key.file == own.file)
        .filter(|(_, spans)| lines.contains(&source.place(spans.key.start).line))
        .map(|(path, spans)| (path, spans.value))
        .collect();
    // The first in the file, and of those on one line the outermost: it names the rest.
    found.sort_by_key(|(path, span)| (source.place(span.start).line, path.matches('/').count()));
    found.first().map(|(_, span)| *span)
}

fn kind(kind: ConsumerKind) -> (&'static str, &'static str) {
    match kind {
        ConsumerKind::RustValidator => ("rust_validator", "the Rust validator"),
        ConsumerKind::SnowflakeTable => ("snowflake_table", "the Snowflake table"),
        ConsumerKind::People => ("people", "the promise to"),
        ConsumerKind::SalesforceMapping => ("salesforce_mapping", "the Salesforce mapping"),
        ConsumerKind::Model => ("model", "the model"),
        ConsumerKind::Reference => ("reference", "the reference"),
    }
}

fn migration(class: compat::Migration) -> Migration {
    use compat::Migration::{Backfill, Impossible, Inplace, None, Precheck, Rebuild};
    let (name, words) = match class {
        None => ("none", "untouched"),
        Inplace => ("inplace", "one ALTER on the live table"),
        Backfill => ("backfill", "the table changes in place, old rows must be loaded again"),
        Precheck => ("precheck", "in place only if a query proves that all values fit"),
        Rebuild => ("rebuild", "new table, copy, swap"),
        Impossible => ("impossible", "nothing restores what is lost"),
    };
    Migration { class: name.to_owned(), words: words.to_owned(), steps: Vec::new() }
}
