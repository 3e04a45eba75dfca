//! `entity:` files.

use covenant_model::spec::{EntityEvolution, KeyChange, KeyReuse, OnFail, UnknownMembers};

use crate::ast::{EntityDecl, QualityDecl, SourceDecl};
use crate::diagnostic::Sink;
use crate::parse::reader::{self, Reader};
use crate::parse::yaml::{Entry, Node};
use crate::parse::{common, fields, terms};
use crate::source::Span;

/// Reads an entity.
pub(super) fn read(sink: &Sink, node: &Node, at: Span) -> Option<EntityDecl> {
    let map = Reader::open(sink, node, at, "an entity")?;
    let found = EntityDecl {
        head: common::head(&map, "entity"),
        key_reuse: map
            .word("key_reuse", &[("allowed", KeyReuse::Allowed), ("never", KeyReuse::Never)])
            // What could not be read has been reported; `never` is what the other rules ask for.
            .unwrap_or(if map.get("key_reuse").is_some() {
                KeyReuse::Never
            } else {
                KeyReuse::Allowed
            }),
        key_change: map
            .word("key_change", &[("reject", KeyChange::Reject), ("rekey", KeyChange::Rekey)])
            .unwrap_or(KeyChange::Reject),
        sources: sources(&map),
        fields: fields::read(&map, true),
        quality: quality(&map),
        unique: terms::unique(&map),
        evolution: EntityEvolution { formerly: map.text("formerly") },
    };
    map.finish();
    Some(found)
}

fn sources(map: &Reader<'_>) -> Vec<SourceDecl> {
    let Some(node) = map.need("sources") else { return Vec::new() };
    let entries = reader::entries(map.sink(), node, "sources").unwrap_or(&[]);
    entries.iter().filter_map(|entry| source(map, entry)).collect()
}

fn source(map: &Reader<'_>, entry: &Entry) -> Option<SourceDecl> {
    let inner = Reader::open(map.sink(), &entry.value, entry.key_span, "a source")?;
    let found = SourceDecl {
        name: entry.key.clone(),
        system: inner.text("system"),
        table: inner.text("table"),
        stream: inner.text("stream"),
        filter: inner.text("where"),
        event_id: inner.text("event_id"),
        order: inner.text("order"),
        occurred_at: inner.text("occurred_at"),
        object: inner.text("object"),
        key: inner.text_map("key"),
        fields: inner.text_map("fields"),
        unknown: inner
            .word("unknown", &[("open", UnknownMembers::Open), ("closed", UnknownMembers::Closed)]),
    };
    inner.finish();
    Some(found)
}

fn quality(map: &Reader<'_>) -> Vec<QualityDecl> {
    let Some(node) = map.get("quality") else { return Vec::new() };
    let items = reader::items(map.sink(), node, "quality").unwrap_or(&[]);
    items
        .iter()
        .filter_map(|item| {
            let inner = Reader::open(map.sink(), item, item.span, "a quality rule")?;
            let name = inner.need_text("name");
            let expect = inner.need_text("expect");
            let on_fail = inner
                .word("on_fail", &[("quarantine", OnFail::Quarantine), ("alarm", OnFail::Alarm)])
                .unwrap_or(OnFail::Quarantine);
            let about = inner.text("about");
            inner.finish();
            Some(QualityDecl { name: name?, expect: expect?, on_fail, about })
        })
        .collect()
}
