//! Batches are applied in another way.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS114",
    slug: "locality-changed",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("both sides do the same with every record"),
    what: "New keys are declared to fall elsewhere among the old ones, so that batches are \
          applied in another way.",
    why: "Nobody: MERGE and DELETE with INSERT give the same rows, at another price.",
    how: "Nothing.",
    cases: cases!("DCS114-locality-changed"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    let help = "nothing";
    for pair in sides.entities() {
        let (Some(old), Some(new)) = (&pair.old.warehouse, &pair.new.warehouse) else { continue };
        if old.apply != new.apply {
            let headline = format!("batches of {} are applied in another way", pair.new.name);
            let below = format!("sinks/{}", new.system);
            let found = pair.finding(&RULE, &below, headline, Vec::new(), help);
            findings.push(found.claiming([pair.leaf("warehouse/apply")]));
        }
    }
    for pair in sides.models().filter(|pair| pair.old.warehouse.apply != pair.new.warehouse.apply) {
        let headline = format!("rows of {} are written in another way", pair.new.name);
        let below = format!("sinks/{}", pair.new.warehouse.system);
        let found = pair.finding(&RULE, &below, headline, Vec::new(), help);
        findings.push(found.claiming([pair.leaf("warehouse/apply")]));
    }
}
