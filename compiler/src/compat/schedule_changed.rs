//! A model is computed at another rate.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM244",
    slug: "schedule-lowered",
    direction: Direction::Loosens,
    mirror: Mirror::Own,
    modes: Modes::FORWARD,
    consumers: &[Model, People],
    migration: Migration::None,
    witness: WitnessKind::None,
    what: "A model is computed less often, or more often.",
    why: "Less often: readers see older rows than they were used to. (More often hurts nobody \
          and costs more.)",
    how: "Agree it with the readers first.",
    cases: cases!("DCM244-schedule-lowered"),
    check: Check::Model(check),
};

fn check(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (pair.old.refresh_s, pair.new.refresh_s);
    if old == new {
        return;
    }
    let mut broken = Vec::new();
    if new > old {
        let path = pair.leaf("refresh/every");
        broken.push(people(Side::New, path, &pair.new.owner, "sees older rows"));
        broken.extend(consumers::readers(pair.sides.new, &pair.new.name, "reads older rows"));
    }
    let headline = format!("{} is computed every {new} s, no longer every {old} s", pair.new.name);
    let leaf = pair.leaf("refresh_s");
    findings
        .push(pair.finding(&RULE, "refresh/every", headline, broken, RULE.how).claiming([leaf]));
}
