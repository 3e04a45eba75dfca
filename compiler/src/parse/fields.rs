//! Fields of entities and models.

use covenant_model::spec::{FieldEvolution, MergeRule};
use covenant_model::value::LogicalType;

use crate::ast::FieldDecl;
use crate::diagnostic::{Applicability, Diagnostic, Fix, codes};
use crate::parse::common::bad_name;
use crate::parse::reader::{self, Reader};
use crate::parse::yaml::{Entry, Kind, Node};
use crate::parse::{scalars, terms};
use crate::source::Span;

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
    found.ty = inner.need("type").and_then(|node| ty(&inner, node));
    found.nullable = inner.flag("nullable");
    found.pii = inner.text("pii");
    found.impersonal = found.pii.as_deref() == Some(terms::IMPERSONAL);
    if found.impersonal {
        found.pii = None;
    }
    found.terms = terms::field(&inner);
    found.unit = inner.text("unit");
    found.about = inner.text("about");
    if entity {
        entity_keys(map, &inner, &mut found);
    } else {
        found.declassify = terms::declassify(&inner);
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
    found.subject = inner.text("subject");
    found.unique = inner.flag("unique");
    found.min = inner.text("min");
    found.max = inner.text("max");
    found.pattern = inner.text("pattern");
    found.format = inner.word("format", &[("email", "email")]).map(str::to_owned);
    found.evolution = FieldEvolution {
        default: inner.text("default"),
        aliases: inner.texts("aliases"),
        open: inner.flag("open"),
        renamed: inner.text_map("renamed").into_iter().collect(),
    };
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
    let error = match scalars::logical_type(&text) {
        Ok(ty) => return Some(ty),
        Err(error) => error,
    };
    if let Some(finding) = without_quotes(map, node, &text) {
        map.sink().push(finding);
        return None;
    }
    let headline = match &error.unknown {
        Some(_) => error.what,
        None => format!("`{text}` is no type: {}", error.what),
    };
    let finding = Diagnostic::new(&codes::BAD_TYPE, node.span, headline)
        .why(format!("types: {}", scalars::TYPES.join(", ")));
    map.sink().push(match (&error.unknown, scalars::foreign_type(&text)) {
        (Some(_), Some((ours, same))) => {
            finding.help(format!("here it is called `{ours}`")).fix(renamed(node, &ours, same))
        }
        (Some(name), None) => finding.suggest_at(name_of_type(node, name), name, type_names()),
        (None, _) => finding,
    });
    None
}

/// Where the name of a type stands, without what is in brackets behind it.
fn name_of_type(node: &Node, name: &str) -> Span {
    let quote = usize::from(!matches!(node.kind, Kind::Scalar { plain: true, .. }));
    let start = node.span.start + quote;
    Span { start, end: (start + name.len()).min(node.span.end), ..node.span }
}

/// Replaces what another system calls the type.
fn renamed(node: &Node, ours: &str, same: bool) -> Fix {
    let applicability = match (scalars::logical_type(ours).is_ok(), same) {
        (true, true) => Applicability::Safe,
        (true, false) => Applicability::Unsafe,
        (false, _) => Applicability::Placeholder,
    };
    let quoted = if ours.contains([',', '[']) { format!("\"{ours}\"") } else { ours.to_owned() };
    Fix::replace(applicability, format!("call it `{ours}`"), node.span, quoted)
}

/// Inside braces the comma of `decimal(12,2)` ends the value, and `2)` becomes a key: one mistake, one
/// finding.
fn without_quotes(map: &Reader<'_>, node: &Node, text: &str) -> Option<Diagnostic> {
    let tail = map.entries().iter().find(|entry| {
        let digits = entry.key.strip_suffix(')').map(str::trim);
        digits.is_some_and(|digits| digits.parse::<u8>().is_ok())
            && entry.key_span.start > node.span.end
    })?;
    let whole = format!("{text},{}", tail.key);
    scalars::logical_type(&whole).ok()?;
    map.excuse(&tail.key);
    let span = Span { end: tail.key_span.end, ..node.span };
    let headline = format!("`{whole}` needs quotes inside braces");
    Some(
        Diagnostic::new(&codes::BAD_TYPE, span, headline)
            .why("its comma ends the value, and what is behind it becomes a key")
            .help(format!("write it as `\"{whole}\"`"))
            .fix(Fix::replace(Applicability::Safe, "quote the type", span, format!("\"{whole}\""))),
    )
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
