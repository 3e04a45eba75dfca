//! Everything that a seed decides: dice, the clock, and the faults of every system.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use covenant_runtime::env::{Chance, Clock, Env};
use covenant_runtime::fault::{Fault, Faults};

/// 2026-01-02 in UTC, microseconds since 1970: where every simulation begins.
pub(crate) const START_US: i64 = 1_767_312_000_000_000;

/// SplitMix64.
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(seed)))
    }

    /// A number below `limit`, which is not zero.
    pub(crate) fn below(&self, limit: usize) -> usize {
        (self.next_u64() % limit.max(1) as u64) as usize
    }

    /// True once in `times`.
    pub(crate) fn once_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of them; none of none.
    pub(crate) fn pick<T: Clone>(&self, all: &[T]) -> Option<T> {
        all.get(self.below(all.len())).cloned()
    }
}

impl Chance for Dice {
    fn next_u64(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// A clock that the scheduler moves.
pub(crate) struct Hand {
    true_us: Arc<AtomicI64>,
    /// How far this machine's clock is off. The polls of the CRM bear as much as their lag.
    skew_us: AtomicI64,
}

impl Hand {
    pub(crate) fn new(true_us: Arc<AtomicI64>) -> Arc<Self> {
        Arc::new(Self { true_us, skew_us: AtomicI64::new(0) })
    }

    pub(crate) fn advance(&self, us: i64) {
        self.true_us.fetch_add(us, Ordering::Relaxed);
    }

    /// The clock jumps, forwards or backwards.
    pub(crate) fn skew(&self, us: i64) {
        self.skew_us.store(us, Ordering::Relaxed);
    }

    pub(crate) fn env(self: &Arc<Self>, dice: &Arc<Dice>) -> Env {
        Env { clock: Arc::clone(self) as Arc<dyn Clock>, chance: Arc::clone(dice) as _ }
    }

    /// The environment of a system whose clock is right.
    pub(crate) fn org_env(&self, dice: &Arc<Dice>) -> Env {
        let clock = Self::new(Arc::clone(&self.true_us));
        Env { clock, chance: Arc::clone(dice) as _ }
    }
}

#[async_trait]
impl Clock for Hand {
    fn now_us(&self) -> i64 {
        self.true_us.load(Ordering::Relaxed) + self.skew_us.load(Ordering::Relaxed)
    }

    async fn sleep(&self, time: Duration) {
        self.advance(time.as_micros() as i64);
    }
}

/// Calls in 16 that are refused, calls in 16 whose reply is lost, and rows in 16 that are locked.
pub(crate) struct Trouble {
    dice: Arc<Dice>,
    on: AtomicBool,
    rates: [usize; 3],
}

impl Trouble {
    pub(crate) fn new(dice: Arc<Dice>) -> Arc<Self> {
        // A calm world reaches further than one where everything fails: both are wanted.
        let most = dice.below(4);
        let rates = std::array::from_fn(|_| dice.below(most + 1));
        Arc::new(Self { dice, on: AtomicBool::new(true), rates })
    }

    pub(crate) fn end(&self) {
        self.on.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }
}

impl Faults for Trouble {
    fn at(&self, _: &str) -> Fault {
        if !self.is_on() {
            return Fault::None;
        }
        let drawn = self.dice.below(16);
        if drawn < self.rates[0] {
            Fault::Refused
        } else if drawn < self.rates[0] + self.rates[1] {
            Fault::ReplyLost
        } else {
            Fault::None
        }
    }

    fn row(&self, _: &str, _: &str) -> bool {
        self.is_on() && self.dice.below(16) < self.rates[2]
    }
}
