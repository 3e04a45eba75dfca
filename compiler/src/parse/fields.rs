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
    entries.iter().map(|entry| field(map, entry, entity)).collect()
}

fn field(map: &Reader<'_>, entry: &Entry, entity: bool) -> FieldDecl {
    if !scalars::is_name(&entry.key) {
        bad_name(map, entry.key_span, &entry.key, "a name in lower case, beginning with a letter");
    }
    let what = format!("field `{}`", entry.key);
    let mut found = FieldDecl::named(&entry.key);
    // The name is there even where nothing else can be read, so that what refers to it is not
    // reported too.
    let Some(inner) = Reader::open(map.sink(), &entry.value, entry.key_span, &what) else {
        return found;
    };
    found.id = inner.need("id").and_then(|node| id(map, node));
    found.ty = inner.need("type").and_then(|node| ty(map, node));
    found.nullable = inner.flag("nullable");
    found.pii = inner.text("pii");
    found.unit = inner.text("unit");
    found.about = inner.text("about");
    if entity {
        entity_keys(map, &inner, &mut found);
    }
    inner.finish();
    found
}

fn entity_keys(map: &Reader<'_>, inner: &Reader<'_>, found: &mut FieldDecl) {
    found.optional = inner.flag("optional");
    found.large = inner.flag("large");
    found.from = inner.get("from").map(|node| from(map, node)).unwrap_or_default();
    let merge = inner.word(
        "merge",
        &[
            ("latest", MergeRule::Latest),
            ("ranked", MergeRule::Ranked),
            ("max", MergeRule::Max),
            ("min", MergeRule::Min),
            ("first", MergeRule::First),
        ],
    );
    found.sound = merge.is_some() || inner.get("merge").is_none();
    found.merge = merge.unwrap_or(MergeRule::Latest);
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
            let headline = match &error.unknown {
                Some(_) => error.what,
                None => format!("`{text}` is no type: {}", error.what),
            };
            let finding = Diagnostic::new(&codes::BAD_TYPE, node.span, headline)
                .why(format!("types: {}", scalars::TYPES.join(", ")));
            map.sink().push(match &error.unknown {
                Some(name) => match foreign_name(name) {
                    Some(ours) => finding.help(format!("here it is called `{ours}`")),
                    None => finding.suggest(name, type_names()),
                },
                None => finding,
            });
            None
        }
    }
}

/// What other systems call our types.
fn foreign_name(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "int" | "integer" | "int4" | "smallint" => Some("int32"),
        "bigint" | "long" | "int8" => Some("int64"),
        "number" | "numeric" | "money" | "float" | "double" | "real" => Some("decimal(p,s)"),
        "text" | "varchar" | "char" | "str" => Some("string(n)"),
        "boolean" => Some("bool"),
        "datetime" | "timestamptz" | "instant" => Some("timestamp"),
        "jsonb" | "object" | "variant" => Some("json"),
        "bytea" | "binary" | "blob" => Some("bytes"),
        _ => None,
    }
}

/// The bare names.
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
