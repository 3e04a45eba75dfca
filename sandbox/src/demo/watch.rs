//! Follows the runtime's status for the bars, notes when landing commits become visible, and waits until all is quiet.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::api::{Api, Status};
use super::runtime::Runtime;
use super::screen::{Bar, Screen};
use crate::error::{At, Result, SandboxError};
use crate::shop::log::now_us;
use crate::verify::freshness::Seen;

/// How often the status is read: also how exactly the moment of visibility is known.
const POLL: Duration = Duration::from_millis(150);
/// Listened for longer than a round of polling Salesforce (10 s, and 3 s of lag): the last edit there has come back too.
pub const LISTEN_AT_LEAST: Duration = Duration::from_secs(17);
/// Nothing open and nothing new for this long: a lane looks for work several times in it.
const QUIET_FOR: Duration = Duration::from_secs(3);

/// The last status, and when what became visible.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    last: Arc<Mutex<Option<Status>>>,
    seen: Arc<Mutex<Seen>>,
}

impl Watched {
    /// The last status; none while the runtime is dead.
    pub fn status(&self) -> Option<Status> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When landing commits were first seen in the warehouse.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, status: Option<Status>) {
        if let Some(commit) = status.as_ref().and_then(|status| status.lane_commit("apply")) {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).note(commit, now_us());
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

/// Bars of the lanes and of the backfill.
struct Bars {
    capture: Bar,
    apply: Bar,
    deliver: Bar,
    backfill: Bar,
}

/// Polls until it is dropped; also notices when the runtime ends by itself, and starts it again.
///
/// # Errors
/// Where the runtime keeps ending.
pub async fn follow(api: Api, runtime: Runtime, watched: Watched, screen: Screen) -> Result<()> {
    let bars = Bars {
        capture: screen.bar("capture", 0),
        apply: screen.bar("warehouse", 1),
        deliver: screen.bar("salesforce", 1),
        backfill: screen.bar("table reads", 1),
    };
    loop {
        if let Some(status) = runtime.supervise()? {
            screen.say(&format!("the runtime ended by itself ({status}); it is started again"));
            tokio::time::sleep(Duration::from_secs(1)).await;
            runtime.revive()?;
        }
        let status = api.status().await;
        if let Some(status) = &status {
            bars.show(status);
        } else {
            bars.capture.tell("the runtime is down");
        }
        watched.note(status);
        tokio::time::sleep(POLL).await;
    }
}

impl Bars {
    fn show(&self, status: &Status) {
        let landed: u64 = status.changes.values().sum();
        let troubled: Vec<String> = status
            .lanes
            .iter()
            .filter(|(_, lane)| matches!(lane.state.as_str(), "retrying" | "parked"))
            .map(|(name, lane)| {
                format!("{name} {}: {}", lane.state, lane.last_error.as_deref().unwrap_or(""))
            })
            .collect();
        self.capture.tell(&format!(
            "landing commit {}, {landed} changes since start {}",
            status.landing_commit,
            troubled.join("; ")
        ));
        self.apply.set(status.lane_commit("apply").unwrap_or(0), status.landing_commit);
        let rows: u64 = status.delivery.values().map(|rows| rows.rows).sum();
        let waiting = status.waiting();
        let parked: u64 = status.delivery.values().map(|rows| rows.parked).sum();
        let refused: u64 = status.delivery.values().map(|rows| rows.quarantined).sum();
        self.deliver.set(rows.saturating_sub(waiting), rows);
        self.deliver.tell(&format!("{waiting} waiting, {parked} parked, {refused} refused"));
        let read: u64 = status.backfills.values().map(|job| job.rows).sum();
        let all: u64 = status.backfills.values().map(|job| job.rows_estimated.max(job.rows)).sum();
        self.backfill.set(read, all);
        let running = status.backfills.values().filter(|job| job.state != "done");
        let running: Vec<String> =
            running.map(|job| format!("{} {}", job.entity, job.state)).collect();
        self.backfill.tell(&running.join(", "));
    }
}

/// Waits until the runtime says that it is ready.
///
/// # Errors
/// Where that takes longer than `bound`.
pub async fn ready(api: &Api, runtime: &Runtime, bound: Duration) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < bound {
        if api.ready().await {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    Err(runtime.failed(&format!("it was not ready after {} s", bound.as_secs())))
}

/// Waits until everything that the source has committed before this call has reached both targets, `listen` has passed since
/// the call, and nothing has moved of late.
///
/// # Errors
/// Where that takes longer than `bound`: tells what was still open.
pub async fn quiet(
    source: &Client,
    watched: &Watched,
    listen: Duration,
    bound: Duration,
    bar: &Bar,
) -> Result<()> {
    let written = source.query_one("SELECT pg_current_wal_insert_lsn()::text", &[]).await.at(
        "source database",
        "its position cannot be read",
        "",
    )?;
    let written: String = written.get(0);
    // The position can lie behind a page's header that is not written yet: a log that stands still never passes it.
    let moved_on = "SELECT pg_logical_emit_message(true, 'demo', 'quiet')::text";
    source.query_one(moved_on, &[]).await.at("source database", "its log does not move", "")?;
    let started = Instant::now();
    let mut quiet_since: Option<Instant> = None;
    let mut landed = Landed::default();
    let mut open = "the runtime never answered".to_owned();
    while started.elapsed() < bound {
        match still_open(source, watched.status(), &written, &mut landed).await? {
            Some(what) => {
                bar.tell(&what);
                open = what;
                quiet_since = None;
            }
            None => {
                bar.tell("nothing; listening whether it stays so");
                let since = *quiet_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= QUIET_FOR && started.elapsed() >= listen {
                    return Ok(());
                }
            }
        }
        tokio::time::sleep(POLL).await;
    }
    let what = format!("not quiet after {} s: {open}", bound.as_secs());
    Err(SandboxError::new("demo", what, "See the runtime's log."))
}

/// What has been landed. Commits without a record in them go on for ever, one a round of polling: they are nothing to wait for.
#[derive(Default)]
struct Landed {
    /// Fencing token of the process and how many records it has landed, refused ones too.
    records: (u64, u64),
    /// The commit that both lanes must have passed.
    must_pass: u64,
}

impl Landed {
    /// Whether there is more than at the previous look.
    fn moved(&mut self, status: &Status) -> bool {
        let changes: u64 = status.changes.values().sum();
        let refused: u64 = status.quarantined.values().sum();
        let records = (status.epoch, changes + refused);
        let moved = records != self.records;
        if moved {
            *self = Self { records, must_pass: status.landing_commit };
        }
        moved
    }
}

/// What is still open.
async fn still_open(
    source: &Client,
    status: Option<Status>,
    written: &str,
    landed: &mut Landed,
) -> Result<Option<String>> {
    let Some(status) = status else { return Ok(Some("the runtime is down".to_owned())) };
    if landed.moved(&status) {
        return Ok(Some("records are still coming in".to_owned()));
    }
    let must_pass = landed.must_pass;
    let slot = source
        .query_opt(
            "SELECT confirmed_flush_lsn >= $1::text::pg_lsn FROM pg_replication_slots \
             WHERE database = current_database() AND slot_type = 'logical' AND active",
            &[&written],
        )
        .await
        .at("source database", "its slots cannot be read", "")?;
    if !slot.is_some_and(|row| row.get::<_, Option<bool>>(0).unwrap_or(false)) {
        return Ok(Some("the slot has not passed the last commit".to_owned()));
    }
    if !status.backfills_done() {
        return Ok(Some("a table is still being read".to_owned()));
    }
    for lane in ["apply", "deliver"] {
        match status.lane_commit(lane) {
            None => return Ok(Some(format!("there is no lane {lane}"))),
            Some(commit) if commit < must_pass => {
                return Ok(Some(format!("lane {lane} is at commit {commit} of {must_pass}")));
            }
            Some(_) => {}
        }
    }
    let waiting = status.waiting();
    let held: Vec<String> =
        status.held_by_breaker.iter().map(|(entity, rows)| format!("{rows} of {entity}")).collect();
    let held = match held.is_empty() {
        true => String::new(),
        false => format!("; the mass-change breaker holds {}", held.join(", ")),
    };
    Ok((waiting > 0).then(|| format!("{waiting} records wait for Salesforce{held}")))
}
