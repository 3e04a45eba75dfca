//! Every series from the first scrape on, at nothing: an alarm over a series that is not there never rings, and the first
//! increase of a counter that begins above zero is not seen.

use covenant_model::manifest::Manifest;
use covenant_model::spec::EntitySpec;
use covenant_model::steps::{self, Anomaly};

use super::metric_names as names;
use crate::capture::sequences;

/// Lanes that may fail.
const LANES: [&str; 5] =
    ["capture", "apply.warehouse", "deliver.salesforce", "quarantine", "poll.salesforce"];
/// A failure as it is counted most; other kinds come with their first one.
const KIND: &str = "Unavailable";

/// The targets of an entity, as freshness names them.
pub fn targets(entity: &EntitySpec) -> Vec<String> {
    let sinks =
        [("warehouse", entity.warehouse.is_some()), ("salesforce", entity.salesforce.is_some())];
    let bound = sinks.into_iter().filter(|(_, bound)| *bound);
    bound.map(|(kind, _)| format!("{kind} {}", entity.name)).collect()
}

/// Introduces them.
pub fn series(manifest: &Manifest) {
    metrics::counter!(names::LANDING_COMMITS).increment(0);
    metrics::gauge!(names::LANDING_COMMIT).set(0.0);
    metrics::gauge!(names::RECONCILE_OWED).set(0.0);
    metrics::counter!(names::ROWS_APPLIED).increment(0);
    for lane in LANES {
        metrics::counter!(names::LANE_FAILURES, "lane" => lane, "kind" => KIND).increment(0);
    }
    manifest.entities.iter().for_each(entity);
}

fn entity(entity: &EntitySpec) {
    let name = || entity.name.clone();
    for source in entity.sources.keys() {
        let labels = [("entity", name()), ("source", source.clone())];
        metrics::counter!(names::CHANGES_LANDED, &labels).increment(0);
    }
    for source in sequences::watched(entity) {
        let labels = [("entity", name()), ("source", source.to_owned())];
        metrics::counter!(names::SEQUENCE_GAPS, &labels).increment(0);
        metrics::counter!(names::SEQUENCE_GAPS_HEALED, &labels).increment(0);
        metrics::gauge!(names::SEQUENCE_GAPS_OPEN, &labels).set(0.0);
        metrics::gauge!(names::SEQUENCE_GAP_OLDEST_SECONDS, &labels).set(0.0);
    }
    if entity.warehouse.is_some() && entity.sources.len() > 1 {
        metrics::gauge!(names::INCOMPLETE_ROWS, "entity" => name()).set(0.0);
    }
    metrics::counter!(names::TRUNCATIONS, "entity" => name()).increment(0);
    metrics::counter!(names::QUARANTINED, "entity" => name()).increment(0);
    metrics::gauge!(names::QUARANTINE_WAITING, "entity" => name()).set(0.0);
    metrics::gauge!(names::BACKFILL_ROWS, "entity" => name()).set(0.0);
    for target in targets(entity) {
        for quantile in ["0.5", "0.99"] {
            let target = target.clone();
            metrics::gauge!(names::FRESHNESS_SECONDS, "target" => target, "quantile" => quantile)
                .set(0.0);
        }
        metrics::gauge!(names::OLDEST_WAITING_SECONDS, "target" => target).set(0.0);
    }
    for watched in steps::watched(entity) {
        for anomaly in [Anomaly::Skipped, Anomaly::Undeclared] {
            let labels = [
                ("entity", name()),
                ("field", watched.field.name.clone()),
                ("anomaly", anomaly.word().to_owned()),
            ];
            metrics::counter!(names::STATE_STEPS, &labels).increment(0);
        }
    }
    let delivered = entity.salesforce.is_some();
    let compared = [
        ("warehouse", entity.warehouse.is_some()),
        ("ledger", delivered),
        ("salesforce", delivered),
    ];
    for (target, _) in compared.into_iter().filter(|(_, bound)| *bound) {
        metrics::gauge!(names::RECONCILE_DIFFERENCES, "entity" => name(), "target" => target)
            .set(0.0);
    }
    if entity.salesforce.as_ref().is_some_and(|sink| sink.adopt.is_some()) {
        metrics::gauge!(names::ADOPTION_WAITS, "entity" => name()).set(0.0);
        metrics::gauge!(names::ADOPTION_HELD, "entity" => name()).set(0.0);
    }
    if delivered {
        metrics::counter!(names::RECONCILE_EDITED, "entity" => name()).increment(0);
        for state in ["waiting", "parked", "quarantined", "incomplete"] {
            metrics::gauge!(names::DELIVERY_ROWS, "entity" => name(), "state" => state).set(0.0);
        }
    }
}
