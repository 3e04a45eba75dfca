//! The plan as text for people: merge groups first, since they decide what wins.

use std::fmt::Write;

use covenant_model::spec::{EntitySpec, FieldIx, MergeRule, ModelSpec, Protection};

use super::Plan;

/// Entities with their groups, models with their lineage, jobs with their order.
pub fn show(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    for entity in &plan.entities {
        let _ = show_entity(&mut out, entity);
    }
    for model in &plan.models {
        let _ = show_model(&mut out, model);
    }
    let _ = show_jobs(&mut out, plan);
    out
}

fn field_names(entity: &EntitySpec, fields: &[FieldIx]) -> String {
    let names: Vec<&str> = fields
        .iter()
        .filter_map(|ix| entity.fields.get(*ix))
        .map(|field| field.name.as_str())
        .collect();
    names.join(", ")
}

fn rule(rule: MergeRule) -> &'static str {
    match rule {
        MergeRule::Latest => "latest",
        MergeRule::Ranked => "ranked",
        MergeRule::Max => "max",
        MergeRule::Min => "min",
        MergeRule::First => "first",
    }
}

fn show_entity(out: &mut String, entity: &EntitySpec) -> std::fmt::Result {
    writeln!(out, "entity {} {}", entity.name, entity.version)?;
    writeln!(out, "  key        {}", field_names(entity, &entity.key))?;
    writeln!(out, "  existence  {}", entity.existence_owner)?;
    if let Some(table) = &entity.warehouse {
        let form = serde_json::to_string(&table.apply).unwrap_or_default();
        let history = if table.history { ", with history" } else { "" };
        let name = format!("{}.{}.{}", table.database, table.schema, table.table);
        writeln!(out, "  warehouse  {name} by {}{history}", form.trim_matches('"'))?;
    }
    if let Some(sink) = &entity.salesforce {
        write!(out, "  salesforce {} by {}", sink.object, sink.external_id)?;
        if !sink.parents.is_empty() {
            write!(out, ", after {}", sink.parents.join(", "))?;
        }
        writeln!(out)?;
    }
    for group in &entity.groups {
        writeln!(
            out,
            "  group {:<16} {:<7} by {:<14} {}",
            group.name,
            rule(group.rule),
            group.owners.join("+"),
            field_names(entity, &group.fields)
        )?;
    }
    let dropped: Vec<&str> = entity
        .fields
        .iter()
        .filter(|field| field.pii.as_ref().is_some_and(|pii| pii.protect == Protection::Drop))
        .map(|field| field.name.as_str())
        .collect();
    if !dropped.is_empty() {
        writeln!(out, "  dropped    {}", dropped.join(", "))?;
    }
    for quality in &entity.quality {
        let place = if quality.at_capture { "at capture" } else { "after apply" };
        writeln!(out, "  rule {:<17} {place}: {}", quality.name, quality.text)?;
    }
    writeln!(out)
}

fn show_model(out: &mut String, model: &ModelSpec) -> std::fmt::Result {
    writeln!(out, "model {} {}", model.name, model.version)?;
    writeln!(out, "  key        {}", model.key.join(", "))?;
    writeln!(out, "  reads      {}", model.inputs.join(", "))?;
    for field in &model.fields {
        let lineage: Vec<String> =
            field.lineage.iter().map(|(table, column)| format!("{table}.{column}")).collect();
        writeln!(out, "  {:<22} <- {}", field.name, lineage.join(", "))?;
    }
    writeln!(out)
}

fn show_jobs(out: &mut String, plan: &Plan) -> std::fmt::Result {
    for job in &plan.jobs {
        write!(out, "job {:<38}", job.name)?;
        let every = match job.every_s {
            0 => "continuous".to_owned(),
            seconds => format!("every {seconds} s"),
        };
        write!(out, " {every:<13}")?;
        if let Some(slo) = job.freshness_slo_s {
            write!(out, " within {slo} s")?;
        }
        if !job.needs.is_empty() {
            write!(out, " after {}", job.needs.join(", "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}
