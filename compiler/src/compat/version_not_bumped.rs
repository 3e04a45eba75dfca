//! A break without a new major version.

use super::Sides;
use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};

pub(super) static RULE: Rule = Rule {
    code: "DCM253",
    slug: "break-without-major-version",
    modes: Modes { backward: Grade::Error, forward: Grade::Error },
    migration: Migration::None,
    explain: "A contract breaks somebody and keeps its major version (below 1.0: its minor version).\n\nReaders pin versions to be \
              safe from just this.\n\nRaise `version` of the contract that is named.",
    check: Check::Findings(check),
};

fn check(sides: Sides<'_>, findings: &[Finding]) -> Vec<Finding> {
    let mut found = Vec::new();
    let entities = sides.old.entities.iter().filter_map(|old| {
        let new = sides.new.entity(&old.name)?;
        Some((&old.name, &old.version, &new.version, old.compatibility))
    });
    let models = sides.old.models.iter().filter_map(|old| {
        let new = sides.new.models.iter().find(|new| new.name == old.name)?;
        Some((&old.name, &old.version, &new.version, old.compatibility))
    });
    for (name, old, new, promise) in entities.chain(models) {
        let of_it = |finding: &&Finding| {
            finding.subject == *name || finding.subject.starts_with(&format!("{name}/"))
        };
        let broken: Vec<_> = findings
            .iter()
            .filter(of_it)
            .filter(|finding| finding.grade == Grade::Error)
            .flat_map(|finding| finding.consumers.clone())
            .collect();
        if broken.is_empty() || major(old) != major(new) {
            continue;
        }
        let mut consumers = broken;
        consumers.sort();
        consumers.dedup();
        found.push(Finding::new(
            &RULE,
            promise,
            format!("{name}/version"),
            format!("{name} breaks its consumers and stays at version {new}"),
            consumers,
            "raise the major version".into(),
        ));
    }
    found
}

/// What must change on a break: the major version, below 1.0 the minor one too.
fn major(version: &str) -> (String, String) {
    let mut parts = version.split('.');
    let major = parts.next().unwrap_or_default().to_owned();
    let minor = parts.next().unwrap_or_default().to_owned();
    if major == "0" { (major, minor) } else { (major, String::new()) }
}
