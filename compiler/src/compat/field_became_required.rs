//! An optional field must now be there.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCW021",
    slug: "optional-became-required",
    modes: Modes { backward: Grade::Error, forward: Grade::Info },
    migration: Migration::Backfill,
    explain: "A field that could be null or left out must now be there.\n\nThe new validator rejects old records: landed changes \
              that are replayed, events in flight; stored NULLs stay.\n\nBackfill first, prove with a quality rule that no NULL \
              is left, then tighten.",
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let open = |nullable, optional| nullable || optional;
    if !open(pair.old.nullable, pair.old.optional) || open(pair.new.nullable, pair.new.optional) {
        return;
    }
    let new = pair.entity.new;
    let mut broken = vec![consumers::validator(new, "rejects records without it")];
    broken.extend(consumers::column(new, pair.new, "still holds NULLs"));
    findings.push(Finding::new(
        &RULE,
        pair.entity.old.compatibility,
        format!("{}/fields/{}", new.name, pair.new.name),
        format!("field {} of {} must now be there", pair.new.name, new.name),
        broken,
        "backfill it, prove that no NULL is left, then tighten it".into(),
    ));
}
