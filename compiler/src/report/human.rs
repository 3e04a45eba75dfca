//! Findings as text, with the source lines of every place: for people.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Patch, Renderer, Snippet};

use super::place::{Place, Sources};
use super::{Entry, Fix, Report, words};
use crate::diagnostic::{Applicability, Severity};

/// Consumers and hops that are shown with their source line; the others are listed. Units: places.
const FRAMES_MAX: usize = 8;

/// Every finding from a severity on, an empty line between; empty without findings. `coloured` is
/// for terminals; files, pipes and snapshots go without.
pub fn render(report: &Report, from: Severity, coloured: bool) -> String {
    let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for entry in report.findings.iter().filter(|entry| entry.worst() <= from) {
        out.push_str(&one(entry, &report.sources, &renderer));
        out.push_str("\n\n");
    }
    out
}

/// A place with what is said beside it.
struct Marked<'a> {
    place: &'a Place,
    text: String,
    primary: bool,
}

fn one(entry: &Entry, sources: &Sources, renderer: &Renderer) -> String {
    let level = match entry.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let title = level.primary_title(entry.headline.as_str()).id(entry.code.as_str());
    let (marked, notes) = places(entry);
    let mut group = framed(Group::with_title(title), &marked, sources);
    for note in &notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    for help in &entry.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let mut groups = vec![group];
    let fixes = entry.fixes.iter().filter(|fix| fits_a_patch(fix, sources));
    groups.extend(fixes.map(|fix| patch(fix, sources)));
    renderer.render(&groups)
}

/// Everything with a place, in reading order; and what is said below the frames.
fn places(entry: &Entry) -> (Vec<Marked<'_>>, Vec<String>) {
    let mut marked = vec![Marked { place: &entry.place, text: entry.at.clone(), primary: true }];
    let mut notes = Vec::new();
    let labels = entry.labels.iter();
    marked.extend(labels.filter_map(|label| {
        Some(Marked { place: label.place.as_ref()?, text: label.text.clone(), primary: false })
    }));
    let mut more = |place: Option<&'_ Place>, text: String, frames: usize| match place {
        Some(_) if frames < FRAMES_MAX => Some(text),
        Some(_) | None => {
            notes.push(text);
            None
        }
    };
    let mut frames = 0;
    for consumer in &entry.consumers {
        let place = consumer.place.as_ref();
        let text = more(place, words::consumer(consumer), frames);
        if let (Some(place), Some(text)) = (place, text) {
            frames += 1;
            marked.push(Marked { place, text, primary: false });
        }
    }
    for (at, hop) in entry.hops.iter().enumerate() {
        let place = hop.place.as_ref();
        let text = more(place, format!("{}. {}", at + 1, hop.text), frames);
        if let (Some(place), Some(text)) = (place, text) {
            frames += 1;
            marked.push(Marked { place, text, primary: false });
        }
    }
    below(entry, &mut notes);
    (marked, notes)
}

fn below(entry: &Entry, notes: &mut Vec<String>) {
    notes.extend(entry.why.iter().cloned());
    if let Some(migration) = &entry.migration {
        let mut text = words::migration(migration);
        for step in &migration.steps {
            text.push_str(&format!("\n  {}", words::step(step).replace('\n', "\n    ")));
        }
        notes.push(text);
    }
    notes.extend(entry.witness.as_ref().map(words::witness));
    for effect in &entry.effects {
        let place =
            effect.place.as_ref().map(|place| format!(" ({})", place.words())).unwrap_or_default();
        notes.push(format!("follows from it: {}{place}", words::effect(effect)));
    }
    match (&entry.waived, entry.ceiling, entry.severity) {
        (Some(waived), ..) => notes.push(words::waived(waived)),
        (None, Some(_), Severity::Error | Severity::Warning) => {
            notes.push(format!("fingerprint {}, for `covenant waive`", entry.fingerprint));
        }
        (None, Some(_), Severity::Info) | (None, None, _) => {}
    }
}

/// One snippet a file, in the order in which files are first named.
fn framed<'a>(group: Group<'a>, marked: &'a [Marked<'a>], sources: &'a Sources) -> Group<'a> {
    let mut files: Vec<&Place> = Vec::new();
    for one in marked {
        if !files.iter().any(|place| place.file == one.place.file) {
            files.push(one.place);
        }
    }
    files.into_iter().fold(group, |group, file| {
        let text = sources.text(file);
        let inside = marked.iter().filter(|one| one.place.file == file.file);
        let marks = inside.map(|one| annotation(one, text));
        group.element(Snippet::source(text).path(file.path.as_str()).annotations(marks))
    })
}

fn annotation<'a>(marked: &'a Marked<'a>, text: &str) -> Annotation<'a> {
    let kind = if marked.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
    let label = (!marked.text.is_empty()).then_some(marked.text.as_str());
    kind.span(first_line(marked.place, text)).label(label)
}

/// Long values are marked on their first line only: a whole contract with carets helps nobody.
fn first_line(place: &Place, text: &str) -> std::ops::Range<usize> {
    let end = place.end.min(text.len());
    let start = place.start.min(end);
    let shown = text.get(start..end).unwrap_or("");
    let line = shown.find('\n').map(|at| start + at).unwrap_or(end);
    start..line
}

/// Edits of one file can be shown as a patch; others are named by `covenant fix --diff`.
fn fits_a_patch(fix: &Fix, sources: &Sources) -> bool {
    let first = fix.edits.first().map(|edit| edit.place.file);
    first.is_some()
        && fix.edits.iter().all(|edit| {
            let text = sources.text(&edit.place);
            Some(edit.place.file) == first && text.get(edit.place.start..edit.place.end).is_some()
        })
}

fn patch<'a>(fix: &'a Fix, sources: &'a Sources) -> Group<'a> {
    let how = match fix.applicability {
        Applicability::Safe => "`covenant fix` does it",
        Applicability::Unsafe => "`covenant fix --unsafe` does it",
        Applicability::Placeholder => "with a gap to fill in",
    };
    let mut group =
        Group::with_title(Level::HELP.secondary_title(format!("{} ({how})", fix.title)));
    if let Some(first) = fix.edits.first() {
        let patches = fix
            .edits
            .iter()
            .map(|edit| Patch::new(edit.place.start..edit.place.end, edit.text.as_str()));
        let snippet = Snippet::source(sources.text(&first.place));
        group = group.element(snippet.path(first.place.path.as_str()).patches(patches));
    }
    group
}
