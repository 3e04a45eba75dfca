//! A lookup finds its parent in another way.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS138",
    slug: "lookup-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SalesforceMapping],
    migration: Migration::Backfill,
    witness: WitnessKind::Delivery,
    what: "A lookup finds its parent by another external id, or became a plain field.",
    why: "References point to other records, or to none.",
    how: "Fill the new external id on the parents first.",
    cases: cases!("DCS138-lookup-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    for mapped in &old.fields {
        let now = new.fields.iter().find(|other| other.target == mapped.target);
        let Some(now) = now.filter(|now| now.parent_external_id != mapped.parent_external_id)
        else {
            continue;
        };
        let shown = match &now.parent_external_id {
            Some(id) => format!("{}.{id}", now.target),
            None => now.target.clone(),
        };
        let headline = format!("{}.{} finds its parent in another way", new.object, mapped.target);
        let below = format!("sinks/{}/fields/{shown}", new.system);
        let leaf = pair.leaf(&format!("salesforce/fields/{}/parent_external_id", mapped.target));
        let broken = pair.after().mapping(&shown, "points to other records").into_iter().collect();
        findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]));
    }
}
