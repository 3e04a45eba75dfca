//! A column of a model may be null, or no longer.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM227",
    slug: "model-column-nullability-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::FORWARD,
    consumers: &[SnowflakeTable, Model],
    migration: Migration::Inplace,
    witness: WitnessKind::None(
        "what the query gives is another finding's: this is what is said of its columns",
    ),
    what: "A column of a model may be null from now on, or no longer.",
    why: "Readers that join or sum by it meet nulls that were not there. (A column that is no \
          longer null hurts nobody.)",
    how: "Say in the readers what a null means first.",
    cases: cases!("DCM227-model-column-nullability-changed"),
    check: Check::Model(check),
};

fn check(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    for (old, new) in pair.columns().filter(|(old, new)| old.nullable != new.nullable) {
        let how = "meets nulls that were not there";
        let mut broken = Vec::new();
        if new.nullable {
            let table = consumers::model_table(pair.sides.new, pair.new, Some(&new.name), how);
            broken.push(table);
            broken.extend(consumers::models(pair.sides.new, &pair.new.name, &old.name, how));
        }
        let what = if new.nullable { "may now be null" } else { "is no longer null" };
        let headline = format!("{}.{} {what}", pair.new.name, new.name);
        let below = format!("fields/{}/nullable", new.name);
        let leaf = leaf_of_field(&pair.new.name, new.id, "nullable");
        findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]));
    }
}
