//! Text of a describe -> [`SObject`]. What is no describe of one object is one finding, at its place.

use std::collections::BTreeMap;

use super::{DESCRIBE_BYTES_MAX, Described, Field, Kind, SObject, SUFFIX};
use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::parse::{Entry, Kind as Value, Node, json};
use crate::source::{FileId, SourceFile, Span};

/// How a describe is had.
const HOW: &str =
    "commit the answer of `GET /services/data/v<version>/sobjects/<Object>/describe` as it is";

/// Reads a describe file; findings go to the sink.
pub fn read(file: FileId, source: &SourceFile, sink: &Sink) -> Described {
    let name = source.path.rsplit('/').next().unwrap_or(&source.path);
    let stem = name.strip_suffix(SUFFIX).unwrap_or(name).to_owned();
    let object = parsed(file, source).and_then(|node| read_node(&node, file));
    let object = match object {
        Ok(object) if object.name.eq_ignore_ascii_case(&stem) => Some(object),
        Ok(object) => {
            let headline = format!("{} describes `{}`", source.path, object.name);
            sink.push(
                Diagnostic::new(&codes::BAD_DESCRIBE, object.at, headline)
                    .help(format!("call it `{}{SUFFIX}`", object.name)),
            );
            None
        }
        Err(wrong) => {
            let headline = format!("{} is no describe: {}", source.path, wrong.why);
            sink.push(Diagnostic::new(&codes::BAD_DESCRIBE, wrong.span, headline).help(HOW));
            None
        }
    };
    Described { path: source.path.clone(), file, stem, object }
}

/// Longest API name: a namespace, 40 characters and a suffix, with room.
const NAME_BYTES_MAX: usize = 80;

/// Why a text is no describe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where.
    pub span: Span,
    /// In words.
    pub why: String,
}

fn parsed(file: FileId, source: &SourceFile) -> Result<Node, Wrong> {
    if source.text.len() > DESCRIBE_BYTES_MAX {
        let why = format!("it is larger than {DESCRIBE_BYTES_MAX} bytes");
        return Err(Wrong { span: Span::file_start(file), why });
    }
    json::parse(file, &source.text).map_err(|error| {
        let place = source.place(error.at);
        let why = format!("line {}, column {}: {}", place.line, place.column, error.why);
        Wrong { span: Span { file, start: error.at, end: error.at }, why }
    })
}

/// Reads the answer, as parsed.
///
/// # Errors
/// What it lacks.
pub fn read_node(node: &Node, file: FileId) -> Result<SObject, Wrong> {
    let start = Span::file_start(file);
    let outer = Object::of(node, start, "the answer")?;
    // `sf sobject describe --json` puts the answer into an envelope
    let whole = match outer.find("result") {
        Some(inner) if outer.find("fields").is_none() => {
            Object::of(&inner.value, inner.key_span, "the answer")?
        }
        Some(_) | None => outer,
    };
    if let Some(error) = refusal(node) {
        return Err(Wrong { span: node.span, why: error });
    }
    if whole.find("sobjects").is_some() {
        let why = "it is the list of all objects, not the describe of one";
        return Err(Wrong { span: start, why: why.to_owned() });
    }
    if whole.find("attributes").is_some() && whole.find("fields").is_none() {
        let why = "it is a record, not the describe of its object";
        return Err(Wrong { span: start, why: why.to_owned() });
    }
    let (name, at) = whole.name("name")?;
    let fields = whole.need("fields")?;
    let Value::Seq(items) = &fields.value.kind else {
        return Err(Wrong { span: fields.value.span, why: "`fields` is no list".to_owned() });
    };
    let mut found = Vec::with_capacity(items.len());
    for (ix, item) in items.iter().enumerate() {
        found.push(field(item, ix, at)?);
    }
    let flags = ["createable", "updateable", "deletable", "queryable"];
    let object = SObject {
        name,
        at,
        version: address(&whole, "sobject", version),
        host: address(&whole, "uiDetailTemplate", host),
        createable: whole.flag("createable")?,
        updateable: whole.flag("updateable")?,
        deletable: whole.flag("deletable")?,
        queryable: whole.flag("queryable")?,
        custom_setting: whole.flag("customSetting").unwrap_or(false),
        label: whole.text("label").map(|(text, _)| text).unwrap_or_default(),
        fields: found,
        spans: whole.spans(&flags),
    };
    Ok(object)
}

/// An error that the API answered with: `[{"errorCode": …, "message": …}]`.
fn refusal(node: &Node) -> Option<String> {
    let Value::Seq(items) = &node.kind else { return None };
    let first = Object::of(items.first()?, node.span, "").ok()?;
    let (code, _) = first.text("errorCode").ok()?;
    Some(format!("the API refused it: {code}"))
}

/// One of the object's addresses, and what is read of it.
fn address(
    whole: &Object<'_>,
    key: &str,
    read: fn(&str) -> Option<String>,
) -> Option<(String, Span)> {
    let urls = whole.find("urls")?;
    let urls = Object::of(&urls.value, urls.key_span, "`urls`").ok()?;
    let (text, span) = urls.text(key).ok()?;
    Some((read(&text)?, span))
}

/// `/services/data/v60.0/sobjects/Account` is of version `60.0`.
fn version(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("/services/data/v")?;
    rest.split('/').next().filter(|version| !version.is_empty()).map(str::to_owned)
}

/// `https://acme.my.salesforce.com/{ID}` is shown by `acme.my.salesforce.com`.
fn host(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("://")?;
    rest.split('/').next().filter(|host| !host.is_empty()).map(str::to_ascii_lowercase)
}

/// Attributes that findings point at.
const SHOWN: [&str; 17] = [
    "type",
    "length",
    "precision",
    "scale",
    "digits",
    "createable",
    "updateable",
    "calculated",
    "nillable",
    "externalId",
    "unique",
    "caseSensitive",
    "filterable",
    "restrictedPicklist",
    "picklistValues",
    "referenceTo",
    "relationshipName",
];

fn field(item: &Node, ix: usize, object: Span) -> Result<Field, Wrong> {
    let nth = format!("`fields[{ix}]`");
    let unnamed = Object::of(item, object, &nth)?;
    let (name, at) = unnamed.name("name")?;
    let what = format!("field `{name}`");
    let own = Object { what: &what, at, ..unnamed };
    let (kind_name, _) = own.name("type")?;
    Ok(Field {
        ix,
        at,
        kind: Kind::of(&kind_name),
        kind_name,
        label: own.text("label").map(|(text, _)| text).unwrap_or_default(),
        length: own.number("length")?,
        precision: own.number("precision")?,
        scale: own.number("scale")?,
        digits: own.number("digits")?,
        createable: own.flag("createable")?,
        updateable: own.flag("updateable")?,
        calculated: own.flag("calculated")?,
        nillable: own.flag("nillable")?,
        defaulted: own.flag("defaultedOnCreate")?,
        external_id: own.flag("externalId")?,
        id_lookup: own.flag("idLookup")?,
        unique: own.flag("unique")?,
        case_sensitive: own.flag("caseSensitive")?,
        filterable: own.flag("filterable")?,
        restricted: own.flag("restrictedPicklist")?,
        values: own.values()?,
        refers_to: own.texts("referenceTo")?,
        relationship: own.optional("relationshipName"),
        permissionable: own.flag("permissionable").unwrap_or(false),
        compound: own.optional("compoundFieldName").filter(|compound| *compound != name),
        auto_number: own.flag("autoNumber").unwrap_or(false),
        spans: own.spans(&SHOWN),
        name,
    })
}

/// A JSON object being read.
#[derive(Clone, Copy)]
struct Object<'a> {
    entries: &'a [Entry],
    at: Span,
    what: &'a str,
}

impl<'a> Object<'a> {
    fn of(node: &'a Node, around: Span, what: &'a str) -> Result<Self, Wrong> {
        match &node.kind {
            Value::Map(entries) => Ok(Self { entries, at: around, what }),
            Value::Scalar { .. } => {
                Err(Wrong { span: node.span, why: format!("{what} is no object") })
            }
            Value::Seq(_) => match refusal(node) {
                Some(why) => Err(Wrong { span: node.span, why }),
                None => Err(Wrong { span: node.span, why: format!("{what} is no object") }),
            },
        }
    }

    fn find(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn need(&self, key: &str) -> Result<&'a Entry, Wrong> {
        let missing = || Wrong { span: self.at, why: format!("{} has no `{key}`", self.what) };
        self.find(key).ok_or_else(missing)
    }

    fn wrong(&self, entry: &Entry, expected: &str) -> Wrong {
        let why = format!("`{}` of {} is no {expected}", entry.key, self.what);
        Wrong { span: entry.value.span, why }
    }

    fn text(&self, key: &str) -> Result<(String, Span), Wrong> {
        let entry = self.need(key)?;
        match &entry.value.kind {
            Value::Scalar { text, plain: false } if !text.is_empty() => {
                Ok((text.clone(), entry.value.span))
            }
            Value::Scalar { .. } | Value::Seq(_) | Value::Map(_) => Err(self.wrong(entry, "text")),
        }
    }

    /// A name of the API: it goes into paths and contracts.
    fn name(&self, key: &str) -> Result<(String, Span), Wrong> {
        let (text, span) = self.text(key)?;
        let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if text.len() <= NAME_BYTES_MAX && text.bytes().all(part) {
            return Ok((text, span));
        }
        let why = format!("`{key}` of {} is no API name: letters, digits and `_`", self.what);
        Err(Wrong { span, why })
    }

    fn optional(&self, key: &str) -> Option<String> {
        self.text(key).ok().map(|(text, _)| text)
    }

    fn plain(&self, key: &str) -> Result<(&'a Entry, &'a str), Wrong> {
        let entry = self.need(key)?;
        match &entry.value.kind {
            Value::Scalar { text, plain: true } => Ok((entry, text)),
            Value::Scalar { .. } | Value::Seq(_) | Value::Map(_) => {
                Err(self.wrong(entry, "number or flag"))
            }
        }
    }

    fn flag(&self, key: &str) -> Result<bool, Wrong> {
        match self.plain(key)? {
            (_, "true") => Ok(true),
            (_, "false") => Ok(false),
            (entry, _) => Err(self.wrong(entry, "`true` or `false`")),
        }
    }

    fn number(&self, key: &str) -> Result<u32, Wrong> {
        let (entry, text) = self.plain(key)?;
        text.parse().map_err(|_| self.wrong(entry, "whole number"))
    }

    fn items(&self, key: &str) -> Result<&'a [Node], Wrong> {
        let entry = self.need(key)?;
        match &entry.value.kind {
            Value::Seq(items) => Ok(items),
            Value::Scalar { .. } | Value::Map(_) => Err(self.wrong(entry, "list")),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, Wrong> {
        let text = |item: &Node| match &item.kind {
            Value::Scalar { text, plain: false } => Ok(text.clone()),
            Value::Scalar { .. } | Value::Seq(_) | Value::Map(_) => {
                let why = format!("`{key}` of {} holds something that is no text", self.what);
                Err(Wrong { span: item.span, why })
            }
        };
        self.items(key)?.iter().map(text).collect()
    }

    /// Values of a picklist that can be chosen.
    fn values(&self) -> Result<Vec<String>, Wrong> {
        let mut found = Vec::new();
        for item in self.items("picklistValues")? {
            let value = Object::of(item, self.at, "a picklist value")?;
            if value.flag("active")? {
                // an empty value is one that nobody can choose
                found.extend(value.optional("value"));
            }
        }
        Ok(found)
    }

    fn spans(&self, keys: &[&'static str]) -> BTreeMap<&'static str, Span> {
        let span = |key: &&'static str| {
            let entry = self.find(key)?;
            Some((*key, Span { start: entry.key_span.start, ..entry.value.span }))
        };
        keys.iter().filter_map(span).collect()
    }
}
