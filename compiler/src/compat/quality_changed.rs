//! A quality rule that refuses records is new or different.

use covenant_model::spec::OnFail;

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{EntityPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCM230",
    slug: "quality-rule-tightened",
    modes: Modes { backward: Grade::Error, forward: Grade::Info },
    migration: Migration::Precheck,
    explain: "A quality rule that quarantines was added, or changed.\n\nRecords that were valid are refused from now on, and replays \
              of landed changes lose them.\n\nLet it alarm for a while first: `on_fail: alarm`.",
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for rule in pair.new.quality.iter().filter(|rule| rule.on_fail == OnFail::Quarantine) {
        let old = pair.old.quality.iter().find(|old| old.name == rule.name);
        let same = old.is_some_and(|old| old.text == rule.text && old.on_fail == rule.on_fail);
        if same {
            continue;
        }
        let what = if old.is_some() { "changed" } else { "was added" };
        let finding = Finding::new(
            &RULE,
            pair.old.compatibility,
            format!("{}/quality/{}", pair.new.name, rule.name),
            format!("quality rule {} of {} {what} and quarantines", rule.name, pair.new.name),
            vec![consumers::validator(pair.new, "refuses records that were valid")],
            "let it alarm for a while first: `on_fail: alarm`".into(),
        );
        let path = old.map_or_else(|| pair.old.name.clone(), |_| finding.subject.clone());
        findings.push(finding.old_at(Some(path)));
    }
}
