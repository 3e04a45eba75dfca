//! Where everything stands: a span for every key and value of every contract, by path.

use std::collections::BTreeMap;

use crate::parse::yaml::{Kind, Node};
use crate::source::Span;

/// Where a key and its value stand. Items of a list have no key: both are the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// The key.
    pub key: Span,
    /// The value.
    pub value: Span,
}

/// Spans by path: the name of the entity, the model, or `project`, then the keys, `/` between them:
/// `sales.order/fields/status/type`. Items of a list stand under their `name`, or else their number
/// from 0: `sales.order/quality/total_adds_up`, `sales.order/key/0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanMap {
    all: BTreeMap<String, Spans>,
}

impl SpanMap {
    /// Records a contract and everything in it.
    pub(crate) fn record(&mut self, document: &str, node: &Node, name: Span) {
        self.all.insert(document.to_owned(), Spans { key: name, value: name });
        self.children(document, node);
    }

    fn children(&mut self, path: &str, node: &Node) {
        match &node.kind {
            Kind::Scalar { .. } => {}
            Kind::Map(entries) => {
                for entry in entries {
                    let path = format!("{path}/{}", entry.key);
                    let spans = Spans { key: entry.key_span, value: entry.value.span };
                    self.children(&path, &entry.value);
                    self.all.insert(path, spans);
                }
            }
            Kind::Seq(items) => {
                for (at, item) in items.iter().enumerate() {
                    let segment = name_of(item).unwrap_or_else(|| at.to_string());
                    let path = format!("{path}/{segment}");
                    self.children(&path, item);
                    self.all.insert(path, Spans { key: item.span, value: item.span });
                }
            }
        }
    }

    /// Exactly that path.
    pub fn get(&self, path: &str) -> Option<Spans> {
        self.all.get(path).copied()
    }

    /// That path, or the nearest thing around it.
    fn near(&self, path: &str) -> Option<(Spans, bool)> {
        let mut rest = path;
        loop {
            if let Some(spans) = self.get(rest) {
                return Some((spans, rest.len() == path.len()));
            }
            rest = rest.rsplit_once('/')?.0;
        }
    }

    /// Where the value at a path stands; where there is none, the key of what surrounds it. Every
    /// path of a known contract has an answer.
    pub fn value(&self, path: &str) -> Option<Span> {
        self.near(path).map(|(spans, exact)| if exact { spans.value } else { spans.key })
    }

    /// Where the key at a path stands, or the key of what surrounds it.
    pub fn key(&self, path: &str) -> Option<Span> {
        self.near(path).map(|(spans, _)| spans.key)
    }

    /// Whether any path begins so.
    pub fn any_below(&self, prefix: &str) -> bool {
        let from = std::ops::Bound::Included(prefix);
        let first = self.all.range::<str, _>((from, std::ops::Bound::Unbounded)).next();
        first.is_some_and(|(path, _)| path.starts_with(prefix))
    }

    /// Every path, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Spans)> {
        self.all.iter().map(|(path, spans)| (path.as_str(), *spans))
    }
}

fn name_of(item: &Node) -> Option<String> {
    let Kind::Map(entries) = &item.kind else { return None };
    entries.iter().find(|entry| entry.key == "name").and_then(|entry| match &entry.value.kind {
        Kind::Scalar { text, .. } => Some(text.clone()),
        Kind::Seq(_) | Kind::Map(_) => None,
    })
}
