//! When the process dies: lives from a few milliseconds to a few seconds, so that starts and steady work are both hit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use covenant_sandbox::demo::runtime::Runtime;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// One life in so many ends while the process still starts.
const SHORT_ONE_IN: u32 = 4;
/// Length of such a life, in milliseconds.
const SHORT_MS: std::ops::Range<u64> = 20..700;
/// Length of the others, in milliseconds.
const LONG_MS: std::ops::Range<u64> = 900..3_200;
/// How long it stays dead, in milliseconds.
const DEAD_MS: std::ops::Range<u64> = 0..250;

/// Kills and starts until it is told to stop **and** has killed often enough; the process is left alive.
pub(crate) async fn kill(
    runtime: &Runtime,
    seed: u64,
    least: u32,
    open: &AtomicBool,
) -> Result<(), String> {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x6b69_6c6c);
    let mut pause = |range| Duration::from_millis(rng.random_range(range));
    let mut lives = 0;
    while open.load(Ordering::Relaxed) || runtime.kills() < least {
        lives += 1;
        let short = lives % SHORT_ONE_IN == 0;
        tokio::time::sleep(pause(if short { SHORT_MS } else { LONG_MS })).await;
        runtime.kill().map_err(|error| error.to_string())?;
        tokio::time::sleep(pause(DEAD_MS)).await;
        runtime.revive().map_err(|error| error.to_string())?;
    }
    Ok(())
}
