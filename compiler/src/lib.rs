//! The contract compiler: `contracts/*.yaml` in, everything that moves the data out.
//!
//! ```text
//! contracts/*.yaml -SourceSet-> parse -Ast-> resolve -Ir-> check -Checked<Ir>-> plan -Plan-> emit -OutputTree-> driver -> generated/
//! (old Checked<Ir>, new Checked<Ir>) -> compat -> findings
//! ```
//!
//! Pure: no IO but in `driver` and `cli`. Every stage reports everything it can in one run.

pub mod ast;
pub mod capacity;
pub mod cases;
pub mod check;
pub mod cli;
pub mod compat;
pub mod describe;
pub mod diagnostic;
pub mod driver;
pub mod emit;
pub mod interop;
pub mod ir;
pub mod lineage;
pub mod live;
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
    /// As written; its [`parse::SpanMap`] says where everything stands.
    pub ast: ast::Ast,
    /// Without errors only.
    pub plan: Option<Plan>,
    /// Warnings too.
    pub diagnostics: Diagnostics,
}

/// Runs every stage up to the plan.
pub fn compile(sources: SourceSet) -> Compiled {
    compiled(sources, None, plan::Hashes::All)
}

/// The same, to be compared and not to be generated from: contracts that `known` has in the same words are not parsed again,
/// and no entity has the hash of its contract.
pub fn compile_compared(sources: SourceSet, known: Option<&Compiled>) -> Compiled {
    compiled(sources, known, plan::Hashes::Left)
}

fn compiled(sources: SourceSet, known: Option<&Compiled>, hashes: plan::Hashes) -> Compiled {
    let sink = Sink::default();
    let known = known.map(|one| parse::Known::new(&one.sources, &one.ast, &one.diagnostics));
    let ast = parse::parse(&sources, known.as_ref(), &sink);
    let checked = checked(&sources, &ast, &sink);
    let plan = checked.and_then(|checked| plan::plan(checked, hashes, &sink));
    let diagnostics = diagnostic::mend::attach(sink.finish(), &sources, &ast.spans);
    Compiled { sources, ast, plan, diagnostics }
}

/// What was parsed with names looked up, where it holds together.
pub fn checked(sources: &SourceSet, ast: &ast::Ast, sink: &Sink) -> Option<Checked<Ir>> {
    check::check(resolve::resolve(ast, sources, sink), sink)
}

/// Runs every stage up to the plan, and asks every target whether it can express it. Nothing is generated.
///
/// # Errors
/// A bug of an emitter.
pub fn check(sources: SourceSet) -> Result<Compiled, InternalError> {
    let mut compiled = compile(sources);
    let refused = compiled.plan.as_ref().map(emit::refused).unwrap_or_default();
    refuse(&mut compiled, refused)?;
    Ok(compiled)
}

/// Runs every stage: what was compiled, and the generated files where there are no errors.
///
/// # Errors
/// A bug of an emitter.
pub fn generate(sources: SourceSet) -> Result<(Compiled, Option<OutputTree>), InternalError> {
    let mut compiled = check(sources)?;
    let Some(plan) = &compiled.plan else { return Ok((compiled, None)) };
    match emit::emit_all(plan) {
        Ok(tree) => Ok((compiled, Some(tree))),
        Err(error) => {
            refuse(&mut compiled, vec![error])?;
            Ok((compiled, None))
        }
    }
}

/// Findings about what a target cannot express; with any of them there is no plan.
fn refuse(compiled: &mut Compiled, refused: Vec<EmitError>) -> Result<(), InternalError> {
    if refused.is_empty() {
        return Ok(());
    }
    let mut all: Vec<Diagnostic> = compiled.diagnostics.iter().cloned().collect();
    for error in refused {
        match error {
            EmitError::Inexpressible { target, what, why } => {
                let place = place_of(compiled, &what);
                let headline = format!("target {target} cannot express {what}");
                all.push(Diagnostic::new(&codes::INEXPRESSIBLE, place, headline).why(why));
            }
            EmitError::PathTaken { .. } | EmitError::Render { .. } => {
                return Err(InternalError(error.to_string()));
            }
        }
    }
    compiled.diagnostics = Diagnostics::new(all);
    compiled.plan = None;
    Ok(())
}

/// Where `sales.order.total` is declared: the field, the key of the contract, or the contract.
fn place_of(compiled: &Compiled, what: &str) -> Span {
    let nowhere = Span::file_start(FileId::FIRST);
    let spans = &compiled.ast.spans;
    let (area, rest) = what.split_once('.').unwrap_or((what, ""));
    let (name, member) = rest.split_once('.').unwrap_or((rest, ""));
    let dataset = format!("{area}.{name}");
    let paths = [format!("{dataset}/fields/{member}"), format!("{dataset}/{member}"), dataset];
    paths.iter().find_map(|path| spans.get(path)).map(|found| found.key).unwrap_or(nowhere)
}
