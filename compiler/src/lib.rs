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
pub mod parse;
pub mod plan;
pub mod resolve;
pub mod source;
pub mod tree;

use check::Checked;
use diagnostic::{Diagnostics, Sink};
use ir::Ir;
use plan::Plan;
use source::SourceSet;

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
    Compiled { sources, ast, checked, plan, diagnostics: sink.finish() }
}
