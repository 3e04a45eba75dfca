//! The version went down, or up.

use super::prelude::*;
use super::version_not_bumped::numbers;

pub(super) static RULE: Rule = Rule {
    code: "DCM254",
    slug: "version-decreased",
    direction: Direction::Changes,
    mirror: Mirror::Uneven("DCM259", "a higher version is how changes are told"),
    modes: Modes::BOTH,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "The version of a contract went down, or stands for another content than before.",
    why: "Whoever pins versions takes the older contract for the newer one. (One version, two \
          contents, and nobody breaks: good to know. Where somebody breaks it is DCM253.)",
    how: "Raise it instead: versions are never used twice.",
    cases: cases!("DCM254-version-decreased"),
    check: Check::Dataset(check),
};

pub(super) static RAISED: Rule = Rule {
    code: "DCM259",
    slug: "version-raised",
    direction: Direction::Neutral,
    mirror: Mirror::Uneven("DCM254", "a version is never used twice"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "The version of a contract was raised.",
    why: "Nobody: that is how changes are told.",
    how: "Nothing.",
    cases: cases!("DCM259-version-raised"),
    check: Check::Dataset(check_raised),
};

fn check(pair: DatasetPair<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (pair.old.version, pair.new.version);
    if old == new || numbers(new) > numbers(old) {
        return;
    }
    let path = format!("{}/version", pair.new.name);
    let broken = vec![people(Side::New, path, pair.new.owner, "cannot tell which one is newer")];
    let headline = format!("{} went back from version {old} to {new}", pair.new.name);
    findings.push(pair.finding(&RULE, "version", headline, broken, RULE.how));
}

fn check_raised(pair: DatasetPair<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (pair.old.version, pair.new.version);
    if numbers(new) > numbers(old) {
        let headline = format!("{} is version {new} now", pair.new.name);
        findings.push(pair.finding(&RAISED, "version", headline, Vec::new(), "nothing"));
    }
}
