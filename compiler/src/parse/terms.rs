//! Words about how long something is there, who relies on it, and whose data it is.

use covenant_model::terms::{
    ClassTerms, DatasetTerms, DeclaredTypes, Declassifier, Declassify, FieldTerms, Status,
    WarehouseRole,
};

use crate::ast::MappingDecl;
use crate::diagnostic::{Diagnostic, codes};
use crate::parse::reader::{self, Reader};
use crate::parse::yaml::{Entry, Kind, Node};
use crate::parse::{common, extensions, scalars};
use crate::physical::{self, Platform};

/// `pii: none`: said to hold no personal data.
pub(super) const IMPERSONAL: &str = "none";

const STATUSES: [(&str, Status); 3] =
    [("active", Status::Active), ("deprecated", Status::Deprecated), ("retired", Status::Retired)];

const DECLASSIFIERS: [(&str, Declassifier); 4] = [
    ("truncate", Declassifier::Truncate),
    ("bucket", Declassifier::Bucket),
    ("hash", Declassifier::Hash),
    ("count", Declassifier::Count),
];

/// Terms of an entity or a model.
pub(super) fn dataset(map: &Reader<'_>) -> DatasetTerms {
    DatasetTerms {
        status: map.word("status", &STATUSES).unwrap_or_default(),
        sunset: map.text("sunset"),
        extensions: extensions::read(map),
    }
}

/// Terms of a field.
pub(super) fn field(map: &Reader<'_>) -> FieldTerms {
    FieldTerms {
        status: map.word("status", &STATUSES).unwrap_or_default(),
        sunset: map.text("sunset"),
        critical: map.flag("critical"),
        examples: map.texts("examples"),
        types: types(map),
        extensions: extensions::read(map),
    }
}

/// `types: {snowflake: VARCHAR(400), salesforce: Text(80)}`
fn types(map: &Reader<'_>) -> DeclaredTypes {
    let Some(node) = map.get("types") else { return DeclaredTypes::default() };
    let Some(inner) = Reader::open(map.sink(), node, node.span, "`types`") else {
        return DeclaredTypes::default();
    };
    let read = |key, platform| inner.get(key).and_then(|node| on_platform(map, node, platform));
    let types = DeclaredTypes {
        snowflake: read("snowflake", Platform::Snowflake),
        duckdb: read("duckdb", Platform::DuckDb),
        salesforce: read("salesforce", Platform::Salesforce),
    };
    if inner.get("postgres").is_some() {
        let span = inner.entries().iter().find(|entry| entry.key == "postgres");
        let headline = "PostgreSQL is a source: its tables keep their own types";
        map.sink().push(
            Diagnostic::new(&codes::BAD_TYPE, span.map_or(node.span, |one| one.key_span), headline)
                .why("columns of a source are read as the field's `type`, whatever they are there")
                .help("remove it; `types` has `snowflake`, `duckdb` and `salesforce`"),
        );
    }
    inner.finish();
    types
}

fn on_platform(map: &Reader<'_>, node: &Node, platform: Platform) -> Option<String> {
    let text = reader::text(map.sink(), node, platform.name())?;
    match physical::declared(platform, &text) {
        Ok(ty) => Some(ty.name),
        Err(why) => {
            let headline = format!("`{text}` is no type of {platform}: {why}");
            let names = physical::names(platform);
            let base = text.split('(').next().unwrap_or(&text).trim();
            map.sink().push(
                Diagnostic::new(&codes::BAD_TYPE, node.span, headline)
                    .why(format!("types: {}", names.join(", ")))
                    .suggest(base, names.iter().map(|name| name.split('(').next().unwrap_or(name))),
            );
            None
        }
    }
}

fn roles(map: &Reader<'_>) -> Vec<WarehouseRole> {
    let words =
        [WarehouseRole::Transformer, WarehouseRole::PiiReader].map(|role| (role.word(), role));
    let items =
        map.get("forbid_roles").and_then(|node| reader::items(map.sink(), node, "forbid_roles"));
    let items = items.unwrap_or(&[]).iter();
    items.filter_map(|node| reader::word(map.sink(), node, "forbid_roles", &words)).collect()
}

/// Terms of a class of personal data.
pub(super) fn class(map: &Reader<'_>) -> ClassTerms {
    let words = [("required", true), ("optional", false)];
    ClassTerms {
        erasure_required: map.word("erasure", &words).unwrap_or(false),
        max_retention_days: map
            .get("max_retention")
            .and_then(|node| common::days(map, node, "max_retention")),
        above: map.texts("above"),
        forbid_roles: roles(map),
        forbid_regions: map.texts("forbid_regions"),
    }
}

/// `declassify: {by: count, min_group: 10}`
pub(super) fn declassify(map: &Reader<'_>) -> Option<Declassify> {
    let node = map.get("declassify")?;
    let inner = Reader::open(map.sink(), node, node.span, "`declassify`")?;
    let by = inner.need("by").and_then(|node| reader::word(map.sink(), node, "by", &DECLASSIFIERS));
    let min_group =
        inner.get("min_group").and_then(|node| reader::number(map.sink(), node, "min_group"));
    inner.finish();
    Some(Declassify { by: by?, min_group })
}

/// `99.9%`: seconds of a million.
pub(super) fn availability(map: &Reader<'_>, node: &Node) -> Option<u32> {
    let text = reader::text(map.sink(), node, "availability")?;
    let ppm = scalars::availability(&text);
    if ppm.is_none() {
        map.sink().push(
            Diagnostic::new(&codes::BAD_SHARE, node.span, format!("`{text}` is no availability"))
                .help("a number above 0, up to 100, with at most four digits behind the point, and `%`: `99.9%`"),
        );
    }
    ppm
}

/// `unique: [[warehouse, sku], [barcode]]`
pub(super) fn unique(map: &Reader<'_>) -> Vec<Vec<String>> {
    let Some(node) = map.get("unique") else { return Vec::new() };
    let items = reader::items(map.sink(), node, "unique").unwrap_or(&[]);
    items.iter().map(|item| reader::texts(map.sink(), item, "an item of `unique`")).collect()
}

/// Salesforce field -> field, or `{from: field, required: true}`.
pub(super) fn mappings(map: &Reader<'_>, node: &Node) -> Vec<MappingDecl> {
    let entries = reader::entries(map.sink(), node, "fields").unwrap_or(&[]);
    entries.iter().filter_map(|entry| mapping(map, entry)).collect()
}

fn mapping(map: &Reader<'_>, entry: &Entry) -> Option<MappingDecl> {
    let target = entry.key.clone();
    match &entry.value.kind {
        Kind::Scalar { .. } | Kind::Seq(_) => {
            let source = reader::text(map.sink(), &entry.value, &entry.key)?;
            Some(MappingDecl { target, source, required: false })
        }
        Kind::Map(_) => {
            let what = format!("`{}`", entry.key);
            let inner = Reader::open(map.sink(), &entry.value, entry.key_span, &what)?;
            let source = inner.need_text("from");
            let required = inner.flag("required");
            inner.finish();
            Some(MappingDecl { target, source: source?, required })
        }
    }
}
