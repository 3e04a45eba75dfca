//! `covenant import odcs`: documents of the Open Data Contract Standard (Bitol) 3.0 to 3.2 -> contracts, an entity per object
//! that has a key. What the language has no place for is kept under `extensions.odcs`, so that `covenant export odcs` gives
//! every document back: see [`crate::emit::schemas::foreign`].

mod logical;
mod object;

use std::collections::BTreeSet;

use self::object::{Known, Source};
use super::import::draft::{Draft, System};
use super::import::names::{free, snake, take};
use super::import::read::{Foreign, doc, doc_without, items_of, member, text_of};
use super::import::settle::{Candidate, Settled, Take, holds, settle, written};
use super::import::{ImportError, Imported};
use crate::Compiled;
use crate::emit::schemas::doc::Doc;
use crate::emit::schemas::{foreign, odcs};
use crate::parse::scalars::is_name;
use crate::parse::{Kind, Node};

/// Versions of the standard that are read.
const VERSIONS: [&str; 5] = ["v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0"];
/// Members that every document has.
const NEEDED: [&str; 5] = ["kind", "apiVersion", "id", "version", "status"];
/// Endings of file names that say nothing.
const ENDINGS: [&str; 6] = [".odcs.yaml", ".odcs.yml", ".odcs.json", ".yaml", ".yml", ".json"];
/// Area of entities whose document names no domain.
const AREA: &str = "imported";

/// One document.
struct Document {
    file: Foreign,
    /// Under which it is written again.
    name: String,
    /// Area of its entities.
    area: String,
}

/// Contracts of `(path, text)` documents.
///
/// # Errors
/// The first file that is no document of a version that is read.
pub fn import(files: &[(String, String)]) -> Result<Imported, ImportError> {
    let mut names = BTreeSet::new();
    let documents = files.iter().map(|(path, text)| document(path, text, &mut names));
    let documents: Vec<Document> = documents.collect::<Result<_, _>>()?;
    let path = files.first().map(|(path, _)| path.as_str()).unwrap_or_default();
    if documents.is_empty() {
        return Err(ImportError::file(path, "there is no document to import"));
    }
    let sources = sources(&documents);
    let candidates: Vec<Candidate> = sources
        .iter()
        .map(|one| Candidate {
            file: one.file(),
            shown: format!("`{}`", one.shown()),
            hopeless: one.hopeless(),
        })
        .collect();
    let settled = settle(path, &candidates, |takes| drafted(&sources, takes))?;
    let Settled { draft, compiled, takes } = settled;
    let draft = kept(&documents, &sources, &takes, draft, &compiled);
    holds(path, &draft)?;
    written(path, &draft, &candidates, &takes)
}

fn document(path: &str, text: &str, names: &mut BTreeSet<String>) -> Result<Document, ImportError> {
    let file = Foreign::read(path, text)?;
    let Kind::Map(_) = &file.node.kind else {
        return Err(file.wrong(&file.node, "a document is a map, and this is something else"));
    };
    if let Some(missing) = NEEDED.iter().find(|name| text_of(&file.node, name).is_none()) {
        let why = format!(
            "a data contract has `{missing}`, and this has none: is it of the Open Data Contract Standard?"
        );
        return Err(file.wrong(&file.node, why));
    }
    if let Some(kind) = member(&file.node, "kind")
        && text_of(&file.node, "kind") != Some("DataContract")
    {
        return Err(file.wrong(kind, "the kind of a data contract is `DataContract`"));
    }
    if let Some(version) = member(&file.node, "apiVersion") {
        let told = text_of(&file.node, "apiVersion").unwrap_or_default();
        if !VERSIONS.contains(&told) {
            let why = format!(
                "version `{told}` of the standard is not read; those that are: {}",
                VERSIONS.join(", ")
            );
            return Err(file.wrong(version, why));
        }
    }
    for name in ["schema", "servers", "slaProperties", "customProperties"] {
        let list = member(&file.node, name);
        if let Some(node) = list.filter(|node| !matches!(node.kind, Kind::Seq(_))) {
            return Err(
                file.wrong(node, format!("`{name}` is a list, and this is {}", node.describe()))
            );
        }
    }
    for item in items_of(&file.node, "schema") {
        if text_of(item, "name").is_none() {
            return Err(file.wrong(item, "an object of `schema` has a `name`, and this has none"));
        }
    }
    let base = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let base = ENDINGS.iter().find_map(|end| base.strip_suffix(end)).unwrap_or(base);
    let plain = |at: char| if at.is_ascii_alphanumeric() || "-_.".contains(at) { at } else { '_' };
    let base: String = base.chars().map(plain).collect();
    let name = take(base.trim_start_matches('.').to_owned(), names);
    let domain = text_of(&file.node, "domain").map(snake);
    let area = domain.filter(|area| is_name(area)).unwrap_or_else(|| AREA.to_owned());
    Ok(Document { file, name, area })
}

/// Every object of every document, with the name of the entity that it may become.
fn sources(documents: &[Document]) -> Vec<Source<'_>> {
    let mut taken = BTreeSet::new();
    let mut all = Vec::new();
    for (at, document) in documents.iter().enumerate() {
        let objects = items_of(&document.file.node, "schema");
        for node in objects {
            let own = text_of(&document.file.node, "name").and_then(|name| name.split_once('.'));
            let own =
                own.filter(|(area, name)| is_name(area) && is_name(name) && objects.len() == 1);
            let (area, name) = match own {
                Some((area, name)) => (area.to_owned(), name.to_owned()),
                None => (document.area.clone(), snake(text_of(node, "name").unwrap_or_default())),
            };
            let name = free(name, |name| taken.contains(&format!("{area}.{name}")));
            taken.insert(format!("{area}.{name}"));
            all.push(Source {
                document: at,
                head: &document.file.node,
                node,
                area,
                name,
                alone: objects.len() == 1,
            });
        }
    }
    all
}

fn drafted(sources: &[Source<'_>], takes: &[Take]) -> Draft {
    let known: Vec<Known<'_>> = sources
        .iter()
        .zip(takes.iter())
        .filter(|(_, take)| !matches!(take, Take::Nothing(_)))
        .map(|(source, _)| source.known())
        .collect();
    let mut draft = Draft {
        from: "documents of the Open Data Contract Standard".to_owned(),
        name: "imported".to_owned(),
        purpose: "What the imported data contracts describe.".to_owned(),
        systems: System::guessed(
            "Where the data comes from; the standard does not say by what.",
            None,
        ),
        ..Draft::default()
    };
    for (source, take) in sources.iter().zip(takes.iter()) {
        if matches!(take, Take::Nothing(_)) {
            continue;
        }
        let (entity, classes) = source.entity(&known, take == &Take::All);
        draft.classes.extend(classes);
        draft.entities.push(entity);
    }
    draft
}

/// The draft with everything that the export would not say by itself.
fn kept(
    documents: &[Document],
    sources: &[Source<'_>],
    takes: &[Take],
    mut draft: Draft,
    compiled: &Compiled,
) -> Draft {
    let Some(plan) = &compiled.plan else { return draft };
    let mut entries = Vec::new();
    for (at, document) in documents.iter().enumerate() {
        let mut parts = Vec::new();
        let mut entities = Vec::new();
        for (source, take) in sources.iter().zip(takes).filter(|(one, _)| one.document == at) {
            let name = format!("{}.{}", source.area, source.name);
            let spec = plan.entity(&name).filter(|_| !matches!(take, Take::Nothing(_)));
            let drafted = draft
                .entities
                .iter_mut()
                .find(|entity| entity.area == source.area && entity.name == source.name);
            let (Some(spec), Some(drafted)) = (spec, drafted) else {
                parts.push(Doc::map().with("object", doc(source.node)));
                continue;
            };
            parts.push(Doc::map().with("entity", name));
            entities.push(spec);
            let ours: Vec<Doc> = odcs::properties(plan, spec).collect();
            source.keep(&odcs::bare_object(spec), &ours, drafted);
        }
        let has_schema = member(&document.file.node, "schema").is_some();
        // `schema:` without a value is a word like any other
        let there = if has_schema {
            doc_without(&document.file.node, "schema")
        } else {
            doc(&document.file.node)
        };
        let head = foreign::keep(&odcs::header(&entities), &there);
        let entry = head
            .members()
            .iter()
            .fold(Doc::map().with("file", &document.name), |entry, (name, value)| {
                entry.with(name, value.clone())
            });
        entries.push(entry.with_some("schema", has_schema.then_some(Doc::List(parts))));
    }
    let documents = Doc::map().with("documents", Doc::List(entries));
    draft.extensions = vec![(odcs::EXTENSION.to_owned(), documents)];
    draft
}

/// What a node is called in messages.
fn named(node: &Node) -> &str {
    text_of(node, "name").unwrap_or("?")
}
