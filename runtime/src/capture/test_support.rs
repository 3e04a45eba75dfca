//! A capture lane over the small shop, a clock that stands still, and tuples by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use covenant_model::change::Change;
use covenant_model::floor::Floor;
use covenant_model::join::Table;
use covenant_model::spec::EntitySpec;
use covenant_model::version::{Incarnation, Lsn};

use super::{CaptureLane, Limits, Registry};
use crate::env::Clock;
use crate::error::Result;
use crate::keys::local::LocalKeys;
use crate::keys::protector::Protector;
use crate::landing::memory::MemoryLanding;
use crate::landing::{CommitNumber, Landing, Quarantined, SourcePosition};
use crate::source::{Relation, RelationColumn, RowChange, RowOp, Transaction, Tuple};
use crate::testing;

pub(crate) const STORE: &str = "store";

/// Plaintexts that must never be found outside of memory.
pub(crate) const CANARIES: [&str; 5] =
    ["canary-mail@example.com", "canary-session", "1911-11-11", "canary-note", "canary-name"];

pub(crate) struct StillClock(pub(crate) AtomicI64);

#[async_trait]
impl Clock for StillClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
    async fn sleep(&self, _: Duration) {}
}

pub(crate) fn clock() -> Arc<StillClock> {
    Arc::new(StillClock(AtomicI64::new(1_000_000)))
}

pub(crate) fn registry(entities: Vec<EntitySpec>) -> Arc<Registry> {
    let codecs = testing::codecs(&entities);
    Arc::new(Registry::new(entities, &codecs).unwrap())
}

pub(crate) fn protector() -> Arc<Protector> {
    Arc::new(Protector::new(Arc::new(LocalKeys::fixed([3; 32]))).unwrap())
}

pub(crate) async fn try_lane(landing: &MemoryLanding) -> Result<CaptureLane> {
    lane_of(testing::entities(), landing).await
}

pub(crate) async fn lane_of(
    entities: Vec<EntitySpec>,
    landing: &MemoryLanding,
) -> Result<CaptureLane> {
    let mut lane = CaptureLane::open(
        registry(entities),
        protector(),
        Arc::new(landing.clone()),
        clock(),
        Limits::default(),
    )
    .await?;
    if lane.position(STORE).is_none() {
        lane.adopt(STORE, start()).unwrap();
    }
    Ok(lane)
}

pub(crate) async fn lane(landing: &MemoryLanding) -> CaptureLane {
    try_lane(landing).await.unwrap()
}

pub(crate) fn start() -> SourcePosition {
    SourcePosition::Postgres {
        incarnation: Incarnation::FIRST,
        system_id: "7".to_owned(),
        timeline: 1,
        slot: "covenant".to_owned(),
        lsn: Lsn(10),
    }
}

fn relation(table: &str, columns: &[&str]) -> Arc<Relation> {
    let column = |(at, name): (usize, &&str)| RelationColumn {
        name: (*name).to_owned(),
        key: at == 0,
        type_oid: 25,
    };
    let columns = columns.iter().enumerate().map(column).collect();
    Arc::new(Relation { schema: "public".to_owned(), table: table.to_owned(), columns })
}

pub(crate) fn orders() -> Arc<Relation> {
    let columns = [
        "order_id",
        "status",
        "total",
        "email",
        "street",
        "session",
        "birth",
        "note",
        "updated_at",
    ];
    relation("orders", &columns)
}

pub(crate) fn customers() -> Arc<Relation> {
    relation("customers", &["customer_id", "name", "points", "notes"])
}

pub(crate) fn uuid(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

/// A valid order; `edit` changes single columns.
pub(crate) fn order(number: u128, edit: &[(usize, Option<&str>)]) -> Tuple {
    let id = uuid(number);
    let mut texts = [
        Some(id.as_str()),
        Some("placed"),
        Some("12.30"),
        Some(CANARIES[0]),
        Some("Main Street 1"),
        Some(CANARIES[1]),
        Some(CANARIES[2]),
        Some(CANARIES[3]),
        Some("2026-01-01 00:00:00+00"),
    ];
    for (at, text) in edit {
        texts[*at] = *text;
    }
    Tuple::from_texts(texts.map(|text| text.map(str::as_bytes)))
}

pub(crate) fn customer(id: &str, points: &str) -> Tuple {
    let texts = [Some(id), Some(CANARIES[4]), Some(points), None];
    Tuple::from_texts(texts.map(|text| text.map(str::as_bytes)))
}

pub(crate) fn key_only(relation: &Relation, id: &str) -> Tuple {
    let rest = relation.columns.len() - 1;
    Tuple::from_texts(std::iter::once(Some(id.as_bytes())).chain(std::iter::repeat_n(None, rest)))
}

pub(crate) fn transaction(end: u64, ops: Vec<(Arc<Relation>, RowOp)>) -> Transaction {
    let mut ordinal = 1;
    let mut changes = Vec::new();
    for (relation, op) in ops {
        let takes = if matches!(op, RowOp::Update { old: Some(_), .. }) { 2 } else { 1 };
        changes.push(RowChange { relation, op, ordinal });
        ordinal += takes;
    }
    let committed_at_us = i64::try_from(end).unwrap() * 1000;
    Transaction { xid: 1, commit: Lsn(end - 1), end: Lsn(end), committed_at_us, changes }
}

pub(crate) fn insert(tuple: Tuple) -> RowOp {
    RowOp::Insert { new: tuple }
}

/// Everything that is durable.
pub(crate) struct Landed {
    pub(crate) changes: Vec<(String, Change)>,
    pub(crate) quarantined: Vec<Quarantined>,
    pub(crate) floors: Vec<Floor>,
}

pub(crate) async fn landed(landing: &MemoryLanding) -> Landed {
    let mut all = Landed { changes: Vec::new(), quarantined: Vec::new(), floors: Vec::new() };
    let mut number = CommitNumber(1);
    while let Some(commit) = landing.commit_at(number).await.unwrap() {
        for file in &commit.files {
            let entities = testing::entities();
            let entity = entities.iter().find(|entity| entity.name == file.entity).unwrap();
            let changes = landing.changes(entity, file).await.unwrap();
            all.changes.extend(changes.into_iter().map(|change| (file.entity.clone(), change)));
        }
        if let Some(file) = &commit.quarantine {
            all.quarantined.extend(landing.quarantined(file).await.unwrap());
        }
        all.floors.extend(commit.floors);
        number = number.next();
    }
    all
}

impl Landed {
    pub(crate) fn of(&self, entity: &str) -> Vec<&Change> {
        self.changes.iter().filter(|(name, _)| name == entity).map(|(_, change)| change).collect()
    }

    pub(crate) fn fold(&self, entity: &str) -> Table {
        let mut table = Table::default();
        self.of(entity).into_iter().for_each(|change| {
            table.fold(change);
        });
        for floor in self.floors.iter().filter(|floor| floor.entity == entity) {
            table.raise(floor.guard());
        }
        table
    }

    pub(crate) fn rules(&self) -> Vec<String> {
        let mut rules: Vec<_> = self
            .quarantined
            .iter()
            .flat_map(|record| record.reasons.iter().map(|reason| reason.rule.clone()))
            .collect();
        rules.sort();
        rules
    }
}
