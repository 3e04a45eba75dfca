//! The real process against a real PostgreSQL and Salesforce's simulator, killed with SIGKILL at random moments, again and
//! again: in the initial load, in the shop's hours, in its own start. Then both targets are compared with the source's tables
//! and the shop's own log, and everything that the process wrote is searched for personal data.
//!
//! `COVENANT_LIVE_KILL_SEED=n cargo test -p covenant-tests --test live_kill` runs the rows, acts and moments of a seed again.
//! Where in its work a moment finds the process is the machine's matter: a replay is likely to fail again, not bound to.
//!
//! | module | what |
//! |---|---|
//! | `world` | source, Salesforce and process in a folder of their own |
//! | `kills` | when the process dies |
//! | `canary` | marked personal data: put in before, searched for behind |

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod canary;
mod kills;
mod world;

use std::time::Duration;

use covenant_tests::runtime_binary::runtime_binary;
use world::Options;

/// Replays one seed.
const SEED_ENV: &str = "COVENANT_LIVE_KILL_SEED";
/// How long the shop is open.
const OPEN: Duration = Duration::from_secs(22);
/// Kills that a run must see.
const KILLS_LEAST: u32 = 8;
/// The whole run, the wait for what Salesforce tells back (20 s) included. What takes longer is stuck.
const BOUND: Duration = Duration::from_secs(420);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_loses_doubles_and_tells_nothing() {
    let seed = match std::env::var(SEED_ENV) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => rand::random::<u32>().into(),
    };
    let replay = format!("replay: {SEED_ENV}={seed} cargo test -p covenant-tests --test live_kill");
    eprintln!("{replay}");
    // Outside of the bound: it may have to be built.
    let program = tokio::task::spawn_blocking(runtime_binary).await.unwrap().unwrap();
    let options = Options { program, seed, open: OPEN, kills_least: KILLS_LEAST };
    match tokio::time::timeout(BOUND, Box::pin(world::run(options))).await {
        Ok(Ok(())) => {}
        Ok(Err(what)) => panic!("{what}\n{replay}"),
        Err(_) => panic!("still running after {} s\n{replay}", BOUND.as_secs()),
    }
}
