//! `large` came or went.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW024",
    slug: "large-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "A field is stored out of line from now on, or no longer.",
    why: "A large field is a merge group of its own, and a change without it keeps its value. \
          The same changes fold to other rows, and guards are kept per group.",
    how: "Raise the revision of the contract and replay landing, so that every guard is \
          computed anew.",
    cases: cases!("DCW024-large-changed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    if pair.old.large == pair.new.large {
        return;
    }
    let mut broken = vec![pair.entity.after().validator("reads a missing value differently")];
    broken.extend(pair.entity.after().column(pair.new, "is guarded by another number"));
    let what =
        if pair.new.large { "may now be left out as unchanged" } else { "is now always told" };
    let headline = format!("{} {what}", pair.shown());
    findings.push(pair.finding(
        &RULE,
        "large",
        headline,
        broken,
        "raise the revision and replay landing",
    ));
}
