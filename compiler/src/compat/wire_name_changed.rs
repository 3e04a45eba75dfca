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
    what: "A field is read from another member of an event.",
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
        let broken = vec![pair.entity.after().validator("finds nothing in old events")];
        let help = "let producers send both members until old events are past retention";
        let mut finding = pair.finding(&RULE, "from", headline, broken, help);
        finding.claims = vec![pair.leaf(&format!("from/{source}"))];
        findings.push(finding);
    }
}
