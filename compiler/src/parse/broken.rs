//! What the YAML parser says, in words that name the mistake.

use crate::diagnostic::{Applicability, Diagnostic, Edit, Fix, codes};
use crate::parse::indent;
use crate::parse::yaml::DEPTH_MAX;
use crate::source::{FileId, SourceFile, Span};

/// The finding about text that is no YAML. `said` is the parser's own text.
pub(super) fn finding(file: FileId, source: &SourceFile, at: usize, said: &str) -> Diagnostic {
    let span = Span { file, start: at, end: at };
    if said.contains("nest") || said.contains("recursion") {
        return Diagnostic::new(&codes::TOO_DEEP, span, "values nest too deep")
            .help(format!("values nest at most {DEPTH_MAX} deep"));
    }
    let new = |headline: &str| Diagnostic::new(&codes::NOT_YAML, span, headline);
    if said.contains("tab") {
        return new("not YAML: a tab indents the line")
            .help("indent with spaces")
            .fix(without_tabs(file, source));
    }
    if let Some((opened, bracket)) = open_bracket(&source.text, at) {
        let what = if bracket == '[' { "bracket" } else { "brace" };
        let close = if bracket == '[' { ']' } else { '}' };
        let opened = Span { file, start: opened, end: opened + 1 };
        return new(&format!(
            "not YAML: a {what} is not closed, or a comma or quote is missing in it"
        ))
        .at("here it no longer fits")
        .label(opened, "opened here")
        .help(format!("close it with `{close}`, or quote texts that hold `: `, `,` or brackets"));
    }
    if said.contains("quoted scalar") || said.contains("quote") {
        return new("not YAML: a quote is not closed, or something stands behind a closed one")
            .help("close the quote, or write a quote inside the text twice");
    }
    if let Some(found) = indent::finding(file, source, at) {
        return found;
    }
    if said.contains("mapping values are not allowed") {
        return new(
            "not YAML: a second `: ` on the line, or another indentation than the lines around it",
        )
        .help("quote texts that hold `: `, and indent what belongs together alike");
    }
    new(&format!("not YAML: {said}")).help(
        "indent with spaces, and quote texts that hold `: `, `#`, `{`, `[` or a leading `@`, `%`, `*`, `&`",
    )
}

/// The innermost bracket that is open at a place, by what is outside of quotes and comments.
fn open_bracket(text: &str, at: usize) -> Option<(usize, char)> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut quote: Option<char> = None;
    let mut before = '\n';
    let mut comment = false;
    for (place, one) in text.get(..at)?.char_indices() {
        match (quote, one) {
            _ if comment => comment = one != '\n',
            (Some(end), _) if one == end && before != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '#') if before.is_whitespace() => comment = true,
            // Inside a word a quote is a letter: `the shop's`.
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(one),
            (None, '[' | '{') => open.push((place, one)),
            (None, ']' | '}') => drop(open.pop()),
            (None, _) => {}
        }
        before = one;
    }
    // A bracket that is left open swallows what is behind it: the first one is the culprit, unless it
    // stands on the line where it hurts.
    let line = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    open.iter().rev().find(|(place, _)| *place >= line).or(open.first()).copied()
}

/// Spaces for the tabs that indent lines; two each, as in the rest of the language's examples.
fn without_tabs(file: FileId, source: &SourceFile) -> Option<Fix> {
    let mut edits = Vec::new();
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let lead = line.get(..indent).unwrap_or("");
        if lead.contains('\t') {
            let span = Span { file, start, end: start + indent };
            edits.push(Edit { span, text: lead.replace('\t', "  ") });
        }
        start += line.len();
    }
    let title = "indent with two spaces for each tab".to_owned();
    (!edits.is_empty()).then_some(Fix { title, applicability: Applicability::Unsafe, edits })
}
