//! min, max, pattern or format accept less than before.

use covenant_model::spec::FieldSpec;

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{FieldPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCW050",
    slug: "constraint-tightened",
    modes: Modes { backward: Grade::Error, forward: Grade::Info },
    migration: Migration::Precheck,
    explain: "A limit, a pattern or a format accepts less than before (a changed pattern counts: whether it accepts less is not \
              decided here).\n\nThe new validator rejects records that were valid.\n\nWrite it as a quality rule with \
              `on_fail: alarm` first, and tighten when it is silent.",
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let changed: Vec<String> = tightened(pair.old, pair.new);
    if changed.is_empty() {
        return;
    }
    let new = pair.entity.new;
    findings.push(Finding::new(
        &RULE,
        pair.entity.old.compatibility,
        format!("{}/fields/{}", new.name, pair.new.name),
        format!("{}.{} accepts less: {}", new.name, pair.new.name, changed.join(", ")),
        vec![consumers::validator(new, "rejects records that were valid")],
        "write it as a quality rule with `on_fail: alarm` first".into(),
    ));
}

fn tightened(old: &FieldSpec, new: &FieldSpec) -> Vec<String> {
    let mut changed = Vec::new();
    let show = |limit: &Option<String>| limit.clone().unwrap_or("none".into());
    if raised(&old.min, &new.min) {
        changed.push(format!("min {} -> {}", show(&old.min), show(&new.min)));
    }
    if raised(&new.max, &old.max) {
        changed.push(format!("max {} -> {}", show(&old.max), show(&new.max)));
    }
    for (what, old, new) in
        [("pattern", &old.pattern, &new.pattern), ("format", &old.format, &new.format)]
    {
        if new.is_some() && old != new {
            changed.push(format!("{what} {} -> {}", show(old), show(new)));
        }
    }
    changed
}

/// Whether a lower limit went up. Texts that are no plain numbers count as raised when they differ.
fn raised(old: &Option<String>, new: &Option<String>) -> bool {
    match (old, new) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(old), Some(new)) => match (old.parse::<f64>(), new.parse::<f64>()) {
            (Ok(old), Ok(new)) => new > old,
            (Ok(_) | Err(_), Ok(_) | Err(_)) => old != new,
        },
    }
}
