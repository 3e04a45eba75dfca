//! What cannot be read, as a finding with a place.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, codes};
use crate::driver::DriverError;
use crate::source::{FileId, SourceSet, Span};

/// One finding, and the file that it points into.
pub(super) fn finding(error: &DriverError) -> (Diagnostics, SourceSet) {
    let (code, text, at): (&'static Code, &str, usize) = match error {
        DriverError::Io { .. } | DriverError::TooMany(_) => (&codes::UNREADABLE, "", 0),
        DriverError::NoContracts(_) | DriverError::NoCases(_) => (&codes::NO_CONTRACTS, "", 0),
        DriverError::NoBase { .. } => (&codes::UNKNOWN_BASE, "", 0),
        DriverError::NotText { readable, at, .. } => (&codes::NOT_TEXT, readable, *at),
    };
    let path = error.path().to_string_lossy().into_owned();
    let sources = SourceSet::new([(path, text.to_owned())]);
    let file = sources.iter().next().map(|(id, _)| id).unwrap_or(FileId::FIRST);
    let mut found = Diagnostic::new(code, Span { file, start: at, end: at }, error.to_string());
    if let DriverError::NoBase { near, .. } = error {
        found = match near {
            Some(near) => found.help(format!("did you mean `{near}`?")),
            None => found.help("give `git:<revision>`, a folder of contracts, or `released`"),
        };
    }
    (Diagnostics::new(vec![found]), sources)
}
