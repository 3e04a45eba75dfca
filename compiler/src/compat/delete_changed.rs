//! What happens to the record of a deleted row changed.

use covenant_model::spec::{OnDelete, SalesforceSink};

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCS106",
    slug: "delete-semantics-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SalesforceMapping],
    migration: Migration::Backfill,
    witness: WitnessKind::None("it is known in the org alone what is there already"),
    what: "The Salesforce record of a row that was deleted, or that left the filter, is treated in another way: kept, flagged or \
          deleted.",
    why: "Reports count records that are gone, or lose records that they counted.",
    how: "Tell the users of the object, and bring the records that are there in line once.",
    cases: cases!("DCS106-delete-semantics-changed"),
    check: Check::Entity(check),
};

pub(super) static LIMIT: Rule = Rule {
    code: "DCS122",
    slug: "removal-limit-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::LOOK,
    consumers: &[People],
    migration: Migration::None,
    witness: WitnessKind::None(
        "settings of a system: the contract does the same with every record",
    ),
    what: "More, or fewer, records may be removed from Salesforce, or changed there, at once before a person is asked.",
    why: "Whoever releases what is held is asked earlier, or later than they think.",
    how: "Tell whoever is on call.",
    cases: cases!("DCS122-removal-limit-changed"),
    check: Check::Entity(check_limit),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    let deleted = old.on_delete != new.on_delete;
    let left = old.on_leave != new.on_leave;
    if !deleted && !left {
        return;
    }
    let told = |what| match what {
        OnDelete::Keep => "kept",
        OnDelete::Flag => "flagged",
        OnDelete::Delete => "deleted",
    };
    let (rows, key, before, after) = if deleted {
        ("deleted rows", "on_delete", old.on_delete, new.on_delete)
    } else {
        ("rows that left the filter", "on_leave", old.on_leave, new.on_leave)
    };
    let headline =
        format!("{} records of {rows} are {}, no longer {}", new.object, told(after), told(before));
    let broken = pair.after().object("counts other records").into_iter().collect();
    let below = format!("sinks/{}/{key}", new.system);
    let claims = [pair.leaf("salesforce/on_delete"), pair.leaf("salesforce/on_leave")];
    findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming(claims));
}

fn check_limit(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    let removals = (
        Some(old.max_removals_percent),
        Some(new.max_removals_percent),
        "removals from",
        "removals",
    );
    let updates = (old.max_updates_percent, new.max_updates_percent, "updates of", "updates");
    for (before, after, what, word) in [removals, updates] {
        if before != after {
            findings.push(limit_moved(pair, new, (before, after), what, word));
        }
    }
}

fn limit_moved(
    pair: EntityPair<'_>,
    new: &SalesforceSink,
    (before, after): (Option<u8>, Option<u8>),
    what: &str,
    word: &str,
) -> Finding {
    let path = pair.leaf(&format!("sinks/{}", new.system));
    let broken = vec![people(Side::New, path, &pair.new.owner, "is asked at another number")];
    let limit = |percent: Option<u8>| match percent {
        Some(percent) => format!("above {percent} %"),
        None => "never".to_owned(),
    };
    let (before, after) = (limit(before), limit(after));
    let headline = format!("{what} {} are held {after}, no longer {before}", new.object);
    let below = format!("sinks/{}/max_{word}", new.system);
    let leaf = pair.leaf(&format!("salesforce/max_{word}_percent"));
    pair.finding(&LIMIT, &below, headline, broken, LIMIT.how).claiming([leaf])
}
