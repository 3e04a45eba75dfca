//! Findings as text, with the source lines.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Severity};
use crate::source::{FileId, SourceSet, Span};

/// Every finding, an empty line between; empty without findings. Without colours: for files, pipes
/// and snapshots.
pub fn render(diagnostics: &Diagnostics, sources: &SourceSet) -> String {
    all(diagnostics, sources, &Renderer::plain())
}

/// The same for a terminal.
pub fn render_coloured(diagnostics: &Diagnostics, sources: &SourceSet) -> String {
    all(diagnostics, sources, &Renderer::styled())
}

fn all(diagnostics: &Diagnostics, sources: &SourceSet, renderer: &Renderer) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics.iter() {
        out.push_str(&one(diagnostic, sources, renderer));
        out.push_str("\n\n");
    }
    out
}

/// One line for the end: `2 errors, 1 warning`.
pub fn summary(diagnostics: &Diagnostics) -> String {
    let count = |severity, word: &str| {
        let number = diagnostics.count(severity);
        let plural = if number == 1 { "" } else { "s" };
        (number > 0).then(|| format!("{number} {word}{plural}"))
    };
    let parts: Vec<String> = [(Severity::Error, "error"), (Severity::Warning, "warning")]
        .into_iter()
        .filter_map(|(severity, word)| count(severity, word))
        .collect();
    if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") }
}

fn one(diagnostic: &Diagnostic, sources: &SourceSet, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let mut group = Group::with_title(
        level.primary_title(diagnostic.headline.as_str()).id(diagnostic.code.to_string()),
    );
    let mut files: Vec<FileId> = vec![diagnostic.span.file];
    for label in &diagnostic.labels {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    for file in files {
        if let Some(source) = sources.get(file) {
            let snippet = Snippet::source(source.text.as_str()).path(source.path.as_str());
            group = group.element(snippet.annotations(annotations(diagnostic, file, &source.text)));
        }
    }
    for why in &diagnostic.why {
        group = group.element(Level::NOTE.message(why.as_str()));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

fn annotations<'d>(diagnostic: &'d Diagnostic, file: FileId, text: &str) -> Vec<Annotation<'d>> {
    let mut all = Vec::new();
    if diagnostic.span.file == file {
        let primary = AnnotationKind::Primary.span(first_line(diagnostic.span, text));
        let at = (!diagnostic.at.is_empty()).then_some(diagnostic.at.as_str());
        all.push(primary.label(at));
    }
    for label in diagnostic.labels.iter().filter(|label| label.span.file == file) {
        let context = AnnotationKind::Context.span(first_line(label.span, text));
        all.push(context.label(label.text.as_str()));
    }
    all
}

/// Long values are marked on their first line only: a whole contract with carets helps nobody.
fn first_line(span: Span, text: &str) -> std::ops::Range<usize> {
    let end = span.end.min(text.len());
    let start = span.start.min(end);
    let shown = text.get(start..end).unwrap_or("");
    let line = shown.find('\n').map(|at| start + at).unwrap_or(end);
    start..line
}
