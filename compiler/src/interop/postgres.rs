//! `covenant import postgres`: tables of a live database -> an entity each. Pure: the catalogue's answers in, files out.

mod checks;

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::value::LogicalType;
use covenant_postgres::catalogue::schema::{ColumnSchema, TableSchema};

use super::import::draft::{Draft, Entity, Field, System};
use super::import::names::{free, snake, take};
use super::import::personal::{Guess, guessed};
use super::import::settle::{Candidate, Settled, Take, settle, written};
use super::import::types::{Typed, number, out_of_line, symbols, text};
use super::import::{ImportError, Imported};
use crate::parse::scalars::DECIMAL_PRECISION_MAX;

/// Longest name that PostgreSQL gives, characters.
const NAME_CHARS: u32 = 63;
/// Header of `numeric`'s modifier. (Source: PostgreSQL's `numeric.c`, `make_numeric_typmod`.)
const NUMERIC_HEADER: i32 = 4;

/// A table, and the name that its entity gets.
struct Source<'t> {
    table: &'t TableSchema,
    area: String,
    name: String,
}

/// Contracts of the tables of a database. `system`: what the project calls the database, a name of the language; `place` says in
/// errors what was asked.
///
/// # Errors
/// Where no table is there.
pub fn import(place: &str, system: &str, tables: &[TableSchema]) -> Result<Imported, ImportError> {
    if tables.is_empty() {
        return Err(ImportError::file(
            place,
            "there is no table in these schemas, or our role may not see any",
        ));
    }
    let mut taken = BTreeSet::new();
    let sources: Vec<Source<'_>> = tables.iter().map(|table| source(table, &mut taken)).collect();
    let candidates: Vec<Candidate> = sources
        .iter()
        .map(|one| Candidate {
            file: format!("{}/{}.yaml", one.area, one.name),
            shown: format!("`{}.{}`", one.table.schema, one.table.name),
            hopeless: one.hopeless(),
        })
        .collect();
    let drafted = |takes: &[Take]| drafted(system, &sources, takes);
    let Settled { draft, takes, .. } = settle(place, &candidates, drafted)?;
    written(place, &draft, &candidates, &takes)
}

fn source<'t>(table: &'t TableSchema, taken: &mut BTreeSet<String>) -> Source<'t> {
    let area = snake(&table.schema);
    let name = free(snake(&table.name), |name| taken.contains(&format!("{area}.{name}")));
    taken.insert(format!("{area}.{name}"));
    Source { table, area, name }
}

fn drafted(system: &str, sources: &[Source<'_>], takes: &[Take]) -> Draft {
    let taken: Vec<&Source<'_>> = sources
        .iter()
        .zip(takes)
        .filter(|(_, take)| !matches!(take, Take::Nothing(_)))
        .map(|(source, _)| source)
        .collect();
    let references = references(&taken);
    let mut classes = BTreeMap::new();
    let entities = sources.iter().zip(takes).filter_map(|(source, take)| match take {
        Take::All => Some(source.entity(system, &references, Some(&mut classes))),
        Take::Bare(_) => Some(source.entity(system, &references, None)),
        Take::Nothing(_) => None,
    });
    let entities = entities.collect();
    let mut systems = System::guessed("The database that was imported.", None);
    for one in systems.iter_mut().filter(|one| one.kind == "postgres") {
        system.clone_into(&mut one.name);
        for (key, value, _) in &mut one.settings {
            if matches!(*key, "publication" | "slot") {
                *value = format!("covenant_{system}");
            }
        }
    }
    Draft {
        from: "a PostgreSQL database".to_owned(),
        name: "imported".to_owned(),
        purpose: "What the tables of a database hold.".to_owned(),
        systems,
        classes,
        entities,
        ..Draft::default()
    }
}

/// By table and column: the entity whose whole key the column holds. None that leads back to where it came from.
fn references(taken: &[&Source<'_>]) -> BTreeMap<(String, String, String), String> {
    let mut found = BTreeMap::new();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in taken {
        let from = format!("{}.{}", source.area, source.name);
        for reference in &source.table.references {
            let ([column], [to_column]) =
                (reference.columns.as_slice(), reference.to_columns.as_slice())
            else {
                continue;
            };
            let (schema, name) = &reference.to;
            let target = taken.iter().find(|one| {
                one.table.schema == *schema
                    && one.table.name == *name
                    && one.table.key == [to_column.clone()]
            });
            let Some(target) = target else { continue };
            let to = format!("{}.{}", target.area, target.name);
            if to == from || leads(&edges, &to, &from) {
                continue;
            }
            edges.entry(from.clone()).or_default().insert(to.clone());
            let table = source.table;
            found.insert((table.schema.clone(), table.name.clone(), column.clone()), to);
        }
    }
    found
}

/// Whether one entity leads to another.
fn leads(edges: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at) {
            open.extend(edges.get(at).into_iter().flatten().map(String::as_str));
        }
    }
    false
}

impl Source<'_> {
    /// Why it can be no entity.
    fn hopeless(&self) -> Option<String> {
        if let Some(other) = self.table.other {
            return Some(format!(
                "no entity, because it is {other}, whose changes are not streamed"
            ));
        }
        if self.table.key.is_empty() {
            return Some("no entity, because it has no primary key".to_owned());
        }
        let of_key = |column: &&ColumnSchema| self.table.key.contains(&column.facts.name);
        let untyped =
            self.table.columns.iter().filter(of_key).find(|column| typed(column).is_none())?;
        Some(format!(
            "no entity, because its key {} is {}, for which the language has no type",
            untyped.facts.name, untyped.facts.shown
        ))
    }

    /// The entity; with `classes`, everything that the language has words for.
    fn entity(
        &self,
        system: &str,
        references: &BTreeMap<(String, String, String), String>,
        mut classes: Option<&mut BTreeMap<String, (&'static str, String)>>,
    ) -> Entity {
        let table = self.table;
        let bounds = checks::read(&table.checks);
        let mut names = BTreeSet::new();
        let mut called: BTreeMap<&str, String> = BTreeMap::new();
        let (mut fields, mut left) = (Vec::new(), Vec::new());
        for column in &table.columns {
            let there = column.facts.name.as_str();
            if column.generated {
                left.push(format!("{there} (computed by the database, and not streamed)"));
                continue;
            }
            let Some(found) = typed(column) else {
                left.push(format!("{there} ({})", column.facts.shown));
                continue;
            };
            let name = take(snake(there), &mut names);
            called.insert(there, name.clone());
            let is_key = table.key.iter().any(|key| key == there);
            let found = found.keyed(is_key);
            let mut field = field(column, &found, name, is_key);
            if let Some(classes) = classes.as_deref_mut() {
                bounds.apply(there, &found.ty, &mut field);
                let place = (table.schema.clone(), table.name.clone(), there.to_owned());
                field.references = references.get(&place).cloned();
                field.unique = !is_key && table.unique.iter().any(|one| one == &[there.to_owned()]);
                let guess = guessed(&field.name, &found.ty).filter(|_| !is_key);
                if let Some(Guess { class, protect, about }) = guess {
                    classes.insert(class.to_owned(), (protect, about.to_owned()));
                    field.pii = Some(class.to_owned());
                }
            }
            fields.push(field);
        }
        let names_of = |columns: &[String]| -> Option<Vec<String>> {
            columns.iter().map(|column| called.get(column.as_str()).cloned()).collect()
        };
        let several = table.unique.iter().filter(|one| one.len() > 1 && classes.is_some());
        let unread = bounds.unread.iter().map(|check| format!("the check {check}"));
        left.extend(unread);
        let (warehouse, place, guess) = System::warehouse(None, &self.area, &self.name);
        Entity {
            area: self.area.clone(),
            name: self.name.clone(),
            purpose: table
                .comment
                .clone()
                .unwrap_or_else(|| format!("One row per row of {}.{}.", table.schema, table.name)),
            key: names_of(&table.key).unwrap_or_default(),
            source: (system.to_owned(), format!("{{table: {}.{}}}", table.schema, table.name)),
            unique: several.filter_map(|one| names_of(one)).collect(),
            sink: Some((warehouse, place, guess)),
            fields,
            left,
            ..Entity::default()
        }
    }
}

fn field(column: &ColumnSchema, found: &Typed, name: String, is_key: bool) -> Field {
    let there = column.facts.name.as_str();
    Field {
        wire: (name != there).then(|| there.to_owned()),
        name,
        ty: found.ty.to_string(),
        nullable: !is_key && !column.facts.not_null,
        large: !is_key && out_of_line(&found.ty),
        about: column.comment.as_deref().map(|text| text.trim().to_owned()),
        note: found.guessed.then(|| "the type is a guess".to_owned()),
        ..Field::default()
    }
}

/// The type that every value of the column has. `None`: the language has none, or none that loses nothing.
fn typed(column: &ColumnSchema) -> Option<Typed> {
    let facts = &column.facts;
    let sure = |ty: LogicalType| Some(Typed::sure(ty));
    if facts.kind == 'e' {
        let labels: Vec<&str> = column.labels.iter().map(String::as_str).collect();
        return Some(Typed::sure(symbols(&labels).unwrap_or(text(Some(NAME_CHARS)))));
    }
    let limit = (facts.modifier >= NUMERIC_HEADER)
        .then(|| u32::try_from(facts.modifier - NUMERIC_HEADER).ok())
        .flatten();
    match facts.base.as_str() {
        "bool" => sure(LogicalType::Bool),
        "int2" | "int4" => sure(LogicalType::Int32),
        "int8" => sure(LogicalType::Int64),
        "numeric" => numeric(facts.modifier),
        "varchar" | "bpchar" => sure(text(limit)),
        "text" | "citext" => sure(text(None)),
        "name" => sure(text(Some(NAME_CHARS))),
        "uuid" => sure(LogicalType::Uuid),
        "date" => sure(LogicalType::Date),
        "timestamptz" => sure(LogicalType::Timestamp),
        "json" | "jsonb" => sure(LogicalType::Json),
        "bytea" => sure(LogicalType::Bytes),
        _ => None,
    }
}

fn numeric(modifier: i32) -> Option<Typed> {
    if modifier < NUMERIC_HEADER {
        return number("");
    }
    let packed = modifier - NUMERIC_HEADER;
    let (precision, scale) = (packed >> 16 & 0xFFFF, packed & 0x7FF);
    let (precision, scale) = (u8::try_from(precision).ok()?, u8::try_from(scale).ok()?);
    let fits = (1..=DECIMAL_PRECISION_MAX).contains(&precision) && scale <= precision;
    fits.then(|| Typed::sure(LogicalType::Decimal { precision, scale }))
}
