//! Carries a plan out: records get the external id of their rows, and nothing else of them is changed.
//!
//! Every pair is looked at once more right before it is stamped: the row, the record, and whether somebody else has the external
//! id meanwhile. So it does not matter where a process dies or which answer is lost: what is stamped already is found stamped.
//! A pair that no longer holds is left alone, with the reason, and its row waits for the next plan.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use covenant_model::change::Key;

use super::plan::{Pair, Plan};
use super::reading::Reading;
use super::rules::Rules;
use super::standing::{Applied, Approval, REFUSED_MAX, Refusal};
use crate::crm::{
    Found, MAX_ROWS_PER_CALL, OrgRecord, RowErrorClass, RowOutcome, Stamp, external_id_of,
};
use crate::deliver::DeliverLane;
use crate::deliver::record::Mapping;
use crate::env::BACKOFF_FIRST;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::ledger::Sealer;

/// Attempts for a record that somebody else holds; then its row waits for the next plan.
const ATTEMPTS_MAX: u32 = 6;

/// A pair that is still to be looked at.
#[derive(Debug)]
struct Todo {
    pair: Pair,
    /// It is in the newest reading, too: one to one, or picked.
    holds: bool,
    attempts: u32,
}

/// A plan being carried out.
#[derive(Debug)]
pub(super) struct Stamping {
    pub(super) approval: Approval,
    /// What the newest reading says.
    pub(super) fresh: Plan,
    pub(super) reading: Box<Reading>,
    todo: VecDeque<Todo>,
    stamped: BTreeSet<String>,
    refused: Vec<(Key, Refusal)>,
    not_before_us: i64,
}

/// What becomes of a pair.
enum Verdict {
    /// To be stamped.
    Stamp,
    /// It has its external id already.
    Done,
    /// It no longer holds.
    Refused(&'static str),
}

impl Stamping {
    /// Of an approved plan: `fresh` was read after the approval, or is the plan itself.
    pub(super) fn new(
        approval: Approval,
        approved: &Plan,
        fresh: Plan,
        reading: Box<Reading>,
    ) -> Self {
        let now: BTreeSet<(&Key, &str)> =
            fresh.matched.iter().map(|pair| (&pair.key, pair.record.as_str())).collect();
        let todo = approved
            .matched
            .iter()
            .map(|pair| Todo {
                pair: pair.clone(),
                holds: now.contains(&(&pair.key, pair.record.as_str())),
                attempts: 0,
            })
            .collect();
        Self {
            approval,
            fresh,
            reading,
            todo,
            stamped: BTreeSet::new(),
            refused: Vec::new(),
            not_before_us: 0,
        }
    }

    pub(super) fn doing(&self) -> String {
        format!("{} records stamped, {} pairs left", self.stamped.len(), self.todo.len())
    }

    /// What was done, for people.
    pub(super) fn applied(&self, now_us: i64, held: u64) -> Applied {
        Applied {
            by: self.approval.by.clone(),
            plan: self.approval.plan.clone(),
            at_us: now_us,
            stamped: self.stamped.len() as u64,
            refused: self.refused.len() as u64,
            refusals: self.refused.iter().take(REFUSED_MAX).map(|it| it.1.clone()).collect(),
            held,
        }
    }

    /// Rows that a record of a person's may belong to, with why they wait.
    pub(super) fn held(&self) -> BTreeMap<Key, String> {
        let refused = self.refused.iter().map(|(key, refusal)| {
            (key.clone(), format!("{} was not adopted: {}", refusal.record, refusal.why))
        });
        let unreviewed = self.left().map(|pair| {
            let why = format!("{} matches since the plan was made: plan again", pair.record);
            (pair.key.clone(), why)
        });
        let ambiguous = self.fresh.ambiguous.iter().flat_map(|group| {
            let why = format!("may be one of {}", group.records.join(", "));
            let keys = group.rows.iter().filter_map(|row| self.reading.key_of(row));
            keys.map(move |key| (key.clone(), why.clone()))
        });
        unreviewed.chain(refused).chain(ambiguous).collect()
    }

    /// What the newest reading matches and nobody has reviewed.
    fn left(&self) -> impl Iterator<Item = &Pair> {
        self.fresh.matched.iter().filter(|pair| !self.stamped.contains(&pair.record))
    }

    /// The plan as it stands behind this one: what is still open.
    ///
    /// # Errors
    /// Where the key of the digest is not to be had.
    pub(super) fn rest(&self, sealer: &dyn Sealer) -> Result<Plan> {
        let mut rest = self.fresh.clone();
        rest.matched = self.left().cloned().collect();
        let stamped = (self.fresh.matched.len() - rest.matched.len()) as u64;
        rest.records = rest.records.saturating_sub(stamped);
        rest.digest = rest.digested(sealer)?;
        Ok(rest)
    }

    fn refuse(&mut self, todo: Todo, why: impl Into<String>) {
        let row = external_id_of(&todo.pair.key);
        let refusal = Refusal { row, record: todo.pair.record, why: why.into() };
        self.refused.push((todo.pair.key, refusal));
    }
}

impl DeliverLane {
    /// Stamps the next records. None: it waits for a moment; true: all pairs are settled.
    pub(super) async fn stamp(
        &mut self,
        mapping: &Mapping,
        rules: &Rules,
        work: &mut Stamping,
    ) -> Result<Option<bool>> {
        if work.todo.is_empty() {
            return Ok(Some(true));
        }
        let now_us = self.parts.env.clock.now_us();
        if work.not_before_us > now_us {
            return Ok(None);
        }
        let size = work.todo.len().min(MAX_ROWS_PER_CALL);
        let batch: Vec<&Todo> = work.todo.iter().take(size).collect();
        let verdicts = self.judge(mapping, rules, &batch).await?;
        let stamps: Vec<Stamp> = batch
            .iter()
            .zip(&verdicts)
            .filter(|(_, verdict)| matches!(verdict, Verdict::Stamp))
            .map(|(todo, _)| Stamp {
                id: todo.pair.record.clone(),
                external_id: external_id_of(&todo.pair.key),
            })
            .collect();
        let mut outcomes = if stamps.is_empty() {
            Vec::new()
        } else {
            self.spend()?;
            self.parts.crm.stamp(&mapping.object, &stamps).await?
        }
        .into_iter();
        if outcomes.len() != stamps.len() {
            return Err(RuntimeError::new(
                ErrorKind::Unavailable,
                "salesforce",
                format!("{} outcomes for {} records", outcomes.len(), stamps.len()),
                "The same records are looked at again",
            ));
        }
        let mut done = Vec::new();
        // Only now: whatever failed above leaves every pair to be looked at again.
        let mut again = Vec::new();
        for (todo, verdict) in work.todo.drain(..size).collect::<Vec<_>>().into_iter().zip(verdicts)
        {
            let outcome = match verdict {
                Verdict::Done => None,
                Verdict::Refused(why) => {
                    work.refuse(todo, why);
                    continue;
                }
                Verdict::Stamp => outcomes.next(),
            };
            match outcome {
                None | Some(RowOutcome::Written { .. }) => {
                    work.stamped.insert(todo.pair.record.clone());
                    done.push((todo.pair.key, todo.pair.record));
                }
                Some(RowOutcome::Refused {
                    class: RowErrorClass::Lock | RowErrorClass::Transient,
                    ..
                }) if todo.attempts + 1 < ATTEMPTS_MAX => {
                    again.push(Todo { attempts: todo.attempts + 1, ..todo });
                }
                Some(RowOutcome::Refused { code, message, .. }) => {
                    work.refuse(todo, format!("{code}: {message}"));
                }
            }
        }
        self.parts.ledger.stamped(&mapping.entity, &done)?;
        if let Some(attempts) = again.iter().map(|todo| todo.attempts).max() {
            let wait = BACKOFF_FIRST * 2u32.saturating_pow(attempts);
            work.not_before_us = now_us.saturating_add(super::micros(wait));
            work.todo.extend(again);
        }
        Ok(Some(work.todo.is_empty()))
    }

    /// Looks at pairs once more, at both their sides.
    async fn judge(
        &mut self,
        mapping: &Mapping,
        rules: &Rules,
        batch: &[&Todo],
    ) -> Result<Vec<Verdict>> {
        let external: Vec<String> =
            batch.iter().map(|todo| external_id_of(&todo.pair.key)).collect();
        let owners = self.find(mapping, &external).await?;
        let ids: Vec<String> = batch.iter().map(|todo| todo.pair.record.clone()).collect();
        let mut fields = rules.targets();
        fields.push(mapping.object.external_id_field.clone());
        self.spend()?;
        let records = self.parts.crm.retrieve(&mapping.object.name, &ids, &fields).await?;
        let mut verdicts = Vec::with_capacity(batch.len());
        for ((todo, external), record) in batch.iter().zip(&external).zip(records) {
            let owner = owners.get(external);
            verdicts.push(self.verdict(mapping, rules, todo, owner, record.as_ref())?);
        }
        Ok(verdicts)
    }

    fn verdict(
        &mut self,
        mapping: &Mapping,
        rules: &Rules,
        todo: &Todo,
        owner: Option<&Found>,
        record: Option<&OrgRecord>,
    ) -> Result<Verdict> {
        if let Some(owner) = owner {
            let same = same_id(&owner.id, &todo.pair.record);
            return Ok(match same {
                true => Verdict::Done,
                false => Verdict::Refused("the row has another record"),
            });
        }
        let Some(record) = record else { return Ok(Verdict::Refused("the record is gone")) };
        let fields = record.fields();
        let taken = fields.get(mapping.object.external_id_field.as_str());
        if taken.is_some_and(|json| json.get() != "null") {
            return Ok(Verdict::Refused("the record has another external id"));
        }
        if !todo.holds {
            return Ok(Verdict::Refused("it no longer matches, or no longer alone"));
        }
        let row = self.parts.ledger.row(&mapping.entity, &todo.pair.key)?;
        let Some(row) = row.filter(|row| row.state.alive() && !row.state.incomplete()) else {
            return Ok(Verdict::Refused("the row is gone"));
        };
        if todo.pair.picked {
            return Ok(Verdict::Stamp);
        }
        let (reveal, sealer) = (self.parts.reveal.as_ref(), self.parts.sealer.as_ref());
        let ours = rules.row(&row.key, &row.state, reveal, sealer)?;
        let theirs = rules.record(record, sealer)?;
        let mut both = ours.digests.iter().zip(&theirs.digests);
        let meet = both.any(|(ours, theirs)| ours.is_some() && ours == theirs);
        Ok(if meet { Verdict::Stamp } else { Verdict::Refused("it was edited since the plan") })
    }
}

/// Ids have 15 characters that tell them apart, and 3 that only guard their case.
fn same_id(a: &str, b: &str) -> bool {
    let short = |id: &str| id.get(..15).unwrap_or(id).to_owned();
    short(a) == short(b)
}
