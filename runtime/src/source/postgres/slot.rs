//! Reads and creates the replication slot, over the replication session that then streams from it: what is read before the
//! start describes the server that the stream opens on.

use covenant_model::version::Lsn;
use pgwire_replication::{QueryRow, ReplicationClient};

use super::connect::Endpoint;
use super::lineage::{Identity, SlotState};
use super::sql::literal;
use crate::error::{ErrorKind, Result, RuntimeError};

/// How long creating a slot waits for the transactions that were running before it.
pub const CREATE_WAIT: &str = "60s";

/// A name that needs no quoting in replication commands. (PostgreSQL allows no others for slots.)
///
/// # Errors
/// `Config`.
pub fn check_name(place: &str, name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=63).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(RuntimeError::new(
        ErrorKind::Config,
        place,
        format!("`{name}` is no name for a replication slot"),
        "Use up to 63 lower-case letters, digits and underscores",
    ))
}

/// `IDENTIFY_SYSTEM`.
///
/// # Errors
/// As the server answers.
pub async fn identify(endpoint: &Endpoint, session: &mut ReplicationClient) -> Result<Identity> {
    let answer = session.identify_system().await.map_err(|error| endpoint.wire_error(&error))?;
    Ok(Identity {
        system_id: answer.system_id,
        timeline: answer.timeline,
        flushed: Lsn(answer.xlogpos.0),
    })
}

/// The slot's row; none where there is no slot of the name.
///
/// # Errors
/// As the server answers.
pub async fn state(
    endpoint: &Endpoint,
    session: &mut ReplicationClient,
    slot: &str,
) -> Result<Option<SlotState>> {
    let sql = format!(
        "SELECT plugin, database, active_pid, confirmed_flush_lsn, restart_lsn, wal_status \
         FROM pg_catalog.pg_replication_slots WHERE slot_name = {}",
        literal(slot)
    );
    let rows = query(endpoint, session, &sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let lsn = |text: Option<String>| match text {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|error| unreadable(endpoint, &error)),
    };
    Ok(Some(SlotState {
        plugin: text(row, 0),
        database: text(row, 1),
        active_pid: text(row, 2).and_then(|pid| pid.parse().ok()),
        confirmed: lsn(text(row, 3))?,
        restart: lsn(text(row, 4))?,
        wal_status: text(row, 5),
    }))
}

/// Creates the slot, and gives the position from which it streams. The publication must be there already: a slot that is
/// older than its publication cannot be read.
///
/// # Errors
/// `SchemaMismatch` without a publication; `Unavailable` where transactions of others do not end in time.
pub async fn create(
    endpoint: &Endpoint,
    session: &mut ReplicationClient,
    slot: &str,
    publication: &str,
) -> Result<Lsn> {
    let sql =
        format!("SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = {}", literal(publication));
    if query(endpoint, session, &sql).await?.is_empty() {
        return Err(RuntimeError::new(
            ErrorKind::SchemaMismatch,
            endpoint.place(),
            format!(
                "there is no publication {publication} in the database {}",
                endpoint.database()
            ),
            "Deploy the generated SQL, which makes it, then start again",
        ));
    }
    query(endpoint, session, &format!("SET lock_timeout = '{CREATE_WAIT}'")).await?;
    let sql = format!("CREATE_REPLICATION_SLOT {slot} LOGICAL pgoutput NOEXPORT_SNAPSHOT");
    let rows = query(endpoint, session, &sql).await?;
    let point = rows.first().and_then(|row| text(row, 1)).unwrap_or_default();
    point.parse().map_err(|error| unreadable(endpoint, &error))
}

/// Drops a slot that was given up by the server, or never completely created.
///
/// # Errors
/// As the server answers.
pub async fn remove(
    endpoint: &Endpoint,
    session: &mut ReplicationClient,
    slot: &str,
) -> Result<()> {
    query(endpoint, session, &format!("DROP_REPLICATION_SLOT {slot}")).await.map(|_| ())
}

/// The error of a slot that somebody else reads.
pub(super) fn fenced(endpoint: &Endpoint, slot: &str, pid: i32) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Fenced,
        endpoint.place(),
        format!("the slot {slot} is read by somebody else (server process {pid})"),
        "Stop the other reader, or let it be the one",
    )
}

async fn query(
    endpoint: &Endpoint,
    session: &mut ReplicationClient,
    sql: &str,
) -> Result<Vec<QueryRow>> {
    session.simple_query(sql).await.map_err(|error| endpoint.wire_error(&error))
}

fn text(row: &QueryRow, column: usize) -> Option<String> {
    row.get(column)?.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn unreadable(endpoint: &Endpoint, error: &dyn std::fmt::Display) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Bug,
        endpoint.place(),
        format!("the server's answer about the slot cannot be read: {error}"),
        "Report this, with the server's version",
    )
}
