//! What the lane accepts beside PostgreSQL's changes: events, polled Salesforce records, and quarantined records once more.

use std::collections::BTreeMap;

use covenant_model::record::Violation;
use covenant_model::version::Incarnation;

use super::batch::BatchSeq;
use super::dedup::EventDigest;
use super::derive::Derived;
use super::input::{CrmInput, EventInput};
use super::lane::CaptureLane;
use crate::crm::ModifiedRecord;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::{AcceptedGap, Quarantined, Resolution, Settled, SourcePosition};

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    /// Its changes are in the batch.
    Accepted,
    /// The very same bytes came before; the batch named by [`EventsAccepted::batch`] is not older than theirs.
    Duplicate,
    /// At least one entity refused it; it is in quarantine, as durable as the rest.
    Quarantined,
}

/// What became of several events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsAccepted {
    /// Once this batch is durable, all of them are.
    pub batch: BatchSeq,
    /// In order.
    pub outcomes: Vec<EventOutcome>,
}

/// Events of one stream that are derived, and not accepted yet.
pub(super) struct PreparedEvents {
    /// Of the stream's position.
    name: String,
    derived: Derived,
    bytes: usize,
    /// Digests of those that did not come before.
    fresh: Vec<EventDigest>,
    accepted: EventsAccepted,
}

impl CaptureLane {
    /// Events of a stream, in order of arrival.
    ///
    /// # Errors
    /// `Rejected` where nobody listens to the stream; protection errors: none of the events is then accepted.
    pub fn accept_events(
        &mut self,
        stream: &str,
        events: &[bytes::Bytes],
    ) -> Result<EventsAccepted> {
        let received_at_us = self.clock.now_us();
        match self.prepare_events(stream, events, received_at_us)? {
            Some(prepared) => Ok(self.take_events(prepared)),
            None => Err(unknown_stream(stream)),
        }
    }

    /// What events of a stream come to; nothing is accepted yet. None where nobody listens to the stream.
    ///
    /// # Errors
    /// Protection errors.
    pub(super) fn prepare_events(
        &self,
        stream: &str,
        events: &[bytes::Bytes],
        received_at_us: i64,
    ) -> Result<Option<PreparedEvents>> {
        let registry = self.registry();
        let Some((system, bindings)) = registry.on_stream(stream) else { return Ok(None) };
        let name = stream_position_name(system, stream);
        let (incarnation, _) = self.stream(&name);
        let mut whole = Derived::default();
        let mut accepted = EventsAccepted { batch: BatchSeq(0), outcomes: Vec::new() };
        let mut fresh = Vec::new();
        let mut bytes = 0;
        for json in events {
            let digest = self.deriver.protector().short_digest(&[stream.as_bytes(), json]);
            let seen = self.window.seen(&digest);
            if let Some(batch) = seen.or_else(|| fresh.contains(&digest).then_some(self.open.seq)) {
                accepted.batch = accepted.batch.max(batch);
                accepted.outcomes.push(EventOutcome::Duplicate);
                continue;
            }
            let event = EventInput { stream, json, incarnation, received_at_us };
            let refused_before = whole.quarantined.len();
            for binding in bindings {
                join(&mut whole, self.deriver.event(binding, &event)?);
            }
            let refused = whole.quarantined.len() > refused_before;
            accepted.batch = accepted.batch.max(self.open.seq);
            accepted.outcomes.push(match refused {
                true => EventOutcome::Quarantined,
                false => EventOutcome::Accepted,
            });
            bytes += json.len();
            fresh.push(digest);
        }
        Ok(Some(PreparedEvents { name, derived: whole, bytes, fresh, accepted }))
    }

    /// Puts them into the batch.
    pub(super) fn take_events(&mut self, prepared: PreparedEvents) -> EventsAccepted {
        let PreparedEvents { name, derived, bytes, fresh, accepted } = prepared;
        let duplicates = accepted.outcomes.len() - fresh.len();
        self.open.stats.duplicates += duplicates as u64;
        let (incarnation, landed) = self.stream(&name);
        let count = landed + fresh.len() as u64;
        for digest in fresh {
            self.window.remember(digest, self.open.seq);
        }
        self.take(derived, bytes);
        self.positions.insert(name, SourcePosition::Stream { incarnation, events: count });
        self.moved();
        accepted
    }

    /// Records of a Salesforce object that were modified before `window_end_us`.
    ///
    /// # Errors
    /// Protection errors: none of the records is then accepted.
    pub fn accept_crm(
        &mut self,
        system: &str,
        object: &str,
        records: &[ModifiedRecord],
        window_end_us: i64,
    ) -> Result<()> {
        let registry = self.registry().clone();
        let (incarnation, mut polled_to_us) = self.crm(system);
        let mut whole = Derived::default();
        for record in records {
            for binding in registry.on_object(system, object) {
                let input = CrmInput { object, record, incarnation };
                join(&mut whole, self.deriver.crm(binding, &input)?);
            }
        }
        let bytes = records.iter().map(|record| record.json.len()).sum();
        self.take(whole, bytes);
        let to = polled_to_us.entry(object.to_owned()).or_insert(window_end_us);
        *to = (*to).max(window_end_us);
        let position = SourcePosition::Salesforce { incarnation, polled_to_us };
        self.positions.insert(system.to_owned(), position);
        self.moved();
        Ok(())
    }

    /// A quarantined record once more, with its original version. Gives the reasons where it is still refused: it then stays
    /// where it is, and nothing is landed.
    ///
    /// # Errors
    /// See [`Deriver::again`].
    pub fn accept_retry(
        &mut self,
        record: &Quarantined,
        who: &str,
        why: &str,
    ) -> Result<Result<BatchSeq, Vec<Violation>>> {
        let derived = self.deriver.again(record)?;
        if !derived.quarantined.is_empty() {
            let refused = derived.quarantined.into_iter();
            return Ok(Err(refused.flat_map(|record| record.reasons).collect()));
        }
        self.take(derived, record.payload.len());
        Ok(Ok(self.settle(record, Settled::Retried, who, why)))
    }

    /// Gives a quarantined record up.
    pub fn accept_discard(&mut self, record: &Quarantined, who: &str, why: &str) -> BatchSeq {
        self.settle(record, Settled::Discarded, who, why)
    }

    /// A source goes on behind a gap: as a new incarnation, with `loads` (job, entity) to be read anew. One commit holds all of
    /// it, so that a crash between leaves either the gap or its whole acceptance.
    ///
    /// # Errors
    /// `Gap` where the position is none of a later incarnation.
    pub fn accept_gap(&mut self, gap: AcceptedGap, loads: &[(String, String)]) -> Result<BatchSeq> {
        self.adopt(&gap.system, gap.after.clone())?;
        for (job, entity) in loads {
            let (entity, after) = (entity.clone(), None);
            self.adopt(job, SourcePosition::Backfill { entity, after, rows: 0, done: false })?;
        }
        self.open.accept_gap(gap, self.clock.now_us());
        Ok(self.open.seq)
    }

    fn settle(&mut self, record: &Quarantined, how: Settled, who: &str, why: &str) -> BatchSeq {
        let at_us = self.clock.now_us();
        let (id, who, why) = (record.id.clone(), who.to_owned(), why.to_owned());
        self.open.resolve(Resolution { id, how, who, why, at_us }, at_us);
        self.open.seq
    }

    fn stream(&self, name: &str) -> (Incarnation, u64) {
        match self.positions.get(name) {
            Some(SourcePosition::Stream { incarnation, events }) => (*incarnation, *events),
            Some(
                SourcePosition::Postgres { .. }
                | SourcePosition::Salesforce { .. }
                | SourcePosition::Backfill { .. },
            )
            | None => (Incarnation::FIRST, 0),
        }
    }

    fn crm(&self, system: &str) -> (Incarnation, BTreeMap<String, i64>) {
        match self.positions.get(system) {
            Some(SourcePosition::Salesforce { incarnation, polled_to_us }) => {
                (*incarnation, polled_to_us.clone())
            }
            Some(
                SourcePosition::Postgres { .. }
                | SourcePosition::Stream { .. }
                | SourcePosition::Backfill { .. },
            )
            | None => (Incarnation::FIRST, BTreeMap::new()),
        }
    }
}

/// The name of a stream's position in a manifest.
pub fn stream_position_name(system: &str, stream: &str) -> String {
    format!("{system}/{stream}")
}

pub(super) fn join(whole: &mut Derived, part: Derived) {
    whole.changes.extend(part.changes);
    whole.quarantined.extend(part.quarantined);
    whole.floors.extend(part.floors);
    whole.ignored += part.ignored;
}

fn unknown_stream(stream: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Rejected,
        "capture",
        format!("no contract listens to stream {stream}"),
        "Check the stream's name, or add a source to a contract.",
    )
}
