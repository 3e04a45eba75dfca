//! `project.yaml`.

use covenant_model::spec::{OutboxSpec, Protection, SystemSpec};

use crate::ast::{ClassDecl, ProjectDecl};
use crate::diagnostic::Sink;
use crate::parse::common;
use crate::parse::reader::{self, Reader};
use crate::parse::yaml::{Entry, Node};
use crate::parse::{extensions, scalars, terms};
use crate::source::Span;

/// Reads the project.
pub(super) fn read(sink: &Sink, node: &Node, at: Span) -> Option<ProjectDecl> {
    let map = Reader::open(sink, node, at, "the project")?;
    let mut found = ProjectDecl {
        name: map.need_text("project").unwrap_or_default(),
        version: common::version(&map),
        owner: map.need_text("owner").unwrap_or_default(),
        purpose: map.need_text("purpose").unwrap_or_default(),
        ..ProjectDecl::default()
    };
    if let Some(node) = map.need("systems") {
        let entries = reader::entries(sink, node, "systems").unwrap_or(&[]);
        found.systems.extend(entries.iter().filter_map(|entry| system(&map, entry)));
    }
    if let Some(node) = map.get("pii")
        && let Some(pii) = Reader::open(sink, node, node.span, "`pii`")
    {
        if let Some(node) = pii.get("classes") {
            let entries = reader::entries(sink, node, "classes").unwrap_or(&[]);
            found.classes.extend(entries.iter().filter_map(|entry| class(&map, entry)));
        }
        found.purposes = pii.text_map("purposes");
        let words = [("required", true), ("optional", false)];
        found.classify_required = pii.word("classify", &words).unwrap_or(false);
        pii.finish();
    }
    if let Some(node) = map.get("environments") {
        for entry in reader::entries(sink, node, "environments").unwrap_or(&[]) {
            let settings = reader::text_map(sink, &entry.value, "an environment");
            found.environments.push((entry.key.clone(), settings));
        }
    }
    if let Some(node) = map.get("budget")
        && let Some(budget) = Reader::open(sink, node, node.span, "`budget`")
    {
        found.monthly_usd =
            budget.get("monthly_usd").and_then(|node| reader::number(sink, node, "monthly_usd"));
        budget.finish();
    }
    found.extensions = extensions::read(&map);
    map.finish();
    Some(found)
}

#[derive(Clone, Copy)]
enum SystemKind {
    Postgres,
    Stream,
    Salesforce,
    Snowflake,
}

fn system(map: &Reader<'_>, entry: &Entry) -> Option<(String, SystemSpec)> {
    if !scalars::is_name(&entry.key) {
        common::bad_name(map, entry.key_span, &entry.key, "a name in lower case");
    }
    let what = format!("system `{}`", entry.key);
    let inner = Reader::open(map.sink(), &entry.value, entry.key_span, &what)?;
    let kind = inner.need("kind").and_then(|node| {
        let words = [
            ("postgres", SystemKind::Postgres),
            ("stream", SystemKind::Stream),
            ("salesforce", SystemKind::Salesforce),
            ("snowflake", SystemKind::Snowflake),
        ];
        reader::word(map.sink(), node, "kind", &words)
    });
    let purpose = inner.need_text("purpose").unwrap_or_default();
    // Without a kind nobody can say which keys are wrong.
    let spec = match kind? {
        SystemKind::Postgres => SystemSpec::Postgres {
            purpose,
            publication: inner.need_text("publication").unwrap_or_default(),
            slot: inner.need_text("slot").unwrap_or_default(),
            region: inner.text("region"),
        },
        SystemKind::Stream => SystemSpec::Stream {
            purpose,
            outbox: inner.get("outbox").and_then(|node| outbox(map, node)),
            region: inner.text("region"),
        },
        SystemKind::Salesforce => SystemSpec::Salesforce {
            purpose,
            api_version: inner.need_text("api_version").unwrap_or_default(),
            daily_calls: inner
                .need("daily_calls")
                .and_then(|node| reader::number(map.sink(), node, "daily_calls"))
                .unwrap_or(0),
            share_percent: inner
                .need("share")
                .and_then(|node| scalars::share(map.sink(), node, "share"))
                .unwrap_or(0),
            org: inner.text("org"),
            describe: inner.text("describe"),
            storage_mb: inner
                .get("storage_mb")
                .and_then(|node| reader::number(map.sink(), node, "storage_mb")),
            region: inner.text("region"),
        },
        SystemKind::Snowflake => SystemSpec::Snowflake {
            purpose,
            database: inner.need_text("database").unwrap_or_default(),
            region: inner.text("region"),
        },
    };
    inner.finish();
    Some((entry.key.clone(), spec))
}

/// `{system: store, table: public.outbox}`
fn outbox(map: &Reader<'_>, node: &Node) -> Option<OutboxSpec> {
    let inner = Reader::open(map.sink(), node, node.span, "`outbox`")?;
    let (system, table) = (inner.need_text("system"), inner.need_text("table"));
    inner.finish();
    let (system, table) = (system?, table?);
    // A table without a schema is reported where the systems are known.
    let (schema, table) = table.split_once('.').unwrap_or(("", &table));
    Some(OutboxSpec { system, schema: schema.to_owned(), table: table.to_owned() })
}

fn class(map: &Reader<'_>, entry: &Entry) -> Option<(String, ClassDecl)> {
    if entry.key == terms::IMPERSONAL {
        let expected = "another name: `pii: none` says that a field holds no personal data";
        common::bad_name(map, entry.key_span, &entry.key, expected);
    }
    let what = format!("class `{}`", entry.key);
    let inner = Reader::open(map.sink(), &entry.value, entry.key_span, &what)?;
    let words = [
        ("encrypt", Protection::Encrypt),
        ("tokenize", Protection::Tokenize),
        ("mask", Protection::Mask),
        ("drop", Protection::Drop),
    ];
    let found = ClassDecl {
        protect: inner
            .need("protect")
            .and_then(|node| reader::word(map.sink(), node, "protect", &words)),
        about: inner.need_text("about").unwrap_or_default(),
        forbid: inner.texts("forbid"),
        terms: terms::class(&inner),
    };
    inner.finish();
    Some((entry.key.clone(), found))
}
