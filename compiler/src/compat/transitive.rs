//! Against every version that is alive: landing is read back for its whole retention, so a change
//! has to hold up against more than the latest release.

use std::collections::BTreeSet;

use covenant_model::spec::Compatibility;
use jiff::civil::Date;

use super::finding::Finding;
use super::{diff_on, sorted};
use crate::plan::Plan;

/// A version that is still alive.
#[derive(Clone, Copy)]
pub struct Alive<'a> {
    /// `3`, `2026-11`: the name of its folder or revision.
    pub label: &'a str,
    /// What it promised.
    pub plan: &'a Plan,
}

/// What the change from every version that is alive means, the oldest first. Against the latest one
/// everything is said; against older ones only what contracts with a `_transitive` promise break,
/// and that no later version has said already.
///
/// Without a day it is not judged whether a last day has come.
pub fn diff_transitive(alive: &[Alive<'_>], new: &Plan) -> Vec<Finding> {
    diff_transitive_on(alive, new, None)
}

/// The same on a day.
pub fn diff_transitive_on(alive: &[Alive<'_>], new: &Plan, today: Option<Date>) -> Vec<Finding> {
    let Some((latest, older)) = alive.split_last() else { return Vec::new() };
    let mut found = diff_on(latest.plan, new, today);
    let mut said: BTreeSet<(&str, String)> =
        found.iter().map(|finding| (finding.rule.code, finding.subject.clone())).collect();
    for version in older.iter().rev() {
        for mut finding in diff_on(version.plan, new, today) {
            let promised = promise(version.plan, &finding).is_some_and(is_transitive);
            // Whether the version was raised is a matter between neighbours.
            let of_neighbours = matches!(finding.rule.code, "DCM253" | "DCM254" | "DCM255");
            if promised
                && !of_neighbours
                && said.insert((finding.rule.code, finding.subject.clone()))
            {
                finding.against = Some(version.label.to_owned());
                found.push(finding);
            }
        }
    }
    sorted(found)
}

fn promise(plan: &Plan, finding: &Finding) -> Option<Compatibility> {
    let name = finding.subject.split('/').next()?;
    let model = || plan.models.iter().find(|model| model.name == name);
    plan.entity(name)
        .map(|entity| entity.compatibility)
        .or_else(|| model().map(|model| model.compatibility))
}

fn is_transitive(promise: Compatibility) -> bool {
    match promise {
        Compatibility::BackwardTransitive
        | Compatibility::ForwardTransitive
        | Compatibility::FullTransitive => true,
        Compatibility::Backward | Compatibility::Forward | Compatibility::Full => false,
    }
}
