//! Somebody else answers for it.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM256",
    slug: "owner-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::LOOK,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "Somebody else answers for a contract, or nobody.",
    why: "Approvals and alarms go to somebody who may not know of it.",
    how: "Let the new owner approve the change.",
    cases: cases!("DCM256-owner-changed"),
    check: Check::Dataset(check),
};

fn check(pair: DatasetPair<'_>, findings: &mut Vec<Finding>) {
    if pair.old.owner == pair.new.owner {
        return;
    }
    let path = format!("{}/owner", pair.new.name);
    let broken = vec![people(Side::Old, path, pair.old.owner, "no longer approves changes")];
    let headline =
        format!("{} answers for {}, no longer {}", pair.new.owner, pair.new.name, pair.old.owner);
    findings.push(pair.finding(&RULE, "owner", headline, broken, RULE.how));
}
