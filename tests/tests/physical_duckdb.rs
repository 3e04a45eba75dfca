//! What the compiler claims of DuckDB's types, held against DuckDB: synonyms are one type, what it calls wider keeps
//! every value, and a value that its query lets through survives the ALTER.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use ::duckdb::Connection;
use covenant_compiler::physical::{
    Alter, Column, PhysicalType, Platform, Relation, alter, relation,
};

/// Type and values of it, as SQL.
const VALUES: &[(&str, &[&str])] = &[
    ("BOOLEAN", &["true", "false"]),
    ("SMALLINT", &["0", "1", "-32768", "32767"]),
    ("INTEGER", &["0", "1", "70000", "-2147483648", "2147483647"]),
    ("BIGINT", &["0", "1", "3000000000", "-9223372036854775808", "9223372036854775807"]),
    ("DECIMAL(12,2)", &["0", "1", "0.01", "-0.5", "9999999999.99", "-9999999999.99"]),
    ("DECIMAL(18,2)", &["0", "1", "123456789012.34", "9999999999999999.99"]),
    ("DECIMAL(12,4)", &["0", "1", "0.0001", "12.3400", "99999999.9999"]),
    ("REAL", &["0", "1", "0.5", "-1.5"]),
    ("DOUBLE", &["0", "1", "0.1", "1e15", "2.5", "-3e300"]),
    ("VARCHAR", &["''", "'1'", "'12.34'", "'12.345'", "'true'", "'2026-11-22'", "'nonsense'"]),
    ("VARCHAR(40)", &["'a text longer than forty characters, which DuckDB does not mind'"]),
    ("BLOB", &["'\\xAA'::BLOB"]),
    ("DATE", &["DATE '2026-11-22'", "DATE '0001-01-01'"]),
    ("TIMESTAMP", &["TIMESTAMP '2026-11-22 00:00:00'", "TIMESTAMP '2026-11-22 10:00:00.123456'"]),
    ("TIMESTAMPTZ", &["TIMESTAMPTZ '2026-11-22 10:00:00.123456+02'"]),
    ("UUID", &["UUID '00000000-0000-4000-8000-000000000001'"]),
    ("JSON", &["'{\"a\": 1}'::JSON"]),
];

/// Names that the lattice calls one type.
const SYNONYMS: &[(&str, &str)] = &[
    ("VARCHAR", "TEXT"),
    ("VARCHAR", "STRING"),
    ("VARCHAR", "VARCHAR(20)"),
    ("INTEGER", "INT4"),
    ("BIGINT", "INT8"),
    ("DECIMAL", "DECIMAL(18,3)"),
    ("NUMERIC(12,2)", "DECIMAL(12,2)"),
    ("DOUBLE", "FLOAT8"),
    ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"),
    ("BLOB", "BYTEA"),
];

fn ty(name: &str) -> PhysicalType {
    PhysicalType::parse(Platform::DuckDb, name)
}

fn database() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    // a zone that would show if an instant went through the session
    db.execute_batch("SET TimeZone = 'America/New_York'").unwrap();
    db
}

fn count(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// A table with one value, beside a copy of it.
fn one(db: &Connection, ty: &str, value: &str) {
    db.execute_batch(&format!(
        "CREATE OR REPLACE TABLE t (id INTEGER, c {ty}); INSERT INTO t VALUES (1, {value}), (2, NULL);
         CREATE OR REPLACE TABLE before AS SELECT * FROM t;"
    ))
    .unwrap();
}

/// Rows whose value, back in the old type, is another one than before.
fn differing(db: &Connection, old: &str) -> i64 {
    count(
        db,
        &format!(
            "SELECT count(*) FROM t JOIN before AS b USING (id) \
             WHERE TRY_CAST(t.c AS {old}) IS DISTINCT FROM b.c"
        ),
    )
}

#[test]
fn synonyms_are_one_type() {
    let db = database();
    for (a, b) in SYNONYMS {
        assert_eq!(relation(&ty(a), &ty(b)), Relation::Synonym, "{a}, {b}");
        db.execute_batch(&format!("CREATE OR REPLACE TABLE t (a {a}, b {b})")).unwrap();
        let types = "SELECT count(DISTINCT data_type) FROM information_schema.columns \
                     WHERE table_name = 't'";
        assert_eq!(count(&db, types), 1, "{a}, {b}");
    }
}

#[test]
fn a_value_that_the_query_lets_through_survives_the_alter() {
    let db = database();
    let at = Column { table: "t", column: "c" };
    let (mut altered, mut refused) = (0, 0);
    for (old, values) in VALUES {
        for (new, _) in VALUES {
            let verdict = alter(Platform::DuckDb, &at, &ty(old), &ty(new));
            let said = relation(&ty(old), &ty(new));
            for value in *values {
                one(&db, old, value);
                let sql = match &verdict {
                    Alter::Nothing | Alter::Impossible { .. } => continue,
                    Alter::InPlace { sql } => sql,
                    Alter::Precheck { query, sql } if count(&db, query) == 0 => sql,
                    Alter::Precheck { sql, .. } => {
                        // the query must not cry wolf: something really is lost
                        let ran = db.execute_batch(sql);
                        let lost = ran.is_err() || differing(&db, old) > 0;
                        assert!(lost, "{old} to {new}: {value} was refused and fits");
                        refused += 1;
                        continue;
                    }
                    Alter::Rebuild { .. } => panic!("DuckDB alters in place: {old} to {new}"),
                };
                db.execute_batch(sql).unwrap_or_else(|error| panic!("{sql} on {value}: {error}"));
                altered += 1;
                // texts may be written otherwise and mean the same: '12.340' and '12.34'
                // and a cast back from an instant goes through the session: looked at below
                let same_words = said.keeps_every_value()
                    || !(old.starts_with("VARCHAR") || said == Relation::Zone);
                assert!(!same_words || differing(&db, old) == 0, "{old} to {new} loses {value}");
            }
        }
    }
    assert!(altered > 200 && refused > 30, "altered {altered}, refused {refused}");
}

#[test]
fn instants_do_not_go_through_the_session() {
    let db = database();
    let at = Column { table: "t", column: "c" };
    one(&db, "TIMESTAMP", "TIMESTAMP '2026-11-22 10:00:00'");
    let Alter::InPlace { sql } = alter(Platform::DuckDb, &at, &ty("TIMESTAMP"), &ty("TIMESTAMPTZ"))
    else {
        panic!("a zone is added in place")
    };
    db.execute_batch(&sql).unwrap();
    let utc = "SELECT count(*) FROM t WHERE c = TIMESTAMPTZ '2026-11-22 10:00:00+00'";
    assert_eq!(count(&db, utc), 1);
}

#[test]
fn what_narrows_is_asked_first() {
    let db = database();
    let at = Column { table: "t", column: "c" };
    for (old, new, value) in [
        ("BIGINT", "INTEGER", "3000000000"),
        ("DECIMAL(18,2)", "DECIMAL(12,2)", "123456789012.34"),
        ("DECIMAL(12,4)", "DECIMAL(12,2)", "0.0001"),
        ("VARCHAR", "DECIMAL(12,2)", "'12.345'"),
        ("TIMESTAMP", "DATE", "TIMESTAMP '2026-11-22 10:00:00.123456'"),
    ] {
        one(&db, old, value);
        let Alter::Precheck { query, .. } = alter(Platform::DuckDb, &at, &ty(old), &ty(new)) else {
            panic!("{old} to {new} is asked first")
        };
        assert_eq!(count(&db, &query), 1, "{old} to {new}: {query}");
    }
}
