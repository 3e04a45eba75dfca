//! Findings about contracts as they stand.

use super::place::{Side, Sources};
use super::{Command, Edit, Entry, Fix, Label, Report, fingerprint};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::source::SourceSet;

/// Everything that was found about one set of contracts.
pub fn report(command: Command, found: &Diagnostics, sources: &SourceSet) -> Report {
    on_side(command, Side::New, found, sources)
}

/// The same for contracts of another version.
pub fn on_side(command: Command, side: Side, found: &Diagnostics, sources: &SourceSet) -> Report {
    let mut kept = Sources::default();
    let mut entries: Vec<Entry> = Vec::new();
    for diagnostic in found.iter() {
        let mut entry = entry(side, diagnostic, sources, &mut kept);
        let alike = |one: &&Entry| (&one.code, &one.headline) == (&entry.code, &entry.headline);
        let same = entries.iter().filter(alike).count();
        if same > 0 {
            entry.fingerprint = fingerprint(&[&entry.fingerprint, &same.to_string()]);
        }
        entries.push(entry);
    }
    let secret = codes::SECRET.to_string();
    for entry in entries.iter().filter(|entry| entry.code == secret) {
        kept.hide(&entry.place);
    }
    Report::new(command, None, entries, kept)
}

fn entry(side: Side, found: &Diagnostic, set: &SourceSet, kept: &mut Sources) -> Entry {
    let place = kept.place(side, set, found.span);
    let code = found.code.to_string();
    let mut entry = Entry::new(
        code,
        found.code.title.to_owned(),
        found.severity,
        found.headline.clone(),
        place,
    );
    entry.at = found.at.clone();
    for label in &found.labels {
        let place = Some(kept.place(side, set, label.span));
        entry.labels.push(Label { text: label.text.clone(), place });
    }
    entry.why = found.why.clone();
    entry.help = found.help.clone();
    entry.fixes = found.fixes.iter().map(|fix| self::fix(side, fix, set, kept)).collect();
    entry.fingerprint = fingerprint(&[&entry.code, &entry.headline]);
    entry
}

/// A fix with its places looked up.
pub(super) fn fix(
    side: Side,
    fix: &crate::diagnostic::Fix,
    set: &SourceSet,
    kept: &mut Sources,
) -> Fix {
    let edits = fix
        .edits
        .iter()
        .map(|edit| Edit { place: kept.place(side, set, edit.span), text: edit.text.clone() });
    Fix { title: fix.title.clone(), applicability: fix.applicability, edits: edits.collect() }
}
