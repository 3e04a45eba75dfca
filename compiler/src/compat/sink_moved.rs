//! A sink's table or object changed, or the sink is gone.

use super::rule::{Check, Finding, Grade, Migration, Modes, Rule};
use super::{EntityPair, consumers};

pub(super) static RULE: Rule = Rule {
    code: "DCS110",
    slug: "sink-moved",
    modes: Modes { backward: Grade::Info, forward: Grade::Error },
    migration: Migration::Rebuild,
    explain: "Rows are written to another table or object, or nowhere.\n\nWhoever reads the old one sees it stand still, and grants \
              do not move along.\n\nClone the table, point a view of the old name at it, and move readers before the view goes.",
    check: Check::Entity(check),
};

fn check(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    warehouse(pair, findings);
    salesforce(pair, findings);
}

fn warehouse(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let Some(old) = &pair.old.warehouse else { return };
    let place = |sink: &covenant_model::spec::WarehouseSink| {
        format!("{}.{}.{}", sink.database, sink.schema, sink.table)
    };
    let new = pair.new.warehouse.as_ref().map(place);
    if new.as_deref() == Some(place(old).as_str()) {
        return;
    }
    let broken = consumers::table(pair.old, "stands still").into_iter().collect();
    let subject = format!("{}/sinks/{}", pair.old.name, old.system);
    push(pair, findings, subject, &place(old), new, broken);
}

fn salesforce(pair: EntityPair<'_>, findings: &mut Vec<Finding>) {
    let Some(old) = &pair.old.salesforce else { return };
    let place = |sink: &covenant_model::spec::SalesforceSink| {
        format!("{} by {}", sink.object, sink.external_id)
    };
    let new = pair.new.salesforce.as_ref().map(place);
    if new.as_deref() == Some(place(old).as_str()) {
        return;
    }
    let broken = pair
        .old
        .fields
        .iter()
        .flat_map(|field| consumers::mappings(pair.old, field, "stands still"))
        .collect();
    let subject = format!("{}/sinks/{}", pair.old.name, old.system);
    push(pair, findings, subject, &place(old), new, broken);
}

fn push(
    pair: EntityPair<'_>,
    findings: &mut Vec<Finding>,
    subject: String,
    old: &str,
    new: Option<String>,
    broken: Vec<super::Consumer>,
) {
    let headline = match &new {
        Some(new) => format!("{} moved from {old} to {new}", pair.old.name),
        None => format!("{} is no longer written to {old}", pair.old.name),
    };
    let help = "clone it, keep a view under the old name, move the readers, then drop the view";
    let path = if new.is_some() { subject.clone() } else { pair.new.name.clone() };
    findings.push(
        Finding::new(&RULE, pair.old.compatibility, subject, headline, broken, help.into())
            .new_at(Some(path)),
    );
}
