//! An object of a document's schema as an entity.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::value::LogicalType;

use super::super::import::draft::{Entity, Field, System, WAREHOUSE};
use super::super::import::names::{is_column, snake, take};
use super::super::import::read::{doc, doc_without, flag_of, items_of, member, text, text_of};
use super::super::import::types::out_of_line;
use super::logical::typed;
use super::named;
use crate::emit::schemas::doc::Doc;
use crate::emit::schemas::foreign;
use crate::emit::schemas::odcs::EXTENSION;
use crate::parse::Node;
use crate::parse::scalars::{as_version, is_version};

/// Classifications that say that nothing is personal.
const IMPERSONAL: [&str; 4] = ["public", "internal", "none", "open"];

/// Classes of personal data: how they are protected, and what belongs to them.
type Classes = BTreeMap<String, (&'static str, String)>;

/// An object, and the name that its entity gets.
pub(super) struct Source<'d> {
    /// Which document.
    pub(super) document: usize,
    /// The document.
    pub(super) head: &'d Node,
    /// The object.
    pub(super) node: &'d Node,
    /// Of the entity.
    pub(super) area: String,
    /// Of the entity.
    pub(super) name: String,
    /// Whether the document has no other.
    pub(super) alone: bool,
}

/// An object that others may refer to.
pub(super) struct Known<'d> {
    document: usize,
    names: Vec<&'d str>,
    entity: String,
    /// Name and id of the one property that is its key.
    key: Vec<&'d str>,
}

/// A property and the field that it becomes.
struct Taken {
    field: Field,
    key: Option<i64>,
}

impl<'d> Source<'d> {
    /// Path of the entity's file.
    pub(super) fn file(&self) -> String {
        format!("{}/{}.yaml", self.area, self.name)
    }

    /// `tbl`
    pub(super) fn shown(&self) -> &'d str {
        named(self.node)
    }

    fn properties(&self) -> &'d [Node] {
        items_of(self.node, "properties")
    }

    /// Why it can be no entity.
    pub(super) fn hopeless(&self) -> Option<String> {
        if self.properties().is_empty() {
            return Some("kept as it is, and no entity, because it has no properties".to_owned());
        }
        let keys: Vec<&Node> =
            self.properties().iter().filter(|one| flag_of(one, "primaryKey")).collect();
        if keys.is_empty() {
            return Some(
                "kept as it is, and no entity, because no property is its `primaryKey`".to_owned(),
            );
        }
        let untyped = keys.iter().find(|key| typed(key).is_none())?;
        Some(format!(
            "kept as it is, and no entity, because its key `{}` is of a type that the language lacks",
            named(untyped)
        ))
    }

    /// As others refer to it.
    pub(super) fn known(&self) -> Known<'d> {
        let keys: Vec<&Node> =
            self.properties().iter().filter(|one| flag_of(one, "primaryKey")).collect();
        let key = match keys.as_slice() {
            [one] => ["name", "id"].iter().filter_map(|word| text_of(one, word)).collect(),
            _ => Vec::new(),
        };
        Known {
            document: self.document,
            names: ["name", "id"].iter().filter_map(|word| text_of(self.node, word)).collect(),
            entity: format!("{}.{}", self.area, self.name),
            key,
        }
    }

    /// The entity. `all`: with everything that the language has words for.
    pub(super) fn entity(&self, known: &[Known<'_>], all: bool) -> (Entity, Classes) {
        let mut classes = Classes::new();
        let mut left = Vec::new();
        let mut names = BTreeSet::new();
        let mut fields = Vec::new();
        let mut keys: Vec<(i64, String)> = Vec::new();
        for property in self.properties() {
            match self.field(property, known, all, &mut names, &mut classes) {
                Ok(taken) => {
                    keys.extend(taken.key.map(|place| (place, taken.field.name.clone())));
                    fields.push(taken.field);
                }
                Err(why) => left.push(why),
            }
        }
        keys.sort();
        distinct_ids(&mut fields);
        let about = text_of(self.node, "description");
        let about = about.or_else(|| text_of(member(self.head, "description")?, "purpose"));
        let version = text_of(self.head, "version").unwrap_or_default();
        let version =
            if is_version(version) { Some(version.to_owned()) } else { as_version(version) };
        let owner = member(self.head, "team").and_then(|team| text_of(team, "name"));
        let entity = Entity {
            area: self.area.clone(),
            name: self.name.clone(),
            version: version.unwrap_or_default(),
            owner: owner.unwrap_or_default().to_owned(),
            purpose: about.map_or_else(|| format!("Rows of {}.", self.shown()), str::to_owned),
            key: keys.into_iter().map(|(_, name)| name).collect(),
            source: System::source(&self.table()),
            source_guessed: true,
            sink: Some(self.warehouse()),
            expect: if all && self.alone { self.expect() } else { Vec::new() },
            fields,
            left,
            ..Entity::default()
        };
        (entity, classes)
    }

    /// `public.tbl_1`
    fn table(&self) -> String {
        let physical = text_of(self.node, "physicalName");
        // Our own documents name the warehouse's table there.
        let physical = physical.filter(|name| !is_table(name)).unwrap_or(self.shown());
        let parts: Vec<String> = physical.split('.').map(snake).collect();
        match parts.as_slice() {
            [.., schema, table] => format!("{schema}.{table}"),
            [table] => format!("public.{table}"),
            [] => format!("public.{}", self.name),
        }
    }

    fn warehouse(&self) -> (String, String, bool) {
        match text_of(self.node, "physicalName").filter(|name| is_table(name)) {
            Some(table) => (WAREHOUSE.to_owned(), table.to_owned(), true),
            None => System::warehouse(None, &self.area, &self.name),
        }
    }

    fn expect(&self) -> Vec<(&'static str, String)> {
        let found = items_of(self.head, "slaProperties")
            .iter()
            .find(|one| text_of(one, "property") == Some("retention"));
        let told = found.and_then(|one| {
            let count: u32 = text_of(one, "value")?.parse().ok().filter(|count| *count > 0)?;
            let unit = match text_of(one, "unit")? {
                "d" | "day" | "days" => "d",
                "y" | "yr" | "year" | "years" => "y",
                _ => return None,
            };
            Some(("retention", format!("{count}{unit}")))
        });
        told.into_iter().collect()
    }

    fn field(
        &self,
        property: &Node,
        known: &[Known<'_>],
        all: bool,
        names: &mut BTreeSet<String>,
        classes: &mut Classes,
    ) -> Result<Taken, String> {
        let there = named(property);
        let Some(found) = typed(property) else {
            let ty = text_of(property, "logicalType").or_else(|| text_of(property, "physicalType"));
            return Err(format!("`{there}` ({})", ty.unwrap_or("no type")));
        };
        let found = found.keyed(flag_of(property, "primaryKey"));
        let name = take(snake(there), names);
        let key = flag_of(property, "primaryKey").then(|| {
            let place = text_of(property, "primaryKeyPosition").and_then(|text| text.parse().ok());
            place.unwrap_or(i64::MAX)
        });
        let mut field = Field {
            wire: (name != there && is_column(there)).then(|| there.to_owned()),
            name,
            id: custom(property, "fieldId").and_then(|text| text.parse().ok()),
            ty: found.ty.to_string(),
            nullable: key.is_none() && !flag_of(property, "required"),
            note: found.guessed.then(|| "the type is a guess".to_owned()),
            about: text_of(property, "description").map(|text| text.trim().to_owned()),
            large: key.is_none() && out_of_line(&found.ty),
            critical: flag_of(property, "criticalDataElement"),
            ..Field::default()
        };
        if all {
            self.more(property, &found.ty, key.is_some(), known, &mut field, classes);
        }
        Ok(Taken { field, key })
    }

    /// What another word of it may contradict.
    fn more(
        &self,
        property: &Node,
        ty: &LogicalType,
        key: bool,
        known: &[Known<'_>],
        field: &mut Field,
        classes: &mut Classes,
    ) {
        field.unique = !key && flag_of(property, "unique");
        field.unit = custom(property, "unit").map(str::to_owned);
        field.references = self.reference(property, known);
        let class = text_of(property, "classification");
        if let Some(class) =
            class.filter(|class| !IMPERSONAL.contains(&class.to_lowercase().as_str()))
        {
            if key {
                field.note = Some(
                    "its classification is not taken over: a key is never personal data".to_owned(),
                );
            } else {
                let name = snake(class);
                let about = format!("What the imported contracts classify as {class}.");
                classes.insert(name.clone(), ("mask", about));
                field.pii = Some(name);
            }
        }
        let options = member(property, "logicalTypeOptions");
        let option = |name: &str| options.and_then(|node| text_of(node, name)).map(str::to_owned);
        match ty {
            LogicalType::String { max_chars } => {
                let whole = |text: &String| text.starts_with('^') && text.ends_with('$');
                field.pattern = option("pattern").filter(whole);
                field.format = option("format").filter(|format| format == "email");
                field.examples = examples(property, *max_chars);
            }
            LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. } => {
                let whole = |text: &String| text.parse::<i64>().is_ok();
                field.min = option("minimum").filter(whole);
                field.max = option("maximum").filter(whole);
            }
            LogicalType::Bool
            | LogicalType::Uuid
            | LogicalType::Date
            | LogicalType::Timestamp
            | LogicalType::Enum { .. }
            | LogicalType::Json
            | LogicalType::Bytes => {}
        }
        if field.pii.is_some() {
            field.examples.clear();
        }
    }

    /// The entity that the property refers to, where it holds its whole key.
    fn reference(&self, property: &Node, known: &[Known<'_>]) -> Option<String> {
        let [one] = items_of(property, "relationships") else { return None };
        let (object, column) = text_of(one, "to")?.split_once('.')?;
        let target = known.iter().find(|known| {
            known.document == self.document
                && known.names.contains(&object)
                && known.key.contains(&column)
        });
        // Our own documents hold an entity each, and are imported together.
        let ours = || {
            known.iter().find(|known| {
                known.entity.replace('.', "_") == object && known.key.contains(&column)
            })
        };
        Some(target.or_else(ours)?.entity.clone())
    }

    /// Keeps with the entity what its own words would not give back.
    pub(super) fn keep(&self, bare: &Doc, ours: &[Doc], entity: &mut Entity) {
        let mut kept = foreign::keep(bare, &doc_without(self.node, "properties"));
        let mut left = Vec::new();
        let mut fields = entity.fields.iter_mut().zip(ours);
        for (at, property) in self.properties().iter().enumerate() {
            if typed(property).is_none() {
                let at = i64::try_from(at).unwrap_or(i64::MAX);
                left.push(Doc::map().with("at", at).with("property", doc(property)));
                continue;
            }
            if let Some((field, ours)) = fields.next() {
                let extension = foreign::keep(ours, &doc(property));
                field
                    .extensions
                    .extend(extension.filled().map(|extension| (EXTENSION.to_owned(), extension)));
            }
        }
        kept = kept.with_some("left", Doc::List(left).filled());
        entity.extensions.extend(kept.filled().map(|kept| (EXTENSION.to_owned(), kept)));
    }
}

/// The value of a custom property.
fn custom<'n>(property: &'n Node, name: &str) -> Option<&'n str> {
    let all = items_of(property, "customProperties");
    text_of(all.iter().find(|one| text_of(one, "property") == Some(name))?, "value")
}

/// `DATABASE.SCHEMA.TABLE`
fn is_table(name: &str) -> bool {
    let upper = |part: &str| {
        part.starts_with(|at: char| at.is_ascii_uppercase())
            && part.bytes().all(|at| matches!(at, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
    };
    name.split('.').count() == 3 && name.split('.').all(upper)
}

/// Examples of a text, where all of them are texts that fit.
fn examples(property: &Node, max_chars: Option<u32>) -> Vec<String> {
    let all: Vec<&str> = items_of(property, "examples").iter().filter_map(text).collect();
    let fits = |one: &&str| {
        !one.is_empty()
            && max_chars.is_none_or(|max| {
                u32::try_from(one.chars().count()).is_ok_and(|count| count <= max)
            })
    };
    if all.len() == items_of(property, "examples").len() && all.iter().all(fits) {
        all.into_iter().map(str::to_owned).collect()
    } else {
        Vec::new()
    }
}

/// An id that two fields would have is nobody's.
fn distinct_ids(fields: &mut [Field]) {
    let mut taken = BTreeSet::new();
    for field in fields {
        if field.id.is_some_and(|id| id == 0 || !taken.insert(id)) {
            field.id = None;
        }
    }
}
