//! The CRM itself is compared with the ledger: what somebody deleted, edited, copied or brought back there is named, and what
//! our rows say is sent again.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use covenant_model::change::{Change, Key};
use covenant_model::spec::{EntitySpec, OnDelete};
use covenant_model::value::Value;
use covenant_model::version::{Guard, Lsn};
use covenant_runtime::crm::CrmValue;
use covenant_runtime::crm::memory::{MemoryCrm, MemoryRecord};
use covenant_runtime::deliver::record::{Reveal, RevealSite, Revealed};
use covenant_runtime::deliver::{DeliverLane, Parts};
use covenant_runtime::env::{Clock, Env, SystemChance};
use covenant_runtime::error::{ErrorKind, Result};
use covenant_runtime::fault::NoFaults;
use covenant_runtime::landing::memory::MemoryLanding;
use covenant_runtime::landing::{CommitNumber, Epoch, Landing};
use covenant_runtime::ledger::sqlite::SqliteLedger;
use covenant_runtime::reconcile::Report;
use covenant_runtime::reconcile::org::{OrgParts, OrgSide};
use covenant_runtime::reconcile::run::Lanes;
use covenant_runtime::source::ChunkRequest;
use support::spec::{CUSTOMER, ORDER, customer, order};
use support::{TestSealer, change, land, version};

/// Rows of each entity.
const ROWS: u64 = 12;
/// Calls that deliveries may make in a day.
const SHARE: u64 = 10_000;

struct NoReveal;

impl Reveal for NoReveal {
    fn reveal(&self, _: &RevealSite<'_>, cipher: &str) -> Result<Value> {
        Ok(Value::Text(cipher.to_owned()))
    }
    fn audit(&self, _: &Revealed<'_>) {}
}

/// The machine's time, in shorter naps.
struct Hasty;

#[async_trait]
impl Clock for Hasty {
    fn now_us(&self) -> i64 {
        jiff::Timestamp::now().as_microsecond()
    }
    async fn sleep(&self, _: Duration) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

struct Beside(Arc<MemoryLanding>);

#[async_trait(?Send)]
impl Lanes for Beside {
    async fn landed_past(&mut self, _: Lsn) -> Result<CommitNumber> {
        Ok(self.0.newest().await?.map_or(CommitNumber(0), |commit| commit.number))
    }
    async fn repair(&mut self, _: &str, _: ChunkRequest) -> Result<CommitNumber> {
        unreachable!("no table is read again")
    }
    async fn waiting(&mut self, _: &str) -> Result<BTreeSet<String>> {
        Ok(BTreeSet::new())
    }
    fn progress(&mut self, _: String) {}
}

struct World {
    crm: Arc<MemoryCrm>,
    landing: Arc<MemoryLanding>,
    entities: Vec<EntitySpec>,
    lane: DeliverLane,
    org: OrgSide,
    _folder: tempfile::TempDir,
}

impl World {
    /// Customers and their orders, delivered.
    async fn delivered(on_delete: OnDelete) -> Self {
        let env = Env { clock: Arc::new(Hasty), chance: Arc::new(SystemChance) };
        let crm = Arc::new(MemoryCrm::new(env.clone(), Arc::new(NoFaults)));
        let landing = Arc::new(MemoryLanding::new());
        let entities = vec![order(on_delete), customer(on_delete)];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let ledger = || Box::new(SqliteLedger::open(&path, Arc::new(TestSealer)).unwrap());
        let parts = Parts {
            landing: landing.clone(),
            ledger: ledger(),
            crm: crm.clone(),
            reveal: Arc::new(NoReveal),
            sealer: Arc::new(TestSealer),
            env: env.clone(),
            epoch: Epoch(1),
            daily_share: SHARE,
            call_life: Duration::ZERO,
            releases: covenant_runtime::deliver::Releases::default(),
        };
        let lane = DeliverLane::new(parts, &entities).unwrap();
        let beside = OrgParts {
            crm: crm.clone(),
            ledger: ledger(),
            reveal: Arc::new(NoReveal),
            calls: lane.budget(),
            daily_share: SHARE,
            env,
        };
        let org = OrgSide::new(beside, &entities).unwrap();
        let mut world = Self { crm, landing, entities, lane, org, _folder: folder };
        let customers = (1..=ROWS).map(|n| says(n, &format!("K{n}"), "Ann")).collect();
        let orders = (1..=ROWS).map(|n| says(n, &format!("K{n}"), &format!("K{n}"))).collect();
        world.land(customers, orders).await;
        world.settle().await;
        world
    }

    async fn land(&self, customers: Vec<Change>, orders: Vec<Change>) {
        let told = [(&self.entities[1], customers), (&self.entities[0], orders)];
        land(self.landing.as_ref(), &told).await;
    }

    /// A person deletes a record.
    fn remove(&self, object: &str, external_id: &str) -> bool {
        let id = self.crm.records(object)[external_id].id.clone();
        self.crm.change(object, &id, |record| record.deleted = true)
    }

    /// A person copies an order under an external id: what an org takes in which it is not unique.
    fn copy(&self, object: &str, external_id: &str, to: &str) -> bool {
        let copied = self.crm.records(object)[external_id].clone();
        let id = self.crm.make(object, &[]);
        self.crm.change(object, &id, |record| {
            *record = MemoryRecord { id: id.clone(), external_id: to.to_owned(), ..copied };
            record.fields.insert("Order_Id__c".to_owned(), text(to));
        })
    }

    async fn settle(&mut self) {
        loop {
            self.lane.step().await.unwrap();
            let counts = self.lane.counts().unwrap();
            if counts.values().all(|counts| counts.waiting + counts.parked == 0) {
                return;
            }
        }
    }

    /// A reconciliation of both entities beside the lane, as a person asks for it.
    async fn compare(&mut self, repair: bool) -> Vec<Report> {
        let (lane, org) = (&mut self.lane, &mut self.org);
        let mut lanes = Beside(self.landing.clone());
        let delivering = async {
            loop {
                lane.step().await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let comparing = async {
            let mut reports = Vec::new();
            for name in org.entities() {
                reports.push(org.entity(&mut lanes, &name, repair).await.unwrap());
            }
            reports
        };
        tokio::select! {
            () = delivering => unreachable!("it goes on for ever"),
            reports = comparing => reports,
        }
    }
}

fn key(name: &str) -> Key {
    Key(vec![Value::Text(name.to_owned())])
}

fn says(place: u64, name: &str, first: &str) -> Change {
    let groups = [
        Some((Guard::latest(version(place)), Value::Text(first.to_owned()))),
        Some((Guard::ranked(0, 1), Value::Text("paid".to_owned()))),
        Some((Guard::max(7).unwrap(), Value::Int(7))),
    ];
    change(key(name), place, Some(true), groups, None)
}

fn gone(place: u64, name: &str) -> Change {
    change(key(name), place, Some(false), [None, None, None], None)
}

fn text(value: &str) -> CrmValue {
    CrmValue::Text(value.to_owned())
}

#[tokio::test]
async fn what_somebody_did_to_the_org_is_named_and_mended() {
    let mut world = World::delivered(OnDelete::Flag).await;
    for report in world.compare(false).await {
        assert_eq!((report.source_rows, report.target_rows), (ROWS, ROWS), "{report:?}");
        assert_eq!((report.differences(), report.undelivered), (0, 0), "{report:?}");
    }

    assert!(world.remove("Order__c", "K1"));
    assert!(world.crm.edit("Order__c", "K2", &[("Status__c", text("refunded"))]));
    let points = [("Points__c", CrmValue::Number("8.0".to_owned()))];
    assert!(world.crm.edit("Order__c", "K3", &points));
    assert!(world.crm.edit("Order__c", "K4", &[("Notes__c", text("ours to read only"))]));
    assert!(world.crm.edit("Order__c", "K5", &[("Covenant_Deleted__c", CrmValue::Bool(true))]));
    assert!(world.copy("Order__c", "K6", "nobody's"));
    assert!(world.copy("Order__c", "K7", "K7"));
    // A record of a customer that is gone, with its orders' lookups to it.
    assert!(world.remove("Account", "K8"));

    let found = world.compare(false).await;
    let [customers, orders] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((customers.entity.as_str(), orders.entity.as_str()), (CUSTOMER, ORDER));
    assert_eq!(customers.missing.keys, ["K8"], "{customers:?}");
    assert_eq!(customers.differences(), 1, "{customers:?}");
    assert_eq!(orders.missing.keys, ["K1"], "{orders:?}");
    assert_eq!(orders.diverged.keys, ["K2", "K3", "K5", "K8"], "{orders:?}");
    assert_eq!(orders.edited, 4, "{orders:?}");
    assert_eq!(orders.extra.keys, ["nobody's"], "{orders:?}");
    assert_eq!(orders.duplicated.count, 1, "{orders:?}");
    assert!(orders.duplicated.keys[0].starts_with("K7 (0"), "{orders:?}");
    assert!(!orders.clean() && found.iter().all(|report| report.repaired == 0));

    let mended = world.compare(true).await;
    assert!(mended[0].clean(), "{mended:?}");
    let left = &mended[1];
    // The lookup to K8 is whole again with K8.
    assert_eq!((left.differences(), left.repaired), (6, 4), "{left:?}");
    assert!(!left.clean(), "what nobody here knows is left to a person");

    let after = world.compare(false).await;
    assert_eq!((after[0].differences(), after[1].differences()), (0, 2), "{after:?}");
    let records = world.crm.records("Order__c");
    assert_eq!(records["K2"].fields["Status__c"], text("paid"));
    assert_eq!(records["K4"].fields["Notes__c"], text("ours to read only"));
    assert!(records.contains_key("K1") && records.contains_key("nobody's"));
    assert!(records["K2"].revision > records["K4"].revision, "a repair is a delivery");
}

#[tokio::test]
async fn a_record_of_a_deleted_row_goes_by_the_sinks_policy() {
    for policy in [OnDelete::Flag, OnDelete::Delete, OnDelete::Keep] {
        let mut world = World::delivered(policy).await;
        world.land(Vec::new(), vec![gone(99, "K1")]).await;
        world.settle().await;
        let back = match policy {
            OnDelete::Flag => {
                world.crm.edit("Order__c", "K1", &[("Covenant_Deleted__c", CrmValue::Bool(false))])
            }
            OnDelete::Delete => world.copy("Order__c", "K2", "K1"),
            OnDelete::Keep => true,
        };
        assert!(back, "{policy:?}");
        let mended = world.compare(true).await;
        let extra = u64::from(policy != OnDelete::Keep);
        assert_eq!(mended[1].extra.count, extra, "{policy:?}: {mended:?}");
        assert!(mended[1].clean(), "{policy:?}: {mended:?}");
        let records = world.crm.records("Order__c");
        let shown = records.get("K1").is_some_and(|record| {
            record.fields.get("Covenant_Deleted__c") != Some(&CrmValue::Bool(true))
        });
        assert_eq!(shown, policy == OnDelete::Keep, "{policy:?}");
    }
}

#[tokio::test]
async fn a_row_that_waits_or_is_refused_is_no_difference() {
    let mut world = World::delivered(OnDelete::Flag).await;
    assert!(world.crm.edit("Order__c", "K1", &[("Status__c", text("refunded"))]));
    // Its parent does not exist: the row is parked, and what its record says is not its business yet.
    world.land(Vec::new(), vec![says(50, "K1", "nobody")]).await;
    world.lane.step().await.unwrap();
    assert_eq!(world.lane.counts().unwrap()[ORDER].parked, 1);
    let found = world.compare(false).await;
    assert_eq!((found[1].differences(), found[1].undelivered), (0, 1), "{found:?}");
}

#[tokio::test]
async fn reading_ends_where_it_would_take_calls_from_deliveries() {
    let mut world = World::delivered(OnDelete::Flag).await;
    let now_us = jiff::Timestamp::now().as_microsecond();
    world.lane.budget().with(|budget| budget.spend(now_us, SHARE / 2));
    let mut lanes = Beside(world.landing.clone());
    let error = world.org.entity(&mut lanes, ORDER, false).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Throttled, "{error}");
    assert!(error.to_string().contains("would take calls from deliveries"), "{error}");
}
