//! The `schemas` target: JSON Schema, ODCS and dbt sources.

use crate::emit::EmitError;
use crate::plan::Plan;
use crate::tree::OutputTree;

/// Writes `schemas/…`.
///
/// # Errors
/// See [`EmitError`].
pub fn emit(_plan: &Plan, _tree: &mut OutputTree) -> Result<(), EmitError> {
    Ok(())
}
