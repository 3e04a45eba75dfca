//! What entities and models have in common.

use covenant_model::spec::{Compatibility, OnDelete, Reserved};

use crate::ast::{ExpectDecl, Head, SinkDecl};
use crate::diagnostic::{Applicability, Diagnostic, Fix, codes};
use crate::parse::reader::{self, Reader};
use crate::parse::yaml::Node;
use crate::parse::{adopt, scalars, terms};
use crate::source::Span;

const COMPATIBILITIES: &[(&str, Compatibility)] = &[
    ("backward", Compatibility::Backward),
    ("forward", Compatibility::Forward),
    ("full", Compatibility::Full),
    ("backward_transitive", Compatibility::BackwardTransitive),
    ("forward_transitive", Compatibility::ForwardTransitive),
    ("full_transitive", Compatibility::FullTransitive),
];

/// Reads name, version, owner, purpose and the rest of the head.
pub(super) fn head(map: &Reader<'_>, kind: &'static str) -> Head {
    Head {
        name: dataset_name(map, kind),
        version: version(map),
        owner: map.need_text("owner").unwrap_or_default(),
        purpose: map.need_text("purpose").unwrap_or_default(),
        compatibility: map
            .need("compatibility")
            .and_then(|node| reader::word(map.sink(), node, "compatibility", COMPATIBILITIES)),
        key: map.texts("key"),
        scattered: map.word("key_locality", &[("scattered", true), ("sequential", false)]),
        expect: map.get("expect").map(|node| expect(map, node)).unwrap_or_default(),
        sinks: map.get("sinks").map(|node| sinks(map, node)).unwrap_or_default(),
        reserved: map.get("reserved").map(|node| reserved(map, node)).unwrap_or_default(),
        terms: terms::dataset(map),
    }
}

/// `area.name`.
fn dataset_name(map: &Reader<'_>, kind: &'static str) -> String {
    let Some(node) = map.need(kind) else { return String::new() };
    let name = reader::text(map.sink(), node, kind).unwrap_or_default();
    let good = name
        .split_once('.')
        .is_some_and(|(area, name)| scalars::is_name(area) && scalars::is_name(name));
    if !good {
        bad_name(map, node.span, &name, "an area and a name in lower case: `sales.order`");
    }
    name
}

/// Reports a name that targets would have to quote.
pub(super) fn bad_name(map: &Reader<'_>, span: Span, name: &str, expected: &str) {
    map.sink().push(
        Diagnostic::new(&codes::BAD_NAME, span, format!("`{name}` is no name"))
            .why(format!(
                "expected {expected}; letters, digits and `_`, at most {} characters, so that every target takes it \
                 unquoted",
                scalars::NAME_CHARS_MAX
            ))
            .help("write it in lower case with `_` between words"),
    );
}

pub(super) fn version(map: &Reader<'_>) -> String {
    let Some(node) = map.need("version") else { return String::new() };
    let version = reader::text(map.sink(), node, "version").unwrap_or_default();
    if !scalars::is_version(&version) {
        map.sink().push(
            Diagnostic::new(&codes::BAD_VERSION, node.span, format!("`{version}` is no version"))
                .why("a version has three numbers: breaking change, addition, correction")
                .help("write it as `1.0.0`")
                .fix(scalars::as_version(&version).map(|meant| {
                    let title = format!("write it as `{meant}`");
                    Fix::replace(Applicability::Safe, title, node.span, meant)
                })),
        );
    }
    version
}

fn expect(map: &Reader<'_>, node: &Node) -> ExpectDecl {
    let Some(inner) = Reader::open(map.sink(), node, node.span, "`expect`") else {
        return ExpectDecl::default();
    };
    let mut found = ExpectDecl::default();
    if let Some(node) = inner.get("freshness") {
        for entry in reader::entries(map.sink(), node, "freshness").unwrap_or(&[]) {
            if let Some(seconds) = duration_s(map, &entry.value, "freshness") {
                found.freshness_s.push((entry.key.clone(), seconds));
            }
        }
    }
    if let Some(node) = inner.get("volume")
        && let Some(volume) = Reader::open(map.sink(), node, node.span, "`volume`")
    {
        let count = |key| volume.get(key).and_then(|node| reader::number(map.sink(), node, key));
        found.rows = count("rows");
        found.rows_per_day = count("per_day");
        found.band =
            volume.word("band", &[("seasonal", "seasonal"), ("fixed", "fixed")]).map(str::to_owned);
        volume.finish();
    }
    if let Some(node) = inner.get("retention") {
        found.retention_days = days(map, node, "retention");
    }
    if let Some(node) = inner.get("availability") {
        found.availability_ppm = terms::availability(map, node);
    }
    inner.finish();
    found
}

/// `2m`: seconds.
pub(super) fn duration_s(map: &Reader<'_>, node: &Node, what: &str) -> Option<u64> {
    let text = reader::text(map.sink(), node, what)?;
    let seconds = scalars::seconds(&text);
    if seconds.is_none() {
        map.sink().push(
            Diagnostic::new(&codes::BAD_DURATION, node.span, format!("`{text}` is no duration"))
                .help("a number above 0 and `s`, `m`, `h` or `d`: `2m`")
                .fix(scalars::as_seconds(&text).map(|meant| {
                    let title = format!("write it as `{meant}`");
                    Fix::replace(Applicability::Safe, title, node.span, meant)
                })),
        );
    }
    seconds
}

/// `3y`: days.
pub(super) fn days(map: &Reader<'_>, node: &Node, what: &str) -> Option<u32> {
    let text = reader::text(map.sink(), node, what)?;
    let days = scalars::days(&text);
    if days.is_none() {
        map.sink().push(
            Diagnostic::new(&codes::BAD_DURATION, node.span, format!("`{text}` is no duration"))
                .help("a number above 0 and `d`, `w`, `months` or `y`: `3y`"),
        );
    }
    days
}

fn sinks(map: &Reader<'_>, node: &Node) -> Vec<SinkDecl> {
    let entries = reader::entries(map.sink(), node, "sinks").unwrap_or(&[]);
    entries.iter().filter_map(|entry| sink(map, &entry.key, entry.key_span, &entry.value)).collect()
}

/// What can happen to the record of a row that is not to be delivered any more.
const REMOVALS: [(&str, OnDelete); 3] =
    [("keep", OnDelete::Keep), ("flag", OnDelete::Flag), ("delete", OnDelete::Delete)];

fn sink(map: &Reader<'_>, name: &str, at: Span, node: &Node) -> Option<SinkDecl> {
    let inner = Reader::open(map.sink(), node, at, "a sink")?;
    let filter = inner.get("where").and_then(|node| {
        let text = reader::text(map.sink(), node, "where")?;
        let filter = scalars::age_filter(&text);
        if filter.is_none() {
            map.sink().push(
                Diagnostic::new(&codes::BAD_FILTER, node.span, format!("`{text}` is no age filter"))
                    .why("rows can only leave a sink by growing old: any other filter would have to be re-evaluated \
                          for every row at every change")
                    .help("write `<field> > now() - <number> days|months|years`"),
            );
        }
        filter
    });
    let found = SinkDecl {
        name: name.to_owned(),
        table: inner.text("table"),
        history: inner.word("history", &[("scd2", true), ("none", false)]).unwrap_or(false),
        object: inner.text("object"),
        external_id: inner.text("external_id"),
        filter,
        on_delete: inner.word("on_delete", &REMOVALS),
        on_leave: inner.word("on_leave", &REMOVALS),
        max_removals: inner
            .get("max_removals")
            .and_then(|node| scalars::share(map.sink(), node, "max_removals")),
        max_updates: inner
            .get("max_updates")
            .and_then(|node| scalars::share(map.sink(), node, "max_updates")),
        reveal: inner.text("reveal"),
        adopt: inner.get("adopt").and_then(|node| adopt::adopt(map, node)),
        fields: inner.get("fields").map(|node| terms::mappings(map, node)).unwrap_or_default(),
    };
    inner.finish();
    Some(found)
}

fn reserved(map: &Reader<'_>, node: &Node) -> Vec<Reserved> {
    let items = reader::items(map.sink(), node, "reserved").unwrap_or(&[]);
    items
        .iter()
        .filter_map(|item| {
            let inner = Reader::open(map.sink(), item, item.span, "a reserved field")?;
            let id = inner.need("id").and_then(|node| reader::number(map.sink(), node, "id"));
            let name = inner.need_text("name");
            inner.finish();
            Some(Reserved { id: id?, name: name? })
        })
        .collect()
}
