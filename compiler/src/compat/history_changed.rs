//! History is kept no longer, or from now on.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{EntityPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCS116",
    slug: "history-changed",
    modes: Modes { backward: Grade::Info, forward: Grade::Error },
    migration: Migration::Rebuild,
    explain: "The append-only history is no longer kept: its readers see it end.\n\nMove them away first. (Starting one hurts \
              nobody; it begins with the landed changes that are replayed.)",
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.warehouse, &pair.new.warehouse) else { return };
    if !old.history || new.history {
        return;
    }
    findings.push(Finding::new(
        &RULE,
        pair.old.compatibility,
        format!("{}/sinks/{}", pair.new.name, new.system),
        format!("the history of {} is no longer kept", pair.new.name),
        consumers::table(pair.old, "has a history that ends").into_iter().collect(),
        "move the readers of the history away first".into(),
    ));
}
