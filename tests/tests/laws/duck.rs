//! The DuckDB text, run by DuckDB.

use ::duckdb::Connection;
use covenant_compiler::emit::duckdb;
use covenant_compiler::plan::Plan;
use covenant_compiler::tree::OutputTree;
use covenant_model::columns::{LandingType, landing_columns};
use covenant_model::floor::Floor;
use covenant_model::spec::EntitySpec;

use crate::fold::{Rows, cell, relations};
use crate::tell::Told;

/// An empty database with every table of a plan.
pub(crate) struct Duck {
    connection: Connection,
    tree: OutputTree,
}

impl Duck {
    /// `alter` is asked for each generated file.
    pub(crate) fn new(plan: &Plan, alter: impl Fn(&str, &str) -> String) -> Self {
        let mut made = OutputTree::default();
        duckdb::emit(plan, &mut made).unwrap();
        let mut tree = OutputTree::default();
        for (path, text) in made.iter() {
            assert!(tree.add(path, alter(path, text)));
        }
        let duck = Self { connection: Connection::open_in_memory().unwrap(), tree };
        duck.file("schema.sql");
        duck
    }

    fn run(&self, sql: &str) -> usize {
        self.connection.execute(sql, []).unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// Rows that the last statement changed.
    fn file(&self, name: &str) -> usize {
        let text = self.tree.get(&format!("duckdb/{name}")).unwrap();
        let statements = text.split_inclusive(";\n").filter(|part| !part.trim().is_empty());
        statements.map(|statement| self.run(statement)).last().unwrap_or(0)
    }

    pub(crate) fn empty(&self, entity: &EntitySpec, tables: &[String]) {
        for table in tables {
            self.run(&format!("DELETE FROM {table}"));
        }
        self.run(&format!("DELETE FROM COVENANT.FLOORS WHERE entity = '{}'", entity.name));
    }

    fn raise(&self, slug: &str, floor: &Floor) {
        self.run(&format!(
            "SET VARIABLE floor = CAST('{}' AS DECIMAL(38,0))",
            floor.version.packed()
        ));
        self.run(&format!("SET VARIABLE floor_source = '{}'", floor.source));
        let at_us = floor.committed_at_us;
        self.run(&format!("SET VARIABLE floor_committed_at = make_timestamp({at_us})"));
        self.file(&format!("{slug}/floor.sql"));
    }

    pub(crate) fn apply(&self, entity: &EntitySpec, commit: usize, batch: &[Told]) {
        let slug = entity.name.replace('.', "_");
        let floors = || batch.iter().filter_map(Told::truncate);
        let first = commit.is_multiple_of(2);
        self.run(&format!("SET VARIABLE commit = {commit}"));
        floors().filter(|_| first).for_each(|floor| self.raise(&slug, floor));
        self.run(&format!("DELETE FROM COVENANT.BATCH_{}", slug.to_uppercase()));
        let rows: Vec<String> = batch.iter().filter_map(|told| landed(entity, told)).collect();
        if !rows.is_empty() {
            let batch = format!("COVENANT.BATCH_{}", slug.to_uppercase());
            self.run(&format!("INSERT INTO {batch} VALUES {}", rows.join(",\n")));
        }
        let has = |name: &str| self.tree.get(&format!("duckdb/{slug}/{name}.sql")).is_some();
        let file = |name: &str| self.file(&format!("{slug}/{name}.sql"));
        file("fold");
        file("apply");
        if has("history") {
            file("history");
        }
        if has("moves") {
            while file("moves") > 0 {
                file("apply");
            }
        }
        floors().filter(|_| !first).for_each(|floor| self.raise(&slug, floor));
    }

    /// The rows of the entity's relations.
    pub(crate) fn rows(&self, entity: &EntitySpec) -> Vec<Rows> {
        let sink = entity.warehouse.as_ref().unwrap();
        let read = relations(entity).into_iter().map(|relation| {
            let columns: Vec<String> = relation.columns.iter().map(shown).collect();
            let table = format!("\"{}\".\"{}{}\"", sink.schema, sink.table, relation.suffix);
            self.query(&format!("SELECT {} FROM {table}", columns.join(", ")))
        });
        read.collect()
    }

    fn query(&self, sql: &str) -> Rows {
        let mut statement = self.connection.prepare(sql).unwrap_or_else(|e| panic!("{e}\n{sql}"));
        let mut rows = statement.query([]).unwrap();
        let mut found = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let width = row.as_ref().column_count();
            found.push((0..width).map(|at| row.get::<_, Option<String>>(at).unwrap()).collect());
        }
        found.sort_unstable();
        found
    }
}

fn shown((name, ty): &(String, LandingType)) -> String {
    match ty {
        LandingType::TimestampMicros => format!("CAST(epoch_us(\"{name}\") AS VARCHAR)"),
        LandingType::Date => format!("CAST(\"{name}\" - DATE '1970-01-01' AS VARCHAR)"),
        LandingType::Bytes => format!("lower(hex(\"{name}\"))"),
        LandingType::Bool
        | LandingType::Int32
        | LandingType::Int64
        | LandingType::Decimal { .. }
        | LandingType::Text => format!("CAST(\"{name}\" AS VARCHAR)"),
    }
}

/// A change as a row of VALUES.
fn landed(entity: &EntitySpec, told: &Told) -> Option<String> {
    let change = told.row()?;
    let values: Vec<String> = landing_columns(entity)
        .iter()
        .map(|column| {
            let value = cell(&column.role, column.ty, &change.key, &change.state, Some(change));
            value.map_or_else(|| "NULL".to_owned(), |value| literal(&value, column.ty))
        })
        .collect();
    Some(format!("({})", values.join(", ")))
}

fn literal(value: &str, ty: LandingType) -> String {
    match ty {
        LandingType::TimestampMicros => format!("make_timestamp({value})"),
        LandingType::Date => format!("DATE '1970-01-01' + INTERVAL ({value}) DAY"),
        LandingType::Bytes => format!("unhex('{value}')"),
        LandingType::Text => format!("'{}'", value.replace('\'', "''")),
        LandingType::Bool
        | LandingType::Int32
        | LandingType::Int64
        | LandingType::Decimal { .. } => value.to_owned(),
    }
}
