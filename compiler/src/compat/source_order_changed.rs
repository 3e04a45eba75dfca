//! A stream is ordered by another member.

use covenant_model::spec::SourceSpec;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS104",
    slug: "source-order-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "What orders the changes of a stream is another member.",
    why: "Old and new numbers cannot be compared: newer changes lose against older ones, or \
          rows are skipped.",
    how: "Start a new stream source beside the old one and move the fields when it has caught \
          up.",
    cases: cases!("DCS104-source-order-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for (name, old) in &pair.old.sources {
        let Some(SourceSpec::Stream { order, occurred_at, .. }) = pair.new.sources.get(name) else {
            continue;
        };
        let SourceSpec::Stream { order: order0, occurred_at: at0, .. } = old else { continue };
        let mut claims = Vec::new();
        if order != order0 {
            claims.push(pair.leaf(&format!("sources/{name}/order")));
        }
        if occurred_at != at0 {
            claims.push(pair.leaf(&format!("sources/{name}/occurred_at")));
        }
        if claims.is_empty() {
            continue;
        }
        let mut broken = vec![pair.after().validator("compares numbers of another kind")];
        broken.extend(pair.after().table("holds guards of the old order"));
        let headline = format!("source {name} of {} is ordered by something else", pair.new.name);
        let below = format!("sources/{name}");
        findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming(claims));
    }
}
