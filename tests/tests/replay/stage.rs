//! The pipeline without its sources: an instance is opened, told transactions, stepped until it rests, and closed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use covenant_model::change::Key;
use covenant_model::codec::EntityCodec;
use covenant_model::join::RowState;
use covenant_model::manifest::Manifest;
use covenant_model::spec::EntitySpec;
use covenant_model::version::{Incarnation, Lsn};
use covenant_runtime::apply::ApplyLane;
use covenant_runtime::backfill::lane::AlwaysOpen;
use covenant_runtime::capture::{CaptureLane, Limits, Registry};
use covenant_runtime::crm::Crm;
use covenant_runtime::crm::memory::{MemoryCrm, MemoryRecord};
use covenant_runtime::deliver::{CALL_LIFE, DeliverLane, Parts, Releases};
use covenant_runtime::env::{Clock, Env};
use covenant_runtime::error::Result;
use covenant_runtime::fault::NoFaults;
use covenant_runtime::keys::audit::MemoryAudit;
use covenant_runtime::keys::local::LocalKeys;
use covenant_runtime::keys::protector::Protector;
use covenant_runtime::keys::seams::DeliveryReveal;
use covenant_runtime::landing::objects::ObjectLanding;
use covenant_runtime::landing::{CommitNumber, Landing, SourcePosition};
use covenant_runtime::ledger::sqlite::SqliteLedger;
use covenant_runtime::replay::{PortionLimits, ReplayJob, ReplayLane, ReplayRequest};
use covenant_runtime::source::{Relation, RelationColumn, RowChange, RowOp, Transaction, Tuple};
use covenant_runtime::warehouse::TableCounts;
use covenant_runtime::warehouse::duckdb::{DuckOptions, DuckWarehouse, closed};
use covenant_runtime::warehouse::sql::SqlFiles;
use covenant_tests::under::Under;

pub(crate) const CUSTOMER: &str = "sales.customer";
const STORE: &str = "store";
/// 2026-01-02 in UTC, microseconds since 1970.
const START_US: i64 = 1_767_312_000_000_000;
/// Portions are small, so that replays take several.
const PORTION: PortionLimits = PortionLimits { rows: 7, commits: 3 };
/// Calls a day: never the limit here.
const DAILY_SHARE: u64 = 1_000_000;

pub(crate) struct Hand(AtomicI64);

#[async_trait]
impl Clock for Hand {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
    async fn sleep(&self, time: Duration) {
        self.0.fetch_add(time.as_micros() as i64, Ordering::Relaxed);
    }
}

/// What outlives an instance.
pub(crate) struct Stage {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) manifest: Manifest,
    pub(crate) landing: Arc<ObjectLanding>,
    pub(crate) sql: SqlFiles,
    pub(crate) protector: Arc<Protector>,
    pub(crate) crm: Arc<MemoryCrm>,
    hand: Arc<Hand>,
    env: Env,
    lsn: u64,
}

/// One instance of the runtime.
pub(crate) struct Instance {
    pub(crate) capture: CaptureLane,
    pub(crate) apply: ApplyLane,
    pub(crate) deliver: DeliverLane,
    pub(crate) replay: ReplayLane,
}

/// Everything that a target shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) rows: Vec<(Key, RowState)>,
    pub(crate) counts: TableCounts,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let generated = Path::new(env!("CARGO_MANIFEST_DIR")).join("../generated");
        let bytes = std::fs::read(generated.join("manifest.json")).unwrap();
        let manifest: Manifest = serde_json::from_slice(&bytes).unwrap();
        let sql = SqlFiles::read(&generated, &manifest, "duckdb").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let landing = Arc::new(ObjectLanding::local(&folder.path().join("landing")).unwrap());
        let hand = Arc::new(Hand(AtomicI64::new(START_US)));
        let env = Env { clock: hand.clone(), ..Env::system() };
        let keys = LocalKeys::fixed([7; 32]);
        Self {
            protector: Arc::new(Protector::new(Arc::new(keys)).unwrap()),
            crm: Arc::new(MemoryCrm::new(env.clone(), Arc::new(NoFaults))),
            lsn: 1_000,
            folder,
            manifest,
            landing,
            sql,
            hand,
            env,
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn warehouse_file(&self) -> PathBuf {
        self.file("warehouse.duckdb")
    }

    pub(crate) fn entity(&self) -> &EntitySpec {
        self.manifest.entity(CUSTOMER).unwrap()
    }

    fn registry(&self, entities: Vec<EntitySpec>) -> Arc<Registry> {
        let codecs: Vec<_> = acme_pipeline::registry()
            .into_iter()
            .map(|codec| {
                let codec: Arc<dyn EntityCodec> = Arc::from(codec);
                let spec = entities.iter().find(|entity| entity.name == codec.entity()).unwrap();
                let hash = String::leak(spec.contract_hash.clone());
                Arc::new(Under(codec, hash)) as Arc<dyn EntityCodec>
            })
            .collect();
        Arc::new(Registry::new(entities, &codecs).unwrap())
    }

    /// Starts an instance under the contracts that the manifest has now.
    pub(crate) async fn open(&self) -> Result<Instance> {
        let landing: Arc<dyn Landing> = self.landing.clone();
        let entities = self.manifest.entities.clone();
        let mut capture = CaptureLane::open(
            self.registry(entities.clone()),
            self.protector.clone(),
            landing.clone(),
            self.env.clock.clone(),
            Limits::default(),
        )
        .await?;
        if capture.position(STORE).is_none() {
            capture.adopt(STORE, slot())?;
        }
        let options = DuckOptions { threads: 1, ..DuckOptions::file(&self.warehouse_file()) };
        let duck = DuckWarehouse::new(options, self.sql.clone(), &entities).await?;
        let (models, env, epoch) = (Vec::new(), self.env.clone(), capture.epoch());
        let apply = ApplyLane::open(landing.clone(), Box::new(duck), models, env, epoch).await?;
        let ledger = SqliteLedger::open(&self.file("ledger.sqlite"), self.protector.clone())?;
        let audit = Arc::new(MemoryAudit::default());
        let parts = Parts {
            landing: landing.clone(),
            ledger: Box::new(ledger),
            crm: self.crm.clone(),
            reveal: Arc::new(DeliveryReveal::new(self.protector.clone(), audit, "test")),
            sealer: self.protector.clone(),
            env: self.env.clone(),
            epoch,
            daily_share: DAILY_SHARE,
            call_life: CALL_LIFE,
            releases: Releases::default(),
        };
        let deliver = DeliverLane::new(parts, &entities)?;
        let deriver = capture.deriver().clone();
        let mut replay = ReplayLane::new(landing, deriver, Arc::new(AlwaysOpen), PORTION);
        for (job, position) in ReplayJob::unfinished(capture.positions()) {
            replay.resume(job, Some(&position));
        }
        Ok(Instance { capture, apply, deliver, replay })
    }

    /// Closes it. DuckDB has written everything into its one file then.
    pub(crate) async fn close(&self, instance: Instance) {
        drop(instance);
        closed(&self.warehouse_file()).await.unwrap();
    }

    /// A transaction of the store, landed.
    pub(crate) async fn told(&mut self, instance: &mut Instance, ops: Vec<RowOp>) {
        self.lsn += 10;
        self.hand.0.fetch_add(1_000_000, Ordering::Relaxed);
        let relation = relation(self.entity());
        let change = |(at, op): (usize, RowOp)| RowChange {
            relation: relation.clone(),
            op,
            ordinal: 2 * at as u32 + 1,
        };
        let transaction = Transaction {
            xid: self.lsn as u32,
            commit: Lsn(self.lsn - 1),
            end: Lsn(self.lsn),
            committed_at_us: self.hand.now_us(),
            changes: ops.into_iter().enumerate().map(change).collect(),
        };
        instance.capture.accept_transaction(STORE, &transaction).unwrap();
        instance.capture.commit().await.unwrap().unwrap();
    }

    pub(crate) fn calls(&self) -> u64 {
        self.crm.usage().unwrap().used
    }

    pub(crate) fn accounts(&self) -> BTreeMap<String, MemoryRecord> {
        self.crm.records("Account")
    }

    pub(crate) async fn newest(&self) -> CommitNumber {
        self.landing.newest().await.unwrap().unwrap().number
    }

    /// Every later revision of a retry is due.
    pub(crate) fn wait(&self) {
        self.hand.0.fetch_add(120_000_000, Ordering::Relaxed);
    }
}

impl Instance {
    /// Until the lanes that bring out rest.
    pub(crate) async fn rest(&mut self) {
        while !self.apply.step().await.unwrap().idle() {}
        while !self.deliver.step().await.unwrap().idle() {}
    }

    pub(crate) async fn shown(&mut self, entity: &EntitySpec) -> Shown {
        let warehouse = self.apply.warehouse();
        let mut rows = warehouse.scan(entity, None, 10_000).await.unwrap();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        Shown { rows, counts: warehouse.counts(entity).await.unwrap() }
    }

    /// Orders a replay, as the API does.
    pub(crate) async fn order(&mut self, request: &ReplayRequest) -> ReplayJob {
        let known = self.capture.positions().clone();
        let newest = self.capture.last_commit();
        let job = ReplayJob::asked(request, newest, &[CUSTOMER], &known).unwrap();
        if self.capture.position(&job.id).is_none() {
            self.capture.adopt(&job.id, job.position(None, 0)).unwrap();
        }
        self.capture.commit().await.unwrap();
        self.replay.resume(job.clone(), self.capture.position(&job.id));
        job
    }

    /// Lands one portion; false: there was none.
    pub(crate) async fn portion(&mut self) -> bool {
        let Some(portion) = self.replay.step().await.unwrap() else { return false };
        assert_eq!(portion.refused, 0, "{:?}", portion.refusal);
        self.capture.accept_replay(portion).unwrap();
        self.capture.commit().await.unwrap();
        true
    }

    /// Lands all portions; how many.
    pub(crate) async fn portions(&mut self) -> u64 {
        let mut landed = 0;
        while self.portion().await {
            landed += 1;
        }
        landed
    }
}

fn slot() -> SourcePosition {
    SourcePosition::Postgres {
        incarnation: Incarnation::FIRST,
        system_id: "7".to_owned(),
        timeline: 1,
        slot: "covenant".to_owned(),
        lsn: Lsn(1_000),
    }
}

fn relation(entity: &EntitySpec) -> Arc<Relation> {
    let columns = entity.fields.iter().filter_map(|field| field.from.get(STORE));
    let column = |name: &String| RelationColumn {
        name: name.clone(),
        key: name == "customer_id",
        type_oid: 25,
    };
    let columns = columns.map(column).collect();
    Arc::new(Relation { schema: "public".to_owned(), table: "customers".to_owned(), columns })
}

pub(crate) fn key_text(number: u32) -> String {
    format!("C{number:09}")
}

/// The row of a customer.
pub(crate) fn row(entity: &EntitySpec, number: u32, points: u32) -> Tuple {
    let relation = relation(entity);
    let text = |name: &str| match name {
        "customer_id" => Some(key_text(number)),
        "display_name" => Some(format!("Ann {points}")),
        "email" => Some(format!("ann{number}@example.com")),
        "country" => Some("DE".to_owned()),
        "language" => Some("de".to_owned()),
        "segment" => Some("consumer".to_owned()),
        "credit_limit" => Some("0.00".to_owned()),
        "loyalty_points" => Some(points.to_string()),
        "marketing_opt_in" => Some("t".to_owned()),
        "created_at" | "updated_at" => Some("2026-01-01 00:00:00+00".to_owned()),
        _ => None,
    };
    let texts: Vec<Option<String>> =
        relation.columns.iter().map(|column| text(&column.name)).collect();
    Tuple::from_texts(texts.iter().map(|text| text.as_deref().map(str::as_bytes)))
}

/// The key alone.
fn key_only(entity: &EntitySpec, number: u32) -> Tuple {
    let text = key_text(number);
    let relation = relation(entity);
    Tuple::from_texts(relation.columns.iter().map(|column| column.key.then_some(text.as_bytes())))
}

pub(crate) fn insert(entity: &EntitySpec, number: u32, points: u32) -> RowOp {
    RowOp::Insert { new: row(entity, number, points) }
}

pub(crate) fn update(entity: &EntitySpec, number: u32, points: u32) -> RowOp {
    RowOp::Update { old: None, new: row(entity, number, points) }
}

pub(crate) fn moved(entity: &EntitySpec, from: u32, to: u32, points: u32) -> RowOp {
    RowOp::Update { old: Some(key_only(entity, from)), new: row(entity, to, points) }
}

pub(crate) fn delete(entity: &EntitySpec, number: u32) -> RowOp {
    RowOp::Delete { old: key_only(entity, number) }
}
