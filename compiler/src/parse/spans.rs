//! Where everything stands: a span for every key and value of every contract, by path. The parsed trees are kept, and a
//! path is walked when it is asked for: most are never asked for, and a text for each costs more than reading the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::parse::yaml::{Kind, Node};
use crate::source::{FileId, Span};

/// Where a key and its value stand. Items of a list have no key: both are the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// The key.
    pub key: Span,
    /// The value.
    pub value: Span,
}

impl Spans {
    fn both(span: Span) -> Self {
        Self { key: span, value: span }
    }
}

/// Spans by path: the name of the entity, the model, or `project`, then the keys, `/` between them:
/// `sales.order/fields/status/type`. Items of a list stand under their `name`, or else their number
/// from 0: `sales.order/quality/total_adds_up`, `sales.order/key/0`. Copies share the trees.
#[derive(Clone, Default)]
pub struct SpanMap {
    documents: Arc<BTreeMap<String, Document>>,
    of_file: Arc<BTreeMap<FileId, String>>,
}

#[derive(Clone)]
struct Document {
    name: Span,
    node: Arc<Node>,
}

impl std::fmt::Debug for SpanMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.documents.keys().flat_map(|name| self.below(name));
        f.debug_map().entries(all).finish()
    }
}

impl SpanMap {
    /// Records a contract and everything in it.
    pub(crate) fn record(&mut self, document: &str, node: Arc<Node>, name: Span) {
        let (all, of_file) = (Arc::make_mut(&mut self.documents), Arc::make_mut(&mut self.of_file));
        all.insert(document.to_owned(), Document { name, node });
        of_file.insert(name.file, document.to_owned());
    }

    /// The contract of a file: its name, where that stands, and its tree.
    pub(crate) fn of_file(&self, file: FileId) -> Option<(&str, Span, &Arc<Node>)> {
        let name = self.of_file.get(&file)?;
        self.documents.get(name).map(|found| (name.as_str(), found.name, &found.node))
    }

    /// Exactly that path.
    pub fn get(&self, path: &str) -> Option<Spans> {
        self.near(path).filter(|found| found.exact).map(|found| found.spans)
    }

    /// That path, or the nearest thing around it.
    fn near(&self, path: &str) -> Option<Found<'_>> {
        let (document, rest) = self.document(path)?;
        let whole = Found { spans: Spans::both(document.name), node: &document.node, exact: false };
        Some(walk(whole, rest))
    }

    /// The contract that a path is in, and what is behind its name.
    fn document<'p>(&self, path: &'p str) -> Option<(&Document, &'p str)> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.filter_map(|end| path.get(..end)).find_map(|name| {
            let document = self.documents.get(name)?;
            Some((document, behind(path, name)?))
        })
    }

    /// Where the value at a path stands; where there is none, the key of what surrounds it. Every
    /// path of a known contract has an answer.
    pub fn value(&self, path: &str) -> Option<Span> {
        self.near(path).map(|found| if found.exact { found.spans.value } else { found.spans.key })
    }

    /// Where the key at a path stands, or the key of what surrounds it.
    pub fn key(&self, path: &str) -> Option<Span> {
        self.near(path).map(|found| found.spans.key)
    }

    /// Whether anything stands below a path.
    pub fn any_below(&self, path: &str) -> bool {
        let found = self.near(path).filter(|found| found.exact);
        found.is_some_and(|found| match &found.node.kind {
            Kind::Scalar { .. } => false,
            Kind::Map(entries) => !entries.is_empty(),
            Kind::Seq(items) => !items.is_empty(),
        })
    }

    /// A path and every path below it, in the order written.
    pub fn below(&self, path: &str) -> Vec<(String, Spans)> {
        let mut all = Vec::new();
        if let Some(found) = self.near(path).filter(|found| found.exact) {
            all.push((path.to_owned(), found.spans));
            collect(path, found.node, &mut all);
        }
        all
    }

    /// The deepest path whose key or value stands exactly there.
    pub fn path_at(&self, span: Span) -> Option<String> {
        let all = self.below(self.of_file.get(&span.file)?);
        let there = all.into_iter().filter(|(_, found)| found.key == span || found.value == span);
        there.map(|(path, _)| path).max_by_key(|path| path.matches('/').count())
    }
}

/// How far a path could be followed.
#[derive(Clone, Copy)]
struct Found<'a> {
    spans: Spans,
    node: &'a Node,
    /// To its end.
    exact: bool,
}

fn walk<'a>(at: Found<'a>, rest: &str) -> Found<'a> {
    if rest.is_empty() {
        return Found { exact: true, ..at };
    }
    match &at.node.kind {
        Kind::Scalar { .. } => at,
        Kind::Map(entries) => {
            let named = entries.iter().filter_map(|entry| {
                let spans = Spans { key: entry.key_span, value: entry.value.span };
                Some((spans, &entry.value, behind(rest, &entry.key)?))
            });
            step(at, named)
        }
        Kind::Seq(items) => {
            let named = items.iter().enumerate().filter_map(|(place, item)| {
                let rest = match name_of(item) {
                    Some(name) => behind(rest, name)?,
                    None => behind(rest, &place.to_string())?,
                };
                Some((Spans::both(item.span), item, rest))
            });
            step(at, named)
        }
    }
}

/// The first way that leads to the end, or else the first.
fn step<'a, 'p>(
    at: Found<'a>,
    ways: impl Iterator<Item = (Spans, &'a Node, &'p str)>,
) -> Found<'a> {
    let mut first = None;
    for (spans, node, rest) in ways {
        let found = walk(Found { spans, node, exact: false }, rest);
        if found.exact {
            return found;
        }
        first = first.or(Some(found));
    }
    first.unwrap_or(at)
}

/// What is behind a segment and its `/`. A key may hold a `/` itself.
fn behind<'p>(path: &'p str, segment: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(segment)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('/').filter(|rest| !rest.is_empty())
    }
}

fn collect(path: &str, node: &Node, all: &mut Vec<(String, Spans)>) {
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::Map(entries) => {
            for entry in entries {
                let path = format!("{path}/{}", entry.key);
                all.push((path.clone(), Spans { key: entry.key_span, value: entry.value.span }));
                collect(&path, &entry.value, all);
            }
        }
        Kind::Seq(items) => {
            for (at, item) in items.iter().enumerate() {
                let segment = name_of(item).map_or_else(|| at.to_string(), str::to_owned);
                let path = format!("{path}/{segment}");
                all.push((path.clone(), Spans::both(item.span)));
                collect(&path, item, all);
            }
        }
    }
}

fn name_of(item: &Node) -> Option<&str> {
    let Kind::Map(entries) = &item.kind else { return None };
    entries.iter().find(|entry| entry.key == "name").and_then(|entry| match &entry.value.kind {
        Kind::Scalar { text, .. } => Some(text.as_str()),
        Kind::Seq(_) | Kind::Map(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sink;
    use crate::source::SourceSet;

    const TEXT: &str = "entity: a.b\nkey: [x, y]\nfields:\n  x: {id: 1, type: int32}\nquality:\n  - {name: sane, expect: x > 0}\nodd/key: {x: 1}\n";

    fn shown(path: &str) -> Option<&'static str> {
        let sources = SourceSet::new([("a.yaml".to_owned(), TEXT.to_owned())]);
        let (id, file) = sources.iter().next().unwrap();
        let node = crate::parse::yaml::parse(id, file, &Sink::default()).unwrap();
        let mut map = SpanMap::default();
        map.record("a.b", Arc::new(node), Span { file: id, start: 8, end: 11 });
        map.get(path).map(|found| &TEXT[found.value.start..found.value.end])
    }

    #[test]
    fn paths_lead_to_their_places() {
        assert_eq!(shown("a.b"), Some("a.b"));
        assert_eq!(shown("a.b/fields/x/type"), Some("int32"));
        assert_eq!(shown("a.b/key/1"), Some("y"));
        assert_eq!(shown("a.b/quality/sane/expect"), Some("x > 0"));
        assert_eq!(shown("a.b/odd/key/x"), Some("1"));
        for nowhere in
            ["a", "a.bc", "a.b/field", "a.b/fields/x/types", "a.b/key/2", "a.b/quality/0"]
        {
            assert_eq!(shown(nowhere), None, "{nowhere}");
        }
    }
}
