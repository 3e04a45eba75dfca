//! The law of the join, held against three engines at once: the same random change sets, duplicated, reordered and cut into
//! batches anywhere, give the same rows from the Snowflake text on fakesnow, from the DuckDB text on DuckDB, and from the
//! fold in Rust. Rows of the state with every guard, of the view, of the append-only history and of its intervals.
//! Over Acme's entities, the kitchen's (every type) and one under every merge rule.
//!
//! `join_duckdb` searches many more sets, with shrinking, on DuckDB alone. fakesnow emulates: types, privileges and the
//! refusal of duplicate keys are not judged here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod duck;
mod flake;
mod fold;
mod tell;

use std::path::Path;

use covenant_compiler::plan::Plan;
use covenant_compiler::{compile, driver};
use covenant_model::spec::{ApplyForm, EntitySpec, MergeRule, WarehouseSink};
use covenant_tests::small;
use tell::{Dice, Told};

/// Change sets per entity; the seed of each is its number. `COVENANT_LAW_SETS` asks for another number of them.
const SETS: u64 = 2;
/// Changes of a set, before duplicates.
const CHANGES: u64 = 30;

fn contracts(folder: &str) -> Plan {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    compile(driver::read_contracts(&root).unwrap()).plan.unwrap()
}

/// Acme's plan with the kitchen's entities, which get tables here, and parcels, once with the smallest value kept.
fn plan() -> Plan {
    let mut plan = contracts("contracts");
    let sink = |table: &str| WarehouseSink {
        system: "snowflake".to_owned(),
        database: "ANALYTICS".to_owned(),
        schema: "LAWS".to_owned(),
        table: table.to_owned(),
        history: true,
        apply: ApplyForm::Merge,
    };
    let mut more = contracts("tests/fixtures/kitchen/contracts").entities;
    let mut lowest = small::parcel(ApplyForm::DeleteInsert);
    lowest.name = "yard.crate".to_owned();
    for field in &mut lowest.fields {
        field.merge = if field.merge == MergeRule::Max { MergeRule::Min } else { field.merge };
    }
    for group in &mut lowest.groups {
        group.rule = if group.rule == MergeRule::Max { MergeRule::Min } else { group.rule };
    }
    more.extend([small::parcel(ApplyForm::Merge), lowest]);
    for entity in &mut more {
        entity.warehouse = Some(sink(&entity.name.replace('.', "_").to_uppercase()));
    }
    plan.entities.extend(more);
    plan
}

/// The tables whose rows a set leaves behind, in either dialect.
fn tables(entity: &EntitySpec) -> Vec<String> {
    let sink = entity.warehouse.as_ref().unwrap();
    let mut suffixes = vec!["_STATE"];
    suffixes.extend(sink.history.then_some("_HISTORY"));
    let rekey = entity.key_change == covenant_model::spec::KeyChange::Rekey;
    suffixes.extend(rekey.then_some("_MOVES"));
    suffixes.iter().map(|end| format!("\"{}\".\"{}{end}\"", sink.schema, sink.table)).collect()
}

/// What was told, and the batches it arrives in.
type Set = (Vec<Told>, Vec<Vec<Told>>);

fn sets(entity: &EntitySpec) -> Vec<Set> {
    let one = |seed: u64| {
        let mut dice = Dice::new(seed);
        let set = tell::told(entity, CHANGES, &mut dice);
        let batches = tell::batches(&set, &mut dice);
        (set, batches)
    };
    let asked = std::env::var("COVENANT_LAW_SETS").ok();
    (1..=asked.map_or(SETS, |text| text.parse().unwrap())).map(one).collect()
}

/// Where an engine's rows differ from the fold's: entity, set, relation.
fn differences(
    plan: &Plan,
    alter: impl Fn(&str, &str) -> String,
) -> (Vec<String>, Option<Vec<String>>) {
    let told: Vec<(&EntitySpec, Vec<Set>)> = plan
        .entities
        .iter()
        .filter(|entity| entity.warehouse.is_some())
        .map(|entity| (entity, sets(entity)))
        .collect();
    let duck = duck::Duck::new(plan, &alter);
    let by_duck: Vec<Vec<Vec<fold::Rows>>> =
        told.iter().map(|(entity, sets)| on_duck(&duck, entity, sets)).collect();
    let plays: Vec<flake::Play<'_>> = told
        .iter()
        .map(|(entity, sets)| {
            let sets = sets.iter().map(|(_, batches)| batches.clone()).collect();
            flake::Play { entity, sets }
        })
        .collect();
    let by_flake = flake::rows(plan, &plays, &alter);
    (against_the_fold(&told, &by_duck), by_flake.map(|rows| against_the_fold(&told, &rows)))
}

fn on_duck(duck: &duck::Duck, entity: &EntitySpec, sets: &[Set]) -> Vec<Vec<fold::Rows>> {
    let play = |(_, batches): &Set| {
        duck.empty(entity, &tables(entity));
        for (at, batch) in batches.iter().enumerate() {
            duck.apply(entity, at + 1, batch);
        }
        duck.rows(entity)
    };
    sets.iter().map(play).collect()
}

fn against_the_fold(
    told: &[(&EntitySpec, Vec<Set>)],
    rows: &[Vec<Vec<fold::Rows>>],
) -> Vec<String> {
    let mut found = Vec::new();
    assert_eq!(told.len(), rows.len(), "every entity was played");
    for ((entity, sets), rows) in told.iter().zip(rows) {
        assert_eq!(sets.len(), rows.len(), "every set was played");
        for (seed, ((set, _), rows)) in sets.iter().zip(rows).enumerate() {
            let expected = fold::expected(entity, set);
            assert_eq!(expected.len(), rows.len(), "every relation was read");
            for ((relation, expected), rows) in
                fold::relations(entity).iter().zip(&expected).zip(rows)
            {
                if expected != rows {
                    let first = expected.iter().zip(rows).find(|(one, other)| one != other);
                    found.push(format!(
                        "{}{}, seed {}: {} rows by the fold, {} by the engine; {first:?}",
                        entity.name,
                        relation.suffix,
                        seed + 1,
                        expected.len(),
                        rows.len(),
                    ));
                }
            }
        }
    }
    found
}

#[test]
fn three_engines_give_the_same_rows() {
    let (duck, flake) = differences(&plan(), |_, text| text.to_owned());
    assert!(duck.is_empty(), "DuckDB: {}", duck.join("\n"));
    assert!(flake.as_ref().is_none_or(Vec::is_empty), "fakesnow: {flake:#?}");
}

/// Sets that say little would let every text pass.
#[test]
fn the_sets_say_everything() {
    for entity in plan().entities.iter().filter(|entity| entity.warehouse.is_some()) {
        let expected: Vec<_> =
            sets(entity).iter().map(|(set, _)| fold::expected(entity, set)).collect();
        let rows = |relation: usize| expected.iter().map(|all| all[relation].len()).sum::<usize>();
        assert!(rows(0) > rows(1) && rows(1) > 0, "{}: dead rows and live ones", entity.name);
        if expected[0].len() > 2 {
            assert!(rows(3) > rows(1), "{}: intervals that ended", entity.name);
        }
    }
}

/// The suite must be able to fail: in either text the oldest existence wins once, and once the intervals overlap.
#[test]
fn a_broken_text_is_seen() {
    let mut plan = plan();
    plan.models.clear();
    plan.entities.retain(|entity| entity.name == "kitchen.table");
    let broken = |path: &str, text: &str| {
        let text = match path {
            "duckdb/kitchen_table/fold.sql" => text.replace("arg_max(b._alive", "arg_min(b._alive"),
            "snowflake/kitchen_table/apply.sql" => {
                text.replace("ORDER BY b._exists DESC", "ORDER BY b._exists")
            }
            _ => text.to_owned(),
        };
        text.replace("_valid_to > _valid_from", "_valid_to >= _valid_from")
    };
    let (duck, flake) = differences(&plan, broken);
    for found in [Some(duck), flake].into_iter().flatten() {
        let said = found.join("\n");
        assert!(said.contains("kitchen.table_STATE"), "{said}");
        assert!(said.contains("kitchen.table_INTERVALS"), "{said}");
    }
}
