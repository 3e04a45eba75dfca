//! What contracts say of rows and events, on a real server: the generated SQL is taken, the server's own words for a filter are
//! understood, stream and table reads have the same rows, and an outbox delivers what was written to it.

use std::collections::BTreeMap;

use covenant_compiler::source::SourceSet;
use covenant_compiler::{Compiled, compile, driver, emit};
use covenant_model::spec::EntitySpec;
use covenant_runtime::source::TableReader;
use covenant_runtime::source::postgres::reader::PostgresReader;
use covenant_sandbox::postgres::ADMIN;

use crate::backfill::request;
use crate::support::{Database, show, transaction};

const TABLES: &str = "CREATE TABLE parcels (region varchar(2), shop int, weight int NOT NULL, PRIMARY KEY (region, shop));
  CREATE TABLE labels (region char(2), shop bigint, weight int NOT NULL, PRIMARY KEY (region, shop));";

const PROJECT: &str = "project: parcels
version: 1.0.0
owner: depot@example.com
purpose: Parcels of some regions.
systems:
  store: {kind: postgres, purpose: The depot., publication: published, slot: published}
  events: {kind: stream, purpose: Scans., outbox: {system: store, table: public.outbox}}
  lake: {kind: snowflake, purpose: Reports., database: ANALYTICS}
";

/// Row filters of two entities over tables of other types, in every form that there is.
const FILTERS: [(&str, &str); 8] = [
    ("region = 'eu'", "region <> 'eu'"),
    ("region IN ('eu', 'us')", "shop >= 100"),
    ("region NOT IN ('ap', 'us') AND shop < 500", "shop > -5 AND shop <> 7"),
    ("shop IN (1, 2, 3)", "shop NOT IN (1, 2)"),
    ("100 <= shop AND 'eu' = region", "shop BETWEEN 3 AND 900"),
    ("shop = 2147483647", "shop = 9223372036854775"),
    ("region = 'e'", "region = 'it'"),
    ("region = '''\"'", "region IN ('or')"),
];

fn contract(name: &str, table: &str, filter: &str) -> String {
    format!(
        "entity: depot.{name}
version: 1.0.0
owner: depot@example.com
purpose: One row per {name}.
compatibility: full
key: [region, shop]
key_reuse: never
key_change: rekey
sources:
  store: {{table: public.{table}, where: {filter:?}}}
  events: {{stream: {name}-scans, event_id: id, order: sequence, occurred_at: at}}
fields:
  region: {{id: 1, type: string(2), from: store}}
  shop: {{id: 2, type: int64, from: store}}
  weight: {{id: 3, type: int32, from: store}}
  depot: {{id: 4, type: string(9), from: events, nullable: true}}
sinks:
  lake: {{table: ANALYTICS.DEPOT.{name}}}
"
    )
}

fn compiled(filters: (&str, &str)) -> Compiled {
    let files = [
        ("project.yaml", PROJECT.to_owned()),
        ("depot/parcel.yaml", contract("parcel", "parcels", filters.0)),
        ("depot/label.yaml", contract("label", "labels", filters.1)),
    ];
    let sources = files.map(|(path, text)| (path.to_owned(), text));
    let compiled = compile(SourceSet::new(sources));
    let shown: Vec<_> = compiled.diagnostics.iter().map(|one| one.headline.clone()).collect();
    assert!(compiled.plan.is_some(), "{filters:?}: {shown:?}");
    compiled
}

async fn deploy(db: &Database, compiled: &Compiled) {
    let tree = emit::emit_all(compiled.plan.as_ref().unwrap()).unwrap();
    for file in ["role.sql", "outbox.sql", "publication.sql"] {
        db.run(tree.get(&format!("postgres/store/{file}")).unwrap()).await;
    }
}

fn entity<'c>(compiled: &'c Compiled, name: &str) -> &'c EntitySpec {
    let plan = compiled.plan.as_ref().unwrap();
    plan.entities.iter().find(|entity| entity.name == name).unwrap()
}

async fn found(db: &Database, compiled: &Compiled) -> Vec<String> {
    let (compiled, url) = (compiled.clone(), db.cluster.url(ADMIN, &db.name));
    let asked = tokio::task::spawn_blocking(move || {
        let plan = compiled.plan.as_ref().unwrap();
        driver::live::findings(&compiled, plan, None, &url, None).unwrap()
    });
    let found = asked.await.unwrap();
    let heads = found.iter().map(|one| format!("{} {}", one.code, one.headline));
    heads.filter(|head| !head.contains("max_slot_wal_keep_size")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_understands_every_filter_and_shows_what_is_recognised() {
    let db = Database::new("published", TABLES).await;
    db.run("DROP PUBLICATION published").await;
    for filters in FILTERS {
        let compiled = compiled(filters);
        deploy(&db, &compiled).await;
        assert_eq!(found(&db, &compiled).await, [""; 0], "{filters:?}");
    }
    let last = compiled(FILTERS[0]);
    let drifted = found(&db, &last).await;
    assert_eq!(drifted.len(), 2, "both tables have other rows now: {drifted:?}");
    assert!(drifted.iter().all(|head| head.starts_with("CV8004")), "{drifted:?}");

    db.run("ALTER PUBLICATION published DROP TABLE outbox").await;
    db.run("ALTER TABLE outbox ALTER event TYPE int USING 1").await;
    db.run("ALTER PUBLICATION published ADD TABLE outbox (id, event) WHERE (id > 3)").await;
    let drifted = found(&db, &compiled(FILTERS[7])).await.join("\n");
    for what in [
        "the column event is integer",
        "leaves out the column stream",
        "does not have all of its rows",
    ] {
        assert!(drifted.contains(what), "{what}: {drifted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_and_table_reads_have_the_rows_of_the_filter() {
    let db = Database::new("filtered", TABLES).await;
    db.run("DROP PUBLICATION filtered").await;
    let compiled = compiled(("region = 'eu'", "shop >= 100"));
    deploy(&db, &compiled).await;
    db.run("ALTER PUBLICATION published RENAME TO filtered").await;
    let mut opened = db.open(None).await;
    let stream = &mut opened.stream;

    db.run("INSERT INTO parcels VALUES ('eu', 1, 5), ('us', 1, 5), ('eu', 2, 5)").await;
    assert_eq!(show(&transaction(stream).await), "1:parcels+(eu,1,5) 2:parcels+(eu,2,5)");
    // out of the filter, within it, and into it
    db.run(
        "BEGIN; UPDATE parcels SET region = 'us' WHERE shop = 2;
         UPDATE parcels SET shop = 3 WHERE region = 'eu' AND shop = 1;
         UPDATE parcels SET region = 'eu' WHERE region = 'us' AND shop = 1; COMMIT",
    )
    .await;
    assert_eq!(
        show(&transaction(stream).await),
        "1:parcels-(eu,2,null) 2:parcels~(eu,1,null)->(eu,3,5) 4:parcels+(eu,1,5)"
    );

    let spec = entity(&compiled, "depot.parcel");
    let mut request = request("parcels", &["region", "shop", "weight"], &["region", "shop"]);
    let mut reader = PostgresReader::new(db.endpoint());
    assert_eq!(reader.read(&request, None, 10).await.unwrap().rows.len(), 3);
    request.rows = covenant_postgres::row_filter::of(spec, "store");
    assert_eq!(reader.read(&request, None, 10).await.unwrap().rows.len(), 2);
    let page = reader.read(&request, None, 1).await.unwrap();
    let rest = reader.read(&request, page.next.as_deref(), 10).await.unwrap();
    assert_eq!((page.rows.len(), rest.rows.len()), (1, 1), "page by page, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_delivers_what_is_written_and_refuses_what_nobody_reads() {
    let db = Database::new("outboxed", TABLES).await;
    db.run("DROP PUBLICATION outboxed").await;
    let compiled = compiled(("region = 'eu'", "shop >= 100"));
    deploy(&db, &compiled).await;
    // deployed twice, it is the same
    deploy(&db, &compiled).await;
    db.run("ALTER PUBLICATION published RENAME TO outboxed").await;
    let mut opened = db.open(None).await;
    let stream = &mut opened.stream;
    let typo = "INSERT INTO outbox (stream, event) VALUES ('parcel-scan', '{}')";
    let refused = db.sql.batch_execute(typo).await.unwrap_err();
    assert!(refused.to_string().contains("db error"), "{refused}");
    db.run(
        "BEGIN; INSERT INTO parcels VALUES ('eu', 1, 5);
         INSERT INTO outbox (stream, event) VALUES ('parcel-scans', '{\"id\": \"7\",  \"weight\": 1.50}');
         DELETE FROM outbox; COMMIT",
    )
    .await;
    let told = transaction(stream).await;
    let shown = show(&told);
    let event = "outbox+(2,parcel-scans,{\"id\": \"7\",  \"weight\": 1.50})";
    assert!(shown.starts_with(&format!("1:parcels+(eu,1,5) 2:{event} 3:outbox-(2")), "{shown}");
    let columns: BTreeMap<_, Vec<_>> = told
        .changes
        .iter()
        .map(|change| {
            let names = change.relation.columns.iter().map(|column| column.name.as_str());
            (change.relation.table.as_str(), names.collect())
        })
        .collect();
    assert_eq!(columns["outbox"], ["id", "stream", "event"], "its other columns stay at home");
}
