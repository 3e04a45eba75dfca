//! The law of the join, held against the SQL that DuckDB really runs: any permutation, duplication and split of a change
//! set into batches gives the state of [`covenant_model::join::Table`].
//!
//! One change set: upserts and deletes of two owners, absent large fields, nulls, moves over several hops (cycles too,
//! which contracts exclude), replays of the same change under a higher revision, TRUNCATEs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::cell::RefCell;

use ::duckdb::Connection;
use covenant_compiler::emit::duckdb;
use covenant_compiler::tree::OutputTree;
use covenant_model::change::{Change, Key, Op, Origin, Protect, ProtectError, Site, change_of};
use covenant_model::columns::{LandingRole, landing_columns};
use covenant_model::floor::Floor;
use covenant_model::join::{RowState, Table};
use covenant_model::record::{Cell, Record};
use covenant_model::spec::{ApplyForm, EntitySpec};
use covenant_model::value::{Value, decimal_to_text};
use covenant_model::version::{Incarnation, Lsn, Position, Revision, Version};
use covenant_tests::small::{self, field};
use proptest::prelude::*;

/// Rows of the sets: few keys, so that changes meet.
const KEYS: i64 = 4;
/// Changes of a set.
const CHANGES: std::ops::Range<usize> = 1..24;
/// Steps of making a failing set smaller; each costs some batches.
const SHRINKS: u32 = 200;
/// Change sets per form of apply.
const CASES: u32 = 96;

// ---------------------------------------------------------------------------------------------- change sets

/// What a generated change says; its version is its place in the set.
#[derive(Clone, Debug)]
struct Said {
    owner: &'static str,
    key: i64,
    from: Option<i64>,
    delete: bool,
    with_photo: bool,
    null_order: bool,
    status: usize,
    /// None: nothing to say about it.
    seen_at: Option<i64>,
    replayed: bool,
    /// Not a row: all of them are gone.
    truncate: bool,
    seed: u32,
}

/// What a set is made of: what a batch brings.
#[derive(Clone, Debug)]
enum Told {
    Row(Change),
    Truncate(Floor),
}

fn said() -> impl Strategy<Value = Said> {
    let flags = (
        any::<bool>(),
        prop::bool::weighted(0.2),
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.1),
    );
    (
        0..KEYS,
        prop::option::weighted(0.3, 0..KEYS),
        flags,
        0..4usize,
        prop::option::of(0..5i64),
        any::<u32>(),
    )
        .prop_map(
            |(
                key,
                from,
                (store, delete, with_photo, null_order, replayed, truncate),
                status,
                seen_at,
                seed,
            )| {
                Said {
                    owner: if store { "store" } else { "carrier" },
                    key,
                    from: from.filter(|from| *from != key && store && !delete),
                    delete: delete && store,
                    with_photo,
                    null_order,
                    status,
                    seen_at,
                    replayed,
                    truncate,
                    seed,
                }
            },
        )
}

fn key(number: i64) -> Key {
    Key(vec![Value::Int(number % 2), Value::Text(format!("P{number}"))])
}

fn record(entity: &EntitySpec, said: &Said, revision: u16) -> Record {
    let mut record = Record::absent(entity.fields.len());
    let mut set = |at: usize, value: Value| record.cells[at] = Cell::Value(value);
    let Key(values) = key(said.key);
    for (at, value) in entity.key.iter().zip(values) {
        set(*at, value);
    }
    let text = |what: &str| Value::Text(format!("{what} '{}' r{revision}", said.seed));
    set(field::STATUS, Value::Text(small::STATES[said.status].to_owned()));
    set(field::FIRST_DEPOT, text("depot"));
    if said.owner == "store" {
        set(field::WEIGHT, Value::Decimal(i128::from(said.seed) - 2_000_000_000));
        set(field::ORDER, if said.null_order { Value::Null } else { text("order") });
        set(field::EMAIL, text("mail"));
        set(field::BORN, Value::Date(1));
        if said.with_photo {
            set(field::LARGE, text("photo"));
        }
    } else {
        let at = said.seen_at.map(|at| Value::Timestamp(at * 1_000_003 - 2_000_000));
        set(field::SEEN_AT, at.unwrap_or(Value::Null));
    }
    record
}

fn told_by(entity: &EntitySpec, set: &[Said]) -> Vec<Told> {
    let mut changes = Vec::new();
    for (at, said) in set.iter().enumerate() {
        let revisions = if said.replayed { 0..2u16 } else { 0..1 };
        for revision in revisions {
            let position = Position::streamed(Lsn(at as u64 / 3 + 1), (at % 3) as u32 + 1);
            let version = Version::new(Incarnation::FIRST, position, Revision(revision));
            if said.truncate {
                let (entity, source) = (entity.name.clone(), "store".to_owned());
                let committed_at_us = at as i64 * 1_000_000;
                changes.push(Told::Truncate(Floor { entity, source, version, committed_at_us }));
                continue;
            }
            let op = if said.delete { Op::Delete } else { Op::Upsert };
            let moved_from = said.from.map(key);
            let origin = Origin {
                source: said.owner,
                version,
                committed_at_us: at as i64 * 1_000_000,
                op,
                moved_from: moved_from.clone(),
            };
            let record = record(entity, said, revision);
            changes.push(Told::Row(change_of(entity, &record, &origin, &Plainly).unwrap()));
            if let Some(old) = moved_from {
                let gone = Origin { op: Op::Delete, moved_from: None, ..origin };
                changes.push(Told::Row(covenant_model::change::delete_of(entity, old, &gone)));
            }
        }
    }
    changes
}

impl Told {
    fn row(&self) -> Option<&Change> {
        match self {
            Self::Row(change) => Some(change),
            Self::Truncate(_) => None,
        }
    }

    fn truncate(&self) -> Option<&Floor> {
        match self {
            Self::Row(_) => None,
            Self::Truncate(floor) => Some(floor),
        }
    }
}

/// Protection that only marks.
struct Plainly;

impl Protect for Plainly {
    fn encrypt(&self, site: &Site<'_>, plain: &Value) -> Result<(String, String), ProtectError> {
        Ok((format!("v1|{}|{}", site.version, sql(plain, 0)), self.token(site, plain)?))
    }
    fn token(&self, _: &Site<'_>, plain: &Value) -> Result<String, ProtectError> {
        Ok(format!("token of {}", sql(plain, 0)))
    }
}

// ---------------------------------------------------------------------------------------------- the warehouse

/// A DuckDB with the generated schema, and the generated files.
struct Warehouse {
    connection: Connection,
    tree: OutputTree,
    entity: EntitySpec,
}

impl Warehouse {
    fn new(apply: ApplyForm) -> Self {
        let plan = small::plan(apply);
        let mut tree = OutputTree::default();
        duckdb::emit(&plan, &mut tree).unwrap();
        let connection = Connection::open_in_memory().unwrap();
        let entity = plan.entities[0].clone();
        let warehouse = Self { connection, tree, entity };
        warehouse.run("schema.sql");
        // twice: it must be safe to run again
        warehouse.run("schema.sql");
        warehouse
    }

    fn empty(&self) {
        for table in ["STATE", "HISTORY", "MOVES"] {
            self.connection.execute(&format!("DELETE FROM YARD.PARCELS_{table}"), []).unwrap();
        }
        self.connection.execute("DELETE FROM COVENANT.FLOORS", []).unwrap();
    }

    /// Runs every statement of a file; rows that the last one changed.
    fn run(&self, file: &str) -> usize {
        let text = self.tree.get(&format!("duckdb/{file}")).unwrap();
        let mut changed = 0;
        for statement in text.split_inclusive(";\n").filter(|part| !part.trim().is_empty()) {
            changed = self
                .connection
                .execute(statement, [])
                .unwrap_or_else(|error| panic!("{file}: {error}\n{statement}"));
        }
        changed
    }

    fn raise(&self, floor: &Floor) {
        let run = |sql: &str| self.connection.execute(sql, []).unwrap();
        run(&format!("SET VARIABLE floor = CAST('{}' AS DECIMAL(38,0))", floor.version));
        run(&format!("SET VARIABLE floor_source = '{}'", floor.source));
        let at_us = floor.committed_at_us;
        run(&format!("SET VARIABLE floor_committed_at = make_timestamp({at_us})"));
        self.run("yard_parcel/floor.sql");
    }

    /// Floors first or last: it must not matter.
    fn apply(&self, commit: usize, batch: &[&Told]) {
        let run = |sql: &str| self.connection.execute(sql, []).unwrap();
        run("BEGIN");
        run(&format!("SET VARIABLE commit = {commit}"));
        run("DELETE FROM COVENANT.BATCH_YARD_PARCEL");
        let floors: Vec<&Floor> = batch.iter().filter_map(|told| told.truncate()).collect();
        let first = commit.is_multiple_of(2);
        floors.iter().filter(|_| first).for_each(|floor| self.raise(floor));
        let rows = batch.iter().filter_map(|told| told.row());
        let rows: Vec<String> = rows.map(|change| landed(&self.entity, change)).collect();
        if !rows.is_empty() {
            run(&format!("INSERT INTO COVENANT.BATCH_YARD_PARCEL VALUES {}", rows.join(",\n")));
        }
        self.run("yard_parcel/fold.sql");
        self.run("yard_parcel/apply.sql");
        self.run("yard_parcel/history.sql");
        while self.run("yard_parcel/moves.sql") > 0 {
            self.run("yard_parcel/apply.sql");
        }
        floors.iter().filter(|_| !first).for_each(|floor| self.raise(floor));
        run("COMMIT");
    }

    /// Every row of a query, as text.
    fn rows(&self, query: &str) -> Vec<Vec<Option<String>>> {
        let mut statement = self.connection.prepare(query).unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut found = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let width = row.as_ref().column_count();
            found.push((0..width).map(|at| row.get::<_, Option<String>>(at).unwrap()).collect());
        }
        found
    }

    fn state(&self) -> Vec<Vec<Option<String>>> {
        self.rows(
            "SELECT region::VARCHAR, code, _exists::VARCHAR, _alive::VARCHAR, \
             _g_store::VARCHAR, weight::VARCHAR, \"order\", email, email_token, \
             _g_photo::VARCHAR, photo, _g_status::VARCHAR, status, \
             _g_seen_at::VARCHAR, epoch_us(seen_at)::VARCHAR, _g_first_depot::VARCHAR, first_depot \
             FROM YARD.PARCELS_STATE ORDER BY region, code",
        )
    }
}

/// A change as the row of a landing file.
fn landed(entity: &EntitySpec, change: &Change) -> String {
    let existence = change.state.existence;
    let old = change.moved_from.as_ref();
    let values: Vec<String> = landing_columns(entity)
        .iter()
        .map(|column| match column.role {
            LandingRole::Key(at) => sql(&change.key.0[at], 0),
            LandingRole::Version => change.version.to_string(),
            LandingRole::Source => format!("'{}'", change.source),
            LandingRole::CommittedAt => sql(&Value::Timestamp(change.committed_at_us), 0),
            LandingRole::Exists => existence.map_or(null(), |it| it.guard.to_string()),
            LandingRole::Alive => existence.map_or(null(), |it| it.alive.to_string()),
            LandingRole::MovedFrom(at) => old.map_or(null(), |key| sql(&key.0[at], 0)),
            LandingRole::Guard(ix) => {
                change.state.groups[ix].as_ref().map_or(null(), |group| group.guard.to_string())
            }
            LandingRole::Stored(ix, at) => change.state.groups[ix]
                .as_ref()
                .map_or(null(), |group| sql(&group.values[at], WEIGHT_SCALE)),
        })
        .collect();
    format!("({})", values.join(", "))
}

const WEIGHT_SCALE: u8 = 2;

fn null() -> String {
    "NULL".to_owned()
}

fn sql(value: &Value, scale: u8) -> String {
    match value {
        Value::Null => null(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Decimal(unscaled) => decimal_to_text(*unscaled, scale),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Timestamp(us) => format!("make_timestamp({us})"),
        Value::Uuid(_) | Value::Date(_) | Value::Bytes(_) => panic!("not in this entity"),
    }
}

/// The reference's rows in the form of [`Warehouse::state`].
fn expected(table: &Table) -> Vec<Vec<Option<String>>> {
    table.rows().iter().map(|(key, state)| expected_row(key, state)).collect()
}

fn expected_row(key: &Key, state: &RowState) -> Vec<Option<String>> {
    let mut row: Vec<Option<String>> = key.0.iter().map(shown).collect();
    row.push(state.existence.map(|it| it.guard.to_string()));
    row.push(state.existence.map(|it| it.alive.to_string()));
    for (group, width) in state.groups.iter().zip([4, 1, 1, 1, 1]) {
        row.push(group.as_ref().map(|group| group.guard.to_string()));
        match group {
            Some(group) => row.extend(group.values.iter().map(shown)),
            None => row.extend(vec![None; width]),
        }
    }
    row
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text.clone()),
        Value::Timestamp(us) => Some(us.to_string()),
        Value::Bool(_) | Value::Int(_) | Value::Decimal(_) => Some(sql(value, WEIGHT_SCALE)),
        Value::Uuid(_) | Value::Date(_) | Value::Bytes(_) => panic!("not in this entity"),
    }
}

// ---------------------------------------------------------------------------------------------- the law

thread_local! {
    static WAREHOUSES: RefCell<Vec<(ApplyForm, Warehouse)>> = const { RefCell::new(Vec::new()) };
}

/// One warehouse per form and thread: the schema costs more than a case.
fn with_warehouse<T>(apply: ApplyForm, act: impl FnOnce(&Warehouse) -> T) -> T {
    WAREHOUSES.with_borrow_mut(|all| {
        if !all.iter().any(|(form, _)| *form == apply) {
            all.push((apply, Warehouse::new(apply)));
        }
        let (_, warehouse) = all.iter().find(|(form, _)| *form == apply).unwrap();
        warehouse.empty();
        act(warehouse)
    })
}

fn holds(
    apply: ApplyForm,
    set: &[Said],
    order: &[usize],
    cuts: &[usize],
) -> Result<(), TestCaseError> {
    with_warehouse(apply, |warehouse| {
        let changes = told_by(&warehouse.entity, set);
        let mut reference = Table::default();
        for told in &changes {
            match told {
                Told::Row(change) => reference.fold(change),
                Told::Truncate(floor) => reference.raise(floor.guard()),
            };
        }
        // every change at least once, the others of `order` are duplicates
        let mut sent: Vec<&Told> = order.iter().map(|at| &changes[at % changes.len()]).collect();
        for (at, change) in changes.iter().enumerate() {
            let place = order.get(at).copied().unwrap_or(at) % (sent.len() + 1);
            sent.insert(place, change);
        }
        let mut rest = sent.as_slice();
        let mut commit = 0;
        while !rest.is_empty() {
            let size = cuts.get(commit).copied().unwrap_or(rest.len()).clamp(1, rest.len());
            let (batch, after) = rest.split_at(size);
            commit += 1;
            warehouse.apply(commit, batch);
            rest = after;
        }
        prop_assert_eq!(warehouse.state(), expected(&reference));

        let presented = warehouse.rows("SELECT code FROM YARD.PARCELS ORDER BY region, code");
        let alive: Vec<_> = reference.presented().map(|(key, _)| vec![shown(&key.0[1])]).collect();
        prop_assert_eq!(presented, alive);

        let history = warehouse.rows("SELECT count(*)::VARCHAR FROM YARD.PARCELS_HISTORY");
        let rows = changes.iter().filter_map(Told::row);
        let mut once: Vec<_> =
            rows.map(|change| (&change.key, &change.source, change.version)).collect();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(history, vec![vec![Some(once.len().to_string())]]);
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, max_shrink_iters: SHRINKS, ..ProptestConfig::default() })]

    #[test]
    fn delete_and_insert_gives_the_joins_state(
        set in prop::collection::vec(said(), CHANGES),
        order in prop::collection::vec(any::<usize>(), 0..40),
        cuts in prop::collection::vec(1..12usize, 0..12),
    ) {
        holds(ApplyForm::DeleteInsert, &set, &order, &cuts)?;
    }

    #[test]
    fn merge_gives_the_joins_state(
        set in prop::collection::vec(said(), CHANGES),
        order in prop::collection::vec(any::<usize>(), 0..40),
        cuts in prop::collection::vec(1..12usize, 0..12),
    ) {
        holds(ApplyForm::Merge, &set, &order, &cuts)?;
    }
}
