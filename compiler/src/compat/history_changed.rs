//! History is kept no longer, or from now on.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS116",
    slug: "history-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable],
    migration: Migration::Rebuild,
    witness: WitnessKind::Statement,
    what: "The append-only history is no longer kept, or is kept from now on.",
    why: "Readers of the history see it end. (Starting one hurts nobody; it begins with the \
          landed changes that are replayed.)",
    how: "Move the readers of the history away first.",
    cases: cases!("DCS116-history-changed"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for pair in sides.entities() {
        let (Some(old), Some(new)) = (&pair.old.warehouse, &pair.new.warehouse) else { continue };
        if old.history == new.history {
            continue;
        }
        let ends = old.history.then(|| pair.before().table("has a history that ends")).flatten();
        let finding = pair.finding(
            &RULE,
            &format!("sinks/{}", new.system),
            told(&pair.new.name, new.history),
            ends.into_iter().collect(),
            RULE.how,
        );
        findings.push(finding.claiming([pair.leaf("warehouse/history")]));
    }
    for pair in sides.models() {
        let (old, new) = (&pair.old.warehouse, &pair.new.warehouse);
        if old.history == new.history {
            continue;
        }
        let how = "has a history that ends";
        let ends = old.history.then(|| consumers::model_table(sides.old, pair.old, None, how));
        let finding = pair.finding(
            &RULE,
            &format!("sinks/{}", new.system),
            told(&pair.new.name, new.history),
            ends.into_iter().collect(),
            RULE.how,
        );
        findings.push(finding.claiming([pair.leaf("warehouse/history")]));
    }
}

fn told(name: &str, kept: bool) -> String {
    let what = if kept { "is kept from now on" } else { "is no longer kept" };
    format!("the history of {name} {what}")
}
