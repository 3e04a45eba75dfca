//! The questions of a migration, executed: those of `0-ask.sql` and the prechecks of `1-change.sql` find rows that the new
//! contract refuses, those of `4-check.sql` find values that stand in several rows, and then none.

use std::collections::BTreeSet;

use ::duckdb::Connection;
use covenant_compiler::compat::{self, RULES};
use covenant_compiler::tree::OutputTree;

use crate::rules::{Trial, base, fill, trials};
use crate::tell::{Speaker, Telling};
use crate::world::open;

/// Rules of which the made-up data of the old contract breaks nothing, and why.
const NOTHING_FOUND: &[(&str, &str)] = &[
    ("DCM204", "no made-up values stand in several rows: the test below makes some"),
    ("DCM230", "the made-up amounts keep the rule of its case"),
    ("DCW032", "the made-up texts and numbers are short: `main.rs` has one that does not fit"),
    ("DCW044", "an open enum is only told its declared symbols"),
];

/// What a file says where it stops.
fn stops(db: &Connection, tree: &OutputTree, file: &str) -> Option<String> {
    let text = tree.get(&format!("duckdb/{file}.sql"))?;
    let statements = text.split(";\n").filter(|statement| !statement.trim().is_empty());
    let mut said = statements.map(|statement| db.execute_batch(statement));
    said.find_map(Result::err).map(|error| error.to_string())
}

/// A warehouse of the old contracts with all that they let through.
async fn filled(trial: &Trial, folder: &tempfile::TempDir) -> Connection {
    let path = folder.path().join("old.duckdb");
    let told = trial.old.entities.iter().map(|entity| {
        let speaker = Speaker { entity, other: None };
        let sources = entity.sources.keys();
        let changes = sources.flat_map(|source| speaker.told(source, Telling::Happened));
        (entity.name.clone(), changes.collect())
    });
    fill(&trial.old, &path, &[told.collect()]).await;
    open(&path).await
}

#[tokio::test]
async fn what_must_be_asked_first_is_found() {
    let base = base();
    let mut wrong = Vec::new();
    let mut blind = BTreeSet::new();
    for rule in RULES.iter().filter(|rule| rule.migration == compat::Migration::Precheck) {
        blind.insert(rule.code);
        for trial in trials(rule.code, rule.cases, &base) {
            let folder = tempfile::tempdir().unwrap();
            let db = filled(&trial, &folder).await;
            let asked = stops(&db, &trial.tree, "0-ask");
            let found = asked.or_else(|| stops(&db, &trial.tree, "1-change"));
            if let Some(said) = found {
                let meant = ["the new contract refuses rows", "values would be lost"];
                if meant.iter().any(|words| said.contains(words)) {
                    blind.remove(rule.code);
                } else {
                    wrong.push(format!("{}: {said}", trial.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let listed: BTreeSet<&str> = NOTHING_FOUND.iter().map(|(code, _)| *code).collect();
    assert_eq!(blind, listed, "questions that found nothing");
}

const UNIQUE: &str = "
harmless two fields are unique together
file sales/order.yaml
+unique: [[channel, currency]]

harmless a new field is unique
file sales/order.yaml
   updated_at: {id: 18, type: timestamp, from: store}
+  receipt: {id: 21, type: string(12), from: store, unique: true}
";

#[tokio::test]
async fn what_is_unique_from_now_on_is_asked_before_and_after() {
    let trials = trials("", UNIQUE, &base());
    for (trial, column) in trials.iter().zip(["channel", "receipt"]) {
        let folder = tempfile::tempdir().unwrap();
        let db = filled(trial, &folder).await;
        let before = stops(&db, &trial.tree, "0-ask");
        // The old tables have no such column: they cannot tell.
        assert_eq!(before.is_some(), column == "channel", "{}: {before:?}", trial.name);
        for phase in ["1-change", "2-schema", "3-after"] {
            trial.phase(&db, phase).unwrap();
        }
        let same = format!("UPDATE SALES.ORDERS_STATE SET {column} = 'web'");
        db.execute_batch(&same).unwrap();
        let said = stops(&db, &trial.tree, "4-check").unwrap_or_default();
        assert!(said.contains("values that must stand in one row"), "{}: {said}", trial.name);
        let apart = format!("UPDATE SALES.ORDERS_STATE SET {column} = 'row ' || order_id");
        db.execute_batch(&apart).unwrap();
        assert_eq!(stops(&db, &trial.tree, "4-check"), None, "{}", trial.name);
    }
}
