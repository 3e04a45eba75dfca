//! Fixes that follow from a code and a place alone. The stages say what is wrong and know no texts of
//! files; here both are at hand.

use super::codes::{
    CROSS_OWNER_QUARANTINE, NOT_LARGE, OPTIONAL_NOT_NULLABLE, REKEY_REUSE, REUSE_NEEDS_LATEST,
};
use super::{Applicability, Diagnostic, Diagnostics, Edit, Fix, nearest};
use crate::parse::SpanMap;
use crate::source::{SourceSet, Span};

/// What suggestions of names begin with; see [`Diagnostic::suggest`].
const SUGGESTION: &str = "did you mean `";

/// Adds the fixes to findings that have none.
pub fn attach(found: Diagnostics, sources: &SourceSet, spans: &SpanMap) -> Diagnostics {
    let all = found.iter().cloned().map(|one| {
        let fix = if one.fixes.is_empty() { fix(&one, sources, spans) } else { None };
        one.fix(fix)
    });
    Diagnostics::new(all.collect())
}

fn fix(found: &Diagnostic, sources: &SourceSet, spans: &SpanMap) -> Option<Fix> {
    let code = found.code.number;
    if let Some(fix) = suggested(found, sources) {
        return Some(fix);
    }
    let path = spans.path_at(found.span)?;
    let path = path.as_str();
    let field = || field_of(path, spans);
    if code == OPTIONAL_NOT_NULLABLE.number {
        Fix::add_entry(Applicability::Safe, sources, field()?, "nullable: true")
    } else if code == NOT_LARGE.number {
        Fix::add_entry(Applicability::Unsafe, sources, field()?, "large: true")
    } else if code == REUSE_NEEDS_LATEST.number || code == REKEY_REUSE.number {
        never_reused(path.split('/').next()?, spans)
    } else if code == CROSS_OWNER_QUARANTINE.number {
        let (rule, _) = path.split_once("/expect").unwrap_or((path, ""));
        let told = spans.get(&format!("{rule}/on_fail"))?.value;
        let title = "let the rule alarm";
        Some(Fix::replace(Applicability::Unsafe, title, told, "alarm"))
    } else {
        None
    }
}

/// The name that was meant, where the finding stands at the name that was written and nothing else.
fn suggested(found: &Diagnostic, sources: &SourceSet) -> Option<Fix> {
    let help = found.help.iter().find_map(|help| help.strip_prefix(SUGGESTION))?;
    let near = help.strip_suffix("`?")?;
    let text = sources.get(found.span.file)?.text.get(found.span.start..found.span.end)?;
    let written = text.trim_matches(['"', '\'']);
    let name = !written.is_empty() && !written.contains(|at: char| " ,{}[]\n".contains(at));
    (name && written != near && nearest(written, [near]).is_some()).then(|| {
        let title = format!("replace `{written}` by `{near}`");
        Fix::replace(Applicability::Unsafe, title, found.span, near)
    })
}

/// Where the map of the field that a path is in stands.
fn field_of(path: &str, spans: &SpanMap) -> Option<Span> {
    let mut parts = path.split('/');
    let (dataset, fields, name) = (parts.next()?, parts.next()?, parts.next()?);
    (fields == "fields").then_some(())?;
    Some(spans.get(&format!("{dataset}/fields/{name}"))?.value)
}

fn never_reused(dataset: &str, spans: &SpanMap) -> Option<Fix> {
    let title = "declare that keys are never used again";
    if let Some(told) = spans.get(&format!("{dataset}/key_reuse")) {
        return Some(Fix::replace(Applicability::Unsafe, title, told.value, "never"));
    }
    let key = spans.get(&format!("{dataset}/key"))?.value;
    let at = Span { start: key.end, ..key };
    let edits = vec![Edit { span: at, text: "\nkey_reuse: never".to_owned() }];
    Some(Fix { title: title.to_owned(), applicability: Applicability::Unsafe, edits })
}
