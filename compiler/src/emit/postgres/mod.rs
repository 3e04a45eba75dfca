//! Source databases: per PostgreSQL system a role, a publication with column lists, a heartbeat table, and storage of
//! short columns. Everything can be run again. No password stands in any file.
//!
//! | file | who runs it |
//! |---|---|
//! | `role.sql` | may create roles; owner of the tables for the grants |
//! | `publication.sql` | owner of the tables |
//! | `heartbeat.sql` | may create a schema |
//! | `storage.sql` | owner of the tables |
//! | `outbox.sql` | may create tables where producers write events; only where a stream has an outbox |

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::spec::{EntitySpec, SourceSpec, SystemSpec};
use covenant_model::value::LogicalType;
use covenant_postgres::row_filter;
use serde::Serialize;

use super::sql::text_literal;
use super::template::Templates;
use super::{EmitError, add};
use crate::plan::{Plan, capture_role, source_name};
use crate::tree::OutputTree;

const TARGET: &str = "postgres";

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../templates/postgres/", $name)))),+]
    };
}

const FILES: [&str; 5] = ["role.sql", OUTBOX, "publication.sql", "heartbeat.sql", "storage.sql"];
/// Only where a stream's events come from a table.
const OUTBOX: &str = "outbox.sql";
/// Files that say what is published and who may read it; the others do not depend on columns, or are advice.
pub(crate) const ACCESS: [&str; 3] = ["role.sql", OUTBOX, "publication.sql"];
const TEMPLATES: &[(&str, &str)] = templates![
    "role.sql.j2",
    "publication.sql.j2",
    "heartbeat.sql.j2",
    "storage.sql.j2",
    "outbox.sql.j2",
];

#[derive(Serialize)]
struct Database<'a> {
    project: &'a str,
    system: &'a str,
    /// Both as identifier and as literal.
    publication: String,
    publication_text: String,
    role: String,
    role_text: String,
    schemas: BTreeSet<String>,
    tables: Vec<Table>,
    outboxes: Vec<Outbox>,
}

/// A table that producers write events to.
#[derive(Serialize)]
struct Outbox {
    /// With its schema.
    name: String,
    /// Literals of the streams that its events belong to.
    streams: Vec<String>,
}

/// A published table: every entity that reads it.
#[derive(Default, Serialize)]
struct Table {
    /// With its schema.
    name: String,
    /// The same as a literal.
    text: String,
    /// Entities.
    entities: Vec<String>,
    /// Columns in the contracts' order.
    columns: Vec<String>,
    /// Columns of the key.
    key: Vec<String>,
    /// Literals of columns that no change may leave out, of types that may be stored out of line.
    inline: Vec<String>,
    /// Columns declared large.
    large: Vec<String>,
    /// The row filter that all entities have in common.
    rows: Option<String>,
}

/// Generates `postgres/<system>/`.
///
/// # Errors
/// Where a template fails (a bug of the compiler).
pub fn emit(plan: &Plan, tree: &mut OutputTree) -> Result<(), EmitError> {
    emit_files(plan, &FILES, tree)
}

/// The same, but only [`ACCESS`].
///
/// # Errors
/// Where a template fails (a bug of the compiler).
pub(crate) fn emit_access(plan: &Plan, tree: &mut OutputTree) -> Result<(), EmitError> {
    emit_files(plan, &ACCESS, tree)
}

fn emit_files(plan: &Plan, files: &[&str], tree: &mut OutputTree) -> Result<(), EmitError> {
    let templates = Templates::new(TARGET, TEMPLATES)?;
    for (system, spec) in &plan.project.systems {
        let SystemSpec::Postgres { publication, .. } = spec else { continue };
        let (tables, outboxes) = (tables(plan, system), outboxes(plan, system));
        if tables.is_empty() && outboxes.is_empty() {
            continue;
        }
        let role = capture_role(publication);
        let database = Database {
            project: &plan.project.name,
            system,
            publication: ident(publication),
            publication_text: text_literal(publication),
            role: ident(&role),
            role_text: text_literal(&role),
            schemas: tables.keys().map(|(schema, _)| ident(schema)).collect(),
            tables: tables.into_values().collect(),
            outboxes,
        };
        for file in files.iter().filter(|file| **file != OUTBOX || !database.outboxes.is_empty()) {
            let path = format!("postgres/{system}/{file}");
            add(tree, &path, templates.render(&format!("{file}.j2"), &path, &database)?)?;
        }
    }
    Ok(())
}

fn tables(plan: &Plan, wanted: &str) -> BTreeMap<(String, String), Table> {
    let mut tables: BTreeMap<(String, String), Table> = BTreeMap::new();
    for entity in &plan.entities {
        for (source, spec) in &entity.sources {
            let SourceSpec::Postgres { system, schema, table, .. } = spec else { continue };
            if system == wanted {
                let found = tables.entry((schema.clone(), table.clone())).or_default();
                found.name = format!("{}.{}", ident(schema), ident(table));
                found.text = text_literal(&found.name);
                found.entities.push(entity.name.clone());
                add_columns(entity, source, found);
            }
        }
    }
    for ((schema, table), found) in &mut tables {
        found.rows = row_filter::agreed(readers(plan, (wanted, schema, table)));
    }
    tables
}

/// Every entity that reads a table, with the source that it is.
fn readers<'p>(
    plan: &'p Plan,
    wanted: (&str, &str, &str),
) -> impl Iterator<Item = (&'p EntitySpec, &'p str)> {
    let is_wanted = move |spec: &SourceSpec| {
        matches!(spec, SourceSpec::Postgres { system, schema, table, .. }
            if (system.as_str(), schema.as_str(), table.as_str()) == wanted)
    };
    plan.entities.iter().flat_map(move |entity| {
        let sources = entity.sources.iter().filter(move |(_, spec)| is_wanted(spec));
        sources.map(move |(source, _)| (entity, source.as_str()))
    })
}

/// The tables of a system that producers write events to.
fn outboxes(plan: &Plan, wanted: &str) -> Vec<Outbox> {
    let mut found: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (stream_system, spec) in &plan.project.systems {
        let SystemSpec::Stream { outbox: Some(outbox), .. } = spec else { continue };
        if outbox.system != wanted {
            continue;
        }
        let name = format!("{}.{}", ident(&outbox.schema), ident(&outbox.table));
        let streams = plan.entities.iter().flat_map(|entity| entity.sources.values());
        found.entry(name).or_default().extend(streams.filter_map(|source| match source {
            SourceSpec::Stream { system, stream, .. } if system == stream_system => {
                Some(stream.as_str())
            }
            SourceSpec::Stream { .. }
            | SourceSpec::Postgres { .. }
            | SourceSpec::Salesforce { .. } => None,
        }));
    }
    let all = found.into_iter();
    all.map(|(name, streams)| Outbox {
        name,
        streams: streams.into_iter().map(text_literal).collect(),
    })
    .collect()
}

fn add_columns(entity: &EntitySpec, source: &str, table: &mut Table) {
    for (ix, field) in entity.fields.iter().enumerate() {
        let Some(name) = source_name(entity, source, ix) else { continue };
        let column = ident(name);
        if table.columns.contains(&column) {
            continue;
        }
        if entity.key.contains(&ix) {
            table.key.push(column.clone());
        } else if field.large {
            table.large.push(column.clone());
        } else if out_of_line(&field.ty) {
            table.inline.push(text_literal(name));
        }
        table.columns.push(column);
    }
}

/// Types whose columns PostgreSQL moves out of line when a row outgrows a page, and then leaves out of changes.
fn out_of_line(ty: &LogicalType) -> bool {
    match ty {
        LogicalType::String { .. }
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => true,
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp => false,
    }
}

/// Quoted always: a column may have any name.
pub(crate) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
