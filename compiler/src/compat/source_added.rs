//! A source or a system is new.

use covenant_model::spec::Compatibility;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS108",
    slug: "source-added",
    direction: Direction::Neutral,
    mirror: Mirror::Uneven("DCS101", "records that no longer come are missed"),
    modes: Modes::INFO,
    consumers: &[],
    migration: Migration::None,
    witness: WitnessKind::None("nobody depends on what was not there"),
    what: "An entity has one more source, or the project one more system.",
    why: "Nobody: which fields it tells is said at the fields.",
    how: "Nothing.",
    cases: cases!("DCS108-source-added"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    for pair in sides.entities() {
        for name in pair.new.sources.keys().filter(|name| !pair.old.sources.contains_key(*name)) {
            let below = format!("sources/{name}");
            let headline = format!("{} is told by source {name} too", pair.new.name);
            let claim = pair.leaf(&below);
            let found = pair.finding(&RULE, &below, headline, Vec::new(), "nothing");
            findings.push(found.old_at(Some(pair.leaf("sources"))).claiming([claim]));
        }
    }
    let known = &sides.old.plan.project.systems;
    for name in sides.new.plan.project.systems.keys().filter(|name| !known.contains_key(*name)) {
        let path = format!("project/systems/{name}");
        let headline = format!("system {name} was added");
        let promise = Compatibility::Full;
        findings.push(
            Finding::new(&RULE, promise, path.clone(), headline, Vec::new(), "nothing")
                .old_at(Some("project/systems".to_owned()))
                .claiming([path]),
        );
    }
}
