//! No change passes in silence: every leaf of the contracts is changed, one at a time, and each must
//! get a verdict of a rule that knows what it means.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::collections::BTreeSet;
use std::path::Path;

use covenant_compiler::compat::{self, DERIVED, Grade};
use covenant_compiler::plan::Plan;
use covenant_compiler::{compile, driver};
use serde_json::{Value, json};

fn plan(folder: &str) -> Plan {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let compiled = compile(driver::read_contracts(&folder).unwrap());
    let said =
        covenant_compiler::diagnostic::human::render(&compiled.diagnostics, &compiled.sources);
    compiled.plan.unwrap_or_else(|| panic!("{said}"))
}

/// A step into a value.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    At(usize),
}

/// Every place in a value that is no map or list with something in it.
fn leaves(value: &Value, path: &mut Vec<Step>, found: &mut Vec<Vec<Step>>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, inner) in map {
                path.push(Step::Key(key.clone()));
                leaves(inner, path, found);
                path.pop();
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, inner) in items.iter().enumerate() {
                path.push(Step::At(at));
                leaves(inner, path, found);
                path.pop();
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Object(_)
        | Value::Array(_) => found.push(path.clone()),
    }
}

fn get<'v>(value: &'v mut Value, path: &[Step]) -> &'v mut Value {
    path.iter().fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key).unwrap(),
        Step::At(at) => value.get_mut(*at).unwrap(),
    })
}

fn at<'v>(value: &'v Value, path: &[Step]) -> &'v Value {
    path.iter().fold(value, |value, step| match step {
        Step::Key(key) => value.get(key).unwrap(),
        Step::At(at) => value.get(*at).unwrap(),
    })
}

/// Words of the language: one of them fits where a text is one of a few words.
const WORDS: &[&str] = &[
    "backward",
    "forward",
    "never",
    "allowed",
    "reject",
    "rekey",
    "latest",
    "ranked",
    "max",
    "min",
    "first",
    "merge",
    "delete_insert",
    "keep",
    "flag",
    "delete",
    "quarantine",
    "alarm",
    "encrypt",
    "tokenize",
    "mask",
    "drop",
    "bool",
    "int64",
    "deprecated",
    "active",
    "closed",
    "open",
    "capture",
    "count",
    "hash",
    "less",
    "greater",
    "add",
    "multiply",
    "postgres",
    "stream",
    "text",
    "exact",
    "create",
    "wait",
    "auto",
    "by_hand",
    "transformer",
    "pii_reader",
];

/// Other values that a leaf could have, of every kind: those that fit are taken.
fn others(value: &Value) -> Vec<Value> {
    let mut all = match value {
        Value::Null => Vec::new(),
        Value::Bool(flag) => vec![json!(!flag)],
        Value::Number(number) => {
            let number = number.as_i64().unwrap();
            vec![json!(number + 1), json!(number - 1)]
        }
        Value::String(text) => vec![json!(format!("{text}x"))],
        Value::Array(_) => vec![
            json!([[1]]),
            json!(["x"]),
            json!([1]),
            json!([{"id": 99, "name": "x"}]),
            json!([{
                "name": "x", "text": "x", "expect": {"bool": true}, "on_fail": "quarantine",
                "at_capture": true, "about": null
            }]),
        ],
        Value::Object(_) => vec![json!({"x": "y"}), json!({"x": ["y"]}), json!({"x": 1})],
    };
    all.extend(WORDS.iter().map(|word| json!(word)));
    if value.is_null() {
        all.push(json!("1"));
        all.push(json!(1));
        all.push(json!(true));
        all.push(json!({"class": "contact", "protect": "encrypt"}));
        all.push(json!({"by": "hash", "min_group": null}));
        all.push(json!({"field": 0, "keep_days": 3, "text": "x"}));
    }
    all.retain(|other| other != value);
    all
}

fn shown(path: &[Step]) -> String {
    let parts: Vec<String> = path
        .iter()
        .map(|step| match step {
            Step::Key(key) => key.clone(),
            Step::At(at) => at.to_string(),
        })
        .collect();
    parts.join("/")
}

/// `entities/3/fields/4/group` as the list of derived leaves has it: `*/fields/*/group`.
fn is_derived(path: &[Step]) -> bool {
    let parts: Vec<String> = shown(path).split('/').map(str::to_owned).collect();
    let below: &[String] = match parts.first().map(String::as_str) {
        Some("entities" | "models") => &parts[1..],
        _ => &parts,
    };
    DERIVED.iter().any(|(pattern, _)| {
        let pattern: Vec<&str> = pattern.split('/').collect();
        pattern.len() <= below.len()
            && pattern.iter().zip(below).all(|(wanted, part)| *wanted == "*" || wanted == part)
    })
}

/// The kind says which other keys there are, so it cannot change alone: a case of DCS102 does it.
fn is_kind(path: &[Step]) -> bool {
    matches!(path.last(), Some(Step::Key(key)) if key == "kind")
}

/// Identities: another one is another thing, and needs its parts to follow.
fn is_identity(path: &[Step]) -> bool {
    let text = shown(path);
    let last = text.rsplit('/').next().unwrap_or("");
    let depth = text.matches('/').count();
    text.starts_with("jobs/")
        || (last == "name" && depth == 2)
        || (last == "id" && depth == 4)
        || (matches!(last, "name" | "id") && matches!(text.matches('/').count(), 2 | 4))
}

/// What is wrong with what is said of a change.
fn judge(old: &Plan, new: &Plan) -> Vec<String> {
    let found = compat::diff(old, new);
    let all: Vec<_> = found.iter().flat_map(|finding| finding.all()).collect();
    if all.is_empty() {
        return vec!["silence".to_owned()];
    }
    let wrong = |one: &&&compat::Finding| {
        let hurts_nobody = one.grade == Grade::Error && one.consumers.is_empty();
        one.rule.code == "DCX000"
            || hurts_nobody
            || one.fingerprint.is_empty()
            || one.grade > one.ceiling
    };
    all.iter().filter(wrong).map(|one| format!("{} {}", one.rule.code, one.headline)).collect()
}

/// The plan with another value at a place; `None` where it does not fit there.
fn with(old: &Plan, value: &Value, path: &[Step], other: &Value) -> Option<Plan> {
    let mut new = old.clone();
    let part = |depth: usize| {
        let mut part = at(value, path.get(..depth).unwrap()).clone();
        *get(&mut part, path.get(depth..).unwrap()) = other.clone();
        part
    };
    // Only the part that holds the place is read again.
    match (path.first(), path.get(1)) {
        (Some(Step::Key(kind)), Some(Step::At(at))) if kind == "entities" => {
            new.entities[*at] = serde_json::from_value(part(2)).ok()?;
        }
        (Some(Step::Key(kind)), Some(Step::At(at))) if kind == "models" => {
            new.models[*at] = serde_json::from_value(part(2)).ok()?;
        }
        _ => new.project = serde_json::from_value(part(1)).ok()?,
    }
    (new != *old).then_some(new)
}

fn every_leaf_of(folder: &str, at_least: usize) {
    let old = plan(folder);
    let value = serde_json::to_value(&old).unwrap();
    let mut paths = Vec::new();
    leaves(&value, &mut Vec::new(), &mut paths);
    let mut untouched = BTreeSet::new();
    let mut changed = 0;
    let mut wrong = Vec::new();
    let leaf = |path: &&Vec<Step>| !is_derived(path) && !is_identity(path);
    for path in paths.iter().filter(leaf) {
        let mut fitting = 0;
        for other in others(at(&value, path)) {
            if let Some(new) = with(&old, &value, path, &other) {
                let said = judge(&old, &new);
                wrong.extend(said.iter().map(|said| format!("{} = {other}: {said}", shown(path))));
                fitting += 1;
                // Of free texts two are as good as fifty.
                if fitting == 2 {
                    break;
                }
            }
        }
        changed += fitting;
        if fitting == 0 && !is_kind(path) {
            untouched.insert(shown(path));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(untouched.is_empty(), "no other value fits: {untouched:#?}");
    assert!(changed > at_least, "only {changed} changes");
}

#[test]
fn every_leaf_gets_a_verdict() {
    every_leaf_of("tests/breaking/base", 500);
}

#[test]
fn every_leaf_of_the_other_words_gets_a_verdict() {
    every_leaf_of("tests/words", 300);
}

/// Names of entries in the schema of the language.
fn words(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(entries)) = map.get("properties") {
                found.extend(entries.keys().cloned());
            }
            map.values().for_each(|inner| words(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| words(inner, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whose leaves are changed above: a word that no contract there says would be changed by nobody.
#[test]
fn the_contracts_above_say_every_word_of_the_language() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = root.join("../generated/schemas/contract.schema.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let mut known = BTreeSet::new();
    words(&schema, &mut known);
    let sources = ["tests/breaking/base", "tests/words"]
        .map(|folder| driver::read_contracts(&root.join(folder)).unwrap());
    let texts: Vec<&str> =
        sources.iter().flat_map(|one| one.iter().map(|(_, file)| file.text.as_str())).collect();
    let says = |word: &String| {
        let entry = format!("{word}:");
        let begins = |text: &str, at: usize| {
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            before.is_none_or(|one| !one.is_alphanumeric() && one != '_')
        };
        texts.iter().any(|text| text.match_indices(&entry).any(|(at, _)| begins(text, at)))
    };
    known.retain(|word| !says(word));
    assert!(known.is_empty(), "no contract says {known:?}");
}

#[test]
fn derived_leaves_are_few_and_explained() {
    for (pattern, why) in DERIVED {
        assert!(why.len() > 10, "{pattern}");
    }
}
