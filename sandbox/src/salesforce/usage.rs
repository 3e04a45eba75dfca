//! API calls counted over a rolling 24 hours, and the daily maximum.

use std::collections::VecDeque;

/// Seconds per counting bucket.
const BUCKET_SECONDS: i64 = 3_600;
/// Buckets that make up the window of 24 hours.
const BUCKETS: i64 = 24;

/// The count and its maximum.
#[derive(Debug)]
pub struct Usage {
    buckets: VecDeque<(i64, u64)>,
    max: u64,
}

impl Usage {
    /// Nothing used yet.
    #[must_use]
    pub fn new(max: u64) -> Self {
        Self { buckets: VecDeque::new(), max }
    }

    /// Calls allowed in 24 hours.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Changes the maximum.
    pub fn set_max(&mut self, max: u64) {
        self.max = max;
    }

    /// Sets the count, as if that many calls had just been made.
    pub fn set_used(&mut self, used: u64, now: i64) {
        self.buckets.clear();
        self.buckets.push_back((now.div_euclid(BUCKET_SECONDS), used));
    }

    /// Calls of the last 24 hours.
    pub fn used(&mut self, now: i64) -> u64 {
        let oldest = now.div_euclid(BUCKET_SECONDS) - BUCKETS;
        while self.buckets.front().is_some_and(|(hour, _)| *hour <= oldest) {
            self.buckets.pop_front();
        }
        self.buckets.iter().map(|(_, n)| n).sum()
    }

    /// Counts one call; false when the maximum is used up, and then it is not counted.
    pub fn take(&mut self, now: i64) -> bool {
        if self.used(now) >= self.max {
            return false;
        }
        let hour = now.div_euclid(BUCKET_SECONDS);
        match self.buckets.back_mut() {
            Some((last, n)) if *last == hour => *n += 1,
            Some(_) | None => self.buckets.push_back((hour, 1)),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn calls_count_for_24_hours() {
        let mut usage = Usage::new(2);
        assert!(usage.take(0) && usage.take(10));
        assert!(!usage.take(20), "the maximum refuses");
        assert_eq!(usage.used(20), 2);
        assert!(!usage.take(23 * 3_600));
        assert!(usage.take(25 * 3_600), "the window rolls");
    }
}
