//! The scoreboard: changes whose truth is written beside them, and what `diff` says of each. The page
//! `docs/scoreboard.md` is made here; what a peer says of the same pairs stands in `peer.json`, written by
//! `make scoreboard`. With `COVENANT_SCOREBOARD=DIR` both sides of every pair are exported, so that it can be asked.

mod corpus;
mod page;

use std::collections::BTreeMap;
use std::path::Path;

use corpus::Pair;
use covenant_compiler::compat::{self, Grade};
use covenant_compiler::emit::schemas;
use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;
use covenant_compiler::tree::OutputTree;
use covenant_compiler::{compile, witness};

use crate::common;

/// Titles of pairs that get the wrong verdict, and why that stands. Empty is the aim.
const KNOWN_WRONG: &[(&str, &str)] = &[];
/// Judges the other findings, and says nothing of its own about who breaks.
const OF_VERSIONS: &str = "DCM253";

/// A pair, and what `covenant diff` says of it.
pub(crate) struct Judged {
    pair: Pair,
    /// Codes of errors, effects too: what makes exit code 1.
    errors: Vec<&'static str>,
}

impl Judged {
    fn right(&self) -> bool {
        self.pair.breaks != self.errors.is_empty()
    }
}

fn plan(files: &[(String, String)], title: &str) -> Plan {
    let compiled = compile(SourceSet::new(files.to_vec()));
    compiled.plan.unwrap_or_else(|| panic!("{title} does not hold together"))
}

/// As the command does it: what no record can show and only a validator would notice is no error.
fn errors(old: &Plan, new: &Plan) -> Vec<&'static str> {
    let mut found = compat::diff(old, new);
    witness::confirm(old, new, &mut found);
    let all = found.iter().flat_map(compat::Finding::all);
    let bad = all.filter(|one| one.grade == Grade::Error).map(|one| one.rule.code);
    let mut codes: Vec<&str> = bad.filter(|code| *code != OF_VERSIONS).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn export(plan: &Plan, folder: &Path) -> BTreeMap<String, String> {
    let mut tree = OutputTree::default();
    schemas::emit(plan, &mut tree).unwrap();
    std::fs::create_dir_all(folder).unwrap();
    let odcs = tree.iter().filter(|(path, _)| path.contains("/odcs/"));
    odcs.map(|(path, text)| {
        let name = path.rsplit('/').next().unwrap().to_owned();
        std::fs::write(folder.join(&name), text).unwrap();
        (name, text.to_owned())
    })
    .collect()
}

/// Both sides as ODCS, and which files differ.
fn exported(number: usize, pair: &Pair, old: &Plan, new: &Plan, to: &Path) -> serde_json::Value {
    let name = format!("{number:04}");
    let before = export(old, &to.join(&name).join("old"));
    let after = export(new, &to.join(&name).join("new"));
    let differ: Vec<&String> = before
        .iter()
        .filter(|(name, text)| after.get(*name) != Some(text))
        .map(|(name, _)| name)
        .collect();
    serde_json::json!({ "pair": name, "title": pair.title, "files": differ })
}

fn judged() -> Vec<Judged> {
    let folder = std::env::var_os("COVENANT_SCOREBOARD").map(std::path::PathBuf::from);
    let mut index = Vec::new();
    let mut all = Vec::new();
    let mut before: Option<(Vec<(String, String)>, Plan)> = None;
    for (number, pair) in corpus::pairs().into_iter().enumerate() {
        // Most pairs share their old side.
        let old = match before.take() {
            Some((files, plan)) if files == pair.old => plan,
            Some(_) | None => plan(&pair.old, &pair.title),
        };
        let new = plan(&pair.new, &pair.title);
        if let Some(folder) = &folder {
            index.push(exported(number, &pair, &old, &new, folder));
        }
        let errors = errors(&old, &new);
        before = Some((pair.old.clone(), old));
        all.push(Judged { pair, errors });
    }
    if let Some(folder) = folder {
        let text = serde_json::to_string_pretty(&index).unwrap();
        std::fs::write(folder.join("index.json"), text).unwrap();
    }
    all
}

#[test]
fn scoreboard_finds_every_break_raises_no_false_alarm_and_its_page_is_fresh() {
    let all = judged();
    let mut wrong = Vec::new();
    for one in &all {
        let known = KNOWN_WRONG.iter().any(|(title, _)| *title == one.pair.title);
        if one.right() == known {
            let what = match (one.right(), one.pair.breaks) {
                (true, _) => "is right now: take it off the list",
                (false, true) => "missed",
                (false, false) => "false alarm",
            };
            wrong.push(format!("{what}: {} {:?}", one.pair.title, one.errors));
        }
        let named = one.pair.codes.iter().all(|code| one.errors.contains(&code.as_str()));
        if !named && !known {
            wrong
                .push(format!("{}: not by {:?}: {:?}", one.pair.title, one.pair.codes, one.errors));
        }
    }
    common::fresh("docs/scoreboard.md", &page::page(&all, KNOWN_WRONG));
    assert!(wrong.is_empty(), "{wrong:#?}");
}
