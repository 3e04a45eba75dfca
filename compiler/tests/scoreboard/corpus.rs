//! Pairs of contracts with the truth about each: the cases of every rule (`tests/breaking/*.case`), changes of this
//! repository's own contracts (`changes.txt`), and both composed.

use std::collections::BTreeMap;
use std::path::Path;

use covenant_compiler::compat::RULES;
use covenant_compiler::compat::cases::{self, Case, Kind};
use covenant_compiler::source::SourceSet;
use covenant_compiler::{compile, driver};

const CHANGES: &str = include_str!("changes.txt");
/// Composed of this repository's own changes; two to four at once.
const COMPOSED: usize = 100;
/// Draws until so many pairs are composed; changes of one line cannot be combined.
const DRAWS_MAX: usize = 10_000;
/// Their truth is about the version or the promise of the whole contract: beside another change it is another one.
const OF_THE_WHOLE: [&str; 5] = ["DCM253", "DCM254", "DCM255", "DCM258", "DCM259"];

pub(crate) type Files = Vec<(String, String)>;

/// Where a pair comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// A case of a rule.
    Rules,
    /// A change of this repository's own contracts.
    Own,
    /// Several cases at once.
    RulesComposed,
    /// Several changes of the own contracts at once.
    OwnComposed,
}

/// A change, and the truth about it.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub set: Set,
    /// Identifies the pair.
    pub title: String,
    /// Whether anybody who is bound breaks.
    pub breaks: bool,
    /// Rules that must say so.
    pub codes: Vec<String>,
    pub old: Files,
    pub new: Files,
}

/// Every pair, in a fixed order.
pub(crate) fn pairs() -> Vec<Pair> {
    let mut all = of_rules();
    all.extend(own());
    all
}

fn read(folder: &str) -> Files {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let prefix = format!("{}/", folder.display());
    let read = driver::read_contracts(&folder).unwrap();
    let name = |path: &str| path.strip_prefix(&prefix).unwrap_or(path).to_owned();
    read.iter().map(|(_, file)| (name(&file.path), file.text.clone())).collect()
}

fn holds(files: &Files) -> bool {
    compile(SourceSet::new(files.clone())).plan.is_some()
}

fn of_rules() -> Vec<Pair> {
    let base = read("tests/breaking/base");
    let mut parts: Vec<(String, Case<'static>)> = Vec::new();
    let mut all = Vec::new();
    for rule in RULES {
        for case in cases::parse(rule.cases).unwrap() {
            let title = format!("{}: {}", rule.code, case.title);
            let side = |new| cases::apply(&base, &case, new).unwrap();
            let codes =
                case.expects.iter().filter(|one| one.grade == "error" && one.code != "DCM253");
            all.push(Pair {
                set: Set::Rules,
                title: title.clone(),
                breaks: case.breaks,
                codes: codes.map(|one| one.code.to_owned()).collect(),
                old: side(false),
                new: side(true),
            });
            let alone = case.hunks.iter().all(|hunk| hunk.kind != Kind::Given);
            if alone && !OF_THE_WHOLE.contains(&rule.code) {
                parts.push((title, case));
            }
        }
    }
    all.extend(composed_rules(&base, &parts));
    all
}

/// Two to four neighbours on a ring in the order of a hash, so that a new case changes few of the pairs; and once more on a
/// ring of harmless ones only. What does not apply together is left out.
fn composed_rules(base: &Files, parts: &[(String, Case<'static>)]) -> Vec<Pair> {
    let mut ring: Vec<&(String, Case<'static>)> = parts.iter().collect();
    ring.sort_by_key(|(title, _)| hash(title));
    let harmless: Vec<_> = ring.iter().copied().filter(|(_, case)| !case.breaks).collect();
    let mut all: Vec<Pair> = Vec::new();
    for (ring, step) in [(ring, 1), (harmless, 2)] {
        for at in (0..ring.len()).step_by(step) {
            let size = 2 + usize::try_from(hash(&ring[at].0) % 3).unwrap();
            let mut taken: Vec<&(String, Case<'static>)> = Vec::new();
            let mut now = base.clone();
            for part in (0..ring.len()).map(|next| ring[(at + next) % ring.len()]).take(2 * size) {
                let next = cases::apply(&now, &part.1, true).ok();
                if let Some(files) = next.filter(|files| taken.len() < size && holds(files)) {
                    now = files;
                    taken.push(part);
                }
            }
            let title =
                taken.iter().map(|(title, _)| title.as_str()).collect::<Vec<_>>().join("; ");
            if taken.len() > 1 && all.iter().all(|other| other.title != title) {
                all.push(Pair {
                    set: Set::RulesComposed,
                    title,
                    breaks: taken.iter().any(|(_, case)| case.breaks),
                    codes: Vec::new(),
                    old: base.clone(),
                    new: now,
                });
            }
        }
    }
    all
}

/// FNV-1a: the same everywhere and for good.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A change of the own contracts.
#[derive(Clone, Debug)]
struct Change {
    title: String,
    breaks: bool,
    codes: Vec<String>,
    /// File, old text, new text.
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

/// None where a patch does not apply exactly once.
fn patched(files: &Files, change: &Change) -> Option<Files> {
    let mut files: BTreeMap<String, String> = files.iter().cloned().collect();
    for (file, from, to) in &change.patches {
        let (_, text) = files.iter_mut().find(|(path, _)| path.ends_with(&format!("/{file}")))?;
        if text.matches(from.as_str()).count() != 1 {
            return None;
        }
        *text = text.replacen(from.as_str(), to, 1);
    }
    Some(files.into_iter().collect())
}

fn own() -> Vec<Pair> {
    let files = read("../contracts");
    let singles = changes();
    let composed = composed_own(&singles, &files);
    assert_eq!(composed.len(), COMPOSED);
    let pair = |set, change: &Change| Pair {
        set,
        title: change.title.clone(),
        breaks: change.breaks,
        codes: change.codes.clone(),
        old: files.clone(),
        new: patched(&files, change).unwrap_or_else(|| panic!("{} does not apply", change.title)),
    };
    let singles = singles.iter().map(|one| pair(Set::Own, one));
    let mut all: Vec<Pair> = singles.collect();
    all.extend(composed.iter().map(|one| pair(Set::OwnComposed, one)));
    all
}

/// Two to four changes at once; the truth of the whole follows from the parts.
fn composed_own(singles: &[Change], files: &Files) -> Vec<Change> {
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
        let change = Change {
            title: parts.iter().map(|part| part.title.as_str()).collect::<Vec<_>>().join("; "),
            breaks: parts.iter().any(|part| part.breaks),
            codes: Vec::new(),
            patches: parts.iter().flat_map(|part| part.patches.clone()).collect(),
        };
        let known = all.iter().any(|other| other.title == change.title);
        if !known && patched(files, &change).is_some_and(|files| holds(&files)) {
            all.push(change);
        }
    }
    all
}
