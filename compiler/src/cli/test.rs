//! `covenant test`: runs the tests that stand beside the contracts.

use clap::Args;

use super::commands::compiled;
use super::output::{emit, internal, remark, unreadable};
use super::{Context, Format, Outcome};
use crate::cases::{self, Case, Suite, Tally};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, Sink};
use crate::plan::Plan;
use crate::report::contracts;
use crate::source::SourceSet;
use crate::{InternalError, driver, parse};

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only tests of this entity, or with this text in their names.
    only: Option<String>,
    /// Names every test, also those that hold.
    #[arg(long)]
    list: bool,
}

/// Runs them. Findings end with exit code 1; no test at all is a wrong folder.
pub(super) fn test(context: &Context, asked: &Arguments) -> Outcome {
    compiled(context, |_, plan| match driver::read_cases(&context.contracts) {
        Ok(sources) => run(context, asked, plan, sources),
        Err(error) => unreadable(context, &error),
    })
}

fn run(context: &Context, asked: &Arguments, plan: &Plan, sources: SourceSet) -> Outcome {
    let sink = Sink::default();
    let people = context.format == Format::Human;
    let mut all = Tally::default();
    for (id, source) in sources.iter() {
        let Some(suite) = parse::suite(id, source, &sink) else { continue };
        let wanted = |case: &Case| wanted(asked, &suite, case);
        let tally = match cases::run(plan, &suite, wanted, &sink) {
            Ok(tally) => tally,
            Err(error) => return internal(&InternalError(error.to_string())),
        };
        all = all.and(tally);
        if people && tally != Tally::default() {
            said(asked, &suite, tally);
        }
    }
    let found = without_fixes(&sink.finish());
    if all == Tally::default() && found.is_empty() {
        let only = asked.only.as_deref().unwrap_or_default();
        remark(&format!("error: no test is called or about `{only}`"));
        return Outcome::Unreadable;
    }
    let report = contracts::report(context.command, &found, &sources);
    let outcome = emit(context, &report, Severity::Info);
    if people {
        let Tally { passed, failed, records } = all;
        remark(&format!("{passed} tests hold, {failed} do not: {records} records told"));
    }
    match outcome {
        Outcome::Fine if sources.flawed() => Outcome::Unreadable,
        Outcome::Fine | Outcome::Findings | Outcome::Unreadable | Outcome::Internal => outcome,
    }
}

/// `covenant fix` mends contracts, not their tests: it is not offered.
fn without_fixes(found: &Diagnostics) -> Diagnostics {
    let mut all: Vec<Diagnostic> = found.iter().cloned().collect();
    all.iter_mut().for_each(|one| one.fixes.clear());
    Diagnostics::new(all)
}

fn wanted(asked: &Arguments, suite: &Suite, case: &Case) -> bool {
    let name = |only: &String| suite.entity == *only || case.name.contains(only.as_str());
    asked.only.as_ref().is_none_or(name)
}

fn said(asked: &Arguments, suite: &Suite, tally: Tally) {
    let Tally { passed, failed, records } = tally;
    let entity = &suite.entity;
    remark(&match failed {
        0 => format!("{entity}: {passed} tests hold, {records} records"),
        _ => format!("{entity}: {failed} of {} tests do not hold", passed + failed),
    });
    if asked.list {
        for case in suite.cases.iter().filter(|case| wanted(asked, suite, case)) {
            remark(&format!("  {}", case.name));
        }
    }
}
