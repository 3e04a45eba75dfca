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
