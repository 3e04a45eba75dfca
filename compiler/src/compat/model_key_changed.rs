//! A row of a model is another thing.

use covenant_model::spec::ModelSpec;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM210",
    slug: "grain-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, Model],
    migration: Migration::Rebuild,
    witness: WitnessKind::Query,
    what: "The rows of a model are identified by other columns.",
    why: "A row is another thing than before: every sum over it changes.",
    how: "Make a new model with the new grain and move the readers.",
    cases: cases!("DCM210-grain-changed"),
    check: Check::Model(check),
};

fn check(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    let ids = |model: &ModelSpec| -> Vec<u32> {
        let of = |name: &String| Some(model.fields.iter().find(|one| one.name == *name)?.id);
        let mut ids: Vec<u32> = model.key.iter().filter_map(of).collect();
        ids.sort_unstable();
        ids
    };
    if pair.old.key == pair.new.key {
        return;
    }
    let same = ids(pair.old) == ids(pair.new);
    let mut broken = Vec::new();
    if !same {
        let how = "holds rows of another grain";
        broken.push(consumers::model_table(pair.sides.new, pair.new, None, how));
        broken.extend(consumers::readers(
            pair.sides.new,
            &pair.new.name,
            "sums rows of another grain",
        ));
    }
    let headline = format!(
        "rows of {} are identified by {}, no longer by {}",
        pair.new.name,
        pair.new.key.join(", "),
        pair.old.key.join(", ")
    );
    let leaf = pair.leaf("key");
    findings.push(
        pair.finding(&RULE, "key", headline, broken, RULE.how)
            .claiming([leaf])
            .cascading([pair.leaf("query")]),
    );
}
