//! `covenant fix`: mends what a program can mend.

use std::path::PathBuf;

use similar::TextDiff;

use super::commands::findings;
use super::output::{remark, result, unreadable};
use super::{Context, Outcome};
use crate::diagnostic::fix::{Applied, apply};
use crate::diagnostic::{Applicability, Fix, Severity};
use crate::report::mends;
use crate::source::SourceSet;
use crate::{Compiled, compat, compile, driver};

/// A fix can uncover another; what has not settled by then never will.
const PASSES_MAX: usize = 10;
/// Unchanged lines around a change in `--diff`.
const CONTEXT_LINES: usize = 3;

/// What was mended.
struct Mended {
    after: Compiled,
    done: Vec<String>,
    refused: Vec<String>,
}

/// Applies fixes up to a trust; `show` prints the difference and writes nothing.
/// With a base the findings about the change are mended, too.
pub(super) fn fix(
    context: &Context,
    trust: Applicability,
    against: Option<&str>,
    show: bool,
) -> Outcome {
    let base = match against.map(|base| driver::read_base(base, &context.contracts)).transpose() {
        Ok(base) => base.map(compile),
        Err(error) => return unreadable(context, &error),
    };
    let before = match driver::read_contracts(&context.contracts) {
        Ok(sources) => sources,
        Err(error) => return unreadable(context, &error),
    };
    let mended = mend(compile(before.clone()), base.as_ref(), trust);
    let changed = changed(&before, &mended.after.sources);
    if show {
        for (path, old, new) in &changed {
            let diff = TextDiff::from_lines(old.as_str(), new.as_str());
            let mut diff = diff.unified_diff();
            let header = diff.context_radius(CONTEXT_LINES).header(path, path).to_string();
            result(&header);
        }
        return match changed.is_empty() {
            _ if before.flawed() => findings(context, &mended.after),
            true => Outcome::Fine,
            false => Outcome::Findings,
        };
    }
    let files: Vec<(PathBuf, String)> =
        changed.into_iter().map(|(path, _, new)| (PathBuf::from(path), new)).collect();
    if let Err(error) = driver::write_texts(&files) {
        return unreadable(context, &error);
    }
    for title in &mended.done {
        remark(&format!("fixed: {title}"));
    }
    for title in &mended.refused {
        remark(&format!("refused, it overlaps another fix or makes things worse: {title}"));
    }
    remark(&format!("{} fixes in {} files", mended.done.len(), files.len()));
    findings(context, &mended.after)
}

/// Fixes until nothing is left to fix. A pass after which there are more errors is taken back.
fn mend(first: Compiled, base: Option<&Compiled>, trust: Applicability) -> Mended {
    let mut mended = Mended { after: first, done: Vec::new(), refused: Vec::new() };
    for _ in 0..PASSES_MAX {
        let fixes = fixes(&mended.after, base, trust);
        let applied = apply(&mended.after.sources, &fixes);
        if applied.files.is_empty() {
            mended.refused.extend(applied.refused);
            break;
        }
        let next = compile(replaced(&mended.after.sources, &applied));
        let errors = |of: &Compiled| of.diagnostics.count(Severity::Error);
        if !uncovers(&mended.after) && errors(&next) > errors(&mended.after) {
            mended.refused.extend(applied.done);
            break;
        }
        mended.done.extend(applied.done);
        mended.after = next;
    }
    mended
}

/// One fix a finding: about the contracts as they stand, and about the change once they hold together.
fn fixes(now: &Compiled, base: Option<&Compiled>, trust: Applicability) -> Vec<Fix> {
    let trusted = |fixes: &[Fix]| fixes.iter().find(|fix| fix.applicability <= trust).cloned();
    let mut all: Vec<Fix> = now.diagnostics.iter().filter_map(|one| trusted(&one.fixes)).collect();
    if let (Some(old), Some(new)) = (base.and_then(|base| base.plan.as_ref()), &now.plan) {
        let found = compat::diff(old, new);
        let findings = found.iter().flat_map(compat::Finding::all);
        all.extend(findings.filter_map(|one| trusted(&mends::fixes(one, now))));
    }
    all
}

/// A file that could not be parsed hides what is behind the first error: mending it may show more.
fn uncovers(compiled: &Compiled) -> bool {
    /// Codes of the stage that reads text.
    const PARSE: std::ops::Range<u16> = 1000..2000;
    compiled.diagnostics.iter().any(|one| PARSE.contains(&one.code.number))
}

fn replaced(sources: &SourceSet, applied: &Applied) -> SourceSet {
    sources.with_texts(|id, file| applied.files.get(&id).unwrap_or(&file.text).clone())
}

/// Path, old and new text of every file that differs.
fn changed(before: &SourceSet, after: &SourceSet) -> Vec<(String, String, String)> {
    let pairs = before.iter().zip(after.iter());
    pairs
        .filter(|((_, old), (_, new))| old.text != new.text)
        .map(|((_, old), (_, new))| (old.path.clone(), old.text.clone(), new.text.clone()))
        .collect()
}
