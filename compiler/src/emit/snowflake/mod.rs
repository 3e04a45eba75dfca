//! The warehouse in Snowflake: account, shared schema, per entity tables and the statements of one apply, models. See
//! `templates/snowflake/` and the generated `snowflake/README.md`.
//!
//! The same join as [`super::duckdb`], in Snowflake's own words: everything is computed in the USING of the MERGE, so that
//! SET and VALUES hold plain columns.

use std::collections::BTreeSet;

use covenant_model::columns::of_group;
use covenant_model::spec::EntitySpec;
use covenant_model::terms::WarehouseRole;
use serde::Serialize;

use super::sql::{
    Dialect, EntityTables, ModelTable, group_names, model_check, model_tables, policy, slug,
    text_literal, unique_checks,
};
use super::template::{Templates, value};
use super::{EmitError, add};
use crate::plan::Plan;
use crate::tree::OutputTree;

pub(super) const TARGET: &str = "snowflake";
/// Enterprise Edition, United States, list price: what masking policies need. Not from a price list of our own.
const USD_PER_CREDIT: u32 = 3;

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../templates/snowflake/", $name)))),+]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "README.md.j2",
    "account.sql.j2",
    "schema.sql.j2",
    "begin.sql.j2",
    "commit.sql.j2",
    "tables.sql.j2",
    "intervals.sql.j2",
    "floor.sql.j2",
    "load.sql.j2",
    "apply.sql.j2",
    "merge.sql.j2",
    "decisions.sql.j2",
    "winners.sql.j2",
    "from_batch.sql.j2",
    "from_moves.sql.j2",
    "history.sql.j2",
    "history_columns.sql.j2",
    "moves.sql.j2",
    "model_table.sql.j2",
    "model.sql.j2",
];

#[derive(Serialize)]
struct Shared<'a> {
    project: &'a str,
    project_version: &'a str,
    project_purpose: String,
    databases: BTreeSet<String>,
    schemas: BTreeSet<&'a str>,
    classes: Vec<String>,
    masks: Vec<Mask>,
    monthly_usd: Option<u32>,
    usd_per_credit: u32,
    credits: Option<u32>,
}

#[derive(Serialize)]
struct Mask {
    name: String,
    ty: &'static str,
    hidden: &'static str,
    /// Who sees the value; nobody where it is empty.
    readers: Vec<&'static str>,
}

/// Roles that see the plaintext of masked columns, where no class forbids it.
const READERS: [(WarehouseRole, &str); 2] = [
    (WarehouseRole::PiiReader, "COVENANT_PII_READER"),
    (WarehouseRole::Transformer, "COVENANT_TRANSFORMER"),
];

/// Those that see a class; of all of them those without a ban.
fn readers(plan: &Plan, class: Option<&str>) -> Vec<&'static str> {
    let bans = class.map(|class| plan.project.bans(class).roles).unwrap_or_default();
    READERS.iter().filter(|(role, _)| !bans.contains(role)).map(|(_, name)| *name).collect()
}

#[derive(Serialize)]
struct OneEntity<'a> {
    e: &'a EntityTables,
    purpose: String,
}

#[derive(Serialize)]
struct OneModel<'a> {
    m: &'a ModelTable,
    purpose: String,
}

/// Generates `snowflake/`.
///
/// # Errors
/// Where a model's query cannot be read, or a template fails (a bug of the compiler).
pub fn emit(plan: &Plan, tree: &mut OutputTree) -> Result<(), EmitError> {
    let templates = Templates::new(TARGET, TEMPLATES)?;
    let mut entities: Vec<EntityTables> = plan
        .entities
        .iter()
        .filter_map(|entity| EntityTables::new(entity, Dialect::Snowflake))
        .collect();
    let mut models = model_tables(plan, Dialect::Snowflake, TARGET)?;
    let columns = entities.iter_mut().flat_map(|entity| &mut entity.presented);
    for column in columns.chain(models.iter_mut().flat_map(|model| &mut model.columns)) {
        column.masked_for(|class| readers(plan, Some(class)).len() < READERS.len());
    }
    let shared = shared(plan, &entities, &models);
    for name in ["README.md", "account.sql", "schema.sql", "begin.sql", "commit.sql"] {
        let path = format!("snowflake/{name}");
        add(tree, &path, templates.render(&format!("{name}.j2"), &path, &shared)?)?;
    }
    for entity in &entities {
        emit_entity(entity, &templates, tree)?;
        let spec = plan.entity(&entity.name);
        let unique = spec.and_then(|spec| unique_checks(spec, entity, Dialect::Snowflake));
        if let Some(text) = unique {
            add(tree, &format!("snowflake/{}/unique.sql", entity.slug), text)?;
        }
    }
    for model in &models {
        for (template, name) in [("model_table", "table"), ("model", "run")] {
            let path = format!("snowflake/models/{}/{name}.sql", model.slug);
            let one = OneModel { m: model, purpose: text_literal(&model.purpose) };
            add(tree, &path, templates.render(&format!("{template}.sql.j2"), &path, one)?)?;
        }
    }
    for (spec, model) in plan.models.iter().zip(&models) {
        if let Some(text) = model_check(spec, model) {
            add(tree, &format!("snowflake/models/{}/unique.sql", model.slug), text)?;
        }
    }
    Ok(())
}

const DECISIONS: &str = "decisions.sql.j2";

/// As much of an entity as [`DECISIONS`] reads.
#[derive(Serialize)]
struct Decided {
    e: DecidedEntity,
}

#[derive(Serialize)]
struct DecidedEntity {
    groups: Vec<DecidedGroup>,
}

#[derive(Serialize)]
struct DecidedGroup {
    winner: String,
    guard: String,
    columns: Vec<Named>,
}

#[derive(Serialize)]
struct Named {
    name: String,
}

/// The statements that merge batches, one by one: what a change alters of them is shown beside it.
pub(crate) struct Merges(Templates);

impl Merges {
    /// # Errors
    /// Where a template does not parse (a bug of the compiler).
    pub(crate) fn new() -> Result<Self, EmitError> {
        let part: Vec<_> =
            TEMPLATES.iter().copied().filter(|(name, _)| *name == DECISIONS).collect();
        Ok(Self(Templates::new(TARGET, &part)?))
    }

    /// The generated file of an entity.
    pub(crate) fn path(entity: &str) -> String {
        format!("snowflake/{}/apply.sql", slug(entity))
    }

    /// The lines of the statement that decide which columns win. None: the entity has no table.
    ///
    /// # Errors
    /// Where the template fails (a bug of the compiler).
    pub(crate) fn of(&self, entity: &EntitySpec) -> Result<Option<String>, EmitError> {
        if entity.warehouse.is_none() {
            return Ok(None);
        }
        let groups = (0..entity.groups.len()).map(|ix| {
            let (guard, winner) = group_names(entity, ix, Dialect::Snowflake);
            let stored = of_group(entity, ix).into_iter();
            let columns =
                stored.map(|column| Named { name: Dialect::Snowflake.ident(&column.name) });
            DecidedGroup { winner, guard, columns: columns.collect() }
        });
        let one = Decided { e: DecidedEntity { groups: groups.collect() } };
        self.0.render(DECISIONS, &Self::path(&entity.name), one).map(Some)
    }
}

fn emit_entity(
    entity: &EntityTables,
    templates: &Templates,
    tree: &mut OutputTree,
) -> Result<(), EmitError> {
    let files = [
        ("tables", true),
        ("floor", true),
        ("load", true),
        ("apply", true),
        ("history", entity.history),
        ("moves", entity.rekey),
    ];
    let one = value(OneEntity { e: entity, purpose: text_literal(&entity.purpose) });
    for (name, _) in files.into_iter().filter(|(_, wanted)| *wanted) {
        let path = format!("snowflake/{}/{name}.sql", entity.slug);
        add(tree, &path, templates.render_of(&format!("{name}.sql.j2"), &path, &one)?)?;
    }
    Ok(())
}

fn shared<'a>(
    plan: &'a Plan,
    entities: &'a [EntityTables],
    models: &'a [ModelTable],
) -> Shared<'a> {
    let sinks = plan
        .entities
        .iter()
        .filter_map(|entity| entity.warehouse.as_ref())
        .chain(plan.models.iter().map(|model| &model.warehouse));
    let columns = entities
        .iter()
        .flat_map(|entity| &entity.presented)
        .chain(models.iter().flat_map(|model| &model.columns));
    let masked = columns.filter_map(|column| {
        let class =
            column.pii.as_deref().filter(|class| readers(plan, Some(class)).len() < READERS.len());
        Some((column.mask?, class))
    });
    let masks: BTreeSet<(&'static str, Option<&str>)> = masked.collect();
    let schemas = entities
        .iter()
        .map(|entity| entity.schema.as_str())
        .chain(models.iter().map(|model| model.schema.as_str()));
    Shared {
        project: &plan.project.name,
        project_version: &plan.project.version,
        project_purpose: text_literal(plan.project.purpose.trim()),
        databases: sinks.map(|sink| Dialect::Snowflake.ident(&sink.database)).collect(),
        schemas: schemas.collect(),
        classes: plan.project.pii_classes.keys().map(|class| text_literal(class)).collect(),
        masks: masks
            .into_iter()
            .map(|(ty, class)| Mask {
                name: policy(ty, class),
                ty,
                hidden: hidden(ty),
                readers: readers(plan, class),
            })
            .collect(),
        monthly_usd: plan.project.monthly_usd,
        usd_per_credit: USD_PER_CREDIT,
        credits: plan.project.monthly_usd.map(|usd| usd / USD_PER_CREDIT),
    }
}

/// What is shown instead of a value.
fn hidden(ty: &str) -> &'static str {
    if ty == "VARCHAR" { "'***'" } else { "NULL" }
}
