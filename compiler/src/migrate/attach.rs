//! Findings get the steps that bring along what is stored: those of [`super::migrate`], no others.

use std::collections::BTreeSet;

use super::merges::{Differences, Line};
use super::{Difference, Phase, Step, Target, steps};
use crate::compat::{ConsumerKind, Finding, Migration, MigrationStep, Platform};
use crate::emit::EmitError;
use crate::plan::Plan;

/// Prefix of the subject of a step of the org: `salesforce/Order__c.Status__c`.
const ORG: &str = "salesforce/";

/// Most lines of a file's difference that one finding shows.
const DIFFERENCE_LINES_MAX: usize = 20;

/// How well a finding explains a step. All that are [`Fit::Near`] or better get it, or else the best: two findings about
/// one field are both mended by its ALTER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The finding is about the same contract.
    Contract,
    /// The finding is about something around the subject or inside it, and moves nothing itself.
    Beside,
    /// The finding is about something around the subject, and moves stored data.
    Around,
    /// The finding names the step's code, and is about the same contract.
    Named,
    /// The finding is about something inside the subject, and moves stored data.
    Near,
    /// The same subject, or the field of the org that breaks.
    Same,
    /// The same subject and the same code.
    Exact,
}

/// Gives every finding of the change from `old` to `new` its steps. Effects are mended with their
/// cause: their steps are the cause's. Returns the steps that no finding explains: where the findings are
/// all that the change means there is none, or the compiler has a bug.
///
/// # Errors
/// Where a target cannot express the contracts.
pub fn attach<'f>(
    old: &Plan,
    new: &Plan,
    findings: impl IntoIterator<Item = &'f mut Finding>,
) -> Result<Vec<Step>, EmitError> {
    let mut findings: Vec<&mut Finding> = findings.into_iter().collect();
    let mut loose = Vec::new();
    if findings.is_empty() {
        return Ok(loose);
    }
    let about: Vec<BTreeSet<String>> = findings.iter().map(|finding| contracts(finding)).collect();
    for step in steps(old, new, &Target::ALL)? {
        let because = step.because.iter().chain([&step.subject]);
        let places: Vec<(&str, &str)> = because.map(|at| (contract(at), at.as_str())).collect();
        let fits: Vec<Option<Fit>> = findings
            .iter()
            .zip(&about)
            .map(|(finding, about)| {
                let near = places.iter().filter(|(contract, _)| about.contains(*contract));
                let near: Vec<&str> = near.map(|(_, at)| *at).collect();
                finding.all().into_iter().filter_map(|one| fit(one, &step, &near)).max()
            })
            .collect();
        let Some(best) = fits.iter().flatten().max().copied() else {
            loose.push(step);
            continue;
        };
        let least = best.min(Fit::Near);
        let chosen = findings.iter_mut().zip(fits).filter(|(_, fit)| {
            fit.is_some_and(|fit| fit >= least && (fit == best || least == Fit::Near))
        });
        chosen.for_each(|(finding, _)| {
            let shown = shown(&step, finding);
            finding.steps.push(shown);
        });
    }
    let mut differences = Differences::new(old, new);
    for finding in findings.iter_mut().filter(|finding| stored(finding)) {
        finding.steps.extend(merged(finding, &mut differences)?);
    }
    Ok(loose)
}

/// What the change alters of the statement that merges batches, as far as the finding is about it.
fn merged(
    finding: &Finding,
    differences: &mut Differences<'_>,
) -> Result<Option<MigrationStep>, EmitError> {
    let Some((path, lines)) = differences.of(contract(&finding.subject))? else { return Ok(None) };
    let paths = [Some(&finding.subject), finding.old_path.as_ref(), finding.new_path.as_ref()];
    let field = |path: &str| {
        let (_, field) = path.split_once("/fields/")?;
        Some(field.split('/').next().unwrap_or_default().to_owned())
    };
    let fields: Vec<String> = paths.into_iter().flatten().filter_map(|path| field(path)).collect();
    let about = |line: &&Line| fields.is_empty() || fields.iter().any(|it| line.is_about(it));
    let lines: Vec<String> = lines.iter().filter(about).map(|line| line.text.clone()).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    Ok(Some(MigrationStep {
        platform: Platform::Snowflake,
        what: format!("batches are merged otherwise: {path}"),
        sql: None,
        difference: Some(bounded(lines)),
        destructive: false,
    }))
}

/// No more lines than somebody reads.
fn bounded(mut lines: Vec<String>) -> String {
    let more = lines.len().saturating_sub(DIFFERENCE_LINES_MAX);
    if more > 0 {
        lines.truncate(DIFFERENCE_LINES_MAX);
        lines.push(format!("… and {more} more"));
    }
    lines.join("\n")
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

/// The contracts that a finding is about, effects and all.
fn contracts(finding: &Finding) -> BTreeSet<String> {
    let all = finding.all().into_iter();
    let paths =
        all.flat_map(|one| [Some(&one.subject), one.old_path.as_ref(), one.new_path.as_ref()]);
    paths.flatten().map(|path| contract(path).to_owned()).collect()
}

/// How well a finding explains a step that is about `places`, among others of other contracts.
fn fit(finding: &Finding, step: &Step, places: &[&str]) -> Option<Fit> {
    let code = finding.rule.code == step.code;
    let best = places.iter().filter_map(|at| at_path(finding, at, code)).max();
    let Some(member) = step.subject.strip_prefix(ORG) else { return best };
    let breaks = |kind| kind == ConsumerKind::SalesforceMapping;
    let named = finding.consumers.iter().any(|one| breaks(one.kind) && one.name == member);
    best.max(named.then_some(Fit::Same))
}

/// `sales.order` of `sales.order/fields/total`.
fn contract(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// How well a finding explains a step that is about `at`.
fn at_path(finding: &Finding, at: &str, code: bool) -> Option<Fit> {
    let paths = [Some(&finding.subject), finding.old_path.as_ref(), finding.new_path.as_ref()];
    let paths = || paths.iter().flatten().map(|path| path.as_str());
    let same_contract = paths().any(|path| contract(path) == contract(at));
    if !same_contract {
        return None;
    }
    let stored = stored(finding);
    if paths().any(|path| path == at) {
        return Some(match (code, stored) {
            (true, _) => Fit::Exact,
            (false, true) => Fit::Same,
            (false, false) => Fit::Beside,
        });
    }
    let inside = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
    };
    let (within, around) =
        (paths().any(|path| inside(at, path)), paths().any(|path| inside(path, at)));
    if stored && within {
        Some(Fit::Near)
    } else if code {
        Some(Fit::Named)
    } else if stored && around {
        Some(Fit::Around)
    } else if within || around {
        Some(Fit::Beside)
    } else {
        Some(Fit::Contract)
    }
}

/// What of a file's difference is about the finding's own contract, or else all of it, within bounds.
fn excerpt(difference: &Difference, finding: &Finding) -> String {
    let paths = [Some(&finding.subject), finding.old_path.as_ref(), finding.new_path.as_ref()];
    let own = |name: &str| paths.iter().flatten().any(|path| contract(path.as_str()) == name);
    let line = |(_, line): &(String, String)| line.clone();
    let mut lines: Vec<String> =
        difference.lines.iter().filter(|(about, _)| own(about)).map(line).collect();
    if lines.is_empty() {
        lines = difference.lines.iter().map(line).collect();
    }
    bounded(lines)
}

fn shown(step: &Step, finding: &Finding) -> MigrationStep {
    let excerpt = step.difference.as_ref().map(|it| (it.what.clone(), excerpt(it, finding)));
    let (what, sql, difference) = match excerpt {
        Some((what, lines)) => (what, None, Some(lines).filter(|lines| !lines.is_empty())),
        None => {
            let query = step.precheck.as_ref();
            let query = query.map(|query| format!("; first this must give 0: {query}"));
            let what = format!("{}{}", step.what, query.unwrap_or_default());
            let sql = (!step.statements.is_empty()).then(|| step.statements.join(";\n"));
            (what, sql, None)
        }
    };
    MigrationStep {
        platform: match step.target {
            Target::Postgres => Platform::Postgres,
            Target::Salesforce => Platform::Salesforce,
            Target::Duckdb => Platform::Duckdb,
            Target::Snowflake => Platform::Snowflake,
            Target::Jobs => Platform::Manifest,
        },
        what,
        sql,
        difference,
        destructive: step.phase == Phase::Destructive,
    }
}
