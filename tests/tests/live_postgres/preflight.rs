//! Preflight against a real PostgreSQL: a sound database passes, and each defect is named.

use crate::support::Database;
use covenant_model::manifest::Manifest;
use covenant_model::spec::ApplyForm;
use covenant_runtime::finding::{Finding, Severity};
use covenant_runtime::source::postgres::connect::Endpoint;
use covenant_runtime::source::postgres::preflight::{check, refuses};
use covenant_sandbox::postgres::ADMIN;
use covenant_tests::runtime_binary::repository;
use covenant_tests::small::{field, parcel};

const TABLE: &str = "CREATE TABLE parcels (region int, code text, weight numeric(10,2) NOT NULL,
  \"order\" text NOT NULL, email text NOT NULL, photo text NOT NULL, status text NOT NULL,
  first_depot text NOT NULL, PRIMARY KEY (region, code));
  ALTER TABLE parcels ALTER photo SET STORAGE EXTERNAL;
  ALTER TABLE parcels ALTER email SET STORAGE MAIN, ALTER \"order\" SET STORAGE MAIN,
    ALTER status SET STORAGE MAIN, ALTER first_depot SET STORAGE MAIN;";

fn manifest() -> Manifest {
    let mut parcel = parcel(ApplyForm::Merge);
    parcel.fields[field::EMAIL].nullable = false;
    let text = std::fs::read(repository().join("generated/manifest.json")).unwrap();
    let acme: Manifest = serde_json::from_slice(&text).unwrap();
    Manifest { entities: vec![parcel], ..acme }
}

async fn findings(db: &Database) -> Vec<Finding> {
    check(&db.endpoint(), "store", &db.settings(), &manifest(), None).await.unwrap()
}

fn shown(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("{finding}\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_database_passes() {
    let db = Database::new("sound", TABLE).await;
    let found = findings(&db).await;
    assert!(!refuses(&found), "{}", shown(&found));
    // the private cluster has no limit on what a slot keeps, and there is no slot yet
    let whats: Vec<&str> = found.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(
        whats,
        ["max_slot_wal_keep_size is not set", "there is no slot yet, and nothing was landed"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_defect_is_named() {
    let db = Database::new("defects", TABLE).await;
    // what breaks it, what is found, what mends it
    let cases = [
        (
            "ALTER TABLE parcels ALTER weight TYPE text",
            Severity::Error,
            "the column weight is text, the contract's field weight is decimal(10,2)",
            "ALTER TABLE parcels ALTER weight TYPE numeric(10,2) USING weight::numeric",
        ),
        (
            "ALTER TABLE parcels ALTER weight TYPE numeric(12,2)",
            Severity::Warning,
            "the column weight is numeric(12,2), the contract's field weight is decimal(10,2)",
            "ALTER TABLE parcels ALTER weight TYPE numeric(10,2)",
        ),
        (
            "ALTER TABLE parcels RENAME status TO state",
            Severity::Error,
            "there is no column status",
            "ALTER TABLE parcels RENAME state TO status",
        ),
        (
            "ALTER TABLE parcels DROP CONSTRAINT parcels_pkey, ADD CONSTRAINT parcels_pkey PRIMARY KEY (code)",
            Severity::Error,
            "its replica identity is (code), but the key of",
            "ALTER TABLE parcels DROP CONSTRAINT parcels_pkey, ADD CONSTRAINT parcels_pkey PRIMARY KEY (region, code)",
        ),
        (
            "ALTER TABLE parcels REPLICA IDENTITY NOTHING",
            Severity::Error,
            "its replica identity is NOTHING",
            "ALTER TABLE parcels REPLICA IDENTITY FULL",
        ),
        (
            "SELECT 1",
            Severity::Warning,
            "its replica identity is FULL",
            "ALTER TABLE parcels REPLICA IDENTITY DEFAULT",
        ),
        (
            "ALTER TABLE parcels ALTER email DROP NOT NULL",
            Severity::Note,
            "the column email may be NULL",
            "ALTER TABLE parcels ALTER email SET NOT NULL",
        ),
        (
            "ALTER TABLE parcels ALTER email SET STORAGE EXTENDED",
            Severity::Note,
            "in rows beyond 2 kB these may be stored out of line: email",
            "ALTER TABLE parcels ALTER email SET STORAGE MAIN",
        ),
        (
            "DROP PUBLICATION defects",
            Severity::Error,
            "there is no publication defects",
            "CREATE PUBLICATION defects FOR TABLE parcels (region, code, weight, \"order\", email, photo, status)",
        ),
        (
            "SELECT 1",
            Severity::Error,
            "the publication defects leaves out the column first_depot",
            "DROP PUBLICATION defects;
             CREATE PUBLICATION defects FOR TABLE parcels WHERE (region > 1) WITH (publish = 'insert, update, delete')",
        ),
        ("SELECT 1", Severity::Error, "the publication defects has its rows with (region > 1), contracts take all of them", "SELECT 1"),
        (
            "SELECT 1",
            Severity::Warning,
            "the publication defects leaves out TRUNCATE",
            "DROP PUBLICATION defects; CREATE PUBLICATION defects",
        ),
        (
            "SELECT 1",
            Severity::Error,
            "it is not in the publication defects",
            "DROP PUBLICATION defects; CREATE PUBLICATION defects FOR ALL TABLES",
        ),
        (
            "ALTER TABLE parcels SET UNLOGGED",
            Severity::Error,
            "it is unlogged or temporary",
            "ALTER TABLE parcels SET LOGGED",
        ),
        (
            "ALTER TABLE parcels RENAME TO elsewhere",
            Severity::Error,
            "there is no such table",
            "ALTER TABLE elsewhere RENAME TO parcels",
        ),
        (
            "SELECT pg_create_logical_replication_slot('defects', 'test_decoding')",
            Severity::Error,
            "its name is used for the output plugin test_decoding",
            "SELECT pg_drop_replication_slot('defects')",
        ),
    ];
    for (break_it, severity, what, mend) in cases {
        db.run(break_it).await;
        let found = findings(&db).await;
        let named = found
            .iter()
            .any(|finding| finding.severity == severity && finding.what.starts_with(what));
        assert!(named, "after {break_it}: no {severity:?} {what}\n{}", shown(&found));
        db.run(mend).await;
    }
    let found = findings(&db).await;
    assert!(!refuses(&found), "{}", shown(&found));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_are_named() {
    let db = Database::new("rights", TABLE).await;
    db.run("CREATE ROLE weak; ALTER TABLE parcels ENABLE ROW LEVEL SECURITY").await;
    db.run(&db.cluster.allow("weak")).await;
    db.run("GRANT SELECT (region, code) ON parcels TO weak").await;
    let endpoint = Endpoint::parse("store", &db.cluster.url("weak", "rights"), None).unwrap();
    let found = check(&endpoint, "store", &db.settings(), &manifest(), None).await.unwrap();
    for what in [
        "the role weak may not replicate",
        "our role may not read the column weight",
        "row security hides rows from our role",
    ] {
        assert!(found.iter().any(|finding| finding.what == what), "{what}\n{}", shown(&found));
    }
    assert!(!shown(&found).contains(ADMIN));
}
