//! What must hold for every input, whoever makes it: libFuzzer, or the bounded run of `make test`.

#![allow(dead_code, unreachable_pub, reason = "a fuzz target uses one of them")]

use covenant_compiler::diagnostic::{Diagnostics, Severity, Sink, fix};
use covenant_compiler::interop::import::{ImportError, Imported};
use covenant_compiler::interop::salesforce::import;
use covenant_compiler::interop::{Standard, dbt_import, export, json_schema, odcs};
use covenant_compiler::parse::{self, declared_name};
use covenant_compiler::report::{
    Command, Report, changes, concise, contracts, github, gitlab, human, json, junit, markdown,
    sarif,
};
use covenant_compiler::source::{FileId, SourceSet};
use covenant_compiler::tree::OutputTree;
use covenant_compiler::{Compiled, compat, compile};
use serde_json::Value;

/// Contracts that hold together; the input takes the place of one of them.
const BASE: [(&str, &str); 4] = [
    ("project.yaml", include_str!("../compiler/tests/ui/base/project.yaml")),
    ("sales/customer.yaml", include_str!("../compiler/tests/ui/base/sales/customer.yaml")),
    ("sales/order.yaml", include_str!("../compiler/tests/ui/base/sales/order.yaml")),
    ("marts/daily.yaml", include_str!("../compiler/tests/ui/base/marts/daily.yaml")),
];

/// Any bytes as the only file: findings with places inside it, or a contract; never a panic.
pub fn parser(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let compiled = compile(SourceSet::new([("project.yaml".to_owned(), text)]));
    assert_eq!(compiled.plan.is_none(), compiled.diagnostics.has_errors());
    placed(&compiled.diagnostics, &compiled.sources);
}

/// A file among others that hold together: findings that every format can show, and fixes that can be
/// made.
pub fn resolver(bytes: &[u8]) {
    let compiled = compile(with(bytes));
    assert_eq!(compiled.plan.is_none(), compiled.diagnostics.has_errors());
    placed(&compiled.diagnostics, &compiled.sources);
    let found = contracts::report(Command::Check, &compiled.diagnostics, &compiled.sources);
    every_format(&found);
    let fixes: Vec<_> = compiled.diagnostics.iter().flat_map(|one| one.fixes.clone()).collect();
    let applied = fix::apply(&compiled.sources, &fixes);
    assert!(applied.done.len() + applied.refused.len() <= fixes.len());
}

/// The file before and after: a comparison that says nothing where nothing changed, and that every
/// format can show.
pub fn diff(bytes: &[u8]) {
    let (old, new) = (compile(SourceSet::new(base())), compile(with(bytes)));
    let Some(same) = &new.plan else { return };
    assert!(compat::diff(same, same).is_empty(), "a version differs from itself");
    for (old, new) in [(&old, &new), (&new, &old)] {
        every_format(&changed(old, new));
    }
}

/// Any bytes as the describe of an object that contracts write and read: findings with places inside the files, that every
/// format can show.
pub fn describe(bytes: &[u8]) {
    imported(bytes);
    let mut files = base();
    for (path, text) in &mut files {
        if path == "project.yaml" {
            *text = text
                .replace("share: 25%", "share: 25%, org: words.my.salesforce.com, describe: crm");
        }
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    files.push(("crm/Account.describe.json".to_owned(), text));
    let compiled = compile(SourceSet::new(files));
    assert_eq!(compiled.plan.is_none(), compiled.diagnostics.has_errors());
    placed(&compiled.diagnostics, &compiled.sources);
    every_format(&contracts::report(Command::Check, &compiled.diagnostics, &compiled.sources));
}

/// Whatever can be imported makes contracts that hold together.
fn imported(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let Ok(tree) = import(&[("a.json".to_owned(), text)]) else { return };
    let files = tree.iter().map(|(path, text)| (path.to_owned(), text.to_owned()));
    let compiled = compile(SourceSet::new(files));
    placed(&compiled.diagnostics, &compiled.sources);
    for found in compiled.diagnostics.iter() {
        assert!(found.code.number > 3000, "{}: {}", found.code, found.headline);
    }
}

/// Any bytes as a document of the Open Data Contract Standard: an error with a place, or contracts that hold together and give
/// back all that it said.
pub fn import_odcs(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let file = || [("a.odcs.yaml".to_owned(), text.clone())];
    let Some((tree, compiled)) = drafted(odcs::import(&file())) else { return };
    let plan = compiled.plan.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    let day = jiff::civil::date(2026, 11, 24);
    let exported = export(&plan, Standard::Odcs, day).unwrap_or_else(|error| panic!("{error}"));
    let now = exported.get("a.odcs.yaml").unwrap_or_else(|| panic!("{tree:?}"));
    let mut found = Vec::new();
    lost(&yaml(&text), &yaml(now), "", &mut found);
    assert!(found.is_empty(), "{found:?}");
}

/// Any bytes as a properties file of dbt.
pub fn import_dbt(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    drafted(dbt_import::import(&[("a.yml".to_owned(), text)]));
}

/// Any bytes as a JSON Schema.
pub fn import_json_schema(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    drafted(json_schema::import(&[("a.schema.json".to_owned(), text)], &[]));
}

/// What was imported holds together, without any finding.
fn drafted(imported: Result<Imported, ImportError>) -> Option<(OutputTree, Compiled)> {
    let Imported { tree, .. } = match imported {
        Ok(imported) => imported,
        Err(error) => {
            assert!(error.line > 0 && error.column > 0 && !error.why.is_empty(), "{error:?}");
            return None;
        }
    };
    let files = tree.iter().map(|(path, text)| (path.to_owned(), text.to_owned()));
    let compiled = compile(SourceSet::new(files));
    assert!(!compiled.diagnostics.has_errors(), "{:?}", compiled.diagnostics);
    Some((tree, compiled))
}

/// A text as the importers read it: not by a reader of YAML 1.1, for which the unit `y` is true.
pub fn yaml(text: &str) -> Value {
    let sources = SourceSet::new([("a.yaml".to_owned(), text.to_owned())]);
    let file = sources.get(FileId::FIRST).unwrap_or_else(|| panic!("no file"));
    let tree = match text.trim_start().starts_with('{') {
        true => parse::json::parse(FileId::FIRST, text).ok(),
        false => parse::tree(file, &Sink::default()),
    };
    parse::extensions::value(&tree.unwrap_or_else(|| panic!("no tree: {text}")))
}

/// Where something that was said is not said any more.
pub fn lost(said: &Value, now: &Value, at: &str, found: &mut Vec<String>) {
    match (said, now) {
        (Value::Object(said), Value::Object(now)) => {
            for (name, value) in said {
                match now.get(name) {
                    Some(now) => lost(value, now, &format!("{at}/{name}"), found),
                    None => found.push(format!("{at}/{name}")),
                }
            }
        }
        (Value::Array(said), Value::Array(now)) if said.iter().any(Value::is_object) => {
            for (place, value) in said.iter().enumerate() {
                let at = format!("{at}/{place}");
                let kept = |now: &Value| {
                    let mut inside = Vec::new();
                    lost(value, now, &at, &mut inside);
                    inside
                };
                // what is said of it is said somewhere; the nearest is shown
                let best = now.iter().map(kept).min_by_key(Vec::len);
                found.extend(best.unwrap_or_else(|| vec![at.clone()]));
            }
        }
        (said, now) if said == now => {}
        (said, now) => found.push(format!("{at}: {said} is {now}")),
    }
}

fn changed(old: &Compiled, new: &Compiled) -> Report {
    let found = match (&old.plan, &new.plan) {
        (Some(before), Some(after)) => compat::diff(before, after),
        (None, _) | (_, None) => Vec::new(),
    };
    changes::report(&found, old, new, "released")
}

fn base() -> Vec<(String, String)> {
    BASE.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// The base with the input in the place of the file that declares the same thing, or beside them.
fn with(bytes: &[u8]) -> SourceSet {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut files = base();
    let name = declared_name(&text);
    match files.iter_mut().find(|(_, known)| name.is_some() && declared_name(known) == name) {
        Some((_, known)) => *known = text,
        None => files.push(("input.yaml".to_owned(), text)),
    }
    SourceSet::new(files)
}

fn placed(found: &Diagnostics, sources: &SourceSet) {
    for one in found.iter() {
        let spans = one.labels.iter().map(|label| label.span).chain([one.span]);
        for span in spans {
            let text = sources.get(span.file).map(|source| source.text.as_str());
            let inside = text.and_then(|text| text.get(span.start..span.end));
            assert!(inside.is_some(), "{}: no place: {span:?}", one.code);
        }
    }
}

fn every_format(report: &Report) {
    let plain = human::render(report, Severity::Info, false);
    assert_eq!(plain.is_empty(), report.findings.is_empty());
    concise::render(report, Severity::Info);
    github::render(report, Severity::Info);
    markdown::render(report, Severity::Info);
    junit::render(report, Some(Severity::Error));
    for text in [json::render(report), sarif::render(report), gitlab::render(report)] {
        assert!(text.is_ok(), "keys are texts");
    }
}
