//! Acme's contracts, as they are in the repository: what the compiler derives from them.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::path::Path;

use covenant_compiler::source::SourceSet;
use covenant_compiler::{Compiled, compile, driver, plan};

fn acme() -> SourceSet {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    driver::read_contracts(&folder).unwrap()
}

fn compiled() -> Compiled {
    compile(acme())
}

#[test]
fn no_findings() {
    let compiled = compiled();
    let text =
        covenant_compiler::diagnostic::human::render(&compiled.diagnostics, &compiled.sources);
    assert!(compiled.diagnostics.is_empty(), "{text}");
}

/// Merge groups, lineage and jobs, as `covenant dump --stage plan` shows them.
#[test]
fn the_plan() {
    insta::assert_snapshot!("plan", plan::show::show(&compiled().plan.unwrap()));
}

#[test]
fn the_same_contracts_give_the_same_bytes() {
    let first = serde_json::to_string(&compiled().plan.unwrap()).unwrap();
    // The files in another order.
    let mut files: Vec<(String, String)> =
        acme().iter().map(|(_, file)| (file.path.clone(), file.text.clone())).collect();
    files.reverse();
    let second = compile(SourceSet::new(files)).plan.unwrap();
    assert_eq!(first, serde_json::to_string(&second).unwrap());
}

fn changed(path_end: &str, from: &str, to: &str) -> plan::Plan {
    let mut hits = 0;
    let files = acme()
        .iter()
        .map(|(_, file)| {
            let mut text = file.text.clone();
            if file.path.ends_with(path_end) {
                hits += text.matches(from).count();
                text = text.replacen(from, to, 1);
            }
            (file.path.clone(), text)
        })
        .collect::<Vec<_>>();
    assert!(hits > 0, "{from} is not in {path_end}");
    compile(SourceSet::new(files)).plan.unwrap()
}

#[test]
fn the_hash_is_of_the_meaning() {
    let plan = compiled().plan.unwrap();
    let hash = |plan: &plan::Plan| plan.entity("sales.order").unwrap().contract_hash.clone();
    let of_model = |plan: &plan::Plan| plan.models[0].contract_hash.clone();
    // Words, places and formatting do not count ...
    for (from, to) in [
        ("# the order of the enum is the rank", "#"),
        ("about: ISO 4217 code.", "about: The currency."),
        ("owner: orders@acme.example", "owner: shop@acme.example"),
        ("tax <= total", "tax  <=  total"),
        ("version: 1.0.0", "version: 1.0.1"),
    ] {
        assert_eq!(hash(&plan), hash(&changed("sales/order.yaml", from, to)), "{from}");
    }
    let spaced =
        changed("daily_sales.yaml", "l.sku                                  AS", "l.sku AS");
    assert_eq!(of_model(&plan), of_model(&spaced));
    // ... what is done with data does.
    for (from, to) in [
        ("string(3), from: store", "string(4), from: store"),
        ("tax <= total", "tax < total"),
        ("merge: max", "merge: min"),
        ("on_delete: flag", "on_delete: keep"),
        ("table: public.orders", "table: shop.orders"),
    ] {
        assert_ne!(hash(&plan), hash(&changed("sales/order.yaml", from, to)), "{from}");
    }
    let other = changed("daily_sales.yaml", "'cancelled', 'refunded'", "'cancelled'");
    assert_ne!(of_model(&plan), of_model(&other));
    // A class that is protected otherwise changes every entity that has it.
    let weaker = changed("project.yaml", "contact:  {protect: encrypt", "contact:  {protect: mask");
    assert_ne!(hash(&plan), hash(&weaker));
}

#[test]
fn everything_has_a_place() {
    let compiled = compiled();
    let spans = &compiled.ast.spans;
    for entity in &compiled.plan.as_ref().unwrap().entities {
        assert!(spans.get(&entity.name).is_some());
        for field in &entity.fields {
            let path = format!("{}/fields/{}/type", entity.name, field.name);
            let span = spans.get(&path).unwrap().value;
            let file = compiled.sources.get(span.file).unwrap();
            let text = file.text[span.start..span.end].trim_matches('"');
            assert_eq!(text, field.ty.to_string(), "{path}");
        }
    }
    let mapping = spans.get("sales.order/sinks/salesforce/fields/Status__c").unwrap();
    let file = compiled.sources.get(mapping.value.file).unwrap();
    assert_eq!(&file.text[mapping.value.start..mapping.value.end], "status");
}

/// A source that does not own existence carries the key all the same: under the fields' own names.
#[test]
fn every_source_table_publishes_the_key() {
    let source = "  store:      {table: public.customers}\n";
    let both = format!("{source}  desk:       {{system: store, table: public.customer_desk}}\n");
    let files = acme()
        .iter()
        .map(|(_, file)| {
            let text = file.text.replace(source, &both).replace(
                "  language:        {id: 12, type: \"enum [de, en, fr, nl, pl]\", from: store}",
                "  language:        {id: 12, type: \"enum [de, en, fr, nl, pl]\", from: desk}",
            );
            (file.path.clone(), text)
        })
        .collect::<Vec<_>>();
    let plan = compile(SourceSet::new(files)).plan.unwrap();
    let mut tree = covenant_compiler::tree::OutputTree::default();
    covenant_compiler::emit::postgres::emit(&plan, &mut tree).unwrap();
    let publication = tree.get("postgres/store/publication.sql").unwrap();
    let (_, table) = publication.split_once("\"customer_desk\" (").unwrap();
    let (columns, _) = table.split_once(')').unwrap();
    assert!(columns.contains("\"customer_id\"") && columns.contains("\"language\""), "{columns}");
}
