//! A required field may now be null or left out.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCW020",
    slug: "required-became-optional",
    modes: Modes { backward: Grade::Info, forward: Grade::Error },
    migration: Migration::Inplace,
    explain: "A field that every record carried may now be null or left out.\n\nOld validators reject such records; models that \
              group or join by it lose rows; Salesforce fields go blank.\n\nSay in the models what a null means before it can \
              appear.",
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let open = |nullable, optional| nullable || optional;
    if open(pair.old.nullable, pair.old.optional) || !open(pair.new.nullable, pair.new.optional) {
        return;
    }
    let (old, new) = (pair.entity.old, pair.entity.new);
    let mut broken = vec![consumers::validator(old, "rejects records without it")];
    broken.extend(consumers::mappings(new, pair.new, "may be sent empty"));
    let how = "meets nulls that were not there";
    broken.extend(consumers::models(pair.entity.sides.new, &new.name, &pair.new.name, how));
    findings.push(Finding::new(
        &RULE,
        old.compatibility,
        format!("{}/fields/{}", new.name, pair.new.name),
        format!("field {} of {} may now be missing", pair.new.name, new.name),
        broken,
        "say in the consumers what a missing value means, then loosen it".into(),
    ));
}
