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
    witness: WitnessKind::None,
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
    findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]));
}
