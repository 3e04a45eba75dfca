//! Words for the reader changed.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS119",
    slug: "text-changed",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::Inplace,
    witness: WitnessKind::None,
    what: "Words for the reader changed: `purpose`, `about`.",
    why: "Nobody: comments follow by one ALTER.",
    how: "Nothing.",
    cases: cases!("DCS119-text-changed"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for pair in sides.datasets().filter(|pair| pair.old.purpose != pair.new.purpose) {
        let headline = format!("the purpose of {} is said in other words", pair.new.name);
        findings.push(pair.finding(&RULE, "purpose", headline, Vec::new(), "nothing"));
    }
    for pair in sides.entities() {
        for field in pair.fields().filter(|field| field.old.about != field.new.about) {
            let headline = format!("{} is explained in other words", field.shown());
            findings.push(field.finding(&RULE, "about", headline, Vec::new(), "nothing"));
        }
        for rule in &pair.new.quality {
            let old = pair.old.quality.iter().find(|old| old.name == rule.name);
            if old.is_some_and(|old| old.about != rule.about) {
                let leaf = format!("quality/{}/about", rule.name);
                let headline = format!("rule {} is explained in other words", rule.name);
                let claim = pair.leaf(&leaf);
                let found = pair.finding(&RULE, &leaf, headline, Vec::new(), "nothing");
                findings.push(found.claiming([claim]));
            }
        }
    }
    for pair in sides.models() {
        for (old, new) in pair.columns().filter(|(old, new)| old.about != new.about) {
            let headline = format!("{}.{} is explained in other words", pair.new.name, old.name);
            let leaf = leaf_of_field(&pair.new.name, new.id, "about");
            let below = format!("fields/{}/about", new.name);
            let found = pair.finding(&RULE, &below, headline, Vec::new(), "nothing");
            findings.push(found.claiming([leaf]));
        }
    }
}
