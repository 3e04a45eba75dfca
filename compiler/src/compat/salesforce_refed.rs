//! A Salesforce field is fed by another field of the contract.

use covenant_model::spec::EntitySpec;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS131",
    slug: "salesforce-field-fed-by-another",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SalesforceMapping],
    migration: Migration::Impossible,
    witness: WitnessKind::Delivery,
    what: "A Salesforce field is fed by another field of the contract.",
    why: "Old values are overwritten by something else, and where its type has to change, \
          Salesforce loses them: to or from Date, to Number, from Checkbox, from Text to \
          Picklist.",
    how: "Map the other field to a new Salesforce field.",
    cases: cases!("DCS131-salesforce-field-fed-by-another"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    for mapped in &old.fields {
        let Some(now) = new.fields.iter().find(|other| other.target == mapped.target) else {
            continue;
        };
        if id_of(pair.old, mapped.source) == id_of(pair.new, now.source) {
            continue;
        }
        let name = |entity: &EntitySpec, ix: usize| {
            entity.fields.get(ix).map_or_else(String::new, |field| field.name.clone())
        };
        let below = format!("sinks/{}/fields/{}", new.system, mapped.target);
        let headline = format!(
            "{}.{} is fed by {}, no longer by {}",
            old.object,
            mapped.target,
            name(pair.new, now.source),
            name(pair.old, mapped.source)
        );
        let broken = pair.after().mapping(&mapped.target, "gets other values");
        let leaf = pair.leaf(&format!("salesforce/fields/{}/source", mapped.target));
        let broken = broken.into_iter().collect();
        findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]));
    }
}
