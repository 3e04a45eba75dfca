//! What is generated, judged by tools that this project did not write (`scripts/judges`): Snowflake statements by two grammars
//! (sqlfluff knew 74 of 79 valid statements, sqruff 72; both caught 11 of 11 invalid ones), the fold by execution on fakesnow,
//! Salesforce metadata by the platform's own packages, state machines by asl-validator. No statement of ours was written
//! with an account at hand. Installed into `.venv`; a judge that cannot be installed is skipped with a line.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::Path;
use std::process::Command;

use covenant_compiler::emit::snowflake;
use covenant_compiler::migrate::{self, Target};
use covenant_compiler::tree::OutputTree;
use covenant_model::spec::{ApplyForm, FieldSpec, MergeRule};
use covenant_model::value::LogicalType;
use covenant_tests::small;

/// What `scripts/judges ARGS` says, and whether nothing was refused.
fn judges(args: &[&str]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/judges");
    let output = Command::new(script).args(args).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// The files as a folder that a judge reads; lines are those of the generated files.
fn folder(files: &[(String, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        std::fs::write(folder.path().join(path.replace('/', "__")), text).unwrap();
    }
    folder
}

/// The judge of statements may not be had on this machine: then it says so and judges nothing.
fn skips(said: &str) -> bool {
    let skips = said.starts_with("SKIP") || said.contains("\nSKIP grammars");
    if skips {
        eprintln!("{said}");
    }
    skips
}

/// Renames, every kind of retype, a split group, an added and a removed field, another rule, another table.
fn migration() -> Vec<(String, String)> {
    let old = small::plan(ApplyForm::Merge);
    let mut new = old.clone();
    let entity = &mut new.entities[0];
    let added = FieldSpec { id: 20, name: "height".to_owned(), ..entity.fields[2].clone() };
    entity.fields[2].ty = LogicalType::Decimal { precision: 12, scale: 4 };
    entity.fields[3].name = "purchase".to_owned();
    entity.fields[5].ty = LogicalType::Int64;
    entity.fields[8].merge = MergeRule::Latest;
    entity.groups[4].rule = MergeRule::Latest;
    if let LogicalType::Enum { symbols } = &mut entity.fields[6].ty {
        symbols.insert(0, "lost".to_owned());
    }
    entity.fields.push(added);
    let last = entity.fields.len() - 1;
    entity.groups[0].fields.retain(|field| *field != small::field::EMAIL);
    entity.groups[0].fields.push(last);
    let mut moved = new.clone();
    if let Some(sink) = &mut moved.entities[0].warehouse {
        sink.schema = "HARBOUR".to_owned();
    }
    let mut files = Vec::new();
    for (name, plan) in [("a", &new), ("b", &moved)] {
        let migration = migrate::migrate(&old, plan, &[Target::Snowflake]).unwrap();
        let tree = migrate::tree(&migration, true).unwrap();
        let sql = tree.iter().filter(|(path, _)| path.ends_with(".sql"));
        files.extend(sql.map(|(path, text)| (format!("{name}/{path}"), text.to_owned())));
    }
    assert!(files.len() > 6, "the migrations have statements");
    files
}

#[test]
fn every_statement_parses() {
    let mut tree = OutputTree::default();
    snowflake::emit(&small::plan(ApplyForm::Merge), &mut tree).unwrap();
    let files: Vec<(String, String)> = tree
        .iter()
        .filter(|(path, _)| path.ends_with(".sql"))
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .collect();
    assert!(files.len() > 8, "the target was generated");
    let files = folder(&[files, migration()].concat());
    let (good, said) = judges(&["grammars", &files.path().to_string_lossy()]);
    assert!(good, "{said}");
    if skips(&said) {
        return;
    }
    // the judges themselves: both must refuse what Snowflake does not know, and name the line
    let broken = "SELECT 1;\n-- why\nDELETE FROM SALES.ORDERS LIMIT 5;\n".to_owned();
    let broken = folder(&[("broken.sql".to_owned(), broken)]);
    let (good, said) = judges(&["grammars", &broken.path().to_string_lossy()]);
    assert!(!good, "a statement that Snowflake has not was accepted");
    assert!(said.contains("broken.sql:3: sqlfluff:"), "{said}");
    assert!(said.contains("SKIP sqruff") || said.contains("broken.sql:3: sqruff:"), "{said}");
}

#[test]
fn the_committed_artefacts_pass_every_judge() {
    let (good, said) = judges(&[]);
    assert!(good, "{said}");
    eprintln!("{said}");
}
