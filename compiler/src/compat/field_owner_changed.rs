//! Another source tells a field.

use covenant_model::spec::FieldSpec;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS136",
    slug: "field-owner-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "Another source owns a field, or one more, or one less.",
    why: "Versions of different owners are not comparable, so values of the old owner must be \
          read again under the new one; where Salesforce was the owner, echoes and overwrites \
          change sides.",
    how: "Plan a backfill of the entity, and tell the old owner's users.",
    cases: cases!("DCS136-field-owner-changed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let owners = |field: &FieldSpec| field.from.keys().cloned().collect::<Vec<_>>();
    let (before, after) = (owners(pair.old), owners(pair.new));
    if before == after {
        return;
    }
    let mut broken = vec![pair.entity.after().validator("takes it from another source")];
    broken.extend(pair.stored("holds the old owner's values"));
    let headline = format!(
        "{} was told by {} and is now told by {}",
        pair.shown(),
        before.join(" and "),
        after.join(" and ")
    );
    let help = "plan a backfill of the entity under the new owner";
    // A field that Salesforce owns is not delivered back to it: that mapping goes along.
    let unmapped = pair.entity.old.salesforce.iter().flat_map(|sink| {
        let fed = sink
            .fields
            .iter()
            .filter(|mapped| id_of(pair.entity.old, mapped.source) == Some(pair.old.id));
        fed.map(|mapped| pair.entity.leaf(&format!("salesforce/fields/{}", mapped.target)))
    });
    let unmapped: Vec<String> = unmapped.collect();
    findings.push(pair.finding(&RULE, "from", headline, broken, help).cascading(unmapped));
}
