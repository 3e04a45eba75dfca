//! Other rows of a table are the entity's.

use covenant_model::spec::{EntitySpec, RowFilter, SourceSpec};

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM212",
    slug: "row-filter-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Backfill,
    witness: WitnessKind::None("which rows there are, only the source knows"),
    what: "A source takes other rows of its table.",
    why: "Rows that the new filter takes in were never read, and rows that it leaves out stay in every target.",
    how: "Deploy the publication, load the entity again, then `reconcile --repair`, which deletes what is no longer the entity's.",
    cases: cases!("DCM212-row-filter-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for (name, old) in &pair.old.sources {
        let (Some(old), Some(new)) = (rows(old), pair.new.sources.get(name).and_then(rows)) else {
            continue;
        };
        if meant(pair.old, old) == meant(pair.new, new) {
            continue;
        }
        let told = |filter: Option<&RowFilter>| {
            filter.map_or_else(|| "all".to_owned(), |filter| filter.text.clone())
        };
        let headline = format!(
            "source {name} of {} takes other rows: {}, no longer {}",
            pair.new.name,
            told(new),
            told(old)
        );
        let mut broken = vec![pair.after().validator("gets other rows")];
        broken.extend(pair.after().table("lacks rows, or keeps rows that are not its own"));
        let below = format!("sources/{name}/where");
        let leaf = pair.leaf(&below);
        findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]));
    }
}

/// The filter of a table; none for what is no table.
fn rows(source: &SourceSpec) -> Option<Option<&RowFilter>> {
    match source {
        SourceSpec::Postgres { filter, .. } => Some(filter.as_ref()),
        SourceSpec::Stream { .. } | SourceSpec::Salesforce { .. } => None,
    }
}

/// What the filter of every source means, by the source's name.
pub(super) fn of(entity: &EntitySpec) -> impl Iterator<Item = (&str, String)> {
    entity.sources.iter().filter_map(|(name, source)| {
        let meant = meant(entity, rows(source)?)?;
        Some((name.as_str(), meant.join(" and ")))
    })
}

/// Conditions with their fields by id: their order means nothing.
fn meant(entity: &EntitySpec, filter: Option<&RowFilter>) -> Option<Vec<String>> {
    let mut all: Vec<String> = filter?
        .all
        .iter()
        .map(|condition| {
            let mut to = condition.to.clone();
            to.sort();
            format!("{:?} {:?} {to:?}", id_of(entity, condition.field), condition.is)
        })
        .collect();
    all.sort();
    Some(all)
}
