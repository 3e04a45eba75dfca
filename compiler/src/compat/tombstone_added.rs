//! A tombstone for something that was not there.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW019",
    slug: "tombstone-added",
    direction: Direction::Neutral,
    mirror: Mirror::Uneven("DCW012", "freeing an id is a break, keeping one is none"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "An id and a name were reserved without a field being removed.",
    why: "Nobody is hurt.",
    how: "Nothing.",
    cases: cases!("DCW019-tombstone-added"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for stone in &pair.new.reserved {
        let known = pair.old.reserved.iter().any(|old| old.id == stone.id);
        if known || field_of_id(pair.old, stone.id).is_some() {
            continue;
        }
        let headline = format!("{} {} of {} is reserved", stone.id, stone.name, pair.new.name);
        findings.push(
            pair.finding(&RULE, "reserved", headline, Vec::new(), "nothing")
                .claiming([pair.leaf(&format!("reserved/#{}", stone.id))]),
        );
    }
}
