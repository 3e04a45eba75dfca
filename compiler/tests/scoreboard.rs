//! The scoreboard: changes of this repository's own contracts whose truth is written beside them, and a hundred that are
//! composed of them. Found, missed and false alarms; with `COVENANT_SCOREBOARD=DIR` also both sides of every pair as ODCS,
//! so that another tool can be asked.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads files and may panic"
)]

use std::collections::BTreeMap;
use std::path::Path;

use covenant_compiler::compat::{self, Finding, Grade};
use covenant_compiler::emit::schemas;
use covenant_compiler::plan::Plan;
use covenant_compiler::source::SourceSet;
use covenant_compiler::tree::OutputTree;
use covenant_compiler::{compile, driver};

const CHANGES: &str = include_str!("scoreboard/changes.txt");
/// Composed of two to four changes each.
const COMPOSED: usize = 100;
/// Draws until so many pairs are composed; changes of one line cannot be combined.
const DRAWS_MAX: usize = 10_000;

/// Breaks that are not found yet. What is found here must be taken off the list by hand.
const KNOWN_MISSES: &[&str] = &["a model computes something else"];

#[derive(Clone, Debug)]
struct Change {
    title: String,
    breaks: bool,
    codes: Vec<String>,
    patches: Vec<(String, String, String)>,
}

fn changes() -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    let mut file = String::new();
    let mut old = String::new();
    let text = |line: &str| line.get(2..).unwrap_or("").replace("\\n", "\n");
    for line in CHANGES.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match (line.chars().next(), all.last_mut()) {
            (Some('='), _) => {
                let words: Vec<&str> = line.splitn(4, ' ').collect();
                let codes = (words[2] != "-").then(|| words[2].to_owned());
                all.push(Change {
                    title: words[3].to_owned(),
                    breaks: words[1] == "breaks",
                    codes: codes.into_iter().collect(),
                    patches: Vec::new(),
                });
            }
            (Some('-'), _) => old = text(line),
            (Some('+'), Some(change)) => {
                change.patches.push((file.clone(), old.clone(), text(line)));
            }
            _ => file = line.to_owned(),
        }
    }
    all
}

fn contracts() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let sources = driver::read_contracts(&folder).unwrap();
    sources.iter().map(|(_, file)| (file.path.clone(), file.text.clone())).collect()
}

/// None where a patch does not apply exactly once, or the result does not hold together.
fn plan(files: &BTreeMap<String, String>, change: &Change) -> Option<Plan> {
    let mut files = files.clone();
    for (file, from, to) in &change.patches {
        let (_, text) = files.iter_mut().find(|(path, _)| path.ends_with(&format!("/{file}")))?;
        if text.matches(from.as_str()).count() != 1 {
            return None;
        }
        *text = text.replacen(from.as_str(), to, 1);
    }
    compile(SourceSet::new(files)).plan
}

/// Two to four changes at once; the truth of the whole follows from the parts.
fn composed(singles: &[Change], files: &BTreeMap<String, String>) -> Vec<Change> {
    let mut seed = 20_261_123_u64;
    let mut draw = |limit: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % limit
    };
    let mut all: Vec<Change> = Vec::new();
    let harmless: Vec<&Change> = singles.iter().filter(|one| !one.breaks).collect();
    for _ in 0..DRAWS_MAX {
        if all.len() == COMPOSED {
            break;
        }
        // every fourth of harmless parts only
        let pool: Vec<&Change> =
            if all.len() % 4 == 3 { harmless.clone() } else { singles.iter().collect() };
        let parts: Vec<&Change> = (0..2 + draw(3)).map(|_| pool[draw(pool.len())]).collect();
        let mut change = Change {
            title: parts.iter().map(|part| part.title.as_str()).collect::<Vec<_>>().join("; "),
            breaks: parts.iter().any(|part| part.breaks),
            codes: parts.iter().flat_map(|part| part.codes.clone()).collect(),
            patches: parts.iter().flat_map(|part| part.patches.clone()).collect(),
        };
        change.codes.sort();
        if all.iter().any(|other| other.title == change.title) || plan(files, &change).is_none() {
            continue;
        }
        all.push(change);
    }
    all
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

struct Score {
    found: usize,
    named: usize,
    missed: Vec<String>,
    harmless: usize,
    alarms: Vec<String>,
}

fn errors(findings: &[Finding]) -> Vec<&'static str> {
    let all = findings.iter().filter(|finding| finding.grade == Grade::Error);
    // Judges the other findings, and says nothing of its own about who breaks.
    all.map(|finding| finding.rule.code).filter(|code| *code != "DCM253").collect()
}

fn score(
    set: &str,
    all: &[Change],
    files: &BTreeMap<String, String>,
    folder: Option<&Path>,
    index: &mut Vec<serde_json::Value>,
) -> Score {
    let nothing =
        Change { title: String::new(), breaks: false, codes: Vec::new(), patches: Vec::new() };
    let old = plan(files, &nothing).unwrap();
    let mut score =
        Score { found: 0, named: 0, missed: Vec::new(), harmless: 0, alarms: Vec::new() };
    for (number, change) in all.iter().enumerate() {
        let new = plan(files, change).unwrap_or_else(|| panic!("{} holds together", change.title));
        let codes = errors(&compat::diff(&old, &new));
        match (change.breaks, codes.is_empty()) {
            (true, true) => score.missed.push(change.title.clone()),
            (true, false) => {
                score.found += 1;
                let named = change.codes.iter().all(|code| codes.contains(&code.as_str()));
                score.named += usize::from(named);
            }
            (false, true) => score.harmless += 1,
            (false, false) => score.alarms.push(format!("{}: {codes:?}", change.title)),
        }
        let Some(folder) = folder else { continue };
        let name = format!("{set}-{number:03}");
        let before = export(&old, &folder.join(&name).join("old"));
        let after = export(&new, &folder.join(&name).join("new"));
        let differ: Vec<&String> = before
            .iter()
            .filter(|(name, text)| after.get(*name) != Some(text))
            .map(|(name, _)| name)
            .collect();
        index.push(serde_json::json!({
            "set": set, "pair": name, "title": change.title, "breaks": change.breaks, "files": differ,
            "errors": codes,
        }));
    }
    score
}

#[test]
fn every_break_is_found_and_nothing_else_alarms() {
    let files = contracts();
    let singles = changes();
    let composed = composed(&singles, &files);
    assert_eq!(composed.len(), COMPOSED);
    let folder = std::env::var_os("COVENANT_SCOREBOARD").map(std::path::PathBuf::from);
    let mut index = Vec::new();
    let mut failed = Vec::new();
    for (set, all) in [("single", &singles), ("composed", &composed)] {
        let score = score(set, all, &files, folder.as_deref(), &mut index);
        println!(
            "{set}: {} found of {}, {} by the rule that was meant, {} quiet of {}",
            score.found,
            score.found + score.missed.len(),
            score.named,
            score.harmless,
            score.harmless + score.alarms.len()
        );
        let missed = score.missed.iter().filter(|title| !KNOWN_MISSES.contains(&title.as_str()));
        failed.extend(missed.map(|title| format!("missed: {title}")));
        failed.extend(score.alarms.iter().map(|title| format!("false alarm: {title}")));
    }
    if let Some(folder) = folder {
        let text = serde_json::to_string_pretty(&index).unwrap();
        std::fs::write(folder.join("index.json"), text).unwrap();
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
