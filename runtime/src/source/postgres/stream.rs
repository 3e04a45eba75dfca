//! The stream of committed transactions, over `pgwire-replication`, which keeps the session alive in the background: status
//! updates go out also while the consumer is slow, and report only what was acknowledged.

use std::time::Duration;

use async_trait::async_trait;
use covenant_model::position::Acknowledged;
use covenant_model::version::{Incarnation, Lsn};
use pgwire_replication::ReplicationClient;
use tokio::time::Instant;

use super::assemble::{AssembleError, TRANSACTION_BYTES};
use super::connect::{ADVICE_GAP, Endpoint};
use super::feed::Feed;
use super::lineage::{self, Identity, Landed, Start};
use super::slot;
use crate::env::Clock;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::SourcePosition;
use crate::source::{ChangeStream, StreamItem};

/// How often the server hears what it may forget.
pub const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// Messages that wait for the consumer. A message is one row: with wide rows this is what bounds memory before assembly.
pub const BUFFERED_MESSAGES: usize = 1_024;
/// `wal_sender_timeout` of our sessions, whatever the server's default is. After half of it without a word from us the server asks
/// whether we are there; after all of it, it ends the session.
///
/// That question is also how we know that the server is there, so **an idle stream says nothing by itself**: a session that
/// told its position every second was never asked, and an idle database was taken for a dead connection. What is acknowledged
/// is told within [`STATUS_INTERVAL`] all the same.
pub const SENDER_TIMEOUT: Duration = Duration::from_secs(60);
/// Questions that may stay out before the connection counts as lost: 150 s by default.
const SILENT_QUESTIONS: u32 = 5;
/// How long a consumer that was away for longer than that waits for a sign of life.
const SILENCE_GRACE: Duration = Duration::from_secs(5);
/// How long a start waits for the slot to be let go, as after a crash of ours whose connection the server still serves.
pub const RELEASE_WAIT: Duration = Duration::from_secs(20);
/// Between two looks at a slot that is held.
const RELEASE_LOOK: Duration = Duration::from_millis(250);

/// What to stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// Name of the slot.
    pub slot: String,
    /// Name of the publication.
    pub publication: String,
    /// Largest transaction that is handed out whole, in bytes; and the largest message.
    pub transaction_bytes: usize,
    /// See [`SENDER_TIMEOUT`].
    pub sender_timeout: Duration,
}

impl StreamSettings {
    /// With the default bound.
    pub fn new(slot: impl Into<String>, publication: impl Into<String>) -> Self {
        Self {
            slot: slot.into(),
            publication: publication.into(),
            transaction_bytes: TRANSACTION_BYTES,
            sender_timeout: SENDER_TIMEOUT,
        }
    }

    /// After this long without any message the connection counts as lost.
    fn silence_max(&self) -> Duration {
        self.sender_timeout / 2 * SILENT_QUESTIONS
    }
}

/// An open stream, and where it starts.
pub struct Opened {
    /// The stream.
    pub stream: PostgresStream,
    /// Position to land even before anything has come in; [`StreamItem`]s move its `lsn` forward.
    pub position: SourcePosition,
    /// Whether nothing was landed before: every table must be loaded.
    pub fresh: bool,
}

/// The stream of one slot.
pub struct PostgresStream {
    endpoint: Endpoint,
    session: ReplicationClient,
    feed: Feed,
    silence_max: Duration,
    heard_at: Instant,
    /// Set once the silence is too long; see [`SILENCE_GRACE`].
    last_chance: Option<Instant>,
}

/// Checks the lineage, creates the slot on the very first start, and opens the stream at the durable position. `landed` is
/// the source's position in the newest landing commit.
///
/// # Errors
/// `Gap` where the slot does not continue landing, `Fenced` where somebody else reads it, `Credentials`, `Config`,
/// `SchemaMismatch` without a publication, `Unavailable`.
pub async fn open(
    endpoint: &Endpoint,
    settings: &StreamSettings,
    landed: Option<&SourcePosition>,
    clock: &dyn Clock,
) -> Result<Opened> {
    slot::check_name(endpoint.place(), &settings.slot)?;
    let landed =
        landed.map(|position| Landed::from_position(endpoint.place(), position)).transpose()?;
    // A session's start position is fixed when it connects, so the check has a session of its own; the one that streams
    // checks again that it is the same server.
    let mut session = session(endpoint, settings, Lsn(0)).await?;
    let (identity, start) =
        check_start(endpoint, settings, landed.as_ref(), &mut session, clock).await?;
    let lsn = match start {
        Start::Create => {
            slot::create(endpoint, &mut session, &settings.slot, &settings.publication).await?
        }
        Start::Fresh(lsn) | Start::Resume(lsn) => lsn,
        Start::Gap(gap) => {
            return Err(RuntimeError::new(ErrorKind::Gap, endpoint.place(), gap, ADVICE_GAP));
        }
        Start::Fenced { pid } => return Err(slot::fenced(endpoint, &settings.slot, pid)),
        Start::Misfit { why } => {
            return Err(RuntimeError::new(
                ErrorKind::Config,
                endpoint.place(),
                format!("the slot {} is already used for {why}", settings.slot),
                "Name a slot of its own for this source",
            ));
        }
    };
    drop(session);
    let session = start_at(endpoint, settings, lsn, &identity).await?;
    let position = SourcePosition::Postgres {
        incarnation: landed.as_ref().map_or(Incarnation::FIRST, |landed| landed.incarnation),
        system_id: identity.system_id,
        timeline: identity.timeline,
        slot: settings.slot.clone(),
        lsn,
    };
    let stream = PostgresStream {
        endpoint: endpoint.clone(),
        session,
        feed: Feed::new(lsn, settings.transaction_bytes),
        silence_max: settings.silence_max(),
        heard_at: Instant::now(),
        last_chance: None,
    };
    Ok(Opened { stream, position, fresh: landed.is_none() })
}

/// The start check alone: for `doctor`, and for an operator who wants to know what accepting a gap would mean.
///
/// # Errors
/// Where the server cannot be asked.
pub async fn inspect(
    endpoint: &Endpoint,
    settings: &StreamSettings,
    landed: Option<&SourcePosition>,
) -> Result<(Identity, Start)> {
    slot::check_name(endpoint.place(), &settings.slot)?;
    let landed =
        landed.map(|position| Landed::from_position(endpoint.place(), position)).transpose()?;
    let mut session = session(endpoint, settings, Lsn(0)).await?;
    look(endpoint, settings, landed.as_ref(), &mut session).await
}

async fn look(
    endpoint: &Endpoint,
    settings: &StreamSettings,
    landed: Option<&Landed>,
    session: &mut ReplicationClient,
) -> Result<(Identity, Start)> {
    let state = slot::state(endpoint, session, &settings.slot).await?;
    let identity = slot::identify(endpoint, session).await?;
    let database = endpoint.database();
    let start = lineage::check(landed, &settings.slot, database, state.as_ref(), &identity);
    Ok((identity, start))
}

/// Looks until the slot is free, at most [`RELEASE_WAIT`].
async fn check_start(
    endpoint: &Endpoint,
    settings: &StreamSettings,
    landed: Option<&Landed>,
    session: &mut ReplicationClient,
    clock: &dyn Clock,
) -> Result<(Identity, Start)> {
    let mut looks = RELEASE_WAIT.as_millis() / RELEASE_LOOK.as_millis();
    loop {
        let found = look(endpoint, settings, landed, session).await?;
        match found.1 {
            Start::Fenced { .. } if looks > 0 => {
                looks -= 1;
                clock.sleep(RELEASE_LOOK).await;
            }
            Start::Create
            | Start::Fresh(_)
            | Start::Resume(_)
            | Start::Gap(_)
            | Start::Fenced { .. }
            | Start::Misfit { .. } => return Ok(found),
        }
    }
}

/// A replication session that has not started to stream.
pub(super) async fn session(
    endpoint: &Endpoint,
    settings: &StreamSettings,
    at: Lsn,
) -> Result<ReplicationClient> {
    let config = endpoint
        .replication(&settings.slot, &settings.publication, settings.sender_timeout)
        .with_start_lsn(pgwire_replication::Lsn(at.0))
        .with_status_interval(STATUS_INTERVAL)
        .with_wakeup_interval(settings.sender_timeout)
        .with_buffer_size(BUFFERED_MESSAGES)
        .with_max_message_size(settings.transaction_bytes);
    ReplicationClient::connect_gated(config).await.map_err(|error| endpoint.wire_error(&error))
}

async fn start_at(
    endpoint: &Endpoint,
    settings: &StreamSettings,
    lsn: Lsn,
    expected: &Identity,
) -> Result<ReplicationClient> {
    let wire = |error| endpoint.wire_error(&error);
    let mut session = session(endpoint, settings, lsn).await?;
    let found = slot::identify(endpoint, &mut session).await?;
    let state = slot::state(endpoint, &mut session, &settings.slot).await?;
    let same = found.system_id == expected.system_id && found.timeline == expected.timeline;
    let confirmed = state.and_then(|state| state.confirmed);
    if !same || confirmed.is_none_or(|confirmed| confirmed > lsn) {
        return Err(RuntimeError::new(
            ErrorKind::Unavailable,
            endpoint.place(),
            "the server or its slot changed between the start check and the start",
            "It is checked again",
        ));
    }
    session.start().await.map_err(wire)?;
    session.wait_started().await.map_err(wire)?;
    Ok(session)
}

#[async_trait]
impl ChangeStream for PostgresStream {
    async fn next(&mut self) -> Result<StreamItem> {
        loop {
            let deadline = self.silence_deadline();
            let event = match tokio::time::timeout_at(deadline, self.session.recv()).await {
                Err(_) => {
                    let silent = format!("the server has been silent for {:?}", self.silence_max);
                    return Err(self.ended(&silent));
                }
                Ok(Ok(None)) => return Err(self.ended("the server has ended the stream")),
                Ok(Ok(Some(event))) => event,
                Ok(Err(error)) => return Err(self.endpoint.wire_error(&error)),
            };
            self.heard_at = Instant::now();
            self.last_chance = None;
            match self.feed.take(event) {
                Ok(None) => {}
                Ok(Some(item)) => return Ok(item),
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }

    async fn acknowledge(&mut self, to: Acknowledged) -> Result<()> {
        if to.0 > self.feed.delivered() {
            return Err(RuntimeError::new(
                ErrorKind::Bug,
                self.endpoint.place(),
                format!(
                    "{} was to be acknowledged, but only {} was delivered",
                    to.0,
                    self.feed.delivered()
                ),
                "Report this",
            ));
        }
        self.session.update_applied_lsn(pgwire_replication::Lsn(to.0.0));
        Ok(())
    }
}

impl PostgresStream {
    /// Kept over calls: a consumer that asks again and again must notice the silence as well.
    fn silence_deadline(&mut self) -> Instant {
        let now = Instant::now();
        let deadline = self.heard_at + self.silence_max;
        if now < deadline {
            return deadline;
        }
        *self.last_chance.get_or_insert(now + SILENCE_GRACE)
    }

    fn ended(&self, what: &str) -> RuntimeError {
        RuntimeError::new(
            ErrorKind::Unavailable,
            self.endpoint.place(),
            what,
            "It is opened again at the durable position",
        )
    }

    fn broken(&self, error: &AssembleError) -> RuntimeError {
        let (kind, advice) = match error {
            AssembleError::Decode(_)
            | AssembleError::Order { .. }
            | AssembleError::NoRelation { .. }
            | AssembleError::Columns { .. } => (
                ErrorKind::Corrupt,
                "Nothing of it was landed. Report this, with the server's version",
            ),
        };
        RuntimeError::new(kind, self.endpoint.place(), error, advice)
    }
}
