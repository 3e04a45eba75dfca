//! A required field may now be null or left out.

use covenant_model::spec::FieldSpec;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW020",
    slug: "required-became-optional",
    direction: Direction::Loosens,
    mirror: Mirror::Rule("DCW021"),
    modes: Modes::FORWARD,
    consumers: &[RustValidator, SalesforceMapping, Model],
    // Only keys are NOT NULL in the tables: nothing is altered. A Salesforce field is never demanded for it.
    migration: Migration::None,
    witness: WitnessKind::Record,
    what: "A field that every record carried may now be null or left out, or got a default for \
          records that leave it out.",
    why: "Old validators reject such records; models that group or join by it lose rows; \
          Salesforce fields go blank.",
    how: "Say in the models what a null means before it can appear.",
    cases: cases!("DCW020-required-became-optional"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let open = |field: &FieldSpec| field.nullable || field.optional;
    if open(pair.old) || !open(pair.new) {
        return;
    }
    let (before, after) = (pair.entity.before(), pair.entity.after());
    let mut broken = vec![before.validator("rejects records without it")];
    broken.extend(after.mappings(pair.new, "may be sent empty"));
    broken.extend(after.models(&pair.new.name, "meets nulls that were not there"));
    let headline =
        format!("field {} of {} may now be missing", pair.new.name, pair.entity.new.name);
    let help = "say in the consumers what a missing value means, then loosen it";
    findings.push(
        pair.finding(&RULE, "nullable", headline, broken, help)
            .claiming([pair.leaf("optional")])
            .via(after.lineage(&pair.new.name)),
    );
}
