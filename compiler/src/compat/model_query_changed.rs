//! A model's rows are computed in another way.

use covenant_model::spec::ModelSpec;

use super::finding::Hop;
use super::prelude::*;
use super::query;

pub(super) static RULE: Rule = Rule {
    code: "DCM221",
    slug: "derivation-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    // Both ways: who reads a model gets other numbers from the next run on, whatever the promise is about.
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, Model],
    migration: Migration::Backfill,
    witness: WitnessKind::Query,
    what: "The query of a model changed, layout and letter case aside.",
    why: "Its columns may mean something else from the next run on; models and reports that \
          read it follow without knowing.",
    how: "Tell the readers; the whole table is computed anew by the next cycle.",
    cases: cases!("DCM221-derivation-changed"),
    check: Check::Model(check),
};

pub(super) static LINEAGE: Rule = Rule {
    code: "DCM220",
    slug: "lineage-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes { backward: Grade::Warning, forward: Grade::Error },
    consumers: &[SnowflakeTable, Model],
    migration: Migration::Backfill,
    witness: WitnessKind::Query,
    what: "A column of a model is computed from other fields.",
    why: "It means something else, and personal data may flow into it.",
    how: "Add a new column for the new meaning.",
    cases: cases!("DCM220-lineage-changed"),
    check: Check::Model(check_lineage),
};

pub(super) static LAYOUT: Rule = Rule {
    code: "DCM222",
    slug: "layout-changed",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None(
        "what the query gives is another finding's: this is what is said of its columns",
    ),
    what: "The query of a model is laid out in another way and says the same.",
    why: "Nobody.",
    how: "Nothing.",
    cases: cases!("DCM222-layout-changed"),
    check: Check::Model(check_layout),
};

/// What happened to a query.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Layout,
    /// It only follows fields that were renamed: their findings explain it.
    Follows,
    Lineage,
    Derivation,
}

fn change(pair: ModelPair<'_>) -> Change {
    let (old, new) = (&pair.old.query, &pair.new.query);
    if old == new {
        return Change::None;
    }
    if query::same(old, new, &[]) {
        return Change::Layout;
    }
    let names = renamed(pair.sides, pair.old);
    if query::same(old, new, &names) {
        return Change::Follows;
    }
    let moved = pair.columns().any(|(old, new)| {
        let mut before = old.lineage.clone();
        for (_, name) in &mut before {
            if let Some((_, now)) = names.iter().find(|(was, _)| was == name) {
                *name = (*now).to_owned();
            }
        }
        before.sort();
        before != new.lineage
    });
    if moved { Change::Lineage } else { Change::Derivation }
}

/// Old and new names of the fields that were renamed in what a model reads.
pub(super) fn renamed<'a>(sides: Sides<'a>, model: &ModelSpec) -> Vec<(&'a str, &'a str)> {
    let mut names = Vec::new();
    for input in &model.inputs {
        if let (Some(old), Some(new)) = (sides.old.entity(input), sides.new.entity(input)) {
            let pairs = EntityPair { sides, old, new }.fields();
            let pairs = pairs.map(|pair| (pair.old.name.as_str(), pair.new.name.as_str()));
            names.extend(pairs.filter(|(old, new)| old != new));
        }
        if let (Some(old), Some(new)) = (sides.old.model(input), sides.new.model(input)) {
            let pairs = ModelPair { sides, old, new }.columns();
            let pairs = pairs.map(|(old, new)| (old.name.as_str(), new.name.as_str()));
            names.extend(pairs.filter(|(old, new)| old != new));
        }
    }
    names
}

fn check(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    if change(pair) == Change::Derivation {
        let headline = format!("{} is computed in another way", pair.new.name);
        findings.push(found(pair, &RULE, headline));
    }
}

fn check_lineage(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    if change(pair) != Change::Lineage {
        return;
    }
    let moved = pair.columns().filter(|(old, new)| old.lineage != new.lineage);
    let told = |lineage: &[(String, String)]| {
        let all = lineage.iter().map(|(table, column)| format!("{table}.{column}"));
        let all: Vec<String> = all.collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(" and ") }
    };
    let hops = moved.map(|(old, new)| Hop {
        side: Side::New,
        path: format!("{}/fields/{}", pair.new.name, new.name),
        note: format!("from {}, no longer from {}", told(&new.lineage), told(&old.lineage)),
    });
    let hops: Vec<Hop> = hops.collect();
    let columns: Vec<&str> = hops.iter().filter_map(|hop| hop.path.rsplit('/').next()).collect();
    let headline = format!("{} of {} comes from other fields", columns.join(", "), pair.new.name);
    findings.push(found(pair, &LINEAGE, headline).via(hops));
}

fn check_layout(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    if change(pair) == Change::Layout {
        let headline = format!("the query of {} is laid out in another way", pair.new.name);
        let leaf = pair.leaf("query");
        let found = pair.finding(&LAYOUT, "query", headline, Vec::new(), LAYOUT.how);
        findings.push(found.claiming([leaf]));
    }
}

fn found(pair: ModelPair<'_>, rule: &'static Rule, headline: String) -> Finding {
    let how = "reads what is computed in another way";
    let mut broken = consumers::readers(pair.sides.new, &pair.new.name, how);
    let table = consumers::model_table(pair.sides.new, pair.new, None, "is computed anew");
    broken.push(table.mildly());
    let leaf = pair.leaf("query");
    // Columns that come and go with the query belong to it.
    let ids = |model: &ModelSpec| model.fields.iter().map(|one| one.id).collect::<Vec<_>>();
    let (old, new) = (ids(pair.old), ids(pair.new));
    let added = new.iter().filter(|id| !old.contains(id));
    let columns = added.map(|id| leaf_of_field(&pair.new.name, *id, ""));
    let columns: Vec<String> = columns.collect();
    pair.finding(rule, "query", headline, broken, RULE.how).claiming([leaf]).cascading(columns)
}
