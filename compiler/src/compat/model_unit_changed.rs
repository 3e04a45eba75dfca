//! The unit of a column of a model changed.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM226",
    slug: "model-unit-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SnowflakeTable, Model],
    migration: Migration::Backfill,
    witness: WitnessKind::None(
        "what the query gives is another finding's: this is what is said of its columns",
    ),
    what: "The unit or currency of a column of a model changed.",
    why: "Numbers stay valid and become wrong for whoever reads them.",
    how: "Add a new column in the new unit.",
    cases: cases!("DCM226-model-unit-changed"),
    check: Check::Model(check),
};

fn check(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    for (old, new) in pair.columns().filter(|(old, new)| old.unit != new.unit) {
        let how = "mixes both units";
        let mut broken =
            vec![consumers::model_table(pair.sides.new, pair.new, Some(&new.name), how)];
        broken.extend(consumers::models(pair.sides.new, &pair.new.name, &new.name, how));
        let both = old.unit.is_some() && new.unit.is_some();
        let broken = if both { broken } else { mildly(broken) };
        let show = |unit: &Option<String>| unit.clone().unwrap_or_else(|| "none".to_owned());
        let headline = format!(
            "{}.{} changed its unit from {} to {}",
            pair.new.name,
            new.name,
            show(&old.unit),
            show(&new.unit)
        );
        let below = format!("fields/{}/unit", new.name);
        let leaf = leaf_of_field(&pair.new.name, new.id, "unit");
        findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]));
    }
}
