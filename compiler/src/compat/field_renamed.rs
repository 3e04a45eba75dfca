//! A field keeps its id and gets another name.

use super::prelude::*;
use super::{model_query_changed, query};

pub(super) static RULE: Rule = Rule {
    code: "DCW018",
    slug: "field-renamed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, Model],
    migration: Migration::Inplace,
    witness: WitnessKind::Sql,
    what: "A field keeps its stable id and gets another name: one rename, not a removal and an \
          addition.",
    why: "The warehouse column is renamed, models that use the old name fail, and sources that \
          still use it must be mapped.",
    how: "Say `from: {store: old_name}` where a source keeps the old name, rename in the \
          models in the same change, and keep the old name as a column of a view for readers \
          outside.",
    cases: cases!("DCW018-field-renamed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    if pair.old.name == pair.new.name {
        return;
    }
    let (before, after) = (pair.entity.before(), pair.entity.after());
    let mut broken: Vec<Consumer> = before.column(pair.old, "is renamed").into_iter().collect();
    broken.extend(after.models(&pair.old.name, "uses the old name"));
    let mut claims = vec![pair.leaf("name")];
    for (source, column) in &pair.old.from {
        let follows = *column == pair.old.name && pair.new.from.get(source) == Some(&pair.new.name);
        if follows {
            broken.push(after.validator(&format!("looks for the new name in {source}")));
            claims.push(pair.leaf(&format!("from/{source}")));
        }
    }
    claims.extend(queries(pair));
    let sink = pair.entity.new.warehouse.as_ref();
    let statement = sink.map_or_else(String::new, |sink| {
        let table = consumers::place(sink);
        format!("; ALTER TABLE {table}_STATE RENAME COLUMN {} TO {}", pair.old.name, pair.new.name)
    });
    let headline = format!(
        "field {} of {} was renamed to {}",
        pair.old.name, pair.entity.old.name, pair.new.name
    );
    let help = format!("rename in the consumers that are named{statement}");
    findings.push(
        pair.finding(&RULE, "", headline, broken, help)
            .via(before.lineage(&pair.old.name))
            .renaming(claims),
    );
}

/// Queries that changed and say the same once the new names are read in them.
fn queries(pair: FieldPair<'_>) -> Vec<String> {
    let sides = pair.entity.sides;
    let changed = sides.new.readers(&pair.entity.new.name).iter().filter_map(|new| {
        let old = sides.old.model(&new.name)?;
        let names = model_query_changed::renamed(sides, old);
        let follows = old.query != new.query && query::same(&old.query, &new.query, &names);
        follows.then(|| format!("{}/query", new.name))
    });
    changed.collect()
}

impl Finding {
    /// Explains the name and what follows it, and nothing else of the field.
    fn renaming(mut self, claims: Vec<String>) -> Self {
        self.claims = claims;
        self
    }
}
