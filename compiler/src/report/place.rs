//! Places with lines and columns, and the texts they point into.

use schemars::JsonSchema;
use serde::Serialize;

use crate::source::{SourceFile, SourceSet, Span};

/// Which version of the contracts a file belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The contracts as they are now.
    #[default]
    New,
    /// What they are compared with.
    Old,
}

/// A range in a file. Lines and columns count from 1, columns in characters; the end is behind the
/// last character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// Which version of the contracts.
    pub side: Side,
    /// As the command was given it; files of a git revision begin with `<revision>:`.
    #[serde(rename = "file")]
    pub path: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// From 1.
    pub end_line: usize,
    /// From 1.
    pub end_column: usize,
    /// Index into [`Sources`].
    #[serde(skip)]
    pub file: usize,
    /// First byte.
    #[serde(skip)]
    pub start: usize,
    /// First byte behind it.
    #[serde(skip)]
    pub end: usize,
}

/// Texts of the files that a report points into; others are not kept.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<(Side, SourceFile)>,
}

impl Sources {
    /// The text of a place's file.
    pub fn text(&self, place: &Place) -> &str {
        self.files.get(place.file).map(|(_, file)| file.text.as_str()).unwrap_or("")
    }

    /// The line that a place begins on, without its end.
    pub fn line(&self, place: &Place) -> &str {
        let text = self.text(place);
        let start =
            text.get(..place.start).and_then(|text| text.rfind('\n')).map_or(0, |at| at + 1);
        text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("")
    }

    /// Looks a span up.
    pub fn place(&mut self, side: Side, set: &SourceSet, span: Span) -> Place {
        let Some(source) = set.get(span.file) else { return Place::nowhere() };
        let file = self.keep(side, source);
        let (start, end) = (span.start.min(source.text.len()), span.end.min(source.text.len()));
        let (from, to) = (source.place(start), source.place(end.max(start)));
        Place {
            side,
            path: source.path.clone(),
            line: from.line,
            column: from.column,
            end_line: to.line,
            end_column: to.column,
            file,
            start,
            end: end.max(start),
        }
    }

    /// Shows stars instead of what stands there: reports are kept in logs that many people read.
    pub(super) fn hide(&mut self, place: &Place) {
        let Some((_, file)) = self.files.get_mut(place.file) else { return };
        let Some(hidden) = file.text.get(place.start..place.end) else { return };
        // As many bytes as before, so that every other place still points at what it did.
        let stars: String = hidden
            .chars()
            .flat_map(|c| {
                let star = if c == '\n' { c } else { '*' };
                std::iter::repeat_n(star, c.len_utf8())
            })
            .collect();
        file.text.replace_range(place.start..place.end, &stars);
    }

    fn keep(&mut self, side: Side, source: &SourceFile) -> usize {
        let known =
            self.files.iter().position(|(at, file)| *at == side && file.path == source.path);
        known.unwrap_or_else(|| {
            self.files.push((side, source.clone()));
            self.files.len() - 1
        })
    }

    /// Takes over a file of others; gives its index here.
    pub(super) fn adopt(&mut self, others: &Sources, file: usize) -> usize {
        match others.files.get(file) {
            Some((side, source)) => self.keep(*side, source),
            None => file,
        }
    }
}

impl Place {
    /// Where nothing is known: the contracts as such.
    pub fn nowhere() -> Self {
        Self {
            side: Side::New,
            path: "contracts".to_owned(),
            line: 1,
            column: 1,
            end_line: 1,
            end_column: 1,
            file: usize::MAX,
            start: 0,
            end: 0,
        }
    }

    /// `contracts/a.yaml:3:7`
    pub fn words(&self) -> String {
        format!("{}:{}:{}", self.path, self.line, self.column)
    }
}
