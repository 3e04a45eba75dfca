//! `docs/language.md` names every key that the parser knows.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::collections::BTreeSet;
use std::path::Path;

use covenant_compiler::compile;
use covenant_compiler::source::SourceSet;

/// A map at every place of the language, each with a key that there is not: the findings list those that there are.
const PROJECT: &str = "
project: p
bogus: 1
systems:
  a: {kind: postgres, bogus: 1}
  b: {kind: stream, bogus: 1}
  c: {kind: salesforce, bogus: 1}
  d: {kind: snowflake, bogus: 1}
pii: {bogus: 1, classes: {x: {bogus: 1}}}
budget: {bogus: 1}
";
const ENTITY: &str = "
entity: a.b
bogus: 1
sources: {a: {bogus: 1}}
fields: {x: {bogus: 1}}
quality: [{name: q, bogus: 1}]
sinks: {d: {bogus: 1}}
expect: {bogus: 1, volume: {bogus: 1}}
reserved: [{name: r, bogus: 1}]
";
const MODEL: &str = "
model: a.m
bogus: 1
fields: {x: {bogus: 1}}
refresh: {bogus: 1}
";

#[test]
fn every_key_is_documented() {
    let files = [("project.yaml", PROJECT), ("b.yaml", ENTITY), ("m.yaml", MODEL)];
    let sources = SourceSet::new(files.map(|(path, text)| (path.to_owned(), text.to_owned())));
    let compiled = compile(sources);
    let lists: Vec<String> = compiled
        .diagnostics
        .iter()
        .filter(|found| found.code.number == 1003)
        .flat_map(|found| found.why.clone())
        .filter_map(|why| why.strip_prefix("known here: ").map(str::to_owned))
        .collect();
    let bogus = files.iter().map(|(_, text)| text.matches("bogus").count()).sum::<usize>();
    assert_eq!(lists.len(), bogus, "every bogus key is found");
    let keys: BTreeSet<&str> = lists.iter().flat_map(|list| list.split(", ")).collect();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/language.md");
    let page = std::fs::read_to_string(page).unwrap();
    let missing: Vec<&&str> =
        keys.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/language.md does not name {missing:?}");
}
