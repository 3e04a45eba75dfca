//! `covenant import dbt`: properties files of a dbt project (`sources:`) -> an entity per table of a source. The tests say what
//! holds: `unique` and `not_null` together are the key, `accepted_values` an enum, `relationships` a reference. Models are
//! computed by dbt, in files of their own: they are named, and not taken over.

use std::collections::BTreeSet;

use super::import::draft::{Draft, Entity, Field, System, WAREHOUSE};
use super::import::names::{free, snake, take};
use super::import::read::{Foreign, items_of, member, text, text_of};
use super::import::settle::{Candidate, Settled, Take, settle, written};
use super::import::types::{Typed, by_name, out_of_line, symbols};
use super::import::{ImportError, Imported};
use crate::parse::scalars::{is_name, is_version};
use crate::parse::{Kind, Node};

/// The version of properties files.
const VERSION: &str = "2";
/// Under which a column's or table's tests stand: the second is the older word.
const TESTS: [&str; 2] = ["data_tests", "tests"];
/// Test of a package, by which a key of several columns is told.
const TOGETHER: &str = "dbt_utils.unique_combination_of_columns";

/// A table, and the name that its entity gets.
struct Source<'f> {
    source: &'f Node,
    table: &'f Node,
    area: String,
    name: String,
}

/// A test: its name, and what it says.
struct Test<'n> {
    name: &'n str,
    /// Of the test; newer versions put them under `arguments`.
    arguments: Option<&'n Node>,
}

/// Contracts of `(path, text)` properties files.
///
/// # Errors
/// The first file that is no properties file, and where no table is described.
pub fn import(files: &[(String, String)]) -> Result<Imported, ImportError> {
    let read = files.iter().map(|(path, text)| properties(path, text));
    let read: Vec<Foreign> = read.collect::<Result<_, _>>()?;
    let mut left = Vec::new();
    for file in &read {
        for model in items_of(&file.node, "models") {
            let name = text_of(model, "name").unwrap_or("?");
            left.push(format!(
                "model `{name}` is computed by dbt: write it as `model:` with its query, if Covenant is to compute it"
            ));
        }
    }
    let sources = sources(&read)?;
    let path = files.first().map(|(path, _)| path.as_str()).unwrap_or_default();
    if sources.is_empty() {
        return Err(ImportError::file(
            path,
            "no table of a source is described: there is no `sources:` with `tables:`",
        ));
    }
    let candidates: Vec<Candidate> = sources
        .iter()
        .map(|one| Candidate {
            file: format!("{}/{}.yaml", one.area, one.name),
            shown: format!("`{}`", one.shown()),
            hopeless: one.hopeless(),
        })
        .collect();
    let Settled { draft, takes, .. } = settle(path, &candidates, |takes| drafted(&sources, takes))?;
    let mut imported = written(path, &draft, &candidates, &takes)?;
    imported.left.splice(0..0, left);
    Ok(imported)
}

fn properties(path: &str, text: &str) -> Result<Foreign, ImportError> {
    let file = Foreign::read(path, text)?;
    let Kind::Map(entries) = &file.node.kind else {
        return Err(
            file.wrong(&file.node, "a properties file of dbt is a map, and this is something else")
        );
    };
    if let Some(version) = member(&file.node, "version")
        && text_of(&file.node, "version") != Some(VERSION)
    {
        return Err(file.wrong(
            version,
            format!("properties files of version {VERSION} are read, and this is another"),
        ));
    }
    let known = [
        "sources",
        "models",
        "version",
        "exposures",
        "seeds",
        "snapshots",
        "metrics",
        "semantic_models",
    ];
    if !entries.iter().any(|entry| known.contains(&entry.key.as_str())) {
        let why = "there are no `sources:` or `models:`: is this a properties file of dbt (`schema.yml`, `sources.yml`)?";
        return Err(file.wrong(&file.node, why));
    }
    Ok(file)
}

fn sources(files: &[Foreign]) -> Result<Vec<Source<'_>>, ImportError> {
    let mut taken = BTreeSet::new();
    let mut all = Vec::new();
    for file in files {
        for source in items_of(&file.node, "sources") {
            let Some(of) = text_of(source, "name") else {
                return Err(file.wrong(source, "a source has a `name`, and this has none"));
            };
            for table in items_of(source, "tables") {
                let Some(there) = text_of(table, "name") else {
                    return Err(file.wrong(
                        table,
                        format!("a table of source `{of}` has a `name`, and this has none"),
                    ));
                };
                let own = meta(table, "contract").and_then(|name| name.split_once('.'));
                let own = own.filter(|(area, name)| is_name(area) && is_name(name));
                let (area, name) = match own {
                    Some((area, name)) => (area.to_owned(), name.to_owned()),
                    None => (snake(of), snake(there)),
                };
                let name = free(name, |name| taken.contains(&format!("{area}.{name}")));
                taken.insert(format!("{area}.{name}"));
                all.push(Source { source, table, area, name });
            }
        }
    }
    Ok(all)
}

/// A word under `meta`, which newer versions keep in `config`.
fn meta<'n>(node: &'n Node, name: &str) -> Option<&'n str> {
    let inner = member(node, "config").and_then(|config| member(config, "meta"));
    text_of(inner.or_else(|| member(node, "meta"))?, name)
}

fn tests(node: &Node) -> Vec<Test<'_>> {
    let listed = TESTS.iter().flat_map(|word| items_of(node, word));
    listed
        .filter_map(|one| match &one.kind {
            Kind::Scalar { text, .. } => Some(Test { name: text, arguments: None }),
            Kind::Map(entries) => {
                let entry = entries.first()?;
                let arguments = member(&entry.value, "arguments").unwrap_or(&entry.value);
                Some(Test { name: &entry.key, arguments: Some(arguments) })
            }
            Kind::Seq(_) => None,
        })
        .collect()
}

fn has(column: &Node, name: &str) -> bool {
    tests(column).iter().any(|test| test.name == name)
        || items_of(column, "constraints").iter().any(|one| text_of(one, "type") == Some(name))
}

/// `source('sales', 'CUSTOMERS')`
fn source_of(to: &str) -> Option<(&str, &str)> {
    let inside = to.trim().strip_prefix("source(")?.strip_suffix(')')?;
    let (source, table) = inside.split_once(',')?;
    let bare = |text| str::trim_matches(str::trim(text), ['\'', '"']);
    Some((bare(source), bare(table)))
}

impl<'f> Source<'f> {
    fn shown(&self) -> String {
        let name = |node| text_of(node, "name").unwrap_or("?");
        format!("{}.{}", name(self.source), name(self.table))
    }

    fn columns(&self) -> &'f [Node] {
        items_of(self.table, "columns")
    }

    /// Names of the columns that identify a row.
    fn key(&self) -> Vec<&'f str> {
        let named = |column: &'f Node| text_of(column, "name");
        let listed = |node: &'f Node, word: &str| -> Vec<&'f str> {
            items_of(node, word).iter().filter_map(text).collect()
        };
        let primary = items_of(self.table, "constraints");
        if let Some(one) = primary.iter().find(|one| text_of(one, "type") == Some("primary_key")) {
            return listed(one, "columns");
        }
        let together = tests(self.table).into_iter().find(|test| test.name == TOGETHER);
        if let Some(arguments) = together.and_then(|test| test.arguments) {
            return listed(arguments, "combination_of_columns");
        }
        let alone = |column: &&Node| {
            has(column, "primary_key") || has(column, "unique") && has(column, "not_null")
        };
        let one = self.columns().iter().find(alone);
        one.and_then(named).into_iter().collect()
    }

    /// Why it can be no entity.
    fn hopeless(&self) -> Option<String> {
        if self.columns().is_empty() {
            return Some("no entity, because its columns are not described".to_owned());
        }
        let key = self.key();
        if key.is_empty() {
            return Some(
                "no entity, because nothing says what its key is: no column has the tests `unique` and `not_null`".to_owned(),
            );
        }
        let missing = key
            .iter()
            .find(|name| !self.columns().iter().any(|one| text_of(one, "name") == Some(**name)))?;
        Some(format!("no entity, because its key `{missing}` is not described among the columns"))
    }

    fn entity(&self, all: &[&Source<'_>], more: bool) -> Entity {
        let key = self.key();
        let mut names = BTreeSet::new();
        let (mut fields, mut left, mut called) = (Vec::new(), Vec::new(), Vec::new());
        for column in self.columns() {
            let there = text_of(column, "name").unwrap_or("?");
            let name = take(snake(there), &mut names);
            let is_key = key.contains(&there);
            match field(column, there, name, is_key) {
                Ok(mut field) => {
                    if more {
                        field.references = reference(column, all);
                        field.unique = !is_key && has(column, "unique");
                    }
                    called.push((there, field.name.clone()));
                    fields.push(field);
                }
                Err(why) => left.push(format!("`{there}` ({why})")),
            }
        }
        let named = |one: &str| called.iter().find(|(there, _)| *there == one);
        let keys = key.iter().filter_map(|one| named(one)).map(|(_, name)| name.clone()).collect();
        let version = meta(self.table, "contract_version").filter(|version| is_version(version));
        let about = text_of(self.table, "description").map(|text| text.trim().to_owned());
        Entity {
            area: self.area.clone(),
            name: self.name.clone(),
            version: version.unwrap_or_default().to_owned(),
            owner: meta(self.table, "owner").unwrap_or_default().to_owned(),
            purpose: about
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| format!("Rows of {}.", self.shown())),
            key: keys,
            source: System::source(&format!("public.{}", self.name)),
            source_guessed: true,
            sink: Some(self.sink(database_of(all).as_deref())),
            expect: if more { self.freshness() } else { Vec::new() },
            fields,
            left,
            ..Entity::default()
        }
    }

    /// The warehouse's table, where source and table say which it is.
    fn sink(&self, warehouse: Option<&str>) -> (String, String, bool) {
        let upper = |text: &str| text.to_ascii_uppercase();
        let database = text_of(self.source, "database");
        let schema = text_of(self.source, "schema").or_else(|| text_of(self.source, "name"));
        let table = text_of(self.table, "identifier").or_else(|| text_of(self.table, "name"));
        let plain = |text: &&str| snake(text) == text.to_ascii_lowercase();
        match (database.filter(plain), schema.filter(plain), table.filter(plain)) {
            (Some(database), Some(schema), Some(table)) if warehouse == Some(&upper(database)) => {
                let name = format!("{}.{}.{}", upper(database), upper(schema), upper(table));
                (WAREHOUSE.to_owned(), name, false)
            }
            _ => System::warehouse(warehouse, &self.area, &self.name),
        }
    }

    /// dbt's `warn_after`, as the freshness of the warehouse.
    fn freshness(&self) -> Vec<(&'static str, String)> {
        let told = member(self.table, "freshness").or_else(|| member(self.source, "freshness"));
        let told = told.and_then(|freshness| {
            let after = member(freshness, "warn_after")?;
            let count: u32 = text_of(after, "count")?.parse().ok().filter(|count| *count > 0)?;
            let unit = match text_of(after, "period")? {
                "minute" => "m",
                "hour" => "h",
                "day" => "d",
                _ => return None,
            };
            Some(("freshness", format!("{{{WAREHOUSE}: {count}{unit}}}")))
        });
        told.into_iter().collect()
    }
}

fn field(column: &Node, there: &str, name: String, is_key: bool) -> Result<Field, String> {
    let ty = text_of(column, "data_type").ok_or("no `data_type`")?;
    let values = tests(column).into_iter().find(|test| test.name == "accepted_values");
    let values = values.and_then(|test| test.arguments).map(|node| items_of(node, "values"));
    let values: Vec<&str> = values.unwrap_or_default().iter().filter_map(text).collect();
    let found = match (by_name(ty), symbols(&values)) {
        (Some(Typed { ty, .. }), Some(symbols)) if ty.to_string().starts_with("string") => {
            Typed::sure(symbols)
        }
        (Some(found), _) => found,
        (None, _) => return Err(format!("type `{ty}`")),
    };
    let Typed { ty, guessed } = found.keyed(is_key);
    Ok(Field {
        // the warehouse folds names: only one that says more than ours is the source's
        wire: (!there.eq_ignore_ascii_case(&name)).then(|| there.to_owned()),
        name,
        nullable: !is_key && !has(column, "not_null"),
        large: !is_key && out_of_line(&ty),
        ty: ty.to_string(),
        about: text_of(column, "description")
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty()),
        note: guessed.then(|| "the type is a guess".to_owned()),
        ..Field::default()
    })
}

/// The entity whose whole key the column holds.
fn reference(column: &Node, all: &[&Source<'_>]) -> Option<String> {
    let test = tests(column).into_iter().find(|test| test.name == "relationships")?;
    let (source, table) = source_of(text_of(test.arguments?, "to")?)?;
    let field = text_of(test.arguments?, "field")?;
    let target = all.iter().find(|one| {
        text_of(one.source, "name") == Some(source) && text_of(one.table, "name") == Some(table)
    })?;
    (target.key() == [field]).then(|| format!("{}.{}", target.area, target.name))
}

/// The database of the first source that names one. A project has one warehouse, with one database.
fn database_of(sources: &[&Source<'_>]) -> Option<String> {
    let named = sources.iter().find_map(|one| text_of(one.source, "database"));
    named.filter(|name| snake(name) == name.to_ascii_lowercase()).map(str::to_ascii_uppercase)
}

fn drafted(sources: &[Source<'_>], takes: &[Take]) -> Draft {
    let taken: Vec<&Source<'_>> = sources
        .iter()
        .zip(takes)
        .filter(|(_, take)| !matches!(take, Take::Nothing(_)))
        .map(|(source, _)| source)
        .collect();
    let entities = sources.iter().zip(takes).filter_map(|(source, take)| match take {
        Take::All => Some(source.entity(&taken, true)),
        Take::Bare(_) => Some(source.entity(&taken, false)),
        Take::Nothing(_) => None,
    });
    Draft {
        from: "the sources of a dbt project".to_owned(),
        name: "imported".to_owned(),
        purpose: "What the sources of a dbt project describe.".to_owned(),
        systems: System::guessed(
            "Where the tables come from; dbt does not say who loads them.",
            database_of(&taken).as_deref(),
        ),
        entities: entities.collect(),
        ..Draft::default()
    }
}
