//! Accepting a gap: what an operator does once it is known why the slot does not continue.

use covenant_model::version::Lsn;
use pgwire_replication::ReplicationClient;

use super::connect::Endpoint;
use super::lineage::{Landed, SlotState, Start, check, raise_incarnation};
use super::slot;
use super::stream::{StreamSettings, session};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::SourcePosition;

/// Makes the slot usable (creates it, or recreates one that was given up), and returns the position to land: the next
/// incarnation, from where the slot now streams. The caller commits it **together with a backfill of every table of the
/// source**: rows may have been missed. Deletes that fell into the gap are found by reconciliation.
///
/// Safe to repeat: until its result is landed, the gap is still there.
///
/// # Errors
/// `Config` where there is no gap, `Fenced` where somebody reads the slot, `SchemaMismatch` without a publication,
/// `Unavailable`.
pub async fn accept(
    endpoint: &Endpoint,
    settings: &StreamSettings,
    landed: &SourcePosition,
) -> Result<SourcePosition> {
    slot::check_name(endpoint.place(), &settings.slot)?;
    let before = Landed::from_position(endpoint.place(), landed)?;
    let mut session = session(endpoint, settings, Lsn(0)).await?;
    let state = slot::state(endpoint, &mut session, &settings.slot).await?;
    let identity = slot::identify(endpoint, &mut session).await?;
    let database = endpoint.database();
    match check(Some(&before), &settings.slot, database, state.as_ref(), &identity) {
        Start::Gap(_) => {}
        Start::Create | Start::Fresh(_) | Start::Resume(_) => {
            return Err(refuse(
                endpoint,
                "the slot continues where landing ends",
                "There is no gap to accept: just start",
            ));
        }
        Start::Misfit { why } => {
            return Err(refuse(
                endpoint,
                &format!("the slot {} is already used for {why}", settings.slot),
                "Name a slot of its own for this source",
            ));
        }
        Start::Fenced { pid } => return Err(slot::fenced(endpoint, &settings.slot, pid)),
    }
    let starts_at = usable(endpoint, settings, &mut session, state).await?;
    raise_incarnation(endpoint.place(), landed, &settings.slot, starts_at, &identity)
}

/// The position from which the slot streams.
async fn usable(
    endpoint: &Endpoint,
    settings: &StreamSettings,
    session: &mut ReplicationClient,
    state: Option<SlotState>,
) -> Result<Lsn> {
    if let Some(state) = state {
        if let Some(pid) = state.active_pid {
            return Err(slot::fenced(endpoint, &settings.slot, pid));
        }
        let lost = state.wal_status.as_deref() == Some("lost") || state.restart.is_none();
        match state.confirmed {
            Some(confirmed) if !lost => return Ok(confirmed),
            Some(_) | None => slot::remove(endpoint, session, &settings.slot).await?,
        }
    }
    slot::create(endpoint, session, &settings.slot, &settings.publication).await
}

fn refuse(endpoint: &Endpoint, what: &str, advice: &str) -> RuntimeError {
    RuntimeError::new(ErrorKind::Config, endpoint.place(), what, advice)
}
