//! Salesforce demands a field, or no longer.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS135",
    slug: "salesforce-required-changed",
    direction: Direction::Tightens,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SalesforceMapping],
    migration: Migration::Backfill,
    witness: WitnessKind::Delivery,
    what: "Salesforce refuses records without a field from now on, or no longer.",
    why: "Records that the org holds, and rows stored before, may lack it: they are refused when \
          they change next. (No longer: nobody is hurt. A field that may be missing is refused by \
          `check`.)",
    how: "Fill the field in Salesforce first; then demand it.",
    cases: cases!("DCS135-salesforce-required-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    for mapped in &new.fields {
        let before = old.fields.iter().find(|one| one.target == mapped.target);
        let Some(before) = before.filter(|one| one.required != mapped.required) else { continue };
        let target = &mapped.target;
        let was = pair.old.fields.get(before.source);
        let missing = was.is_some_and(|field| field.nullable || field.optional);
        let what = if mapped.required { "is demanded by" } else { "is no longer demanded by" };
        let headline = format!("{}.{target} {what} Salesforce", new.object);
        let broken = (mapped.required && missing)
            .then(|| pair.after().mapping(target, "refuses records that lack it"));
        let below = format!("sinks/{}/fields/{target}/required", new.system);
        let broken = broken.flatten().into_iter().collect();
        let mut finding = pair
            .finding(&RULE, &below, headline, broken, RULE.how)
            .claiming([pair.leaf(&format!("salesforce/fields/{target}/required"))]);
        if missing && let Some(field) = pair.new.fields.get(mapped.source) {
            finding = finding.because_of(leaf_of_field(&pair.new.name, field.id, "nullable"));
        }
        findings.push(finding);
    }
}
