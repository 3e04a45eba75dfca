//! Events or records of a source are identified by another member.

use covenant_model::spec::SourceSpec;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS107",
    slug: "event-identity-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[RustValidator, SnowflakeTable],
    migration: Migration::Rebuild,
    witness: WitnessKind::Record,
    what: "What identifies an event, or the key field of a Salesforce object, is another \
          member.",
    why: "The same event counts twice, or two count as one; rows are told under another key.",
    how: "Start a new source beside the old one and move the fields when it has caught up.",
    cases: cases!("DCS107-event-identity-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    for (name, old) in &pair.old.sources {
        let leaf = pair.leaf(&format!("sources/{name}"));
        let claim = match (old, pair.new.sources.get(name)) {
            (
                SourceSpec::Stream { event_id: old, .. },
                Some(SourceSpec::Stream { event_id: new, .. }),
            ) if old != new => format!("{leaf}/event_id"),
            (
                SourceSpec::Salesforce { key: old, .. },
                Some(SourceSpec::Salesforce { key: new, .. }),
            ) if old != new => format!("{leaf}/key"),
            (
                SourceSpec::Postgres { .. }
                | SourceSpec::Stream { .. }
                | SourceSpec::Salesforce { .. },
                _,
            ) => continue,
        };
        let mut broken = vec![pair.after().validator("counts the same event twice")];
        broken.extend(pair.after().table("may hold rows twice"));
        let headline =
            format!("source {name} of {} identifies its records by another member", pair.new.name);
        let below = format!("sources/{name}");
        findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([claim]));
    }
}
