//! A slot that does not continue where landing ends: what it is, and the operator's word that the source may go on behind it.
//!
//! The start refuses a gap, so nothing runs when these commands are needed. Where something runs all the same they refuse:
//! accepting takes the writer's epoch, which would end the running instance.

use covenant_model::codec::EntityCodec;
use serde_json::{Value, json};

use super::config::Config;
use super::jobs;
use super::start::{Started, Store, start};
use crate::capture::{CaptureLane, Limits};
use crate::env::Env;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::{AcceptedGap, Landing, SourcePosition};
use crate::source::postgres::lineage::Start;
use crate::source::postgres::{gap, stream};

/// What `gap show` found.
pub struct Shown {
    /// For people and machines.
    pub answer: Value,
    /// Whether there is a gap.
    pub gap: bool,
}

/// Says whether the slot continues where landing ends, and if not, why.
///
/// # Errors
/// `Config` without a database; `Unavailable`.
pub async fn show(config: &Config, codecs: Vec<Box<dyn EntityCodec>>) -> Result<Shown> {
    let started = start(config, codecs, Env::system())?;
    let (store, landed) = landed(&started).await?;
    let (identity, found) =
        stream::inspect(&store.endpoint, &store.settings, landed.as_ref()).await?;
    let (gap, what) = match found {
        Start::Gap(gap) => (true, gap.to_string()),
        Start::Create => (false, "nothing has been landed yet; the start creates the slot".into()),
        Start::Fresh(_) | Start::Resume(_) => {
            (false, "the slot continues where landing ends".to_owned())
        }
        Start::Fenced { pid } => (false, format!("the slot is being read (server process {pid})")),
        Start::Misfit { why } => (false, format!("the slot is used for {why}")),
    };
    let next =
        gap.then_some("find out why; then `covenant-runtime gap accept --reason ...`, and start");
    let answer = json!({
        "system": store.system,
        "gap": gap,
        "what": what,
        "landed": landed,
        "log_ends_at": identity.flushed.to_string(),
        "next": next,
    });
    Ok(Shown { answer, gap })
}

/// Makes the slot usable, and lands in one commit: the raised incarnation, every table to be read again, and who accepted the
/// gap, when and why.
///
/// # Errors
/// `Config` where there is no gap, or where a runtime is running; those of the database and of landing.
pub async fn accept(
    config: &Config,
    codecs: Vec<Box<dyn EntityCodec>>,
    who: &str,
    why: &str,
) -> Result<Value> {
    refuse_beside_a_runtime(config).await?;
    let started = start(config, codecs, Env::system())?;
    let (store, landed) = landed(&started).await?;
    let Some(before) = landed else {
        return Err(no_gap("nothing has been landed yet"));
    };
    let (_, found) = stream::inspect(&store.endpoint, &store.settings, Some(&before)).await?;
    let what = match found {
        Start::Gap(gap) => gap.to_string(),
        Start::Create | Start::Fresh(_) | Start::Resume(_) => {
            return Err(no_gap("the slot continues where landing ends"));
        }
        // Told with its reason by what accepts.
        Start::Fenced { .. } | Start::Misfit { .. } => String::new(),
    };
    let after = gap::accept(&store.endpoint, &store.settings, &before).await?;
    let mut lane = CaptureLane::open(
        started.registry.clone(),
        started.protector.clone(),
        started.landing.clone(),
        started.env.clock.clone(),
        Limits::default(),
    )
    .await?;
    let loads: Vec<(String, String)> = jobs::initial(&started.manifest, &store.system)
        .into_iter()
        .map(|job| (job.id, job.entity))
        .collect();
    let at_us = started.env.clock.now_us();
    let (system, who, why) = (store.system.clone(), who.to_owned(), why.to_owned());
    let record = AcceptedGap { system, what, before, after: after.clone(), who, why, at_us };
    lane.accept_gap(record, &loads)?;
    let committed = lane.commit().await?;
    let entities: Vec<&str> = loads.iter().map(|(_, entity)| entity.as_str()).collect();
    Ok(json!({
        "accepted": true,
        "landing_commit": committed.map(|committed| committed.number),
        "goes_on_at": after,
        "read_again": entities,
        "next": "start the runtime; it reads the tables again, and then finds the deletes that fell \
                 into the gap by a reconciliation of its own",
    }))
}

async fn landed(started: &Started) -> Result<(&Store, Option<SourcePosition>)> {
    let store = started.store.as_ref().ok_or_else(|| {
        let what = "no database is configured";
        RuntimeError::new(ErrorKind::Config, "gap", what, "Set COVENANT_STORE_URL.")
    })?;
    let newest = started.landing.newest().await?;
    let position = newest.and_then(|commit| commit.positions.get(&store.system).cloned());
    Ok((store, position))
}

async fn refuse_beside_a_runtime(config: &Config) -> Result<()> {
    if tokio::net::TcpStream::connect(config.http).await.is_err() {
        return Ok(());
    }
    Err(RuntimeError::new(
        ErrorKind::Config,
        "gap",
        format!("something listens at {}: a runtime is running", config.http),
        "Stop it first: accepting a gap takes the writer's place.",
    ))
}

fn no_gap(what: &str) -> RuntimeError {
    RuntimeError::new(ErrorKind::Config, "gap", what, "There is no gap to accept: just start.")
}
