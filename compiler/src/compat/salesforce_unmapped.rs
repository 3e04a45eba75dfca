//! A Salesforce field is no longer fed.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS130",
    slug: "salesforce-field-unmapped",
    direction: Direction::Loosens,
    mirror: Mirror::Uneven("DCS121", "a field that is fed from now on has nothing to lose"),
    modes: Modes::BOTH,
    consumers: &[SalesforceMapping],
    migration: Migration::None,
    witness: WitnessKind::Delivery,
    what: "A Salesforce field that was fed is not fed any more.",
    why: "Its last values stay and grow stale; nobody in Salesforce can see that.",
    how: "Remove it from layouts and reports first, or blank it once.",
    cases: cases!("DCS130-salesforce-field-unmapped"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    for mapped in &old.fields {
        if new.fields.iter().any(|other| other.target == mapped.target) {
            continue;
        }
        let below = format!("sinks/{}/fields/{}", old.system, mapped.target);
        let headline = format!("{}.{} is no longer fed", old.object, mapped.target);
        let broken = pair.before().mapping(&mapped.target, "is no longer fed");
        let leaf = pair.leaf(&format!("salesforce/fields/{}", mapped.target));
        findings.push(
            pair.finding(&RULE, &below, headline, broken.into_iter().collect(), RULE.how)
                .new_at(Some(pair.leaf(&format!("sinks/{}", new.system))))
                .claiming([leaf]),
        );
    }
}
