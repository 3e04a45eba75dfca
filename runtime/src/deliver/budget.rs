//! The share of the CRM's daily calls that deliveries may use, with hysteresis, so that people keep theirs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::crm::ApiUsage;

/// Where everybody together has used this much of the allowance, deliveries stop, percent.
const STOP_PERCENT: u64 = 80;
/// Deliveries go on below this, percent.
const RESUME_PERCENT: u64 = 75;
/// Microseconds in an hour.
const HOUR_US: i64 = 3_600_000_000;
/// The allowance is counted over this many hours.
const WINDOW_HOURS: i64 = 24;
/// Up to this part of our share a call is made as soon as a row waits, percent.
const LINGER_FROM_PERCENT: u64 = 50;
/// Between two calls that are not full, once our share is used up to the last call. Less than a third of the two minutes that
/// contracts promise for Salesforce.
pub const LINGER_MAX: Duration = Duration::from_secs(30);
/// How long to wait before the budget is looked at again.
pub const BUDGET_RECHECK: Duration = Duration::from_secs(60);

/// What was used, by hour. Kept in the ledger, so that a restart does not forget it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Hour since 1970 and our calls in it, oldest first.
    hours: VecDeque<(i64, u64)>,
    stopped: bool,
}

impl Budget {
    /// Counts calls of ours.
    pub fn spend(&mut self, now_us: i64, calls: u64) {
        let hour = now_us.div_euclid(HOUR_US);
        match self.hours.back_mut() {
            Some((last, spent)) if *last >= hour => *spent += calls,
            Some(_) | None => self.hours.push_back((hour, calls)),
        }
        while self.hours.front().is_some_and(|(first, _)| *first <= hour - WINDOW_HOURS) {
            self.hours.pop_front();
        }
    }

    /// Our calls in the last 24 hours.
    pub fn spent(&self) -> u64 {
        self.hours.iter().map(|(_, calls)| calls).sum()
    }

    /// How long rows wait behind the last call for others to share the next one: not at all while more than half of our share
    /// is left, then longer with every call, up to [`LINGER_MAX`].
    pub fn linger(&mut self, now_us: i64, share: u64) -> Duration {
        self.spend(now_us, 0);
        let from = share.saturating_mul(LINGER_FROM_PERCENT) / 100;
        let (beyond, room) = (self.spent().saturating_sub(from), share.saturating_sub(from));
        if beyond == 0 || room == 0 {
            return Duration::ZERO;
        }
        let parts = u32::try_from(beyond.min(room).saturating_mul(1_000) / room).unwrap_or(1_000);
        LINGER_MAX * parts / 1_000
    }

    /// Whether a call may be made. `share` is ours, in calls; `usage` is what the CRM says of everybody's.
    pub fn allows(&mut self, now_us: i64, share: u64, usage: Option<ApiUsage>) -> bool {
        self.spend(now_us, 0);
        let percent = if self.stopped { RESUME_PERCENT } else { STOP_PERCENT };
        let org = usage.is_some_and(|usage| {
            usage.max > 0 && usage.used.saturating_mul(100) >= usage.max.saturating_mul(percent)
        });
        let ours = if self.stopped {
            self.spent().saturating_mul(100) >= share.saturating_mul(RESUME_PERCENT)
        } else {
            self.spent() >= share
        };
        self.stopped = org || ours;
        !self.stopped
    }
}

/// One budget in two hands: the lane that delivers, and who reads the CRM back beside it.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Budget>>);

impl Calls {
    /// Goes on with what was used before.
    pub fn new(budget: Budget) -> Self {
        Self(Arc::new(Mutex::new(budget)))
    }

    /// Does something to the budget.
    pub fn with<T>(&self, act: impl FnOnce(&mut Budget) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes one call for who reads beside the deliveries: none once calls are so scarce that rows would have to gather, or
    /// that people's part comes near. Deliveries go first.
    pub fn take_beside(&self, now_us: i64, share: u64, usage: Option<ApiUsage>) -> bool {
        self.with(|budget| {
            budget.spend(now_us, 0);
            let ours =
                budget.spent().saturating_mul(100) < share.saturating_mul(LINGER_FROM_PERCENT);
            let people = usage.is_none_or(|usage| {
                usage.used.saturating_mul(100) < usage.max.saturating_mul(RESUME_PERCENT)
            });
            if ours && people {
                budget.spend(now_us, 1);
            }
            ours && people
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_at_its_share_and_resumes_lower() {
        let mut budget = Budget::default();
        budget.spend(0, 100);
        assert!(!budget.allows(0, 100, None));
        assert!(!budget.allows(23 * HOUR_US, 100, None));
        assert!(budget.allows(24 * HOUR_US, 100, None));
    }

    #[test]
    fn the_linger_begins_at_half_of_the_share_and_grows_to_its_bound() {
        let mut budget = Budget::default();
        let mut after = |calls| {
            budget.spend(0, calls);
            budget.linger(0, 1_000)
        };
        assert_eq!(after(500), Duration::ZERO);
        assert_eq!(after(100), LINGER_MAX / 5);
        assert_eq!(after(150), LINGER_MAX / 2);
        assert_eq!(after(250), LINGER_MAX);
        assert_eq!(after(500), LINGER_MAX, "beyond the share it is bounded");
        // Calls of a day ago count no more.
        assert_eq!(budget.linger(24 * HOUR_US, 1_000), Duration::ZERO);
        // No share at all: nothing is sent, so nothing lingers.
        assert_eq!(Budget::default().linger(0, 0), Duration::ZERO);
    }

    #[test]
    fn people_keep_their_part() {
        let mut budget = Budget::default();
        let usage = |used| Some(ApiUsage { used, max: 1000 });
        assert!(budget.allows(0, 1000, usage(799)));
        assert!(!budget.allows(0, 1000, usage(800)));
        assert!(!budget.allows(0, 1000, usage(760)));
        assert!(budget.allows(0, 1000, usage(749)));
    }

    #[test]
    fn who_reads_beside_stops_where_deliveries_would_gather() {
        let calls = Calls::default();
        assert!((0..500).all(|_| calls.take_beside(0, 1_000, None)));
        assert!(!calls.take_beside(0, 1_000, None));
        assert_eq!(calls.with(|budget| budget.spent()), 500, "a refused call is not counted");
        assert!(calls.with(|budget| budget.allows(0, 1_000, None)), "deliveries go on");
        let usage = |used| Some(ApiUsage { used, max: 1_000 });
        assert!(Calls::default().take_beside(0, 1_000, usage(749)));
        assert!(!Calls::default().take_beside(0, 1_000, usage(750)));
    }
}
