//! Another publication or slot.

use covenant_model::spec::{Compatibility, EntitySpec, SourceSpec, SystemSpec};

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS105",
    slug: "publication-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Backfill,
    witness: WitnessKind::None("the records are the same; they come from or go elsewhere"),
    what: "A PostgreSQL system has another publication or replication slot.",
    why: "A new slot begins now: what happened between the old one and the new one is missing, \
          and updates or deletes may come without a key.",
    how: "Create the new slot before the old one is left, and reconcile.",
    cases: cases!("DCS105-publication-changed"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for (name, old) in &sides.old.plan.project.systems {
        let SystemSpec::Postgres { publication: p0, slot: s0, .. } = old else { continue };
        let Some(SystemSpec::Postgres { publication, slot, .. }) =
            sides.new.plan.project.systems.get(name)
        else {
            continue;
        };
        let path = format!("project/systems/{name}");
        let mut claims = Vec::new();
        if publication != p0 {
            claims.push(format!("{path}/publication"));
        }
        if slot != s0 {
            claims.push(format!("{path}/slot"));
        }
        let Some(first) = claims.first().cloned() else { continue };
        let headline = format!("system {name} is read through another publication or slot");
        let broken = readers(sides, name);
        let unread = broken.is_empty();
        findings.push(
            Finding::new(&RULE, Compatibility::Full, first, headline, broken, RULE.how)
                .untouched(unread)
                .claiming(claims),
        );
    }
}

/// Validators of the entities that read the system.
fn readers(sides: Sides<'_>, system: &str) -> Vec<Consumer> {
    let reads = |entity: &&EntitySpec| {
        entity.sources.values().any(|source| match source {
            SourceSpec::Postgres { system: of, .. } => of == system,
            SourceSpec::Stream { .. } | SourceSpec::Salesforce { .. } => false,
        })
    };
    let view = sides.new;
    let entities = view.plan.entities.iter().filter(reads);
    let bound = entities.map(|entity| consumers::Bound { view, entity });
    bound.map(|bound| bound.validator("misses changes between the two")).collect()
}
