//! A model is computed at another rate or in other windows, or something promises to be there for another share of the time.

use covenant_model::spec::Window;

use super::prelude::*;

/// A hundredth in millionths.
const PPM_OF_A_PERCENT: u32 = 10_000;

pub(super) static RULE: Rule = Rule {
    code: "DCM244",
    slug: "schedule-lowered",
    direction: Direction::Loosens,
    mirror: Mirror::Own,
    modes: Modes::FORWARD,
    consumers: &[Model, People],
    migration: Migration::None,
    witness: WitnessKind::None("time passes between promise and breach: no single run shows it"),
    what: "A model is computed less often or more often, in other windows, or another availability \
           is promised.",
    why: "Less often: readers see older rows than they were used to, or none. (More often hurts \
          nobody and costs more.) What comes late shows later, or not before everything is computed \
          again.",
    how: "Agree it with the readers first.",
    cases: cases!("DCM244-schedule-lowered"),
    check: Check::Sides(check),
};

fn check(sides: Sides<'_>, findings: &mut Vec<Finding>) {
    sides.models().for_each(|pair| schedule(pair, findings));
    sides.models().for_each(|pair| windows(pair, findings));
    sides.datasets().for_each(|pair| availability(pair, findings));
}

/// Parts of a million as `99.9%`.
fn percent(ppm: u32) -> String {
    let (whole, rest) = (ppm / PPM_OF_A_PERCENT, ppm % PPM_OF_A_PERCENT);
    let digits = format!("{rest:04}");
    match digits.trim_end_matches('0') {
        "" => format!("{whole}%"),
        digits => format!("{whole}.{digits}%"),
    }
}

fn availability(pair: DatasetPair<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (pair.old.expect.availability_ppm, pair.new.expect.availability_ppm);
    if old == new {
        return;
    }
    let name = pair.new.name;
    let mut broken = Vec::new();
    if new < old {
        let path = format!("{name}/expect/availability");
        broken.push(people(Side::Old, path, pair.old.owner, "was promised more"));
        broken.extend(consumers::readers(pair.sides.new, name, "is missing its input more often"));
    }
    let headline = match (old.map(percent), new.map(percent)) {
        (Some(old), Some(new)) => {
            format!("{name} promises to be there for {new} of the time, no longer for {old}")
        }
        (None, Some(new)) => format!("{name} promises to be there for {new} of the time"),
        (_, None) => format!("{name} promises no availability any more"),
    };
    let mut finding = pair.finding(&RULE, "expect/availability", headline, broken, RULE.how);
    finding.claims = vec![format!("{name}/expect/availability_ppm")];
    findings.push(finding);
}

fn schedule(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
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

fn windows(pair: ModelPair<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (&pair.old.window, &pair.new.window);
    if old == new {
        return;
    }
    // Without windows everything is computed in every run: nothing is ever too late.
    let lower = match (old, new) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(old), Some(new)) => {
            old.by != new.by || new.late_s < old.late_s || new.rebuild_s > old.rebuild_s
        }
    };
    let mut broken = Vec::new();
    if lower {
        let path = pair.leaf("refresh/window");
        broken.push(people(Side::New, path, &pair.new.owner, "sees later what came late"));
        let why = "reads later what came late";
        broken.extend(consumers::readers(pair.sides.new, &pair.new.name, why));
    }
    let told = |window: &Option<Window>| match window {
        None => "as a whole".to_owned(),
        Some(window) => format!(
            "by {}, {} s late, everything every {} s",
            window.by, window.late_s, window.rebuild_s
        ),
    };
    let headline = format!("{} is computed {}, no longer {}", pair.new.name, told(new), told(old));
    let leaf = pair.leaf("window");
    findings
        .push(pair.finding(&RULE, "refresh/window", headline, broken, RULE.how).claiming([leaf]));
}
