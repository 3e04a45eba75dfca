//! A removed field left no tombstone.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW011",
    slug: "removed-without-tombstone",
    direction: Direction::Neutral,
    mirror: Mirror::None("a tombstone for a field that is there is no contract"),
    modes: Modes::LOOK,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "A removed field has no entry under `reserved`.",
    why: "Its id or name may come back with another meaning, and old files and old rows would \
          be read as the new field.",
    how: "Add its id and name to `reserved`.",
    cases: cases!("DCW011-removed-without-tombstone"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for field in &pair.old.fields {
        let there = field_of_id(pair.new, field.id).is_some();
        if there || pair.new.reserved.iter().any(|reserved| reserved.id == field.id) {
            continue;
        }
        let path = format!("{}/fields/{}", pair.old.name, field.name);
        let who = people(Side::Old, path, &pair.old.owner, "may reuse the id or the name");
        let below = format!("fields/{}", field.name);
        let headline = format!("field {} of {} left no tombstone", field.name, pair.old.name);
        let help = format!("add `{{id: {}, name: {}}}` to `reserved`", field.id, field.name);
        findings.push(
            pair.finding(&RULE, &below, headline, vec![who], help)
                .new_at(Some(pair.new.name.clone()))
                .because_of(leaf_of_field(&pair.new.name, field.id, "")),
        );
    }
}
