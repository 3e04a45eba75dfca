//! Null and missing mean something else, or a field joins or leaves its group.

use covenant_model::spec::{EntitySpec, SourceSpec};

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW023",
    slug: "missing-meaning-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "A nullable field may now be left out of a change, or no longer.",
    why: "A field that a change may leave out keeps its value and is a merge group of its own; \
          one that it may not leave out is written with its owner's others. The same changes \
          fold to other rows, and guards are kept per group.",
    how: "Raise the revision of the contract and replay landing, so that every guard is \
          computed anew.",
    cases: cases!("DCW023-missing-meaning-changed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let open = |field: &FieldSpec| field.nullable || field.optional;
    let same = pair.old.optional == pair.new.optional && pair.old.nullable == pair.new.nullable;
    if same || !open(pair.old) || !open(pair.new) {
        return; // from or to required: said elsewhere
    }
    let mut broken = vec![pair.entity.after().validator("reads a missing value differently")];
    broken.extend(pair.entity.after().column(pair.new, "is guarded by another number"));
    let polled = polled(pair.entity.old, pair.old) && polled(pair.entity.new, pair.new);
    if pair.old.nullable == pair.new.nullable && polled {
        // Salesforce says nothing of what it has not: a missing member is read alike either way.
        broken.clear();
    }
    let what = if pair.new.optional { "may now be left out" } else { "is now always told" };
    let headline = format!("{} {what}", pair.shown());
    let help = "raise the revision and replay landing";
    let finding = pair.finding(&RULE, "optional", headline, broken, help);
    findings.push(finding.claiming([pair.leaf("nullable")]));
}

/// Whether Salesforce alone tells the field.
fn polled(entity: &EntitySpec, field: &FieldSpec) -> bool {
    field
        .from
        .keys()
        .all(|source| matches!(entity.sources.get(source), Some(SourceSpec::Salesforce { .. })))
}
