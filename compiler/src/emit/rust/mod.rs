//! The `rust` target: the crate `acme-pipeline` with the typed records, decoders and validators of every entity.

use crate::emit::EmitError;
use crate::plan::Plan;
use crate::tree::OutputTree;

/// Writes `rust/…`.
///
/// # Errors
/// See [`EmitError`].
pub fn emit(_plan: &Plan, _tree: &mut OutputTree) -> Result<(), EmitError> {
    Ok(())
}
