//! The CRM itself against the ledger: what every record says, field by field, against the folded rows.
//!
//! ```text
//! CRM, page by page by id ──> does the ledger have the row, and does it say the same?  ─┐
//! ledger, page by page ─────> was its record met?                                       ─┴─> suspects ──> judged twice
//! ```
//!
//! A difference is only told once it is **definite**: two looks in a row that found the same record and the same row, which no
//! delivery was about to touch and none touched between. A row that waits for delivery is no difference: the ledger has it.
//!
//! A repair sends the folded row again, under the next delivery revision, through the delivery lane and its breaker. What
//! nobody here ever knew is told and left alone; a record of a row that was deleted goes by the sink's policy.
//!
//! Reading costs calls of the CRM. They come out of the deliveries' budget, and only while those would not have to wait.
//!
//! Memory: one page of each side, and [`SUSPECTS_MAX`] external ids; those that were met are on disk.

mod judge;
mod keys;
mod seen;
mod settle;

use std::collections::BTreeSet;
use std::sync::Arc;

use covenant_model::change::Key;
use covenant_model::spec::EntitySpec;
use covenant_model::version::Lsn;

use self::judge::{Look, judge};
use self::seen::Seen;
use super::Report;
use super::run::{Lanes, SUSPECTS_MAX, TARGET_LOOK, TARGET_WAIT_MAX_US};
use crate::crm::{Crm, Having, PAGE_ROWS, Shown, external_id_of};
use crate::deliver::budget::Calls;
use crate::deliver::compare::Wanted;
use crate::deliver::record::{Mapping, Reveal, Revealed};
use crate::env::{Backoff, Env};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::ledger::{Ledger, Standing, Status};

/// What a report calls the CRM.
pub const TARGET: &str = "salesforce";
/// Attempts of a read that may heal.
const ATTEMPTS: u32 = 6;

/// What a comparison with the CRM needs. Its hand on the ledger is its own: no lane waits for it.
pub struct OrgParts {
    /// What is compared.
    pub crm: Arc<dyn Crm>,
    /// What it should say.
    pub ledger: Box<dyn Ledger>,
    /// Opens ciphertexts, to compare what a sink reveals.
    pub reveal: Arc<dyn Reveal>,
    /// The deliveries' call budget.
    pub calls: Calls,
    /// API calls that deliveries may make in 24 hours.
    pub daily_share: u64,
    /// Time and chance.
    pub env: Env,
}

/// Compares the CRM with the ledger.
pub struct OrgSide {
    parts: OrgParts,
    /// Parents before children: a child whose parent is missing cannot be sent.
    delivered: Vec<(Arc<Mapping>, EntitySpec)>,
}

/// What one entity's run knows.
struct Work<'a> {
    mapping: &'a Mapping,
    entity: &'a EntitySpec,
    columns: Vec<String>,
    repair: bool,
    report: Report,
    /// External ids to be looked at again.
    suspects: BTreeSet<String>,
}

/// Which records are read.
#[derive(Clone, Copy, Debug)]
enum Which<'a> {
    /// The next page of all that carry an external id, behind this id of the CRM.
    Behind(Option<&'a str>),
    /// Those with these external ids.
    Keys(&'a [String]),
}

/// A row as one look found it.
type Stood = Option<(Key, Standing)>;

impl OrgSide {
    /// Over the entities that are delivered.
    ///
    /// # Errors
    /// As [`crate::deliver::mappings`].
    pub fn new(parts: OrgParts, entities: &[EntitySpec]) -> Result<Self> {
        let spec = |name: &str| entities.iter().find(|entity| entity.name == name).cloned();
        let mappings = crate::deliver::mappings(entities)?.into_iter();
        let delivered =
            mappings.filter_map(|mapping| Some((mapping.clone(), spec(&mapping.entity)?)));
        Ok(Self { parts, delivered: delivered.collect() })
    }

    /// Names of the entities, in the order in which they are to be compared.
    pub fn entities(&self) -> Vec<String> {
        self.delivered.iter().map(|(mapping, _)| mapping.entity.clone()).collect()
    }

    /// Compares one entity; repairs what differs.
    ///
    /// # Errors
    /// Of ledger and CRM; `Throttled` where reading on would take calls from deliveries; `Rejected` for an entity that is not
    /// delivered.
    pub async fn entity(
        &mut self,
        lanes: &mut dyn Lanes,
        name: &str,
        repair: bool,
    ) -> Result<Report> {
        let found = self.delivered.iter().find(|(mapping, _)| mapping.entity == name).cloned();
        let (mapping, entity) = found.ok_or_else(|| {
            let what = format!("{name} is not delivered");
            RuntimeError::new(ErrorKind::Rejected, "reconcile", what, "Name another entity.")
        })?;
        let report =
            Report { entity: name.to_owned(), target: TARGET.to_owned(), ..Report::default() };
        let mut work = Work {
            columns: mapping.columns(),
            mapping: &mapping,
            entity: &entity,
            repair,
            report,
            suspects: BTreeSet::new(),
        };
        self.fence(lanes).await?;
        let seen = Seen::new()?;
        self.forward(lanes, &mut work, &seen).await?;
        self.backward(lanes, &mut work, &seen).await?;
        self.settle(lanes, &mut work).await?;
        Ok(work.report)
    }

    /// Waits until the ledger has everything that was landed when it was asked.
    async fn fence(&mut self, lanes: &mut dyn Lanes) -> Result<()> {
        let commit = lanes.landed_past(Lsn(0)).await?;
        let until_us = self.parts.env.clock.now_us().saturating_add(TARGET_WAIT_MAX_US);
        while self.parts.ledger.folded()? < commit {
            if self.parts.env.clock.now_us() > until_us {
                return Err(RuntimeError::new(
                    ErrorKind::Unavailable,
                    "reconcile",
                    format!("the delivery ledger did not reach landing commit {}", commit.0),
                    "See in `covenant-runtime status` what holds delivery up, then run it again.",
                ));
            }
            self.parts.env.clock.sleep(TARGET_LOOK).await;
        }
        Ok(())
    }

    /// Every record of the CRM: does it say what its row says?
    async fn forward(
        &mut self,
        lanes: &mut dyn Lanes,
        work: &mut Work<'_>,
        seen: &Seen,
    ) -> Result<()> {
        let mut after: Option<String> = None;
        let mut read = 0;
        loop {
            let page = self.read(work, Which::Behind(after.as_deref())).await?;
            self.audit(work.mapping, page.len());
            read += page.len();
            lanes.progress(format!("{}: {read} records of {TARGET}", work.entity.name));
            for record in &page {
                work.report.target_rows += u64::from(!work.mapping.is_flagged(record));
                let first = seen.add(&record.external_id)?;
                let stood = self.stood(work.entity, &record.external_id)?;
                let look =
                    self.judged(work.mapping, stood.as_ref(), std::slice::from_ref(record))?;
                if !first || look != Look::Same {
                    work.suspects.insert(record.external_id.clone());
                }
            }
            if work.suspects.len() >= SUSPECTS_MAX {
                self.settle(lanes, work).await?;
            }
            after = page.last().map(|record| record.id.clone());
            if page.len() < PAGE_ROWS {
                return Ok(());
            }
        }
    }

    /// Every row of the ledger: was its record met?
    async fn backward(
        &mut self,
        lanes: &mut dyn Lanes,
        work: &mut Work<'_>,
        seen: &Seen,
    ) -> Result<()> {
        let mut after: Option<Key> = None;
        loop {
            let page = self.parts.ledger.scan(&work.entity.name, after.as_ref(), PAGE_ROWS)?;
            let now_us = self.parts.env.clock.now_us();
            for row in &page {
                let waits = match row.status {
                    Status::Waiting | Status::Parked | Status::Held => true,
                    Status::Settled | Status::Quarantined | Status::Incomplete => false,
                };
                work.report.undelivered += u64::from(waits || row.status == Status::Quarantined);
                let shown = row.state.alive()
                    && row.status != Status::Incomplete
                    && !work.mapping.ages_out(&row.key, &row.state, now_us);
                work.report.source_rows += u64::from(shown);
                let external_id = external_id_of(&row.key);
                if shown && !waits && !seen.has(&external_id)? {
                    work.suspects.insert(external_id);
                }
            }
            if work.suspects.len() >= SUSPECTS_MAX {
                self.settle(lanes, work).await?;
            }
            after = page.last().map(|row| row.key.clone());
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// The row that an external id stands for, and how it stands; none where the ledger never heard of it.
    fn stood(&mut self, entity: &EntitySpec, external_id: &str) -> Result<Stood> {
        for key in keys::of(entity, external_id) {
            if let Some(standing) = self.parts.ledger.standing(&entity.name, &key)? {
                return Ok(Some((key, standing)));
            }
        }
        Ok(None)
    }

    fn judged(
        &self,
        mapping: &Mapping,
        stood: Option<&(Key, Standing)>,
        records: &[Shown],
    ) -> Result<Look> {
        let now_us = self.parts.env.clock.now_us();
        let wanted = match stood {
            Some((_, standing)) => mapping.wanted(standing, self.parts.reveal.as_ref(), now_us)?,
            None => Wanted::Anything,
        };
        Ok(judge(mapping, stood.map(|(_, standing)| standing), &wanted, records))
    }

    /// Reads records; what may heal is tried again.
    async fn read(&self, work: &Work<'_>, which: Which<'_>) -> Result<Vec<Shown>> {
        let (parts, object) = (&self.parts, &work.mapping.object);
        let mut backoff = Backoff::default();
        for attempt in 1.. {
            let usage = parts.crm.usage();
            if !parts.calls.take_beside(parts.env.clock.now_us(), parts.daily_share, usage) {
                return Err(scarce(parts.daily_share));
            }
            let having = Having::Some(&object.external_id_field);
            let answer = match which {
                Which::Behind(after) => {
                    parts.crm.page(&object.name, &work.columns, having, after).await
                }
                Which::Keys(ids) => parts.crm.holding(object, ids, &work.columns).await,
            };
            match answer {
                Err(error) if error.kind == ErrorKind::Unavailable && attempt < ATTEMPTS => {
                    parts.env.clock.sleep(backoff.next(parts.env.chance.as_ref())).await;
                }
                answer => return Ok(answer?.iter().map(|it| Shown::of(object, it)).collect()),
            }
        }
        Ok(Vec::new())
    }

    /// Plaintext that is compared is plaintext that was revealed.
    fn audit(&self, mapping: &Mapping, rows: usize) {
        if !mapping.revealed.is_empty() && rows > 0 {
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

fn scarce(share: u64) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Throttled,
        "reconcile",
        format!(
            "reading Salesforce on would take calls from deliveries: half of our {share} a day are used"
        ),
        "Run it again once calls of the last 24 hours have expired, or raise `share` in project.yaml",
    )
}
