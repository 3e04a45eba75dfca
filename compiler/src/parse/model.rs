//! `model:` files.

use covenant_model::spec::Window;

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
    let (refresh_s, window) = refresh(&map).unwrap_or_default();
    let found = ModelDecl {
        head,
        query: Query { present: query.is_some(), text: query.unwrap_or_default() },
        fields: fields::read(&map, false),
        refresh_s: refresh_s.unwrap_or(0),
        window,
    };
    map.finish();
    Some(found)
}

/// Seconds between runs, and the windows.
fn refresh(map: &Reader<'_>) -> Option<(Option<u64>, Option<Window>)> {
    let node = map.need("refresh")?;
    let inner = Reader::open(map.sink(), node, node.span, "`refresh`")?;
    let duration = |key| inner.need(key).and_then(|node| common::duration_s(map, node, key));
    let every_s = duration("every");
    let window = inner.text("window").map(|by| Window {
        by,
        // 0 stands for what could not be read.
        late_s: duration("late").unwrap_or(0),
        rebuild_s: duration("rebuild").unwrap_or(0),
    });
    inner.finish();
    Some((every_s, window))
}
