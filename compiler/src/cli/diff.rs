//! `covenant diff`: what a change breaks.

use super::commands::{Context, internal, unreadable};
use super::output::{findings, remark, result};
use super::{Format, Outcome};
use crate::compat::{self, Finding, Grade, render};
use crate::{Compiled, InternalError, compile, driver};

/// Compares the contracts with a folder's, or with a git revision's.
pub(super) fn diff(context: &Context, against: &str, all: bool) -> Outcome {
    let old = match driver::read_base(against, &context.contracts) {
        Ok(sources) => compile(sources),
        Err(error) => return unreadable(context, &error),
    };
    let new = match driver::read_contracts(&context.contracts) {
        Ok(sources) => compile(sources),
        Err(error) => return unreadable(context, &error),
    };
    let (Some(before), Some(after)) = (&old.plan, &new.plan) else {
        // Contracts that do not hold together cannot be compared: their own findings come first.
        for side in [&old, &new] {
            findings(&side.diagnostics, &side.sources, context.format);
        }
        return Outcome::Findings;
    };
    let found = compat::diff(before, after);
    match print(context.format, &found, &old, &new, all) {
        Ok(()) if found.iter().any(|finding| finding.grade == Grade::Error) => Outcome::Findings,
        Ok(()) => Outcome::Fine,
        Err(error) => internal(&InternalError(format!("the findings are no JSON: {error}"))),
    }
}

fn print(
    format: Format,
    found: &[Finding],
    old: &Compiled,
    new: &Compiled,
    all: bool,
) -> Result<(), serde_json::Error> {
    match format {
        Format::Human => {
            let from = if all { Grade::Info } else { Grade::Warning };
            let text = render::human(found, old, new, from);
            if !text.is_empty() {
                remark(text.trim_end_matches('\n'));
                remark("");
            }
            remark(&render::summary(found));
        }
        Format::Json => result(&format!("{}\n", render::json(found)?)),
        Format::Github => result(&render::github(found, new)),
        Format::Sarif => result(&format!("{}\n", render::sarif(found, new)?)),
    }
    Ok(())
}
