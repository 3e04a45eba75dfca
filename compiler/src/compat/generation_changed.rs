//! Corrections are counted by another field; other steps are declared.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM263",
    slug: "generation-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, SalesforceMapping],
    migration: Migration::Backfill,
    witness: WitnessKind::Sequence,
    what: "Corrections of a ranked field are counted by another field, or not at all.",
    why: "Stored guards hold the old count: a correction loses, or wins for ever.",
    how: "Raise the revision and replay landing.",
    cases: cases!("DCM263-generation-changed"),
    check: Check::Field(check),
};

pub(super) static TRANSITIONS: Rule = Rule {
    code: "DCM264",
    slug: "transitions-changed",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "Other steps between states are declared.",
    why: "Nobody: a step that is not declared only raises an anomaly.",
    how: "Tell whoever watches the anomalies.",
    cases: cases!("DCM264-transitions-changed"),
    check: Check::Field(check_transitions),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let old = pair.entity.generation(pair.entity.old, pair.old);
    let new = pair.entity.generation(pair.entity.new, pair.new);
    if old == new || pair.old.merge != pair.new.merge {
        return;
    }
    let broken = pair.stored("holds guards with the old count");
    let headline = format!("corrections of {} are counted by something else", pair.shown());
    findings.push(pair.finding(&RULE, "generation", headline, broken, RULE.how));
}

fn check_transitions(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    if pair.old.transitions == pair.new.transitions {
        return;
    }
    let states = pair.old.transitions.keys().chain(pair.new.transitions.keys());
    let changed =
        states.filter(|state| pair.old.transitions.get(*state) != pair.new.transitions.get(*state));
    let claims: Vec<String> =
        changed.map(|state| pair.leaf(&format!("transitions/{state}"))).collect();
    let headline = format!("other steps of {} are declared", pair.shown());
    let help = TRANSITIONS.how;
    let mut finding = pair.finding(&TRANSITIONS, "transitions", headline, Vec::new(), help);
    finding.claims = claims;
    findings.push(finding);
}
