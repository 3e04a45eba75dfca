//! Every platform's types: what becomes of a stored column when its type changes, with the source of the fact.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use covenant_compiler::compile;
use covenant_compiler::driver;
use covenant_compiler::parse::scalars::logical_type;
use covenant_compiler::physical::{
    Alter, Column, PhysicalType, Platform, Relation, alter, of_logical, relation,
};
use covenant_compiler::source::SourceSet;

use Platform::{DuckDb, Json, Postgres, Rust, Salesforce, Snowflake};
use Relation::{Narrower, Rescaled, Same, Synonym, Unrelated, Wider, Zone};

/// What the platform must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// No statement.
    Nothing,
    /// One statement, no question asked.
    InPlace,
    /// One statement, after a query.
    Precheck,
    /// A new column.
    Rebuild,
    /// Load again.
    Impossible,
}
use How::{Impossible, InPlace, Nothing, Precheck, Rebuild};

const SF: &str = "snowflake §6: longer VARCHAR and higher precision are allowed";
const SF_NOT: &str = "snowflake §6: no shorter VARCHAR, no other scale, no other type";
const SF_FITS: &str = "snowflake §6: a lower precision only where every value fits";
const SF_NAMES: &str = "Snowflake's summary of data types: synonyms";
const DUCK: &str = "measured on DuckDB 1.5.6 by tests/tests/physical_duckdb.rs";
const PG: &str = "PostgreSQL, ALTER TABLE: ALTER COLUMN TYPE with USING";
const SFDC: &str = "salesforce §3: longer texts and more digits are a deployment";
const SFDC_LOSS: &str = "breaking-rules DCS131: pairs between which Salesforce loses data";
const VALUES: &str = "the generated validators: nothing is stored";

/// Platform, type before, type after, how they relate, what it takes, and where that is from.
const ROWS: &[(Platform, &str, &str, Relation, How, &str)] = &[
    (Snowflake, "VARCHAR(20)", "VARCHAR(40)", Wider, InPlace, SF),
    (Snowflake, "NUMBER(12,2)", "NUMBER(18,2)", Wider, InPlace, SF),
    (Snowflake, "VARCHAR", "STRING", Synonym, Nothing, SF_NAMES),
    (Snowflake, "VARCHAR(16777216)", "TEXT", Synonym, Nothing, SF_NAMES),
    (Snowflake, "NUMBER(38,0)", "BIGINT", Synonym, Nothing, SF_NAMES),
    (Snowflake, "VARCHAR", "varchar", Same, Nothing, SF_NAMES),
    (Snowflake, "VARCHAR(40)", "VARCHAR(20)", Narrower, Rebuild, SF_NOT),
    (Snowflake, "VARCHAR", "VARCHAR(400)", Narrower, Rebuild, SF_NOT),
    (Snowflake, "NUMBER(18,2)", "NUMBER(12,2)", Narrower, Precheck, SF_FITS),
    (Snowflake, "NUMBER(12,2)", "NUMBER(12,3)", Rescaled, Rebuild, SF_NOT),
    (Snowflake, "NUMBER(12,2)", "NUMBER(18,4)", Rescaled, Rebuild, SF_NOT),
    (Snowflake, "TIMESTAMP_NTZ(6)", "TIMESTAMP_TZ(6)", Zone, Rebuild, SF_NOT),
    (Snowflake, "TIMESTAMP_NTZ(6)", "TIMESTAMP_LTZ(6)", Zone, Rebuild, SF_NOT),
    (Snowflake, "TIMESTAMP_NTZ(6)", "TIMESTAMP_NTZ(9)", Wider, Rebuild, SF_NOT),
    (Snowflake, "VARCHAR", "NUMBER(12,2)", Unrelated, Rebuild, SF_NOT),
    (Snowflake, "DATE", "TIMESTAMP_NTZ(6)", Unrelated, Rebuild, SF_NOT),
    (Snowflake, "BINARY", "NUMBER(12,2)", Unrelated, Impossible, SF_NOT),
    (DuckDb, "VARCHAR(20)", "VARCHAR(40)", Synonym, Nothing, DUCK),
    (DuckDb, "VARCHAR(40)", "VARCHAR(20)", Synonym, Nothing, DUCK),
    (DuckDb, "VARCHAR", "STRING", Synonym, Nothing, DUCK),
    (DuckDb, "DECIMAL(12,2)", "DECIMAL(18,2)", Wider, InPlace, DUCK),
    (DuckDb, "DECIMAL(18,2)", "DECIMAL(12,2)", Narrower, Precheck, DUCK),
    (DuckDb, "DECIMAL(12,2)", "DECIMAL(12,3)", Rescaled, Precheck, DUCK),
    (DuckDb, "INTEGER", "BIGINT", Wider, InPlace, DUCK),
    (DuckDb, "BIGINT", "INTEGER", Narrower, Precheck, DUCK),
    (DuckDb, "TIMESTAMP", "TIMESTAMPTZ", Zone, InPlace, DUCK),
    (DuckDb, "VARCHAR", "INTEGER", Unrelated, Precheck, DUCK),
    (Postgres, "varchar(20)", "varchar(40)", Wider, InPlace, PG),
    (Postgres, "varchar", "text", Synonym, Nothing, PG),
    (Postgres, "varchar(40)", "varchar(20)", Narrower, Precheck, PG),
    (Postgres, "numeric(12,2)", "numeric(18,2)", Wider, InPlace, PG),
    (Postgres, "numeric(12,2)", "numeric(12,3)", Rescaled, Precheck, PG),
    (Postgres, "timestamp", "timestamptz", Zone, InPlace, PG),
    (Postgres, "integer", "bigint", Wider, InPlace, PG),
    (Salesforce, "Text(20)", "Text(30)", Wider, InPlace, SFDC),
    (Salesforce, "Text(200)", "LongTextArea(1000)", Wider, InPlace, SFDC),
    (Salesforce, "Number(12,2)", "Number(18,2)", Wider, InPlace, SFDC),
    (Salesforce, "Text(40)", "Text(30)", Narrower, Rebuild, SFDC_LOSS),
    (Salesforce, "LongTextArea(1000)", "Text(255)", Narrower, Rebuild, SFDC_LOSS),
    (Salesforce, "Number(12,2)", "Number(12,4)", Rescaled, Rebuild, SFDC_LOSS),
    (Salesforce, "Text(40)", "Number(12,2)", Unrelated, Impossible, SFDC_LOSS),
    (Salesforce, "Date", "DateTime", Unrelated, Impossible, SFDC_LOSS),
    (Salesforce, "Checkbox", "Text(5)", Unrelated, Impossible, SFDC_LOSS),
    (Json, "string(20)", "string(40)", Wider, Nothing, VALUES),
    (Json, "string(40)", "string(20)", Narrower, Nothing, VALUES),
    (Json, "decimal(12,2)", "decimal(18,2)", Wider, Nothing, VALUES),
    (Json, "decimal(12,2)", "decimal(12,3)", Rescaled, Nothing, VALUES),
    (Rust, "string(20)", "string(40)", Wider, Nothing, VALUES),
    (Rust, "int32", "int64", Wider, Nothing, VALUES),
    (Rust, "int64", "int32", Narrower, Nothing, VALUES),
    (Rust, "decimal(12,2)", "decimal(12,3)", Rescaled, Nothing, VALUES),
    (Rust, "date", "timestamp", Unrelated, Nothing, VALUES),
];

fn ty(platform: Platform, text: &str) -> PhysicalType {
    match platform {
        Snowflake | DuckDb | Postgres | Salesforce => PhysicalType::parse(platform, text),
        // They have no names of their own.
        Json | Rust => {
            of_logical(platform, &logical_type(text).unwrap_or_else(|_| panic!("{text}")))
        }
    }
}

#[test]
fn every_platform_has_its_verdict() {
    let mut wrong = Vec::new();
    for (platform, from, to, related, how, source) in ROWS {
        let (old, new) = (ty(*platform, from), ty(*platform, to));
        let done = match alter(*platform, &Column { table: "t", column: "c" }, &old, &new) {
            Alter::Nothing => Nothing,
            Alter::InPlace { .. } => InPlace,
            Alter::Precheck { .. } => Precheck,
            Alter::Rebuild { .. } => Rebuild,
            Alter::Impossible { .. } => Impossible,
        };
        let found = relation(&old, &new);
        if (found, done) != (*related, *how) {
            wrong.push(format!(
                "{platform} {from} -> {to}: {found:?} {done:?}, not {related:?} {how:?} ({source})"
            ));
        }
        // What asks nobody anything keeps every value, but for nothing stored and for zones, which are converted.
        let quiet = matches!(how, Nothing | InPlace) && !matches!(platform, Json | Rust);
        if quiet && !related.keeps_every_value() && *related != Zone {
            wrong.push(format!("{platform} {from} -> {to} loses values in silence"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for platform in Platform::ALL {
        assert!(ROWS.iter().any(|row| row.0 == platform), "{platform} has no row");
    }
}

/// A longer text is no alarm for the table. A Salesforce field of 30 characters is held against it, and named.
#[test]
fn a_longer_text_is_held_against_the_length_of_its_salesforce_field() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/breaking/base");
    let base = driver::read_contracts(&folder).unwrap();
    let with = |ty: &str, length: u32| {
        let note = format!(
            "  note: {{id: 12, type: {ty}, from: store, nullable: true, types: {{salesforce: Text({length})}}}}"
        );
        let files = base.iter().map(|(_, file)| {
            let from = "  note: {id: 12, type: string(400), from: store, nullable: true}";
            (file.path.clone(), file.text.replace(from, &note))
        });
        compile(SourceSet::new(files.collect::<Vec<_>>()))
    };
    assert!(with("string(20)", 30).plan.is_some());
    let refused = with("string(40)", 30);
    assert!(refused.plan.is_none());
    let said = covenant_compiler::diagnostic::human::render(&refused.diagnostics, &refused.sources);
    for part in ["CV3093", "Text(30)", "string(40)", "`Text(40)` does"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let (old, new) = (with("string(20)", 30).plan.unwrap(), with("string(30)", 30).plan.unwrap());
    let found = covenant_compiler::compat::diff(&old, &new);
    assert_eq!(found.first().unwrap().rule.code, "DCW031");
    assert_ne!(found.first().unwrap().worst(), covenant_compiler::compat::Grade::Error);
}
