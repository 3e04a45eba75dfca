//! The capture lane: accepts what sources deliver, and says what may be acknowledged. One owner drives it; nothing here
//! waits but opening and committing. What is not PostgreSQL comes in by [`super::accept`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use covenant_model::codec::ColumnMap;
use covenant_model::position::{Accepted, Acknowledged, Durable, Overtaken, Progress, Received};
use covenant_model::version::{Incarnation, Lsn};

use super::accept::{PreparedEvents, join};
use super::batch::{Batch, BatchSeq, Limits};
use super::commit::Sealed;
use super::dedup::Window;
use super::derive::{Derived, Deriver};
use super::input::RowInput;
use super::outbox::{self, Told};
use super::owed;
use super::registry::{Binding, Registry};
use super::sequences::{KEYS_MAX, Sequences};
use super::stats::CaptureStats;
use super::withheld::Withheld;
use crate::backfill::lane::ReadyChunk;
use crate::env::Clock;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::keys::protector::Protector;
use crate::landing::{CommitNumber, Derivation, Epoch, Landing, LandingCommit, SourcePosition};
use crate::source::{Relation, RowChange, RowOp, Transaction, TransactionPart};

/// Bytes that a change costs beside its source's bytes.
const CHANGE_OVERHEAD_BYTES: usize = 128;

/// Where a relation's bindings find their columns.
pub(super) struct Maps {
    relation: Arc<Relation>,
    pub(super) maps: Vec<(Binding, ColumnMap)>,
}

/// The lane.
pub struct CaptureLane {
    pub(super) deriver: Deriver,
    pub(super) landing: Arc<dyn Landing>,
    pub(super) clock: Arc<dyn Clock>,
    limits: Limits,
    pub(super) epoch: Epoch,
    /// Number of the next commit, and the digest of the one before it.
    pub(super) next: CommitNumber,
    pub(super) previous_sha256: String,
    /// End of everything accepted, by source and job.
    pub(super) positions: BTreeMap<String, SourcePosition>,
    /// Of PostgreSQL sources.
    pub(super) progress: BTreeMap<String, Progress>,
    pub(super) open: Batch,
    pub(super) sealed: Option<Sealed>,
    pub(super) durable: BatchSeq,
    pub(super) window: Window,
    pub(super) maps: BTreeMap<(String, String, String), Maps>,
    pub(super) stats: CaptureStats,
    /// The derivation in force, by entity.
    pub(super) derivations: BTreeMap<String, Derivation>,
    pub(super) withheld: Withheld,
    pub(super) sequences: Sequences,
    /// The newest commit with refused records.
    pub(super) last_refused: Option<CommitNumber>,
}

impl CaptureLane {
    /// Takes the next epoch, starts at the newest manifest, and **commits once without content**: whoever wrote before finds the
    /// next number taken by a later epoch and stops, so that no commit of his can come between ours.
    ///
    /// # Errors
    /// Those of the landing; `Fenced` where a later epoch writes already.
    pub async fn open(
        registry: Arc<Registry>,
        protector: Arc<Protector>,
        landing: Arc<dyn Landing>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Result<Self> {
        let epoch = landing.take_epoch().await?;
        let bound = registry.bound().iter().map(|bound| bound.spec.as_ref());
        let sequences = Sequences::new(bound, KEYS_MAX);
        let mut lane = Self {
            deriver: Deriver::new(registry, protector),
            landing,
            clock,
            limits,
            epoch,
            next: CommitNumber(1),
            previous_sha256: String::new(),
            positions: BTreeMap::new(),
            progress: BTreeMap::new(),
            open: Batch::new(BatchSeq(1)),
            sealed: None,
            durable: BatchSeq(0),
            window: Window::default(),
            maps: BTreeMap::new(),
            stats: CaptureStats::default(),
            derivations: BTreeMap::new(),
            withheld: Withheld::default(),
            sequences,
            last_refused: None,
        };
        lane.count_derivations(&BTreeMap::new())?;
        lane.fence().await?;
        lane.recall().await?;
        lane.recall_sequences().await?;
        Ok(lane)
    }

    /// Starts behind a manifest.
    pub(super) async fn resume(&mut self, newest: LandingCommit) -> Result<()> {
        if newest.epoch > self.epoch {
            return Err(super::commit::fenced(newest.number, newest.epoch, self.epoch));
        }
        let digest = self.landing.digest_at(newest.number).await?;
        self.previous_sha256 = digest.unwrap_or_default();
        self.next = newest.number.next();
        let refuses = newest.quarantine.is_some();
        self.last_refused = if refuses { Some(newest.number) } else { newest.last_refused };
        self.progress = newest.positions.iter().filter_map(resumed).collect();
        self.positions = newest.positions;
        self.count_derivations(&newest.derivations)
    }

    /// Sets where a source starts, or that it starts over as a new incarnation. Positions that landing already has need not be
    /// set again.
    ///
    /// # Errors
    /// `Gap` where the position lies before what is accepted, under the same or a lower incarnation.
    pub fn adopt(&mut self, source: &str, position: SourcePosition) -> Result<()> {
        if let Some(known) = self.positions.get(source) {
            if *known == position {
                return Ok(());
            }
            check_forward(source, known, &position)?;
            let debt = owed::raised(source, known, &position);
            self.positions.extend(debt);
        }
        let name = source.to_owned();
        if let Some((name, progress)) = resumed((&name, &position)) {
            self.progress.insert(name, progress);
        }
        self.positions.insert(name, position);
        self.moved();
        Ok(())
    }

    /// End of everything accepted from a source or a backfill job.
    pub fn position(&self, name: &str) -> Option<&SourcePosition> {
        self.positions.get(name)
    }

    /// All of them.
    pub fn positions(&self) -> &BTreeMap<String, SourcePosition> {
        &self.positions
    }

    /// The four positions of a PostgreSQL source.
    pub fn progress(&self, system: &str) -> Option<&Progress> {
        self.progress.get(system)
    }

    /// Counters of what is durable.
    pub fn stats(&self) -> &CaptureStats {
        &self.stats
    }

    /// Values of refused rows that went with a later row.
    pub fn withheld_given(&self) -> u64 {
        self.withheld.given
    }

    /// Refused rows whose values were given up because too many wait at once: later rows that leave them out lack them until the
    /// refused record is retried, or the row is read again.
    pub fn withheld_dropped(&self) -> u64 {
        self.withheld.dropped
    }

    /// The fencing token of this lane.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Who listens to what.
    pub fn registry(&self) -> &Arc<Registry> {
        self.deriver.registry()
    }

    /// Derives raw records: for showing and retrying quarantined ones.
    pub fn deriver(&self) -> &Deriver {
        &self.deriver
    }

    /// The newest commit, of whoever.
    pub fn last_commit(&self) -> CommitNumber {
        CommitNumber(self.next.0.saturating_sub(1))
    }

    /// Whether a batch is durable.
    pub fn is_durable(&self, batch: BatchSeq) -> bool {
        batch <= self.durable
    }

    /// Whether there is room for more. Where there is none, commit first.
    pub fn may_accept(&self) -> bool {
        !self.open.is_full(&self.limits)
    }

    /// When to commit: now (zero), later, or not before something comes in (none).
    pub fn commit_due_in(&self) -> Option<Duration> {
        if self.sealed.is_some() {
            return Some(Duration::ZERO);
        }
        let due = self.open.due_at_us(&self.limits)?;
        let wait = due.saturating_sub(self.clock.now_us());
        Some(Duration::from_micros(u64::try_from(wait).unwrap_or(0)))
    }

    /// A committed transaction, whole. One that came before (the stream is delivered at least once) is dropped.
    ///
    /// # Errors
    /// `Bug` where the source was never set; protection errors: the transaction is then not accepted at all.
    pub fn accept_transaction(&mut self, system: &str, transaction: &Transaction) -> Result<()> {
        let incarnation = self.postgres(system)?;
        self.receive(system, transaction.end)?;
        if self.accepted(system) >= transaction.end {
            return Ok(());
        }
        let (at, time_us) = (transaction.commit, transaction.committed_at_us);
        self.accept_changes(system, (incarnation, at, time_us), &transaction.changes)?;
        self.pass(system, transaction.end)
    }

    /// Some changes of a transaction that is too large to be held whole. The source's position stays: where the transaction's end
    /// does not come, all of it is told again, with the same versions (`docs/decisions/0010`).
    ///
    /// # Errors
    /// As [`CaptureLane::accept_transaction`].
    pub fn accept_part(&mut self, system: &str, part: &TransactionPart) -> Result<()> {
        let incarnation = self.postgres(system)?;
        self.receive(system, part.commit)?;
        // Positions are ends of transactions: beyond its commit record, the whole of it was accepted.
        if self.accepted(system) > part.commit {
            return Ok(());
        }
        self.accept_changes(system, (incarnation, part.commit, part.committed_at_us), &part.changes)
    }

    /// Changes of one transaction: all of them, or none.
    fn accept_changes(
        &mut self,
        system: &str,
        at: (Incarnation, Lsn, i64),
        changes: &[RowChange],
    ) -> Result<()> {
        let derived = self.derive_all(system, at, changes);
        let derived = derived.and_then(|(mut whole, bytes, told)| {
            let (events, ignored) = self.prepare_told(&told, at.2)?;
            whole.ignored += told.ignored + ignored;
            Ok((whole, bytes, events))
        });
        let (whole, bytes, events) = match derived {
            Ok(derived) => derived,
            Err(error) => {
                self.withheld.restore();
                return Err(error);
            }
        };
        self.withheld.accepted();
        self.take(whole, bytes);
        for prepared in events {
            self.take_events(prepared);
        }
        Ok(())
    }

    /// Events that were written to outboxes, stream by stream, and how many belong to no stream that is known.
    fn prepare_told(
        &self,
        told: &Told,
        committed_at_us: i64,
    ) -> Result<(Vec<PreparedEvents>, u64)> {
        let (mut all, mut ignored) = (Vec::new(), 0);
        for (stream, events) in &told.events {
            match self.prepare_events(stream, events, committed_at_us)? {
                Some(prepared) => all.push(prepared),
                // As with a table that nobody reads; the generated table refuses such a row where it is written.
                None => {
                    tracing::warn!(
                        events = events.len(),
                        "an outbox has events of a stream that no contract listens to: they are ignored"
                    );
                    ignored += events.len() as u64;
                }
            }
        }
        Ok((all, ignored))
    }

    /// Changes of a transaction, the bytes that they came in, and the events among them.
    fn derive_all(
        &mut self,
        system: &str,
        (incarnation, commit, committed_at_us): (Incarnation, Lsn, i64),
        changes: &[RowChange],
    ) -> Result<(Derived, usize, Told)> {
        let mut whole = Derived::default();
        let mut told = Told::default();
        let mut bytes = 0;
        for change in changes {
            let Relation { schema, table, .. } = change.relation.as_ref();
            if self.registry().is_outbox(system, schema, table) {
                outbox::take(change, &mut told)?;
                continue;
            }
            let row = RowInput {
                relation: &change.relation,
                op: &change.op,
                incarnation,
                lsn: commit,
                ordinal: change.ordinal,
                committed_at_us,
            };
            bytes += bytes_of(&change.op);
            self.derive_row(system, &change.relation, None, &row, &mut whole)?;
        }
        Ok((whole, bytes, told))
    }

    /// The server has nothing for us up to here.
    ///
    /// # Errors
    /// `Bug` where the source was never set.
    pub fn accept_passed(&mut self, system: &str, to: Lsn) -> Result<()> {
        self.postgres(system)?;
        self.receive(system, to)?;
        if self.accepted(system) < to {
            self.pass(system, to)?;
        }
        Ok(())
    }

    /// A chunk of a table read, whose bound is known.
    ///
    /// # Errors
    /// As [`CaptureLane::accept_transaction`].
    pub fn accept_chunk(&mut self, system: &str, chunk: &ReadyChunk) -> Result<()> {
        let incarnation = self.postgres(system)?;
        let mut whole = Derived::default();
        let mut bytes = 0;
        for tuple in &chunk.rows {
            let op = RowOp::Insert { new: tuple.clone() };
            let row = RowInput {
                relation: &chunk.relation,
                op: &op,
                incarnation,
                lsn: chunk.bound,
                ordinal: 0,
                committed_at_us: chunk.read_at_us,
            };
            bytes += bytes_of(&op);
            self.derive_row(system, &chunk.relation, Some(&chunk.entity), &row, &mut whole)?;
        }
        for op in self.absent(system, chunk)? {
            let row = RowInput {
                relation: &chunk.relation,
                op: &op,
                incarnation,
                lsn: chunk.bound,
                ordinal: 0,
                committed_at_us: chunk.read_at_us,
            };
            self.derive_row(system, &chunk.relation, Some(&chunk.entity), &row, &mut whole)?;
        }
        self.take(whole, bytes);
        self.positions.insert(chunk.job.clone(), chunk.position());
        self.moved();
        Ok(())
    }

    /// What the source may be told to forget. Call after a commit, and tell it to the stream.
    ///
    /// # Errors
    /// `Bug`.
    pub fn acknowledge(&mut self, system: &str) -> Result<Acknowledged> {
        let progress = self.progress.get_mut(system).ok_or_else(|| unknown_source(system))?;
        let to = Acknowledged(progress.durable().0);
        progress.acknowledge(to).map_err(|error| overtaken(&error))?;
        Ok(to)
    }

    fn derive_row(
        &mut self,
        system: &str,
        relation: &Arc<Relation>,
        only: Option<&str>,
        row: &RowInput<'_>,
        whole: &mut Derived,
    ) -> Result<()> {
        self.map(system, relation)?;
        let table = (system.to_owned(), relation.schema.clone(), relation.table.clone());
        let Some(known) = self.maps.get(&table) else { return Ok(()) };
        whole.ignored += u64::from(known.maps.is_empty());
        for (binding, map) in &known.maps {
            let entity = self.deriver.registry().bound().get(binding.entity);
            let wanted = only.is_none_or(|only| entity.is_some_and(|e| e.spec.name == only));
            if wanted {
                let mut derived = self.deriver.row(binding, map, row)?;
                let (withheld, deriver) = (&mut self.withheld, &self.deriver);
                let (streamed, at) = (only.is_none(), (binding, map));
                Self::withhold(withheld, deriver, at, row, streamed, &mut derived)?;
                join(whole, derived);
            }
        }
        Ok(())
    }

    /// Learns a relation, anew where it has changed.
    pub(super) fn map(&mut self, system: &str, relation: &Arc<Relation>) -> Result<()> {
        let table = (system.to_owned(), relation.schema.clone(), relation.table.clone());
        if let Some(known) = self.maps.get(&table)
            && (Arc::ptr_eq(&known.relation, relation) || known.relation == *relation)
        {
            return Ok(());
        }
        let registry = self.registry().clone();
        let mut maps = Vec::new();
        for binding in registry.on_table(system, &relation.schema, &relation.table) {
            maps.push((binding.clone(), self.deriver.map(binding, relation)?));
        }
        self.maps.insert(table, Maps { relation: relation.clone(), maps });
        Ok(())
    }

    pub(super) fn take(&mut self, derived: Derived, bytes: usize) {
        self.open.bytes += bytes + derived.changes.len() * CHANGE_OVERHEAD_BYTES;
        let registry = self.deriver.registry().clone();
        let name = |at: usize| {
            registry.bound().get(at).map(|bound| bound.spec.name.clone()).unwrap_or_default()
        };
        let now_us = self.clock.now_us();
        for (at, change) in &derived.changes {
            self.sequences.told(*at, change, now_us);
        }
        self.open.add(derived, &name, now_us);
    }

    pub(super) fn moved(&mut self) {
        let now = self.clock.now_us();
        self.open.moved_at_us.get_or_insert(now);
    }

    fn postgres(&self, system: &str) -> Result<Incarnation> {
        match self.positions.get(system) {
            Some(SourcePosition::Postgres { incarnation, .. }) => Ok(*incarnation),
            Some(
                SourcePosition::Stream { .. }
                | SourcePosition::Salesforce { .. }
                | SourcePosition::Backfill { .. },
            )
            | None => Err(unknown_source(system)),
        }
    }

    fn accepted(&self, system: &str) -> Lsn {
        self.progress.get(system).map_or(Lsn(0), |progress| progress.accepted().0)
    }

    fn receive(&mut self, system: &str, to: Lsn) -> Result<()> {
        let progress = self.progress.get_mut(system).ok_or_else(|| unknown_source(system))?;
        progress.receive(Received(to));
        Ok(())
    }

    /// Everything up to `to` is in the open batch.
    fn pass(&mut self, system: &str, to: Lsn) -> Result<()> {
        let progress = self.progress.get_mut(system).ok_or_else(|| unknown_source(system))?;
        progress.accept(Accepted(to)).map_err(|error| overtaken(&error))?;
        if let Some(SourcePosition::Postgres { lsn, .. }) = self.positions.get_mut(system) {
            *lsn = to;
        }
        self.moved();
        Ok(())
    }
}

fn bytes_of(op: &RowOp) -> usize {
    match op {
        RowOp::Insert { new } | RowOp::Update { old: None, new } => new.bytes.len(),
        RowOp::Update { old: Some(old), new } => old.bytes.len().max(new.bytes.len()),
        RowOp::Delete { old } => old.bytes.len(),
        RowOp::Truncate => 0,
    }
}

/// A PostgreSQL source starts where landing ends.
fn resumed((name, position): (&String, &SourcePosition)) -> Option<(String, Progress)> {
    match position {
        SourcePosition::Postgres { lsn, .. } => {
            Some((name.clone(), Progress::resumed(Durable(*lsn))))
        }
        SourcePosition::Stream { .. }
        | SourcePosition::Salesforce { .. }
        | SourcePosition::Backfill { .. } => None,
    }
}

fn check_forward(source: &str, known: &SourcePosition, new: &SourcePosition) -> Result<()> {
    let incarnation = |position: &SourcePosition| match position {
        SourcePosition::Postgres { incarnation, .. }
        | SourcePosition::Stream { incarnation, .. }
        | SourcePosition::Salesforce { incarnation, .. } => Some(*incarnation),
        SourcePosition::Backfill { .. } => None,
    };
    let back = match (known, new) {
        (SourcePosition::Postgres { lsn: old, .. }, SourcePosition::Postgres { lsn: new, .. }) => {
            new < old
        }
        (
            SourcePosition::Postgres { .. }
            | SourcePosition::Stream { .. }
            | SourcePosition::Salesforce { .. }
            | SourcePosition::Backfill { .. },
            _,
        ) => false,
    };
    let (old, new) = (incarnation(known), incarnation(new));
    if new < old || (new == old && back) {
        return Err(RuntimeError::new(
            ErrorKind::Gap,
            format!("source {source}"),
            "it would start before what has been landed, without a new incarnation",
            "Raise the source's incarnation if its lineage has changed; else start at the landed position.",
        ));
    }
    Ok(())
}

fn unknown_source(system: &str) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Bug,
        "capture",
        format!("source {system} delivers, but its start was never set"),
        "Please report it.",
    )
}

pub(super) fn overtaken(error: &Overtaken) -> RuntimeError {
    RuntimeError::new(ErrorKind::Bug, "capture", error, "Nothing was acknowledged.")
}
