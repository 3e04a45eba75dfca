//! A Salesforce field is fed from now on.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS121",
    slug: "salesforce-field-mapped",
    direction: Direction::Neutral,
    mirror: Mirror::Uneven("DCS130", "a field that is fed from now on has nothing to lose"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::Backfill,
    witness: WitnessKind::None("nobody depends on what was not there"),
    what: "A Salesforce field is fed that was not fed before.",
    why: "Nobody: `deploy` makes the field, and the next change of a row fills it.",
    how: "Redeliver the entity where old rows matter, too.",
    cases: cases!("DCS121-salesforce-field-mapped"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    for mapped in &new.fields {
        if old.fields.iter().any(|other| other.target == mapped.target) {
            continue;
        }
        let below = format!("sinks/{}/fields/{}", new.system, mapped.target);
        let headline = format!("{}.{} is fed from now on", new.object, mapped.target);
        let leaf = pair.leaf(&format!("salesforce/fields/{}", mapped.target));
        let found = pair.finding(&RULE, &below, headline, Vec::new(), RULE.how);
        findings.push(found.claiming([leaf]));
    }
}
