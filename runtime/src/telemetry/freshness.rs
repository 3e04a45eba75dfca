//! Seconds from commit to visible, as a histogram of bounded size.

use serde::Serialize;

/// Buckets: bucket `n` holds latencies below `10 ms * 1.25^n`; 80 of them reach beyond 6 days.
const BUCKETS: usize = 80;
const FIRST_MS: f64 = 10.0;
const GROWTH: f64 = 1.25;

/// Latencies of one target.
#[derive(Clone, Debug)]
pub struct Freshness {
    counts: [u64; BUCKETS],
    total: u64,
    max_ms: u64,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total: 0, max_ms: 0 }
    }
}

/// What a histogram says, in milliseconds. Quantiles are upper bounds of their bucket, at most 25 % too high.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// Samples.
    pub samples: u64,
    /// Half were faster.
    pub p50_ms: u64,
    /// 99 % were faster.
    pub p99_ms: u64,
    /// The slowest.
    pub max_ms: u64,
}

impl Freshness {
    /// Records `rows` rows that became visible `us` microseconds after their commit. Negative times (clocks that differ)
    /// count as zero.
    pub fn record(&mut self, us: i64, rows: u64) {
        let ms = u64::try_from(us.max(0) / 1000).unwrap_or(0);
        let bucket = ((ms as f64 / FIRST_MS).max(1.0).ln() / GROWTH.ln()).ceil() as usize;
        if let Some(count) = self.counts.get_mut(bucket.min(BUCKETS - 1)) {
            *count += rows;
        }
        self.total += rows;
        self.max_ms = self.max_ms.max(ms);
    }

    /// The quantiles so far.
    pub fn quantiles(&self) -> Quantiles {
        Quantiles {
            samples: self.total,
            p50_ms: self.quantile(0.50),
            p99_ms: self.quantile(0.99),
            max_ms: self.max_ms,
        }
    }

    fn quantile(&self, q: f64) -> u64 {
        let wanted = (self.total as f64 * q).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                let upper = FIRST_MS * GROWTH.powi(i32::try_from(bucket).unwrap_or(i32::MAX));
                return (upper as u64).min(self.max_ms);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_bound_the_truth_from_above() {
        let mut freshness = Freshness::default();
        for ms in 1..=1000 {
            freshness.record(ms * 1000, 1);
        }
        let found = freshness.quantiles();
        assert_eq!(found.samples, 1000);
        assert!((500..=625).contains(&found.p50_ms), "{found:?}");
        assert!((990..=1000).contains(&found.p99_ms), "{found:?}");
        assert_eq!(found.max_ms, 1000);
    }

    #[test]
    fn a_clock_that_runs_behind_is_no_panic() {
        let mut freshness = Freshness::default();
        freshness.record(-5, 3);
        assert_eq!(freshness.quantiles().samples, 3);
    }
}
