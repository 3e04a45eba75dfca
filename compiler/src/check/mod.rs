//! Does what was resolved make sense? One problem, one file. Only this stage makes a [`Checked`] value, and only without
//! errors: planning and emitting cannot be reached by contracts that do not hold together.

use crate::diagnostic::Sink;
use crate::ir::Ir;

/// Holds together. Cannot be made elsewhere, cannot be changed.
#[derive(Clone, Debug)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    /// What was checked.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// Runs every check. `None` where this or an earlier stage reported an error.
pub fn check(ir: Ir, sink: &Sink) -> Option<Checked<Ir>> {
    if sink.has_errors() { None } else { Some(Checked(ir)) }
}
