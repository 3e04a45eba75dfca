//! Findings about a change: both sides, the consumers, the way to them, and the line that was edited.

use std::cell::RefCell;
use std::collections::BTreeMap;

use similar::{ChangeTag, TextDiff};

use super::place::{Place, Side, Sources};
use super::{
    Command, Consumer, Effect, Entry, Label, Migration, Report, Step, contracts, mends, witnesses,
};
use crate::Compiled;
use crate::compat::{self, ConsumerKind, Finding, Grade, Hop, Platform};
use crate::diagnostic::Severity;
use crate::parse::SpanMap;
use crate::source::{FileId, SourceFile, Span};

/// Everything that was found about the change from `old` to `new`.
pub fn report(found: &[Finding], old: &Compiled, new: &Compiled, against: &str) -> Report {
    report_alive(found, old, &[], new, against)
}

/// The same where older versions, each with its name, were compared too.
pub fn report_alive(
    found: &[Finding],
    old: &Compiled,
    older: &[(&str, &Compiled)],
    new: &Compiled,
    against: &str,
) -> Report {
    let mut kept = Sources::default();
    let latest = Cx { old, new, edited: RefCell::default() };
    let entries = found.iter().map(|one| {
        let version = one.against.as_deref();
        let older = older.iter().find(|(name, _)| Some(*name) == version);
        match older {
            Some((_, old)) => {
                let cx = Cx { old, new, edited: RefCell::default() };
                entry(&cx, one, &mut kept)
            }
            None => entry(&latest, one, &mut kept),
        }
    });
    let entries = entries.collect();
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

/// Both sides, and the edited lines of the files that were asked for.
struct Cx<'a> {
    old: &'a Compiled,
    new: &'a Compiled,
    edited: RefCell<BTreeMap<FileId, Vec<usize>>>,
}

impl<'a> Cx<'a> {
    fn side(&self, side: Side) -> &'a Compiled {
        match side {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }

    fn place(&self, side: Side, path: &str, kept: &mut Sources) -> Option<Place> {
        let compiled = self.side(side);
        let span = span(path, compiled)?;
        Some(kept.place(side, &compiled.sources, span))
    }
}

fn entry(cx: &Cx<'_>, found: &Finding, kept: &mut Sources) -> Entry {
    let (place, at, before) = places(cx, found, kept);
    let title = found.rule.slug.replace('-', " ");
    let (code, severity) = (found.rule.code.to_owned(), severity(found.grade));
    let mut entry = Entry::new(code, title, severity, found.headline.clone(), place);
    entry.at = at.to_owned();
    let before = before.map(|place| Label { text: "before".to_owned(), place: Some(place) });
    entry.labels.extend(before);
    entry.subject = Some(found.subject.clone());
    entry.ceiling = Some(self::severity(found.ceiling));
    entry.consumers = found.consumers.iter().map(|one| consumer(cx, one, kept)).collect();
    entry.hops = found.why.iter().map(|hop| self::hop(cx, hop, kept)).collect();
    let against = found.against.as_ref();
    entry.why.extend(
        against.map(|version| format!("found against version {version}, which is still read")),
    );
    entry.migration = Some(migration(found));
    entry.witness = found.witness.as_ref().map(witnesses::witness);
    for effect in &found.effects {
        effects(cx, effect, kept, &mut entry.effects);
    }
    entry.help = vec![found.help.clone()];
    let fixes = mends::fixes(found, cx.new);
    entry.fixes =
        fixes.iter().map(|fix| contracts::fix(Side::New, fix, &cx.new.sources, kept)).collect();
    entry.fingerprint.clone_from(&found.fingerprint);
    entry
}

/// The primary place, what is said there, and the place on the old side where there are both.
fn places(
    cx: &Cx<'_>,
    found: &Finding,
    kept: &mut Sources,
) -> (Place, &'static str, Option<Place>) {
    let before = found.old_path.as_deref().and_then(|path| cx.place(Side::Old, path, kept));
    let (now, at) = match (&found.old_path, &found.new_path) {
        (Some(old), Some(new)) if !new.contains('/') && old.contains('/') => {
            (surroundings(old, cx.new).or_else(|| span(new, cx.new)), "removed from here")
        }
        (_, Some(new)) => {
            let own = span(new, cx.new);
            (own.map(|span| edited(cx, new, span).unwrap_or(span)), "now")
        }
        (_, None) => (None, ""),
    };
    match (now, before) {
        (Some(span), before) => (kept.place(Side::New, &cx.new.sources, span), at, before),
        (None, Some(before)) => (before, "before", None),
        (None, None) => (Place::nowhere(), "", None),
    }
}

/// The key of the nearest section that is still there.
fn surroundings(path: &str, side: &Compiled) -> Option<Span> {
    let (parent, _) = path.rsplit_once('/')?;
    match side.ast.spans.get(parent) {
        Some(spans) => Some(spans.key),
        None => surroundings(parent, side),
    }
}

fn consumer(cx: &Cx<'_>, one: &compat::Consumer, kept: &mut Sources) -> Consumer {
    let (kind, words) = kind(one.kind);
    let side = side(one.side);
    Consumer {
        kind: kind.to_owned(),
        words: words.to_owned(),
        name: one.name.clone(),
        how: one.how.clone(),
        place: cx.place(side, &one.path, kept),
    }
}

fn hop(cx: &Cx<'_>, hop: &Hop, kept: &mut Sources) -> Label {
    Label { text: hop.note.clone(), place: cx.place(side(hop.side), &hop.path, kept) }
}

fn side(side: compat::Side) -> Side {
    match side {
        compat::Side::Old => Side::Old,
        compat::Side::New => Side::New,
    }
}

/// An effect, and what follows from it, in one list.
fn effects(cx: &Cx<'_>, found: &Finding, kept: &mut Sources, all: &mut Vec<Effect>) {
    let (place, ..) = places(cx, found, kept);
    all.push(Effect {
        code: found.rule.code.to_owned(),
        severity: severity(found.grade),
        subject: Some(found.subject.clone()),
        headline: found.headline.clone(),
        breaks: found.consumers.iter().map(|one| one.name.clone()).collect(),
        place: Some(place),
    });
    for effect in &found.effects {
        effects(cx, effect, kept, all);
    }
}

fn migration(found: &Finding) -> Migration {
    use compat::Migration::{Backfill, Impossible, Inplace, None, Precheck, Rebuild};
    let (name, words) = match found.migration {
        None => ("none", "untouched"),
        Inplace => ("inplace", "one ALTER on the live table"),
        Backfill => ("backfill", "the table changes in place, old rows must be loaded again"),
        Precheck => ("precheck", "in place only if a query proves that all values fit"),
        Rebuild => ("rebuild", "new table, copy, swap"),
        Impossible => ("impossible", "nothing restores what is lost"),
    };
    let steps = found.steps.iter().map(|step| Step {
        platform: platform(step.platform).to_owned(),
        what: step.what.clone(),
        statement: step.sql.clone(),
        difference: step.difference.clone(),
        destructive: step.destructive,
    });
    Migration { class: name.to_owned(), words: words.to_owned(), steps: steps.collect() }
}

fn platform(platform: Platform) -> &'static str {
    match platform {
        Platform::Rust => "rust",
        Platform::Snowflake => "snowflake",
        Platform::Duckdb => "duckdb",
        Platform::Postgres => "postgres",
        Platform::Salesforce => "salesforce",
        Platform::Stream => "stream",
        Platform::Manifest => "manifest",
    }
}

fn kind(kind: ConsumerKind) -> (&'static str, &'static str) {
    match kind {
        ConsumerKind::RustValidator => ("rust_validator", "the Rust validator"),
        ConsumerKind::SnowflakeTable => ("snowflake_table", "the Snowflake table"),
        ConsumerKind::SalesforceMapping => ("salesforce_mapping", "the Salesforce mapping"),
        ConsumerKind::Model => ("model", "the model"),
        ConsumerKind::Reference => ("reference", "the reference"),
        ConsumerKind::People => ("people", "the promise to"),
    }
}

/// The span of a path, or of what is nearest around it; none where the contract is not there at
/// all.
fn span(path: &str, side: &Compiled) -> Option<Span> {
    let spans = &side.ast.spans;
    spans.get(path.split('/').next()?)?;
    if spans.get(path).is_some() { spans.value(path) } else { spans.key(path) }
}

/// A place in the lines that were edited, where the finding's own is not: the first thing that begins
/// on an edited line within the subject, or else beside it.
fn edited(cx: &Cx<'_>, path: &str, own: Span) -> Option<Span> {
    let source = cx.new.sources.get(own.file)?;
    let (_, inside) = path.split_once('/')?;
    let mut cache = cx.edited.borrow_mut();
    let lines = cache.entry(own.file).or_insert_with(|| {
        let before = text_before(path, cx.old).unwrap_or("");
        edited_lines(before, &source.text)
    });
    if lines.contains(&source.place(own.start).line) {
        return None;
    }
    let within = |around: &str| innermost(&cx.new.ast.spans, around, source, own, lines);
    // Beside: `fields/status/transitions` for `fields/status/type`, never another field.
    let parent = path.rsplit_once('/').map(|(parent, _)| parent);
    let parent = parent.filter(|_| inside.matches('/').count() > 1);
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
    let mut found: Vec<(String, Span)> = spans
        .below(around)
        .into_iter()
        .skip(1)
        .filter(|(_, spans)| spans.key.file == own.file)
        .filter(|(_, spans)| lines.contains(&source.place(spans.key.start).line))
        .map(|(path, spans)| (path, spans.value))
        .collect();
    // The first in the file, and of those on one line the outermost: it names the rest.
    found.sort_by_key(|(path, span)| (source.place(span.start).line, path.matches('/').count()));
    found.first().map(|(_, span)| *span)
}
