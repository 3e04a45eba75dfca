//! A stream calls a field by another name.

use covenant_model::spec::{EntitySpec, FieldSpec, SourceSpec};

use super::prelude::*;
use super::{field_renamed, source_column_changed};

pub(super) static RULE: Rule = Rule {
    code: "DCW072",
    slug: "wire-name-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator],
    migration: Migration::None,
    witness: WitnessKind::Record,
    what: "A field is read from another member of an event, or by other names of before.",
    why: "Old events carry the old member and new ones the new: whoever knows one of them \
          finds nothing in the others.",
    how: "Let producers send both members until old events are past retention.",
    cases: cases!("DCW072-wire-name-changed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let promise = pair.entity.old.compatibility;
    for (source, old, new) in source_column_changed::moved(pair) {
        let stream = matches!(pair.entity.new.sources.get(source), Some(SourceSpec::Stream { .. }));
        if !stream {
            continue;
        }
        let headline =
            format!("{} is read from `{new}` of {source}, no longer `{old}`", pair.shown());
        let (before, after) = (pair.entity.before(), pair.entity.after());
        let mut broken = Vec::new();
        if !pair.new.evolution.aliases.iter().any(|one| one == old) {
            let blind = after.validator("finds nothing in old events");
            broken.extend(under(promise, Promised::Backward, vec![blind]));
        }
        if !pair.old.evolution.aliases.iter().any(|one| one == new) {
            let stale = before.validator("finds nothing in new events");
            broken.extend(under(promise, Promised::Forward, vec![stale]));
        }
        let help = "let producers send both members until old events are past retention";
        let mut finding = pair.finding(&RULE, "from", headline, broken, help);
        finding.claims = vec![pair.leaf(&format!("from/{source}"))];
        findings.push(finding);
    }
    aliases(pair, findings);
}

/// Names of before that are no longer read, or read from now on.
fn aliases(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    if pair.old.evolution.aliases == pair.new.evolution.aliases {
        return;
    }
    let (old, new) = ((pair.entity.old, pair.old), (pair.entity.new, pair.new));
    let (gone, came) = (unread(old, new), unread(new, old));
    if gone.is_empty() && came.is_empty() && field_renamed::explains_aliases(pair) {
        return;
    }
    let promise = pair.entity.old.compatibility;
    let mut broken = Vec::new();
    if !gone.is_empty() {
        let blind = pair.entity.after().validator("finds nothing in old records");
        broken.extend(under(promise, Promised::Backward, vec![blind]));
    }
    if !came.is_empty() {
        let stale = pair.entity.before().validator("knows fewer names").mildly();
        broken.extend(under(promise, Promised::Forward, vec![stale]));
    }
    let what = if gone.is_empty() {
        "is read by other old names".to_owned()
    } else {
        format!("is no longer read by its old name {}", gone.join(", "))
    };
    let help = "keep an alias until no record within retention uses it";
    let headline = format!("{} {what}", pair.shown());
    let finding = pair.finding(&RULE, "aliases", headline, broken, help);
    findings.push(finding.explaining(pair.leaf("evolution/aliases")));
}

/// Aliases by which a source of the writer may tell the field, and by which the reader does not know it there. Every source
/// tells the key, whether the field says that it comes from there or not.
fn unread<'a>(
    (writer, told): (&EntitySpec, &'a FieldSpec),
    (reader, read): (&EntitySpec, &FieldSpec),
) -> Vec<&'a str> {
    let unknown = |source: &String, alias: &String| {
        // A field that no longer comes from the source at all is another rule's matter.
        let own = name_at(reader, source, read);
        let known =
            field_renamed::reads_aliases(reader, source) && read.evolution.aliases.contains(alias);
        own.is_some_and(|own| own != alias && !known)
    };
    let tells = |source: &&String| {
        field_renamed::reads_aliases(writer, source) && name_at(writer, source, told).is_some()
    };
    let lost =
        |alias: &&String| writer.sources.keys().filter(tells).any(|source| unknown(source, alias));
    told.evolution.aliases.iter().filter(lost).map(String::as_str).collect()
}

/// What a source calls a field; none where it does not tell it.
fn name_at<'e>(entity: &'e EntitySpec, source: &str, field: &FieldSpec) -> Option<&'e str> {
    let ix = entity.fields.iter().position(|one| one.id == field.id)?;
    crate::plan::source_name(entity, source, ix)
}
