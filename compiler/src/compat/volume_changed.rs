//! Another volume is expected.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM245",
    slug: "volume-changed",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("time passes between promise and breach: no single run shows it"),
    what: "Another volume is expected.",
    why: "Nobody who reads: alarms about the volume follow.",
    how: "Nothing.",
    cases: cases!("DCM245-volume-changed"),
    check: Check::Dataset(check),
};

fn check(pair: DatasetPair<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (pair.old.expect, pair.new.expect);
    let parts = [
        ("rows", old.rows != new.rows),
        ("rows_per_day", old.rows_per_day != new.rows_per_day),
        ("band", old.band != new.band),
    ];
    let changed: Vec<&str> =
        parts.iter().filter(|(_, changed)| *changed).map(|(part, _)| *part).collect();
    if changed.is_empty() {
        return;
    }
    let headline = format!("another volume is expected of {}", pair.new.name);
    let mut finding = pair.finding(&RULE, "expect/volume", headline, Vec::new(), "nothing");
    finding.claims =
        changed.iter().map(|part| format!("{}/expect/{part}", pair.new.name)).collect();
    findings.push(finding);
}
