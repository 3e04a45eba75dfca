//! `covenant diff`: what a change breaks, and `covenant waive`: what of it is accepted.

use jiff::civil::Date;

use super::baseline::{Baseline, baseline};
use super::commands::findings;
use super::output::{emit, internal, remark, unreadable};
use super::{Context, Outcome};
use crate::diagnostic::{Severity, nearest};
use crate::report::{Command, Report, Side, changes, contracts};
use crate::waiver::{self, Stub};
use crate::{Compiled, InternalError, compat, compile, driver};

/// Compares the contracts with those of a folder, of a git revision, or those released last.
pub(super) fn diff(context: &Context, against: &str, all: bool) -> Outcome {
    match compared(context, against) {
        Ok(report) => {
            let from = if all { Severity::Info } else { Severity::Warning };
            let outcome = emit(context, &report, from);
            if context.format == super::Format::Human && report.findings.is_empty() {
                remark("no change that anybody could notice");
            }
            outcome
        }
        Err(outcome) => outcome,
    }
}

/// Everything that the change means, waivers applied; or what came in between.
fn compared(context: &Context, against: &str) -> Result<Report, Outcome> {
    let old = driver::read_base(against, &context.contracts)
        .map_err(|error| unreadable(context, &error))?;
    let new =
        driver::read_contracts(&context.contracts).map_err(|error| unreadable(context, &error))?;
    let new = compile(new);
    if new.plan.is_none() {
        // Contracts that do not hold together cannot be compared: their own findings come first.
        findings(context, &new);
        return Err(Outcome::Findings);
    }
    let base = baseline(old, &new.sources);
    let mut report = changes_of(&base, &new, against)?;
    report = waiver::apply(report, &base.old, &new, context.today);
    let missing = contracts::on_side(Command::Diff, Side::Old, &base.unreadable, &base.sources);
    Ok(report.join(missing))
}

fn changes_of(base: &Baseline, new: &Compiled, against: &str) -> Result<Report, Outcome> {
    let mut found = match (&base.old.plan, &new.plan) {
        (Some(before), Some(after)) => compat::diff(before, after),
        (None, _) => Vec::new(),
        (Some(_), None) => {
            return Err(internal(&InternalError("no plan, and no error either".to_owned())));
        }
    };
    found.retain(|finding| {
        let name = finding.subject.split('/').next().unwrap_or_default();
        !base.left_out.contains(name)
    });
    Ok(changes::report(&found, &base.old, new, against))
}

/// What `covenant waive` is told.
pub(super) struct Waive {
    pub(super) fingerprint: String,
    pub(super) code: Option<String>,
    pub(super) reason: String,
    pub(super) owner: String,
    pub(super) until: Date,
    pub(super) against: String,
}

/// Writes a waiver of one finding into the contracts folder.
pub(super) fn waive(context: &Context, asked: Waive) -> Outcome {
    let code = match code_of(context, &asked) {
        Ok(code) => code,
        Err(outcome) => return outcome,
    };
    let path = context.contracts.join(waiver::FILE);
    let before = match driver::read_text(&path) {
        Ok(before) => before,
        Err(error) => return unreadable(context, &error),
    };
    let stub = Stub {
        fingerprint: asked.fingerprint,
        code,
        reason: asked.reason,
        owner: asked.owner,
        expires: asked.until,
    };
    let text = match waiver::add(&before, &stub, context.today) {
        Ok(text) => text,
        Err(error) => {
            remark(&format!("error: {}: {error}", path.display()));
            return Outcome::Unreadable;
        }
    };
    match driver::write_text(&path, &text) {
        Ok(()) => {
            remark(&format!("{}: {} is waived until {}", path.display(), stub.code, stub.expires));
            if stub.code.starts_with("DCP") {
                remark("personal data: land this alone, before the change that it accepts");
            }
            Outcome::Fine
        }
        Err(error) => unreadable(context, &error),
    }
}

/// The code as told, or that of the finding with the fingerprint.
fn code_of(context: &Context, asked: &Waive) -> Result<String, Outcome> {
    if let Some(code) = &asked.code {
        return match compat::rule(code) {
            Some(rule) => Ok(rule.code.to_owned()),
            None => {
                remark(&format!("error: `{code}` is no code of a finding about a change"));
                Err(Outcome::Unreadable)
            }
        };
    }
    let report = compared(context, &asked.against)?;
    let mut known = report.findings.iter().filter(|entry| entry.ceiling.is_some());
    match known.clone().find(|entry| entry.fingerprint == asked.fingerprint) {
        Some(entry) => Ok(entry.code.clone()),
        None => {
            let near = nearest(&asked.fingerprint, known.by_ref().map(|e| e.fingerprint.as_str()));
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            remark(&format!(
                "error: no finding against {} has the fingerprint {}{near}",
                asked.against, asked.fingerprint
            ));
            Err(Outcome::Unreadable)
        }
    }
}
