//! A stream calls a field by another name.

use covenant_model::spec::SourceSpec;

use super::prelude::*;
use super::source_column_changed;

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
    for (source, old, new) in source_column_changed::moved(pair) {
        let stream = matches!(pair.entity.new.sources.get(source), Some(SourceSpec::Stream { .. }));
        if !stream {
            continue;
        }
        let headline =
            format!("{} is read from `{new}` of {source}, no longer `{old}`", pair.shown());
        let kept = pair.new.evolution.aliases.iter().any(|one| one == old);
        let broken = if kept {
            let stale = pair.entity.before().validator("finds nothing in new events");
            under(pair.entity.old.compatibility, Promised::Forward, vec![stale])
        } else {
            vec![pair.entity.after().validator("finds nothing in old events")]
        };
        let help = "let producers send both members until old events are past retention";
        let mut finding = pair.finding(&RULE, "from", headline, broken, help);
        finding.claims = vec![pair.leaf(&format!("from/{source}"))];
        findings.push(finding);
    }
    aliases(pair, findings);
}

/// Names of before that are no longer read, or read from now on.
fn aliases(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    let (old, new) = (&pair.old.evolution.aliases, &pair.new.evolution.aliases);
    let own = |name: &String| pair.new.from.values().any(|one| one == name);
    let gone: Vec<&str> =
        old.iter().filter(|one| !new.contains(one) && !own(one)).map(String::as_str).collect();
    if old == new {
        return;
    }
    let promise = pair.entity.old.compatibility;
    let (what, broken) = if gone.is_empty() {
        let stale = pair.entity.before().validator("knows fewer names").mildly();
        ("is read by other old names".to_owned(), under(promise, Promised::Forward, vec![stale]))
    } else {
        let blind = pair.entity.after().validator("finds nothing in old records");
        let what = format!("is no longer read by its old name {}", gone.join(", "));
        (what, under(promise, Promised::Backward, vec![blind]))
    };
    let help = "keep an alias until no record within retention uses it";
    let headline = format!("{} {what}", pair.shown());
    let finding = pair.finding(&RULE, "aliases", headline, broken, help);
    findings.push(finding.explaining(pair.leaf("evolution/aliases")));
}
