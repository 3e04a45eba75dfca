//! Tables of models. Their rows are computed: what cannot be carried over comes back with the next run.

use std::collections::BTreeMap;

use covenant_model::columns::LandingType;
use covenant_model::spec::ModelSpec;

use super::columns::{Change, Stored};
use super::{Phase, Step, governed, target_of};
use crate::emit::sql::{Dialect, text_literal};
use crate::plan::Plan;

/// `entities` are the steps of what models read.
pub(super) fn steps(old: &Plan, new: &Plan, dialect: Dialect, entities: &[Step]) -> Vec<Step> {
    let mut steps = Vec::new();
    for before in &old.models {
        match new.models.iter().find(|after| after.name == before.name) {
            Some(after) if before == after => {}
            Some(after) => steps.extend(changed(before, after, dialect)),
            None => {
                let what =
                    format!("drop {}: no model computes it any more", table(before, dialect));
                steps.push(
                    Step::new(target_of(dialect), Phase::Destructive, "DCW001", &before.name, what)
                        .sql(format!("DROP TABLE IF EXISTS {}", table(before, dialect))),
                );
            }
        }
    }
    for after in new.models.iter().filter(|one| old.models.iter().all(|was| was.name != one.name)) {
        let what = format!(
            "create {}: the new tables do, and the first run fills it",
            table(after, dialect)
        );
        let step = Step::new(target_of(dialect), Phase::Change, "DCM229", &after.name, what);
        steps.push(step.undo(format!("DROP TABLE {}", table(after, dialect))));
    }
    let due = readers(new, entities.iter().chain(&steps), dialect);
    steps.extend(due);
    steps
}

/// Models that did not change, and read what the steps give other values: no landing commit would make them due.
fn readers<'s>(new: &Plan, steps: impl Iterator<Item = &'s Step>, dialect: Dialect) -> Vec<Step> {
    // Dataset -> places whose steps change its values.
    let mut changed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for step in steps.filter(|step| gives_other_values(step)) {
        let dataset = step.subject.split('/').next().unwrap_or_default();
        changed.entry(dataset).or_default().push(step.subject.clone());
    }
    let mut found = Vec::new();
    // The plan has inputs before their readers.
    for model in &new.models {
        if changed.contains_key(model.name.as_str()) {
            continue;
        }
        let read = model.inputs.iter().filter_map(|input| changed.get(input.as_str()));
        let because: Vec<String> = read.flatten().cloned().collect();
        if because.is_empty() {
            continue;
        }
        found.push(again(model, dialect).because(because.clone()));
        changed.insert(&model.name, because);
    }
    found
}

/// Whether rows say something else after a step; guards are nothing that a model reads.
fn gives_other_values(step: &Step) -> bool {
    let changes = |statement: &String| {
        let ledger = statement.starts_with("UPDATE COVENANT.");
        (statement.starts_with("UPDATE ") && !ledger)
            || statement.contains(" TYPE ")
            || statement.starts_with(RUN_AGAIN)
    };
    step.phase == Phase::Change && step.code != "DCM260" && step.statements.iter().any(changes)
}

/// How the statement begins that makes a model due.
const RUN_AGAIN: &str = "UPDATE COVENANT.CYCLES SET commit_number = 0";

/// A run is due when its inputs have passed the commit of the last one.
fn again(model: &ModelSpec, dialect: Dialect) -> Step {
    let what = "have the model run again, whatever its inputs did".to_owned();
    Step::new(target_of(dialect), Phase::Change, "DCM221", &model.name, what)
        .sql(format!("{RUN_AGAIN} WHERE model = {}", text_literal(&model.name)))
        .undo("nothing to take back: a run replaces the rows")
}

fn table(model: &ModelSpec, dialect: Dialect) -> String {
    let sink = &model.warehouse;
    format!("{}.{}", dialect.ident(&sink.schema), dialect.ident(&sink.table))
}

fn changed(old: &ModelSpec, new: &ModelSpec, dialect: Dialect) -> Vec<Step> {
    let (from, to) = (table(old, dialect), table(new, dialect));
    let step = |code, what| Step::new(target_of(dialect), Phase::Change, code, &new.name, what);
    let mut steps = Vec::new();
    if from == to {
        let (before, after) = (columns(old), columns(new));
        let change = Change {
            dialect,
            tables: vec![to.clone()],
            old: &before,
            new: &after,
            version: &old.version,
        };
        let found = change.run();
        steps.extend(found.steps);
        for column in &found.dropped {
            let name = dialect.ident(&column.name);
            let what = format!("drop column {name}, which no run fills any more");
            steps.push(
                Step::new(target_of(dialect), Phase::Destructive, "DCW010", &column.subject, what)
                    .sql(format!("ALTER TABLE {to} DROP COLUMN IF EXISTS {name}")),
            );
        }
        // In Snowflake the old columns of a model refuse NULL, and no run fills them any more.
        for column in found.removed.iter().filter(|_| dialect == Dialect::Snowflake) {
            let name = dialect.ident(&column.name);
            steps.push(
                step("DCW010", format!("let {name} be empty: no run fills it any more"))
                    .sql(format!("ALTER TABLE {to} ALTER COLUMN {name} DROP NOT NULL"))
                    .undo(format!("ALTER TABLE {to} ALTER COLUMN {name} SET NOT NULL")),
            );
        }
    } else {
        let what = format!("create {to}: the new tables do, and the next run fills it");
        steps.push(step("DCS110", what).undo(format!("DROP TABLE {to}")));
        let what = format!("drop {from}, which no run fills any more");
        steps.push(
            Step::new(target_of(dialect), Phase::Destructive, "DCS110", &new.name, what)
                .sql(format!("DROP TABLE IF EXISTS {from}")),
        );
    }
    if !steps.is_empty() || means_otherwise(old, new) {
        steps.push(again(new, dialect));
    }
    if from == to && dialect == Dialect::Snowflake {
        steps.extend(governed::model(old, new, &to));
        steps.extend(nullable(old, new, &to));
    }
    steps
}

/// Whether a run under the new contract says something else than the rows that are there.
fn means_otherwise(old: &ModelSpec, new: &ModelSpec) -> bool {
    let columns = |model: &ModelSpec| -> Vec<_> {
        let meant = |field: &covenant_model::spec::ModelField| {
            (field.id, field.unit.clone(), field.declassify, field.nullable)
        };
        model.fields.iter().map(meant).collect()
    };
    old.query != new.query || old.key != new.key || columns(old) != columns(new)
}

/// Only Snowflake's tables of models say which columns are never null.
fn nullable(old: &ModelSpec, new: &ModelSpec, table: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for field in &new.fields {
        let before = old.fields.iter().find(|before| before.id == field.id);
        let Some(before) = before.filter(|before| before.nullable != field.nullable) else {
            continue;
        };
        let name = Dialect::Snowflake.ident(&field.name);
        let alter = |what| format!("ALTER TABLE {table} ALTER COLUMN {name} {what} NOT NULL");
        let subject = format!("{}/fields/{}/nullable", new.name, field.name);
        let step =
            |phase, what| Step::new(target_of(Dialect::Snowflake), phase, "DCM227", &subject, what);
        steps.push(if before.nullable {
            let what = format!("let {name} no longer be null, once the model has run again");
            let step = step(Phase::After, what).sql(alter("SET")).undo(alter("DROP"));
            let nulls = format!("SELECT count(*) FROM {table} WHERE {name} IS NULL");
            Step { precheck: Some(nulls), ..step }
        } else {
            step(Phase::Change, format!("let {name} be null")).sql(alter("DROP")).undo(alter("SET"))
        });
    }
    steps
}

fn columns(model: &ModelSpec) -> Vec<Stored> {
    model
        .fields
        .iter()
        .map(|field| Stored {
            id: i32::try_from(field.id).unwrap_or(i32::MAX),
            name: field.name.clone(),
            ty: LandingType::of(&field.ty),
            declared: field.terms.types.clone(),
            holds: "plain",
            subject: format!("{}/fields/{}", model.name, field.name),
            default: None,
        })
        .collect()
}
