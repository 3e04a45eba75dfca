//! Targets: from the plan to generated files. One folder each; every target reads the same [`Plan`] and writes into
//! one [`OutputTree`]. Pure and byte-stable: same plan, same files.
//!
//! Paths are relative to the output folder (`generated/`): `rust/…`, `schemas/…`, `duckdb/…`.

pub mod docs;
pub mod duckdb;
mod json;
pub mod orchestration;
pub mod postgres;
pub mod rust;
pub mod salesforce;
pub mod schemas;
pub mod snowflake;
pub(crate) mod sql;
mod template;
mod words;

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::plan::Plan;
use crate::tree::OutputTree;

/// Why nothing was generated. Every variant is a bug of the compiler or a plan that `check` should have refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// Two targets, or one target twice, wrote one path.
    #[error(
        "{path} was generated twice; two targets must not share a path: report this as a bug of covenant"
    )]
    PathTaken {
        /// Relative to the output folder.
        path: String,
    },
    /// A target cannot express something in the plan.
    #[error("target {target} cannot express {what}: {why}")]
    Inexpressible {
        /// `rust`, `duckdb`, …
        target: &'static str,
        /// The thing, by its name in the contract (`sales.order.total`).
        what: String,
        /// Why, and what to do.
        why: String,
    },
    /// A template or a serializer failed.
    #[error("target {target} could not render {path}: {why}")]
    Render {
        /// `rust`, `duckdb`, …
        target: &'static str,
        /// Relative to the output folder.
        path: String,
        /// What the renderer said.
        why: String,
    },
}

/// Adds a file to the tree.
///
/// # Errors
/// [`EmitError::PathTaken`] where another emitter wrote the path.
pub fn add(tree: &mut OutputTree, path: &str, text: impl Into<String>) -> Result<(), EmitError> {
    if tree.add(path, text) { Ok(()) } else { Err(EmitError::PathTaken { path: path.to_owned() }) }
}

/// Everything in the plan that a target cannot express, without rendering anything: what a check needs to know, at a
/// hundredth of what generating costs. [`emit_all`] refuses nothing else.
pub fn refused(plan: &Plan) -> Vec<EmitError> {
    let mut all = rust::refused(plan);
    all.extend(salesforce::refused(plan));
    all.extend(sql::refused(plan, sql::Dialect::DuckDb, duckdb::TARGET));
    all.extend(sql::refused(plan, sql::Dialect::Snowflake, snowflake::TARGET));
    all
}

/// Generates every target.
///
/// # Errors
/// The first failure; nothing must then be written.
pub fn emit_all(plan: &Plan) -> Result<OutputTree, EmitError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<OutputTree>, EmitError> {
        let mut done = Vec::new();
        while let Some(group) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut tree = OutputTree::default();
            group.iter().try_for_each(|emit| emit(plan, &mut tree))?;
            done.push(tree);
        }
        Ok(done)
    };
    let (there, here) = std::thread::scope(|scope| {
        let there = scope.spawn(work);
        let here = work();
        (there.join(), here)
    });
    let there = there.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let mut tree = OutputTree::default();
    for (path, text) in here?.into_iter().chain(there).flat_map(OutputTree::into_files) {
        add(&mut tree, &path, text)?;
    }
    Ok(tree)
}

type Target = fn(&Plan, &mut OutputTree) -> Result<(), EmitError>;

/// Groups of targets that need nothing of each other; those that take longest first, so that two threads end together. The
/// manifest names the files that the runtime executes by their hashes: it stands behind the target that makes them.
const TARGETS: [&[Target]; 7] = [
    &[rust::emit],
    &[duckdb::emit, orchestration::emit],
    &[snowflake::emit],
    &[schemas::emit],
    &[salesforce::emit],
    &[docs::emit],
    &[postgres::emit],
];
