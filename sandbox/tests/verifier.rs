//! The verifier on real engines: a perfect copy passes, and every kind of damage is seen.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use covenant_sandbox::ACME_SCHEMA;
use covenant_sandbox::postgres::{ADMIN, Cluster, connect};
use covenant_sandbox::shop::history;
use covenant_sandbox::shop::rows::{Maker, Size};
use covenant_sandbox::verify::Unseal;
use covenant_sandbox::verify::compare::{Differences, Expected, compare};
use covenant_sandbox::verify::expect::{self, PlainRow};
use covenant_sandbox::verify::shape::{Entity, ORDER, Stored};
use covenant_sandbox::verify::told::Told;
use covenant_sandbox::verify::warehouse::Warehouse;

/// Seals by writing backwards.
struct Backwards;

impl Unseal for Backwards {
    fn open(&self, _: &str, _: &str, sealed: &str) -> Result<String, String> {
        Ok(sealed.chars().rev().collect())
    }

    fn token(&self, class: &str, plain: &str) -> Result<String, String> {
        Ok(format!("{class}/{plain}"))
    }
}

fn stored(entity: &Entity, row: &PlainRow) -> String {
    let cells = entity.columns.iter().zip(&row.values).filter_map(|(column, value)| {
        let text = value.as_deref();
        let cell = match column.stored {
            Stored::Dropped => return None,
            Stored::Plain => text.map(|text| format!("'{}'", text.replace('\'', "''"))),
            Stored::Instant => text.map(|us| format!("make_timestamp({us}::BIGINT)")),
            Stored::Sealed(_) => text.map(|text| {
                let backwards: String = text.chars().rev().collect();
                format!("'{}'", backwards.replace('\'', "''"))
            }),
            Stored::Token(class) => text.map(|text| format!("'{class}/{text}'")),
        };
        Some(cell.unwrap_or("NULL".to_owned()))
    });
    format!("({}, 7)", cells.collect::<Vec<_>>().join(", "))
}

fn perfect_copy(path: &std::path::Path, rows: &[PlainRow]) {
    let columns = ORDER.columns.iter().filter(|column| column.stored != Stored::Dropped);
    let columns: Vec<String> = columns
        .map(|column| match column.stored {
            Stored::Instant => format!("{} TIMESTAMP", column.name),
            Stored::Plain | Stored::Sealed(_) | Stored::Token(_) | Stored::Dropped => {
                format!("{} VARCHAR", column.name)
            }
        })
        .collect();
    let warehouse = duckdb::Connection::open(path).unwrap();
    let values: Vec<String> = rows.iter().map(|row| stored(&ORDER, row)).collect();
    let sql = format!(
        "CREATE SCHEMA SALES; CREATE TABLE SALES.ORDERS_STATE ({}, _commit BIGINT);
         INSERT INTO SALES.ORDERS_STATE VALUES {};
         CREATE VIEW SALES.ORDERS AS SELECT * EXCLUDE (_commit) FROM SALES.ORDERS_STATE;",
        columns.join(", "),
        values.join(", ")
    );
    warehouse.execute_batch(&sql).unwrap();
}

fn differences(path: &std::path::Path, damage: &str, expected: &Expected) -> Differences {
    duckdb::Connection::open(path).unwrap().execute_batch(damage).unwrap();
    let found = Warehouse::open(path).unwrap().rows(&ORDER, &Backwards).unwrap();
    compare(expected, found, |key| key == "deleted")
}

#[tokio::test]
async fn a_perfect_copy_passes_and_all_damage_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(&dir.path().join("pg")).unwrap();
    let client = connect(&cluster.url(ADMIN, "postgres")).await.unwrap();
    client.batch_execute(ACME_SCHEMA).await.unwrap();
    let mut maker = Maker::new(3, Size::of_orders(400));
    history::load(&client, &mut maker, jiff::Timestamp::now(), |_| {}).await.unwrap();
    let mut rows = Vec::new();
    let mut expected =
        Expected { columns: expect::warehouse_columns(&ORDER), ..Expected::default() };
    expect::rows(&client, &ORDER, &Told::default(), |row| {
        expect::add_for_warehouse(&mut expected, &ORDER, &row, &Backwards)?;
        rows.push(row);
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(rows.len(), 400);
    let path = dir.path().join("warehouse.duckdb");
    perfect_copy(&path, &rows);
    let clean = differences(&path, "SELECT 1", &expected);
    assert!(clean.none(), "{clean:?}");

    let one = &rows[5].key;
    let table = "SALES.ORDERS_STATE";
    let lost = format!(
        "CREATE TABLE kept AS FROM {table} WHERE order_id = '{one}';
                        DELETE FROM {table} WHERE order_id = '{one}'"
    );
    assert_eq!(differences(&path, &lost, &expected).lost, 1);
    let twice = format!("INSERT INTO {table} FROM kept; INSERT INTO {table} FROM kept");
    assert_eq!(differences(&path, &twice, &expected).duplicated, 1);
    let once =
        format!("DELETE FROM {table} WHERE order_id = '{one}'; INSERT INTO {table} FROM kept");
    assert!(differences(&path, &once, &expected).none());
    let mail =
        format!("UPDATE {table} SET contact_email = 'elpmaxe.liam@x' WHERE order_id = '{one}'");
    let told = differences(&path, &mail, &expected);
    assert_eq!((told.diverged, told.examples.len()), (1, 1));
    assert!(told.examples[0].ends_with("in contact_email"), "{:?}", told.examples);
    let late = format!(
        "UPDATE {table} SET updated_at = updated_at - INTERVAL 1 MICROSECOND WHERE order_id = '{}'",
        rows[9].key
    );
    assert_eq!(differences(&path, &late, &expected).diverged, 2);
    let back = format!("INSERT INTO {table} SELECT * REPLACE ('deleted' AS order_id) FROM kept");
    assert_eq!(differences(&path, &back, &expected).resurrected, 1);
}
