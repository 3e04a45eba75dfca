//! The verifier's hand-written shapes against what the compiler generated: a column that one of them lacks fails here, not
//! after a demo.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::{Path, PathBuf};

use covenant_sandbox::demo::systems::{Crm, Source};
use covenant_sandbox::shop::tables;
use covenant_sandbox::verify::Unseal;
use covenant_sandbox::verify::shape::{CRM_SINKS, ENTITIES};
use covenant_sandbox::verify::warehouse::Warehouse;

struct Nothing;

impl Unseal for Nothing {
    fn open(&self, _: &str, _: &str, _: &str) -> Result<String, String> {
        Err("nothing is sealed here".to_owned())
    }

    fn token(&self, _: &str, _: &str) -> Result<String, String> {
        Err("nothing is tokenized here".to_owned())
    }
}

fn generated() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../generated")
}

#[test]
fn the_warehouse_has_every_compared_column_and_no_dropped_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("warehouse.duckdb");
    let schema = std::fs::read_to_string(generated().join("duckdb/schema.sql")).unwrap();
    duckdb::Connection::open(&path).unwrap().execute_batch(&schema).unwrap();
    let warehouse = Warehouse::open(&path).unwrap();
    for entity in ENTITIES {
        let rows = warehouse.rows(&entity, &Nothing).unwrap_or_else(|error| panic!("{error}"));
        assert!(rows.is_empty());
        assert!(warehouse.commits(&entity).unwrap().is_empty());
    }
    for model in covenant_sandbox::demo::proof::MODELS {
        assert_eq!(warehouse.count(model).unwrap(), 0, "{model}");
    }
}

#[tokio::test]
async fn salesforce_has_every_compared_field() {
    let crm = Crm::start(&generated()).await.unwrap();
    for sink in CRM_SINKS {
        let records = crm.dump(&sink).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(records.is_empty());
    }
}

#[tokio::test]
async fn the_source_takes_the_generated_sql_and_the_role_can_read_every_table() {
    let dir = tempfile::tempdir().unwrap();
    let source = Source::start(dir.path(), &generated()).await.unwrap();
    let role = covenant_sandbox::postgres::connect(&source.pipeline_url()).await.unwrap();
    for table in tables::ALL {
        let sql = format!("SELECT {} FROM public.{}", table.columns.join(", "), table.name);
        // A class that is dropped is not even granted.
        let sql = sql.replace("date_of_birth, ", "");
        role.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{}: {error}", table.name));
    }
    let stolen = role.batch_execute("DELETE FROM public.orders").await;
    assert!(stolen.is_err(), "the pipeline must not be able to write");
}
