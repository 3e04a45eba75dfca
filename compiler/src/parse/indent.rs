//! Lines that are indented otherwise than those around them: the parser stumbles over them, or one line later, and
//! says what it expected instead.

use crate::diagnostic::{Applicability, Diagnostic, Edit, Fix, codes};
use crate::source::{FileId, SourceFile, Span};

/// A line that says something.
struct Line<'t> {
    /// First byte.
    start: usize,
    /// Spaces in front.
    indent: usize,
    /// What is behind them.
    text: &'t str,
}

impl Line<'_> {
    /// The key; of an item of a list, that behind its dash.
    fn key(&self) -> Option<&str> {
        let text = self.text.trim_start_matches("- ");
        let (key, rest) = text.split_once(':')?;
        let value = rest.is_empty() || rest.starts_with(' ');
        let name = |at: char| at.is_ascii_alphanumeric() || matches!(at, '_' | '.');
        (value && !key.is_empty() && key.chars().all(name)).then_some(key)
    }

    /// A key whose value stands on the lines below.
    fn opens(&self) -> bool {
        let text = self.text.split(" #").next().unwrap_or(self.text).trim_end();
        text.ends_with(':')
    }

    fn span(&self, file: FileId) -> Option<Span> {
        let key = self.key()?;
        let dash = self.text.len() - self.text.trim_start_matches("- ").len();
        let start = self.start + self.indent + dash;
        Some(Span { file, start, end: start + key.len() })
    }
}

/// What is said of a file in which the parser stumbled at a byte; `None` where all is indented as it should be.
pub(super) fn finding(file: FileId, source: &SourceFile, at: usize) -> Option<Diagnostic> {
    let lines = lines(&source.text);
    let here = lines.iter().rposition(|line| line.start <= at)?;
    [Some(here), here.checked_sub(1)]
        .into_iter()
        .flatten()
        .find_map(|place| deeper(file, &lines, place).or_else(|| between(file, &lines, place)))
}

/// Every line but blank ones, comments, and what block texts (`|`, `>`) hold.
fn lines(text: &str) -> Vec<Line<'_>> {
    let mut all: Vec<Line<'_>> = Vec::new();
    let (mut start, mut block) = (0, None);
    for whole in text.split_inclusive('\n') {
        let shown = whole.trim_start_matches(' ');
        let line = Line { start, indent: whole.len() - shown.len(), text: shown.trim_end() };
        start += whole.len();
        if line.text.is_empty() || block.is_some_and(|above| line.indent > above) {
            continue;
        }
        block = None;
        if !line.text.starts_with('#') {
            let ends = [": |", ": >", ": |-", ": >-", ": |+", ": >+"];
            block = ends.iter().any(|end| line.text.ends_with(end)).then_some(line.indent);
            all.push(line);
        }
    }
    all
}

/// A line below one that has a value already.
fn deeper(file: FileId, lines: &[Line<'_>], place: usize) -> Option<Diagnostic> {
    let above = lines.get(place.checked_sub(1)?)?;
    let line = lines.get(place)?;
    if line.indent <= above.indent || above.opens() || above.text.starts_with('-') {
        return None;
    }
    let (key, key_above, excess) = (line.key()?, above.key()?, line.indent - above.indent);
    let before = place.checked_sub(2).and_then(|before| lines.get(before));
    let parent = before.filter(|before| before.indent == above.indent && before.opens());
    if let Some((parent, span)) = parent.and_then(|line| Some((line.key()?, line.span(file)?))) {
        let at = Span { file, start: above.start, end: above.start };
        let title = format!("indent `{key_above}` like `{key}`");
        let headline = format!("not YAML: `{key_above}` is not indented below `{parent}`");
        return Some(
            Diagnostic::new(&codes::NOT_YAML, above.span(file)?, headline)
                .label(span, "it belongs to this")
                .help(format!("indent it by {} spaces, like `{key}` below it", line.indent))
                .fix(Fix::replace(Applicability::Unsafe, title, at, " ".repeat(excess))),
        );
    }
    let run = lines.get(place..)?.iter().take_while(|next| next.indent >= line.indent);
    let edits = run.map(|next| Edit {
        span: Span { file, start: next.start, end: next.start + excess },
        text: String::new(),
    });
    let title = format!("indent `{key}` like `{key_above}`");
    let fix = Fix { title, applicability: Applicability::Unsafe, edits: edits.collect() };
    let headline =
        format!("not YAML: `{key}` is indented deeper than `{key_above}`, which has a value");
    Some(
        Diagnostic::new(&codes::NOT_YAML, line.span(file)?, headline)
            .label(above.span(file)?, "this has a value")
            .help(format!("indent it by {} spaces, like `{key_above}`", above.indent))
            .fix(fix),
    )
}

/// A line between two levels.
fn between(file: FileId, lines: &[Line<'_>], place: usize) -> Option<Diagnostic> {
    let line = lines.get(place)?;
    let mut open: Vec<&Line<'_>> = Vec::new();
    for one in lines.get(..place)? {
        open.retain(|level| level.indent < one.indent);
        open.push(one);
    }
    let ends = open.last().is_some_and(|above| above.indent > line.indent);
    if !ends || open.iter().any(|level| level.indent == line.indent) {
        return None;
    }
    let level = open.iter().find(|level| level.indent > line.indent)?;
    let (key, like) = (line.key()?, level.key()?);
    let span = Span { file, start: line.start, end: line.start + line.indent };
    let title = format!("indent `{key}` like `{like}`");
    let headline = format!(
        "not YAML: `{key}` is indented by {}, and `{like}` above it by {}",
        line.indent, level.indent
    );
    Some(
        Diagnostic::new(&codes::NOT_YAML, line.span(file)?, headline)
            .label(level.span(file)?, "indented otherwise")
            .help(format!("indent it by {} spaces, like `{like}`", level.indent))
            .fix(Fix::replace(Applicability::Unsafe, title, span, " ".repeat(level.indent))),
    )
}
