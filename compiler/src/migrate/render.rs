//! The plan for people, for programs, and as files that run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::{Migration, Phase, Step, Target};
use crate::emit::{EmitError, duckdb, snowflake};
use crate::plan::Plan;
use crate::tree::OutputTree;

/// The new tables and views of the warehouses that have steps: they run between the phases.
pub(super) fn schemas(
    new: &Plan,
    steps: &[Step],
) -> Result<Vec<(Target, String, String)>, EmitError> {
    let touched = |target| steps.iter().any(|step| step.target == target);
    let mut found = Vec::new();
    if touched(Target::Duckdb) {
        let mut tree = OutputTree::default();
        duckdb::emit(new, &mut tree)?;
        let text = tree.get("duckdb/schema.sql").unwrap_or_default().to_owned();
        found.push((Target::Duckdb, "duckdb/2-schema.sql".to_owned(), text));
    }
    if touched(Target::Snowflake) {
        let mut tree = OutputTree::default();
        snowflake::emit(new, &mut tree)?;
        let mut text = String::new();
        for (path, part) in tree.iter() {
            if ["/schema.sql", "/tables.sql", "/table.sql"].iter().any(|end| path.ends_with(end)) {
                text.push_str(part);
            }
        }
        found.push((Target::Snowflake, "snowflake/2-schema.sql".to_owned(), text));
    }
    Ok(found)
}

/// For a reviewer: every step, why, and how to take it back.
pub fn markdown(migration: &Migration, allow_destructive: bool) -> String {
    let mut out = String::from("# Migration\n");
    // Writing into a String cannot fail.
    let _ = overview(&mut out, migration, allow_destructive);
    for target in Target::ALL {
        let steps: Vec<&Step> =
            migration.steps.iter().filter(|step| step.target == target).collect();
        if steps.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n## {}\n", target.name());
        for step in steps {
            let _ = one(&mut out, step, allow_destructive);
        }
    }
    out
}

fn overview(out: &mut String, migration: &Migration, allowed: bool) -> std::fmt::Result {
    if migration.steps.is_empty() {
        return writeln!(out, "\nNothing to do: what is stored fits the new contracts.");
    }
    let destructive =
        migration.steps.iter().filter(|step| step.phase == Phase::Destructive).count();
    writeln!(
        out,
        "\n{} steps, {destructive} of them destructive{}.\n\n\
         Order: `0-ask` (it changes nothing); stop the runtime; per system `1-change`, then `2-schema` where there is one, then `3-after`; start the\n\
         new runtime; run the jobs; when they have ended, `4-check` (it changes nothing; on DuckDB while the runtime is\n\
         stopped, which holds the file); when nobody needs what was set aside any more, `5-destructive`. Whoever runs the\n\
         migration runs all of it. Every precheck must give 0.",
        migration.steps.len(),
        if destructive > 0 && !allowed { " and withheld (`--allow-destructive`)" } else { "" }
    )
}

fn one(out: &mut String, step: &Step, allowed: bool) -> std::fmt::Result {
    let destructive = step.phase == Phase::Destructive;
    let mark = if destructive { " **destructive**" } else { "" };
    writeln!(out, "{}. {} `{}`{mark}: {}", step.number, step.code, step.subject, step.what)?;
    if let Some(query) = &step.precheck {
        writeln!(out, "   - must give 0: `{query}`")?;
    }
    if !destructive || allowed {
        let shown = step.statements.iter().filter(|statement| !statement.contains('\n'));
        for statement in shown {
            writeln!(out, "   - `{statement}`")?;
        }
    }
    match &step.undo {
        Some(undo) => writeln!(out, "   - back: {undo}"),
        None => writeln!(out, "   - there is no way back"),
    }
}

/// For programs.
///
/// # Errors
/// Where it is no JSON: a bug.
pub fn json(migration: &Migration) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(migration)
}

/// As files: `plan.md`, `plan.json`, and per system what runs, by phase. Destructive files only where they were asked
/// for.
///
/// # Errors
/// Where the plan is no JSON, or a path was taken: both bugs.
pub fn tree(migration: &Migration, allow_destructive: bool) -> Result<OutputTree, String> {
    let mut tree = OutputTree::default();
    let mut put = |path: String, text: String| {
        if tree.add(path.as_str(), text) {
            Ok(())
        } else {
            Err(format!("{path} was written twice"))
        }
    };
    put("plan.md".to_owned(), markdown(migration, allow_destructive))?;
    put("plan.json".to_owned(), json(migration).map_err(|error| error.to_string())?)?;
    for (_, path, text) in &migration.schemas {
        put(path.clone(), text.clone())?;
    }
    let mut groups: BTreeMap<(Target, Phase), Vec<&Step>> = BTreeMap::new();
    for step in &migration.steps {
        groups.entry((step.target, step.phase)).or_default().push(step);
    }
    for ((target, phase), steps) in groups {
        if phase == Phase::Destructive && !allow_destructive {
            continue;
        }
        let name = match phase {
            Phase::Ask => "0-ask",
            Phase::Change => "1-change",
            Phase::After => "3-after",
            Phase::Check => "4-check",
            Phase::Destructive => "5-destructive",
        };
        let folder = format!("{}/{name}", target.name());
        match target {
            Target::Postgres | Target::Duckdb | Target::Snowflake => {
                put(format!("{folder}.sql"), sql(target, &steps))?;
            }
            Target::Jobs => put("jobs/backfills.json".to_owned(), jobs(&steps)?)?,
            Target::Salesforce => {
                let destructive = phase == Phase::Destructive;
                let deleted: Vec<&Step> = steps
                    .iter()
                    .copied()
                    .filter(|step| destructive && step.what.starts_with("delete "))
                    .collect();
                let deployed: Vec<&Step> =
                    steps.iter().copied().filter(|step| !deleted.contains(step)).collect();
                put(format!("{folder}/package.xml"), package(&deployed))?;
                if destructive {
                    put(format!("{folder}/destructiveChanges.xml"), package(&deleted))?;
                }
            }
        }
    }
    Ok(tree)
}

/// DuckDB asks the prechecks itself and stops; Snowflake's are to be read by whoever runs the file.
fn sql(target: Target, steps: &[&Step]) -> String {
    let mut out = String::from(
        "-- Generated by covenant migrate. Statements end with a semicolon and a line feed.\n",
    );
    for step in steps {
        let _ = writeln!(
            out,
            "\n-- {:03} {} {}: {}",
            step.number,
            step.code,
            step.subject,
            line(&step.what)
        );
        let _ =
            writeln!(out, "-- back: {}", line(step.undo.as_deref().unwrap_or("there is no way")));
        if let Some(query) = &step.precheck {
            let asked = match target {
                Target::Duckdb => format!(
                    "SELECT CASE WHEN ({query}) > 0 THEN error('step {}: {}') END",
                    step.number,
                    match step.phase {
                        Phase::Ask => "the new contract refuses rows that are stored",
                        Phase::Check => "values that must stand in one row stand in several",
                        Phase::Change | Phase::After | Phase::Destructive => "values would be lost",
                    }
                ),
                Target::Postgres | Target::Salesforce | Target::Snowflake | Target::Jobs => {
                    let _ = writeln!(out, "-- must give 0:");
                    query.clone()
                }
            };
            let _ = writeln!(out, "{asked};");
        }
        for statement in &step.statements {
            let _ = writeln!(out, "{statement};");
        }
    }
    out
}

/// A remark ends with its line, and no line of it may look like the end of a statement.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches(';').to_owned()
}

fn jobs(steps: &[&Step]) -> Result<String, String> {
    let all: Vec<_> = steps
        .iter()
        .map(|step| {
            serde_json::json!({
                "number": step.number, "because": step.code, "subject": step.subject,
                "what": step.what, "command": step.statements.first(),
            })
        })
        .collect();
    serde_json::to_string_pretty(&serde_json::json!({ "backfills": all }))
        .map_err(|error| error.to_string())
}

/// Members by kind, sorted; the API version is the deploying tool's.
fn package(steps: &[&Step]) -> String {
    let mut kinds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for statement in steps.iter().flat_map(|step| &step.statements) {
        if let Some((kind, name)) = statement.split_once(' ') {
            kinds.entry(kind).or_default().insert(name);
        }
    }
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Package xmlns=\"http://soap.sforce.com/2006/04/metadata\">\n",
    );
    for (kind, names) in kinds {
        out.push_str("    <types>\n");
        for name in names {
            let _ = writeln!(out, "        <members>{name}</members>");
        }
        let _ = writeln!(out, "        <name>{kind}</name>\n    </types>");
    }
    out.push_str("</Package>\n");
    out
}
