//! Every metric's name, once: dashboards and alarms quote them (`docs/operations.md`).

/// Tells whether a lane is up.
pub fn lane_up(lane: &'static str, up: bool) {
    metrics::gauge!(LANE_UP, "lane" => lane).set(if up { 1.0 } else { 0.0 });
}

/// Changes landed, by entity and source.
pub const CHANGES_LANDED: &str = "covenant_changes_landed_total";
/// Records quarantined, by entity.
pub const QUARANTINED: &str = "covenant_quarantined_total";
/// Refused records that wait for a person, by entity.
pub const QUARANTINE_WAITING: &str = "covenant_quarantine_waiting";
/// TRUNCATEs of the tables that own an entity's keys, by entity.
pub const TRUNCATIONS: &str = "covenant_truncations_total";
/// Landing commits written.
pub const LANDING_COMMITS: &str = "covenant_landing_commits_total";
/// Number of the newest landing commit.
pub const LANDING_COMMIT: &str = "covenant_landing_commit";
/// Number of the last commit that a lane has finished, by lane.
pub const LANE_COMMIT: &str = "covenant_lane_commit";
/// Whether a lane is running (1) or not (0), by lane.
pub const LANE_UP: &str = "covenant_lane_up";
/// Failures of a lane, by lane and kind.
pub const LANE_FAILURES: &str = "covenant_lane_failures_total";
/// Rows that changed in the warehouse.
pub const ROWS_APPLIED: &str = "covenant_rows_applied_total";
/// Seconds from commit to visible, by target and quantile.
pub const FRESHNESS_SECONDS: &str = "covenant_freshness_seconds";
/// Age of the oldest change that a target does not show yet, seconds, by target.
pub const OLDEST_WAITING_SECONDS: &str = "covenant_oldest_waiting_seconds";
/// Rows waiting, parked and quarantined in the delivery ledger, by entity and state.
pub const DELIVERY_ROWS: &str = "covenant_delivery_rows";
/// Whether an adoption waits for a person (1) or not (0), by entity.
pub const ADOPTION_WAITS: &str = "covenant_adoption_waits";
/// Rows that wait for their adoption, by entity.
pub const ADOPTION_HELD: &str = "covenant_adoption_held_rows";
/// Rows that a backfill has landed, by entity.
pub const BACKFILL_ROWS: &str = "covenant_backfill_rows";
/// Differences that the last reconciliation left, by entity and target.
pub const RECONCILE_DIFFERENCES: &str = "covenant_reconcile_differences";
/// Records that reconciliations found edited in the CRM, in fields that we own, by entity.
pub const RECONCILE_EDITED: &str = "covenant_reconcile_edited_total";
/// Rows that took a step between states which their contract does not declare, by entity, field and anomaly.
pub const STATE_STEPS: &str = "covenant_state_steps_total";
/// Gaps in the numbers of a producer of events that have opened, by entity and source.
pub const SEQUENCE_GAPS: &str = "covenant_sequence_gaps_total";
/// Gaps that late events have closed, by entity and source.
pub const SEQUENCE_GAPS_HEALED: &str = "covenant_sequence_gaps_healed_total";
/// Gaps that are open, by entity and source.
pub const SEQUENCE_GAPS_OPEN: &str = "covenant_sequence_gaps_open";
/// Age of the oldest open gap, seconds, by entity and source.
pub const SEQUENCE_GAP_OLDEST_SECONDS: &str = "covenant_sequence_gap_oldest_seconds";
/// Rows of the warehouse that only a source which does not own their existence has told, by entity.
pub const INCOMPLETE_ROWS: &str = "covenant_incomplete_rows";
/// Whether a raised incarnation owes a reconciliation (1) or not (0).
pub const RECONCILE_OWED: &str = "covenant_reconcile_owed";
