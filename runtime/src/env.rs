//! Time and chance, injected: nothing else in the runtime reads a clock or draws a random number.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

/// The only clock. Used for freshness, timeouts and backoff; never to order changes.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Microseconds since 1970 in UTC.
    fn now_us(&self) -> i64;

    /// Waits.
    async fn sleep(&self, time: Duration);
}

/// The only source of random numbers. Used for jitter and tokens.
pub trait Chance: Send + Sync {
    /// A random number.
    fn next_u64(&self) -> u64;
}

/// Both.
#[derive(Clone)]
pub struct Env {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The dice.
    pub chance: Arc<dyn Chance>,
}

impl Env {
    /// The machine's clock and random numbers.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), chance: Arc::new(SystemChance) }
    }
}

/// The machine's clock.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        jiff::Timestamp::now().as_microsecond()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// The machine's random numbers.
pub struct SystemChance;

impl Chance for SystemChance {
    fn next_u64(&self) -> u64 {
        rand::random()
    }
}

/// First wait after a failure that may heal.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// Longest wait between two attempts.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Decorrelated jitter: each wait is drawn between the first wait and three times the last one.
#[derive(Clone, Debug)]
pub struct Backoff {
    last: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { last: BACKOFF_FIRST }
    }
}

impl Backoff {
    /// The next wait, at most [`BACKOFF_MAX`].
    pub fn next(&mut self, chance: &dyn Chance) -> Duration {
        let low = BACKOFF_FIRST.as_millis() as u64;
        let high = (self.last.as_millis() as u64).saturating_mul(3).max(low + 1);
        let wait = Duration::from_millis(low + chance.next_u64() % (high - low));
        self.last = wait.min(BACKOFF_MAX);
        self.last
    }

    /// After a success.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}
