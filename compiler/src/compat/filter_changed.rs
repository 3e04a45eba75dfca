//! Other rows are delivered.

use covenant_model::spec::{EntitySpec, SalesforceSink};

use super::prelude::*;

pub(super) static RULE: Rule = Rule {
    code: "DCM211",
    slug: "filter-changed",
    direction: Direction::Changes,
    mirror: Mirror::Own,
    modes: Modes::BOTH,
    consumers: &[SalesforceMapping],
    migration: Migration::Backfill,
    witness: WitnessKind::Delivery,
    what: "Other rows are delivered to Salesforce.",
    why: "Records go, or stay for longer than reports expect.",
    how: "Tell the users of the object; redeliver where rows are delivered that were not \
          before.",
    cases: cases!("DCM211-filter-changed"),
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let (Some(old), Some(new)) = (&pair.old.salesforce, &pair.new.salesforce) else { return };
    let meant = |entity: &EntitySpec, sink: &SalesforceSink| {
        let filter = sink.filter.as_ref()?;
        Some((id_of(entity, filter.field), filter.keep_days))
    };
    if meant(pair.old, old) == meant(pair.new, new) {
        return;
    }
    let told = |sink: &SalesforceSink| {
        sink.filter.as_ref().map_or_else(|| "all".to_owned(), |filter| filter.text.clone())
    };
    let headline =
        format!("{} gets other rows: {}, no longer {}", new.object, told(new), told(old));
    let broken = pair.after().object("gets other rows").into_iter().collect();
    let below = format!("sinks/{}/where", new.system);
    let leaf = pair.leaf("salesforce/filter");
    findings.push(pair.finding(&RULE, &below, headline, broken, RULE.how).claiming([leaf]));
}
