//! What goes wrong during a run, decided by the seed: kills, Salesforce's bad days; and the backfill beside live traffic.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::api::Api;
use super::runtime::Runtime;
use super::screen::Screen;
use super::systems::Crm;
use crate::error::Result;
use crate::salesforce::faults::{Effect, FaultRule, Match, RowFault};

/// The part of the run in which kills happen.
const KILLS_WITHIN: std::ops::Range<f64> = 0.08..0.85;
/// Longest time that the runtime stays dead.
const DEAD_MS_MAX: u64 = 1_500;
/// Wait before a command is repeated to a runtime that is dead or starting.
const COMMAND_RETRY: Duration = Duration::from_millis(500);
/// Share of the run after which the backfill starts.
const BACKFILL_AT: f64 = 0.2;
/// Every n-th record of a call is refused while a rule lasts.
const LOCKED_EVERY: u64 = 17;
const FAILED_EVERY: u64 = 29;

/// When the runtime is killed, and for how long it stays dead.
pub fn kill_times(seed: u64, kills: u32, length: Duration) -> Vec<(Duration, Duration)> {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x00de_ad00);
    let width = (KILLS_WITHIN.end - KILLS_WITHIN.start) / f64::from(kills.max(1));
    (0..kills)
        .map(|nth| {
            // One in each part of the run, so that they do not all fall together.
            let share = KILLS_WITHIN.start + width * (f64::from(nth) + rng.random::<f64>());
            let dead = Duration::from_millis(rng.random_range(0..DEAD_MS_MAX));
            (length.mul_f64(share), dead)
        })
        .collect()
}

/// Kills the runtime at those times.
///
/// # Errors
/// Where it cannot be killed or started again.
pub async fn kill(
    runtime: Runtime,
    times: Vec<(Duration, Duration)>,
    screen: Screen,
) -> Result<()> {
    let started = tokio::time::Instant::now();
    for (at, dead) in times {
        tokio::time::sleep_until(started + at).await;
        runtime.kill()?;
        let ms = dead.as_millis();
        screen.say(&format!("SIGKILL {}: the runtime is dead for {ms} ms", runtime.kills()));
        tokio::time::sleep(dead).await;
        runtime.revive()?;
    }
    Ok(())
}

/// Salesforce's bad days, as (share of the run, what people call it, rule).
pub fn faults() -> Vec<(f64, &'static str, FaultRule)> {
    let writes =
        || Match { path_contains: Some("/composite/sobjects".to_owned()), ..Match::default() };
    let once = || Match { times: Some(1), ..writes() };
    let rows = |code: &str, every, times| FaultRule {
        matches: Match { times: Some(times), ..writes() },
        effect: Effect {
            row_error: Some(RowFault {
                code: code.to_owned(),
                message: None,
                fields: Vec::new(),
                every_nth: Some(every),
                keys: Vec::new(),
            }),
            ..Effect::default()
        },
    };
    let call = |effect| FaultRule { matches: once(), effect };
    vec![
        (0.05, "row locks", rows("UNABLE_TO_LOCK_ROW", LOCKED_EVERY, 25)),
        (0.15, "partial failures", rows("UNKNOWN_EXCEPTION", FAILED_EVERY, 15)),
        (0.30, "a 503", call(Effect { status: Some(503), html: true, ..Effect::default() })),
        (0.45, "an expired token", call(Effect { expire_token: true, ..Effect::default() })),
        (0.55, "a lost reply", call(Effect { lost_reply: true, ..Effect::default() })),
        (
            0.65,
            "a call that runs late",
            call(Effect { late_apply_ms: Some(4_000), ..Effect::default() }),
        ),
        (0.75, "row locks", rows("UNABLE_TO_LOCK_ROW", LOCKED_EVERY, 25)),
    ]
}

/// Scripts the faults at their times.
///
/// # Errors
/// None; the form is that of the other accidents.
pub async fn trouble(crm: &Crm, length: Duration, screen: &Screen) -> Result<()> {
    let started = tokio::time::Instant::now();
    for (share, name, rule) in faults() {
        tokio::time::sleep_until(started + length.mul_f64(share)).await;
        if crm.fault(rule) {
            screen.say(&format!("Salesforce: {name}"));
        }
    }
    Ok(())
}

/// Starts a backfill of old orders, as often as it takes: the runtime may be dead just now.
///
/// # Errors
/// Where the runtime refuses the command.
pub async fn backfill(
    api: &Api,
    length: Duration,
    range: (String, String),
    screen: &Screen,
) -> Result<Value> {
    tokio::time::sleep(length.mul_f64(BACKFILL_AT)).await;
    let body = json!({
        "entity": "sales.order", "column": "placed_at", "from": range.0, "to": range.1,
    });
    loop {
        if let Some(answer) = api.command("/api/backfill", &body).await? {
            screen.say(&format!("backfill of orders placed from {} to {}", range.0, range.1));
            return Ok(answer);
        }
        tokio::time::sleep(COMMAND_RETRY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_follow_from_the_seed_and_keep_within_the_run() {
        let minute = Duration::from_secs(60);
        let times = kill_times(1, 5, minute);
        assert_eq!(times, kill_times(1, 5, minute));
        assert_ne!(times, kill_times(2, 5, minute));
        assert_eq!(times.len(), 5);
        assert!(times.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(times.iter().all(|(at, _)| *at < minute.mul_f64(0.86)));
    }
}
