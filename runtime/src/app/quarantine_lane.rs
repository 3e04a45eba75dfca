//! Counts the refused records that wait for a person: the newest commits are read, the board is told. Settling them is the
//! capture lane's business, because landing has one writer.

use async_trait::async_trait;

use super::drive::{Lane, Progress};
use crate::error::Result;
use crate::quarantine::Quarantine;
use crate::telemetry::metric_names;
use crate::telemetry::status::Board;

const NAME: &str = "quarantine";

/// Landing -> counts.
pub struct QuarantineLane {
    /// What is known so far.
    pub quarantine: Quarantine,
}

#[async_trait(?Send)]
impl Lane for QuarantineLane {
    fn name(&self) -> String {
        NAME.into()
    }

    async fn step(&mut self) -> Result<Progress> {
        let before = self.quarantine.read_to();
        self.quarantine.refresh().await?;
        let worked = self.quarantine.read_to() != before;
        Ok(if worked { Progress::Worked } else { Progress::Idle })
    }

    fn report(&mut self, board: &Board) {
        let waiting = self.quarantine.waiting();
        let upto = self.quarantine.read_to().0;
        let total: u64 = waiting.values().sum();
        board.update(|status| {
            let lane = status.lanes.entry(NAME.into()).or_default();
            lane.commit = upto;
            lane.detail = format!("{total} refused records wait");
            // An entity whose last record was settled stays, with nothing waiting.
            status.quarantine_waiting.values_mut().for_each(|records| *records = 0);
            status.quarantine_waiting.extend(waiting);
        });
        for (entity, records) in board.snapshot().quarantine_waiting {
            metrics::gauge!(metric_names::QUARANTINE_WAITING, "entity" => entity)
                .set(records as f64);
        }
    }
}
