//! A field keeps its id and gets another name.

use covenant_model::spec::{EntitySpec, SourceSpec};

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
    witness: WitnessKind::Statement,
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

pub(super) static ALIASED: Rule = Rule {
    code: "DCW017",
    slug: "field-renamed-with-alias",
    direction: Direction::Changes,
    mirror: Mirror::Uneven("DCW018", "the old contract does not know the new name"),
    modes: Modes::FORWARD_LOOK,
    consumers: &[RustValidator, SnowflakeTable, Model],
    migration: Migration::Inplace,
    witness: WitnessKind::None("both sides do the same with every record"),
    what: "A field keeps its stable id, gets another name, and is still read by the old one.",
    why: "Events and Salesforce records of either name are read. The warehouse column is renamed, \
          and a view shows the old name to readers who have not moved; validators that still run \
          do not know the new name.",
    how: "Deploy the validators before producers use the new name. Drop the alias when nobody uses the \
          old one and no landed event carries it.",
    cases: cases!("DCW017-field-renamed-with-alias"),
    check: Check::Field(check_aliased),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    if !is_aliased(pair) {
        judge(pair, findings, &RULE);
    }
}

fn check_aliased(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    if is_aliased(pair) {
        judge(pair, findings, &ALIASED);
    }
}

/// Whether every source that follows the rename is still read by the old name.
fn is_aliased(pair: FieldPair<'_>) -> bool {
    let kept = pair.new.evolution.aliases.contains(&pair.old.name);
    kept && following(pair).all(|source| reads_aliases(pair.entity.new, source))
}

/// Whether records of the source may use an alias: columns of PostgreSQL may not.
pub(super) fn reads_aliases(entity: &EntitySpec, source: &str) -> bool {
    match entity.sources.get(source) {
        Some(SourceSpec::Stream { .. } | SourceSpec::Salesforce { .. }) => true,
        Some(SourceSpec::Postgres { .. }) | None => false,
    }
}

/// Sources whose name for the field follows the field's own.
fn following(pair: FieldPair<'_>) -> impl Iterator<Item = &str> {
    let follows = move |(source, column): &(&String, &String)| {
        **column == pair.old.name && pair.new.from.get(*source) == Some(&pair.new.name)
    };
    pair.old.from.iter().filter(follows).map(|(source, _)| source.as_str())
}

fn judge(pair: FieldPair<'_>, findings: &mut Vec<Finding>, rule: &'static Rule) {
    if pair.old.name == pair.new.name {
        return;
    }
    let (before, after) = (pair.entity.before(), pair.entity.after());
    let aliases = &pair.new.evolution.aliases;
    // A column that the new contract drops is not renamed.
    let stays = after.column(pair.new, "").is_some();
    let column = before.column(pair.old, "is renamed").filter(|_| stays);
    let mut broken: Vec<Consumer> = column.into_iter().collect();
    broken.extend(after.models(&pair.old.name, "uses the old name"));
    let mut claims = vec![pair.leaf("name")];
    for source in following(pair) {
        let covered = aliases.contains(&pair.old.name) && reads_aliases(pair.entity.new, source);
        broken.push(if covered {
            before.validator(&format!("does not know the new name in {source}")).mildly()
        } else {
            after.validator(&format!("looks for the new name in {source}"))
        });
        claims.push(pair.leaf(&format!("from/{source}")));
    }
    if explains_aliases(pair) {
        claims.push(pair.leaf("evolution/aliases"));
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
        pair.finding(rule, "", headline, broken, help)
            .via(before.lineage(&pair.old.name))
            .renaming(claims),
    );
}

/// Whether the aliases of a renamed field changed by its old name only.
pub(super) fn explains_aliases(pair: FieldPair<'_>) -> bool {
    let (old, new) = (&pair.old.evolution.aliases, &pair.new.evolution.aliases);
    let gained = new.iter().all(|one| *one == pair.old.name || old.contains(one));
    pair.old.name != pair.new.name && gained && old.iter().all(|one| new.contains(one))
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
