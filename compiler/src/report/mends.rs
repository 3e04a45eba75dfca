//! What a program could do about a change, as edits of the new contracts: a finding knows paths, here
//! they become places.

use crate::Compiled;
use crate::compat::{Finding, Mend, MendEdit};
use crate::diagnostic::{Applicability, Fix};
use crate::source::{SourceSet, Span};

/// Every mend of a finding that has a place. Titles as the finding gives them.
pub fn fixes(found: &Finding, new: &Compiled) -> Vec<Fix> {
    found.mends.iter().filter_map(|mend| fix(mend, new)).collect()
}

fn fix(mend: &Mend, new: &Compiled) -> Option<Fix> {
    let trust = if mend.safe { Applicability::Safe } else { Applicability::Unsafe };
    let spans = &new.ast.spans;
    let there = spans.get(&mend.path).map(|spans| spans.value);
    let made = match (&mend.edit, there) {
        (MendEdit::Replace(text), Some(span)) => Fix::replace(trust, "", span, text.as_str()),
        (MendEdit::Replace(_), None) => return None,
        // The map of a whole contract has no span of its own: its last line is the file's.
        (MendEdit::AddEntry(entry), Some(span)) if !mend.path.contains('/') => {
            at_end(trust, &new.sources, span, entry)?
        }
        (MendEdit::AddEntry(entry), Some(span)) => {
            Fix::add_entry(trust, &new.sources, span, entry)?
        }
        (MendEdit::AddItem(item), Some(span)) => add_item(trust, &new.sources, span, item)?,
        (MendEdit::AddEntry(text) | MendEdit::AddItem(text), None) => {
            let (contract, key) = mend.path.split_once('/')?;
            let span = spans.get(contract)?.value;
            let dash = if matches!(mend.edit, MendEdit::AddItem(_)) { "- " } else { "" };
            let section = (!key.contains('/')).then(|| format!("{key}:\n  {dash}{text}"))?;
            at_end(trust, &new.sources, span, &section)?
        }
    };
    Some(Fix { title: mend.title.clone(), ..made })
}

/// Lines behind the last one of the file that a span is in.
fn at_end(trust: Applicability, sources: &SourceSet, inside: Span, lines: &str) -> Option<Fix> {
    let text = &sources.get(inside.file)?.text;
    let at = text.trim_end().len();
    let span = Span { file: inside.file, start: at, end: text.len() };
    Some(Fix::replace(trust, "", span, format!("\n{lines}\n")))
}

/// An item behind the last one of a list, in the list's own style.
fn add_item(trust: Applicability, sources: &SourceSet, list: Span, item: &str) -> Option<Fix> {
    let source = sources.get(list.file)?;
    let text = source.text.get(list.start..list.end)?;
    if text.starts_with('[') {
        let inside = text.strip_suffix(']')?.trim_end();
        let comma = if inside.len() == 1 || inside.ends_with(',') { "" } else { ", " };
        let at = list.start + inside.len();
        let span = Span { file: list.file, start: at, end: at };
        return Some(Fix::replace(trust, "", span, format!("{comma}{item}")));
    }
    let used = text.trim_end();
    text.starts_with('-').then_some(())?;
    let indent = " ".repeat(source.place(list.start).column - 1);
    let at = list.start + used.len();
    let span = Span { file: list.file, start: at, end: at };
    Some(Fix::replace(trust, "", span, format!("\n{indent}- {item}")))
}
