//! Gaps in the numbers of producers: metrics and the board.

use super::metric_names as names;
use super::status::{Board, SequenceStatus};
use crate::capture::sequences::{Counted, GAP_OPEN_MAX_US};

/// Microseconds in a second.
const SECOND_US: i64 = 1_000_000;

/// Tells them.
pub fn show(board: &Board, counted: Vec<Counted>, now_us: i64) {
    let of = |it: Counted| {
        let labels = [("entity", it.entity.clone()), ("source", it.source.clone())];
        let age_us = it.oldest_us.map_or(0, |since_us| now_us.saturating_sub(since_us).max(0));
        metrics::counter!(names::SEQUENCE_GAPS, &labels).absolute(it.opened);
        metrics::counter!(names::SEQUENCE_GAPS_HEALED, &labels).absolute(it.healed);
        metrics::gauge!(names::SEQUENCE_GAPS_OPEN, &labels).set(it.open as f64);
        let age_s = age_us as f64 / SECOND_US as f64;
        metrics::gauge!(names::SEQUENCE_GAP_OLDEST_SECONDS, &labels).set(age_s);
        SequenceStatus {
            entity: it.entity,
            source: it.source,
            open: it.open,
            oldest_s: u64::try_from(age_us / SECOND_US).unwrap_or(0),
            late: age_us > GAP_OPEN_MAX_US,
            opened: it.opened,
            healed: it.healed,
            given_up: it.given_up,
        }
    };
    let sequences = counted.into_iter().map(of).collect();
    board.update(|status| status.sequences = sequences);
}
