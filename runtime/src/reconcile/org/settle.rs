//! Suspects: looked at until they are definite, then sent again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use covenant_model::change::Key;

use super::judge::{Finding, Look};
use super::{OrgSide, Stood, Which, Work};
use crate::crm::{MAX_ROWS_PER_CALL, Shown};
use crate::error::Result;
use crate::ledger::Status;
use crate::reconcile::run::{Lanes, ROUND_WAIT, ROUNDS_MAX, SUSPECTS_MAX};

/// How often rows are sent again whose records still differ: a delivery that was under way may have taken the repair for done.
const REPAIRS_MAX: u32 = 3;
/// Between two looks at rows that are being delivered.
const DELIVERY_LOOK: Duration = Duration::from_millis(200);
/// How long rows may take to be delivered: with scarce calls they gather for half a minute.
const DELIVERY_WAIT_MAX_US: i64 = 120_000_000;

/// A look, and what it was at: the same again is definite.
#[derive(Clone, Debug, PartialEq)]
struct Sight {
    look: Look,
    /// Counts the row's changes.
    change: Option<u64>,
    /// Id and revision of each record.
    records: Vec<(String, u64)>,
    key: Option<Key>,
}

impl OrgSide {
    /// Judges every suspect, and repairs what is definite.
    pub(super) async fn settle(
        &mut self,
        lanes: &mut dyn Lanes,
        work: &mut Work<'_>,
    ) -> Result<()> {
        let mut suspects: Vec<String> = std::mem::take(&mut work.suspects).into_iter().collect();
        while !suspects.is_empty() {
            let rest = suspects.split_off(suspects.len().min(SUSPECTS_MAX));
            let name = &work.entity.name;
            lanes.progress(format!("{name}: looking again at {} records", suspects.len()));
            let (definite, unsettled) = self.rounds(work, suspects).await?;
            for (external_id, sight) in &definite {
                tell(work, external_id, &sight.look);
            }
            unsettled.iter().for_each(|id| work.report.unsettled.name(id.clone()));
            if work.repair {
                let broken = definite.into_iter().filter(|(_, sight)| repairable(&sight.look));
                let broken: BTreeMap<String, Key> =
                    broken.filter_map(|(id, sight)| Some((id, sight.key?))).collect();
                lanes.progress(format!("{name}: sending {} records again", broken.len()));
                self.repair(work, broken).await?;
            }
            suspects = rest;
        }
        Ok(())
    }

    /// Sends rows again until their records say what they say.
    async fn repair(
        &mut self,
        work: &mut Work<'_>,
        mut broken: BTreeMap<String, Key>,
    ) -> Result<()> {
        for _ in 0..REPAIRS_MAX {
            if broken.is_empty() {
                return Ok(());
            }
            let keys: Vec<Key> = broken.values().cloned().collect();
            let now_us = self.parts.env.clock.now_us();
            self.parts.ledger.redeliver(&work.entity.name, &keys, now_us)?;
            self.in_line(work, &keys).await?;
            let ids: Vec<String> = broken.keys().cloned().collect();
            let (definite, unsettled) = self.rounds(work, ids).await?;
            let before = broken.len();
            // What is still in line, or refused, is not mended.
            broken.retain(|id, _| definite.contains_key(id) || unsettled.contains(id));
            work.report.repaired += (before - broken.len()) as u64;
            broken.retain(|id, _| definite.get(id).is_some_and(|sight| repairable(&sight.look)));
        }
        Ok(())
    }

    /// Waits until no row is in line any more, or long enough.
    async fn in_line(&mut self, work: &Work<'_>, keys: &[Key]) -> Result<()> {
        let clock = self.parts.env.clock.clone();
        let until_us = clock.now_us().saturating_add(DELIVERY_WAIT_MAX_US);
        for key in keys {
            while clock.now_us() <= until_us {
                let row = self.parts.ledger.row(&work.entity.name, key)?;
                if row.is_none_or(|row| row.status != Status::Waiting) {
                    break;
                }
                clock.sleep(DELIVERY_LOOK).await;
            }
        }
        Ok(())
    }

    /// Looks again and again until each is right or the same difference was seen twice in a row. What is left differed at every
    /// look, each time in another way, or waits for its delivery.
    async fn rounds(
        &mut self,
        work: &Work<'_>,
        ids: Vec<String>,
    ) -> Result<(BTreeMap<String, Sight>, BTreeSet<String>)> {
        let mut definite = BTreeMap::new();
        let mut last: BTreeMap<String, Sight> = BTreeMap::new();
        let mut open = ids;
        for round in 0..ROUNDS_MAX {
            let mut differ = BTreeMap::new();
            for (id, sight) in self.look(work, &open).await? {
                match sight.look {
                    Look::Same => {}
                    Look::Differs(_) | Look::Refused if last.get(&id) == Some(&sight) => {
                        definite.insert(id, sight);
                    }
                    Look::Differs(_) | Look::Refused | Look::InFlight => {
                        differ.insert(id, sight);
                    }
                }
            }
            open = differ.keys().cloned().collect();
            last = differ;
            if open.is_empty() {
                break;
            }
            if round + 1 < ROUNDS_MAX {
                self.parts.env.clock.sleep(ROUND_WAIT).await;
            }
        }
        Ok((definite, last.into_keys().collect()))
    }

    /// One look at each: the row before and after its records, so that a delivery between does not pass for a difference.
    async fn look(&mut self, work: &Work<'_>, ids: &[String]) -> Result<Vec<(String, Sight)>> {
        let mut sights = Vec::with_capacity(ids.len());
        for ids in ids.chunks(MAX_ROWS_PER_CALL) {
            let stand = |side: &mut Self| {
                ids.iter().map(|id| side.stood(work.entity, id)).collect::<Result<Vec<Stood>>>()
            };
            let before = stand(self)?;
            let mut records: BTreeMap<String, Vec<Shown>> = BTreeMap::new();
            for record in self.read(work, Which::Keys(ids)).await? {
                records.entry(record.external_id.clone()).or_default().push(record);
            }
            let after = stand(self)?;
            self.audit(work.mapping, ids.len());
            for ((id, before), after) in ids.iter().zip(before).zip(after) {
                let found = records.remove(id).unwrap_or_default();
                let look = match self.judged(work.mapping, after.as_ref(), &found)? {
                    Look::Differs(_) if moved(&before, &after) => Look::InFlight,
                    look @ (Look::Same | Look::InFlight | Look::Refused | Look::Differs(_)) => look,
                };
                let records = found.into_iter().map(|record| (record.id, record.revision));
                let (key, change) = after.map(|(key, standing)| (key, standing.row.change)).unzip();
                sights.push((id.clone(), Sight { look, change, records: records.collect(), key }));
            }
        }
        Ok(sights)
    }
}

/// Whether something happened to a row between two looks.
fn moved(before: &Stood, after: &Stood) -> bool {
    let mark = |stood: &Stood| {
        let (_, standing) = stood.as_ref()?;
        Some((standing.row.change, standing.status, standing.last_revision))
    };
    mark(before) != mark(after)
}

fn repairable(look: &Look) -> bool {
    match look {
        Look::Differs(finding) => finding.repairable(),
        Look::Same | Look::InFlight | Look::Refused => false,
    }
}

/// Writes a definite difference into the report.
fn tell(work: &mut Work<'_>, external_id: &str, look: &Look) {
    let (report, named) = (&mut work.report, external_id.to_owned());
    match look {
        Look::Same | Look::InFlight => {}
        Look::Refused => report.quarantined.name(named),
        Look::Differs(Finding::Missing) => report.missing.name(named),
        Look::Differs(Finding::Unknown | Finding::Resurrected) => report.extra.name(named),
        Look::Differs(Finding::Diverged { edited }) => {
            report.edited += u64::from(*edited);
            report.diverged.name(named);
        }
        Look::Differs(Finding::Duplicate { ids }) => {
            report.duplicated.name(format!("{named} ({})", ids.join(" ")));
        }
    }
}
