//! A source's table, stream or object changed, or the source is gone.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{EntityPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCS101",
    slug: "source-moved",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::Backfill,
    explain: "A source of an entity reads from somewhere else, or is gone.\n\nPositions of the old place mean nothing in the new \
              one: capture starts a new incarnation and the entity is read again beside live traffic.\n\nPlan the backfill, and \
              keep the old place readable until it is reconciled.",
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for (name, old) in &pair.old.sources {
        let new = pair.new.sources.get(name);
        if new == Some(old) {
            continue;
        }
        let what = if new.is_some() { "reads from another place" } else { "is gone" };
        let mut broken =
            vec![consumers::validator(pair.old, "no longer gets its records from there")];
        broken.extend(consumers::table(pair.old, "must be read again"));
        let finding = Finding::new(
            &RULE,
            pair.old.compatibility,
            format!("{}/sources/{name}", pair.old.name),
            format!("source {name} of {} {what}", pair.old.name),
            broken,
            "plan a backfill, and keep the old place readable until it is reconciled".into(),
        );
        let gone = new.is_none().then(|| pair.new.name.clone());
        let path = gone.unwrap_or_else(|| finding.subject.clone());
        findings.push(finding.new_at(Some(path)));
    }
}
