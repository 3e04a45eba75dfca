//! What each command does.

use std::path::{Path, PathBuf};

use super::output::{findings, remark, result};
use super::{Format, Outcome, Stage};
use crate::diagnostic::explain::wrap;
use crate::diagnostic::{Diagnostic, Diagnostics, codes, nearest};
use crate::driver::{self, DriverError};
use crate::plan::Plan;
use crate::source::{SourceSet, Span};
use crate::tree::OutputTree;
use crate::{Compiled, InternalError, compat, compile};

/// What every command on contracts needs.
pub(super) struct Context {
    pub(super) contracts: PathBuf,
    pub(super) format: Format,
}

/// A finding about a file that is no contract.
fn about_file(code: &'static codes::Code, path: &Path, headline: &str) -> (Diagnostic, SourceSet) {
    let sources = SourceSet::new([(path.to_string_lossy().into_owned(), String::new())]);
    let at = sources.iter().next().map(|(id, _)| Span::file_start(id));
    let at = at.unwrap_or(Span::file_start(crate::source::FileId::FIRST));
    (Diagnostic::new(code, at, headline), sources)
}

pub(super) fn unreadable(context: &Context, error: &DriverError) -> Outcome {
    let code = match error {
        DriverError::Io { .. } | DriverError::TooMany(_) => &codes::UNREADABLE,
        DriverError::NoContracts(_) => &codes::NO_CONTRACTS,
    };
    let (finding, sources) = about_file(code, error.path(), &error.to_string());
    findings(&Diagnostics::new(vec![finding]), &sources, context.format);
    Outcome::Unreadable
}

/// Compiles, prints the findings, and goes on with what came out, if anything did.
fn compiled(context: &Context, then: impl FnOnce(&Compiled, &Plan) -> Outcome) -> Outcome {
    let compiled = match driver::read_contracts(&context.contracts) {
        Ok(sources) => compile(sources),
        Err(error) => return unreadable(context, &error),
    };
    findings(&compiled.diagnostics, &compiled.sources, context.format);
    match &compiled.plan {
        Some(plan) => then(&compiled, plan),
        None if compiled.diagnostics.has_errors() => Outcome::Findings,
        None => internal(&InternalError("no plan, and no error either".to_owned())),
    }
}

pub(super) fn internal(error: &InternalError) -> Outcome {
    remark(&error.to_string());
    Outcome::Internal
}

/// Runs every stage. Findings are not printed yet where there are files.
fn generated(context: &Context) -> Result<(Compiled, OutputTree), Outcome> {
    let sources =
        driver::read_contracts(&context.contracts).map_err(|error| unreadable(context, &error))?;
    let (compiled, tree) = crate::generate(sources).map_err(|error| internal(&error))?;
    match tree {
        Some(tree) => Ok((compiled, tree)),
        None => {
            findings(&compiled.diagnostics, &compiled.sources, context.format);
            if compiled.diagnostics.has_errors() {
                Err(Outcome::Findings)
            } else {
                Err(internal(&InternalError("no files, and no error either".to_owned())))
            }
        }
    }
}

pub(super) fn check(context: &Context) -> Outcome {
    let compiled = match generated(context) {
        Ok((compiled, _)) => compiled,
        Err(outcome) => return outcome,
    };
    findings(&compiled.diagnostics, &compiled.sources, context.format);
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
    Outcome::Fine
}

pub(super) fn build(context: &Context, out: &Path, check: bool) -> Outcome {
    let (compiled, tree) = match generated(context) {
        Ok(both) => both,
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
    findings(&compiled.diagnostics, &compiled.sources, context.format);
    if check {
        return Outcome::Fine;
    }
    if let Err(error) = driver::write(out, &tree, &changes) {
        return unreadable(context, &error);
    }
    if context.format == Format::Human {
        remark(&format!(
            "{} files: {} written, {} removed, the others as they were",
            tree.iter().count(),
            changes.write.len(),
            changes.remove.len()
        ));
    }
    Outcome::Fine
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
    if context.format == Format::Human {
        for one in &all {
            remark(&format!("error[{}]: {}", one.code, one.headline));
        }
        remark("\nrun `covenant build` and commit the result");
    } else {
        findings(&Diagnostics::new(all), &sources, context.format);
    }
    Outcome::Findings
}

pub(super) fn explain(code: Option<&str>) -> Outcome {
    let Some(name) = code else {
        for code in codes::all() {
            result(&format!("{code}  {}\n", code.title));
        }
        for rule in compat::RULES {
            result(&format!("{}  {}\n", rule.code, rule.slug.replace('-', " ")));
        }
        return Outcome::Fine;
    };
    if let Some(rule) = compat::rule(name) {
        let paragraphs: Vec<String> = rule.explain.split("\n\n").map(wrap).collect();
        result(&format!("{}: {}\n\n{}\n", rule.code, rule.slug, paragraphs.join("\n\n")));
        return Outcome::Fine;
    }
    match codes::find(name) {
        Some(code) => {
            let severity = serde_json::to_string(&code.severity).unwrap_or_default();
            result(&format!(
                "{code}: {} ({})\n\n{}\n",
                code.title,
                severity.trim_matches('"'),
                wrap(code.explain)
            ));
            Outcome::Fine
        }
        None => {
            let rules = compat::RULES.iter().map(|rule| rule.code.to_owned());
            let known: Vec<String> = codes::all().map(ToString::to_string).chain(rules).collect();
            let near = nearest(name, known.iter().map(String::as_str));
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            remark(&format!(
                "error: there is no code `{name}`{near} (`covenant explain` lists them all)"
            ));
            Outcome::Unreadable
        }
    }
}

pub(super) fn dump(context: &Context, stage: Stage, json: bool) -> Outcome {
    if stage == Stage::Ast {
        return dump_ast(context, json);
    }
    compiled(context, |compiled, plan| {
        let text = match (stage, json) {
            (Stage::Plan, false) => Ok(crate::plan::show::show(plan)),
            (Stage::Plan, true) => serde_json::to_string_pretty(plan),
            (Stage::Ir, true) => match &compiled.checked {
                Some(checked) => {
                    let ir = checked.get();
                    serde_json::to_string_pretty(&serde_json::json!({
                        "project": ir.project,
                        "entities": ir.entities.iter().map(|one| &one.spec).collect::<Vec<_>>(),
                        "models": ir.models.iter().map(|one| &one.spec).collect::<Vec<_>>(),
                    }))
                }
                None => Ok(String::new()),
            },
            (Stage::Ir, false) => Ok(compiled
                .checked
                .as_ref()
                .map(|checked| format!("{:#?}", checked.get()))
                .unwrap_or_default()),
            (Stage::Ast, _) => Ok(format!("{:#?}", compiled.ast)),
        };
        match text {
            Ok(text) => {
                result(&format!("{}\n", text.trim_end_matches('\n')));
                Outcome::Fine
            }
            Err(error) => internal(&InternalError(format!("the plan is no JSON: {error}"))),
        }
    })
}

/// What was read is worth seeing even where it does not hold together.
fn dump_ast(context: &Context, json: bool) -> Outcome {
    if json {
        remark("error: what was written is not shown as JSON; take `--stage ir` or `--stage plan`");
        return Outcome::Unreadable;
    }
    let compiled = match driver::read_contracts(&context.contracts) {
        Ok(sources) => compile(sources),
        Err(error) => return unreadable(context, &error),
    };
    result(&format!("{:#?}\n", compiled.ast));
    findings(&compiled.diagnostics, &compiled.sources, context.format);
    if compiled.diagnostics.has_errors() { Outcome::Findings } else { Outcome::Fine }
}
