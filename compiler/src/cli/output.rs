//! Where text goes: results to standard output, everything about the run itself to standard error.

use std::io::{IsTerminal, Write};

use super::Format;
use crate::diagnostic::{Diagnostics, github, human, json, sarif};
use crate::source::SourceSet;

/// Prints a result. A reader that went away (`| head`) is no error.
pub(super) fn result(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a remark about the run.
pub(super) fn remark(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{text}");
}

/// Prints findings: for people to standard error, so that a dump can be piped; for programs to
/// standard output.
pub(super) fn findings(diagnostics: &Diagnostics, sources: &SourceSet, format: Format) {
    match format {
        Format::Human => {
            let text = if std::io::stderr().is_terminal() {
                human::render_coloured(diagnostics, sources)
            } else {
                human::render(diagnostics, sources)
            };
            if !diagnostics.is_empty() {
                remark(text.trim_end_matches('\n'));
                remark(&format!("\n{}", human::summary(diagnostics)));
            }
        }
        Format::Json => result(&json::render(diagnostics, sources)),
        Format::Sarif => result(&sarif::render(diagnostics, sources)),
        Format::Github => result(&github::render(diagnostics, sources)),
    }
}
