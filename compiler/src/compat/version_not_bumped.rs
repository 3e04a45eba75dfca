//! A break without a new major version.

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM253",
    slug: "break-without-major-version",
    direction: Direction::Neutral,
    mirror: Mirror::None("about the version: the change backwards may break nobody"),
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model, Reference, People],
    migration: Migration::None,
    witness: WitnessKind::None("a promise between people: no record or statement runs by it"),
    what: "A contract breaks somebody and keeps its major version (below 1.0: its minor \
          version).",
    why: "Readers pin versions to be safe from just this.",
    how: "Raise `version` of the contract that is named.",
    cases: cases!("DCM253-break-without-major-version"),
    check: Check::Findings(check),
};

fn check(sides: Sides<'_>, findings: &[Finding]) -> Vec<Finding> {
    let mut found = Vec::new();
    for pair in sides.datasets() {
        let broken = broken(findings, pair.new.name);
        let (old, new) = (pair.old.version, pair.new.version);
        let name = pair.new.name;
        if broken.is_empty() && old == new && !pair.old.means(&pair.new) {
            found.push(reused(pair));
        }
        if broken.is_empty() || series(old) != series(new) {
            continue;
        }
        let headline = format!("{name} breaks its consumers and stays at version {new}");
        let mut finding =
            pair.finding(&RULE, "version", headline, broken, "raise the major version");
        // The leaf of the version may not have changed at all; what identifies the finding is that
        // this version was not left.
        finding.claims = vec![format!("{name}/version"), format!("{name}/version@{old}")];
        findings_mend(&mut finding, name, old);
        found.push(finding);
    }
    found
}

/// The version was released with another content.
fn reused(pair: DatasetPair<'_>) -> Finding {
    let (name, version) = (pair.new.name, pair.new.version);
    let headline = format!("{name} {version} stands for two contents");
    let help = "raise the minor version for an addition, the last number for a correction";
    let mut finding =
        pair.finding(&super::version_decreased::RULE, "version", headline, Vec::new(), help);
    finding.claims = vec![format!("{name}/version"), format!("{name}/version@{version}")];
    let (major, minor, _) = numbers(version);
    if let Some(minor) = minor.checked_add(1) {
        let next = format!("{major}.{minor}.0");
        finding.mends.push(Mend {
            title: format!("raise the version to {next}"),
            path: format!("{name}/version"),
            edit: MendEdit::Replace(next),
            safe: false,
        });
    }
    finding
}

fn findings_mend(finding: &mut Finding, name: &str, old: &str) {
    if let Some(next) = raised(old) {
        finding.mends.push(Mend {
            title: format!("raise the version to {next}"),
            path: format!("{name}/version"),
            edit: MendEdit::Replace(next),
            safe: true,
        });
    }
}

/// Consumers of the findings about a dataset that are errors.
fn broken(findings: &[Finding], name: &str) -> Vec<Consumer> {
    let of_it = |subject: &str| {
        subject == name || subject.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))
    };
    let mut broken: Vec<Consumer> = findings
        .iter()
        .filter(|finding| of_it(&finding.subject) && finding.worst() == Grade::Error)
        .flat_map(|finding| finding.consumers.iter().cloned())
        .filter(|consumer| consumer.suffers == Grade::Error)
        .collect();
    broken.sort();
    broken.dedup();
    broken
}

/// What must change on a break: the major version, below 1.0 the minor one too.
pub(super) fn series(version: &str) -> (u64, u64) {
    let (major, minor, _) = numbers(version);
    if major == 0 { (major, minor) } else { (major, 0) }
}

/// `1.2.3` as numbers.
pub(super) fn numbers(version: &str) -> (u64, u64, u64) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

/// The version after a break.
fn raised(version: &str) -> Option<String> {
    let (major, minor, _) = numbers(version);
    Some(match major {
        0 => format!("0.{}.0", minor.checked_add(1)?),
        _ => format!("{}.0.0", major.checked_add(1)?),
    })
}
