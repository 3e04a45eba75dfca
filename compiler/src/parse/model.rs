//! `model:` files.

use crate::ast::{ModelDecl, Query};
use crate::diagnostic::Sink;
use crate::parse::reader::Reader;
use crate::parse::yaml::Node;
use crate::parse::{common, fields};
use crate::source::Span;

/// Reads a model.
pub(super) fn read(sink: &Sink, node: &Node, at: Span) -> Option<ModelDecl> {
    let map = Reader::open(sink, node, at, "a model")?;
    let head = common::head(&map, "model");
    let query = map.need_text("query");
    let found = ModelDecl {
        head,
        query: Query { present: query.is_some(), text: query.unwrap_or_default() },
        fields: fields::read(&map, false),
        refresh_s: refresh_s(&map).unwrap_or(0),
    };
    map.finish();
    Some(found)
}

fn refresh_s(map: &Reader<'_>) -> Option<u64> {
    let node = map.need("refresh")?;
    let inner = Reader::open(map.sink(), node, node.span, "`refresh`")?;
    let every_s = inner.need("every").and_then(|node| common::duration_s(map, node, "every"));
    inner.finish();
    every_s
}
