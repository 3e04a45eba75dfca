//! What goes wrong in the sandbox: always what, where, and what to do.

use std::fmt;

/// An error of the sandbox. Never holds a password or a row's content.
#[derive(Debug)]
pub struct SandboxError {
    /// The part: `postgres cluster`, `shop`, `verifier`.
    pub place: String,
    /// What happened and why.
    pub what: String,
    /// What a person should do.
    pub advice: String,
}

impl SandboxError {
    /// All three parts.
    pub fn new(
        place: impl Into<String>,
        what: impl fmt::Display,
        advice: impl Into<String>,
    ) -> Self {
        Self { place: place.into(), what: what.to_string(), advice: advice.into() }
    }
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, ". {}", self.advice) }
    }
}

impl std::error::Error for SandboxError {}

/// Result of the sandbox.
pub type Result<T, E = SandboxError> = std::result::Result<T, E>;

/// Attaches place and advice to any error.
pub trait At<T> {
    /// `what` is put before the cause.
    ///
    /// # Errors
    /// The cause, told.
    fn at(self, place: &str, what: impl fmt::Display, advice: &str) -> Result<T>;
}

impl<T, E: std::error::Error> At<T> for std::result::Result<T, E> {
    fn at(self, place: &str, what: impl fmt::Display, advice: &str) -> Result<T> {
        self.map_err(|error| {
            SandboxError::new(place, format!("{what}: {}", causes(&error)), advice)
        })
    }
}

/// An error with all its causes; drivers often hide the reason in the second.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
