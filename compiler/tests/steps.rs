//! What `covenant diff` says about stored data, on the built program: the statements of `covenant migrate`.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;
#[path = "scoreboard/corpus.rs"]
#[allow(dead_code, reason = "the scoreboard reads the truth of the pairs, too")]
mod corpus;

use common::Project;
use covenant_compiler::compat::{self, Finding, Migration};
use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;
use covenant_compiler::{compile, migrate};

const ORDER: &str = "contracts/sales/order.yaml";

/// An amount gets more digits.
fn widened() -> Project {
    let project = Project::new();
    project.edit(ORDER, "id: 4, type: \"decimal(12,2)", "id: 4, type: \"decimal(16,2)");
    project
}

#[test]
fn a_finding_shows_the_very_statements() {
    let project = widened();
    let ran = project.run(&["diff", "--against", "released", "--all", "--format", "json"]);
    let found = ran.findings().into_iter().find(|one| one["code"] == "DCW031").unwrap();
    let steps = found["migration"]["steps"].as_array().unwrap().clone();
    assert!(!steps.is_empty(), "{found:#}");
    let plan = project.run(&["migrate", "--from", "released", "--format", "json"]);
    let plan = plan.json();
    let all = plan["steps"].as_array().unwrap();
    let mut shown = Vec::new();
    for step in &steps {
        let Some(statement) = step["statement"].as_str() else { continue };
        let same = |one: &&serde_json::Value| {
            let own = one["statements"].as_array().unwrap();
            let own: Vec<&str> = own.iter().filter_map(serde_json::Value::as_str).collect();
            own.join(";\n") == statement
        };
        assert!(all.iter().any(|one| same(&one)), "not of the plan: {statement}");
        shown.push(statement.lines().next().unwrap().to_owned());
    }
    assert!(!shown.is_empty(), "{steps:?}");
    for format in ["human", "sarif", "markdown"] {
        let ran = project.run(&["diff", "--against", "released", "--all", "--format", format]);
        let text = format!("{}{}", ran.out(), ran.said());
        for line in &shown {
            let escaped = line.replace('"', "\\\"");
            assert!(text.contains(line) || text.contains(&escaped), "{format}: {line}: {text}");
        }
    }
}

fn plan(files: &[(String, String)], title: &str) -> Plan {
    let compiled = compile(SourceSet::new(files.to_vec()));
    compiled.plan.unwrap_or_else(|| panic!("{title} does not hold together"))
}

fn moves(finding: &&Finding) -> bool {
    match finding.migration {
        Migration::Inplace | Migration::Precheck | Migration::Backfill | Migration::Rebuild => true,
        Migration::None | Migration::Impossible => false,
    }
}

/// Of every pair of the scoreboard, composed ones too: what moves stored data shows how, and every step hangs somewhere.
#[test]
fn composed_changes_show_every_step_and_miss_none() {
    let mut wrong = Vec::new();
    // The cases of single rules are tried with their rules.
    for pair in corpus::pairs().into_iter().filter(|pair| pair.set != corpus::Set::Rules) {
        let (old, new) = (plan(&pair.old, &pair.title), plan(&pair.new, &pair.title));
        let mut found = compat::diff(&old, &new);
        let loose = migrate::attach(&old, &new, &mut found).unwrap();
        wrong.extend(loose.iter().map(|step| {
            format!("{}: nobody shows {} {}: {}", pair.title, step.code, step.subject, step.what)
        }));
        for finding in found.iter().filter(|one| one.steps.is_empty()) {
            for one in finding.all().into_iter().filter(moves) {
                wrong.push(format!(
                    "{}: {} {} has no steps",
                    pair.title, one.rule.code, one.subject
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// An entity that alone reads a database, and then does not; and one that is read through another slot.
const LEFT: &str = "
harmless a database is not read any more
given sales/note.yaml
+entity: sales.note
+version: 1.0.0
+owner: orders@acme.example
+purpose: One row per note.
+compatibility: full
+key: [note_id]
+key_reuse: never
+sources:
+  backup: {table: public.notes}
+fields:
+  note_id: {id: 1, type: int64, from: backup}
+  body: {id: 2, type: string(40), from: backup}
+sinks:
+  snowflake: {table: ANALYTICS.SALES.NOTES, history: scd2}
gone sales/note.yaml

harmless another slot
file project.yaml
-  store: {kind: postgres, purpose: The shop., publication: covenant_acme, slot: covenant_acme}
+  store: {kind: postgres, purpose: The shop., publication: covenant_acme, slot: covenant_new}
";

#[test]
fn slots_and_publications_that_nobody_reads_are_dropped_on_request_only() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/breaking/base");
    let prefix = format!("{}/", folder.display());
    let read = covenant_compiler::driver::read_contracts(&folder).unwrap();
    let name = |path: &str| path.strip_prefix(&prefix).unwrap_or(path).to_owned();
    let base: Vec<(String, String)> =
        read.iter().map(|(_, file)| (name(&file.path), file.text.clone())).collect();
    let expected: [&[&str]; 2] = [
        &[
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
             WHERE slot_name = 'covenant_two'",
            "DROP PUBLICATION IF EXISTS \"covenant_two\"",
        ],
        &["SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
           WHERE slot_name = 'covenant_acme'"],
    ];
    for (case, expected) in compat::cases::parse(LEFT).unwrap().iter().zip(expected) {
        let side = |new| plan(&compat::cases::apply(&base, case, new).unwrap(), case.title);
        let (old, new) = (side(false), side(true));
        let mut found = compat::diff(&old, &new);
        let loose = migrate::attach(&old, &new, &mut found).unwrap();
        assert_eq!(loose, [], "{}", case.title);
        let migration = migrate::migrate(&old, &new, &migrate::Target::ALL).unwrap();
        let dropping = migration.steps.iter().find(|step| {
            step.target == migrate::Target::Postgres && step.phase == migrate::Phase::Destructive
        });
        assert_eq!(dropping.unwrap().statements, expected, "{}", case.title);
        let file = |allowed| {
            let tree = migrate::tree(&migration, allowed).unwrap();
            tree.get("postgres/5-destructive.sql").map(str::to_owned)
        };
        assert_eq!(file(false), None, "{}", case.title);
        assert!(file(true).unwrap().contains("pg_drop_replication_slot"), "{}", case.title);
    }
}
