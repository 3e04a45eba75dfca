//! A source's table, stream or object changed, or the source is gone.

use covenant_model::spec::SourceSpec;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS101",
    slug: "source-moved",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Backfill,
    witness: WitnessKind::None("the records are the same; they come from or go elsewhere"),
    what: "A source of an entity reads from somewhere else, or is gone.",
    why: "Positions of the old place mean nothing in the new one: capture starts a new \
          incarnation and the entity is read again beside live traffic.",
    how: "Plan the backfill, and keep the old place readable until it is reconciled.",
    cases: cases!("DCS101-source-moved"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for (name, old) in &pair.old.sources {
        let leaf = pair.leaf(&format!("sources/{name}"));
        let (what, claims, gone) = match pair.new.sources.get(name) {
            None => ("is gone".to_owned(), vec![leaf], true),
            Some(new) if kind(new) != kind(old) => continue,
            Some(new) => {
                let moved: Vec<_> = place(old)
                    .into_iter()
                    .zip(place(new))
                    .filter(|(before, after)| before != after)
                    .collect();
                if moved.is_empty() {
                    continue;
                }
                let told = moved.iter().map(|(old, new)| format!("{} became {}", old.1, new.1));
                let told = format!("moved: {}", told.collect::<Vec<_>>().join(", "));
                (told, moved.iter().map(|(old, _)| format!("{leaf}/{}", old.0)).collect(), false)
            }
        };
        let mut broken = vec![pair.before().validator("no longer gets its records from there")];
        broken.extend(pair.before().table("must be read again"));
        let headline = format!("source {name} of {} {what}", pair.old.name);
        let help = "plan a backfill, and keep the old place readable until it is reconciled";
        let below = format!("sources/{name}");
        let finding = pair.finding(&RULE, &below, headline, broken, help).claiming(claims);
        let told = pair.fields().filter(|field| gone && field.old.from.contains_key(name));
        let owners: Vec<String> = told.map(|field| field.leaf("from")).collect();
        let path = if gone { pair.new.name.clone() } else { finding.subject.clone() };
        findings.push(finding.new_at(Some(path)).cascading(owners));
    }
}

/// Which kind of system a source reads.
pub(super) fn kind(source: &SourceSpec) -> &'static str {
    match source {
        SourceSpec::Postgres { .. } => "postgres",
        SourceSpec::Stream { .. } => "stream",
        SourceSpec::Salesforce { .. } => "salesforce",
    }
}

/// What says where a source reads, by attribute.
fn place(source: &SourceSpec) -> Vec<(&'static str, String)> {
    match source {
        SourceSpec::Postgres { system, schema, table, .. } => {
            vec![("system", system.clone()), ("schema", schema.clone()), ("table", table.clone())]
        }
        SourceSpec::Stream { system, stream, .. } => {
            vec![("system", system.clone()), ("stream", stream.clone())]
        }
        SourceSpec::Salesforce { system, object, .. } => {
            vec![("system", system.clone()), ("object", object.clone())]
        }
    }
}
