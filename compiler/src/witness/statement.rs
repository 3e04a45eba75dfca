//! Statements of those who read the tables: what ran before the change and fails after it, or the other way round. Run by looking the
//! names up in the tables of either side, which is what a database does first; a test runs the same ones on DuckDB.

use std::collections::BTreeSet;

use covenant_model::columns;
use covenant_model::spec::{EntitySpec, ModelSpec, WarehouseSink};

use crate::compat::{Finding, Outcome, Witness, WitnessKind};
use crate::plan::Plan;

/// What follows the name of a table where its history is.
const HISTORY: &str = "_HISTORY";

/// A statement, and where it is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// `ANALYTICS.SALES.ORDERS`
    pub table: String,
    /// What is selected.
    pub columns: Vec<String>,
}

impl Statement {
    /// `SELECT a, b FROM t`
    pub fn sql(&self) -> String {
        format!("SELECT {} FROM {}", self.columns.join(", "), self.table)
    }

    /// Looks the names up in the tables of a side.
    fn run(&self, plan: &Plan) -> Outcome {
        let fails = |message| Outcome::Fails { message };
        let Some(known) = columns_in(plan, &self.table) else {
            return fails(format!("there is no table {}", self.table));
        };
        match self.columns.iter().find(|column| !known.contains(*column)) {
            Some(column) => fails(format!("{} has no column {column}", self.table)),
            None => Outcome::Runs,
        }
    }
}

/// The columns of a side's table, where it has one of that name.
fn columns_in(plan: &Plan, table: &str) -> Option<BTreeSet<String>> {
    let model = plan.models.iter().rev().find(|one| part_of(&one.warehouse, table) == Some(""));
    if let Some(model) = model {
        return Some(model.fields.iter().map(|field| field.name.clone()).collect());
    }
    let holds = |entity: &&EntitySpec| {
        let sink = entity.warehouse.as_ref();
        sink.is_some_and(|sink| match part_of(sink, table) {
            Some("") => true,
            Some(HISTORY) => sink.history,
            Some(_) | None => false,
        })
    };
    let entity = plan.entities.iter().rev().find(holds)?;
    Some(columns_of(entity).into_iter().collect())
}

/// What follows the name of a sink's table in `table`; none: it is another one.
fn part_of<'t>(sink: &WarehouseSink, table: &'t str) -> Option<&'t str> {
    let schema = table.strip_prefix(sink.database.as_str())?.strip_prefix('.')?;
    schema.strip_prefix(sink.schema.as_str())?.strip_prefix('.')?.strip_prefix(sink.table.as_str())
}

fn columns_of(entity: &EntitySpec) -> Vec<String> {
    let all = entity.fields.iter().flat_map(|field| columns::of_field(field, 0));
    all.map(|column| column.name).collect()
}

fn place(sink: &WarehouseSink) -> String {
    format!("{}.{}.{}", sink.database, sink.schema, sink.table)
}

fn history(sink: &WarehouseSink) -> String {
    format!("{}{HISTORY}", place(sink))
}

/// The statement of a finding, run on both sides. `None`: it runs on both, or there is no table.
pub fn witness(old: &Plan, new: &Plan, finding: &Finding) -> Option<Witness> {
    for statement in statements(old, finding) {
        let (was, is) = (statement.run(old), statement.run(new));
        if was == Outcome::Runs && is != Outcome::Runs {
            return Some(Witness {
                kind: WitnessKind::Statement,
                source: None,
                changes: Vec::new(),
                part: false,
                decisive: Vec::new(),
                personal: Vec::new(),
                sql: Some(statement.sql()),
                old: was,
                new: is,
                confirmed: true,
            });
        }
    }
    None
}

/// What a reader of the old tables may have written about what the finding is about: the narrowest first.
pub fn statements(old: &Plan, finding: &Finding) -> Vec<Statement> {
    let path = finding.old_path.as_deref().unwrap_or(&finding.subject);
    let mut parts = path.split('/');
    let dataset = parts.next().unwrap_or_default();
    let field = match (parts.next(), parts.next()) {
        (Some("fields"), Some(name)) => Some(name),
        (Some(_) | None, _) => None,
    };
    if let Some(entity) = old.entity(dataset) {
        return of_entity(entity, field);
    }
    let model = old.models.iter().find(|model| model.name == dataset);
    model.into_iter().flat_map(|model| of_model(model, field)).collect()
}

fn of_entity(entity: &EntitySpec, field: Option<&str>) -> Vec<Statement> {
    let Some(sink) = &entity.warehouse else { return Vec::new() };
    let named = entity.fields.iter().filter(|one| Some(one.name.as_str()) == field);
    let named: Vec<String> =
        named.flat_map(|field| columns::of_field(field, 0)).map(|column| column.name).collect();
    let key = entity.key.iter().filter_map(|ix| entity.fields.get(*ix));
    let key: Vec<String> = key.map(|field| field.name.clone()).collect();
    let columns = if named.is_empty() { key } else { named };
    let from = |table: String| Statement { table, columns: columns.clone() };
    let kept = sink.history.then(|| history(sink));
    std::iter::once(place(sink)).chain(kept).map(from).collect()
}

fn of_model(model: &ModelSpec, field: Option<&str>) -> Vec<Statement> {
    let columns = field.map_or_else(|| model.key.clone(), |field| vec![field.to_owned()]);
    vec![Statement { table: place(&model.warehouse), columns }]
}
