//! Rows per second: a token bucket over the injected clock.

/// A budget of rows. Starts full; holds at most one second's worth.
#[derive(Clone, Debug)]
pub struct RowBudget {
    rows_per_s: u64,
    tokens: i64,
    filled_at_us: Option<i64>,
}

const SECOND_US: i64 = 1_000_000;

impl RowBudget {
    /// At most this many rows per second; zero counts as one, so that a lane always moves.
    pub fn new(rows_per_s: u64) -> Self {
        let rows_per_s = rows_per_s.clamp(1, u64::from(u32::MAX));
        Self { rows_per_s, tokens: rows_per_s as i64, filled_at_us: None }
    }

    /// Microseconds until rows may be read again; zero: now. A chunk may overdraw the bucket once; the debt is waited for.
    pub fn wait_us(&mut self, now_us: i64) -> i64 {
        self.fill(now_us);
        if self.tokens > 0 {
            return 0;
        }
        let missing = 1 - self.tokens;
        (missing.saturating_mul(SECOND_US) / self.rows_per_s as i64).max(1)
    }

    /// Pays for rows that were read.
    pub fn spend(&mut self, rows: usize) {
        self.tokens = self.tokens.saturating_sub(i64::try_from(rows).unwrap_or(i64::MAX));
    }

    /// A clock that goes backwards adds nothing and takes nothing.
    fn fill(&mut self, now_us: i64) {
        let Some(last) = self.filled_at_us else {
            self.filled_at_us = Some(now_us);
            return;
        };
        let passed = now_us.saturating_sub(last);
        if passed < 0 {
            self.filled_at_us = Some(now_us);
            return;
        }
        let gained = i128::from(passed) * i128::from(self.rows_per_s) / i128::from(SECOND_US);
        if gained > 0 {
            let cap = self.rows_per_s as i64;
            let gained = i64::try_from(gained).unwrap_or(cap);
            self.tokens = self.tokens.saturating_add(gained).min(cap);
            self.filled_at_us = Some(now_us);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debt_is_waited_for() {
        let mut budget = RowBudget::new(1_000);
        assert_eq!(budget.wait_us(0), 0);
        budget.spend(3_000);
        let wait = budget.wait_us(0);
        assert!((2_000_000..2_002_000).contains(&wait), "{wait}");
        assert_eq!(budget.wait_us(2_002_000), 0);
    }

    #[test]
    fn a_clock_that_jumps_back_stalls_nothing_for_good() {
        let mut budget = RowBudget::new(1_000);
        assert_eq!(budget.wait_us(10_000_000), 0);
        budget.spend(1_500);
        assert!(budget.wait_us(0) > 0);
        assert_eq!(budget.wait_us(600_000), 0);
    }
}
