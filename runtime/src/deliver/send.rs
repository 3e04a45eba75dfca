//! Upserts: what changed is sent, what moved is rekeyed first, and every answer is recorded row by row.

use std::collections::BTreeMap;

use covenant_model::change::Key;
use covenant_model::spec::OnDelete;

use super::outcome::{again, chunk_rows, held_until_sure, of_refusal};
use super::record::{Mapping, Revealed, digest_of};
use super::wave::wave;
use super::{DeliverLane, REVISIONS_PER_EPOCH, Stepped};
use crate::crm::{
    CrmRecord, CrmValue, Found, MAX_ROWS_PER_CALL, RowErrorClass, RowOutcome, external_id_of,
};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::ledger::{Digest, Outcome, Pending};

/// Moved rows in one step: each costs a call of its own.
const REKEYS_PER_STEP: usize = 100;
/// A whole call of at least this many rows that is refused for its fields is not about the rows.
const SCHEMA_ROWS: usize = 2;
/// Codes that speak of our fields, not of their values.
const SCHEMA_CODES: [&str; 2] = ["INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"];

/// A row with the record that it becomes.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) row: Pending,
    pub(super) record: CrmRecord,
    pub(super) digest: Digest,
}

impl Ready {
    /// The record must carry the revision that the ledger makes durable.
    pub(super) fn raise(&mut self, above: u64) {
        self.row.revision = self.row.revision.max(above + 1);
        self.record.revision = self.row.revision;
    }

    fn parent(&self) -> Option<&str> {
        self.record.fields.values().find_map(|value| match value {
            CrmValue::Lookup { external_id, .. } => Some(external_id.as_str()),
            CrmValue::Null | CrmValue::Bool(_) | CrmValue::Number(_) | CrmValue::Text(_) => None,
        })
    }
}

/// Rows that are there, by what is to be done.
#[derive(Default)]
struct Prepared {
    /// Their records stand under an old key.
    moved: Vec<Ready>,
    /// To be upserted.
    ready: Vec<Ready>,
    /// They have left the filter, and may have a record.
    leaving: Vec<Pending>,
}

impl DeliverLane {
    /// Sends rows that are there.
    pub(super) async fn upserts(
        &mut self,
        mapping: &Mapping,
        rows: Vec<Pending>,
        done: &mut Stepped,
    ) -> Result<()> {
        let Prepared { moved, mut ready, leaving } = self.prepare(mapping, rows, done)?;
        self.leave(mapping, leaving, done).await?;
        ready.extend(self.rekeys(mapping, moved, done).await?);
        self.upsert_all(mapping, ready, done).await
    }

    /// Sends records in calls: children of one parent together, rows that failed before in smaller calls.
    pub(super) async fn upsert_all(
        &mut self,
        mapping: &Mapping,
        mut ready: Vec<Ready>,
        done: &mut Stepped,
    ) -> Result<()> {
        ready.sort_by(|a, b| {
            let by = |ready: &Ready| (ready.row.attempts.min(2), ready.parent().map(str::to_owned));
            by(a).cmp(&by(b)).then_with(|| a.record.external_id.cmp(&b.record.external_id))
        });
        let mut calls = Vec::new();
        let mut rest = ready.as_slice();
        while let Some(first) = rest.first() {
            let attempts = first.row.attempts.min(2);
            let alike = rest.iter().take_while(|ready| ready.row.attempts.min(2) == attempts);
            let length = alike.count().min(chunk_rows(attempts, self.chunk)).max(1);
            let (call, later) = rest.split_at(length);
            calls.push(call);
            rest = later;
        }
        while !calls.is_empty() {
            let together = wave(&mut calls, |ready: &Ready| &ready.record);
            self.upsert_calls(mapping, together, done).await?;
        }
        Ok(())
    }

    /// Leaves out what is not to be sent.
    fn prepare(
        &mut self,
        mapping: &Mapping,
        rows: Vec<Pending>,
        done: &mut Stepped,
    ) -> Result<Prepared> {
        let now_us = self.parts.env.clock.now_us();
        let (mut prepared, mut settled) = (Prepared::default(), Vec::new());
        for mut row in rows {
            if mapping.aged_out(&row, now_us) {
                if mapping.on_leave != OnDelete::Keep && self.may_have_record(mapping, &row, now_us)
                {
                    prepared.leaving.push(row);
                    continue;
                }
                done.skipped += 1;
                settled.push((row, Outcome::Skipped));
                continue;
            }
            if !row.delivered_as.is_empty() && row.unsure_until_us > now_us {
                done.held += 1;
                let held = held_until_sure(&row);
                settled.push((row, held));
                continue;
            }
            if let Some(waits) = self.held_back(mapping, &row)? {
                done.held += 1;
                settled.push((row, waits));
                continue;
            }
            let record = match mapping.record(&row, self.parts.reveal.as_ref()) {
                Ok(record) => record,
                Err(error) if error.kind == ErrorKind::Corrupt => {
                    done.refused += 1;
                    settled.push((row, Outcome::Quarantined { reason: error.what }));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let digest = digest_of(&record, self.parts.sealer.as_ref())?;
            if mapping.on_leave != OnDelete::Keep {
                row.leaves_at_us = mapping.leaves_at_us(&row);
            }
            if !row.delivered_as.is_empty() {
                prepared.moved.push(Ready { row, record, digest });
            } else if row.digest == Some(digest) {
                done.unchanged += 1;
                self.fresh(mapping, &row, now_us);
                settled.push((row, Outcome::Delivered { crm_id: None, digest }));
            } else {
                prepared.ready.push(Ready { row, record, digest });
            }
        }
        self.parts.ledger.record(&mapping.object.name, &settled)?;
        Ok(prepared)
    }

    /// Gives the records of moved rows their new external id. Returns the rows that need a plain upsert instead: nothing was
    /// delivered under the old key, or an earlier attempt got through although its answer was lost.
    async fn rekeys(
        &mut self,
        mapping: &Mapping,
        mut moved: Vec<Ready>,
        done: &mut Stepped,
    ) -> Result<Vec<Ready>> {
        moved.truncate(REKEYS_PER_STEP);
        if moved.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<&Pending> = moved.iter().map(|ready| &ready.row).collect();
        let found = self.find_moved(mapping, &rows).await?;
        let mut plain = Vec::new();
        for mut ready in moved {
            match self.stands(&mut ready.row, &found)? {
                Some((found, true)) => {
                    ready.raise(found.revision);
                    self.rekey_call(mapping, &found.id, ready, done).await?;
                }
                Some((found, false)) => {
                    ready.raise(found.revision);
                    plain.push(ready);
                }
                None => plain.push(ready),
            }
        }
        Ok(plain)
    }

    /// Looks moved rows up under all the keys that their records may stand under.
    pub(super) async fn find_moved(
        &mut self,
        mapping: &Mapping,
        rows: &[&Pending],
    ) -> Result<BTreeMap<String, Found>> {
        let keys = rows.iter().flat_map(|row| row.delivered_as.iter().chain([&row.key]));
        let asked: Vec<String> = keys.map(external_id_of).collect();
        self.find(mapping, &asked).await
    }

    /// The record that a moved row keeps, and whether it stands under an old key still. Other records of old keys are parted
    /// from the row.
    pub(super) fn stands(
        &mut self,
        row: &mut Pending,
        found: &BTreeMap<String, Found>,
    ) -> Result<Option<(Found, bool)>> {
        let of = |key: &Key| found.get(&external_id_of(key)).cloned();
        let mut olds: Vec<Key> =
            row.delivered_as.iter().filter(|old| of(old).is_some()).cloned().collect();
        let kept = match of(&row.key) {
            Some(found) => Some((found, false)),
            None => olds.pop().and_then(|old| of(&old)).map(|found| (found, true)),
        };
        if !olds.is_empty() {
            self.parts.ledger.part(row, &olds)?;
            row.delivered_as.retain(|old| !olds.contains(old));
        }
        Ok(kept)
    }

    pub(super) async fn rekey_call(
        &mut self,
        mapping: &Mapping,
        id: &str,
        ready: Ready,
        done: &mut Stepped,
    ) -> Result<()> {
        self.spend()?;
        self.audit(mapping, 1);
        // Late, it is refused for its revision: it names the record, and creates none.
        self.parts.ledger.sending(std::slice::from_ref(&ready.row), 0)?;
        let outcome = self.parts.crm.rekey(&mapping.object, id, &ready.record).await?;
        self.answered(mapping, &[ready], vec![outcome], done).await
    }

    /// Calls at the same time, which have no record and no parent in common. Every answer is recorded, also where another call
    /// fails.
    async fn upsert_calls(
        &mut self,
        mapping: &Mapping,
        calls: Vec<&[Ready]>,
        done: &mut Stepped,
    ) -> Result<()> {
        let mut begun = Vec::with_capacity(calls.len());
        let mut refused = None;
        for call in calls {
            // What the budget allows goes; the rest waits.
            if let Err(error) = self.spend() {
                refused = Some(error);
                break;
            }
            self.audit(mapping, call.len());
            begun.push(call);
        }
        let rows: Vec<Pending> = begun.iter().copied().flatten().map(|r| r.row.clone()).collect();
        self.sending(&rows)?;
        let crm = self.parts.crm.clone();
        let sent = begun.iter().map(|call| {
            let records: Vec<CrmRecord> = call.iter().map(|ready| ready.record.clone()).collect();
            let (crm, object) = (crm.clone(), mapping.object.clone());
            async move { crm.upsert(&object, &records).await }
        });
        let answers = futures::future::join_all(sent).await;
        let whole = self.chunk;
        let unknown = |answer: &Result<Vec<RowOutcome>>| {
            answer.as_ref().is_err_and(|error| error.kind == ErrorKind::Unavailable)
        };
        self.chunk = match answers.iter().any(unknown) {
            true => (whole / 2).max(1),
            false => (whole * 2).min(MAX_ROWS_PER_CALL),
        };
        for (call, answer) in begun.into_iter().zip(answers) {
            let settled = match answer {
                Ok(outcomes) => self.answered(mapping, call, outcomes, done).await,
                Err(error) => self.unanswered(mapping, call, error),
            };
            refused = settled.err().or(refused);
        }
        refused.map_or(Ok(()), Err)
    }

    /// A call that fails whole leaves its rows waiting; the next calls are smaller: one bad row must not hold the others for
    /// ever. Alone, it waits.
    fn unanswered(&mut self, mapping: &Mapping, call: &[Ready], error: RuntimeError) -> Result<()> {
        if let ([only], ErrorKind::Unavailable) = (call, error.kind) {
            let now_us = self.parts.env.clock.now_us();
            let chance = self.parts.env.chance.as_ref();
            let wait = again(&only.row, error.what.clone(), now_us, chance, None);
            self.parts.ledger.record(&mapping.object.name, &[(only.row.clone(), wait)])?;
        }
        Err(error)
    }

    /// Records what became of the rows of a call.
    pub(super) async fn answered(
        &mut self,
        mapping: &Mapping,
        call: &[Ready],
        outcomes: Vec<RowOutcome>,
        done: &mut Stepped,
    ) -> Result<()> {
        check_answer(mapping, call.len(), &outcomes)?;
        let newer = self.newer(mapping, call, &outcomes).await?;
        let now_us = self.parts.env.clock.now_us();
        let mut recorded = Vec::with_capacity(call.len());
        for (ready, outcome) in call.iter().zip(outcomes) {
            let outcome = match outcome {
                RowOutcome::Written { id, .. } => {
                    done.written += 1;
                    self.fresh(mapping, &ready.row, now_us);
                    Outcome::Delivered { crm_id: Some(id), digest: ready.digest }
                }
                RowOutcome::Refused { class, code, message } => {
                    done.refused += 1;
                    let reason = format!("{code}: {message}");
                    let chance = self.parts.env.chance.as_ref();
                    match newer.get(&ready.record.external_id) {
                        Some(found) if class == RowErrorClass::AlreadyNewer => {
                            again(&ready.row, reason, now_us, chance, Some(found.revision))
                        }
                        Some(_) | None => {
                            of_refusal(&ready.row, &ready.record, class, reason, now_us, chance)
                        }
                    }
                }
            };
            recorded.push((Pending { answered: true, ..ready.row.clone() }, outcome));
        }
        self.parts.ledger.record(&mapping.object.name, &recorded)
    }

    /// What the CRM holds of rows whose revision it found too low. Within our epoch, our own ledger must go above it; a
    /// later epoch's is another instance's, which has taken over.
    async fn newer(
        &mut self,
        mapping: &Mapping,
        call: &[Ready],
        outcomes: &[RowOutcome],
    ) -> Result<BTreeMap<String, Found>> {
        let refused: Vec<String> = call
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| {
                matches!(outcome, RowOutcome::Refused { class: RowErrorClass::AlreadyNewer, .. })
            })
            .map(|(ready, _)| ready.record.external_id.clone())
            .collect();
        if refused.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = self.find(mapping, &refused).await?;
        let ours = self.parts.epoch.0;
        match found.values().map(|found| found.revision / REVISIONS_PER_EPOCH).max() {
            Some(theirs) if theirs > ours => Err(RuntimeError::new(
                ErrorKind::Fenced,
                "delivery",
                format!(
                    "{} holds revisions of epoch {theirs}, ours is {ours}",
                    mapping.object.name
                ),
                "Another instance delivers: stop one of them. If landing was reset, reset the CRM's revisions too",
            )),
            Some(_) | None => Ok(found),
        }
    }

    /// Looks records up by external id, in as many calls as it takes.
    pub(super) async fn find(
        &mut self,
        mapping: &Mapping,
        external_ids: &[String],
    ) -> Result<BTreeMap<String, Found>> {
        let mut found = BTreeMap::new();
        for asked in external_ids.chunks(MAX_ROWS_PER_CALL) {
            self.spend()?;
            let answers = self.parts.crm.find(&mapping.object, asked).await?;
            let known = asked.iter().zip(answers);
            found.extend(known.filter_map(|(id, answer)| Some((id.clone(), answer?))));
        }
        Ok(found)
    }

    pub(super) fn fresh(&mut self, mapping: &Mapping, row: &Pending, now_us: i64) {
        let time_us = now_us.saturating_sub(row.waiting_since_us);
        self.freshness.entry(mapping.entity.clone()).or_default().record(time_us, 1);
    }

    fn audit(&self, mapping: &Mapping, rows: usize) {
        if !mapping.revealed.is_empty() {
            self.parts.reveal.audit(&Revealed {
                purpose: &mapping.purpose,
                entity: &mapping.entity,
                object: &mapping.object.name,
                fields: &mapping.revealed,
                rows,
            });
        }
    }
}

/// An answer must speak of every row, and a call that is refused whole for its fields is about the object.
fn check_answer(mapping: &Mapping, rows: usize, outcomes: &[RowOutcome]) -> Result<()> {
    if outcomes.len() != rows {
        return Err(RuntimeError::new(
            ErrorKind::Unavailable,
            "salesforce",
            format!("{} outcomes for {rows} records of {}", outcomes.len(), mapping.object.name),
            "The same records are sent again",
        ));
    }
    let about_fields = |outcome: &RowOutcome| match outcome {
        RowOutcome::Refused { class: RowErrorClass::Invalid, code, .. } => {
            SCHEMA_CODES.contains(&code.as_str())
        }
        RowOutcome::Refused { .. } | RowOutcome::Written { .. } => false,
    };
    if rows < SCHEMA_ROWS || !outcomes.iter().all(about_fields) {
        return Ok(());
    }
    let said = outcomes.first().map(|outcome| match outcome {
        RowOutcome::Refused { message, .. } => message.clone(),
        RowOutcome::Written { .. } => String::new(),
    });
    Err(RuntimeError::new(
        ErrorKind::SchemaMismatch,
        "salesforce",
        format!(
            "{} does not take the fields that the contract of {} delivers: {}",
            mapping.object.name,
            mapping.entity,
            said.unwrap_or_default()
        ),
        "Deploy the generated metadata, or correct the sink's fields",
    ))
}
