//! One format became another.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW053",
    slug: "format-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "A text has another format.",
    why: "The new validator rejects old records, and readers take the text for something else.",
    how: "Add a new field in the new format.",
    cases: cases!("DCW053-format-changed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.format, &pair.new.format) else { return };
    if old == new {
        return;
    }
    let headline = format!("the format of {} changed from {old} to {new}", pair.shown());
    let broken = pair.everyone("gets texts of another format");
    findings.push(pair.finding(&RULE, "format", headline, broken, "add a new field instead"));
}
