//! Producers hand their events over in another way.

use covenant_model::spec::{Compatibility, EntitySpec, OutboxSpec, SourceSpec, SystemSpec};

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS109",
    slug: "outbox-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator],
    migration: Migration::None,
    witness: WitnessKind::None("the events are the same; they come from elsewhere"),
    what: "The events of a stream are read from another outbox, or from none.",
    why: "What producers go on writing to the old one is never read.",
    how: "Have every producer write to the new one first, or send over HTTP; both are read at once. A first outbox breaks \
          nobody.",
    cases: cases!("DCS109-outbox-changed"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for (name, old) in &sides.old.plan.project.systems {
        let SystemSpec::Stream { outbox: before, .. } = old else { continue };
        let Some(SystemSpec::Stream { outbox, .. }) = sides.new.plan.project.systems.get(name)
        else {
            continue;
        };
        if before == outbox {
            continue;
        }
        let path = format!("project/systems/{name}/outbox");
        let (now, was) = (told(outbox.as_ref()), told(before.as_ref()));
        let headline = format!("events of {name} are read from {now}, no longer from {was}");
        let broken = if before.is_some() { readers(sides, name) } else { Vec::new() };
        let unread = broken.is_empty();
        let claims = match (before, outbox) {
            (Some(before), Some(outbox)) => parts(&path, before, outbox),
            (Some(_), None) | (None, _) => vec![path.clone()],
        };
        findings.push(
            Finding::new(&RULE, Compatibility::Full, path, headline, broken, RULE.how)
                .untouched(unread)
                .claiming(claims),
        );
    }
}

fn parts(path: &str, before: &OutboxSpec, after: &OutboxSpec) -> Vec<String> {
    let all = [
        ("system", before.system != after.system),
        ("schema", before.schema != after.schema),
        ("table", before.table != after.table),
    ];
    all.iter().filter(|(_, changed)| *changed).map(|(key, _)| format!("{path}/{key}")).collect()
}

fn told(outbox: Option<&OutboxSpec>) -> String {
    let named = |outbox: &OutboxSpec| {
        format!("table {}.{} of {}", outbox.schema, outbox.table, outbox.system)
    };
    outbox.map_or_else(|| "HTTP alone".to_owned(), named)
}

/// Validators of the entities that listen to the streams of the system.
fn readers(sides: Sides<'_>, system: &str) -> Vec<Consumer> {
    let listens = |entity: &&EntitySpec| {
        entity.sources.values().any(|source| match source {
            SourceSpec::Stream { system: of, .. } => of == system,
            SourceSpec::Postgres { .. } | SourceSpec::Salesforce { .. } => false,
        })
    };
    let view = sides.new;
    let entities = view.plan.entities.iter().filter(listens);
    let bound = entities.map(|entity| consumers::Bound { view, entity });
    bound.map(|bound| bound.validator("misses what is still written there")).collect()
}
