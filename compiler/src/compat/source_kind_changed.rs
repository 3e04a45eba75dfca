//! A source or a system is of another kind, or a system is gone.

use std::mem::discriminant;

use covenant_model::spec::Compatibility;

use super::prelude::*;
use super::source_moved::kind;

pub(super) static RULE: Rule = Rule {
    code: "DCS102",
    slug: "source-kind-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Backfill,
    witness: WitnessKind::None("the records are the same; they come from or go elsewhere"),
    what: "A source is of another kind: a table became a stream, or the other way round.",
    why: "Order, deletes and repetitions come from elsewhere: positions cannot be compared, a \
          stream tells no deletes.",
    how: "Add the new source beside the old one, reconcile, then move the fields.",
    cases: cases!("DCS102-source-kind-changed"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    let mut moved = Vec::new();
    for pair in sides.entities() {
        for (name, old) in &pair.old.sources {
            let Some(new) = pair.new.sources.get(name).filter(|new| kind(new) != kind(old)) else {
                continue;
            };
            let mut broken = vec![pair.after().validator("orders changes by something else")];
            broken.extend(pair.after().table("must be read again"));
            let headline = format!(
                "source {name} of {} is {} now, no longer {}",
                pair.new.name,
                kind(new),
                kind(old)
            );
            let below = format!("sources/{name}");
            let claim = pair.leaf(&below);
            moved.push(claim.clone());
            findings
                .push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([claim]));
        }
    }
    for (name, old) in &sides.old.plan.project.systems {
        let new = sides.new.plan.project.systems.get(name);
        let what = match new {
            Some(new) if discriminant(new) == discriminant(old) => continue,
            Some(_) => "is of another kind",
            None => "is gone",
        };
        let path = format!("project/systems/{name}");
        let headline = format!("system {name} {what}");
        let mut finding =
            Finding::new(&RULE, Compatibility::Full, path.clone(), headline, Vec::new(), RULE.how);
        if new.is_none() {
            finding = finding.new_at(Some("project/systems".to_owned()));
        }
        // Contracts that use it say what breaks; a system that nobody uses hurts nobody.
        findings.push(finding.claiming([path]));
    }
}
