//! A foreign file as a tree with places.

use std::fmt::Display;

use super::ImportError;
use crate::diagnostic::{Severity, Sink};
use crate::emit::schemas::doc::Doc;
use crate::parse::{self, Kind, Node, extensions, json};
use crate::source::{FileId, SourceSet, Span};

/// A file that somebody else wrote, read.
pub(in crate::interop) struct Foreign {
    /// As given.
    pub(in crate::interop) path: String,
    /// All of it.
    pub(in crate::interop) node: Node,
    sources: SourceSet,
}

impl Foreign {
    /// YAML, or JSON where the text begins like it.
    ///
    /// # Errors
    /// The first thing that is neither, or beyond the bounds of a contract file.
    pub(in crate::interop) fn read(path: &str, text: &str) -> Result<Self, ImportError> {
        let sources = SourceSet::new([(path.to_owned(), text.to_owned())]);
        let at = |span: Span, why: String| wrong(path, &sources, span, why);
        if text.len() > parse::FILE_BYTES_MAX {
            let why = format!("larger than {} bytes", parse::FILE_BYTES_MAX);
            return Err(ImportError::file(path, why));
        }
        let node = if text.trim_start().starts_with('{') {
            json::parse(FileId::FIRST, text).map_err(|bad| {
                at(Span { file: FileId::FIRST, start: bad.at, end: bad.at }, bad.why)
            })?
        } else {
            let sink = Sink::default();
            let node = sources.get(FileId::FIRST).and_then(|file| parse::tree(file, &sink));
            let said = sink.finish();
            if let Some(first) = said.iter().find(|one| one.severity == Severity::Error) {
                return Err(at(first.span, first.headline.clone()));
            }
            node.ok_or_else(|| ImportError::file(path, "there is nothing in it"))?
        };
        Ok(Self { path: path.to_owned(), node, sources })
    }

    /// Refuses the file for something in it.
    pub(in crate::interop) fn wrong(&self, node: &Node, why: impl Display) -> ImportError {
        wrong(&self.path, &self.sources, node.span, why.to_string())
    }
}

fn wrong(path: &str, sources: &SourceSet, span: Span, why: String) -> ImportError {
    let place = sources.get(FileId::FIRST).map(|file| file.place(span.start));
    let (line, column) = place.map_or((1, 1), |place| (place.line, place.column));
    ImportError { path: path.to_owned(), line, column, why }
}

/// A member of a map that says something.
pub(in crate::interop) fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Kind::Map(entries) = &node.kind else { return None };
    let entry = entries.iter().find(|entry| entry.key == name)?;
    (!entry.value.is_nothing()).then_some(&entry.value)
}

/// The text of a scalar.
pub(in crate::interop) fn text(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Scalar { text, .. } => Some(text),
        Kind::Seq(_) | Kind::Map(_) => None,
    }
}

/// The text of a member.
pub(in crate::interop) fn text_of<'n>(node: &'n Node, name: &str) -> Option<&'n str> {
    member(node, name).and_then(text)
}

/// Whether a member says `true`.
pub(in crate::interop) fn flag_of(node: &Node, name: &str) -> bool {
    text_of(node, name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Items of a member that is a list.
pub(in crate::interop) fn items_of<'n>(node: &'n Node, name: &str) -> &'n [Node] {
    match member(node, name).map(|node| &node.kind) {
        Some(Kind::Seq(items)) => items,
        Some(Kind::Scalar { .. } | Kind::Map(_)) | None => &[],
    }
}

/// The same, with members in the order written.
pub(in crate::interop) fn doc(node: &Node) -> Doc {
    match &node.kind {
        Kind::Scalar { .. } => Doc::of(&extensions::value(node)),
        Kind::Seq(items) => Doc::List(items.iter().map(doc).collect()),
        Kind::Map(entries) => {
            Doc::Map(entries.iter().map(|entry| (entry.key.clone(), doc(&entry.value))).collect())
        }
    }
}

/// The same without one member.
pub(in crate::interop) fn doc_without(node: &Node, name: &str) -> Doc {
    let all = doc(node);
    Doc::Map(all.members().iter().filter(|(member, _)| member != name).cloned().collect())
}
