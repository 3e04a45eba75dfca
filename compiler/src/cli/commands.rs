//! `covenant check` and `covenant build`.

use std::mem::ManuallyDrop;
use std::path::Path;

use super::output::{emit, internal, remark, unreadable};
use super::{Context, Format, Outcome, live};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, codes};
use crate::driver::Stamp;
use crate::plan::Plan;
use crate::report::contracts;
use crate::source::{SourceSet, Span};
use crate::tree::OutputTree;
use crate::{Compiled, InternalError, compile, driver};

/// Shows what was found about contracts.
pub(super) fn findings(context: &Context, compiled: &Compiled) -> Outcome {
    let report = contracts::report(context.command, &compiled.diagnostics, &compiled.sources);
    match emit(context, &report, Severity::Info) {
        // What was not read is not judged, whatever `--fail-on` says.
        Outcome::Fine | Outcome::Findings if compiled.sources.flawed() => Outcome::Unreadable,
        outcome @ (Outcome::Fine | Outcome::Findings | Outcome::Unreadable | Outcome::Internal) => {
            outcome
        }
    }
}

/// The same where the command cannot go on: it has not succeeded, whatever `--fail-on` says.
pub(super) fn stopped(context: &Context, compiled: &Compiled) -> Outcome {
    match findings(context, compiled) {
        Outcome::Fine => Outcome::Findings,
        outcome @ (Outcome::Findings | Outcome::Unreadable | Outcome::Internal) => outcome,
    }
}

/// Compiles, prints the findings, and goes on with what came out, if anything did.
pub(super) fn compiled(
    context: &Context,
    then: impl FnOnce(&Compiled, &Plan) -> Outcome,
) -> Outcome {
    let compiled = match driver::read_contracts(&context.contracts) {
        Ok(sources) => compile(sources),
        Err(error) => return unreadable(context, &error),
    };
    match &compiled.plan {
        Some(plan) => {
            if !compiled.diagnostics.is_empty() {
                findings(context, &compiled);
            }
            then(&compiled, plan)
        }
        None if compiled.diagnostics.has_errors() => stopped(context, &compiled),
        None => internal(&InternalError("no plan, and no error either".to_owned())),
    }
}

/// Runs every stage. Findings are not printed yet where there are files.
fn generated(context: &Context, sources: SourceSet) -> Result<(Compiled, OutputTree), Outcome> {
    let (compiled, tree) = crate::generate(sources).map_err(|error| internal(&error))?;
    match tree {
        Some(tree) => Ok((compiled, tree)),
        None => {
            let outcome = stopped(context, &compiled);
            if compiled.diagnostics.has_errors() {
                Err(outcome)
            } else {
                Err(internal(&InternalError("no files, and no error either".to_owned())))
            }
        }
    }
}

pub(super) fn check(context: &Context, asked: &live::Arguments) -> Outcome {
    let compiled = match driver::read_contracts(&context.contracts) {
        Ok(sources) => crate::check(sources),
        Err(error) => return unreadable(context, &error),
    };
    let mut compiled = match compiled {
        // The process ends behind it: giving contracts back piece by piece would be a tenth of its work.
        Ok(compiled) => ManuallyDrop::new(compiled),
        Err(error) => return internal(&error),
    };
    // Only contracts that hold together say what the database must have.
    if let Some(plan) = &compiled.plan {
        match live::findings(&compiled, plan, asked) {
            Ok(found) if found.is_empty() => {}
            Ok(found) => {
                let all = compiled.diagnostics.iter().chain(found.iter()).cloned();
                compiled.diagnostics = Diagnostics::new(all.collect());
            }
            Err(why) => {
                remark(&format!("error: {why}"));
                return Outcome::Unreadable;
            }
        }
    }
    let outcome = findings(context, &compiled);
    if context.format == Format::Human
        && let Some(plan) = &compiled.plan
    {
        remark(&format!(
            "{} files, {} entities and {} models hold together",
            compiled.sources.len(),
            plan.entities.len(),
            plan.models.len()
        ));
    }
    outcome
}

pub(super) fn build(context: &Context, out: &Path, check: bool) -> Outcome {
    let sources = match driver::read_contracts(&context.contracts) {
        Ok(sources) => sources,
        Err(error) => return unreadable(context, &error),
    };
    let stamp = Some(()).filter(|()| !check && !sources.flawed());
    let stamp = stamp.and_then(|()| Stamp::of(out, &sources, &context.today.to_string()));
    if let Some(files) = stamp.as_ref().and_then(Stamp::unchanged) {
        return unchanged(context, &sources, files);
    }
    let (compiled, tree) = match generated(context, sources) {
        // The process ends behind it.
        Ok((compiled, tree)) => (ManuallyDrop::new(compiled), ManuallyDrop::new(tree)),
        Err(outcome) => return outcome,
    };
    let changes = match driver::compare(out, &tree) {
        Ok(changes) => changes,
        Err(error) => return unreadable(context, &error),
    };
    if check && changes != driver::Changes::default() {
        // One document: warnings about contracts wait until the files are fresh.
        return stale(context, out, &changes);
    }
    let outcome = findings(context, &compiled);
    if check {
        return outcome;
    }
    if let Err(error) = driver::write(out, &tree, &changes) {
        return unreadable(context, &error);
    }
    // What was found is said again by every build.
    if let Some(stamp) = stamp.filter(|_| compiled.diagnostics.is_empty()) {
        stamp.keep(&tree);
    }
    if context.format == Format::Human {
        remark(&format!(
            "{} files: {} written, {} removed, the others as they were",
            tree.iter().count(),
            changes.write.len(),
            changes.remove.len()
        ));
    }
    outcome
}

/// Contracts, compiler and files are those of the last build, which found nothing.
fn unchanged(context: &Context, sources: &SourceSet, files: usize) -> Outcome {
    let report = contracts::report(context.command, &Diagnostics::default(), sources);
    let outcome = emit(context, &report, Severity::Info);
    if context.format == Format::Human {
        remark(&format!("{files} files: nothing has changed since the last build"));
    }
    outcome
}

fn stale(context: &Context, out: &Path, changes: &driver::Changes) -> Outcome {
    let paths = changes.write.iter().map(|path| (path, "differs from what the contracts say"));
    let paths = paths.chain(changes.remove.iter().map(|path| (path, "is no longer generated")));
    let mut files = Vec::new();
    let mut all = Vec::new();
    for (path, what) in paths {
        files.push((out.join(path).to_string_lossy().into_owned(), what));
    }
    let sources = SourceSet::new(files.iter().map(|(path, _)| (path.clone(), String::new())));
    for (id, file) in sources.iter() {
        let what = files.iter().find(|(path, _)| *path == file.path).map(|(_, what)| *what);
        all.push(
            Diagnostic::new(
                &codes::STALE_OUTPUT,
                Span::file_start(id),
                format!("{} {}", file.path, what.unwrap_or("is stale")),
            )
            .help("run `covenant build` and commit the result"),
        );
    }
    if context.format == Format::Human && context.output.is_none() {
        for one in &all {
            remark(&format!("error[{}]: {}", one.code, one.headline));
        }
        remark("\nrun `covenant build` and commit the result");
    } else {
        emit(
            context,
            &contracts::report(context.command, &Diagnostics::new(all), &sources),
            Severity::Info,
        );
    }
    Outcome::Findings
}
