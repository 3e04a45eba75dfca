//! `covenant lineage`: what comes from where, and what goes where.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test fails where it unwraps, and reads files

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use covenant_compiler::lineage::{self, Direction, Graph};
use covenant_compiler::plan::Plan;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn acme() -> Plan {
    let sources = covenant_compiler::driver::read_contracts(&root().join("contracts")).unwrap();
    covenant_compiler::compile(sources).plan.unwrap()
}

fn covenant(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_covenant"));
    command.arg("--contracts").arg(root().join("contracts")).args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = covenant(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_tree_reads_well() {
    insta::assert_snapshot!("email", printed(&["lineage", "sales.customer.email"]));
    insta::assert_snapshot!("model", printed(&["lineage", "analytics.inventory_position", "--up"]));
    insta::assert_snapshot!("overview", printed(&["lineage"]));
}

/// Both ways are the same edges.
#[test]
fn what_goes_down_comes_from_above() {
    let plan = acme();
    let (graph, _) = lineage::find(&plan, "sales.order.total").unwrap();
    for (at, node) in graph.nodes.iter().enumerate() {
        let (below, start) = graph.around(at, Direction::Down);
        assert_eq!(below.nodes[start], *node);
        for other in &below.nodes {
            let place = graph.nodes.iter().position(|one| one == other).unwrap();
            let (above, _) = graph.around(place, Direction::Up);
            assert!(above.nodes.contains(node), "{} is above {}", node.name, other.name);
        }
    }
}

fn names(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.name.as_str()).collect()
}

#[test]
fn every_field_and_every_system_has_its_place() {
    let plan = acme();
    for entity in &plan.entities {
        for field in &entity.fields {
            let name = format!("{}.{}", entity.name, field.name);
            let (graph, at) = lineage::find(&plan, &name).unwrap();
            let (above, _) = graph.around(at, Direction::Up);
            assert!(above.edges.len() >= field.from.len(), "{name}: {:?}", names(&above));
        }
    }
    for model in &plan.models {
        for field in model.fields.iter().filter(|field| !field.lineage.is_empty()) {
            let name = format!("{}.{}", model.name, field.name);
            let (graph, at) = lineage::find(&plan, &name).unwrap();
            let (above, _) = graph.around(at, Direction::Up);
            for (dataset, column) in &field.lineage {
                let input = format!("{dataset}.{column}");
                assert!(names(&above).contains(&input.as_str()), "{name} without {input}");
            }
        }
    }
    for place in ["public.orders", "order-events", "Order__c.Status__c", "ANALYTICS.SALES.ORDERS"] {
        assert!(lineage::find(&plan, place).is_ok(), "{place}");
    }
}

#[test]
fn what_is_not_there_is_named_with_what_is_like_it() {
    let output = covenant(&["lineage", "sales.order.totl"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`sales.order.totl`; did you mean sales.order.total?"), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn programs_get_the_same_graph() {
    let text = printed(&["lineage", "sales.order.status", "--as", "json"]);
    let read: Value = serde_json::from_str(&text).unwrap();
    let start = read["start"].as_u64().unwrap();
    let nodes = read["nodes"].as_array().unwrap();
    assert_eq!(nodes[usize::try_from(start).unwrap()]["name"], "sales.order.status");
    let events = nodes.iter().position(|node| node["name"] == "order-events.status").unwrap();
    let edges = read["edges"].as_array().unwrap();
    let told = edges.iter().any(|edge| edge["from"] == events && edge["to"] == start);
    assert!(told, "{text}");
    // No column shows it, and every one depends on it.
    let revenue = nodes.iter().position(|node| node["name"] == "analytics.daily_sales.revenue");
    let filters =
        |edge: &Value| edge["to"] == revenue.unwrap() && edge["how"] == "filters its rows";
    assert!(edges.iter().any(|edge| edge["from"] == start && filters(edge)), "{text}");
}

#[test]
fn events_are_those_of_the_jobs_on_the_way() {
    let jobs = |arguments: &[&str]| -> Vec<String> {
        let text = printed(&[&["--today", "2026-11-23", "lineage"], arguments].concat());
        let read = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        read.map(|event| event["job"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let of_total = jobs(&["sales.order.total", "--as", "openlineage"]);
    assert_eq!(of_total, ["land.sales.order", "deliver.sales.order"]);
    let below = jobs(&["stock.inventory_level", "--down", "--as", "openlineage"]);
    assert_eq!(below, ["land.stock.inventory_level", "compute.analytics.inventory_position"]);
}

#[test]
fn the_picture_is_drawn_into_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("total.svg");
    let out = path.to_str().unwrap();
    let said = printed(&["--output", out, "lineage", "sales.customer.email", "--as", "svg"]);
    assert!(said.is_empty());
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"));
    let titles = text.matches("class=\"title\"").count();
    assert_eq!(titles, 5, "column, field, ciphertext, token, org");
    assert_eq!(text.matches("class=\"edge\"").count(), 4);
    assert_eq!(text.matches("holds personal data").count(), titles);
}
