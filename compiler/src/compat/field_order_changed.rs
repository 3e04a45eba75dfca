//! Fields stand in another order.

use covenant_model::spec::{EntitySpec, ModelSpec};

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW074",
    slug: "field-order-changed",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("both sides do the same with every record"),
    what: "The fields of a contract stand in another order.",
    why: "Nobody: files are read by field id, tables and events by name. Who selects `*` by \
          position sees columns move.",
    how: "Nothing.",
    cases: cases!("DCW074-field-order-changed"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for pair in sides.entities() {
        let ids = |spec: &EntitySpec| spec.fields.iter().map(|field| field.id).collect();
        if moved(ids(pair.old), ids(pair.new)) {
            let headline = format!("the fields of {} stand in another order", pair.new.name);
            let finding = pair.finding(&RULE, "fields", headline, Vec::new(), "nothing");
            findings.push(finding.claiming([pair.leaf("fields/order")]));
        }
    }
    for pair in sides.models() {
        let ids = |spec: &ModelSpec| spec.fields.iter().map(|field| field.id).collect();
        if moved(ids(pair.old), ids(pair.new)) {
            let headline = format!("the columns of {} stand in another order", pair.new.name);
            let finding = pair.finding(&RULE, "fields", headline, Vec::new(), "nothing");
            findings.push(finding.claiming([pair.leaf("fields/order")]));
        }
    }
}

fn moved(old: Vec<u32>, new: Vec<u32>) -> bool {
    let kept = |all: &[u32], other: &[u32]| -> Vec<u32> {
        all.iter().filter(|id| other.contains(id)).copied().collect()
    };
    kept(&old, &new) != kept(&new, &old)
}
