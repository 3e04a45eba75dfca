//! Removals: the declared policy for the record of a deleted row, and the breaker in front of it.

use covenant_model::spec::OnDelete;

use super::outcome::{held_until_sure, of_refusal};
use super::record::{Mapping, digest_of};
use super::send::Ready;
use super::{DeliverLane, Stepped};
use crate::crm::{MAX_ROWS_PER_CALL, RowErrorClass, RowOutcome};
use crate::error::Result;
use crate::ledger::{Outcome, Pending};

/// Removals that are never held: a day's ordinary work.
const REMOVALS_FREE: usize = 100;
/// Beyond that, removals of more than this share of an entity's delivered records are held until a person has looked, percent.
const REMOVALS_SHARE_PERCENT: u64 = 20;

/// A deleted row that has a record.
struct Known {
    row: Pending,
    /// The record stands under an old key still.
    elsewhere: bool,
}

impl DeliverLane {
    /// Whether so many removals wait that they are held. A wrong DELETE in a source must not empty the CRM.
    pub(super) fn breaks(&mut self, mapping: &Mapping, taken: usize) -> Result<bool> {
        if taken <= REMOVALS_FREE || mapping.on_delete == OnDelete::Keep {
            self.held.remove(&mapping.entity);
            self.allowed.remove(&mapping.entity);
            return Ok(false);
        }
        if self.allowed.contains(&mapping.entity) {
            return Ok(false);
        }
        let counts = self.parts.ledger.counts()?.get(&mapping.entity).copied().unwrap_or_default();
        let held = counts.removals.saturating_mul(100)
            > counts.sent.saturating_mul(REMOVALS_SHARE_PERCENT);
        if held {
            let new = self.held.insert(mapping.entity.clone(), counts.removals).is_none();
            if new {
                tracing::error!(
                    entity = mapping.entity,
                    removals = counts.removals,
                    delivered = counts.sent,
                    "removals are held: they would touch more than {REMOVALS_SHARE_PERCENT}% of the \
                     records; allow them or correct the source"
                );
            }
        }
        Ok(held)
    }

    /// Carries out the policy for rows that are deleted.
    pub(super) async fn removals(
        &mut self,
        mapping: &Mapping,
        rows: Vec<Pending>,
        done: &mut Stepped,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        if mapping.on_delete == OnDelete::Keep {
            done.skipped += rows.len() as u64;
            let skipped: Vec<_> = rows.into_iter().map(|row| (row, Outcome::Skipped)).collect();
            return self.parts.ledger.record(&mapping.object.name, &skipped);
        }
        let rows = self.known(mapping, rows, done).await?;
        match mapping.on_delete {
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
        rows: Vec<Pending>,
        done: &mut Stepped,
    ) -> Result<Vec<Known>> {
        let unsure = |row: &Pending| {
            !row.sent
                || !row.delivered_as.is_empty()
                || (mapping.on_delete == OnDelete::Delete && row.crm_id.is_none())
        };
        let now_us = self.parts.env.clock.now_us();
        let (held, rows): (Vec<Pending>, Vec<Pending>) = rows.into_iter().partition(|row| {
            let frees_the_key = mapping.on_delete == OnDelete::Delete || unsure(row);
            frees_the_key && row.unsure_until_us > now_us
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
