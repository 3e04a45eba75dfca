//! A model's rows are computed in another way.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{ModelPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCM221",
    slug: "derivation-changed",
    modes: Modes { backward: Grade::Warning, forward: Grade::Warning },
    migration: Migration::Backfill,
    explain: "A model's query changed (white space and letter case aside).\n\nIts columns may mean something else from the next run \
              on; models and reports that read it follow without knowing.\n\nTell the readers; the whole table is computed anew \
              by the next cycle.",
    check: Check::Model(check),
};

fn check(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    if normal(&pair.old.query) == normal(&pair.new.query) {
        return;
    }
    let how = "reads what is computed in another way";
    findings.push(Finding::new(
        &RULE,
        pair.old.compatibility,
        format!("{}/query", pair.new.name),
        format!("{} is computed in another way", pair.new.name),
        consumers::readers(pair.sides.new, &pair.new.name, how),
        "tell the readers; the next cycle computes all rows anew".into(),
    ));
}

fn normal(query: &str) -> String {
    query.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
