//! Whether it is worth to wait for more rows before the next call. Traffic that trickles would cost one call a row; where calls
//! are scarce, rows gather behind the last one. What fills a call goes at once, and so does everything while the process drains.

use std::time::Duration;

use super::outcome::micros;
use crate::crm::MAX_ROWS_PER_CALL;

/// What the lane knows of it.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// When the last call was made, microseconds since 1970.
    pub(super) last_call_us: Option<i64>,
    /// Rows that changed since the last look at what waits.
    pub(super) rows: u64,
    /// The last look found a full call of one entity: more may wait behind it.
    pub(super) full: bool,
    /// Nothing waits any more.
    pub(super) draining: bool,
}

impl Gather {
    /// Whether rows go on gathering.
    pub(super) fn lingers(&self, now_us: i64, linger: Duration) -> bool {
        if self.draining || self.full || self.rows >= MAX_ROWS_PER_CALL as u64 {
            return false;
        }
        // A clock that went back makes nobody wait for it.
        let since_us = self.last_call_us.map(|last_us| now_us.saturating_sub(last_us));
        since_us.is_some_and(|us| (0..micros(linger)).contains(&us))
    }

    /// A look at what waits begins.
    pub(super) fn begin(&mut self) {
        (self.rows, self.full) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINGER: Duration = Duration::from_secs(10);
    const LAST_US: i64 = 1_000_000_000;

    fn after(us: i64, change: impl FnOnce(&mut Gather)) -> bool {
        let mut gather = Gather { last_call_us: Some(LAST_US), ..Gather::default() };
        change(&mut gather);
        gather.lingers(LAST_US + us, LINGER)
    }

    #[test]
    fn rows_gather_behind_a_call_until_the_linger_is_over() {
        assert!(after(0, |_| ()));
        assert!(after(9_999_999, |_| ()));
        assert!(!after(10_000_000, |_| ()));
        assert!(!after(5, |gather| gather.last_call_us = None), "nothing was sent yet");
        assert!(!after(-5, |_| ()), "the clock went back");
        assert!(!Gather { last_call_us: Some(0), ..Gather::default() }.lingers(0, Duration::ZERO));
    }

    #[test]
    fn full_calls_and_a_process_that_drains_do_not_wait() {
        assert!(!after(1, |gather| gather.draining = true));
        assert!(!after(1, |gather| gather.full = true));
        assert!(after(1, |gather| gather.rows = MAX_ROWS_PER_CALL as u64 - 1));
        assert!(!after(1, |gather| gather.rows = MAX_ROWS_PER_CALL as u64));
    }
}
