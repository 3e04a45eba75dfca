//! `covenant dump`: what the compiler made of the contracts.

use super::commands::{compiled, findings};
use super::output::{internal, remark, result, unreadable};
use super::{Context, Outcome, Stage};
use crate::{Compiled, InternalError, compile, driver};

pub(super) fn dump(context: &Context, stage: Stage, json: bool) -> Outcome {
    if stage == Stage::Ast {
        return dump_ast(context, json);
    }
    compiled(context, |compiled, plan| {
        let text = match (stage, json) {
            (Stage::Plan, false) => Ok(crate::plan::show::show(plan)),
            (Stage::Plan, true) => serde_json::to_string_pretty(plan),
            (Stage::Ir, json) => shown(compiled, json),
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

/// The IR of contracts that hold together. It becomes the plan, so it is made once more.
fn shown(compiled: &Compiled, json: bool) -> Result<String, serde_json::Error> {
    let sink = crate::diagnostic::Sink::default();
    let Some(checked) = crate::checked(&compiled.sources, &compiled.ast, &sink) else {
        return Ok(String::new());
    };
    let ir = checked.get();
    if !json {
        return Ok(format!("{ir:#?}"));
    }
    serde_json::to_string_pretty(&serde_json::json!({
        "project": ir.project,
        "entities": ir.entities.iter().map(|one| &one.spec).collect::<Vec<_>>(),
        "models": ir.models.iter().map(|one| &one.spec).collect::<Vec<_>>(),
    }))
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
    if compiled.diagnostics.is_empty() { Outcome::Fine } else { findings(context, &compiled) }
}
