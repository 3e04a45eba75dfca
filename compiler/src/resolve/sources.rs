//! Sources and sinks: each must fit the kind of its system.

use std::collections::BTreeMap;

use covenant_model::spec::{ApplyForm, SourceSpec, SystemSpec, WarehouseSink};

use super::Cx;
use super::entity::listed;
use crate::ast::{EntityDecl, SinkDecl, SourceDecl};
use crate::diagnostic::{Diagnostic, codes};
use crate::source::Span;

/// Reports a system that `project.yaml` does not declare.
pub(super) fn unknown_system(cx: &Cx<'_>, system: &str, span: Span, what: &str) {
    // Without a project every system is unknown; that is reported once, as what it is.
    if cx.ast.project.is_none() {
        return;
    }
    let known = cx.project.systems.keys().map(String::as_str);
    cx.sink.push(
        Diagnostic::new(
            &codes::UNKNOWN_SYSTEM,
            span,
            format!("{what} `{system}`, which is no system"),
        )
        .suggest(system, known.clone())
        .why(format!("systems in project.yaml: {}", listed(known))),
    );
}

pub(super) fn resolve(cx: &Cx<'_>, decl: &EntityDecl) -> BTreeMap<String, SourceSpec> {
    let mut all = BTreeMap::new();
    for source in &decl.sources {
        let path = format!("{}/sources/{}", decl.head.name, source.name);
        let system = source.system.as_ref().unwrap_or(&source.name);
        let Some(spec) = cx.project.systems.get(system) else {
            unknown_system(cx, system, cx.key(&path), "the source reads");
            continue;
        };
        let found = match spec {
            SystemSpec::Postgres { .. } => postgres(cx, source, system, &path),
            SystemSpec::Stream { .. } => stream(cx, source, system, &path),
            SystemSpec::Salesforce { .. } => salesforce(cx, decl, source, system, &path),
            SystemSpec::Snowflake { .. } => {
                shape(cx, cx.key(&path), format!("`{system}` is a warehouse, and no source"));
                None
            }
        };
        all.extend(found.map(|found| (source.name.clone(), found)));
    }
    all
}

fn shape(cx: &Cx<'_>, span: Span, headline: String) {
    cx.sink.push(
        Diagnostic::new(&codes::SOURCE_SHAPE, span, headline).help(
            "PostgreSQL takes `table`, `where`; a stream `stream`, `event_id`, `order`, `occurred_at`, `unknown`; Salesforce \
             `object`, `key`, `fields`",
        ),
    );
}

/// Reports the keys that another kind of system would have.
fn foreign(cx: &Cx<'_>, source: &SourceDecl, path: &str, kind: &str, own: &[&str]) {
    let present = [
        ("table", source.table.is_some()),
        ("where", source.filter.is_some()),
        ("unknown", source.unknown.is_some()),
        ("stream", source.stream.is_some()),
        ("event_id", source.event_id.is_some()),
        ("order", source.order.is_some()),
        ("occurred_at", source.occurred_at.is_some()),
        ("object", source.object.is_some()),
        ("key", !source.key.is_empty()),
        ("fields", !source.fields.is_empty()),
    ];
    for (key, _) in present.iter().filter(|(key, there)| *there && !own.contains(key)) {
        let headline = format!("a {kind} source has no `{key}`");
        shape(cx, cx.key(&format!("{path}/{key}")), headline);
    }
}

fn need<'d>(cx: &Cx<'_>, value: Option<&'d String>, path: &str, what: &str) -> Option<&'d String> {
    if value.is_none() {
        shape(cx, cx.key(path), format!("the source needs {what}"));
    }
    value
}

fn postgres(cx: &Cx<'_>, source: &SourceDecl, system: &str, path: &str) -> Option<SourceSpec> {
    foreign(cx, source, path, "PostgreSQL", &["table", "where"]);
    let table = need(cx, source.table.as_ref(), path, "`table: schema.name`")?;
    let Some((schema, table)) = table.split_once('.') else {
        shape(
            cx,
            cx.at(&format!("{path}/table")),
            format!("`{table}` has no schema: `public.{table}`?"),
        );
        return None;
    };
    Some(SourceSpec::Postgres {
        system: system.to_owned(),
        schema: schema.to_owned(),
        table: table.to_owned(),
        // Read once the fields are known.
        filter: None,
    })
}

fn stream(cx: &Cx<'_>, source: &SourceDecl, system: &str, path: &str) -> Option<SourceSpec> {
    foreign(cx, source, path, "stream", &["stream", "event_id", "order", "occurred_at", "unknown"]);
    let stream = need(cx, source.stream.as_ref(), path, "`stream`, the stream's name");
    for (key, there) in
        [("event_id", source.event_id.is_some()), ("occurred_at", source.occurred_at.is_some())]
    {
        if !there {
            cx.sink.push(
                Diagnostic::new(
                    &codes::NO_ORDER,
                    cx.key(path),
                    format!("stream source `{}` has no `{key}`", source.name),
                )
                .why("events come late, twice and out of order: only what they say of themselves orders them")
                .help(format!("add `{key}: <member of the event>`, and `order:` where producers count")),
            );
        }
    }
    Some(SourceSpec::Stream {
        system: system.to_owned(),
        stream: stream?.clone(),
        event_id: source.event_id.clone()?,
        order: source.order.clone(),
        occurred_at: source.occurred_at.clone()?,
        unknown: source.unknown.unwrap_or_default(),
    })
}

fn salesforce(
    cx: &Cx<'_>,
    decl: &EntityDecl,
    source: &SourceDecl,
    system: &str,
    path: &str,
) -> Option<SourceSpec> {
    foreign(cx, source, path, "Salesforce", &["object", "key", "fields"]);
    let unmapped = |headline: String, at: Span, help: &str| {
        cx.sink.push(Diagnostic::new(&codes::UNKNOWN_MAPPING, at, headline).help(help));
    };
    // A key that names no field is reported as what it is; which mapping is missing then is a guess.
    let is_field = |name: &String| decl.fields.iter().any(|field| field.name == *name);
    let key_sound = decl.head.key.iter().all(is_field);
    for (field, _) in source.key.iter().filter(|_| key_sound) {
        if !decl.head.key.contains(field) {
            unmapped(
                format!("`{field}` is no key field of {}", decl.head.name),
                cx.key(&format!("{path}/key/{field}")),
                "`key` maps every key field to the Salesforce field that holds it",
            );
        }
    }
    let mapped = |name: &String| source.key.iter().any(|(key, _)| key == name);
    for field in decl.head.key.iter().filter(|name| key_sound && !mapped(name)) {
        unmapped(
            format!("source `{}` does not say where it holds key field `{field}`", source.name),
            cx.key(&format!("{path}/key")),
            "add `key: {<key field>: <Salesforce field>}`",
        );
    }
    let told = |name: &str| {
        decl.fields.iter().any(|field| {
            field.name == name && field.from.iter().any(|(from, _)| *from == source.name)
        })
    };
    for (field, _) in source.fields.iter().filter(|(field, _)| !told(field)) {
        unmapped(
            format!("no field `{field}` comes from `{}`", source.name),
            cx.key(&format!("{path}/fields/{field}")),
            "say `from` at the field, or remove the mapping",
        );
    }
    for field in &decl.fields {
        let from = field.from.iter().find(|(from, _)| *from == source.name);
        let mapped = source.fields.iter().any(|(name, _)| *name == field.name);
        if let Some((_, None)) = from
            && !mapped
        {
            unmapped(
                format!("`{}` comes from Salesforce, but no Salesforce field is named", field.name),
                cx.at(&format!("{}/fields/{}/from", decl.head.name, field.name)),
                "add it to the source's `fields`",
            );
        }
    }
    Some(SourceSpec::Salesforce {
        system: system.to_owned(),
        object: need(cx, source.object.as_ref(), path, "`object`, the Salesforce object")?.clone(),
        key: source.key.iter().cloned().collect(),
    })
}

/// What kind of sink a system is.
pub(super) enum SinkKind {
    /// A warehouse table.
    Warehouse(WarehouseSink),
    /// Salesforce; the caller knows the fields.
    Salesforce,
}

/// Looks every sink's system up and hands it on with what it is.
pub(super) fn sinks<'d>(
    cx: &Cx<'_>,
    dataset: &str,
    sinks: &'d [SinkDecl],
    mut take: impl FnMut(&'d SinkDecl, SinkKind),
) {
    for sink in sinks {
        let path = format!("{dataset}/sinks/{}", sink.name);
        match cx.project.systems.get(&sink.name) {
            None => unknown_system(cx, &sink.name, cx.key(&path), "the sink is"),
            Some(SystemSpec::Snowflake { .. }) => {
                if let Some(table) = warehouse(cx, sink, &path) {
                    take(sink, SinkKind::Warehouse(table));
                }
            }
            Some(SystemSpec::Salesforce { .. }) => take(sink, SinkKind::Salesforce),
            Some(SystemSpec::Postgres { .. } | SystemSpec::Stream { .. }) => sink_shape(
                cx,
                cx.key(&path),
                format!("`{}` is a source; nothing is delivered to it", sink.name),
            ),
        }
    }
}

/// Reports a sink that does not fit its system.
pub(super) fn sink_shape(cx: &Cx<'_>, span: Span, headline: String) {
    cx.sink.push(
        Diagnostic::new(&codes::SINK_SHAPE, span, headline).help(
            "Snowflake takes `table` and `history`; Salesforce `object`, `external_id`, `fields`, `where`, \
             `on_delete`, `on_leave`, `max_removals`, `max_updates`, `reveal`, `adopt`",
        ),
    );
}

/// Snowflake takes 255 characters; the pipeline adds suffixes.
const IDENTIFIER_CHARS_MAX: usize = 200;

fn is_identifier(part: &str) -> bool {
    part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && part.bytes().all(|at| at.is_ascii_alphanumeric() || at == b'_')
}

fn warehouse(cx: &Cx<'_>, sink: &SinkDecl, path: &str) -> Option<WarehouseSink> {
    let foreign = [
        ("object", sink.object.is_some()),
        ("external_id", sink.external_id.is_some()),
        ("where", sink.filter.is_some()),
        ("on_delete", sink.on_delete.is_some()),
        ("on_leave", sink.on_leave.is_some()),
        ("max_removals", sink.max_removals.is_some()),
        ("max_updates", sink.max_updates.is_some()),
        ("reveal", sink.reveal.is_some()),
        ("fields", !sink.fields.is_empty()),
    ];
    for (key, _) in foreign.iter().filter(|(_, there)| *there) {
        let span = cx.key(&format!("{path}/{key}"));
        sink_shape(cx, span, format!("a warehouse table has no `{key}`"));
    }
    let parts: Vec<&str> = sink.table.as_deref().unwrap_or("").split('.').collect();
    if let Some(long) = parts.iter().find(|part| part.len() > IDENTIFIER_CHARS_MAX) {
        let span = cx.at(&format!("{path}/table"));
        cx.sink.push(
            Diagnostic::new(
                &codes::SINK_SHAPE,
                span,
                format!("a part of the table's name has {} characters", long.len()),
            )
            .why("Snowflake takes 255, and the pipeline adds suffixes")
            .help(format!("use at most {IDENTIFIER_CHARS_MAX}")),
        );
        return None;
    }
    if let Some(odd) = parts.iter().find(|part| !part.is_empty() && !is_identifier(part)) {
        let span = cx.at(&format!("{path}/table"));
        sink_shape(cx, span, format!("`{odd}` is no name that a warehouse takes without quotes"));
        return None;
    }
    let [database, schema, table] = parts.as_slice() else {
        let span = cx.at(&format!("{path}/table"));
        sink_shape(cx, span, "the sink needs `table: DATABASE.SCHEMA.NAME`".to_owned());
        return None;
    };
    Some(WarehouseSink {
        system: sink.name.clone(),
        database: (*database).to_owned(),
        schema: (*schema).to_owned(),
        table: (*table).to_owned(),
        history: sink.history,
        // The plan chooses.
        apply: ApplyForm::Merge,
    })
}
