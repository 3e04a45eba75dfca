//! One error type of the runtime, and the one function that decides what to do about it.

use std::fmt;
use std::time::Duration;

/// What kind of thing went wrong. Decides the reaction; carries no values of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A system cannot be reached or is overloaded; it may heal.
    Unavailable,
    /// A system refused our credentials.
    Credentials,
    /// Somebody else holds the role (slot, fence, landing number).
    Fenced,
    /// The source's log no longer continues where landing ends.
    Gap,
    /// A system's schema is not what the contract says.
    SchemaMismatch,
    /// Configuration is missing or contradictory.
    Config,
    /// Stored data is not what was written (digest, torn file).
    Corrupt,
    /// A rate limit or budget; carries its own time in [`RuntimeError::retry_after`].
    Throttled,
    /// The other side rejected the request itself; repeating it will not help.
    Rejected,
    /// The disk is full or not writable.
    Storage,
    /// An invariant of ours is broken: a bug.
    Bug,
}

/// What the supervisor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The lane tries again after a backoff with jitter.
    Retry,
    /// The lane tries again after this time.
    RetryAfter(Duration),
    /// The lane stops in a named state; other lanes go on; a human is told.
    Park,
    /// The process stops: another instance has taken over, or going on could lose data.
    Stop,
}

/// What went wrong, where, why, and what to do.
#[derive(Debug)]
pub struct RuntimeError {
    /// The kind.
    pub kind: ErrorKind,
    /// The system or part: `postgres store`, `salesforce`, `landing`.
    pub place: String,
    /// What happened and why.
    pub what: String,
    /// What a person should do.
    pub advice: String,
    /// Under [`ErrorKind::Throttled`]: when to come back.
    pub retry_after: Option<Duration>,
}

impl RuntimeError {
    /// All four parts.
    pub fn new(
        kind: ErrorKind,
        place: impl Into<String>,
        what: impl fmt::Display,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            place: place.into(),
            what: what.to_string(),
            advice: advice.into(),
            retry_after: None,
        }
    }

    /// Where one decides: what the supervisor does about it.
    pub fn reaction(&self) -> Reaction {
        match self.kind {
            ErrorKind::Unavailable | ErrorKind::Storage => Reaction::Retry,
            ErrorKind::Throttled => self.retry_after.map_or(Reaction::Retry, Reaction::RetryAfter),
            ErrorKind::Credentials
            | ErrorKind::Gap
            | ErrorKind::SchemaMismatch
            | ErrorKind::Rejected
            | ErrorKind::Corrupt => Reaction::Park,
            ErrorKind::Fenced | ErrorKind::Config | ErrorKind::Bug => Reaction::Stop,
        }
    }
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. {}", self.place, self.what, self.advice)
    }
}

impl std::error::Error for RuntimeError {}

/// Result of everything that touches a system.
pub type Result<T, E = RuntimeError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ErrorKind; 11] = [
        ErrorKind::Unavailable,
        ErrorKind::Credentials,
        ErrorKind::Fenced,
        ErrorKind::Gap,
        ErrorKind::SchemaMismatch,
        ErrorKind::Config,
        ErrorKind::Corrupt,
        ErrorKind::Throttled,
        ErrorKind::Rejected,
        ErrorKind::Storage,
        ErrorKind::Bug,
    ];

    /// Logs and `covenant_lane_failures_total` name a failure by its kind: whoever reads it there finds what to do.
    #[test]
    fn every_kind_is_on_the_page_of_operations_with_its_reaction() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
        let page = std::fs::read_to_string(path).unwrap();
        for kind in ALL {
            let start = format!("| `{kind:?}` | ");
            let row = page.lines().find(|line| line.starts_with(&start));
            let row = row.unwrap_or_else(|| panic!("no row for `{kind:?}`"));
            let reaction = match RuntimeError::new(kind, "", "", "").reaction() {
                Reaction::Retry | Reaction::RetryAfter(_) => "tries again",
                Reaction::Park => "parks",
                Reaction::Stop => "stops",
            };
            let told = row[start.len()..].split(" | ").next().unwrap();
            assert!(told.starts_with(reaction), "`{kind:?}` {reaction}, the page says: {told}");
        }
    }
}
