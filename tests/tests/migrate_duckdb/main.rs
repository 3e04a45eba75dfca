//! `covenant migrate` executed: tables filled under an old contract, migrated, and held against the fold of the same
//! changes under the new contract, guards and history too; then the new SQL goes on with late and new changes.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod asks;
mod compare;
mod rules;
mod tell;
mod world;

use std::sync::Arc;

use ::duckdb::Connection;
use covenant_compiler::compile;
use covenant_compiler::emit::duckdb;
use covenant_compiler::migrate::{self, Migration, Phase, Target};
use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;
use covenant_compiler::tree::OutputTree;
use covenant_model::change::{Change, Key, Op, Origin, change_of};
use covenant_model::join::RowState;
use covenant_model::record::{Cell, Record};
use covenant_model::spec::EntitySpec;
use covenant_model::value::{LogicalType, Value};
use covenant_model::version::{Incarnation, Lsn, Position, Revision, Version};
use covenant_runtime::fault::NoFaults;
use covenant_runtime::landing::objects::ObjectLanding;
use covenant_runtime::landing::{CommitNumber, Epoch};
use covenant_runtime::warehouse::duckdb::DuckWarehouse;
use covenant_runtime::warehouse::memory::{MemoryStore, MemoryWarehouse};
use covenant_runtime::warehouse::{ModelRun, Warehouse};

use self::world::{Plainly, closed, duck, land, open, rows, run};

const PROJECT: &str = "
project: shop
version: 1.0.0
owner: data@shop.example
purpose: For the tests of migrations.
systems:
  store: {kind: postgres, purpose: The shop., publication: p, slot: s}
  events: {kind: stream, purpose: Events of the floor.}
  lake: {kind: snowflake, purpose: Reports., database: ANALYTICS}
pii:
  classes:
    contact: {protect: encrypt, about: E-mail.}
    address: {protect: mask, about: Addresses.}
    birth: {protect: drop, about: Dates of birth.}
budget: {monthly_usd: 100}
";

const ORDER: &str = "
entity: sales.order
version: 1.0.0
owner: orders@shop.example
purpose: One row per order.
compatibility: full
key: [order_id]
key_reuse: never
KEY_LOCALITY
sources:
  store: {table: public.orders}
  events: {stream: order-events, event_id: event_id, occurred_at: occurred_at}
fields:
  order_id: {id: 1, type: int64, from: store}
  customer: {id: 2, type: string(12), from: store, nullable: true}
  line_count: {id: 3, type: int32, from: store, nullable: true}
  total: {id: 4, type: \"decimal(12,2)\", from: store, nullable: true}
  status: {id: 5, type: \"enum [placed, paid, delivered]\", from: [store, events], merge: ranked}
  note: {id: 6, type: string(40), from: store, nullable: true}
  street: {id: 7, type: string(40), from: store, nullable: true, pii: address}
  seen_at: {id: 8, type: timestamp, from: events, nullable: true, optional: true}
  points: {id: 9, type: int64, from: store, nullable: true}
  channel: {id: 10, type: \"enum [web, app]\", from: store, nullable: true}
RESERVED
sinks:
  lake: {table: ANALYTICS.SALES.ORDERS, history: scd2}
";

const DAILY: &str = "
model: marts.daily
version: 1.0.0
owner: orders@shop.example
purpose: Orders per customer.
compatibility: backward
key: [customer]
query: |
  SELECT COALESCE(o.CUSTOMER, '-') AS customer, COUNT(*) AS orders FROM sales.order AS o GROUP BY 1
fields:
  customer: {id: 1, type: string(400)}
  orders: {id: 2, type: int64}
refresh: {every: 5m}
sinks:
  lake: {table: ANALYTICS.MARTS.DAILY}
";

fn compiled(project: &str, order: &str, daily: &str) -> Plan {
    let files = [("project.yaml", project), ("order.yaml", order), ("daily.yaml", daily)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let compiled = compile(SourceSet::new(files));
    let said: Vec<_> = compiled.diagnostics.iter().map(|one| one.headline.clone()).collect();
    compiled.plan.unwrap_or_else(|| panic!("{said:?}"))
}

/// The contracts after some replacements, each of which must hit. `CUSTOMER` is the column's name in the model's query.
fn plan(scattered: bool, edits: &[(&str, &str)]) -> Plan {
    let locality = if scattered { "key_locality: scattered" } else { "key_locality: sequential" };
    let mut order = ORDER.replace("KEY_LOCALITY", locality);
    let mut customer = "customer";
    for (from, to) in edits {
        if *from == "CUSTOMER" {
            customer = to;
            continue;
        }
        assert!(order.contains(from), "{from}");
        order = order.replace(from, to);
    }
    let order = order.replace("RESERVED\n", "");
    compiled(PROJECT, &order, &DAILY.replace("CUSTOMER", customer))
}

/// What happened at a source: values by field id, so that it can be told under any version of the contract.
fn told(entity: &EntitySpec, place: u64, number: i64) -> Vec<Change> {
    let store = place % 3 != 2;
    let mut record = Record::absent(entity.fields.len());
    for (ix, field) in entity.fields.iter().enumerate() {
        let owner = if store { "store" } else { "events" };
        if !field.from.contains_key(owner) && field.id != 1 {
            continue;
        }
        let seed = place * 7 + u64::from(field.id);
        let value = match (field.id, &field.ty) {
            (1, LogicalType::String { .. }) => Value::Text(number.to_string()),
            (1, _) => Value::Int(number),
            // never null, not every time
            // a validator reads a former symbol as the present one
            (5, _) => {
                let symbol = ["placed", "paid", "delivered"][(seed % 3) as usize];
                let now = field.evolution.renamed.get(symbol);
                Value::Text(now.map_or(symbol, String::as_str).to_owned())
            }
            (10, _) => Value::Text(["web", "app"][(seed % 2) as usize].to_owned()),
            _ if seed.is_multiple_of(5) && field.id != 9 => Value::Null,
            (4, LogicalType::Decimal { scale, .. }) => {
                Value::Decimal((i128::from(seed) - 60) * 10i128.pow(u32::from(*scale) - 2))
            }
            (_, LogicalType::Decimal { .. }) => Value::Decimal(i128::from(seed) - 40),
            (_, LogicalType::Int32 | LogicalType::Int64) => Value::Int(seed as i64 - 50),
            (_, LogicalType::Timestamp) => Value::Timestamp(seed as i64 * 1_000_003 - 9_000_000),
            _ => Value::Text(format!("t'{seed}")),
        };
        record.cells[ix] = Cell::Value(value);
    }
    let origin = Origin {
        source: if store { "store" } else { "events" },
        version: Version::new(
            Incarnation::FIRST,
            Position::streamed(Lsn(place / 2 + 1), (place % 2) as u32 + 1),
            Revision(0),
        ),
        committed_at_us: 1_767_225_600_000_000 + place as i64 * 1_000,
        op: Op::Upsert,
        moved_from: None,
    };
    vec![change_of(entity, &record, &origin, &Plainly).unwrap()]
}

fn changes(entity: &EntitySpec, places: impl Iterator<Item = u64>) -> Vec<Change> {
    places.flat_map(|place| told(entity, place, (place * 5 % 7) as i64)).collect()
}

const BEFORE: std::ops::Range<u64> = 0..40;
/// Of them, those that arrive again, late, after the migration: nothing may change.
const LATE: std::ops::Range<u64> = 5..25;
const AFTER: std::ops::Range<u64> = 40..70;

struct Migrated {
    folder: tempfile::TempDir,
    new: Plan,
    migration: Migration,
    duck: DuckWarehouse,
}

/// Old contracts, 40 changes, migration, new contracts.
async fn migrated(old: Plan, new: Plan, destructive: bool) -> Migrated {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("warehouse.duckdb");
    let landing = ObjectLanding::local(&folder.path().join("old")).unwrap();
    let mut before = duck(&old, &path).await;
    before.open(Epoch(1)).await.unwrap();
    let entity = &old.entities[0];
    let commit = land(&landing, entity, &changes(entity, BEFORE)).await;
    before.apply(&landing, &[commit]).await.unwrap();
    before.run_model(&old.models[0], ModelRun::whole(1, 0)).await.unwrap();
    drop(before);

    let migration = migrate::migrate(&old, &new, &Target::ALL).unwrap();
    let tree = migrate::tree(&migration, destructive).unwrap();
    let db = open(&path).await;
    for file in ["1-change", "2-schema", "3-after", "5-destructive"] {
        run(&db, &tree, &format!("duckdb/{file}.sql"));
    }
    drop(db);
    closed(&path).await;
    let mut after = duck(&new, &path).await;
    // the runtime's own check of every column
    after.open(Epoch(2)).await.unwrap();
    Migrated { folder, new, migration, duck: after }
}

/// What the same changes fold to under the new contract alone.
async fn reference(new: &Plan, sets: &[&[Change]]) -> Vec<(Key, RowState)> {
    let folder = tempfile::tempdir().unwrap();
    let landing = ObjectLanding::local(folder.path()).unwrap();
    let mut memory =
        MemoryWarehouse::new(MemoryStore::default(), &new.entities, Arc::new(NoFaults));
    memory.open(Epoch(1)).await.unwrap();
    for set in sets {
        let commit = land(&landing, &new.entities[0], set).await;
        memory.apply(&landing, &[commit]).await.unwrap();
    }
    let mut found = rows(&mut memory, &new.entities[0]).await;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// What is replaced in the contract, by what.
type Edits = &'static [(&'static str, &'static str)];

/// Every edit in place, and what must be the same as if the new contract had always been there.
const IN_PLACE: &[(&str, Edits)] = &[
    ("rename", &[("  customer:", "  buyer:"), ("CUSTOMER", "buyer")]),
    (
        "rename that takes another's name",
        &[
            ("  note:", "  swap:"),
            ("  customer:", "  note:"),
            ("  swap:", "  customer:"),
            ("CUSTOMER", "note"),
        ],
    ),
    ("wider integer", &[("type: int32", "type: int64")]),
    ("wider text", &[("string(12)", "string(60)")]),
    ("more digits", &[("decimal(12,2)", "decimal(18,2)")]),
    ("another scale", &[("decimal(12,2)", "decimal(16,4)")]),
    (
        "a rank in the middle",
        &[("[placed, paid, delivered]", "[placed, held, paid, packed, delivered]")],
    ),
    ("a rank at the end", &[("[placed, paid, delivered]", "[placed, paid, delivered, refunded]")]),
    (
        "the first field of a group stands alone",
        &[(
            "string(12), from: store, nullable: true",
            "string(12), from: store, nullable: true, optional: true",
        )],
    ),
    (
        "a field in the middle stands alone",
        &[(
            "note: {id: 6, type: string(40), from: store, nullable: true",
            "note: {id: 6, type: string(40), from: store, nullable: true, optional: true",
        )],
    ),
    (
        "a value under another name and type, and alone",
        &[
            (
                "  line_count: {id: 3, type: int32, from: store, nullable: true",
                "  lines: {id: 3, type: int64, from: store, nullable: true, optional: true",
            ),
            ("  note:", "  remark:"),
        ],
    ),
    (
        "another key type",
        &[("order_id: {id: 1, type: int64", "order_id: {id: 1, type: string(40)")],
    ),
    ("another key name", &[("key: [order_id]", "key: [number]"), ("  order_id:", "  number:")]),
    ("another table", &[("ANALYTICS.SALES.ORDERS", "ANALYTICS.SALES.PURCHASES")]),
    ("another schema", &[("ANALYTICS.SALES.ORDERS", "ANALYTICS.SHOP.ORDERS")]),
    (
        "a symbol by another name",
        &[(
            "[placed, paid, delivered]\"",
            "[placed, settled, delivered]\", renamed: {paid: settled}",
        )],
    ),
    ("an enum as text", &[("type: \"enum [web, app]\"", "type: string(10)")]),
];

#[tokio::test]
async fn what_is_in_place_is_as_if_the_new_contract_had_always_been_there() {
    // both forms of apply, turn by turn
    for (scattered, (name, edits)) in [true, false].iter().cycle().zip(IN_PLACE) {
        let (old, new) = (plan(*scattered, &[]), plan(*scattered, edits));
        let mut after = migrated(old, new, true).await;
        let entity = after.new.entities[0].clone();
        let before = changes(&entity, BEFORE);
        let mut found = rows(&mut after.duck, &entity).await;
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = reference(&after.new, &[&before]).await;
        assert_eq!(found.len(), expected.len(), "{name}");
        let state = |rows: &[(Key, RowState)]| -> Vec<String> {
            rows.iter().map(|row| serde_json::to_string(&row.1).unwrap()).collect()
        };
        assert_eq!(state(&found), state(&expected), "{name}");

        // late changes again, then new ones: the new SQL on migrated rows
        let landing = ObjectLanding::local(&after.folder.path().join("new")).unwrap();
        let late = changes(&entity, LATE);
        let first = land(&landing, &entity, &[]).await;
        assert_eq!(first.number, CommitNumber(1));
        let late_commit = land(&landing, &entity, &late).await;
        after.duck.apply(&landing, &[late_commit]).await.unwrap();
        let mut found = rows(&mut after.duck, &entity).await;
        found.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(state(&found), state(&expected), "{name}: late changes");

        let more = changes(&entity, AFTER);
        let commit = land(&landing, &entity, &more).await;
        after.duck.apply(&landing, &[commit]).await.unwrap();
        after.duck.run_model(&after.new.models[0], ModelRun::whole(2, 0)).await.unwrap();
        let mut found = rows(&mut after.duck, &entity).await;
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = reference(&after.new, &[&before, &more]).await;
        assert_eq!(state(&found), state(&expected), "{name}: new changes");
    }
}

/// Edits whose old values are set aside, or that only a backfill completes. Query over the migrated tables, and what it
/// must give: a count of rows that kept what they had.
const KEPT: &[(&str, Edits, &str)] = &[
    (
        "a removed field is copied aside",
        &[("  note: {id: 6, type: string(40), from: store, nullable: true}\n", "")],
        "SELECT count(*) FROM old.SALES.ORDERS_STATE AS o JOIN SALES.ORDERS_STATE_WAS_1_0_0 AS n \
         USING (order_id) WHERE n.note IS DISTINCT FROM o.note",
    ),
    (
        "a name that another field takes",
        &[("  note: {id: 6, type: string(40)", "  note: {id: 16, type: int64")],
        "SELECT count(*) FROM old.SALES.ORDERS_STATE AS o JOIN SALES.ORDERS_STATE AS n \
         USING (order_id) WHERE n._was_1_0_0_note IS DISTINCT FROM o.note OR n.note IS NOT NULL",
    ),
    (
        "personal data that is encrypted from now on",
        &[("nullable: true, pii: address", "nullable: true, pii: contact")],
        "SELECT count(*) FROM old.SALES.ORDERS_STATE AS o JOIN SALES.ORDERS_STATE AS n \
         USING (order_id) WHERE n._was_1_0_0_street IS DISTINCT FROM o.street \
         OR n.street IS NOT NULL OR n.street_token IS NOT NULL",
    ),
    (
        "a value under max",
        &[(
            "points: {id: 9, type: int64, from: store, nullable: true",
            "points: {id: 9, type: int64, from: store, nullable: true, merge: max",
        )],
        "SELECT count(*) FROM old.SALES.ORDERS_STATE AS o JOIN SALES.ORDERS_STATE AS n \
         USING (order_id) WHERE n.points IS DISTINCT FROM o.points \
         OR n._g_points IS DISTINCT FROM CAST(o.points AS DECIMAL(38,0)) + 42535295865117307932921825928971026432",
    ),
    (
        "another key",
        &[
            ("key: [order_id]", "key: [order_id, customer]"),
            ("string(12), from: store, nullable: true", "string(12), from: store"),
        ],
        "SELECT abs((SELECT count(*) FROM old.SALES.ORDERS_STATE) - \
         (SELECT count(*) FROM SALES.ORDERS_STATE_WAS_1_0_0)) + (SELECT count(*) FROM SALES.ORDERS_STATE)",
    ),
    (
        "a new field",
        &[("  channel:", "  gift: {id: 11, type: bool, from: store, nullable: true}\n  channel:")],
        "SELECT count(*) FROM old.SALES.ORDERS_STATE AS o JOIN SALES.ORDERS_STATE AS n \
         USING (order_id) WHERE n.note IS DISTINCT FROM o.note OR n.gift IS NOT NULL",
    ),
    (
        "a new field with a default",
        &[("  channel:", "  gift: {id: 11, type: bool, from: store, default: true}\n  channel:")],
        // Every row has been told by the store; nothing else changed.
        "SELECT count(*) FROM old.SALES.ORDERS_STATE AS o JOIN SALES.ORDERS_STATE AS n \
         USING (order_id) WHERE n.note IS DISTINCT FROM o.note \
         OR n.gift IS DISTINCT FROM CASE WHEN o._g_store IS NOT NULL THEN true END",
    ),
    (
        "readers of the old names",
        &[("  customer:", "  buyer:"), ("CUSTOMER", "buyer")],
        "SELECT count(*) FROM old.SALES.ORDERS_STATE AS o FULL JOIN SALES.ORDERS_V1_0_0 AS n \
         USING (order_id) WHERE n.customer IS DISTINCT FROM o.customer AND o._alive",
    ),
];

#[tokio::test]
async fn what_a_backfill_completes_loses_nothing_on_the_way() {
    for (name, edits, query) in KEPT {
        let (old, new) = (plan(false, &[]), plan(false, edits));
        let after = migrated(old.clone(), new, false).await;
        let Migrated { folder, migration, duck, .. } = after;
        drop(duck);
        // the same changes once more under the old contracts alone, to compare with
        let other = tempfile::tempdir().unwrap();
        let path = other.path().join("old.duckdb");
        let landing = ObjectLanding::local(&other.path().join("landing")).unwrap();
        let mut before = self::duck(&old, &path).await;
        before.open(Epoch(1)).await.unwrap();
        let commit = land(&landing, &old.entities[0], &changes(&old.entities[0], BEFORE)).await;
        before.apply(&landing, &[commit]).await.unwrap();
        drop(before);
        closed(&path).await;
        let db = open(&folder.path().join("warehouse.duckdb")).await;
        db.execute_batch(&format!("ATTACH '{}' AS old (READ_ONLY)", path.display())).unwrap();
        let lost: i64 = db
            .query_row(query, [], |row| row.get(0))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(lost, 0, "{name}");
        let reread = migration.steps.iter().any(|step| step.target == Target::Jobs);
        let renamed = *name == "readers of the old names" || name.starts_with("a removed");
        assert_eq!(reread, !renamed, "{name}: backfill");
    }
}

#[test]
fn the_same_contracts_need_no_migration_and_the_plan_is_the_same_every_time() {
    let old = plan(true, &[]);
    assert_eq!(migrate::migrate(&old, &old, &Target::ALL).unwrap().steps, []);
    for (_, edits, _) in KEPT {
        let new = plan(true, edits);
        let once = migrate::migrate(&old, &new, &Target::ALL).unwrap();
        assert_eq!(once, migrate::migrate(&old, &new, &Target::ALL).unwrap());
        let numbers: Vec<usize> = once.steps.iter().map(|step| step.number).collect();
        assert_eq!(numbers, (1..=once.steps.len()).collect::<Vec<_>>());
    }
}

#[test]
fn destructive_steps_are_written_only_when_asked_for() {
    let old = plan(true, &[]);
    for (name, edits, _) in KEPT.iter().filter(|(name, ..)| !name.starts_with("a new field")) {
        let migration = migrate::migrate(&old, &plan(true, edits), &Target::ALL).unwrap();
        let destructive = migration.steps.iter().any(|step| step.phase == Phase::Destructive);
        let files = |allowed| {
            let tree = migrate::tree(&migration, allowed).unwrap();
            tree.iter().any(|(path, _)| path.contains("5-destructive"))
        };
        assert!(!files(false), "{name}");
        assert_eq!(files(true), destructive, "{name}");
        for step in migration.steps.iter().filter(|step| step.phase != Phase::Destructive) {
            let drops = |statement: &String| {
                statement.contains("DROP COLUMN") || statement.contains("DROP TABLE")
            };
            assert!(!step.statements.iter().any(drops), "{name}: {step:?}");
        }
    }
}

#[tokio::test]
async fn a_value_that_does_not_fit_stops_the_migration() {
    let old = plan(true, &[]);
    let new = plan(true, &[("decimal(12,2)", "decimal(12,0)")]);
    let migration = migrate::migrate(&old, &new, &[Target::Duckdb]).unwrap();
    let tree = migrate::tree(&migration, false).unwrap();
    let db = Connection::open_in_memory().unwrap();
    let mut schema = OutputTree::default();
    duckdb::emit(&old, &mut schema).unwrap();
    run(&db, &schema, "duckdb/schema.sql");
    db.execute_batch(
        "INSERT INTO SALES.ORDERS_STATE (order_id, _commit, total) VALUES (1, 1, 12.34)",
    )
    .unwrap();
    let text = tree.get("duckdb/1-change.sql").unwrap();
    let ran = text.split(";\n").try_for_each(|statement| db.execute_batch(statement));
    assert!(ran.unwrap_err().to_string().contains("values would be lost"));
}
