//! `covenant import json-schema`: JSON Schemas (2020-12, and earlier drafts in the words that they share) of an object ->
//! an entity each. A schema says nothing about keys: the key is told with `--key`, or guessed from the names.

use std::collections::BTreeSet;

use covenant_model::value::LogicalType;

use super::import::draft::{Draft, Entity, Field, System};
use super::import::names::{free, is_column, snake, take};
use super::import::read::{Foreign, items_of, member, text, text_of};
use super::import::settle::{Candidate, Settled, Take, settle, written};
use super::import::types::{Typed, number, out_of_line, symbols, text as string};
use super::import::{ImportError, Imported};
use crate::parse::scalars::is_name;
use crate::parse::{Kind, Node};

/// Area of entities whose schema names none.
const AREA: &str = "imported";
/// References that lead on, one to the next.
const REFERENCES_MAX: usize = 16;
/// Keywords that are read, or say nothing about values.
const READ: [&str; 27] = [
    "$anchor",
    "$comment",
    "$defs",
    "$id",
    "$ref",
    "$schema",
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "definitions",
    "deprecated",
    "description",
    "enum",
    "examples",
    "format",
    "items",
    "maxLength",
    "maximum",
    "minimum",
    "multipleOf",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
];

/// A schema, and the name that its entity gets.
struct Source {
    file: Foreign,
    area: String,
    name: String,
    key: Vec<String>,
    guessed: bool,
}

/// Contracts of `(path, text)` schemas. `key`: names of the properties that identify a record, where they are known.
///
/// # Errors
/// The first file that is no schema of an object, or in which nothing can be the key.
pub fn import(files: &[(String, String)], key: &[String]) -> Result<Imported, ImportError> {
    let mut taken = BTreeSet::new();
    let sources = files.iter().map(|(path, text)| source(path, text, key, &mut taken));
    let sources: Vec<Source> = sources.collect::<Result<_, _>>()?;
    let path = files.first().map(|(path, _)| path.as_str()).unwrap_or_default();
    if sources.is_empty() {
        return Err(ImportError::file(path, "there is no schema to import"));
    }
    let candidates: Vec<Candidate> = sources
        .iter()
        .map(|one| Candidate {
            file: format!("{}/{}.yaml", one.area, one.name),
            shown: format!("`{}`", one.name),
            hopeless: None,
        })
        .collect();
    let Settled { draft, takes, .. } = settle(path, &candidates, |takes| drafted(&sources, takes))?;
    let refused = sources.iter().zip(&takes).find_map(|(source, take)| match take {
        Take::Nothing(why) => Some(source.file.wrong(&source.file.node, why)),
        Take::All | Take::Bare(_) => None,
    });
    match refused {
        Some(refused) => Err(refused),
        None => written(path, &draft, &candidates, &takes),
    }
}

fn source(
    path: &str,
    text: &str,
    key: &[String],
    taken: &mut BTreeSet<String>,
) -> Result<Source, ImportError> {
    let file = Foreign::read(path, text)?;
    let properties = member(&file.node, "properties");
    let Some(Kind::Map(entries)) = properties.map(|node| &node.kind) else {
        return Err(file.wrong(
            properties.unwrap_or(&file.node),
            "a contract comes from a JSON Schema of an object, with its members under `properties`",
        ));
    };
    if let Some(missing) = key.iter().find(|one| !entries.iter().any(|entry| entry.key == **one)) {
        return Err(file
            .wrong(&file.node, format!("it has no property `{missing}`, which is to be its key")));
    }
    let title = text_of(&file.node, "title");
    let base = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let base = base.split('.').next().unwrap_or(base);
    let own = title.and_then(|title| title.split_once('.'));
    let own = own.filter(|(area, name)| is_name(area) && is_name(name));
    let (area, name) = match own {
        Some((area, name)) => (area.to_owned(), name.to_owned()),
        None => (AREA.to_owned(), snake(title.unwrap_or(base))),
    };
    let name = free(name, |name| taken.contains(&format!("{area}.{name}")));
    taken.insert(format!("{area}.{name}"));
    let guessed = key.is_empty();
    let key = if guessed { guess(&file, entries, &name)? } else { key.to_vec() };
    Ok(Source { file, area, name, key, guessed })
}

/// `id`, `<name>_id`, or the one required property whose name ends in `id`.
fn guess(
    file: &Foreign,
    entries: &[crate::parse::Entry],
    name: &str,
) -> Result<Vec<String>, ImportError> {
    let named = |wanted: &str| entries.iter().find(|entry| snake(&entry.key) == wanted);
    let required = items_of(&file.node, "required");
    let must = |key: &str| required.iter().any(|one| text(one) == Some(key));
    let ids: Vec<_> = entries
        .iter()
        .filter(|entry| must(&entry.key) && snake(&entry.key).split('_').next_back() == Some("id"))
        .collect();
    let one = match ids.as_slice() {
        [one] => Some(*one),
        _ => None,
    };
    named("id").or_else(|| named(&format!("{name}_id"))).or(one).map(|entry| vec![entry.key.clone()]).ok_or_else(|| {
        let why = "a schema says nothing about keys, and no property is called like one: name it with `--key <property>`";
        file.wrong(&file.node, why)
    })
}

fn drafted(sources: &[Source], takes: &[Take]) -> Draft {
    let entities = sources.iter().zip(takes).filter_map(|(source, take)| match take {
        Take::All => Some(entity(source, true)),
        Take::Bare(_) => Some(entity(source, false)),
        Take::Nothing(_) => None,
    });
    let entities: Vec<Entity> = entities.collect();
    let classes = entities.iter().flat_map(|entity| &entity.fields).filter_map(|field| {
        let class = field.pii.clone()?;
        let about = format!("What the imported schemas call {class}.");
        Some((class, ("mask", about)))
    });
    Draft {
        from: "JSON Schemas".to_owned(),
        name: "imported".to_owned(),
        purpose: "What the imported schemas describe.".to_owned(),
        systems: System::guessed("Where the records come from; a schema does not say.", None),
        classes: classes.collect(),
        entities,
        ..Draft::default()
    }
}

fn entity(source: &Source, all: bool) -> Entity {
    let root = &source.file.node;
    let required: Vec<&str> = items_of(root, "required").iter().filter_map(text).collect();
    let mut names = BTreeSet::new();
    let mut left = Vec::new();
    let mut fields = Vec::new();
    let mut key = Vec::new();
    let entries = match member(root, "properties").map(|node| &node.kind) {
        Some(Kind::Map(entries)) => entries.as_slice(),
        Some(Kind::Scalar { .. } | Kind::Seq(_)) | None => &[],
    };
    for entry in entries {
        let is_key = source.key.contains(&entry.key);
        let name = take(snake(&entry.key), &mut names);
        match field(root, &entry.value, &entry.key, name, is_key) {
            Ok(mut field) => {
                field.nullable =
                    !is_key && (field.nullable || !required.contains(&entry.key.as_str()));
                field.large &= !is_key;
                if is_key {
                    key.push(field.name.clone());
                } else if let Some(class) = text_of(&entry.value, "x-pii") {
                    field.pii = Some(snake(class));
                }
                if !all {
                    (field.min, field.max, field.pattern, field.format) = (None, None, None, None);
                    field.examples.clear();
                }
                fields.push(field);
            }
            Err(why) => left.push(format!("`{}` ({why})", entry.key)),
        }
    }
    let about = text_of(root, "description").map(|text| text.trim().to_owned());
    let version = text_of(root, "$id").and_then(|id| id.rsplit(':').next());
    let version = version.filter(|version| crate::parse::scalars::is_version(version));
    Entity {
        area: source.area.clone(),
        name: source.name.clone(),
        version: version.unwrap_or_default().to_owned(),
        purpose: about.unwrap_or_else(|| format!("Records of {}.", source.name)),
        key,
        key_guessed: source.guessed,
        source: System::source(&format!("public.{}", source.name)),
        source_guessed: true,
        sink: Some(System::warehouse(None, &source.area, &source.name)),
        fields,
        left,
        ..Entity::default()
    }
}

/// A schema behind its references, and whether null is a value of it.
struct Meant<'n> {
    node: &'n Node,
    nullable: bool,
}

/// Follows `$ref` within the document, and takes `null` out of alternatives.
fn meant<'n>(root: &'n Node, node: &'n Node) -> Result<Meant<'n>, String> {
    let mut found = Meant { node, nullable: false };
    for _ in 0..REFERENCES_MAX {
        if let Some(to) = text_of(found.node, "$ref") {
            found.node =
                pointed(root, to).ok_or_else(|| format!("`{to}` leads nowhere in this file"))?;
            continue;
        }
        let branches = ["anyOf", "oneOf"].iter().find_map(|word| {
            let items = items_of(found.node, word);
            (!items.is_empty()).then_some(items)
        });
        let Some(branches) = branches else { return Ok(found) };
        let is_null = |one: &&Node| text_of(one, "type") == Some("null");
        found.nullable |= branches.iter().any(|one| is_null(&one));
        let rest: Vec<&Node> = branches.iter().filter(|one| !is_null(one)).collect();
        match rest.as_slice() {
            [one] => found.node = one,
            // our own decimals: a number, or a text of its digits
            [one, other]
                if text_of(one, "type") == Some("number")
                    && text_of(other, "type") == Some("string") =>
            {
                found.node = one;
            }
            _ => return Err("one of several schemas".to_owned()),
        }
    }
    Err(format!("more than {REFERENCES_MAX} references, one to the next"))
}

/// `#/$defs/money`
fn pointed<'n>(root: &'n Node, to: &str) -> Option<&'n Node> {
    let path = to.strip_prefix('#')?;
    path.split('/')
        .skip(1)
        .try_fold(root, |node, step| member(node, &step.replace("~1", "/").replace("~0", "~")))
}

fn field(
    root: &Node,
    node: &Node,
    there: &str,
    name: String,
    is_key: bool,
) -> Result<Field, String> {
    let Meant { node: inner, nullable } = meant(root, node)?;
    let types: Vec<&str> = match member(inner, "type").map(|node| &node.kind) {
        Some(Kind::Scalar { text, .. }) => vec![text.as_str()],
        Some(Kind::Seq(items)) => items.iter().filter_map(text).collect(),
        Some(Kind::Map(_)) | None => Vec::new(),
    };
    let of_null = types.contains(&"null");
    let rest: Vec<&str> = types.into_iter().filter(|one| *one != "null").collect();
    let found = typed(inner, &rest)?.keyed(is_key);
    let unread = unread(inner);
    let mut notes = Vec::new();
    if found.guessed {
        notes.push("the type is a guess".to_owned());
    }
    if !unread.is_empty() {
        notes.push(format!("not taken over: {}", unread.join(", ")));
    }
    let about = text_of(node, "description").or_else(|| text_of(inner, "description"));
    let mut field = Field {
        wire: (name != there && is_column(there)).then(|| there.to_owned()),
        name,
        ty: found.ty.to_string(),
        nullable: nullable || of_null || items_of(inner, "enum").iter().any(Node::is_nothing),
        large: out_of_line(&found.ty),
        about: about.map(|text| text.trim().to_owned()),
        unit: text_of(node, "x-unit").map(str::to_owned),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
        ..Field::default()
    };
    bounds(inner, &found.ty, &mut field);
    Ok(field)
}

fn bounds(node: &Node, ty: &LogicalType, field: &mut Field) {
    match ty {
        LogicalType::String { .. } => {
            field.pattern = text_of(node, "pattern").and_then(whole);
            field.format = text_of(node, "format").filter(|one| *one == "email").map(str::to_owned);
        }
        LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. } => {
            // the ends of 64 bits are the type, and no bound
            let told = |name: &str| {
                let told = text_of(node, name)?.parse::<i64>().ok()?;
                (told != i64::MIN && told != i64::MAX).then(|| told.to_string())
            };
            (field.min, field.max) = (told("minimum"), told("maximum"));
        }
        LogicalType::Bool
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => {}
    }
}

/// A pattern for the whole text: a schema's pattern may match within it.
fn whole(pattern: &str) -> Option<String> {
    // as our own schemas write it
    let ours = pattern.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$"));
    let whole = |text: &&str| text.starts_with('^') && text.ends_with('$');
    ours.or(Some(pattern).filter(whole)).map(str::to_owned)
}

fn typed(node: &Node, types: &[&str]) -> Result<Typed, String> {
    let values: Vec<&Node> = items_of(node, "enum").iter().collect();
    if !values.is_empty() {
        let texts: Vec<&str> =
            values.iter().filter(|one| !one.is_nothing()).filter_map(|one| text(one)).collect();
        return symbols(&texts)
            .map(Typed::sure)
            .ok_or_else(|| "an enum of values that are no symbols".to_owned());
    }
    if let Some(one) = text_of(node, "const") {
        return symbols(&[one])
            .map(Typed::sure)
            .ok_or_else(|| "a constant that is no symbol".to_owned());
    }
    let [ty] = types else {
        return Err(if types.is_empty() { "no type" } else { "several types" }.to_owned());
    };
    Ok(match *ty {
        "boolean" => Typed::sure(LogicalType::Bool),
        "integer" => Typed::sure(integer(node)),
        "number" => decimal(node).or_else(|| number("")).ok_or("no type")?,
        "object" | "array" => Typed::sure(LogicalType::Json),
        "string" => Typed::sure(match text_of(node, "format") {
            Some("date") => LogicalType::Date,
            Some("date-time") => LogicalType::Timestamp,
            Some("uuid") => LogicalType::Uuid,
            _ if text_of(node, "contentEncoding").is_some() => LogicalType::Bytes,
            _ => string(text_of(node, "maxLength").and_then(|told| told.parse().ok())),
        }),
        other => return Err(format!("type `{other}`")),
    })
}

fn integer(node: &Node) -> LogicalType {
    let told = |name: &str| text_of(node, name).and_then(|text| text.parse::<i64>().ok());
    let small = |value: i64| i32::try_from(value).is_ok();
    match (told("minimum"), told("maximum")) {
        (Some(min), Some(max)) if small(min) && small(max) => LogicalType::Int32,
        _ => LogicalType::Int64,
    }
}

/// A number in steps of a hundredth below ten millions is a `decimal(9,2)`.
fn decimal(node: &Node) -> Option<Typed> {
    let digits = text_of(node, "multipleOf")?.strip_prefix("0.")?;
    let scale = digits.len();
    let step = digits.strip_suffix('1')?.bytes().all(|at| at == b'0');
    let below = text_of(node, "exclusiveMaximum");
    let whole = below.or_else(|| text_of(node, "maximum"))?.split('.').next()?;
    let digits = |text: &str| text.bytes().all(|at| at == b'0');
    let round = below.is_some() && whole.strip_prefix('1').is_some_and(digits);
    let whole = if round { whole.len() - 1 } else { whole.len() };
    let (precision, scale) = (u8::try_from(whole + scale).ok()?, u8::try_from(scale).ok()?);
    let fits = step && (1..=crate::parse::scalars::DECIMAL_PRECISION_MAX).contains(&precision);
    fits.then(|| Typed::sure(LogicalType::Decimal { precision, scale }))
}

/// Keywords that say more than is taken over.
fn unread(node: &Node) -> Vec<String> {
    let Kind::Map(entries) = &node.kind else { return Vec::new() };
    let unread = entries.iter().filter(|entry| {
        !READ.contains(&entry.key.as_str())
            && !entry.key.starts_with("x-")
            && !matches!(
                entry.key.as_str(),
                "exclusiveMaximum" | "exclusiveMinimum" | "contentEncoding"
            )
    });
    unread.map(|entry| format!("`{}`", entry.key)).collect()
}
