//! The promise itself changed.

use covenant_model::spec::Compatibility;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM255",
    slug: "promise-weakened-with-a-break",
    direction: Direction::Loosens,
    mirror: Mirror::None("a promise that is made stronger is DCM258 or nothing"),
    modes: Modes::BOTH,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "The compatibility that a contract promises is weakened in the same change as a \
          break.",
    why: "The change waives its own break: whoever relied on the promise is not asked.",
    how: "Weaken the promise first, in a change of its own.",
    cases: cases!("DCM255-promise-weakened-with-a-break"),
    check: Check::Findings(check),
};

pub(super) static CHANGED: Rule = Rule {
    code: "DCM258",
    slug: "promise-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::INFO,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "The compatibility that a contract promises changed.",
    why: "Readers may count on more, or on less, from the next change on.",
    how: "Tell the readers.",
    cases: cases!("DCM258-promise-changed"),
    check: Check::Dataset(check_changed),
};

fn check(sides: Sides<'_>, findings: &[Finding]) -> Vec<Finding> {
    let mut found = Vec::new();
    for pair in sides.datasets() {
        let of_it = |finding: &&Finding| {
            finding.subject == pair.new.name
                || finding.subject.starts_with(&format!("{}/", pair.new.name))
        };
        let breaks = findings.iter().filter(of_it).any(|finding| finding.worst() == Grade::Error);
        let (old, new) = (pair.old.compatibility, pair.new.compatibility);
        if !breaks || covers(new, old) {
            continue;
        }
        let path = format!("{}/compatibility", pair.new.name);
        let broken = vec![people(Side::Old, path, pair.old.owner, "relied on the promise")];
        let headline =
            format!("{} weakens its promise in the same change as a break", pair.new.name);
        let mut finding = pair.finding(&RULE, "compatibility", headline, broken, RULE.how);
        finding.cause = None;
        found.push(finding);
    }
    found
}

fn check_changed(pair: DatasetPair<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (pair.old.compatibility, pair.new.compatibility);
    if old == new {
        return;
    }
    let what = if covers(new, old) { "promises more" } else { "promises less" };
    let headline = format!("{} {what} from now on", pair.new.name);
    findings.push(pair.finding(&CHANGED, "compatibility", headline, Vec::new(), CHANGED.how));
}

/// Whether a promise holds all that another one holds.
fn covers(promise: Compatibility, other: Compatibility) -> bool {
    let parts = |promise| match promise {
        Compatibility::Backward => (true, false, false),
        Compatibility::Forward => (false, true, false),
        Compatibility::Full => (true, true, false),
        Compatibility::BackwardTransitive => (true, false, true),
        Compatibility::ForwardTransitive => (false, true, true),
        Compatibility::FullTransitive => (true, true, true),
    };
    let ((b0, f0, t0), (b1, f1, t1)) = (parts(promise), parts(other));
    b0 >= b1 && f0 >= f1 && t0 >= t1
}
