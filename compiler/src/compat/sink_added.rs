//! A sink is new.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS120",
    slug: "sink-added",
    direction: Direction::Neutral,
    mirror: Mirror::Uneven("DCS110", "nobody reads what is new"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::Inplace,
    witness: WitnessKind::None("nobody depends on what was not there"),
    what: "An entity is written to one more place.",
    why: "Nobody: `deploy` makes it, and it is loaded beside live traffic.",
    how: "Nothing.",
    cases: cases!("DCS120-sink-added"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let mut push = |system: &str, leaf: &str| {
        let headline = format!("{} is delivered to {system} too", pair.new.name);
        let below = format!("sinks/{system}");
        let found = pair.finding(&RULE, &below, headline, Vec::new(), "nothing");
        findings.push(found.old_at(Some(pair.leaf("sinks"))).claiming([pair.leaf(leaf)]));
    };
    if let (None, Some(sink)) = (&pair.old.warehouse, &pair.new.warehouse) {
        push(&sink.system, "warehouse");
    }
    if let (None, Some(sink)) = (&pair.old.salesforce, &pair.new.salesforce) {
        push(&sink.system, "salesforce");
    }
}
