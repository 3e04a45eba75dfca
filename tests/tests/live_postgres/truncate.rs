//! TRUNCATE, from a real PostgreSQL to a real DuckDB: Acme's tables and contracts, one statement that empties three tables, a table
//! read that it overtakes, and rows that come behind it.

use std::sync::Arc;
use std::time::Duration;

use covenant_model::codec::EntityCodec;
use covenant_model::manifest::Manifest;
use covenant_model::version::Incarnation;
use covenant_runtime::backfill::lane::{AlwaysOpen, BackfillLane, Job, LaneSettings};
use covenant_runtime::capture::{CaptureLane, Limits, Registry};
use covenant_runtime::keys::local::LocalKeys;
use covenant_runtime::keys::protector::Protector;
use covenant_runtime::landing::objects::ObjectLanding;
use covenant_runtime::landing::{CommitNumber, Epoch, Landing, SourcePosition};
use covenant_runtime::source::postgres::reader::PostgresReader;
use covenant_runtime::source::postgres::stream::PostgresStream;
use covenant_runtime::source::{ChangeStream, RowOp, StreamItem};
use covenant_runtime::warehouse::Warehouse;
use covenant_runtime::warehouse::duckdb::{DuckOptions, DuckWarehouse};
use covenant_runtime::warehouse::sql::SqlFiles;
use covenant_sandbox::shop::history;
use covenant_sandbox::shop::rows::{Maker, Size};
use covenant_tests::runtime_binary::repository;

use crate::backfill::request;
use crate::support::{Database, PATIENCE, clock};

const SIZE: Size = Size { orders: 30, customers: 8, articles: 4 };
const STORE: &str = "store";
const ORDER: &str = "sales.order";

struct Pipeline {
    manifest: Manifest,
    landing: Arc<ObjectLanding>,
    capture: CaptureLane,
    backfill: BackfillLane,
    warehouse: DuckWarehouse,
    applied: CommitNumber,
    _folder: tempfile::TempDir,
}

impl Pipeline {
    async fn start(position: &SourcePosition) -> Self {
        let generated = repository().join("generated");
        let text = std::fs::read(generated.join("manifest.json")).unwrap();
        let manifest: Manifest = serde_json::from_slice(&text).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let landing = Arc::new(ObjectLanding::local(&folder.path().join("landing")).unwrap());
        let codecs: Vec<Arc<dyn EntityCodec>> =
            acme_pipeline::registry().into_iter().map(Arc::from).collect();
        let registry = Arc::new(Registry::new(manifest.entities.clone(), &codecs).unwrap());
        let protector = Arc::new(Protector::new(Arc::new(LocalKeys::fixed([7; 32]))).unwrap());
        let limits = Limits::default();
        let capture = CaptureLane::open(registry, protector, landing.clone(), clock(), limits);
        let mut capture = capture.await.unwrap();
        capture.adopt(STORE, position.clone()).unwrap();
        let sql = SqlFiles::read(&generated, &manifest, "duckdb/").unwrap();
        let options = DuckOptions::in_memory();
        let mut warehouse = DuckWarehouse::new(options, sql, &manifest.entities).await.unwrap();
        warehouse.open(Epoch(1)).await.unwrap();
        let backfill = BackfillLane::new(clock(), Arc::new(AlwaysOpen), LaneSettings::default());
        let applied = CommitNumber(0);
        Self { manifest, landing, capture, backfill, warehouse, applied, _folder: folder }
    }

    fn take(&mut self, item: &StreamItem) {
        match item {
            StreamItem::Transaction(transaction) => {
                self.backfill.observe_transaction(transaction.xid, transaction.commit);
                self.capture.accept_transaction(STORE, transaction).unwrap();
                self.backfill.passed(transaction.end);
            }
            StreamItem::Part(part) => self.capture.accept_part(STORE, part).unwrap(),
            StreamItem::Passed(to) => {
                self.capture.accept_passed(STORE, *to).unwrap();
                self.backfill.passed(*to);
            }
        }
    }

    /// Takes items until a transaction holds what is asked for; how many TRUNCATEs came by.
    async fn pull_to(&mut self, stream: &mut PostgresStream, op: fn(&RowOp) -> bool) -> usize {
        let mut truncated = 0;
        loop {
            let item = tokio::time::timeout(PATIENCE, stream.next()).await;
            let item = item.expect("the stream is stuck").unwrap();
            self.take(&item);
            let StreamItem::Transaction(transaction) = item else { continue };
            let ops = || transaction.changes.iter().map(|change| &change.op);
            truncated += ops().filter(|op| **op == RowOp::Truncate).count();
            if ops().any(op) {
                return truncated;
            }
        }
    }

    /// Lands and applies everything; presented rows and tombstones of an entity.
    async fn shown(&mut self, entity: &str) -> (u64, u64) {
        while self.capture.commit().await.unwrap().is_some() {}
        while let Some(commit) = self.landing.commit_at(self.applied.next()).await.unwrap() {
            self.applied = commit.number;
            self.warehouse.apply(self.landing.as_ref(), &[commit]).await.unwrap();
        }
        let counts = self.warehouse.counts(self.manifest.entity(entity).unwrap()).await.unwrap();
        (counts.presented, counts.tombstones)
    }
}

fn inserts(op: &RowOp) -> bool {
    matches!(op, RowOp::Insert { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_table_is_empty_in_the_warehouse_whatever_comes_late() {
    let db = Database::new("emptied", covenant_sandbox::ACME_SCHEMA).await;
    let mut opened = db.open(None).await;
    let incarnation = match &opened.position {
        SourcePosition::Postgres { incarnation, .. } => *incarnation,
        other => panic!("{other:?}"),
    };
    assert_eq!(incarnation, Incarnation::FIRST);
    let mut pipeline = Pipeline::start(&opened.position).await;
    let mut maker = Maker::new(5, SIZE);
    history::load(&db.sql, &mut maker, jiff::Timestamp::now(), |_| ()).await.unwrap();

    // a read of the orders is under way: its rows are held until the stream has passed it
    let spec = pipeline.manifest.entity(ORDER).unwrap();
    let columns: Vec<&str> =
        spec.fields.iter().filter_map(|field| Some(field.from.get("store")?.as_str())).collect();
    let read = request("orders", &columns, &["order_id"]);
    let job = Job { id: "late".into(), entity: ORDER.into(), request: read };
    pipeline.backfill.resume(job, None).unwrap();
    let mut reader = PostgresReader::new(db.endpoint());
    assert!(pipeline.backfill.step(&mut reader).await.unwrap().is_none());

    // one statement for three tables, and a customer in the same transaction; then the same customer's next life
    let row = maker.customer(900, jiff::Timestamp::now());
    let quoted = |text: &String| format!("'{}'", text.replace('\'', "''"));
    let values = row.values.iter().map(|value| value.as_ref().map_or("NULL".to_owned(), quoted));
    let values: Vec<String> = values.collect();
    let insert = format!("INSERT INTO customers VALUES ({})", values.join(", "));
    db.run(&format!("BEGIN; {insert}; TRUNCATE customers CASCADE; {insert}; COMMIT")).await;
    let first = pipeline.pull_to(&mut opened.stream, |op| *op == RowOp::Truncate).await;
    assert_eq!(first, 3, "customers, orders and order lines");
    assert_eq!(pipeline.shown("sales.customer").await, (1, u64::from(SIZE.customers)));
    let orders = u64::from(SIZE.orders);
    assert_eq!(pipeline.shown(ORDER).await, (0, orders));

    // what was read before it comes out behind it, and stays away
    let mut late = 0;
    for _ in 0..500 {
        while let Some(chunk) = pipeline.backfill.step(&mut reader).await.unwrap() {
            late += chunk.rows.len();
            pipeline.capture.accept_chunk(STORE, &chunk).unwrap();
        }
        if pipeline.backfill.is_idle() {
            break;
        }
        let wait = Duration::from_millis(20);
        if let Ok(item) = tokio::time::timeout(wait, opened.stream.next()).await {
            pipeline.take(&item.unwrap());
        }
    }
    assert_eq!(late, SIZE.orders as usize, "the read was overtaken");
    assert_eq!(pipeline.shown(ORDER).await, (0, orders));

    // life goes on
    db.run(&insert.replace("C000000900", "C000000901")).await;
    assert_eq!(pipeline.pull_to(&mut opened.stream, inserts).await, 0);
    assert_eq!(pipeline.shown("sales.customer").await.0, 2);
}
