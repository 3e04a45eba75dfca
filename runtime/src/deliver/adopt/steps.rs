//! The lane's part: what an adoption does next, and which rows wait for it. What people ask of it is in [`commands`].

mod commands;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use covenant_model::change::{Change, Key};
use covenant_model::spec::{EntitySpec, Review, SourceSpec, Unmatched};

use super::desk::{Desk, Standing, State};
use super::plan::{Plan, Shown};
use super::reading::Reading;
use super::rules::Rules;
use super::stamping::Stamping;
use super::standing::{self, Approval, Remembered};
use crate::crm::external_id_of;
use crate::deliver::DeliverLane;
use crate::deliver::outcome::behind_a_held_parent;
use crate::deliver::record::{Approved, Mapping};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::SourcePosition;
use crate::ledger::{Ledger, Outcome, Pending};

/// After a failure that does not heal by itself; by then a person may have deployed what was missing.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Most rows that are remembered because they changed while a plan is carried out; beyond, both sides are read again.
const TOUCHED_MAX: usize = 100_000;
/// Who approves where the contract does.
const BY_CONTRACT: &str = "contract (review: auto)";
/// Who approves where there is nothing to look at.
const BY_NOBODY: &str = "nobody: every record has an external id";

/// Every adoption of the lane.
#[derive(Default)]
pub(in crate::deliver) struct Adoptions {
    cases: BTreeMap<String, Case>,
    desk: Desk,
    /// Entities whose rows wait, or whose parents' rows do.
    closed: BTreeSet<String>,
    /// Tables that are still being read at the last folded commit; none: not known yet.
    loading: Option<BTreeSet<String>>,
}

/// One entity.
struct Case {
    mapping: Arc<Mapping>,
    rules: Rules,
    /// Whether its rows come from a table, which has to be read first.
    from_table: bool,
    remembered: Remembered,
    plan: Option<Plan>,
    /// The plan as it is shown: made once, looked at often.
    shown: Option<Shown>,
    job: Option<Job>,
    /// A plan is wanted: somebody asked, or decided something.
    wanted: bool,
    /// Rows that changed since the reading began.
    touched: BTreeSet<Key>,
    error: Option<String>,
    not_before_us: i64,
    /// The person who has to look was told.
    told: bool,
}

enum Job {
    Reading(Box<Reading>, Option<Approval>),
    Stamping(Box<Stamping>),
}

impl Adoptions {
    /// What the ledger remembers of every entity that adopts.
    pub(in crate::deliver) fn load(
        ledger: &mut dyn Ledger,
        mappings: &[Arc<Mapping>],
        entities: &BTreeMap<String, EntitySpec>,
    ) -> Result<Self> {
        let mut cases = BTreeMap::new();
        for mapping in mappings {
            let Some(rules) = mapping.adopt.clone() else { continue };
            let (remembered, plan) = standing::load(ledger, &mapping.entity)?;
            let spec = entities.get(&mapping.entity);
            let owner = spec.and_then(|spec| spec.sources.get(&spec.existence_owner));
            let case = Case {
                mapping: mapping.clone(),
                rules,
                from_table: matches!(owner, Some(SourceSpec::Postgres { .. })),
                remembered,
                shown: plan.as_ref().map(Plan::shown),
                plan,
                job: None,
                wanted: false,
                touched: BTreeSet::new(),
                error: None,
                not_before_us: 0,
                told: false,
            };
            cases.insert(mapping.entity.clone(), case);
        }
        let mut all = Self { cases, desk: Desk::default(), closed: BTreeSet::new(), loading: None };
        all.close(mappings);
        Ok(all)
    }

    /// Rows of an entity wait until it is adopted; those of its children would only be refused.
    fn close(&mut self, mappings: &[Arc<Mapping>]) {
        self.closed.clear();
        for mapping in mappings {
            let own = self.cases.get(&mapping.entity).is_some_and(|it| !it.remembered.adopted);
            let parent = mapping.parents.iter().any(|parent| self.closed.contains(parent));
            if own || parent {
                self.closed.insert(mapping.entity.clone());
            }
        }
    }

    /// A landing commit was folded.
    pub(in crate::deliver) fn landed<'p>(
        &mut self,
        positions: impl Iterator<Item = &'p SourcePosition>,
    ) {
        let mut none = true;
        let mut loading = BTreeSet::new();
        for position in positions {
            none = false;
            if let SourcePosition::Backfill { entity, done: false, .. } = position {
                loading.insert(entity.clone());
            }
        }
        if none {
            // Before the first position of a source nothing of its tables can have been read.
            let tables = self.cases.values().filter(|case| case.from_table);
            loading.extend(tables.map(|case| case.mapping.entity.clone()));
        }
        self.loading = Some(loading);
    }

    /// These changes were folded.
    pub(in crate::deliver) fn changed(&mut self, changes: &[(String, Change)]) {
        if self.cases.values().all(|case| case.job.is_none()) {
            return;
        }
        for (entity, change) in changes {
            let case = self.cases.get_mut(entity).filter(|case| case.job.is_some());
            if let Some(case) = case.filter(|case| case.touched.len() <= TOUCHED_MAX) {
                case.touched.insert(change.key.clone());
            }
        }
    }

    /// Whether the rows of an entity wait for an adoption.
    pub(in crate::deliver) fn waits(&self, entity: &str) -> bool {
        self.closed.contains(entity)
    }
}

impl Case {
    fn state(&self, loading: bool) -> State {
        match (&self.job, &self.plan) {
            (Some(Job::Stamping(_)) | Some(Job::Reading(_, Some(_))), _) => State::Applying,
            (Some(Job::Reading(_, None)), _) => State::Planning,
            (None, _) if self.remembered.applying.is_some() => State::Applying,
            (None, _) if self.wanted => State::Planning,
            (None, _) if self.error.is_some() => State::Failed,
            (None, _) if self.remembered.adopted => State::Adopted,
            (None, Some(_)) => State::WaitsForReview,
            (None, None) if loading => State::Loading,
            (None, None) => State::Planning,
        }
    }

    fn doing(&self) -> String {
        match &self.job {
            Some(Job::Reading(reading, _)) => reading.doing(),
            Some(Job::Stamping(work)) => work.doing(),
            None => String::new(),
        }
    }

    fn planned(&mut self, plan: Plan) {
        self.shown = Some(plan.shown());
        self.plan = Some(plan);
        self.told = false;
    }

    /// Rows that match nothing wait, too.
    fn creates_nothing(&self) -> bool {
        self.rules.unmatched == Unmatched::Wait && !self.remembered.may_create
    }
}

impl DeliverLane {
    /// Listens to a desk.
    ///
    /// # Errors
    /// Of the ledger.
    pub fn attend(&mut self, desk: Desk) -> Result<()> {
        self.adoptions.desk = desk;
        self.show_adoptions()
    }

    /// Does the next piece of an adoption; false: there is none. `caught_up`: everything landed is folded.
    pub(in crate::deliver) async fn adopt(&mut self, caught_up: bool) -> Result<bool> {
        if self.adoptions.cases.is_empty() {
            return Ok(false);
        }
        self.look_at_loads(caught_up).await?;
        let mut worked = self.hear()?;
        let entities: Vec<String> = self.adoptions.cases.keys().cloned().collect();
        for entity in entities {
            let Some(mut case) = self.adoptions.cases.remove(&entity) else { continue };
            let advanced = self.advance(&mut case, caught_up).await;
            let failed = match advanced {
                Ok(advanced) => {
                    worked |= advanced;
                    Ok(())
                }
                Err(error) => self.failed(&mut case, error),
            };
            self.adoptions.cases.insert(entity, case);
            failed?;
        }
        if worked {
            let mappings = self.mappings.clone();
            self.adoptions.close(&mappings);
            self.show_adoptions()?;
        }
        Ok(worked)
    }

    /// What heals is tried again with the lane's own patience. Anything else is told, and holds up nobody but its entity.
    fn failed(&mut self, case: &mut Case, error: RuntimeError) -> Result<()> {
        match error.kind {
            ErrorKind::Rejected | ErrorKind::SchemaMismatch | ErrorKind::Config => {
                tracing::error!(entity = case.mapping.entity, "the adoption failed: {error}");
                case.job = None;
                case.error = Some(error.to_string());
                let now_us = self.parts.env.clock.now_us();
                case.not_before_us = now_us.saturating_add(super::micros(AGAIN_AFTER));
                Ok(())
            }
            ErrorKind::Unavailable
            | ErrorKind::Credentials
            | ErrorKind::Fenced
            | ErrorKind::Gap
            | ErrorKind::Corrupt
            | ErrorKind::Throttled
            | ErrorKind::Storage
            | ErrorKind::Bug => Err(error),
        }
    }

    /// After a restart nothing may be left to fold that would tell which tables are still being read.
    async fn look_at_loads(&mut self, caught_up: bool) -> Result<()> {
        if self.adoptions.loading.is_some() || !caught_up {
            return Ok(());
        }
        let newest = self.parts.landing.newest().await?;
        let positions = newest.iter().flat_map(|commit| commit.positions.values());
        self.adoptions.landed(positions);
        Ok(())
    }

    async fn advance(&mut self, case: &mut Case, caught_up: bool) -> Result<bool> {
        if case.job.is_none() {
            case.job = self.next_job(case, caught_up);
            if case.job.is_some() {
                case.touched.clear();
                case.error = None;
                case.wanted = false;
            }
        }
        let (mapping, rules) = (case.mapping.clone(), case.rules.clone());
        match case.job.take() {
            None => Ok(false),
            Some(Job::Reading(mut reading, approval)) => {
                let picks = &case.remembered.picks;
                let read = self.read(&mapping, &rules, picks, &mut reading).await;
                if let Ok(true) = read {
                    let asked = approval.is_none();
                    let planned = self.was_read(case, reading, approval);
                    // What is approved is remembered by the ledger.
                    case.wanted |= planned.is_err() && asked;
                    planned?;
                } else {
                    case.job = Some(Job::Reading(reading, approval));
                    read?;
                }
                Ok(true)
            }
            Some(Job::Stamping(mut work)) => {
                let stamped = self.stamp(&mapping, &rules, &mut work).await;
                if let Ok(Some(true)) = stamped {
                    self.was_stamped(case, &work)?;
                    return Ok(true);
                }
                case.job = Some(Job::Stamping(work));
                Ok(stamped?.is_some())
            }
        }
    }

    fn next_job(&self, case: &Case, caught_up: bool) -> Option<Job> {
        let reading = |approval| Some(Job::Reading(Box::new(Reading::new()), approval));
        if case.not_before_us > self.parts.env.clock.now_us() && !case.wanted {
            return None;
        }
        if let Some(approval) = case.remembered.applying.clone().filter(|_| case.plan.is_some()) {
            return reading(Some(approval));
        }
        // What is not all there cannot be matched.
        let loading = self.adoptions.loading.as_ref();
        let loaded = loading.is_some_and(|loading| !loading.contains(&case.mapping.entity));
        if case.wanted && loaded {
            return reading(None);
        }
        let settled =
            case.remembered.adopted || (case.plan.is_some() && case.rules.review == Review::ByHand);
        if settled || !caught_up || !loaded { None } else { reading(None) }
    }

    /// Both sides are read: there is a plan, and perhaps an approval.
    fn was_read(
        &mut self,
        case: &mut Case,
        reading: Box<Reading>,
        approval: Option<Approval>,
    ) -> Result<()> {
        let now_us = self.parts.env.clock.now_us();
        let sealer = self.parts.sealer.clone();
        let plan = reading.plan(&case.rules, &case.remembered.picks, now_us, sealer.as_ref())?;
        if let (Some(approval), Some(approved)) = (approval, &case.plan) {
            let work = Stamping::new(approval, approved, plan, reading);
            case.job = Some(Job::Stamping(Box::new(work)));
            return Ok(());
        }
        standing::keep_plan(self.parts.ledger.as_mut(), &case.mapping.entity, &plan)?;
        case.planned(plan.clone());
        let by = match (plan.is_empty(), case.rules.review) {
            (true, _) => BY_NOBODY,
            (false, Review::Auto) => BY_CONTRACT,
            (false, Review::ByHand) => return Ok(()),
        };
        let approval = self.approve(case, &plan, by)?;
        let work = Stamping::new(approval, &plan, plan.clone(), reading);
        case.job = Some(Job::Stamping(Box::new(work)));
        Ok(())
    }

    /// Nothing of a person's is changed before it stands in the audit who let it be.
    fn approve(&mut self, case: &mut Case, plan: &Plan, by: &str) -> Result<Approval> {
        self.parts.reveal.approved(&Approved {
            by,
            what: &format!("adoption plan {}", plan.digest),
            entity: &case.mapping.entity,
            object: &case.mapping.object.name,
            field: &case.mapping.object.external_id_field,
            records: plan.matched.len(),
        })?;
        let approval = Approval { by: by.to_owned(), plan: plan.digest.clone() };
        case.remembered.applying = Some(approval.clone());
        standing::keep(self.parts.ledger.as_mut(), &case.mapping.entity, &case.remembered)?;
        Ok(approval)
    }

    /// Everything that was approved is stamped, or known not to hold: the rest flows.
    fn was_stamped(&mut self, case: &mut Case, work: &Stamping) -> Result<()> {
        if case.touched.len() > TOUCHED_MAX {
            // The approval stands: both sides are read again, and what is stamped is found stamped.
            return Ok(());
        }
        let entity = case.mapping.entity.clone();
        let late = self.late(case, work)?;
        let again = !late.is_empty();
        let mut held = late;
        held.extend(work.held());
        let now_us = self.parts.env.clock.now_us();
        let mut remembered = case.remembered.clone();
        remembered.adopted = true;
        remembered.applying = None;
        remembered.applied = Some(work.applied(now_us, held.len() as u64));
        let held: Vec<(Key, String)> = held.into_iter().collect();
        let rest = work.rest(self.parts.sealer.as_ref())?;
        let ledger = self.parts.ledger.as_mut();
        standing::keep_plan(ledger, &entity, &rest)?;
        let note = (standing::note(&entity), standing::text(&remembered)?);
        ledger.adopted(&entity, Some(&held), (&note.0, &note.1))?;
        let applied = remembered.applied.clone().unwrap_or_default();
        tracing::info!(
            entity,
            by = applied.by,
            plan = applied.plan,
            stamped = applied.stamped,
            refused = applied.refused,
            held = applied.held,
            "adopted: its rows flow"
        );
        case.remembered = remembered;
        case.planned(rest);
        // What came meanwhile was not reviewed by anybody; where the contract reviews, it does so again.
        case.wanted = again && case.rules.review == Review::Auto;
        Ok(())
    }

    /// Rows that changed while the plan was carried out, and may be somebody's whom it did not know.
    fn late(&mut self, case: &Case, work: &Stamping) -> Result<BTreeMap<Key, String>> {
        let mut late = BTreeMap::new();
        let known: BTreeSet<&Key> = work.fresh.matched.iter().map(|pair| &pair.key).collect();
        for key in case.touched.iter().filter(|key| !known.contains(key)) {
            let row = self.parts.ledger.row(&case.mapping.entity, key)?;
            let Some(row) = row.filter(|row| row.state.alive() && !row.sent) else { continue };
            let (reveal, sealer) = (self.parts.reveal.as_ref(), self.parts.sealer.as_ref());
            let candidate = case.rules.row(&row.key, &row.state, reveal, sealer)?;
            if work.reading.may_meet(&candidate) {
                let why = "came while the plan was carried out: plan again".to_owned();
                late.insert(key.clone(), why);
            }
        }
        Ok(late)
    }

    /// Why a row that is about to be sent waits for an adoption, its own or a parent's.
    pub(in crate::deliver) fn held_back(
        &mut self,
        mapping: &Mapping,
        row: &Pending,
    ) -> Result<Option<Outcome>> {
        if let Some(case) = self.adoptions.cases.get(&mapping.entity) {
            if let Some(reason) = self.parts.ledger.held(row)? {
                return Ok(Some(Outcome::Held { reason }));
            }
            if case.creates_nothing() && !row.sent && row.delivered_as.is_empty() {
                let reason = "matches no record, and may not make one yet".to_owned();
                return Ok(Some(Outcome::Held { reason }));
            }
        }
        for (object, key) in mapping.parents_of(row) {
            let parent = self.mappings.iter().find(|it| it.object.name == object);
            let Some(parent) = parent.filter(|it| it.adopt.is_some()) else { continue };
            if self.parts.ledger.is_held(&parent.entity, &key)? {
                let now_us = self.parts.env.clock.now_us();
                return Ok(Some(behind_a_held_parent(object, &external_id_of(&key), now_us)));
            }
        }
        Ok(None)
    }

    /// Tells the desk, and whoever reads the log once.
    ///
    /// # Errors
    /// Of the ledger.
    pub fn show_adoptions(&mut self) -> Result<()> {
        let loading = self.adoptions.loading.clone();
        for (entity, case) in &mut self.adoptions.cases {
            let held = self.parts.ledger.held_rows(entity)?;
            let loading = loading.as_ref().is_none_or(|loading| loading.contains(entity));
            let standing = Standing {
                entity: entity.clone(),
                object: case.mapping.object.name.clone(),
                state: case.state(loading),
                open: case.remembered.adopted,
                doing: case.doing(),
                plan: case.shown.clone(),
                applied: case.remembered.applied.clone(),
                held,
                error: case.error.clone(),
            };
            if standing.waits_for_a_person() && !case.told {
                case.told = true;
                tracing::warn!(
                    entity,
                    held,
                    "the adoption waits for a person: see `covenant-runtime adopt show {entity}`"
                );
            }
            self.adoptions.desk.show(standing);
        }
        Ok(())
    }

    /// Every adoption, by entity.
    pub fn adoptions(&self) -> Vec<Standing> {
        self.adoptions.desk.look()
    }
}
