//! Salesforce records are found by another field.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS134",
    slug: "external-id-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SalesforceMapping],
    migration: Migration::Impossible,
    witness: WitnessKind::Delivery,
    what: "Salesforce records are found by another external id.",
    why: "Records that are there are not found: every row makes a second one.",
    how: "Fill the new external id on all records first, then move.",
    cases: cases!("DCS134-external-id-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    if old.external_id == new.external_id {
        return;
    }
    let headline = format!(
        "{} records are found by {}, no longer by {}",
        new.object, new.external_id, old.external_id
    );
    let broken = pair.before().external_id("identifies the records that are there");
    let below = format!("sinks/{}/external_id", new.system);
    let leaf = pair.leaf("salesforce/external_id");
    let broken = broken.into_iter().collect();
    let finding = pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]);
    findings.push(finding.cascading(lookups(pair)));
}

/// Lookups elsewhere that find these records.
fn lookups(pair: EntityPair<'_>) -> Vec<String> {
    let mut leaves = Vec::new();
    for (other, field) in pair.sides.old.referring(&pair.old.name) {
        let mapped = other.salesforce.iter().flat_map(|sink| &sink.fields);
        for mapped in mapped.filter(|one| id_of(other, one.source) == Some(field.id)) {
            let target = &mapped.target;
            leaves.push(format!("{}/salesforce/fields/{target}/parent_external_id", other.name));
        }
    }
    leaves
}
