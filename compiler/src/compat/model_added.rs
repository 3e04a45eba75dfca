//! A model is new.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM229",
    slug: "model-added",
    direction: Direction::Tightens,
    mirror: Mirror::Uneven("DCM223", "nobody depends on what is new; readers lose what goes"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::Inplace,
    witness: WitnessKind::None("nobody depends on what was not there"),
    what: "A new model.",
    why: "Nobody depends on it yet.",
    how: "Nothing: the next cycle computes it.",
    cases: cases!("DCM229-model-added"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for model in sides.new.plan.models.iter().filter(|m| sides.old.model(&m.name).is_none()) {
        let name = model.name.clone();
        let headline = format!("model {name} was added");
        let help = "nothing: the next cycle computes it";
        findings.push(
            Finding::new(&RULE, model.compatibility, name.clone(), headline, Vec::new(), help)
                .old_at(None)
                .claiming([name]),
        );
    }
}
