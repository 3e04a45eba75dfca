//! How long changes take from their commit in the source to where they become visible: bounded histograms, by dataset.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Buckets per doubling of the time: an estimate is at most 2^(1/8) = 9% too high.
const PER_DOUBLING: f64 = 8.0;
/// The first bucket ends here, microseconds.
const FIRST_US: f64 = 1_000.0;
/// Buckets in all: up to `1 ms * 2^(240/8)`, about 12 days.
const BUCKETS: usize = 240;

/// A histogram of times with buckets that grow by the same factor. Fixed size, whatever comes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max_us: i64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max_us: 0 }
    }
}

impl Histogram {
    /// Adds `weight` samples of one time; a negative time (clocks that disagree) counts as none.
    pub fn add(&mut self, time_us: i64, weight: u64) {
        let time_us = time_us.max(0);
        let place = ((time_us as f64 / FIRST_US).max(1.0).log2() * PER_DOUBLING).ceil() as usize;
        if let Some(count) = self.counts.get_mut(place.min(BUCKETS - 1)) {
            *count = count.saturating_add(weight);
        }
        self.total = self.total.saturating_add(weight);
        self.max_us = self.max_us.max(time_us);
    }

    /// The time within which a share (0 to 1) of the samples lies, microseconds, rounded up to its bucket; none without
    /// samples.
    pub fn quantile_us(&self, share: f64) -> Option<i64> {
        if self.total == 0 {
            return None;
        }
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0u64;
        for (place, count) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if seen >= wanted {
                let end = FIRST_US * (place as f64 / PER_DOUBLING).exp2();
                return Some((end as i64).min(self.max_us));
            }
        }
        Some(self.max_us)
    }

    /// Samples so far.
    pub fn samples(&self) -> u64 {
        self.total
    }

    /// The longest time, microseconds.
    pub fn max_us(&self) -> i64 {
        self.max_us
    }
}

/// Histograms by dataset: a lane that is fresh on average may starve one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness(pub BTreeMap<String, Histogram>);

impl Freshness {
    /// Adds samples of a dataset.
    pub fn add(&mut self, dataset: &str, time_us: i64, weight: u64) {
        if let Some(histogram) = self.0.get_mut(dataset) {
            histogram.add(time_us, weight);
        } else {
            self.0.entry(dataset.to_owned()).or_default().add(time_us, weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_close_from_above() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|ms| histogram.add(ms * 1000, 1));
        let p50 = histogram.quantile_us(0.5).unwrap();
        let p99 = histogram.quantile_us(0.99).unwrap();
        assert!((500_000..=550_000).contains(&p50), "{p50}");
        assert!((990_000..=1_000_000).contains(&p99), "{p99}");
        assert_eq!(Histogram::default().quantile_us(0.5), None);
    }

    #[test]
    fn the_longest_time_is_kept_beyond_the_last_bucket() {
        let mut histogram = Histogram::default();
        histogram.add(i64::MAX, 3);
        histogram.add(-5, 1);
        assert_eq!((histogram.samples(), histogram.max_us()), (4, i64::MAX));
    }
}
