//! An optional field must now be there.

use covenant_model::spec::FieldSpec;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW021",
    slug: "optional-became-required",
    direction: Direction::Tightens,
    mirror: Mirror::Rule("DCW020"),
    modes: Modes::BACKWARD,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "A field that could be null or left out must now be there; or it lost the default that \
          stood in for it.",
    why: "The new validator rejects old records: landed changes that are replayed, events in \
          flight; stored NULLs stay.",
    how: "Backfill first, prove with a quality rule that no NULL is left, then tighten.",
    cases: cases!("DCW021-optional-became-required"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let open = |field: &FieldSpec| field.nullable || field.optional;
    if !open(pair.old) || open(pair.new) {
        return;
    }
    let after = pair.entity.after();
    let mut broken = vec![after.validator("rejects records without it")];
    broken.extend(after.column(pair.new, "still holds NULLs"));
    let headline = format!("field {} of {} must now be there", pair.new.name, pair.entity.new.name);
    let help = "backfill it, prove that no NULL is left, then tighten it";
    findings.push(
        pair.finding(&RULE, "nullable", headline, broken, help).claiming([pair.leaf("optional")]),
    );
}
