//! Removals: the declared policy for the record of a deleted row. The breaker in front of it is in [`super::breaker`].

use covenant_model::spec::OnDelete;

use super::breaker::{Mass, REMOVALS_FREE};
use super::outcome::{held_until_sure, of_refusal};
use super::record::{Mapping, digest_of};
use super::send::Ready;
use super::{DeliverLane, ROWS_PER_STEP, Stepped};
use crate::crm::{MAX_ROWS_PER_CALL, RowErrorClass, RowOutcome};
use crate::error::Result;
use crate::ledger::{Outcome, Pending};

/// A ledger that was rebuilt does not know which records of rows that left the filter are still there. It looks those up that
/// left within this time before: rebuilding takes days, and looking up years of rows would use up the calls of weeks.
const LEFT_LATELY_US: i64 = 7 * 86_400_000_000;

/// A deleted row that has a record.
struct Known {
    row: Pending,
    /// The record stands under an old key still.
    elsewhere: bool,
}

impl DeliverLane {
    /// Puts rows in line that have aged out of the filter since they were delivered, unless they are too many: then a clock
    /// is wrong, or somebody must know.
    pub(super) fn sweep(&mut self, mapping: &Mapping) -> Result<()> {
        if mapping.on_leave == OnDelete::Keep {
            return Ok(());
        }
        let now_us = self.parts.env.clock.now_us();
        let due = self.parts.ledger.leaving(&mapping.entity, now_us)?;
        if due <= REMOVALS_FREE as u64 {
            self.breaker.few(mapping, Mass::Left);
        } else if self.many_removals(mapping, Mass::Left, Some(due))? {
            return Ok(());
        }
        if due > 0 {
            self.parts.ledger.leave(&mapping.entity, now_us, ROWS_PER_STEP)?;
        }
        Ok(())
    }

    /// Carries out the policy for rows that are there, have a record, and have left the filter.
    pub(super) async fn leave(
        &mut self,
        mapping: &Mapping,
        rows: Vec<Pending>,
        done: &mut Stepped,
    ) -> Result<()> {
        let mut gone = Stepped::default();
        let ended = self.remove(mapping, mapping.on_leave, rows, &mut gone).await;
        done.left += gone.removed;
        done.unchanged += gone.unchanged;
        done.skipped += gone.skipped;
        done.refused += gone.refused;
        done.held += gone.held;
        ended
    }

    /// Whether the CRM may hold a record of a row that has left.
    pub(super) fn may_have_record(&self, mapping: &Mapping, row: &Pending, now_us: i64) -> bool {
        let lately = mapping.leaves_at_us(row).is_some_and(|at_us| at_us > now_us - LEFT_LATELY_US);
        let rebuilt = self.unknown_calls_until_us > 0;
        row.sent || !row.delivered_as.is_empty() || (rebuilt && lately)
    }

    /// Carries out the policy for rows that are deleted.
    pub(super) async fn removals(
        &mut self,
        mapping: &Mapping,
        rows: Vec<Pending>,
        done: &mut Stepped,
    ) -> Result<()> {
        self.remove(mapping, mapping.on_delete, rows, done).await
    }

    async fn remove(
        &mut self,
        mapping: &Mapping,
        policy: OnDelete,
        rows: Vec<Pending>,
        done: &mut Stepped,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        if policy == OnDelete::Keep {
            done.skipped += rows.len() as u64;
            let skipped: Vec<_> = rows.into_iter().map(|row| (row, Outcome::Skipped)).collect();
            return self.parts.ledger.record(&mapping.object.name, &skipped);
        }
        let rows = self.known(mapping, policy, rows, done).await?;
        match policy {
            OnDelete::Keep => Ok(()),
            OnDelete::Flag => self.flag(mapping, rows, done).await,
            OnDelete::Delete => self.delete(mapping, rows, done).await,
        }
    }

    /// Leaves out rows that have no record. Rows of which nothing is known to be sent are looked up: a ledger that was
    /// rebuilt does not know what the one before it sent. So are rows that were deleted before their record was rekeyed: it
    /// still stands under the old key.
    async fn known(
        &mut self,
        mapping: &Mapping,
        policy: OnDelete,
        rows: Vec<Pending>,
        done: &mut Stepped,
    ) -> Result<Vec<Known>> {
        let unsure = |row: &Pending| {
            !row.sent
                || !row.delivered_as.is_empty()
                || (policy == OnDelete::Delete && row.crm_id.is_none())
        };
        let now_us = self.parts.env.clock.now_us();
        let (held, rows): (Vec<Pending>, Vec<Pending>) = rows.into_iter().partition(|row| {
            let frees_the_key = policy == OnDelete::Delete || unsure(row);
            frees_the_key && row.unsure_until_us.max(row.unsure_here_until_us) > now_us
        });
        done.held += held.len() as u64;
        let mut settled: Vec<_> = held
            .into_iter()
            .map(|row| {
                let held = held_until_sure(&row);
                (row, held)
            })
            .collect();
        let asked: Vec<&Pending> = rows.iter().filter(|row| unsure(row)).collect();
        let found = self.find_moved(mapping, &asked).await?;
        let mut kept = Vec::with_capacity(rows.len());
        for mut row in rows {
            if !unsure(&row) {
                kept.push(Known { row, elsewhere: false });
            } else if let Some((found, elsewhere)) = self.stands(&mut row, &found)? {
                row.crm_id = Some(found.id);
                row.revision = row.revision.max(found.revision + 1);
                kept.push(Known { row, elsewhere });
            } else {
                done.skipped += 1;
                settled.push((row, Outcome::Removed));
            }
        }
        self.parts.ledger.record(&mapping.object.name, &settled)?;
        Ok(kept)
    }

    async fn flag(
        &mut self,
        mapping: &Mapping,
        rows: Vec<Known>,
        done: &mut Stepped,
    ) -> Result<()> {
        let (mut ready, mut settled) = (Vec::with_capacity(rows.len()), Vec::new());
        let mut flagged = Stepped::default();
        for Known { row, elsewhere } in rows {
            let record = mapping.flagged(&row);
            let digest = digest_of(&record, self.parts.sealer.as_ref())?;
            if let (true, Some(id)) = (elsewhere, row.crm_id.clone()) {
                self.rekey_call(mapping, &id, Ready { row, record, digest }, &mut flagged).await?;
            } else if row.digest == Some(digest) {
                done.unchanged += 1;
                settled.push((row, Outcome::Delivered { crm_id: None, digest }));
            } else {
                ready.push(Ready { row, record, digest });
            }
        }
        self.parts.ledger.record(&mapping.object.name, &settled)?;
        let sent = self.upsert_all(mapping, ready, &mut flagged).await;
        done.removed += flagged.written;
        done.refused += flagged.refused;
        sent
    }

    async fn delete(
        &mut self,
        mapping: &Mapping,
        rows: Vec<Known>,
        done: &mut Stepped,
    ) -> Result<()> {
        let rows: Vec<Pending> = rows.into_iter().map(|known| known.row).collect();
        for call in rows.chunks(MAX_ROWS_PER_CALL) {
            self.spend()?;
            // Late, it finds nothing: ids are never used again.
            self.parts.ledger.sending(call, 0)?;
            let ids: Vec<String> = call.iter().filter_map(|row| row.crm_id.clone()).collect();
            let outcomes = self.parts.crm.delete(&mapping.object, &ids).await?;
            let now_us = self.parts.env.clock.now_us();
            let mut recorded = Vec::with_capacity(call.len());
            for (row, outcome) in call.iter().zip(outcomes) {
                let outcome = match outcome {
                    RowOutcome::Written { .. }
                    | RowOutcome::Refused { class: RowErrorClass::Gone, .. } => {
                        done.removed += 1;
                        self.fresh(mapping, row, now_us);
                        Outcome::Removed
                    }
                    RowOutcome::Refused { class, code, message } => {
                        done.refused += 1;
                        let record = mapping.flagged(row);
                        let chance = self.parts.env.chance.as_ref();
                        let reason = format!("{code}: {message}");
                        of_refusal(row, &record, class, reason, now_us, chance)
                    }
                };
                recorded.push((Pending { answered: true, ..row.clone() }, outcome));
            }
            self.parts.ledger.record(&mapping.object.name, &recorded)?;
        }
        Ok(())
    }
}
