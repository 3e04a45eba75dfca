//! Words for the reader changed.

use super::critical_changed::is_critical;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS119",
    slug: "text-changed",
    direction: Direction::Neutral,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::Inplace,
    witness: WitnessKind::None("words for the reader: nothing runs by them"),
    what: "Words for the reader changed: `purpose`, `about`, `examples`, `extensions`. (Of a critical field: DCM257.)",
    why: "Nobody: comments in Snowflake and Salesforce follow in place; examples, and the words of a \
          rule, stand in no table.",
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
        if pair.old.terms.extensions != pair.new.terms.extensions {
            let headline = format!("other standards say something else of {}", pair.new.name);
            let found = pair.finding(&RULE, "extensions", headline, Vec::new(), "nothing");
            findings.push(found.untouched(true).claiming([pair.leaf("terms/extensions")]));
        }
        let words = |one: &FieldPair<'_>| {
            one.old.about != one.new.about && !is_critical(&one.old.terms, &one.new.terms)
        };
        for field in pair.fields().filter(words) {
            let headline = format!("{} is explained in other words", field.shown());
            findings.push(field.finding(&RULE, "about", headline, Vec::new(), "nothing"));
        }
        for field in pair.fields().filter(|one| one.old.terms.examples != one.new.terms.examples) {
            let headline = format!("{} shows other examples", field.shown());
            let found =
                field.finding(&RULE, "examples", headline, Vec::new(), "nothing").untouched(true);
            findings.push(found.claiming([field.leaf("terms/examples")]));
        }
        for field in
            pair.fields().filter(|one| one.old.terms.extensions != one.new.terms.extensions)
        {
            let headline = format!("other standards say something else of {}", field.shown());
            let found =
                field.finding(&RULE, "extensions", headline, Vec::new(), "nothing").untouched(true);
            findings.push(found.claiming([field.leaf("terms/extensions")]));
        }
        for rule in &pair.new.quality {
            let old = pair.old.quality.iter().find(|old| old.name == rule.name);
            if old.is_some_and(|old| old.about != rule.about) {
                let leaf = format!("quality/{}/about", rule.name);
                let headline = format!("rule {} is explained in other words", rule.name);
                let claim = pair.leaf(&leaf);
                let found =
                    pair.finding(&RULE, &leaf, headline, Vec::new(), "nothing").untouched(true);
                findings.push(found.claiming([claim]));
            }
        }
    }
    for pair in sides.models() {
        examples(pair, findings);
        extensions(pair, findings);
        for (old, new) in pair.columns() {
            if old.about == new.about || is_critical(&old.terms, &new.terms) {
                continue;
            }
            let headline = format!("{}.{} is explained in other words", pair.new.name, old.name);
            let leaf = leaf_of_field(&pair.new.name, new.id, "about");
            let below = format!("fields/{}/about", new.name);
            let found = pair.finding(&RULE, &below, headline, Vec::new(), "nothing");
            findings.push(found.claiming([leaf]));
        }
    }
}

fn examples(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    for (_, new) in pair.columns().filter(|(a, b)| a.terms.examples != b.terms.examples) {
        let headline = format!("{}.{} shows other examples", pair.new.name, new.name);
        let below = format!("fields/{}/examples", new.name);
        let leaf = leaf_of_field(&pair.new.name, new.id, "terms/examples");
        let found = pair.finding(&RULE, &below, headline, Vec::new(), "nothing").untouched(true);
        findings.push(found.claiming([leaf]));
    }
}

fn extensions(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    if pair.old.terms.extensions != pair.new.terms.extensions {
        let headline = format!("other standards say something else of {}", pair.new.name);
        let found = pair.finding(&RULE, "extensions", headline, Vec::new(), "nothing");
        findings.push(found.untouched(true).claiming([pair.leaf("terms/extensions")]));
    }
    for (_, new) in pair.columns().filter(|(a, b)| a.terms.extensions != b.terms.extensions) {
        let headline =
            format!("other standards say something else of {}.{}", pair.new.name, new.name);
        let below = format!("fields/{}/extensions", new.name);
        let leaf = leaf_of_field(&pair.new.name, new.id, "terms/extensions");
        let found = pair.finding(&RULE, &below, headline, Vec::new(), "nothing").untouched(true);
        findings.push(found.claiming([leaf]));
    }
}
