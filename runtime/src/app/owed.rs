//! Pays what a raised incarnation owes: once every table is read again, all keys are compared and repaired, until a run has proved
//! that nothing differs. It goes on over restarts, because the debt is in landing.

use std::time::Duration;

use tokio::sync::oneshot;

use super::http::Control;
use super::jobs;
use super::reconcile_task::Beside;
use crate::capture::owed;
use crate::telemetry::metric_names;
use crate::telemetry::status::Board;

/// Between two looks whether the tables are read.
pub(super) const OWED_LOOK: Duration = Duration::from_secs(2);
/// After a run that proved nothing, before the next, microseconds: ten minutes.
const AGAIN_US: i64 = 600_000_000;

/// Whether something is owed, as far as is known.
pub struct Owed {
    /// True until landing was seen to owe nothing. Only a stopped runtime raises an incarnation.
    open: bool,
    not_before_us: i64,
}

impl Owed {
    /// `pays`: whether this run of the process fills all targets, without which nothing can be compared.
    pub(super) fn new(pays: bool) -> Self {
        Self { open: pays, not_before_us: 0 }
    }

    pub(super) fn open(&self) -> bool {
        self.open
    }

    /// Whether something is owed and can be paid now.
    pub(super) async fn due(&mut self, lanes: &mut Beside, board: &Board) -> bool {
        // Capture that has ended ends this task too.
        let Ok(landed) = lanes.landed().await else { return false };
        let names = owed::open(&landed.positions);
        if names.is_empty() {
            self.settled(board);
            return false;
        }
        let (reads, waits) =
            (jobs::loading(&landed.positions), lanes.env.clock.now_us() < self.not_before_us);
        let state = match (reads, waits) {
            (true, _) => "waits until every table is read again",
            (false, true) => "the last run did not prove it; it is tried again within ten minutes",
            (false, false) => "compares and repairs every key",
        };
        tell(board, Some(format!("{}: {state}", names.join(", "))));
        !reads && !waits
    }

    /// A run that can pay has ended.
    pub(super) async fn ended(&mut self, lanes: &mut Beside, board: &Board, clean: bool) {
        self.not_before_us = lanes.env.clock.now_us().saturating_add(AGAIN_US);
        if !clean {
            tracing::warn!(
                "the reconciliation behind a gap did not prove its counts; it is tried again"
            );
            return;
        }
        let Ok(landed) = lanes.landed().await else { return };
        let names = owed::open(&landed.positions);
        let (answer, answered) = oneshot::channel();
        // Where capture has ended, the next start finds the debt and pays it again: a repair changes nothing twice.
        if lanes.control.send(Control::Paid(names, answer)).await.is_ok() && answered.await.is_ok()
        {
            tracing::info!("the reconciliation behind a gap has proved its counts");
            self.settled(board);
        }
    }

    fn settled(&mut self, board: &Board) {
        self.open = false;
        tell(board, None);
    }
}

fn tell(board: &Board, state: Option<String>) {
    metrics::gauge!(metric_names::RECONCILE_OWED).set(if state.is_some() { 1.0 } else { 0.0 });
    board.update(|status| status.reconcile_owed = state);
}
