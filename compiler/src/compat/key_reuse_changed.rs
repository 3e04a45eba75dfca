//! What may happen to keys changed.

use covenant_model::spec::{KeyChange, KeyReuse};

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM261",
    slug: "key-reuse-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable],
    migration: Migration::Backfill,
    witness: WitnessKind::None(
        "a declaration that merge rules rest on: the same records fold to the same rows",
    ),
    what: "Whether a deleted key can come back changed.",
    why: "A key that comes back meets what was kept of the row before it, or is refused where \
          it was taken.",
    how: "Raise the revision and replay landing.",
    cases: cases!("DCM261-key-reuse-changed"),
    check: Check::Entity(check),
};

pub(super) static CHANGE: Rule = Rule {
    code: "DCM262",
    slug: "key-change-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, RustValidator],
    migration: Migration::None,
    witness: WitnessKind::Sequence,
    what: "What an update of the key means changed: a rejected change, or a row that moves.",
    why: "The same change moves a row on one side and is quarantined on the other.",
    how: "Tell the owner of the source, and look at the quarantine.",
    cases: cases!("DCM262-key-change-changed"),
    check: Check::Entity(check_change),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    if pair.old.key_reuse == pair.new.key_reuse {
        return;
    }
    let what = match pair.new.key_reuse {
        KeyReuse::Allowed => "may come back",
        KeyReuse::Never => "do not come back",
    };
    let headline = format!("deleted keys of {} {what}", pair.new.name);
    let broken = pair.after().table("holds what was kept under the old rule");
    let broken = broken.into_iter().collect();
    let leaf = pair.leaf("key_reuse");
    findings.push(pair.finding(&RULE, "key_reuse", headline, broken, RULE.how).claiming([leaf]));
}

fn check_change(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    if pair.old.key_change == pair.new.key_change {
        return;
    }
    let what = match pair.new.key_change {
        KeyChange::Reject => "is rejected",
        KeyChange::Rekey => "moves the row",
    };
    let headline = format!("an update of the key of {} {what} from now on", pair.new.name);
    let mut broken = vec![pair.after().validator("reads an update of the key differently")];
    broken.extend(pair.after().table("follows it differently"));
    let leaf = pair.leaf("key_change");
    let finding = pair.finding(&CHANGE, "key_change", headline, broken, CHANGE.how);
    findings.push(finding.claiming([leaf]));
}
