//! Fields of entities and models.

use covenant_model::spec::MergeRule;
use covenant_model::value::LogicalType;

use crate::ast::FieldDecl;
use crate::diagnostic::{Diagnostic, codes};
use crate::parse::common::bad_name;
use crate::parse::reader::{self, Reader};
use crate::parse::scalars;
use crate::parse::yaml::{Entry, Kind, Node};

/// Parquet ids of tokens begin above; see `covenant_model::columns`.
const FIELD_ID_MAX: u32 = 99_999;

/// Reads `fields:`; `entity` fields have more keys than those of models.
pub(super) fn read(map: &Reader<'_>, entity: bool) -> Vec<FieldDecl> {
    let Some(node) = map.need("fields") else { return Vec::new() };
    let entries = reader::entries(map.sink(), node, "fields").unwrap_or(&[]);
    entries.iter().filter_map(|entry| field(map, entry, entity)).collect()
}

fn field(map: &Reader<'_>, entry: &Entry, entity: bool) -> Option<FieldDecl> {
    if !scalars::is_name(&entry.key) {
        bad_name(map, entry.key_span, &entry.key, "a name in lower case, beginning with a letter");
    }
    let what = format!("field `{}`", entry.key);
    let inner = Reader::open(map.sink(), &entry.value, entry.key_span, &what)?;
    let mut found = FieldDecl {
        name: entry.key.clone(),
        id: inner.need("id").and_then(|node| id(map, node)),
        ty: inner.need("type").and_then(|node| ty(map, node)),
        nullable: inner.flag("nullable"),
        optional: false,
        large: false,
        from: Vec::new(),
        merge: MergeRule::Latest,
        generation: None,
        transitions: Vec::new(),
        pii: inner.text("pii"),
        references: None,
        unit: inner.text("unit"),
        min: None,
        max: None,
        pattern: None,
        format: None,
        about: inner.text("about"),
    };
    if entity {
        entity_keys(map, &inner, &mut found);
    }
    inner.finish();
    Some(found)
}

fn entity_keys(map: &Reader<'_>, inner: &Reader<'_>, found: &mut FieldDecl) {
    found.optional = inner.flag("optional");
    found.large = inner.flag("large");
    found.from = inner.get("from").map(|node| from(map, node)).unwrap_or_default();
    found.merge = inner
        .word(
            "merge",
            &[
                ("latest", MergeRule::Latest),
                ("ranked", MergeRule::Ranked),
                ("max", MergeRule::Max),
                ("min", MergeRule::Min),
                ("first", MergeRule::First),
            ],
        )
        .unwrap_or(MergeRule::Latest);
    found.generation = inner.text("generation");
    if let Some(node) = inner.get("transitions") {
        for entry in reader::entries(map.sink(), node, "transitions").unwrap_or(&[]) {
            let successors = reader::texts(map.sink(), &entry.value, "transitions");
            found.transitions.push((entry.key.clone(), successors));
        }
    }
    found.references = inner.text("references");
    found.min = inner.text("min");
    found.max = inner.text("max");
    found.pattern = inner.text("pattern");
    found.format = inner.word("format", &[("email", "email")]).map(str::to_owned);
}

fn id(map: &Reader<'_>, node: &Node) -> Option<u32> {
    let id = reader::number::<u32>(map.sink(), node, "id")?;
    if id == 0 || id > FIELD_ID_MAX {
        reader::wrong(map.sink(), node, "id", &format!("a number from 1 to {FIELD_ID_MAX}"));
        return None;
    }
    Some(id)
}

fn ty(map: &Reader<'_>, node: &Node) -> Option<LogicalType> {
    let text = reader::text(map.sink(), node, "type")?;
    match scalars::logical_type(&text) {
        Ok(ty) => Some(ty),
        Err(error) => {
            let finding = Diagnostic::new(
                &codes::BAD_TYPE,
                node.span,
                format!("`{text}` is no type: {}", error.what),
            )
            .why(format!("types: {}", scalars::TYPES.join(", ")));
            map.sink().push(match &error.unknown {
                Some(name) => finding.suggest(name, type_names()),
                None => finding,
            });
            None
        }
    }
}

/// The bare names, and what other systems call them.
fn type_names() -> impl Iterator<Item = &'static str> {
    scalars::TYPES
        .iter()
        .map(|name| name.split(|at: char| !at.is_ascii_alphanumeric()).next().unwrap_or(name))
}

/// A source, a list of sources, or a map from source to its name for the field.
fn from(map: &Reader<'_>, node: &Node) -> Vec<(String, Option<String>)> {
    match &node.kind {
        Kind::Scalar { .. } => {
            reader::text(map.sink(), node, "from").map(|name| (name, None)).into_iter().collect()
        }
        Kind::Seq(_) => {
            reader::texts(map.sink(), node, "from").into_iter().map(|name| (name, None)).collect()
        }
        Kind::Map(_) => reader::text_map(map.sink(), node, "from")
            .into_iter()
            .map(|(source, name)| (source, Some(name)))
            .collect(),
    }
}
