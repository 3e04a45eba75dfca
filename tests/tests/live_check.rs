//! `covenant check --live` and `covenant import postgres` against a real PostgreSQL: Acme's shop, set up by the generated SQL, has
//! nothing to say against; every drift is named with both sides, at the line of the contract.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::collections::BTreeMap;
use std::path::Path;

use covenant_compiler::diagnostic::{Diagnostics, Severity, human};
use covenant_compiler::source::SourceSet;
use covenant_compiler::{Compiled, compile, driver};
use covenant_model::spec::{EntitySpec, SourceSpec};
use covenant_sandbox::ACME_SCHEMA;
use covenant_sandbox::postgres::{ADMIN, Cluster, connect};
use tokio_postgres::Client;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

struct Shop {
    url: String,
    sql: Client,
    compiled: Compiled,
    cluster: Cluster,
    _dir: tempfile::TempDir,
}

impl Shop {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster::start(dir.path()).unwrap();
        let url = cluster.url(ADMIN, "postgres");
        let sql = connect(&url).await.unwrap();
        sql.batch_execute(ACME_SCHEMA).await.unwrap();
        for file in ["role.sql", "publication.sql", "heartbeat.sql", "storage.sql"] {
            let path = root().join("generated/postgres/store").join(file);
            sql.batch_execute(&std::fs::read_to_string(path).unwrap()).await.unwrap();
        }
        let compiled = compile(driver::read_contracts(&root().join("contracts")).unwrap());
        Self { url, sql, compiled, cluster, _dir: dir }
    }

    async fn run(&self, sql: &str) {
        self.sql.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// What is found; the private cluster has no limit on what a slot keeps, which is left out.
    async fn found(&self) -> Diagnostics {
        let (compiled, url) = (self.compiled.clone(), self.url.clone());
        let asked = tokio::task::spawn_blocking(move || {
            let plan = compiled.plan.as_ref().unwrap();
            driver::live::findings(&compiled, plan, None, &url, None).unwrap()
        });
        let found = asked.await.unwrap();
        let kept = found.iter().filter(|one| !one.headline.contains("max_slot_wal_keep_size"));
        Diagnostics::new(kept.cloned().collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_what_the_contracts_say_until_somebody_changes_it() {
    let shop = Shop::new().await;
    let found = shop.found().await;
    let shown = human::render(&found, &shop.compiled.sources);
    assert!(found.is_empty(), "{shown}");

    // what changes it, the code, the file and line of the other side, what is said, what mends it
    let cases = [
        (
            "ALTER TABLE orders RENAME currency TO coin",
            "CV8006",
            "sales/order.yaml",
            "currency:",
            "there is no column currency",
            "ALTER TABLE orders RENAME coin TO currency",
        ),
        (
            // a published column keeps its type, so this takes somebody who takes it out first
            "ALTER PUBLICATION covenant_acme DROP TABLE orders; ALTER TABLE orders ALTER line_count TYPE bigint",
            "CV8006",
            "sales/order.yaml",
            "line_count:",
            "the column line_count is bigint, the contract's field line_count is int32",
            "ALTER TABLE orders ALTER line_count TYPE integer@publication.sql",
        ),
        (
            "ALTER TABLE customers ALTER country DROP NOT NULL",
            "CV8006",
            "sales/customer.yaml",
            "country:",
            "the column country may be NULL, the contract's field country may not",
            "ALTER TABLE customers ALTER country SET NOT NULL",
        ),
        (
            "ALTER TABLE customers REPLICA IDENTITY FULL",
            "CV8005",
            "sales/customer.yaml",
            "key:",
            "its replica identity is FULL",
            "ALTER TABLE customers REPLICA IDENTITY DEFAULT",
        ),
        (
            "ALTER PUBLICATION covenant_acme DROP TABLE customers",
            "CV8004",
            "sales/customer.yaml",
            "store:",
            "it is not in the publication covenant_acme",
            "@publication.sql",
        ),
        (
            "ALTER PUBLICATION covenant_acme SET (publish = 'insert, update, delete')",
            "CV8002",
            "project.yaml",
            "publication:",
            "leaves out TRUNCATE",
            "ALTER PUBLICATION covenant_acme SET (publish = 'insert, update, delete, truncate')",
        ),
        (
            "CREATE TABLE diary (id int PRIMARY KEY); ALTER PUBLICATION covenant_acme ADD TABLE diary",
            "CV8002",
            "project.yaml",
            "publication:",
            "also streams public.diary, which no contract reads",
            "DROP TABLE diary",
        ),
        (
            "GRANT INSERT, DELETE ON orders TO covenant_acme_capture",
            "CV8003",
            "project.yaml",
            "publication:",
            "may INSERT, DELETE there",
            "REVOKE INSERT, DELETE ON orders FROM covenant_acme_capture",
        ),
        (
            "ALTER TABLE customers ADD shoe_size int; GRANT SELECT (shoe_size) ON customers TO covenant_acme_capture",
            "CV8003",
            "project.yaml",
            "publication:",
            "may read shoe_size, which no contract reads",
            "ALTER TABLE customers DROP shoe_size",
        ),
        (
            "REVOKE SELECT (currency) ON orders FROM covenant_acme_capture",
            "CV8006",
            "sales/order.yaml",
            "currency:",
            "our role may not read the column currency",
            "GRANT SELECT (currency) ON orders TO covenant_acme_capture",
        ),
        (
            "ALTER ROLE covenant_acme_capture CREATEDB",
            "CV8003",
            "project.yaml",
            "publication:",
            "has CREATEDB",
            "ALTER ROLE covenant_acme_capture NOCREATEDB",
        ),
        (
            "ALTER ROLE covenant_acme_capture NOREPLICATION",
            "CV8003",
            "project.yaml",
            "publication:",
            "may not replicate",
            "ALTER ROLE covenant_acme_capture REPLICATION",
        ),
    ];
    for (change, code, file, line, said, mend) in cases {
        shop.run(change).await;
        let found = shop.found().await;
        let shown = human::render(&found, &shop.compiled.sources);
        let one = found.iter().find(|one| one.headline.contains(said));
        let one = one.unwrap_or_else(|| panic!("{change}: {shown}"));
        assert_eq!(one.code.to_string(), code, "{change}: {shown}");
        let source = shop.compiled.sources.get(one.span.file).unwrap();
        let at = source.place(one.span.start).line;
        assert!(source.path.ends_with(file), "{change}: {}", source.path);
        assert!(
            source.text.lines().nth(at - 1).unwrap().contains(line),
            "{change}: line {at}\n{shown}"
        );
        let (sql, file) =
            mend.split_once('@').map_or((mend, None), |(sql, file)| (sql, Some(file)));
        shop.run(sql).await;
        if let Some(file) = file {
            let path = root().join("generated/postgres/store").join(file);
            shop.run(&std::fs::read_to_string(path).unwrap()).await;
        }
        let left = shop.found().await;
        assert!(left.is_empty(), "{mend}: {}", human::render(&left, &shop.compiled.sources));
    }
    drop(shop.cluster);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_lacks_everything_and_a_closed_one_is_no_finding() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(dir.path()).unwrap();
    let url = cluster.url(ADMIN, "postgres");
    let compiled = compile(driver::read_contracts(&root().join("contracts")).unwrap());
    let asked = move |url: String| {
        let compiled = compiled.clone();
        let plan = compiled.plan.clone().unwrap();
        tokio::task::spawn_blocking(move || {
            driver::live::findings(&compiled, &plan, None, &url, None)
        })
    };
    let found = asked(url.clone()).await.unwrap().unwrap();
    let errors = found.iter().filter(|one| one.severity == Severity::Error);
    let heads: Vec<&str> = errors.map(|one| one.headline.as_str()).collect();
    for said in [
        "there is no role covenant_acme_capture",
        "there is no publication",
        "there is no such table",
    ] {
        assert!(heads.iter().any(|head| head.contains(said)), "{said}: {heads:#?}");
    }
    drop(cluster);
    let error = asked(url).await.unwrap().unwrap_err();
    assert!(error.contains("postgres store"), "{error}");
}

/// What is imported from a database, written into a folder and compiled.
async fn imported(url: &str) -> (Vec<String>, BTreeMap<String, String>, Compiled) {
    let url = url.to_owned();
    let schemas = vec!["public".to_owned()];
    let asked = tokio::task::spawn_blocking(move || {
        let tables = driver::live::Tables { schemas: &schemas, only: &[] };
        driver::live::import("store", &url, None, &tables).unwrap()
    });
    let made = asked.await.unwrap();
    let files: BTreeMap<String, String> =
        made.tree.iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let compiled = compile(SourceSet::new(files.clone()));
    let shown = human::render(&compiled.diagnostics, &compiled.sources);
    assert!(compiled.diagnostics.is_empty(), "{shown}");
    (made.left, files, compiled)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_is_imported_as_the_contracts_have_it() {
    let shop = Shop::new().await;
    let (left, _, made) = imported(&shop.url).await;
    let (made, acme) = (made.plan.unwrap(), shop.compiled.plan.as_ref().unwrap());
    let mut compared = 0;
    for entity in &acme.entities {
        let Some((name, schema, table)) =
            entity.sources.iter().find_map(|(name, spec)| match spec {
                SourceSpec::Postgres { schema, table, .. } => Some((name, schema, table)),
                SourceSpec::Stream { .. } | SourceSpec::Salesforce { .. } => None,
            })
        else {
            continue;
        };
        let there = made.entity(&format!("{schema}.{table}"));
        let there = there.unwrap_or_else(|| panic!("{schema}.{table}: {left:#?}"));
        let names = |of: &EntitySpec| -> Vec<String> {
            of.key.iter().map(|ix| of.fields[*ix].name.clone()).collect()
        };
        assert_eq!(names(there), names(entity));
        for field in &entity.fields {
            let Some(column) = field.from.get(name) else { continue };
            let again = there.fields.iter().find(|one| one.name == *column);
            let again = again.unwrap_or_else(|| panic!("{}.{column} is lost", entity.name));
            assert_eq!(again.nullable, field.nullable, "{}.{column}", entity.name);
            let personal = |of: &covenant_model::spec::FieldSpec| of.pii.is_some();
            compared += usize::from(again.ty == field.ty && personal(again) == personal(field));
        }
    }
    // the shop's own columns are wider here and there, and a guess is a guess
    assert!(compared > 30, "{compared}");

    // and once its SQL is deployed, the database is what the new contracts say
    let compiled = compile(SourceSet::new(imported(&shop.url).await.1));
    let tree = covenant_compiler::generate(compiled.sources.clone()).unwrap().1.unwrap();
    for file in ["role.sql", "publication.sql", "heartbeat.sql", "storage.sql"] {
        shop.run(tree.get(&format!("postgres/store/{file}")).unwrap()).await;
    }
    let shop = Shop { compiled, ..shop };
    let found = shop.found().await;
    assert!(found.is_empty(), "{}", human::render(&found, &shop.compiled.sources));
}

const ZOO: &str = r#"
CREATE TYPE mood AS ENUM ('fine', 'sad');
CREATE TYPE odd AS ENUM ('a,b', 'c');
CREATE DOMAIN price AS numeric(10, 2) NOT NULL;
CREATE TABLE keepers (id int PRIMARY KEY, "Full Name" text, boss int REFERENCES keepers);
COMMENT ON TABLE keepers IS 'Who looks after the animals.';
CREATE TABLE "Animals" (
  "ID" uuid PRIMARY KEY,
  "order" text NOT NULL CHECK ("order" IN ('bird', 'fish')),
  mood mood, oddity odd, cost price, weight numeric, wide numeric(60, 2),
  born date, seen timestamptz NOT NULL, fed timestamp, age interval, share double precision,
  tag varchar(12) UNIQUE CHECK (tag ~ '^[A-Z]+$'), legs smallint CHECK (legs >= 0 AND legs <= 8),
  photo bytea, facts jsonb, code char(4), note text CHECK (char_length(note) <= 40),
  keeper int NOT NULL REFERENCES keepers, keeper_email varchar(200),
  nick text, place int, bed int, twice int GENERATED ALWAYS AS (place * 2) STORED,
  UNIQUE (place, bed), CHECK (place > bed)
);
COMMENT ON COLUMN "Animals".seen IS 'Last seen alive.';
CREATE TABLE visits (at date, gate int, count bigint NOT NULL, PRIMARY KEY (gate, at)) PARTITION BY RANGE (at);
CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE keyless (a int);
CREATE TABLE oddly (span int4range PRIMARY KEY);
CREATE UNLOGGED TABLE scratch (id int PRIMARY KEY);
CREATE VIEW shown AS SELECT * FROM keepers;
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_zoo_of_tables_becomes_contracts_that_say_what_they_lack() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(dir.path()).unwrap();
    let url = cluster.url(ADMIN, "postgres");
    connect(&url).await.unwrap().batch_execute(ZOO).await.unwrap();
    let (left, files, _) = imported(&url).await;
    let animals = &files["public/animals.yaml"];
    for line in [
        "key: [id]",
        "  store: {table: public.Animals}",
        "  id: {id: 1, type: uuid, from: {store: \"ID\"}}",
        "  order: {id: 2, type: \"enum [bird, fish]\", from: store}",
        "  mood: {id: 3, type: \"enum [fine, sad]\", from: store, nullable: true}",
        "  oddity: {id: 4, type: string(63), from: store, nullable: true}",
        "  cost: {id: 5, type: \"decimal(10,2)\", from: store}",
        "  weight: {id: 6, type: \"decimal(37,9)\", from: store, nullable: true}    # the type is a guess",
        "  seen: {id: 8, type: timestamp, from: store, about: \"Last seen alive.\"}",
        "  tag: {id: 9, type: string(12), from: store, nullable: true, unique: true, pattern: \"^[A-Z]+$\"}",
        "  legs: {id: 10, type: int32, from: store, nullable: true, min: 0, max: 8}",
        "  photo: {id: 11, type: bytes, from: store, nullable: true, large: true}",
        "  note: {id: 14, type: string(40), from: store, nullable: true, pii: freetext}    # `pii` is a guess",
        "  keeper: {id: 15, type: int32, from: store, references: public.keepers}",
        "  keeper_email: {id: 16, type: string(200), from: store, nullable: true, pii: contact}    # `pii` is a guess",
        "  nick: {id: 17, type: string, from: store, nullable: true, large: true}",
        "  - [place, bed]",
        "# Not taken over: fed (timestamp without time zone).",
        "# Not taken over: twice (computed by the database, and not streamed).",
        "# Not taken over: the check (place > bed).",
    ] {
        assert!(animals.lines().any(|one| one == line), "{line}\n{animals}");
    }
    assert!(files["public/keepers.yaml"].contains("purpose: \"Who looks after the animals.\""));
    assert!(!files["public/keepers.yaml"].contains("references"), "nothing leads to itself");
    assert!(files["public/visits.yaml"].contains("key: [gate, at]"));
    for said in [
        "`public.keyless`: no entity, because it has no primary key",
        "`public.oddly`: no entity",
        "`public.scratch`: no entity, because it is an unlogged table",
        "`public.shown`: no entity, because it is a view",
    ] {
        assert!(left.iter().any(|one| one.starts_with(said)), "{said}: {left:#?}");
    }
    assert!(!files.keys().any(|path| path.contains("2026")), "a partition is no table of its own");
}
