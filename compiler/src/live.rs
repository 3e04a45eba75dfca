//! What was found in a live database, at the line of the contract that it contradicts. Pure: who asks the database is
//! [`crate::cli`].

use covenant_model::finding::Severity as Found;
use covenant_postgres::catalogue::judge::{Judged, Subject};

use crate::diagnostic::{Code, Diagnostic, Severity, codes};
use crate::parse::{PROJECT, SpanMap};
use crate::source::{FileId, Span};

/// Whose table a finding is about.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// `sales.order`
    pub entity: &'a str,
    /// Name of the source.
    pub source: &'a str,
}

/// The finding at its line: of the contract that reads the table, or of the system in the project.
pub fn diagnostic(
    spans: &SpanMap,
    system: &str,
    reader: Option<Reader<'_>>,
    judged: &Judged,
) -> Diagnostic {
    let settings = |key: &str| format!("{PROJECT}/systems/{system}/{key}");
    let of_reader = |below: &str| match reader {
        Some(Reader { entity, source }) => match below {
            "" => format!("{entity}/sources/{source}/table"),
            "key" => format!("{entity}/key"),
            field => format!("{entity}/fields/{field}"),
        },
        None => settings("kind"),
    };
    let (code, path): (&'static Code, String) = match &judged.subject {
        Subject::System => (&codes::LIVE_SYSTEM, settings("kind")),
        Subject::Publication => (&codes::LIVE_PUBLICATION, settings("publication")),
        Subject::Role => (&codes::LIVE_ROLE, settings("publication")),
        Subject::Table => (&codes::LIVE_TABLE, of_reader("")),
        Subject::Outbox(stream) => {
            (&codes::LIVE_TABLE, format!("{PROJECT}/systems/{stream}/outbox/table"))
        }
        Subject::Key => (&codes::LIVE_KEY, of_reader("key")),
        Subject::Field(field) => (&codes::LIVE_COLUMN, of_reader(field)),
    };
    let finding = &judged.finding;
    let span = match judged.subject {
        Subject::Field(_) => spans.key(&path),
        Subject::System
        | Subject::Publication
        | Subject::Role
        | Subject::Table
        | Subject::Outbox(_)
        | Subject::Key => spans.value(&path),
    };
    let span = span.unwrap_or(Span::file_start(FileId::FIRST));
    let mut found = Diagnostic::new(code, span, format!("{}: {}", finding.place, finding.what))
        .why(finding.why.clone())
        .help(finding.advice.clone());
    found.severity = match finding.severity {
        Found::Error => Severity::Error,
        Found::Warning => Severity::Warning,
        Found::Note => Severity::Info,
    };
    found
}
