//! Faults on demand: what in-memory systems ask before they do anything, so that a simulation can let every call fail in
//! every way that a network allows.

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    None,
    /// Nothing was done, and the caller is told so.
    Refused,
    /// Everything was done, but the caller hears only of a failure.
    ReplyLost,
}

/// Decides over every call. Implementations are seeded: the same seed gives the same faults.
pub trait Faults: Send + Sync {
    /// The fault of this call; `operation` names the system and the method, as in `crm.upsert`.
    fn at(&self, operation: &str) -> Fault;

    /// Whether this row of a call is refused for a while (a lock, a transient error).
    fn row(&self, _operation: &str, _row: &str) -> bool {
        false
    }
}

/// No faults.
pub struct NoFaults;

impl Faults for NoFaults {
    fn at(&self, _operation: &str) -> Fault {
        Fault::None
    }
}
