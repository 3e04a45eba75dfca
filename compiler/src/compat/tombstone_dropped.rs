//! A tombstone is gone or changed, so that an id or a name is free again.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW012",
    slug: "tombstone-dropped",
    direction: Direction::Loosens,
    mirror: Mirror::None("a tombstone comes with the removal of its field"),
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Impossible,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "An entry of `reserved` is gone or changed: the id or name of a removed field is free \
          again.",
    why: "Landed files are read by id and rows by name. A new field of that id or name would \
          take old values for its own, and nothing could tell them apart.",
    how: "Put it back. Tombstones stay for good; they cost nothing.",
    cases: cases!("DCW012-tombstone-dropped"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for stone in &pair.old.reserved {
        if pair.new.reserved.contains(stone) {
            continue;
        }
        let mut broken = vec![pair.after().validator("would read old values as new ones")];
        broken.extend(pair.after().table("may hold values of the removed field"));
        let headline =
            format!("{} {} of {} is no longer reserved", stone.id, stone.name, pair.new.name);
        let help =
            format!("put `{{id: {}, name: {}}}` back under `reserved`", stone.id, stone.name);
        findings.push(
            pair.finding(&RULE, "reserved", headline, broken, help)
                .old_at(Some(pair.leaf(&format!("reserved/{}", stone.name))))
                .claiming([pair.leaf(&format!("reserved/#{}", stone.id))])
                .mend(Mend {
                    title: "put the tombstone back".to_owned(),
                    path: pair.leaf("reserved"),
                    edit: MendEdit::AddItem(format!("{{id: {}, name: {}}}", stone.id, stone.name)),
                    safe: true,
                }),
        );
    }
}
