//! Changes that a program can make to mend a finding, and applying them to texts. Pure: writing the
//! files is the driver's.

use std::collections::BTreeMap;

use crate::source::{FileId, SourceSet, Span};

/// How far a fix can be trusted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Applicability {
    /// The contract means what it was meant to mean; applied by `covenant fix`.
    Safe,
    /// Likely, but it may mean something else: applied by `covenant fix --unsafe`, and read afterwards.
    Unsafe,
    /// Has a gap for a person to fill; never applied.
    Placeholder,
}

/// Replaces a range of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// What goes away; empty for an insertion.
    pub span: Span,
    /// What comes.
    pub text: String,
}

/// Edits that belong together: all or none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an order: `quote the type`.
    pub title: String,
    /// How far it can be trusted.
    pub applicability: Applicability,
    /// In any order.
    pub edits: Vec<Edit>,
}

impl Fix {
    /// Replaces one range.
    pub fn replace(
        applicability: Applicability,
        title: impl Into<String>,
        span: Span,
        text: impl Into<String>,
    ) -> Self {
        Self { title: title.into(), applicability, edits: vec![Edit { span, text: text.into() }] }
    }

    /// Adds `entry` (`nullable: true`) as the last of a map whose value stands at `map`, in the
    /// map's own style. `None` where the map has no entry yet.
    pub fn add_entry(
        applicability: Applicability,
        sources: &SourceSet,
        map: Span,
        entry: &str,
    ) -> Option<Self> {
        let source = sources.get(map.file)?;
        let text = source.text.get(map.start..map.end)?;
        let title = format!("add `{entry}`");
        if text.starts_with('{') {
            let inside = text.strip_suffix('}')?.trim_end();
            let comma = if inside.len() == 1 || inside.ends_with(',') { "" } else { ", " };
            let at = map.start + inside.len();
            let span = Span { file: map.file, start: at, end: at };
            return Some(Self::replace(applicability, title, span, format!("{comma}{entry}")));
        }
        let used = text.trim_end();
        if used.is_empty() {
            return None;
        }
        let indent = source.place(map.start).column - 1;
        let at = map.start + used.len();
        let span = Span { file: map.file, start: at, end: at };
        let lines = format!("\n{}{entry}", " ".repeat(indent));
        Some(Self::replace(applicability, title, span, lines))
    }
}

/// What became of a number of fixes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The new text of every file that changes.
    pub files: BTreeMap<FileId, String>,
    /// Titles of the fixes that are in it, in order.
    pub done: Vec<String>,
    /// Titles of those that would change what another one changes, or stand outside their file.
    pub refused: Vec<String>,
}

/// Applies fixes in order. A fix that overlaps an earlier one is refused as a whole; the same edit
/// asked for twice is made once.
pub fn apply<'f>(sources: &SourceSet, fixes: impl IntoIterator<Item = &'f Fix>) -> Applied {
    let mut applied = Applied::default();
    let mut taken: Vec<&Edit> = Vec::new();
    for fix in fixes {
        if fix.edits.iter().all(|edit| taken.contains(&edit)) {
            continue;
        }
        let fits = |edit: &Edit| {
            stands(sources, edit.span) && taken.iter().all(|other| !overlap(edit, other))
        };
        if !fix.edits.iter().all(fits) || overlaps_itself(&fix.edits) {
            applied.refused.push(fix.title.clone());
            continue;
        }
        applied.done.push(fix.title.clone());
        taken.extend(&fix.edits);
    }
    taken.sort();
    for edit in taken.iter().rev() {
        let Some(source) = sources.get(edit.span.file) else { continue };
        let text = applied.files.entry(edit.span.file).or_insert_with(|| source.text.clone());
        text.replace_range(edit.span.start..edit.span.end, &edit.text);
    }
    applied
}

fn stands(sources: &SourceSet, span: Span) -> bool {
    let text = sources.get(span.file).map(|source| source.text.as_str());
    text.is_some_and(|text| text.get(span.start..span.end).is_some())
}

/// Two insertions at one place have no order, so they overlap too.
fn overlap(left: &Edit, right: &Edit) -> bool {
    let (a, b) = (left.span, right.span);
    a.file == b.file && ((a.start < b.end && b.start < a.end) || a.start == b.start)
}

fn overlaps_itself(edits: &[Edit]) -> bool {
    edits.iter().enumerate().any(|(at, edit)| edits.iter().skip(at + 1).any(|o| overlap(edit, o)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> (SourceSet, FileId) {
        let set = SourceSet::new([("a.yaml".to_owned(), text.to_owned())]);
        let id = set.iter().next().map(|(id, _)| id).unwrap();
        (set, id)
    }

    fn fix(file: FileId, start: usize, end: usize, text: &str) -> Fix {
        let title = format!("{start}..{end}");
        Fix::replace(Applicability::Safe, title, Span { file, start, end }, text)
    }

    #[test]
    fn edits_are_applied_from_the_end() {
        let (set, id) = set("abcdef");
        let fixes = [fix(id, 0, 1, "AA"), fix(id, 4, 5, ""), fix(id, 2, 2, "-")];
        let applied = apply(&set, &fixes);
        assert_eq!(applied.files[&id], "AAb-cdf");
        assert_eq!(applied.done.len(), 3);
    }

    #[test]
    fn overlapping_edits_are_refused_as_a_whole() {
        let (set, id) = set("abcdef");
        let mut second = fix(id, 2, 4, "X");
        second.edits.push(Edit { span: Span { file: id, start: 5, end: 6 }, text: "Y".into() });
        let applied = apply(&set, &[fix(id, 1, 3, "-"), second, fix(id, 3, 99, "")]);
        assert_eq!(applied.files[&id], "a-def");
        assert_eq!(applied.refused, ["2..4", "3..99"]);
    }

    #[test]
    fn one_edit_asked_for_twice_is_made_once() {
        let (set, id) = set("abc");
        let applied = apply(&set, &[fix(id, 1, 1, "-"), fix(id, 1, 1, "-"), fix(id, 1, 1, "+")]);
        assert_eq!(applied.files[&id], "a-bc");
        assert_eq!((applied.done.len(), applied.refused.len()), (1, 1));
    }

    #[test]
    fn entries_are_added_in_the_style_of_the_map() {
        let (flow, id) = set("f: {id: 1 }\n");
        let span = Span { file: id, start: 3, end: 11 };
        let fix = Fix::add_entry(Applicability::Safe, &flow, span, "large: true").unwrap();
        assert_eq!(apply(&flow, [&fix]).files[&id], "f: {id: 1, large: true }\n");
        let (block, id) = set("f:\n  id: 1\n  b: 2\ng: 3\n");
        let span = Span { file: id, start: 5, end: 17 };
        let fix = Fix::add_entry(Applicability::Safe, &block, span, "large: true").unwrap();
        assert_eq!(apply(&block, [&fix]).files[&id], "f:\n  id: 1\n  b: 2\n  large: true\ng: 3\n");
    }
}
