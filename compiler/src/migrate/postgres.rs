//! What the sources publish. Wider before the new runtime starts, or its preflight refuses; narrower does no harm
//! earlier: the old runtime has stopped.

use std::collections::HashSet;

use covenant_model::spec::{EntitySpec, SourceSpec, SystemSpec};

use super::pairs::Pairs;
use super::{Difference, Phase, Step, Target};
use crate::emit::sql::text_literal;
use crate::emit::{EmitError, postgres};
use crate::plan::Plan;
use crate::tree::OutputTree;

/// # Errors
/// Where the emitter fails.
pub(super) fn steps(old: &Plan, new: &Plan, pairs: &Pairs<'_>) -> Result<Vec<Step>, EmitError> {
    if same(old, new, pairs) {
        return Ok(Vec::new());
    }
    let (mut before, mut after) = (OutputTree::default(), OutputTree::default());
    postgres::emit_access(old, &mut before)?;
    postgres::emit_access(new, &mut after)?;
    let mut steps = Vec::new();
    for (system, spec) in &new.project.systems {
        let SystemSpec::Postgres { .. } = spec else { continue };
        for file in postgres::ACCESS {
            let path = format!("postgres/{system}/{file}");
            let Some(is) = after.get(&path).map(statements) else { continue };
            let was = before.get(&path).map(statements);
            if was.as_ref() != Some(&is) {
                steps.push(step((old, new), pairs, (system, &path), (was, is)));
            }
        }
    }
    for (system, spec) in &old.project.systems {
        let path = format!("postgres/{system}/publication.sql");
        if before.get(&path).is_some() {
            let now = new.project.systems.get(system).filter(|_| after.get(&path).is_some());
            steps.extend(left(system, spec, now).map(|step| step.because(readers(old, system))));
        }
    }
    Ok(steps)
}

/// Slot and publication that nothing reads any more. A slot that stays keeps the log of its database for ever.
fn left(system: &str, old: &SystemSpec, new: Option<&SystemSpec>) -> Option<Step> {
    let names = |spec: &SystemSpec| match spec {
        SystemSpec::Postgres { publication, slot, .. } => Some((publication.clone(), slot.clone())),
        SystemSpec::Stream { .. }
        | SystemSpec::Salesforce { .. }
        | SystemSpec::Snowflake { .. } => None,
    };
    let (publication, slot) = names(old)?;
    let now = new.and_then(names);
    let (mut words, mut statements) = (Vec::new(), Vec::new());
    if now.as_ref().is_none_or(|(_, now)| *now != slot) {
        words.push(format!("slot {slot}"));
        let drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots";
        statements.push(format!("{drop} WHERE slot_name = {}", text_literal(&slot)));
    }
    if now.as_ref().is_none_or(|(now, _)| *now != publication) {
        words.push(format!("publication {publication}"));
        statements.push(format!("DROP PUBLICATION IF EXISTS {}", postgres::ident(&publication)));
    }
    let (code, why) = match now {
        None => ("DCS101", format!("nothing is read from {system} any more")),
        Some(_) => ("DCS105", format!("{system} is read through others now")),
    };
    let what = format!("drop {}: {why}", words.join(" and "));
    let subject = format!("project/systems/{system}");
    let step = Step::new(Target::Postgres, Phase::Destructive, code, &subject, what);
    (!statements.is_empty()).then(|| statements.into_iter().fold(step, Step::sql))
}

/// Nothing that the files are made of differs.
fn same(old: &Plan, new: &Plan, pairs: &Pairs<'_>) -> bool {
    let (was, is) = (&old.project, &new.project);
    (&was.name, &was.systems) == (&is.name, &is.systems) && pairs.all_same()
}

/// The file at `path` and its statements, which were others before, or none.
fn step(
    (old, new): (&Plan, &Plan),
    pairs: &Pairs<'_>,
    (system, path): (&str, &str),
    (before, after): (Option<Vec<String>>, Vec<String>),
) -> Step {
    let (was, is) = (published(old, pairs, system), published(new, pairs, system));
    let named = |columns: Vec<&Published<'_>>| {
        let names: Vec<String> =
            columns.iter().map(|one| format!("{}.{}", one.table, one.column)).collect();
        names.join(", ")
    };
    // For which field a column is read does not change what is published.
    let had: HashSet<[&str; 3]> = was.iter().map(Published::name).collect();
    let has: HashSet<[&str; 3]> = is.iter().map(Published::name).collect();
    let mut more: Vec<_> = is.iter().filter(|one| !had.contains(&one.name())).collect();
    let mut less: Vec<_> = was.iter().filter(|one| !has.contains(&one.name())).collect();
    if !more.is_empty() || !less.is_empty() {
        let tables: HashSet<_> =
            more.iter().chain(&less).map(|one| (one.schema, one.table)).collect();
        let stays = unchanged((new, pairs), system, &tables);
        more.retain(|one| !stays.contains(&one.name()));
        less.retain(|one| !stays.contains(&one.name()));
    }
    let mut what = format!("run {path}");
    if !more.is_empty() {
        what.push_str(&format!("; now also {}", named(more.clone())));
    }
    if !less.is_empty() {
        what.push_str(&format!("; no longer {}", named(less.clone())));
    }
    let subject = format!("project/systems/{system}");
    let places = more.iter().chain(&less).map(|one| {
        let (entity, field) = one.place;
        format!("{entity}/fields/{field}")
    });
    let step = Step::new(Target::Postgres, Phase::Change, "DCS101", &subject, what);
    let mut step = step.because(places).because(readers(old, system)).because(readers(new, system));
    step.precheck = (!more.is_empty()).then(|| missing(&more));
    step.statements = after;
    let mut lines: Vec<(String, String)> = Vec::new();
    for (sign, columns) in [('+', &more), ('-', &less)] {
        lines.extend(columns.iter().map(|one| (one.place.0.to_owned(), one.line(sign))));
    }
    if let Some(before) = before.as_ref().filter(|_| lines.is_empty()) {
        let new = step.statements.iter().filter(|it| !before.contains(it));
        lines.extend(new.map(|statement| (String::new(), statement.clone())));
    }
    let existed = before.map(|_| Difference { what: format!("run {path}"), lines });
    let undo = match &existed {
        Some(_) => format!("run {path} of the old contracts"),
        None => "drop them".into(),
    };
    step.difference = existed;
    step.undo(undo)
}

/// Columns that the source does not have yet.
fn missing(columns: &[&Published<'_>]) -> String {
    let rows: Vec<String> = columns
        .iter()
        .map(|one| {
            format!(
                "({}, {}, {})",
                text_literal(one.schema),
                text_literal(one.table),
                text_literal(one.column)
            )
        })
        .collect();
    format!(
        "SELECT {} - count(*) FROM information_schema.columns WHERE (table_schema, table_name, \
         column_name) IN ({})",
        rows.len(),
        rows.join(", ")
    )
}

/// Statements without remarks: remarks name versions.
fn statements(text: &str) -> Vec<String> {
    let bare: Vec<&str> =
        text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let mut all: Vec<String> = Vec::new();
    let mut quoted = false;
    let mut one = String::new();
    for line in bare {
        quoted ^= line.contains("$$") && line.matches("$$").count() % 2 == 1;
        one.push_str(line);
        one.push('\n');
        if !quoted && line.trim_end().ends_with(';') {
            all.push(one.trim().trim_end_matches(';').trim_end().to_owned());
            one.clear();
        }
    }
    all.retain(|statement| !statement.is_empty());
    all
}

#[derive(Clone, Copy, Debug)]
struct Published<'a> {
    schema: &'a str,
    table: &'a str,
    column: &'a str,
    /// Entity and field that it is read for.
    place: (&'a str, &'a str),
}

impl<'a> Published<'a> {
    fn name(&self) -> [&'a str; 3] {
        [self.schema, self.table, self.column]
    }

    /// `+ "public"."orders" ("total")`
    fn line(&self, sign: char) -> String {
        let [schema, table, column] = [self.schema, self.table, self.column].map(postgres::ident);
        format!("{sign} {schema}.{table} ({column})")
    }
}

/// `sales.order/sources/store` of every entity that is read from the system.
fn readers(plan: &Plan, wanted: &str) -> Vec<String> {
    let mut all = Vec::new();
    for entity in &plan.entities {
        for (source, spec) in &entity.sources {
            if matches!(spec, SourceSpec::Postgres { system, .. } if system == wanted) {
                all.push(format!("{}/sources/{source}", entity.name));
            }
        }
    }
    all
}

/// What those contracts of a plan publish that are not the same on the other side.
fn published<'a>(plan: &'a Plan, pairs: &Pairs<'_>, wanted: &str) -> Vec<Published<'a>> {
    let other = |entity: &&EntitySpec| !pairs.is_same(entity);
    plan.entities.iter().filter(other).flat_map(|entity| of_entity(entity, wanted)).collect()
}

/// What contracts that did not change publish, of the tables that others publish otherwise.
fn unchanged<'a>(
    (new, pairs): (&'a Plan, &Pairs<'_>),
    wanted: &str,
    tables: &HashSet<(&str, &str)>,
) -> HashSet<[&'a str; 3]> {
    let reads = |source: &SourceSpec| {
        matches!(source, SourceSpec::Postgres { schema, table, .. }
            if tables.contains(&(schema.as_str(), table.as_str())))
    };
    let same = new.entities.iter().filter(|entity| pairs.is_same(entity));
    let same = same.filter(|entity| entity.sources.values().any(reads));
    same.flat_map(|entity| of_entity(entity, wanted)).map(|one| one.name()).collect()
}

fn of_entity<'a>(entity: &'a EntitySpec, wanted: &str) -> Vec<Published<'a>> {
    let mut all = Vec::new();
    for (source, spec) in &entity.sources {
        let SourceSpec::Postgres { system, schema, table, .. } = spec else { continue };
        if system != wanted {
            continue;
        }
        let columns =
            entity.fields.iter().filter_map(|field| Some((field, field.from.get(source)?)));
        all.extend(columns.map(|(field, column)| Published {
            schema,
            table,
            column,
            place: (&entity.name, &field.name),
        }));
    }
    all
}
