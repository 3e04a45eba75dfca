//! The embedded warehouse over the generated SQL and real landing files: the same rows as the reference fold, one fence, no
//! effect of repeats, and nothing read that was not landed.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use covenant_compiler::emit::duckdb;
use covenant_compiler::plan::Plan;
use covenant_compiler::tree::OutputTree;
use covenant_model::change::{
    Change, Key, Op, Origin, Protect, ProtectError, Site, change_of, delete_of,
};
use covenant_model::floor::Floor;
use covenant_model::record::{Cell, Record};
use covenant_model::spec::{ApplyForm, EntitySpec, Window};
use covenant_model::steps::{self, Anomaly};
use covenant_model::value::Value;
use covenant_model::version::{Incarnation, Lsn, Position, Revision, Version};
use covenant_runtime::apply::ApplyLane;
use covenant_runtime::env::Env;
use covenant_runtime::error::ErrorKind;
use covenant_runtime::fault::NoFaults;
use covenant_runtime::landing::objects::ObjectLanding;
use covenant_runtime::landing::{CommitNumber, Epoch, Landing, LandingCommit};
use covenant_runtime::warehouse::duckdb::{DuckOptions, DuckWarehouse, closed};
use covenant_runtime::warehouse::memory::{MemoryStore, MemoryWarehouse};
use covenant_runtime::warehouse::sql::SqlFiles;
use covenant_runtime::warehouse::{ModelRun, Warehouse};
use covenant_tests::small::{self, field};

/// Landing commits of a run.
const COMMITS: u64 = 30;
/// Changes of a commit.
const CHANGES: u64 = 12;
/// Rows.
const KEYS: u64 = 17;

struct Plainly;

impl Protect for Plainly {
    fn encrypt(&self, site: &Site<'_>, _: &Value) -> Result<(String, String), ProtectError> {
        Ok((format!("v1|{}", site.version), format!("token {}", site.version)))
    }
    fn token(&self, site: &Site<'_>, _: &Value) -> Result<String, ProtectError> {
        Ok(format!("token {}", site.version))
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn key(number: u64) -> Key {
    Key(vec![Value::Int((number % 3) as i64 - 1), Value::Text(format!("P'{number}"))])
}

fn said(entity: &EntitySpec, dice: &mut Dice, place: u64) -> Vec<Change> {
    let number = dice.below(KEYS);
    let store = dice.below(3) > 0;
    let version = Version::new(
        Incarnation::FIRST,
        Position::streamed(Lsn(dice.below(40) + place / 8), place as u32 + 1),
        Revision(0),
    );
    // rows move only upwards, so that moves form a forest
    let from = (store && dice.below(6) == 0 && number > 0).then(|| dice.below(number));
    let origin = Origin {
        source: if store { "store" } else { "carrier" },
        version,
        committed_at_us: 1_767_225_600_000_000 + place as i64 * 1_000,
        op: Op::Upsert,
        moved_from: from.map(key),
    };
    if store && from.is_none() && dice.below(6) == 0 {
        let gone = Origin { op: Op::Delete, ..origin };
        return vec![delete_of(entity, key(number), &gone)];
    }
    let mut record = Record::absent(entity.fields.len());
    let mut set = |at: usize, value: Value| record.cells[at] = Cell::Value(value);
    for (at, value) in entity.key.iter().zip(key(number).0) {
        set(*at, value);
    }
    let rank = dice.below(4) as usize;
    set(field::STATUS, Value::Text(small::STATES[rank].to_owned()));
    set(field::FIRST_DEPOT, Value::Text(format!("depot {place}")));
    if store {
        set(field::WEIGHT, Value::Decimal(i128::from(place) - 100));
        set(
            field::ORDER,
            if dice.below(3) == 0 { Value::Null } else { Value::Text("o;\n".into()) },
        );
        set(field::EMAIL, Value::Text(format!("mail {place}")));
        set(field::BORN, Value::Date(1));
        if dice.below(2) == 0 {
            set(field::LARGE, Value::Text(format!("photo {place}")));
        }
    } else {
        let at = dice.below(9) as i64 * 1_000_003 - 2_000_000;
        set(field::SEEN_AT, if dice.below(4) == 0 { Value::Null } else { Value::Timestamp(at) });
    }
    let mut all = vec![change_of(entity, &record, &origin, &Plainly).unwrap()];
    if let Some(from) = from {
        let gone = Origin { op: Op::Delete, moved_from: None, ..origin };
        all.push(delete_of(entity, key(from), &gone));
    }
    all
}

async fn land(
    landing: &dyn Landing,
    entity: &EntitySpec,
    changes: &[Change],
    floors: Vec<Floor>,
) -> LandingCommit {
    let newest = landing.newest().await.unwrap().map_or(CommitNumber(0), |commit| commit.number);
    let previous = landing.digest_at(newest).await.unwrap();
    let commit = LandingCommit {
        number: newest.next(),
        epoch: Epoch(1),
        previous_sha256: previous.unwrap_or_default(),
        written_at_us: 0,
        files: match changes {
            [] => Vec::new(),
            changes => vec![landing.put_changes(entity, changes).await.unwrap()],
        },
        quarantine: None,
        positions: Default::default(),
        resolutions: Vec::new(),
        gaps: Vec::new(),
        floors,
        derivations: Default::default(),
        last_refused: None,
    };
    landing.commit(&commit).await.unwrap();
    commit
}

/// A TRUNCATE as the first statement of a transaction.
fn floor(entity: &EntitySpec, at: Lsn) -> Floor {
    let version = Version::new(Incarnation::FIRST, Position::streamed(at, 1), Revision(0));
    let committed_at_us = 1_767_225_600_000_000 + at.0 as i64 * 1_000;
    Floor { entity: entity.name.clone(), source: "store".to_owned(), version, committed_at_us }
}

struct Set {
    plan: Plan,
    folder: tempfile::TempDir,
    landing: Arc<ObjectLanding>,
}

impl Set {
    fn new(apply: ApplyForm) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let landing = Arc::new(ObjectLanding::local(&folder.path().join("landing")).unwrap());
        let mut plan = small::plan(apply);
        let [new, taken, moving, there] = small::STATES.map(str::to_owned);
        plan.entities[0].fields[field::STATUS].transitions =
            BTreeMap::from([(new, vec![taken.clone()]), (taken, vec![moving, there])]);
        Self { plan, folder, landing }
    }

    fn entity(&self) -> &EntitySpec {
        &self.plan.entities[0]
    }

    async fn commits(&self, seed: u64) -> Vec<LandingCommit> {
        let mut dice = Dice(seed);
        let mut commits = Vec::new();
        for number in 0..COMMITS {
            let places = number * CHANGES..(number + 1) * CHANGES;
            let changes: Vec<_> =
                places.flat_map(|place| said(self.entity(), &mut dice, place)).collect();
            // below some of what was told already, and above some of what comes late
            let at = Lsn(15 + number * CHANGES / 8);
            let floors = if number % 7 == 3 { vec![floor(self.entity(), at)] } else { Vec::new() };
            commits.push(land(self.landing.as_ref(), self.entity(), &changes, floors).await);
        }
        commits
    }

    fn sql(&self) -> SqlFiles {
        let mut tree = OutputTree::default();
        duckdb::emit(&self.plan, &mut tree).unwrap();
        SqlFiles::from_texts(tree.iter().map(|(path, text)| (path.to_owned(), text.to_owned())))
    }

    async fn duck(&self, path: Option<&Path>) -> DuckWarehouse {
        let options = path.map_or_else(DuckOptions::in_memory, DuckOptions::file);
        DuckWarehouse::new(options, self.sql(), &self.plan.entities).await.unwrap()
    }

    fn memory(&self) -> MemoryWarehouse {
        MemoryWarehouse::new(MemoryStore::default(), &self.plan.entities, Arc::new(NoFaults))
    }
}

async fn rows(
    warehouse: &mut dyn Warehouse,
    entity: &EntitySpec,
) -> Vec<(Key, covenant_model::join::RowState)> {
    let mut all: Vec<(Key, _)> = Vec::new();
    loop {
        let after = all.last().map(|(key, _)| key.clone());
        // a small page, so that paging is tested
        let page = warehouse.scan(entity, after.as_ref(), 5).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

#[tokio::test]
async fn the_generated_sql_gives_the_reference_rows_in_any_batching() {
    for (seed, apply) in [(1, ApplyForm::Merge), (2, ApplyForm::DeleteInsert)] {
        let set = Set::new(apply);
        let commits = set.commits(seed).await;
        let mut memory = set.memory();
        memory.open(Epoch(1)).await.unwrap();
        memory.apply(set.landing.as_ref(), &commits).await.unwrap();
        let expected = rows(&mut memory, set.entity()).await;
        assert!(expected.len() >= KEYS as usize - 2);
        for batch in [1, 7, commits.len()] {
            let mut duck = set.duck(None).await;
            duck.open(Epoch(1)).await.unwrap();
            for part in commits.chunks(batch) {
                duck.apply(set.landing.as_ref(), part).await.unwrap();
            }
            let mut found = rows(&mut duck, set.entity()).await;
            found.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(found, expected, "{apply:?}, batches of {batch}");
            let counts = duck.counts(set.entity()).await.unwrap();
            assert_eq!(counts, memory.counts(set.entity()).await.unwrap(), "{apply:?}, {batch}");
            assert_eq!(duck.incomplete(set.entity()).await.unwrap(), counts.incomplete);
        }
    }
}

#[tokio::test]
async fn the_warehouse_sees_the_steps_of_states_that_the_reference_sees() {
    let set = Set::new(ApplyForm::DeleteInsert);
    let commits = set.commits(4).await;
    let mut anomalies = BTreeMap::<Option<Anomaly>, u64>::new();
    for batch in [1, 3, commits.len()] {
        let (mut memory, mut duck) = (set.memory(), set.duck(None).await);
        memory.open(Epoch(1)).await.unwrap();
        duck.open(Epoch(1)).await.unwrap();
        for part in commits.chunks(batch) {
            let expected = memory.apply(set.landing.as_ref(), part).await.unwrap();
            let found = duck.apply(set.landing.as_ref(), part).await.unwrap();
            assert_eq!(found.steps, expected.steps, "batches of {batch}");
            for (step, rows) in &found.steps {
                *anomalies.entry(steps::judge(set.entity(), step)).or_default() += rows;
            }
        }
        let again = duck.apply(set.landing.as_ref(), &commits).await.unwrap();
        assert!(again.steps.is_empty(), "what is applied already takes no step");
    }
    let seen: Vec<_> = anomalies.into_keys().collect();
    assert_eq!(seen, [None, Some(Anomaly::Skipped), Some(Anomaly::Undeclared)]);
}

/// One state of one parcel, told by the carrier.
fn scanned(entity: &EntitySpec, place: u64, rank: usize) -> Vec<Change> {
    let mut record = Record::absent(entity.fields.len());
    for (at, value) in entity.key.iter().zip(key(1).0) {
        record.cells[*at] = Cell::Value(value);
    }
    record.cells[field::STATUS] = Cell::Value(Value::Text(small::STATES[rank].to_owned()));
    record.cells[field::FIRST_DEPOT] = Cell::Value(Value::Text("depot".to_owned()));
    record.cells[field::SEEN_AT] = Cell::Value(Value::Null);
    let position = Position::streamed(Lsn(place), 1);
    let origin = Origin {
        source: "carrier",
        version: Version::new(Incarnation::FIRST, position, Revision(0)),
        committed_at_us: 0,
        op: Op::Upsert,
        moved_from: None,
    };
    vec![change_of(entity, &record, &origin, &Plainly).unwrap()]
}

#[tokio::test]
async fn steps_that_are_not_declared_are_counted_once_and_change_nothing() {
    let set = Set::new(ApplyForm::Merge);
    let (landing, entity) = (set.landing.clone(), set.entity().clone());
    let mut lane = ApplyLane::open(
        landing.clone(),
        Box::new(set.duck(None).await),
        Vec::new(),
        Env::system(),
        Epoch(1),
    )
    .await
    .unwrap();
    lane.watch(std::slice::from_ref(&entity));
    // (rank that is told, rows that took an odd step by then)
    let told = [
        (0, 0), // the first state of a row is no step
        (2, 1), // over `taken`, which is late
        (1, 1), // late: it loses, and is no step
        (2, 1), // again
        (3, 2), // nothing declares `moving` to `there`
        (3, 2),
    ];
    for (place, (rank, odd)) in told.into_iter().enumerate() {
        let changes = scanned(&entity, place as u64 + 1, rank);
        land(landing.as_ref(), &entity, &changes, Vec::new()).await;
        lane.step().await.unwrap();
        assert_eq!(lane.totals().odd_steps, odd, "state {rank} at {place}");
    }
    let listed = lane.odd_steps().list();
    let shown: Vec<_> = listed
        .iter()
        .map(|it| (it.before.as_str(), it.after.as_str(), it.anomaly, it.rows))
        .collect();
    assert_eq!(shown, [("moving", "there", "undeclared", 1), ("new", "moving", "skipped", 1)]);
    // Nobody but the carrier has told of it. One count a minute: this is the first step's.
    assert_eq!(lane.incomplete(), &BTreeMap::from([(entity.name.clone(), 1)]));
    let state = &rows(lane.warehouse(), &entity).await[0].1;
    let status = state.groups[entity.fields[field::STATUS].group.unwrap()].as_ref().unwrap();
    assert_eq!(status.values, [Value::Text("there".to_owned())]);
}

#[tokio::test]
async fn a_truncation_alone_is_applied_and_a_late_row_below_it_stays_away() {
    let set = Set::new(ApplyForm::DeleteInsert);
    let (landing, entity) = (set.landing.clone(), set.entity().clone());
    let inserted = |place: u64, not: Option<&Key>| {
        let mut tries = (1..).map(|seed| said(&entity, &mut Dice(seed), place));
        let one = |all: &Vec<Change>| all.len() == 1 && all[0].state.alive();
        tries.find(|all| one(all) && Some(&all[0].key) != not).unwrap()
    };
    let told = inserted(0, None);
    let late = inserted(2, Some(&told[0].key));
    let above = Lsn(1_000);
    let mut commits = vec![
        land(landing.as_ref(), &entity, &told, Vec::new()).await,
        land(landing.as_ref(), &entity, &[], vec![floor(&entity, above)]).await,
        land(landing.as_ref(), &entity, &late, Vec::new()).await,
    ];
    let mut duck = set.duck(None).await;
    duck.open(Epoch(1)).await.unwrap();
    for commit in &commits {
        duck.apply(landing.as_ref(), std::slice::from_ref(commit)).await.unwrap();
    }
    let counts = duck.counts(&entity).await.unwrap();
    assert_eq!((counts.presented, counts.tombstones), (0, 2), "{counts:?}");
    // a lower one, told later, brings nothing back; another one of an entity without a warehouse is passed over
    let mut other = floor(&entity, Lsn(2_000));
    other.entity = "yard.unknown".to_owned();
    let floors = vec![floor(&entity, Lsn(1)), other];
    commits.push(land(landing.as_ref(), &entity, &[], floors).await);
    let done = duck.apply(landing.as_ref(), &commits[3..]).await.unwrap();
    assert_eq!((done.upto, done.rows_changed), (CommitNumber(4), 0));
}

#[tokio::test]
async fn applying_again_changes_nothing_and_holes_are_refused() {
    let set = Set::new(ApplyForm::DeleteInsert);
    let commits = set.commits(3).await;
    let mut duck = set.duck(None).await;
    duck.open(Epoch(1)).await.unwrap();
    duck.apply(set.landing.as_ref(), &commits[..10]).await.unwrap();
    let before = (rows(&mut duck, set.entity()).await, duck.counts(set.entity()).await.unwrap());
    let again = duck.apply(set.landing.as_ref(), &commits[..10]).await.unwrap();
    assert_eq!((again.upto, again.rows_changed), (CommitNumber(10), 0));
    let hole = duck.apply(set.landing.as_ref(), &commits[11..12]).await.unwrap_err();
    assert_eq!(hole.kind, ErrorKind::Gap);
    let after = (rows(&mut duck, set.entity()).await, duck.counts(set.entity()).await.unwrap());
    assert_eq!(before, after);
    // an overlap applies what is new only
    let rest = duck.apply(set.landing.as_ref(), &commits[8..12]).await.unwrap();
    assert_eq!(
        (rest.upto, rest.changes),
        (CommitNumber(12), commits[10].files[0].rows + commits[11].files[0].rows)
    );
}

#[tokio::test]
async fn a_zombie_of_an_earlier_epoch_writes_nothing() {
    let set = Set::new(ApplyForm::Merge);
    let commits = set.commits(5).await;
    let mut zombie = set.duck(None).await;
    zombie.open(Epoch(1)).await.unwrap();
    zombie.apply(set.landing.as_ref(), &commits[..2]).await.unwrap();
    let mut newer = zombie.beside().await.unwrap();
    newer.open(Epoch(2)).await.unwrap();
    // the zombie wakes up with the next batch, and with an older one, in its hands
    let error = zombie.apply(set.landing.as_ref(), &commits[2..3]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fenced, "{error}");
    assert_eq!(newer.applied().await.unwrap(), CommitNumber(2));
    newer.apply(set.landing.as_ref(), &commits[2..10]).await.unwrap();
    let before = rows(&mut newer, set.entity()).await;
    let late = zombie.apply(set.landing.as_ref(), &commits[1..10]).await.unwrap();
    assert_eq!(late.rows_changed, 0);
    let model = &set.plan.models[0];
    let run = ModelRun::whole(9, 0);
    assert_eq!(zombie.run_model(model, run).await.unwrap_err().kind, ErrorKind::Fenced);
    assert_eq!(zombie.open(Epoch(1)).await.unwrap_err().kind, ErrorKind::Fenced);
    assert_eq!(rows(&mut newer, set.entity()).await, before);
}

#[tokio::test]
async fn a_file_that_was_tampered_with_is_not_loaded() {
    let set = Set::new(ApplyForm::Merge);
    let commits = set.commits(6).await;
    let path = set.landing.local_path(&commits[1].files[0]).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() / 2;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let mut duck = set.duck(None).await;
    duck.open(Epoch(1)).await.unwrap();
    let error = duck.apply(set.landing.as_ref(), &commits[..2]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
    // all or nothing: the first commit of the batch is not there either
    assert_eq!(duck.applied().await.unwrap(), CommitNumber(0));
    assert!(rows(&mut duck, set.entity()).await.is_empty());
}

#[tokio::test]
async fn another_type_in_the_warehouse_is_refused_with_both_sides_named() {
    let set = Set::new(ApplyForm::Merge);
    let path = set.folder.path().join("warehouse.duckdb");
    let mut duck = set.duck(Some(&path)).await;
    duck.open(Epoch(1)).await.unwrap();
    drop(duck);
    closed(&path).await.unwrap();
    let db = ::duckdb::Connection::open(&path).unwrap();
    db.execute_batch(
        "DROP VIEW YARD.PARCELS; ALTER TABLE YARD.PARCELS_STATE ALTER weight TYPE VARCHAR;",
    )
    .unwrap();
    drop(db);
    let mut duck = set.duck(Some(&path)).await;
    let error = duck.open(Epoch(2)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::SchemaMismatch);
    let text = error.to_string();
    assert!(text.contains("DECIMAL(10,2)") && text.contains("VARCHAR"), "{text}");
}

#[tokio::test]
async fn the_lane_catches_up_and_models_run_in_numbered_cycles() {
    let set = Set::new(ApplyForm::DeleteInsert);
    set.commits(7).await;
    let path = set.folder.path().join("warehouse.duckdb");
    let models = set.plan.models.clone();
    let landing: Arc<dyn Landing> = Arc::clone(&set.landing) as _;
    let duck = Box::new(set.duck(Some(&path)).await);
    let mut lane =
        ApplyLane::open(Arc::clone(&landing), duck, models.clone(), Env::system(), Epoch(1))
            .await
            .unwrap();
    let done = lane.step().await.unwrap();
    assert_eq!((done.commits, done.models), (COMMITS, 1));
    assert!(lane.step().await.unwrap().idle());
    assert_eq!(lane.applied(), Some(CommitNumber(COMMITS)));
    let samples = lane.freshness()["yard.parcel"].quantiles().samples;
    assert_eq!(samples, lane.totals().changes);
    // the same inputs again: nothing to run; new inputs: the next number
    lane.run_models_now();
    assert_eq!(lane.step().await.unwrap().models, 0);
    let change = said(set.entity(), &mut Dice(9), 1_000);
    land(set.landing.as_ref(), set.entity(), &change, Vec::new()).await;
    lane.run_models_now();
    assert_eq!(lane.step().await.unwrap().models, 1);
    let cycles = lane.warehouse().cycles().await.unwrap();
    let cycle = cycles[&models[0].name];
    assert_eq!((cycle.number, cycle.commit), (2, CommitNumber(COMMITS + 1)));
}

#[tokio::test]
async fn closed_windows_are_computed_again_from_time_to_time_though_nothing_is_new() {
    let set = Set::new(ApplyForm::DeleteInsert);
    set.commits(7).await;
    let path = set.folder.path().join("warehouse.duckdb");
    let landing: Arc<dyn Landing> = Arc::clone(&set.landing) as _;
    let mut rebuilt = Vec::new();
    for (epoch, rebuild_s, ran) in [(1, 3_600, 1), (2, 3_600, 0), (3, 0, 1)] {
        let mut models = set.plan.models.clone();
        models[0].window = Some(Window { by: "region".to_owned(), late_s: 60, rebuild_s });
        let duck = Box::new(set.duck(Some(&path)).await);
        let env = Env::system();
        let mut lane =
            ApplyLane::open(Arc::clone(&landing), duck, models, env, Epoch(epoch)).await.unwrap();
        assert_eq!(lane.step().await.unwrap().models, ran, "epoch {epoch}");
        rebuilt.push(lane.warehouse().cycles().await.unwrap()["marts.by_region"].rebuilt_us);
    }
    assert!(rebuilt[0].is_some() && rebuilt[0] == rebuilt[1] && rebuilt[1] < rebuilt[2]);
}
