//! What a field is said to mean changed, and decisions rest on it.

use covenant_model::terms::FieldTerms;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM257",
    slug: "critical-meaning-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::LOOK,
    consumers: &[People, Model, SalesforceMapping],
    migration: Migration::Inplace,
    witness: WitnessKind::None("words for the reader: nothing runs by them"),
    what: "What a critical field is said to mean is said in other words.",
    why: "Decisions rest on the field. Whether the new words mean the same is for people to say.",
    how: "Let whoever decides by it read both texts.",
    cases: cases!("DCM257-critical-meaning-changed"),
    check: Check::Sides(check),
};

pub(super) static MARK: Rule = Rule {
    code: "DCM272",
    slug: "critical-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::LOOK,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None("words for the reader: nothing runs by them"),
    what: "A field is critical from now on, or no longer.",
    why: "No longer: the next change of its meaning is not looked at. (From now on: nobody is hurt.)",
    how: "Let whoever decides by it agree.",
    cases: cases!("DCM272-critical-changed"),
    check: Check::Sides(check_mark),
};

/// Whether a change of words is more than words.
pub(super) fn is_critical(old: &FieldTerms, new: &FieldTerms) -> bool {
    old.critical || new.critical
}

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    const HOW: &str = "may mean something else";
    for pair in sides.entities() {
        let told = |field: &FieldPair<'_>| {
            field.old.about != field.new.about && is_critical(&field.old.terms, &field.new.terms)
        };
        for field in pair.fields().filter(told) {
            let headline = format!("{} is critical, and explained in other words", field.shown());
            let path = format!("{}/fields/{}/about", pair.old.name, field.old.name);
            let mut broken = vec![people(Side::Old, path, &pair.old.owner, HOW)];
            broken.extend(field.stored(HOW));
            findings.push(field.finding(&RULE, "about", headline, mildly(broken), RULE.how));
        }
    }
    for pair in sides.models() {
        for (old, new) in pair.columns() {
            if old.about == new.about || !is_critical(&old.terms, &new.terms) {
                continue;
            }
            let name = &pair.new.name;
            let headline = format!("{name}.{} is critical, and explained in other words", new.name);
            let path = format!("{name}/fields/{}/about", old.name);
            let mut broken = vec![people(Side::Old, path, &pair.old.owner, HOW)];
            broken.extend(consumers::models(pair.sides.new, name, &new.name, HOW));
            let below = format!("fields/{}/about", new.name);
            let finding = pair.finding(&RULE, &below, headline, mildly(broken), RULE.how);
            findings.push(finding.claiming([leaf_of_field(name, new.id, "about")]));
        }
    }
}

fn check_mark(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for pair in sides.entities() {
        for field in pair.fields().filter(|one| one.old.terms.critical != one.new.terms.critical) {
            let path = format!("{}/fields/{}/critical", pair.old.name, field.old.name);
            let marked = field.new.terms.critical;
            let (headline, broken) = mark(&field.shown(), marked, path, &pair.old.owner);
            let finding = field.finding(&MARK, "critical", headline, broken, MARK.how);
            findings.push(finding.claiming([field.leaf("terms/critical")]));
        }
    }
    for pair in sides.models() {
        for (old, new) in pair.columns().filter(|(a, b)| a.terms.critical != b.terms.critical) {
            let path = format!("{}/fields/{}/critical", pair.old.name, old.name);
            let shown = format!("{}.{}", pair.new.name, new.name);
            let (headline, broken) = mark(&shown, new.terms.critical, path, &pair.old.owner);
            let below = format!("fields/{}/critical", new.name);
            let finding = pair.finding(&MARK, &below, headline, broken, MARK.how);
            findings.push(finding.claiming([leaf_of_field(
                &pair.new.name,
                new.id,
                "terms/critical",
            )]));
        }
    }
}

fn mark(shown: &str, marked: bool, path: String, owner: &str) -> (String, Vec<Consumer>) {
    if marked {
        return (format!("{shown} is critical from now on"), Vec::new());
    }
    let who = people(Side::Old, path, owner, "is no longer asked about its meaning");
    (format!("{shown} is no longer critical"), vec![who])
}
