//! Where text goes: results to standard output or a file, everything about the run itself to standard
//! error.

use std::io::{IsTerminal, Write};

use super::{Context, FailOn, Format, Outcome};
use crate::InternalError;
use crate::diagnostic::Severity;
use crate::driver::{self, DriverError};
use crate::report::{Report, Side, concise, github, gitlab, human, json, junit, markdown, sarif};

/// Prints a result. A reader that went away (`| head`) is no error.
pub(super) fn result(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a remark about the run.
pub(super) fn remark(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{text}");
}

/// A bug of the compiler.
pub(super) fn internal(error: &InternalError) -> Outcome {
    remark(&error.to_string());
    Outcome::Internal
}

/// Shows a report in the format that was asked for, and says what the command came to. `from` is
/// what people are shown; programs get everything.
pub(super) fn emit(context: &Context, report: &Report, from: Severity) -> Outcome {
    let text = match rendered(context, report, from) {
        Ok(text) => text,
        Err(error) => {
            return internal(&InternalError(format!("the findings are no JSON: {error}")));
        }
    };
    let shown = match (&context.output, context.format) {
        (Some(path), _) => driver::write_text(path, &text),
        // For people: to standard error, so that a dump can be piped.
        (None, Format::Human) => {
            if !text.is_empty() {
                remark(text.trim_end_matches('\n'));
                remark("");
            }
            Ok(())
        }
        (
            None,
            Format::Concise
            | Format::Json
            | Format::Sarif
            | Format::Github
            | Format::Gitlab
            | Format::Junit
            | Format::Markdown,
        ) => {
            result(&text);
            Ok(())
        }
    };
    let summarised = shown.and_then(|()| step_summary(context, report, from));
    if let Err(error) = summarised {
        remark(&format!("error: {error}"));
        return Outcome::Unreadable;
    }
    if context.format == Format::Human && !report.findings.is_empty() {
        remark(&report.summary.words());
    }
    outcome(context.fail_on, report)
}

/// What findings alone mean for the exit code.
fn outcome(fail_on: FailOn, report: &Report) -> Outcome {
    match fail_on.severity() {
        Some(from) if report.fails(from) => Outcome::Findings,
        Some(_) | None => Outcome::Fine,
    }
}

fn step_summary(context: &Context, report: &Report, from: Severity) -> Result<(), DriverError> {
    match &context.summary {
        Some(path) => driver::append_text(path, &markdown::render(report, from)),
        None => Ok(()),
    }
}

fn rendered(
    context: &Context,
    report: &Report,
    from: Severity,
) -> Result<String, serde_json::Error> {
    let coloured = context.output.is_none() && std::io::stderr().is_terminal();
    Ok(match context.format {
        Format::Human => human::render(report, from, coloured),
        Format::Concise => concise::render(report, from),
        Format::Json => json::render(report)?,
        Format::Sarif => sarif::render(report)?,
        Format::Github => github::render(report, from),
        Format::Gitlab => gitlab::render(report)?,
        Format::Junit => junit::render(report, context.fail_on.severity()),
        Format::Markdown => markdown::render(report, from),
    })
}

/// What could not be read or written, as a report.
pub(super) fn unreadable(context: &Context, error: &DriverError) -> Outcome {
    let (found, sources) = super::unreadable::finding(error);
    let report = crate::report::contracts::on_side(context.command, Side::New, &found, &sources);
    match emit(context, &report, Severity::Info) {
        Outcome::Fine | Outcome::Findings | Outcome::Unreadable => Outcome::Unreadable,
        Outcome::Internal => Outcome::Internal,
    }
}
