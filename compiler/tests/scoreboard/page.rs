//! The page `docs/scoreboard.md`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Judged;
use super::corpus::Set;

/// What the peer said when it was asked last; by title.
const PEER: &str = include_str!("peer.json");

const SETS: [(Set, &str); 4] = [
    (Set::Rules, "cases of the rules"),
    (Set::RulesComposed, "cases, several at once"),
    (Set::Own, "this repository's contracts"),
    (Set::OwnComposed, "these, several at once"),
];

/// What the peer says of a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Breaking,
    NotBreaking,
    /// Its format cannot express the change.
    NotExpressible,
    /// The pair is newer than the last `make scoreboard`.
    NotAsked,
}

struct Peer {
    tool: String,
    verdicts: BTreeMap<String, Said>,
}

impl Peer {
    fn read() -> Self {
        let read: Value = serde_json::from_str(PEER).unwrap();
        let said = |word: &Value| match word.as_str() {
            Some("breaking") => Said::Breaking,
            Some("not breaking") => Said::NotBreaking,
            Some("not expressible") => Said::NotExpressible,
            other => panic!("peer.json: {other:?}"),
        };
        let verdicts = read["verdicts"].as_object().unwrap().iter();
        Self {
            tool: read["tool"].as_str().unwrap().to_owned(),
            verdicts: verdicts.map(|(title, word)| (title.clone(), said(word))).collect(),
        }
    }

    fn of(&self, one: &Judged) -> Said {
        self.verdicts.get(&one.pair.title).copied().unwrap_or(Said::NotAsked)
    }
}

/// The whole page.
pub(super) fn page(all: &[Judged], known_wrong: &[(&str, &str)]) -> String {
    let peer = Peer::read();
    let mut out = format!(
        "# Scoreboard\n\n\
         What `covenant diff` says of changes whose truth is known: does anybody who is bound break? Written by\n\
         `COVENANT_BLESS=1 cargo test --workspace --test explain`; `make scoreboard` asks the peer anew, too. `make test` fails\n\
         where this page is not what the compiler says.\n\n\
         - *Cases of the rules* are the changes of `compiler/tests/breaking/*.case`, at least one that raises a rule and one that\n  \
           does not, `breaks` or `harmless` written by hand. They are what the rules were written against: that all of them\n  \
           are right says that nothing got worse, not that nothing is missing.\n\
         - *This repository's contracts* are changed in 34 ways (`compiler/tests/scoreboard/changes.txt`), chosen before there\n  \
           were rules, the truth written from the contracts and their consumers.\n\
         - *Several at once* are two to four of them that apply together. The whole breaks where a part does.\n\n\
         A break is found where there is an error, as exit code 1 is; an error on a harmless change is a false alarm. Breaks of\n\
         an agreement count as breaks: personal data that is exposed, a version that goes down. The peer is\n\
         `{}` (`breaking`, perspective consumer) on both sides' ODCS export. It is asked about the pairs whose\n\
         exports differ: its format cannot express the others. It is not told who is bound, which decides some pairs: read its\n\
         row as what a checker of the contract alone can say.\n\n\
         | changes | pairs | breaks found | missed | false alarms |\n|---|---|---|---|---|\n",
        peer.tool
    );
    for (set, name) in SETS {
        let of: Vec<&Judged> = all.iter().filter(|one| one.pair.set == set).collect();
        out.push_str(&row(&format!("{name}: covenant"), &of, |one| !one.errors.is_empty()));
        let can = |one: &&&Judged| matches!(peer.of(one), Said::Breaking | Said::NotBreaking);
        let asked: Vec<&Judged> = of.iter().filter(can).copied().collect();
        if !asked.is_empty() {
            let ours = |one: &Judged| !one.errors.is_empty();
            out.push_str(&row(&format!("{name}, in ODCS: covenant"), &asked, ours));
            let theirs = |one: &Judged| peer.of(one) == Said::Breaking;
            out.push_str(&row(&format!("{name}, in ODCS: peer"), &asked, theirs));
        }
    }
    let unasked = all.iter().filter(|one| peer.of(one) == Said::NotAsked).count();
    if unasked > 0 {
        out.push_str(&format!("\n{unasked} pairs are newer than the peer's last run.\n"));
    }
    for (title, why) in known_wrong {
        out.push_str(&format!("\nKnown to be wrong: {title}: {why}\n"));
    }
    out.push_str(&singles(all, &peer));
    out
}

fn row(who: &str, of: &[&Judged], finds: impl Fn(&Judged) -> bool) -> String {
    let (breaks, harmless): (Vec<&Judged>, Vec<&Judged>) =
        of.iter().partition(|one| one.pair.breaks);
    let found = breaks.iter().filter(|one| finds(one)).count();
    let alarms = harmless.iter().filter(|one| finds(one)).count();
    format!(
        "| {who} | {} | {found} of {} | {} | {alarms} of {} |\n",
        of.len(),
        breaks.len(),
        breaks.len() - found,
        harmless.len()
    )
}

fn singles(all: &[Judged], peer: &Peer) -> String {
    let mut out = String::new();
    for (set, name) in
        [(Set::Own, "This repository's contracts"), (Set::Rules, "Cases of the rules")]
    {
        out.push_str(&format!(
            "\n## {name}\n\n| change | breaks | covenant | peer |\n|---|---|---|---|\n"
        ));
        for one in all.iter().filter(|one| one.pair.set == set) {
            let breaks = if one.pair.breaks { "yes" } else { "no" };
            let ours =
                if one.errors.is_empty() { "no error".to_owned() } else { one.errors.join(", ") };
            let theirs = match peer.of(one) {
                Said::Breaking => "breaking",
                Said::NotBreaking => "not breaking",
                Said::NotExpressible => "not expressible",
                Said::NotAsked => "not asked",
            };
            out.push_str(&format!("| {} | {breaks} | {ours} | {theirs} |\n", one.pair.title));
        }
    }
    out
}
