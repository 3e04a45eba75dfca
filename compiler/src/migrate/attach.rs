//! Findings get the steps that bring along what is stored: those of [`super::migrate`], no others.

use super::{Phase, Step, Target, steps};
use crate::compat::{ConsumerKind, Finding, Migration, MigrationStep, Platform};
use crate::emit::EmitError;
use crate::plan::Plan;

/// Prefix of the subject of a step of the org: `salesforce/Order__c.Status__c`.
const ORG: &str = "salesforce/";

/// How well a finding explains a step. The best ones get it, all of them: two findings about one
/// field are both mended by its ALTER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The finding is about something around the subject, and moves stored data.
    Around,
    /// The finding is about something inside the subject, or names the step's code.
    Near,
    /// The same subject, or the field of the org that breaks.
    Same,
    /// The same subject and the same code.
    Exact,
}

/// Gives every finding of the change from `old` to `new` its steps. Effects are mended with their
/// cause: their steps are the cause's.
///
/// # Errors
/// Where a target cannot express the contracts.
pub fn attach<'f>(
    old: &Plan,
    new: &Plan,
    findings: impl IntoIterator<Item = &'f mut Finding>,
) -> Result<(), EmitError> {
    let mut findings: Vec<&mut Finding> = findings.into_iter().collect();
    let moves = |finding: &&mut Finding| finding.all().iter().any(|one| stored(one));
    if !findings.iter().any(moves) {
        return Ok(());
    }
    for step in steps(old, new, &Target::ALL)? {
        let fits: Vec<Option<Fit>> = findings
            .iter()
            .map(|finding| finding.all().into_iter().filter_map(|one| fit(one, &step)).max())
            .collect();
        let Some(best) = fits.iter().flatten().max().copied() else { continue };
        let chosen = findings.iter_mut().zip(fits).filter(|(_, fit)| *fit == Some(best));
        chosen.for_each(|(finding, _)| finding.steps.push(shown(&step)));
    }
    Ok(())
}

fn stored(finding: &Finding) -> bool {
    match finding.migration {
        Migration::None => false,
        Migration::Inplace
        | Migration::Precheck
        | Migration::Backfill
        | Migration::Rebuild
        | Migration::Impossible => true,
    }
}

fn fit(finding: &Finding, step: &Step) -> Option<Fit> {
    if let Some(member) = step.subject.strip_prefix(ORG) {
        let breaks = |kind| kind == ConsumerKind::SalesforceMapping;
        let named = finding.consumers.iter().any(|one| breaks(one.kind) && one.name == member);
        return named.then_some(Fit::Same);
    }
    let code = finding.rule.code == step.code;
    let paths = [Some(&finding.subject), finding.old_path.as_ref(), finding.new_path.as_ref()];
    let paths = || paths.iter().flatten().map(|path| path.as_str());
    if paths().any(|path| path == step.subject) {
        return if code { Some(Fit::Exact) } else { stored(finding).then_some(Fit::Same) };
    }
    let inside = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
    };
    let contract = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
    let same_contract = paths().any(|path| contract(path) == contract(&step.subject));
    if (code && same_contract)
        || (stored(finding) && paths().any(|path| inside(&step.subject, path)))
    {
        return Some(Fit::Near);
    }
    (stored(finding) && paths().any(|path| inside(path, &step.subject))).then_some(Fit::Around)
}

fn shown(step: &Step) -> MigrationStep {
    let precheck = step.precheck.as_ref();
    let precheck = precheck.map(|query| format!("; first this must give 0: {query}"));
    MigrationStep {
        platform: match step.target {
            Target::Postgres => Platform::Postgres,
            Target::Salesforce => Platform::Salesforce,
            Target::Duckdb => Platform::Duckdb,
            Target::Snowflake => Platform::Snowflake,
            Target::Jobs => Platform::Manifest,
        },
        what: format!("{}{}", step.what, precheck.unwrap_or_default()),
        sql: (!step.statements.is_empty()).then(|| step.statements.join(";\n")),
        destructive: step.phase == Phase::Destructive,
    }
}
