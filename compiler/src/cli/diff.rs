//! `covenant diff`: what a change breaks, and `covenant waive`: what of it is accepted.

use std::mem::ManuallyDrop;

use jiff::civil::Date;

use super::baseline::{Baseline, baseline, org_lost};
use super::commands::stopped;
use super::output::{emit, internal, remark, unreadable};
use super::{Context, Outcome};
use crate::compat::{self, Finding};
use crate::diagnostic::{Severity, nearest};
use crate::report::{Command, Report, Side, changes, contracts};
use crate::source::SourceSet;
use crate::waiver::{self, Stub};
use crate::{Compiled, InternalError, compile_compared, driver, migrate, witness};

/// Compares the contracts with those of a folder, of a git revision, or those released last.
///
/// `alive` are older versions that landing still holds, the oldest first.
pub(super) fn diff(context: &Context, against: &str, alive: &[String], all: bool) -> Outcome {
    match compared(context, against, alive) {
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
fn compared(context: &Context, against: &str, alive: &[String]) -> Result<Report, Outcome> {
    let read = |base: &str| {
        driver::read_base(base, &context.contracts).map_err(|error| unreadable(context, &error))
    };
    // The process ends behind it: giving contracts back piece by piece would be a tenth of its work.
    let old = read(against)?;
    let older: Vec<(&str, SourceSet)> = alive
        .iter()
        .map(|base| Ok((base.as_str(), read(base)?)))
        .collect::<Result<_, Outcome>>()?;
    let new =
        driver::read_contracts(&context.contracts).map_err(|error| unreadable(context, &error))?;
    let new = ManuallyDrop::new(compile_compared(new, None));
    if new.plan.is_none() {
        // Contracts that do not hold together cannot be compared: their own findings come first.
        return Err(stopped(context, &new));
    }
    let base = ManuallyDrop::new(baseline(old, &new));
    let older: Vec<(&str, Baseline)> =
        older.into_iter().map(|(name, old)| (name, baseline(old, &new))).collect();
    let mut report = changes_of(&base, &older, &new, (against, context.today))?;
    report = waiver::apply(report, &base.old, &new, context.today);
    for one in older.iter().map(|(_, one)| one).chain([&*base]) {
        let missing = contracts::on_side(Command::Diff, Side::Old, &one.unreadable, &one.sources);
        report = report.join(missing);
    }
    let lost = org_lost(&base, &new);
    Ok(report.join(contracts::report(Command::Diff, &lost, &new.sources)))
}

fn changes_of(
    base: &Baseline,
    older: &[(&str, Baseline)],
    new: &Compiled,
    (against, today): (&str, Date),
) -> Result<Report, Outcome> {
    let Some(after) = &new.plan else {
        return Err(internal(&InternalError("no plan, and no error either".to_owned())));
    };
    let older_plans = older
        .iter()
        .filter_map(|(label, one)| Some(compat::Alive { label, plan: one.old.plan.as_ref()? }));
    let latest = base.old.plan.as_ref().map(|plan| compat::Alive { label: against, plan });
    // Without the latest version an older one would be taken for it.
    let alive: Vec<compat::Alive<'_>> =
        if latest.is_some() { older_plans.chain(latest).collect() } else { Vec::new() };
    let mut found = compat::diff_transitive_on(&alive, after, Some(today));
    found.retain(|finding| {
        let name = finding.subject.split('/').next().unwrap_or_default();
        let version = finding.against.as_deref();
        let side = older.iter().find(|(label, _)| Some(*label) == version);
        !side.map_or(base, |(_, side)| side).left_out.contains(name)
    });
    let sides = older.iter().map(|(label, side)| (Some(*label), side)).chain([(None, base)]);
    for (label, side) in sides {
        let of_side = |finding: &&mut Finding| {
            let known = finding.against.as_deref();
            known.filter(|known| older.iter().any(|(older, _)| older == known)) == label
        };
        if let Some(before) = &side.old.plan {
            witness::confirm(before, after, found.iter_mut().filter(of_side));
            let loose = migrate::attach(before, after, found.iter_mut().filter(of_side))
                .map_err(|error| internal(&InternalError(error.to_string())))?;
            // Against older versions, and beside what could not be read, only some of the findings are told.
            if let Some(step) = loose.first()
                && label.is_none()
                && side.left_out.is_empty()
            {
                let why = format!("no finding explains step {} of the migration", step.number);
                return Err(internal(&InternalError(format!("{why}: {}", step.what))));
            }
        }
    }
    let older: Vec<(&str, &Compiled)> = older.iter().map(|(name, one)| (*name, &one.old)).collect();
    Ok(changes::report_alive(&found, &base.old, &older, new, against))
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
    let report = compared(context, &asked.against, &[])?;
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
