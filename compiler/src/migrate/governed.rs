//! Words and policies that Snowflake shows beside the data: comments, tags, masking policies. Views carry them and are
//! created anew by `2-schema`; tables of models stay, so that their words are said again.

use std::collections::BTreeMap;

use covenant_model::columns::of_field;
use covenant_model::spec::{EntitySpec, ModelSpec};

use super::{Phase, Step, Target};
use crate::emit::sql::{
    Dialect, EntityTables, TableColumn, model_column, single_line, text_literal,
};

const DIALECT: Dialect = Dialect::Snowflake;

/// What the views of an entity say otherwise.
pub(super) fn entity(
    old: &EntitySpec,
    new: &EntitySpec,
    (before, after): (&EntityTables, &EntityTables),
) -> Vec<Step> {
    let mut steps = Vec::new();
    if before.purpose != after.purpose {
        let what =
            format!("say anew what a row of {} is: the new view does (2-schema)", after.view);
        steps.push(step("DCS119", &format!("{}/purpose", new.name), what));
    }
    let shown = |tables: &EntityTables| -> BTreeMap<i32, TableColumn> {
        tables.presented.iter().map(|column| (column.parquet_id, column.clone())).collect()
    };
    let was = shown(before);
    for (ix, field) in new.fields.iter().enumerate() {
        let Some(earlier) = old.fields.iter().find(|one| one.id == field.id) else { continue };
        let stored = of_field(field, ix);
        let columns = stored.iter().filter_map(|column| {
            let now = after.presented.iter().find(|one| one.parquet_id == column.parquet_id)?;
            Some((was.get(&column.parquet_id)?, now))
        });
        let differ = columns.clone().any(|(was, now)| was.governed != now.governed);
        if !differ {
            continue;
        }
        let masked =
            columns.filter(|(was, now)| was.mask != now.mask || was.pii != now.pii).count();
        let (code, attribute) = match masked {
            0 => ("DCS119", "about"),
            _ if earlier.pii.is_none() => ("DCP303", "pii"),
            _ => ("DCP301", "pii"),
        };
        let what = format!(
            "show {}.{} with its new policy, tag and comment: the new view does (2-schema)",
            after.view, field.name
        );
        let whole = format!("{}/fields/{}", new.name, field.name);
        steps.push(step(code, &format!("{whole}/{attribute}"), what).because([whole]));
    }
    steps
}

fn step(code: &'static str, subject: &str, what: String) -> Step {
    Step::new(Target::Snowflake, Phase::Change, code, subject, what)
        .undo("create the old views again")
}

/// What the table of a model says otherwise, where it stays the same table.
pub(super) fn model(old: &ModelSpec, new: &ModelSpec, table: &str) -> Vec<Step> {
    let said = |code, below: &str, what: String, now: String, was: String| {
        Step::new(Target::Snowflake, Phase::Change, code, &format!("{}/{below}", new.name), what)
            .sql(now)
            .undo(was)
    };
    let mut steps = Vec::new();
    if single_line(&old.purpose) != single_line(&new.purpose) {
        let comment = |model: &ModelSpec| {
            format!("COMMENT ON TABLE {table} IS {}", text_literal(&single_line(&model.purpose)))
        };
        let what = format!("say anew what a row of {table} is");
        steps.push(said("DCS119", "purpose", what, comment(new), comment(old)));
    }
    for field in &new.fields {
        let Some(earlier) = old.fields.iter().find(|one| one.id == field.id) else { continue };
        let (was, now) = (model_column(earlier, DIALECT), model_column(field, DIALECT));
        let whole = format!("{}/fields/{}", new.name, field.name);
        if was.about != now.about {
            let comment = |column: &TableColumn| {
                let text = text_literal(&single_line(&column.about));
                format!("COMMENT ON COLUMN {table}.{} IS {text}", now.name)
            };
            let what = format!("say anew what {table}.{} is", now.name);
            let below = format!("fields/{}/about", field.name);
            let step = said("DCS119", &below, what, comment(&now), comment(&was));
            steps.push(step.because([whole.clone()]));
        }
        if was.mask != now.mask || was.pii != now.pii {
            let code = if earlier.pii.is_none() { "DCP303" } else { "DCP301" };
            let below = format!("fields/{}/pii", field.name);
            let what = format!("give {table}.{} its new policy and tag", now.name);
            let step = said(code, &below, what, policy(table, &now), policy(table, &was));
            steps.push(step.sql(tag(table, &now)).because([whole]));
        }
    }
    steps
}

fn policy(table: &str, column: &TableColumn) -> String {
    match column.mask {
        Some(mask) => format!(
            "ALTER TABLE {table} MODIFY COLUMN {} SET MASKING POLICY COVENANT.MASK_{mask} FORCE",
            column.name
        ),
        None => format!("ALTER TABLE {table} MODIFY COLUMN {} UNSET MASKING POLICY", column.name),
    }
}

fn tag(table: &str, column: &TableColumn) -> String {
    match &column.pii {
        Some(class) => format!(
            "ALTER TABLE {table} MODIFY COLUMN {} SET TAG COVENANT.PII = {}",
            column.name,
            text_literal(class)
        ),
        None => format!("ALTER TABLE {table} MODIFY COLUMN {} UNSET TAG COVENANT.PII", column.name),
    }
}
