//! What happens to the record of a deleted row changed.

use covenant_model::spec::OnDelete;

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS106",
    slug: "delete-semantics-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SalesforceMapping],
    migration: Migration::Backfill,
    witness: WitnessKind::None,
    what: "The Salesforce record of a deleted row is treated in another way: kept, flagged or \
          deleted.",
    why: "Reports count records that are gone, or lose records that they counted.",
    how: "Tell the users of the object, and bring the records that are there in line once.",
    cases: cases!("DCS106-delete-semantics-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    if old.on_delete == new.on_delete {
        return;
    }
    let told = |what| match what {
        OnDelete::Keep => "kept",
        OnDelete::Flag => "flagged",
        OnDelete::Delete => "deleted",
    };
    let headline = format!(
        "{} records of deleted rows are {}, no longer {}",
        new.object,
        told(new.on_delete),
        told(old.on_delete)
    );
    let broken = pair.after().object("counts other records").into_iter().collect();
    let below = format!("sinks/{}/on_delete", new.system);
    let leaf = pair.leaf("salesforce/on_delete");
    findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]));
}
