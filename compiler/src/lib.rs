//! The contract compiler: `contracts/*.yaml` in, everything that moves the data out.
//!
//! ```text
//! contracts/*.yaml -SourceSet-> parse -Ast-> resolve -Ir-> check -Checked<Ir>-> plan -Plan-> emit -OutputTree-> driver -> generated/
//! (old Checked<Ir>, new Checked<Ir>) -> compat -> findings
//! ```
//!
//! Pure: no IO but in `driver` and `cli`. Every stage reports everything it can in one run.

pub mod ast;
pub mod check;
pub mod cli;
pub mod compat;
pub mod diagnostic;
pub mod driver;
pub mod emit;
pub mod ir;
pub mod migrate;
pub mod parse;
pub mod physical;
pub mod plan;
pub mod report;
pub mod resolve;
pub mod source;
pub mod tree;
pub mod waiver;
pub mod witness;

use check::Checked;
use diagnostic::{Diagnostic, Diagnostics, Sink, codes};
use emit::EmitError;
use ir::Ir;
use plan::Plan;
use source::{FileId, SourceSet, Span};
use tree::OutputTree;

/// A bug of the compiler, never of a contract: asks for a report, ends with exit code 3.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "internal error: {0}. This is a bug of the compiler: please report it with the contracts at hand"
)]
pub struct InternalError(pub String);

/// What became of a set of contracts: as far as it went, and everything there is to say about it.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The files.
    pub sources: SourceSet,
    /// As written.
    pub ast: ast::Ast,
    /// Without errors only. Its [`parse::SpanMap`] says where everything stands.
    pub checked: Option<Checked<Ir>>,
    /// Without errors only.
    pub plan: Option<Plan>,
    /// Warnings too.
    pub diagnostics: Diagnostics,
}

/// Runs every stage up to the plan.
pub fn compile(sources: SourceSet) -> Compiled {
    let sink = Sink::default();
    let ast = parse::parse(&sources, &sink);
    let ir = resolve::resolve(&ast, &sources, &sink);
    let checked = check::check(ir, &sink);
    let plan = checked.as_ref().and_then(|checked| plan::plan(checked, &sink));
    let diagnostics = diagnostic::mend::attach(sink.finish(), &sources, &ast.spans);
    Compiled { sources, ast, checked, plan, diagnostics }
}

/// Runs every stage: what was compiled, and the generated files where there are no errors.
///
/// # Errors
/// A bug of an emitter.
pub fn generate(sources: SourceSet) -> Result<(Compiled, Option<OutputTree>), InternalError> {
    let mut compiled = compile(sources);
    let Some(plan) = &compiled.plan else { return Ok((compiled, None)) };
    match emit::emit_all(plan) {
        Ok(tree) => Ok((compiled, Some(tree))),
        Err(EmitError::Inexpressible { target, what, why }) => {
            let finding = Diagnostic::new(
                &codes::INEXPRESSIBLE,
                place_of(&compiled, &what),
                format!("target {target} cannot express {what}"),
            );
            let all = compiled.diagnostics.iter().cloned().chain([finding.why(why)]);
            compiled.diagnostics = Diagnostics::new(all.collect());
            Ok((compiled, None))
        }
        Err(error @ (EmitError::PathTaken { .. } | EmitError::Render { .. })) => {
            Err(InternalError(error.to_string()))
        }
    }
}

/// Where `sales.order.total` is declared: the field, the key of the contract, or the contract.
fn place_of(compiled: &Compiled, what: &str) -> Span {
    let nowhere = Span::file_start(FileId::FIRST);
    let Some(checked) = &compiled.checked else { return nowhere };
    let spans = &checked.get().spans;
    let (area, rest) = what.split_once('.').unwrap_or((what, ""));
    let (name, member) = rest.split_once('.').unwrap_or((rest, ""));
    let dataset = format!("{area}.{name}");
    let paths = [format!("{dataset}/fields/{member}"), format!("{dataset}/{member}"), dataset];
    paths.iter().find_map(|path| spans.get(path)).map(|found| found.key).unwrap_or(nowhere)
}
