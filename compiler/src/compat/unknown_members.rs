//! A source refuses members that the contract does not know, or no longer; and what that means for fields that come.

use covenant_model::spec::{EntitySpec, SourceSpec, UnknownMembers};

use super::prelude::*;

pub(super) static CLOSED: Rule = Rule {
    code: "DCW070",
    slug: "source-closed",
    direction: Direction::Tightens,
    mirror: Mirror::Rule("DCW071"),
    modes: Modes::BACKWARD,
    consumers: &[RustValidator],
    // What nobody declared is not stored: no table can be asked how much of it there was.
    migration: Migration::None,
    witness: WitnessKind::Record,
    what: "Events with members that the contract does not know are quarantined from now on.",
    why: "Landed events that are replayed, and events in flight, may carry members that nobody \
          declared: the new validator refuses them.",
    how: "Look which members come (they are ignored today), declare them or have them removed, and \
          close the source then.",
    cases: cases!("DCW070-source-closed"),
    check: Check::Entity(check_closed),
};

pub(super) static OPENED: Rule = Rule {
    code: "DCW071",
    slug: "source-opened",
    direction: Direction::Loosens,
    mirror: Mirror::Rule("DCW070"),
    modes: Modes::FORWARD,
    consumers: &[RustValidator],
    // The tables do not know of it: validators do.
    migration: Migration::None,
    witness: WitnessKind::Record,
    what: "Events may carry members that the contract does not know from now on.",
    why: "Validators that still run refuse such events.",
    how: "Deploy the validators first, then let producers add members.",
    cases: cases!("DCW071-source-opened"),
    check: Check::Entity(check_opened),
};

fn check_closed(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    check(pair, findings, (UnknownMembers::Open, UnknownMembers::Closed));
}

fn check_opened(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    check(pair, findings, (UnknownMembers::Closed, UnknownMembers::Open));
}

fn check(
    pair: EntityPair<'_>,
    findings: &mut Vec<Finding>,
    wanted: (UnknownMembers, UnknownMembers),
) {
    for (name, old) in &pair.old.sources {
        let policy = |source: &SourceSpec| match source {
            SourceSpec::Stream { unknown, .. } => Some(*unknown),
            SourceSpec::Postgres { .. } | SourceSpec::Salesforce { .. } => None,
        };
        let new = pair.new.sources.get(name).and_then(policy);
        if policy(old).zip(new) != Some(wanted) {
            continue;
        }
        let leaf = pair.leaf(&format!("sources/{name}/unknown"));
        let (rule, broken, what) = match wanted.1 {
            UnknownMembers::Closed => {
                let broken = pair.after().validator("rejects events with other members");
                (&CLOSED, broken, "no longer takes members that the contract does not know")
            }
            UnknownMembers::Open => {
                let broken = pair.before().validator("rejects events with other members");
                (&OPENED, broken, "takes members that the contract does not know")
            }
        };
        let headline = format!("source {name} of {} {what}", pair.new.name);
        let below = format!("sources/{name}/unknown");
        findings
            .push(pair.finding(rule, &below, headline, vec![broken], rule.how).claiming([leaf]));
    }
}

/// Closed sources of `reader` that do not know what the writer's field is called there.
pub(super) fn strangers<'e>(
    reader: &'e EntitySpec,
    writer: &EntitySpec,
    field: &FieldSpec,
) -> Option<&'e str> {
    let closed = reader.sources.iter().filter(|(_, source)| {
        matches!(source, SourceSpec::Stream { unknown: UnknownMembers::Closed, .. })
    });
    let mut names = closed.map(|(name, _)| name.as_str());
    names.find(|source| {
        let told = writer.fields.iter().position(|one| one.id == field.id);
        let member = told.and_then(|ix| crate::plan::source_name(writer, source, ix));
        member.is_some_and(|member| !knows(reader, source, member))
    })
}

/// Whether a stream of an entity has a member of that name.
fn knows(entity: &EntitySpec, source: &str, member: &str) -> bool {
    let envelope = match entity.sources.get(source) {
        Some(SourceSpec::Stream { event_id, order, occurred_at, .. }) => {
            [Some(event_id), order.as_ref(), Some(occurred_at)]
        }
        Some(SourceSpec::Postgres { .. } | SourceSpec::Salesforce { .. }) | None => [None; 3],
    };
    let named =
        |(ix, field): (usize, &FieldSpec)| match crate::plan::source_name(entity, source, ix) {
            Some(name) => name == member || field.evolution.aliases.iter().any(|one| one == member),
            None => false,
        };
    envelope.into_iter().flatten().any(|name| name == member)
        || entity.fields.iter().enumerate().any(named)
}
