//! The delivery lane and the real client against the Salesforce simulator: expired tokens, edge pages, lost and late answers,
//! locked rows, parents that come later, and an instance that has been overtaken.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

#[path = "../../runtime/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use covenant_model::change::{Change, Key};
use covenant_model::spec::{EntitySpec, OnDelete};
use covenant_model::value::Value;
use covenant_model::version::Guard;
use covenant_runtime::app::config::Secret;
use covenant_runtime::crm::Crm;
use covenant_runtime::crm::salesforce::{Grant, Salesforce};
use covenant_runtime::deliver::record::{Reveal, RevealSite, Revealed};
use covenant_runtime::deliver::{DeliverLane, Parts};
use covenant_runtime::env::Env;
use covenant_runtime::error::{ErrorKind, Result};
use covenant_runtime::landing::Epoch;
use covenant_runtime::landing::memory::MemoryLanding;
use covenant_runtime::ledger::sqlite::SqliteLedger;
use covenant_sandbox::salesforce::faults::{Effect, FaultRule, Match, RowFault};
use covenant_sandbox::salesforce::org::{FieldDef, FieldKind, ObjectDef, Org, RuleDef};
use covenant_sandbox::salesforce::{Running, SimConfig, Simulator};
use support::spec::{ORDER, customer, order};
use support::{TestSealer, change, land, version};

/// A lane that has not settled after so many steps never will.
const STEPS_MAX: usize = 300;
/// Between two steps: rows that failed wait before they are tried again.
const STEP_PAUSE: Duration = Duration::from_millis(50);
/// All of time, microseconds.
const EVER_US: std::ops::Range<i64> = 0..4_000_000_000_000_000;

struct NoReveal;

impl Reveal for NoReveal {
    fn reveal(&self, _: &RevealSite<'_>, cipher: &str) -> Result<Value> {
        Ok(Value::Text(cipher.to_owned()))
    }
    fn audit(&self, _: &Revealed<'_>) {}
}

fn org() -> Org {
    let mut org = Org::standard();
    let external = |name: &str| FieldDef::new(name, name, FieldKind::text(64)).external(true);
    let own = |object: &mut ObjectDef| {
        let number = |precision| FieldKind::Number { precision, scale: 0 };
        object.put_field(FieldDef::new("Status__c", "Status", FieldKind::text(10)));
        object.put_field(FieldDef::new("Points__c", "Points", number(18)));
        object.put_field(FieldDef::new("Covenant_Revision__c", "Revision", number(18)));
        object.put_field(FieldDef::new("Covenant_Deleted__c", "Deleted", FieldKind::Checkbox));
        object.validation_rules.push(RuleDef {
            name: "Covenant_Revision".to_owned(),
            active: true,
            formula: "AND(NOT(ISNEW()), Covenant_Revision__c < PRIORVALUE(Covenant_Revision__c))"
                .to_owned(),
            message: "Refused: the delivery revision is lower than the record's".to_owned(),
            field: None,
        });
    };
    let account = org.object_mut("Account").unwrap();
    account.put_field(external("Customer_Id__c"));
    own(account);
    let mut order = ObjectDef::new("Order__c", "Order", "Orders");
    order.put_field(external("Order_Id__c"));
    order.put_field(FieldDef::new(
        "Customer__c",
        "Customer",
        FieldKind::Reference {
            to: "Account".to_owned(),
            relationship: "Customer__r".to_owned(),
            on_delete: covenant_sandbox::salesforce::org::OnDelete::SetNull,
        },
    ));
    own(&mut order);
    org.objects.push(order);
    org
}

struct World {
    simulator: Running,
    landing: Arc<MemoryLanding>,
    entities: Vec<EntitySpec>,
    folder: tempfile::TempDir,
}

impl World {
    async fn new(on_delete: OnDelete) -> Self {
        let config = SimConfig { org: org(), ..SimConfig::default() };
        Self {
            simulator: Simulator::start(config).await.unwrap(),
            landing: Arc::new(MemoryLanding::new()),
            entities: vec![order(on_delete), customer(on_delete)],
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn crm(&self) -> Arc<Salesforce> {
        let grant = Grant::ClientCredentials {
            client_id: "key".to_owned(),
            client_secret: Secret::new("secret"),
        };
        let crm = Salesforce::new(&self.simulator.base_url, "60.0", grant, Env::system());
        Arc::new(crm.unwrap())
    }

    fn lane(&self, epoch: u64, ledger: &Path) -> DeliverLane {
        let parts = Parts {
            landing: Arc::clone(&self.landing) as _,
            ledger: Box::new(SqliteLedger::open(ledger, Arc::new(TestSealer)).unwrap()),
            crm: self.crm(),
            reveal: Arc::new(NoReveal),
            sealer: Arc::new(TestSealer),
            env: Env::system(),
            epoch: Epoch(epoch),
            daily_share: 10_000,
            call_life: covenant_runtime::deliver::CALL_LIFE,
            releases: covenant_runtime::deliver::Releases::default(),
        };
        DeliverLane::new(parts, &self.entities).unwrap()
    }

    fn ledger(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    async fn land(&self, customers: Vec<Change>, orders: Vec<Change>) {
        let by_entity = [(&self.entities[1], customers), (&self.entities[0], orders)];
        land(self.landing.as_ref(), &by_entity).await;
    }

    /// Records by external id, without those that are deleted or flagged.
    async fn shown(&self, object: &str, external_id: &str) -> BTreeMap<String, serde_json::Value> {
        let fields = [external_id, "Status__c", "Points__c", "Covenant_Deleted__c"];
        let fields: Vec<String> = fields.iter().map(|name| (*name).to_owned()).collect();
        let found = self.crm().modified(object, &fields, EVER_US.start, EVER_US.end).await.unwrap();
        let records = found.into_iter().filter(|record| !record.deleted);
        let json = records.map(|it| serde_json::from_slice::<serde_json::Value>(&it.json).unwrap());
        json.filter(|it| it["Covenant_Deleted__c"] != true)
            .map(|it| (it[external_id].as_str().unwrap_or("none").to_owned(), it))
            .collect()
    }
}

async fn settle(lane: &mut DeliverLane) {
    for _ in 0..STEPS_MAX {
        match lane.step().await {
            Ok(_) => {
                let counts = lane.counts().unwrap();
                if counts.values().all(|counts| counts.waiting + counts.parked == 0) {
                    return;
                }
            }
            Err(error) => assert_eq!(error.kind, ErrorKind::Unavailable, "{error}"),
        }
        tokio::time::sleep(STEP_PAUSE).await;
    }
    panic!("the lane does not settle: {:?}", lane.counts().unwrap());
}

fn key(number: u64) -> Key {
    Key(vec![Value::Text(format!("K{number}"))])
}

fn says(place: u64, key: Key, first: &str, status: &str, from: Option<Key>) -> Change {
    let groups = [
        Some((Guard::latest(version(place)), Value::Text(first.to_owned()))),
        Some((Guard::ranked(0, place as u16), Value::Text(status.to_owned()))),
        Some((Guard::max(place.into()).unwrap(), Value::Int(place as i64))),
    ];
    change(key, place, Some(true), groups, from)
}

fn gone(place: u64, key: Key) -> Change {
    change(key, place, Some(false), [None, None, None], None)
}

fn fault(path: &str, times: u64, effect: Effect) -> FaultRule {
    let matches =
        Match { path_contains: Some(path.to_owned()), times: Some(times), ..Match::default() };
    FaultRule { matches, effect }
}

#[tokio::test]
async fn whatever_goes_wrong_every_row_arrives_once() {
    let world = World::new(OnDelete::Flag).await;
    let mut lane = world.lane(1, &world.ledger("ledger"));
    let upsert = "composite/sobjects";
    let effects = [
        (1, Effect { expire_token: true, ..Effect::default() }),
        (1, Effect { status: Some(503), html: true, ..Effect::default() }),
        (1, Effect { lost_reply: true, ..Effect::default() }),
        (1, Effect { lost_request: true, ..Effect::default() }),
        (1, Effect { late_apply_ms: Some(300), ..Effect::default() }),
        (
            4,
            Effect {
                row_error: Some(RowFault {
                    code: "UNABLE_TO_LOCK_ROW".to_owned(),
                    message: None,
                    fields: Vec::new(),
                    every_nth: Some(3),
                    keys: Vec::new(),
                }),
                ..Effect::default()
            },
        ),
    ];
    let customers = |place: u64| {
        let one = move |n: u64| says(place + n, key(n), &format!("Customer {n}"), "new", None);
        (1..=250).map(one).collect::<Vec<_>>()
    };
    let orders = (1..=250).map(|n| says(n, key(n), &format!("K{n}"), "paid", None)).collect();
    world.land(customers(0), orders).await;
    for (round, (times, effect)) in effects.into_iter().enumerate() {
        assert!(world.simulator.add_fault(fault(upsert, times, effect)));
        settle(&mut lane).await;
        world.land(customers(1_000 * (round as u64 + 1)), Vec::new()).await;
    }
    settle(&mut lane).await;
    let accounts = world.shown("Account", "Customer_Id__c").await;
    assert_eq!(accounts.len(), 250);
    for n in 1..=250u64 {
        let points = accounts[&format!("K{n}")]["Points__c"].as_f64().unwrap();
        assert!((points - (6_000.0 + n as f64)).abs() < 0.5, "{n}: {points}");
    }
    assert_eq!(world.shown("Order__c", "Order_Id__c").await.len(), 250);
}

#[tokio::test]
async fn a_child_waits_and_an_invalid_row_stands_aside() {
    let world = World::new(OnDelete::Flag).await;
    let mut lane = world.lane(1, &world.ledger("ledger"));
    let long = "a status that is longer than the field";
    world
        .land(
            vec![says(1, key(1), "Ann", "new", None), says(2, key(2), "Bob", long, None)],
            vec![says(3, key(7), "K9", "paid", None)],
        )
        .await;
    lane.step().await.unwrap();
    let counts = lane.counts().unwrap();
    assert_eq!(counts[ORDER].parked, 1);
    assert_eq!(counts[support::spec::CUSTOMER].quarantined, 1);
    let rows = lane.ledger().scan(support::spec::CUSTOMER, None, 10).unwrap();
    let reason = rows.iter().find_map(|row| row.reason.clone()).unwrap();
    assert!(reason.starts_with("STRING_TOO_LONG") && !reason.contains("longer than"), "{reason}");
    world.land(vec![says(4, key(9), "Eve", "new", None)], Vec::new()).await;
    settle(&mut lane).await;
    assert!(world.shown("Order__c", "Order_Id__c").await.contains_key("K7"));
}

#[tokio::test]
async fn a_moved_row_keeps_its_record_although_the_answer_was_lost() {
    let world = World::new(OnDelete::Flag).await;
    let mut lane = world.lane(1, &world.ledger("ledger"));
    world.land(vec![says(1, key(1), "Ann", "new", None)], Vec::new()).await;
    settle(&mut lane).await;
    let before = world.shown("Account", "Customer_Id__c").await["K1"]["Id"].clone();
    let lost = Effect { lost_reply: true, ..Effect::default() };
    world.simulator.add_fault(fault("sobjects/Account/", 1, lost));
    let moved = says(2, key(2), "Ann", "new", Some(key(1)));
    world.land(vec![gone(2, key(1)), moved], Vec::new()).await;
    settle(&mut lane).await;
    let accounts = world.shown("Account", "Customer_Id__c").await;
    assert_eq!(accounts.keys().collect::<Vec<_>>(), ["K2"]);
    assert_eq!(accounts["K2"]["Id"], before);
}

#[tokio::test]
async fn deleted_rows_are_deleted_children_first() {
    let world = World::new(OnDelete::Delete).await;
    let mut lane = world.lane(1, &world.ledger("ledger"));
    let order = says(2, key(7), "K1", "paid", None);
    world.land(vec![says(1, key(1), "Ann", "new", None)], vec![order]).await;
    settle(&mut lane).await;
    world.land(vec![gone(3, key(1))], vec![gone(4, key(7))]).await;
    settle(&mut lane).await;
    assert!(world.shown("Account", "Customer_Id__c").await.is_empty());
    assert!(world.shown("Order__c", "Order_Id__c").await.is_empty());
}

#[tokio::test]
async fn salesforce_itself_refuses_an_overtaken_instance() {
    let world = World::new(OnDelete::Flag).await;
    world.land(vec![says(1, key(1), "Ann", "new", None)], Vec::new()).await;
    let mut newer = world.lane(2, &world.ledger("newer"));
    settle(&mut newer).await;
    let mut older = world.lane(1, &world.ledger("older"));
    let error = older.step().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fenced, "{error}");
}
