//! Waivers: findings about a change that somebody accepts, for a reason and until a day.
//!
//! They stand in `waivers.yaml` among the contracts, so that they are reviewed like them and every
//! version of the contracts has its own. A waiver names a finding by its fingerprint, which stays when
//! lines move and files are renamed. Waivers that accept nothing, or whose day has passed, are findings
//! themselves; a finding about personal data needs a waiver that was there before the change.
//!
//! Deliberately absent: clocks (the day comes from the command line), files.

mod stub;

use jiff::civil::Date;
pub use stub::{Stub, StubError, add};

use crate::Compiled;
use crate::ast::WaiverDecl;
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::report::{Command, Entry, Report, Side, Waived, contracts};
use crate::source::{FileId, Span};

/// Name of the file that `covenant waive` writes; waivers are read from whatever file declares them.
pub const FILE: &str = "waivers.yaml";
/// Codes of findings about personal data begin so.
const PERSONAL: &str = "DCP";

/// Marks the findings that waivers accept, and adds what is wrong with waivers.
pub fn apply(mut report: Report, old: &Compiled, new: &Compiled, today: Date) -> Report {
    let mut found = Vec::new();
    for (at, waiver) in new.ast.waivers.iter().enumerate() {
        let waived = report
            .findings
            .iter_mut()
            .find(|entry| entry.ceiling.is_some() && entry.fingerprint == waiver.fingerprint);
        found.extend(judge(at, waiver, waived, old, new, today));
    }
    let about = Diagnostics::new(found);
    let command = report.command;
    let more = contracts::on_side(Command::Diff, Side::New, &about, &new.sources);
    report = report.join(more);
    report.command = command;
    report
}

fn judge(
    at: usize,
    waiver: &WaiverDecl,
    entry: Option<&mut Entry>,
    old: &Compiled,
    new: &Compiled,
    today: Date,
) -> Option<Diagnostic> {
    let was_there = old.ast.waivers.iter().any(|one| one.fingerprint == waiver.fingerprint);
    if waiver.expires < today {
        let what = entry.map_or("", |_| ", and what it accepted counts again");
        let headline = format!(
            "the waiver of {} {} ended on {}{what}",
            waiver.code, waiver.fingerprint, waiver.expires
        );
        return Some(
            Diagnostic::new(&codes::WAIVER_EXPIRED, span(new, at, "expires"), headline)
                .why(format!("accepted by {}: {}", waiver.owner, waiver.reason))
                .help("mend what it accepted, or let its owner decide anew; then remove it"),
        );
    }
    let Some(entry) = entry.filter(|entry| entry.code == waiver.code) else {
        return unused(at, waiver, was_there, new);
    };
    if waiver.code.starts_with(PERSONAL) && !was_there {
        let headline = format!("{} cannot be waived by the change that causes it", waiver.code);
        return Some(
            Diagnostic::new(&codes::WAIVER_OF_ITSELF, span(new, at, "fingerprint"), headline)
                .why("personal data is exposed by one decision and accepted by another, reviewed apart")
                .help("land the waiver alone first; then make the change"),
        );
    }
    entry.waived = Some(Waived {
        reason: waiver.reason.clone(),
        owner: waiver.owner.clone(),
        expires: waiver.expires.to_string(),
    });
    None
}

fn unused(at: usize, waiver: &WaiverDecl, was_there: bool, new: &Compiled) -> Option<Diagnostic> {
    // Landed alone, ahead of its change, as it must be.
    if waiver.code.starts_with(PERSONAL) && !was_there {
        return None;
    }
    let headline = format!("the waiver of {} {} accepts nothing", waiver.code, waiver.fingerprint);
    Some(
        Diagnostic::new(&codes::WAIVER_UNUSED, span(new, at, "fingerprint"), headline)
            .why("no finding has this fingerprint and code: the change was mended, released, or never made")
            .help("remove it"),
    )
}

fn span(new: &Compiled, at: usize, key: &str) -> Span {
    let path = format!("{}/{}/{at}/{key}", crate::parse::WAIVERS, crate::parse::WAIVERS);
    new.ast.spans.value(&path).unwrap_or(Span::file_start(FileId::FIRST))
}
