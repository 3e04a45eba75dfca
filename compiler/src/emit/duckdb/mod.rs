//! The embedded warehouse: `duckdb/schema.sql`, six files per entity that the runtime runs in one transaction, and one
//! per model. See `templates/duckdb/`.
//!
//! | file | what | variables |
//! |---|---|---|
//! | `schema.sql` | all tables and views; safe to run again | |
//! | `<entity>/load.sql` | landing files -> batch table | `files`: list of paths |
//! | `<entity>/floor.sql` | a TRUNCATE: the floor rises, rows below it are deleted | `floor`, `floor_source`, `floor_committed_at`, `commit` |
//! | `<entity>/fold.sql` | batch and state -> the rows that change, complete | `commit`: number |
//! | `<entity>/apply.sql` | those rows -> state | |
//! | `<entity>/history.sql` | batch -> append-only history (where it is kept) | |
//! | `<entity>/moves.sql` | moved rows -> the rows that change (where rows move); while it changes rows: apply, again | `commit` |
//! | `<entity>/unique.sql` | values that must stand in one row and stand in several (where something is unique besides the key) | |
//! | `models/<model>.sql` | the model's rows, replaced; of one that is computed window by window those of the open windows | `cycle`: number; `now`: instant, `rebuild`: whether every window is open |
//! | `models/<model>.unique.sql` | keys that stand in several rows (where the query alone does not exclude them) | |

use minijinja::Value;
use serde::Serialize;

use super::sql::{Dialect, EntityTables, ModelTable, model_check, model_tables, unique_checks};
use super::template::{Templates, value};
use super::{EmitError, add};
use crate::plan::Plan;
use crate::tree::OutputTree;

pub(super) const TARGET: &str = "duckdb";

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../templates/duckdb/", $name)))),+]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "schema.sql.j2",
    "entity_tables.sql.j2",
    "intervals.sql.j2",
    "load.sql.j2",
    "floor.sql.j2",
    "fold.sql.j2",
    "winners.sql.j2",
    "merged.sql.j2",
    "folded_columns.sql.j2",
    "one_row_per_key.sql.j2",
    "apply.sql.j2",
    "history.sql.j2",
    "history_columns.sql.j2",
    "moves.sql.j2",
    "model.sql.j2",
];

#[derive(Serialize)]
struct Everything<'a> {
    project: &'a str,
    project_version: &'a str,
    schemas: Vec<&'a str>,
    entities: &'a [Value],
    models: &'a [ModelTable],
}

#[derive(Serialize)]
struct OneEntity<'a> {
    e: &'a Value,
}

#[derive(Serialize)]
struct OneModel<'a> {
    m: &'a ModelTable,
}

/// Generates `duckdb/`.
///
/// # Errors
/// Where a model's query cannot be read, or a template fails (a bug of the compiler).
pub fn emit(plan: &Plan, tree: &mut OutputTree) -> Result<(), EmitError> {
    let templates = Templates::new(TARGET, TEMPLATES)?;
    let entities: Vec<EntityTables> = plan
        .entities
        .iter()
        .filter_map(|entity| EntityTables::new(entity, Dialect::DuckDb))
        .collect();
    let values: Vec<Value> = entities.iter().map(value).collect();
    let models = model_tables(plan, Dialect::DuckDb, TARGET)?;
    let mut schemas: Vec<&str> = entities.iter().map(|entity| entity.schema.as_str()).collect();
    schemas.extend(models.iter().map(|model| model.schema.as_str()));
    schemas.sort_unstable();
    schemas.dedup();

    let path = "duckdb/schema.sql";
    let everything = Everything {
        project: &plan.project.name,
        project_version: &plan.project.version,
        schemas,
        entities: &values,
        models: &models,
    };
    add(tree, path, templates.render("schema.sql.j2", path, everything)?)?;
    for (entity, value) in entities.iter().zip(&values) {
        emit_entity(entity, value, &templates, tree)?;
        let spec = plan.entity(&entity.name);
        let unique = spec.and_then(|spec| unique_checks(spec, entity, Dialect::DuckDb));
        if let Some(text) = unique {
            add(tree, &format!("duckdb/{}/unique.sql", entity.slug), text)?;
        }
    }
    for model in &models {
        let path = format!("duckdb/models/{}.sql", model.slug);
        let text = templates.render("model.sql.j2", &path, OneModel { m: model })?;
        add(tree, &path, text)?;
    }
    for (spec, model) in plan.models.iter().zip(&models) {
        if let Some(text) = model_check(spec, model) {
            add(tree, &format!("duckdb/models/{}.unique.sql", model.slug), text)?;
        }
    }
    Ok(())
}

fn emit_entity(
    entity: &EntityTables,
    of: &Value,
    templates: &Templates,
    tree: &mut OutputTree,
) -> Result<(), EmitError> {
    let files = [
        ("load", true),
        ("floor", true),
        ("fold", true),
        ("apply", true),
        ("history", entity.history),
        ("moves", entity.rekey),
    ];
    let one = value(OneEntity { e: of });
    for (name, _) in files.into_iter().filter(|(_, wanted)| *wanted) {
        let path = format!("duckdb/{}/{name}.sql", entity.slug);
        let template = format!("{name}.sql.j2");
        add(tree, &path, templates.render_of(&template, &path, &one)?)?;
    }
    Ok(())
}
