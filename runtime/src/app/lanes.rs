//! The apply and delivery lanes as things that can be driven, and what they tell the board.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::drive::{Lane, Progress};
use crate::apply::ApplyLane;
use crate::deliver::DeliverLane;
use crate::error::Result;
use crate::ledger::LedgerCounts;
use crate::telemetry::freshness::Freshness;
use crate::telemetry::metric_names;
use crate::telemetry::status::{AdoptionStatus, Board, FreshnessStatus, ModelStatus};

/// Landing -> warehouse.
pub struct Apply {
    /// The lane.
    pub lane: ApplyLane,
    /// Last commit that it has applied, for the gate of backfills.
    pub applied: std::sync::Arc<std::sync::atomic::AtomicU64>,
    /// Set where all models are to run at the next step, due or not.
    pub models_due: std::sync::Arc<std::sync::atomic::AtomicBool>,
    /// Entities of the warehouse.
    pub entities: Vec<String>,
    /// The clock.
    pub clock: std::sync::Arc<dyn crate::env::Clock>,
}

#[async_trait(?Send)]
impl Lane for Apply {
    fn name(&self) -> String {
        "apply.warehouse".into()
    }

    async fn step(&mut self) -> Result<Progress> {
        if self.models_due.swap(false, std::sync::atomic::Ordering::Relaxed) {
            self.lane.run_models_now();
        }
        let done = self.lane.step().await?;
        if let Some(upto) = self.lane.applied() {
            self.applied.store(upto.0, std::sync::atomic::Ordering::Relaxed);
        }
        metrics::counter!(metric_names::ROWS_APPLIED).increment(done.rows_changed);
        Ok(if done.idle() { Progress::Idle } else { Progress::Worked })
    }

    fn report(&mut self, board: &Board) {
        let totals = self.lane.totals().clone();
        let applied = self.applied.load(std::sync::atomic::Ordering::Relaxed);
        metrics::gauge!(metric_names::LANE_COMMIT, "lane" => "apply.warehouse").set(applied as f64);
        board.update(|status| {
            let lane = status.lanes.entry("apply.warehouse".into()).or_default();
            lane.commit = applied;
            lane.detail =
                format!("{} changes, {} rows changed", totals.changes, totals.rows_changed);
            for (name, ran) in self.lane.models() {
                let model = ModelStatus { cycle: ran.cycle, rows: ran.rows, ran_at_us: ran.at_us };
                status.models.insert(name.clone(), model);
            }
        });
        self.lane.odd_steps().show(board, "apply.warehouse");
        for (entity, rows) in self.lane.incomplete() {
            metrics::gauge!(metric_names::INCOMPLETE_ROWS, "entity" => entity.clone())
                .set(*rows as f64);
        }
        board.update(|status| status.incomplete.clone_from(self.lane.incomplete()));
        let (waiting, now_us) = (self.lane.waiting_since_us(), self.clock.now_us());
        for entity in &self.entities {
            oldest(format!("warehouse {entity}"), waiting.get(entity).copied(), now_us);
        }
        for (entity, freshness) in self.lane.freshness() {
            show(board, &format!("warehouse {entity}"), freshness);
        }
    }
}

/// Landing -> ledger -> Salesforce.
pub struct Deliver {
    /// The lane.
    pub lane: DeliverLane,
    /// Last commit that it has folded.
    pub folded: u64,
    /// Time of the last count of the ledger's rows.
    pub counted_at_us: i64,
    /// The clock.
    pub clock: std::sync::Arc<dyn crate::env::Clock>,
}

/// Counting reads the whole ledger: once a second is enough for a page.
const COUNT_EVERY_US: i64 = 1_000_000;

impl Deliver {
    /// What waits for an adoption, and its metrics.
    fn adoptions(&mut self, counts: &BTreeMap<String, LedgerCounts>) -> Vec<AdoptionStatus> {
        if let Err(error) = self.lane.show_adoptions() {
            tracing::warn!(%error, "adoptions could not be shown");
        }
        let mut shown = Vec::new();
        for standing in self.lane.adoptions() {
            let rows = counts.get(&standing.entity).copied().unwrap_or_default();
            // Behind a closed gate everything that waits does so for the adoption.
            let held = if standing.open { rows.held } else { rows.waiting + rows.held };
            let waits = standing.waits_for_a_person();
            let entity = || standing.entity.clone();
            metrics::gauge!(metric_names::ADOPTION_WAITS, "entity" => entity()).set(if waits {
                1.0
            } else {
                0.0
            });
            metrics::gauge!(metric_names::ADOPTION_HELD, "entity" => entity()).set(held as f64);
            let state = standing.in_words();
            shown.push(AdoptionStatus {
                entity: entity(),
                state,
                open: standing.open,
                waits,
                held,
            });
        }
        shown
    }

    /// Apart from `step`, so that no reference to the ledger lives over an await.
    fn note_folded(&mut self) -> Result<()> {
        self.folded = self.lane.ledger().folded()?.0;
        Ok(())
    }
}

#[async_trait(?Send)]
impl Lane for Deliver {
    fn name(&self) -> String {
        "deliver.salesforce".into()
    }

    async fn step(&mut self) -> Result<Progress> {
        let done = self.lane.step().await?;
        self.note_folded()?;
        Ok(if done.idle() { Progress::Idle } else { Progress::Worked })
    }

    fn drain(&mut self) {
        self.lane.drain();
    }

    fn report(&mut self, board: &Board) {
        board.lane("deliver.salesforce", |lane| lane.commit = self.folded);
        let now_us = self.clock.now_us();
        if (0..COUNT_EVERY_US).contains(&now_us.saturating_sub(self.counted_at_us)) {
            return;
        }
        self.counted_at_us = now_us;
        self.lane.odd_steps().show(board, "deliver.salesforce");
        let totals = self.lane.totals().clone();
        let counts = self.lane.counts().unwrap_or_else(|error| {
            tracing::warn!(%error, "the delivery ledger could not be counted");
            Default::default()
        });
        for entity in counts.keys() {
            match self.lane.ledger().oldest_live(entity) {
                Ok(since) => oldest(format!("salesforce {entity}"), since, now_us),
                Err(error) => tracing::warn!(%error, "the oldest waiting row was not found"),
            }
        }
        let adoptions = self.adoptions(&counts);
        let held = self.lane.held();
        let linger = self.lane.linger();
        let folded = self.folded;
        let name = "deliver.salesforce";
        metrics::gauge!(metric_names::LANE_COMMIT, "lane" => name).set(folded as f64);
        for (entity, rows) in &counts {
            let states = [
                ("waiting", rows.waiting),
                ("parked", rows.parked),
                ("quarantined", rows.quarantined),
                ("incomplete", rows.incomplete),
            ];
            for (state, count) in states {
                let entity = entity.clone();
                metrics::gauge!(metric_names::DELIVERY_ROWS, "entity" => entity, "state" => state)
                    .set(count as f64);
            }
        }
        board.update(|status| {
            let lane = status.lanes.entry(name.into()).or_default();
            lane.commit = folded;
            lane.detail = format!(
                "{} written, {} unchanged, {} refused, {} removed",
                totals.written, totals.unchanged, totals.refused, totals.removed
            );
            if !linger.is_zero() {
                lane.detail +=
                    &format!("; calls are scarce: rows gather for {} s", linger.as_secs());
            }
            if !held.is_empty() {
                let waiting: Vec<String> =
                    held.iter().map(|(object, rows)| format!("{rows} of {object}")).collect();
                lane.detail += &format!("; held by the breaker: {}", waiting.join(", "));
            }
            for adoption in adoptions.iter().filter(|it| !it.open || it.waits) {
                lane.detail += &format!("; adoption of {}: {}", adoption.entity, adoption.state);
            }
            status.adoptions = adoptions;
            status.held_by_breaker = held;
            status.delivery = counts;
        });
        for (entity, freshness) in self.lane.freshness() {
            show(board, &format!("salesforce {entity}"), freshness);
        }
    }
}

/// Age of the oldest change that a target does not show.
fn oldest(target: String, since_us: Option<i64>, now_us: i64) {
    let age_us = since_us.map_or(0, |since_us| now_us.saturating_sub(since_us).max(0));
    metrics::gauge!(metric_names::OLDEST_WAITING_SECONDS, "target" => target)
        .set(age_us as f64 / 1_000_000.0);
}

fn show(board: &Board, target: &str, freshness: &Freshness) {
    let latency = freshness.quantiles();
    let quantiles = [("0.5", latency.p50_ms), ("0.99", latency.p99_ms)];
    for (quantile, ms) in quantiles {
        let target = target.to_owned();
        metrics::gauge!(metric_names::FRESHNESS_SECONDS, "target" => target, "quantile" => quantile)
            .set(ms as f64 / 1000.0);
    }
    board.update(|status| {
        let entry: &mut FreshnessStatus = status.freshness.entry(target.to_owned()).or_default();
        entry.latency = latency;
    });
}
