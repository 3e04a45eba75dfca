//! The same key in another order.

use super::key_changed;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM202",
    slug: "key-order-changed",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[SalesforceMapping],
    migration: Migration::None,
    witness: WitnessKind::Delivery,
    what: "The fields of the key stand in another order.",
    why: "Rows stay the same rows. Where several key fields are joined into a Salesforce \
          external id, the id is another one, and the finding is an error.",
    how: "Nothing; with a Salesforce sink keep the order.",
    cases: cases!("DCM202-key-order-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (key_changed::ids(pair.old), key_changed::ids(pair.new));
    let same = old.len() == new.len() && old.iter().all(|id| new.contains(id));
    if old == new || !same {
        return;
    }
    let joined: Vec<Consumer> =
        pair.after().external_id("is joined in another order").into_iter().collect();
    let grade = if joined.is_empty() { Grade::Info } else { Grade::Error };
    let headline = format!("the key of {} stands in another order", pair.new.name);
    findings.push(
        pair.finding(&RULE, "key", headline, joined, RULE.how)
            .claiming([pair.leaf("key")])
            .always(grade),
    );
}
