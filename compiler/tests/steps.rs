//! What `covenant diff` says about stored data, on the built program: the statements of `covenant migrate`.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

mod common;

use common::Project;

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
