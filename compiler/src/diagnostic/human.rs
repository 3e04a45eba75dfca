//! Findings of one set of contracts as text: the short way to [`crate::report::human`].

use super::{Diagnostics, Severity};
use crate::report::{Command, contracts, human};
use crate::source::SourceSet;

/// Every finding, an empty line between; empty without findings. Without colours.
pub fn render(diagnostics: &Diagnostics, sources: &SourceSet) -> String {
    let report = contracts::report(Command::Check, diagnostics, sources);
    human::render(&report, Severity::Info, false)
}
