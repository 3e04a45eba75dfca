//! A pattern changed, in both directions or in one that is not decided.

use super::limits;
use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCW052",
    slug: "pattern-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::LOOK,
    consumers: &[RustValidator],
    migration: Migration::Precheck,
    witness: WitnessKind::Record,
    what: "A pattern changed, and neither accepts all that the other one accepts.",
    why: "Some records that were valid are rejected, and old validators reject some that are \
          valid now.",
    how: "Let the pattern accept both forms until the old one is gone.",
    cases: cases!("DCW052-pattern-changed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.pattern, &pair.new.pattern) else { return };
    if old == new {
        return;
    }
    let order = limits::patterns(pair.old, pair.new);
    match order {
        // One accepts less: that is what constraints tightened and loosened are about.
        limits::Order::Stricter | limits::Order::Looser => return,
        limits::Order::Same => {
            let headline = format!("the pattern of {} is written in another way", pair.shown());
            let help = "nothing: it accepts the same texts";
            findings
                .push(pair.finding(&RULE, "pattern", headline, Vec::new(), help).untouched(true));
            return;
        }
        limits::Order::Apart | limits::Order::Unknown => {}
    }
    let headline = format!("the pattern of {} changed from {old} to {new}", pair.shown());
    let broken = vec![pair.entity.after().validator("accepts other texts")];
    let help = "accept both forms until the old one is gone";
    let finding = pair.finding(&RULE, "pattern", headline, broken, help);
    // Proved: each accepts what the other refuses.
    let proved = order == limits::Order::Apart;
    findings.push(if proved { finding.always(Grade::Error) } else { finding });
}
