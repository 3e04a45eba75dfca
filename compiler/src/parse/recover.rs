//! Reading on behind a mistake, so that one mistake is one finding: a misspelled section is read as what
//! it was meant to be, and a contract whose fields cannot be had is only known by its name.

use crate::diagnostic::{Applicability, Diagnostic, Fix, Sink, codes};
use crate::parse::yaml::{Entry, Kind, Node};

/// Sections that the rest of a contract refers to, by what the contract declares.
const SECTIONS: [(&str, &[&str]); 2] = [
    ("entity", &["fields", "sources", "sinks", "version", "owner", "purpose", "compatibility"]),
    (
        "model",
        &["fields", "query", "refresh", "sinks", "version", "owner", "purpose", "compatibility"],
    ),
];
/// Edits between what was written and what was meant.
const EDITS_MAX: usize = 2;

/// Renames misspelled sections, and says so.
pub(super) fn sections(sink: &Sink, node: &mut Node, kind: &str) {
    let Kind::Map(entries) = &mut node.kind else { return };
    let Some((_, known)) = SECTIONS.iter().find(|(name, _)| *name == kind) else { return };
    for section in *known {
        if entries.iter().any(|entry| entry.key == *section) {
            continue;
        }
        let near = |entry: &&mut Entry| {
            !known.contains(&entry.key.as_str())
                && strsim::damerau_levenshtein(&entry.key, section) <= EDITS_MAX
        };
        let Some(entry) = entries.iter_mut().find(near) else { continue };
        let title = format!("replace `{}` by `{section}`", entry.key);
        let headline = format!("there is no section `{}`; it is read as `{section}`", entry.key);
        sink.push(
            Diagnostic::new(&codes::UNKNOWN_KEY, entry.key_span, headline)
                .help(format!("did you mean `{section}`?"))
                .fix(Fix::replace(Applicability::Unsafe, title, entry.key_span, *section)),
        );
        entry.key = (*section).to_owned();
    }
}

/// Whether the fields of a contract are there to be read at all.
pub(super) fn has_fields(node: &Node) -> bool {
    let Kind::Map(entries) = &node.kind else { return false };
    let fields = entries.iter().find(|entry| entry.key == "fields");
    fields.is_some_and(|entry| matches!(entry.value.kind, Kind::Map(_)))
}
