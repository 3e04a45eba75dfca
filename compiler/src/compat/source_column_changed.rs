//! A table or a Salesforce object calls a field by another name.

use covenant_model::spec::SourceSpec;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS103",
    slug: "source-column-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::LOOK,
    consumers: &[RustValidator, SnowflakeTable, SalesforceMapping, Model],
    migration: Migration::Backfill,
    witness: WitnessKind::Record,
    what: "A field is read from another column of its source.",
    why: "Records of the one form lack the column of the other: whoever knows one of them refuses \
          the others, or finds nothing in them. Old rows hold values of the old column.",
    how: "Backfill the entity, or add a new field where the column means something else.",
    cases: cases!("DCS103-source-column-changed"),
    check: Check::Field(check),
};

fn check(pair: FieldPair<'_>, findings: &mut Vec<Finding>) {
    for (source, old, new) in moved(pair) {
        let stream = matches!(pair.entity.new.sources.get(source), Some(SourceSpec::Stream { .. }));
        if stream {
            continue;
        }
        let headline =
            format!("{} is read from `{new}` of {source}, no longer `{old}`", pair.shown());
        let mut broken = mildly(pair.stored("holds values of the old column"));
        broken.push(pair.entity.after().validator("finds no such column in old records"));
        let mut finding =
            pair.finding(&RULE, "from", headline, broken, "backfill, or add a new field");
        finding.claims = vec![pair.leaf(&format!("from/{source}"))];
        findings.push(finding);
    }
}

/// Sources that call the field by another name, where that does not just follow a renamed field.
pub(super) fn moved<'a>(pair: FieldPair<'a>) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
    let renamed = pair.old.name != pair.new.name;
    pair.old.from.iter().filter_map(move |(source, old)| {
        let new = pair.new.from.get(source)?;
        let follows = renamed && *old == pair.old.name && *new == pair.new.name;
        (old != new && !follows).then_some((source.as_str(), old.as_str(), new.as_str()))
    })
}
