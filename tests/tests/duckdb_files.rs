//! The generated DuckDB files one by one: landing files of any contract version in any time zone, intervals, a model,
//! reserved words, and the proof that no key is folded twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use ::duckdb::Connection;
use covenant_compiler::emit::duckdb;
use covenant_compiler::plan::Plan;
use covenant_compiler::tree::OutputTree;
use covenant_model::columns::landing_columns;
use covenant_model::spec::{ApplyForm, FieldSpec};
use covenant_tests::small;

struct Warehouse {
    connection: Connection,
    tree: OutputTree,
}

impl Warehouse {
    fn new(plan: &Plan) -> Self {
        let mut tree = OutputTree::default();
        duckdb::emit(plan, &mut tree).unwrap();
        let connection = Connection::open_in_memory().unwrap();
        let warehouse = Self { connection, tree };
        warehouse.file("schema.sql").unwrap();
        warehouse.sql("SET VARIABLE commit = 1");
        warehouse
    }

    fn sql(&self, text: &str) {
        self.connection.execute_batch(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }

    /// A TRUNCATE at version 5, for `floor.sql`.
    fn floor(&self) {
        self.sql(
            "SET VARIABLE floor = CAST(5 AS DECIMAL(38,0)); SET VARIABLE floor_source = 'store'; \
             SET VARIABLE floor_committed_at = TIMESTAMP '2026-01-03'",
        );
    }

    fn file(&self, name: &str) -> ::duckdb::Result<()> {
        let text = self.tree.get(&format!("duckdb/{name}")).unwrap();
        for statement in text.split_inclusive(";\n").filter(|part| !part.trim().is_empty()) {
            self.connection.execute(statement, [])?;
        }
        Ok(())
    }

    fn rows(&self, query: &str) -> Vec<String> {
        let mut statement = self.connection.prepare(query).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|row| row.unwrap()).collect()
    }
}

/// Writes a landing file with DuckDB itself; `ids` names the columns' field ids.
fn landing_file(warehouse: &Warehouse, path: &std::path::Path, row: &str, ids: &str) {
    warehouse.sql(&format!(
        "COPY ({row}) TO '{}' (FORMAT parquet, FIELD_IDS {{{ids}}})",
        path.display()
    ));
}

#[test]
fn files_of_any_contract_version_are_read_by_field_id_in_any_time_zone() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::new(&small::plan(ApplyForm::Merge));
    warehouse.sql("SET TimeZone = 'America/New_York'");
    let system = "5::DECIMAL(38,0) AS _version, 'store' AS _source, \
                  TIMESTAMPTZ '2026-03-01 12:00:00+00' AS _committed_at, \
                  5::DECIMAL(38,0) AS _exists, true AS _alive";
    let system_ids = "_version: 200000, _source: 200001, _committed_at: 200002, _exists: 200003, \
                      _alive: 200004";
    // today's contract, and one in which `weight` had another name and half of the fields did not exist
    let (new, old) = (folder.path().join("new.parquet"), folder.path().join("old.parquet"));
    landing_file(
        &warehouse,
        &new,
        &format!(
            "SELECT 1 AS region, 'A' AS code, {system}, 5::DECIMAL(38,0) AS _g_store, 2.50::DECIMAL(10,2) AS weight"
        ),
        &format!("region: 1, code: 2, {system_ids}, _g_store: 300003, weight: 3"),
    );
    landing_file(
        &warehouse,
        &old,
        &format!(
            "SELECT 2 AS zone, 'B' AS code, {system}, 5::DECIMAL(38,0) AS _g_shop, 7.25::DECIMAL(10,2) AS mass"
        ),
        &format!("zone: 1, code: 2, {system_ids}, _g_shop: 300003, mass: 3"),
    );
    warehouse.sql(&format!("SET VARIABLE files = ['{}', '{}']", new.display(), old.display()));
    warehouse.file("yard_parcel/load.sql").unwrap();
    let rows = warehouse.rows(
        "SELECT concat_ws(' ', region, code, weight, _committed_at, photo) \
         FROM COVENANT.BATCH_YARD_PARCEL ORDER BY region",
    );
    assert_eq!(rows, ["1 A 2.50 2026-03-01 12:00:00", "2 B 7.25 2026-03-01 12:00:00"]);
}

#[test]
fn field_ids_are_unique_and_bases_do_not_meet() {
    let entity = small::parcel(ApplyForm::Merge);
    let mut ids: Vec<i32> = landing_columns(&entity).iter().map(|c| c.parquet_id).collect();
    let columns = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), columns);
}

#[test]
fn intervals_show_each_state_once_and_a_late_state_undoes_nothing() {
    let warehouse = Warehouse::new(&small::plan(ApplyForm::Merge));
    // by commit time: new, moving, a late `taken`, deleted
    warehouse.sql(
        "INSERT INTO YARD.PARCELS_HISTORY (region, code, _version, _source, _committed_at, _exists, _alive, \
         _g_status, status) VALUES \
         (1, 'A', 1, 'store', TIMESTAMP '2026-01-01', 1, true, 0, 'new'), \
         (1, 'A', 9, 'carrier', TIMESTAMP '2026-01-02', NULL, NULL, 2, 'moving'), \
         (1, 'A', 8, 'carrier', TIMESTAMP '2026-01-03', NULL, NULL, 1, 'taken'), \
         (1, 'A', 4, 'store', TIMESTAMP '2026-01-04', 4, false, NULL, NULL)",
    );
    let rows = warehouse.rows(
        "SELECT concat_ws(' ', status, _valid_from::DATE, _valid_to::DATE) \
         FROM YARD.PARCELS_INTERVALS ORDER BY _valid_from",
    );
    assert_eq!(
        rows,
        [
            "new 2026-01-01 2026-01-02",
            "moving 2026-01-02 2026-01-03",
            "moving 2026-01-03 2026-01-04"
        ]
    );
}

#[test]
fn a_truncation_ends_intervals_also_of_rows_that_are_told_late() {
    let warehouse = Warehouse::new(&small::plan(ApplyForm::Merge));
    warehouse.floor();
    // twice: a landing commit may be applied again
    for _ in 0..2 {
        warehouse.file("yard_parcel/floor.sql").unwrap();
    }
    // there before; there before and again behind it; told by another source only
    warehouse.sql(
        "INSERT INTO YARD.PARCELS_HISTORY (region, code, _version, _source, _committed_at, _exists, _alive, \
         _g_status, status) VALUES \
         (1, 'A', 1, 'store', TIMESTAMP '2026-01-01', 1, true, 0, 'new'), \
         (1, 'B', 2, 'store', TIMESTAMP '2026-01-02', 2, true, 0, 'new'), \
         (1, 'B', 7, 'store', TIMESTAMP '2026-01-04', 7, true, 1, 'taken'), \
         (1, 'C', 1, 'carrier', TIMESTAMP '2026-01-01', NULL, NULL, 1, 'taken')",
    );
    let rows = warehouse.rows(
        "SELECT concat_ws(' ', code, status, _valid_from::DATE, _valid_to::DATE) \
         FROM YARD.PARCELS_INTERVALS ORDER BY code, _valid_from",
    );
    assert_eq!(
        rows,
        ["A new 2026-01-01 2026-01-03", "B new 2026-01-02 2026-01-03", "B taken 2026-01-04"]
    );
    let floors = warehouse.rows("SELECT count(*)::VARCHAR FROM COVENANT.FLOORS");
    assert_eq!(floors, ["1"]);
}

#[test]
fn a_model_is_replaced_and_sees_no_tombstone() {
    let warehouse = Warehouse::new(&small::plan(ApplyForm::Merge));
    warehouse.sql(
        "INSERT INTO YARD.PARCELS_STATE (region, code, _exists, _alive, _commit) VALUES \
         (1, 'A', 1, true, 1), (1, 'B', 1, true, 1), (1, 'C', 1, false, 1), (2, 'D', NULL, NULL, 1)",
    );
    for cycle in [7, 8] {
        warehouse.sql(&format!("SET VARIABLE cycle = {cycle}"));
        warehouse.file("models/marts_by_region.sql").unwrap();
    }
    let rows =
        warehouse.rows("SELECT concat_ws(' ', region, parcels, _cycle) FROM MARTS.BY_REGION");
    assert_eq!(rows, ["1 2 8"]);
}

#[test]
fn a_key_that_stands_twice_in_the_state_stops_the_fold() {
    let warehouse = Warehouse::new(&small::plan(ApplyForm::DeleteInsert));
    warehouse.sql(
        "INSERT INTO YARD.PARCELS_STATE (region, code, _exists, _alive, _commit) VALUES \
         (1, 'A', 1, true, 1), (1, 'A', 1, true, 1); \
         INSERT INTO COVENANT.BATCH_YARD_PARCEL (region, code, _version, _source, _committed_at, _exists, _alive) \
         VALUES (1, 'A', 2, 'store', TIMESTAMP '2026-01-01', 2, true)",
    );
    let error = warehouse.file("yard_parcel/fold.sql").unwrap_err().to_string();
    assert!(error.contains("holds a key twice"), "{error}");
}

/// Every word that DuckDB knows is a possible name of a field.
#[test]
fn fields_may_be_called_like_keywords() {
    let mut plan = small::plan(ApplyForm::Merge);
    let words = Warehouse::new(&plan).rows(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_name <> 'order' ORDER BY 1",
    );
    assert!(words.len() > 300, "the engine lists its keywords");
    let entity = &mut plan.entities[0];
    let like = entity.fields[small::field::ORDER].clone();
    for (id, word) in (100u32..).zip(words) {
        entity.groups[0].fields.push(entity.fields.len());
        entity.fields.push(FieldSpec { id, name: word, ..like.clone() });
    }
    for apply in [ApplyForm::Merge, ApplyForm::DeleteInsert] {
        let sink = plan.entities[0].warehouse.as_mut().unwrap();
        sink.apply = apply;
        let warehouse = Warehouse::new(&plan);
        warehouse.floor();
        for file in ["floor", "fold", "apply", "history", "moves"] {
            let run = warehouse.file(&format!("yard_parcel/{file}.sql"));
            run.unwrap_or_else(|error| panic!("{file}: {error}"));
        }
    }
}

#[test]
fn values_that_must_stand_in_one_row_are_found_in_several() {
    let mut plan = small::plan(ApplyForm::Merge);
    let entity = &mut plan.entities[0];
    let weight = entity.fields[small::field::WEIGHT].id;
    entity.unique = vec![vec![entity.fields[0].id, weight], vec![weight]];
    let warehouse = Warehouse::new(&plan);
    let twice = || {
        let text = warehouse.tree.get("duckdb/yard_parcel/unique.sql").unwrap();
        let query = text.trim_end().trim_end_matches(';');
        let told = "concat_ws(' ', constraint_name, groups, row_count)";
        warehouse.rows(&format!("SELECT {told} FROM ({query}\n) ORDER BY 1"))
    };
    let row = |region: u8, code: &str, weight: &str| {
        warehouse.sql(&format!(
            "INSERT INTO YARD.PARCELS_STATE (region, code, _exists, _alive, _commit, weight) \
             VALUES ({region}, '{code}', 1, true, 1, {weight})"
        ));
    };
    row(1, "A", "2.50");
    row(1, "B", "NULL");
    row(1, "C", "NULL");
    assert!(twice().is_empty(), "nulls are equal to nothing");
    row(2, "A", "2.50");
    assert_eq!(twice(), ["unique(weight) 1 2"], "in another region it may stand again");
    row(1, "D", "2.50");
    assert_eq!(twice(), ["unique(region, weight) 1 2", "unique(weight) 1 3"]);
}
