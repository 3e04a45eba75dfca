//! One instance of the runtime: the real lanes over systems that outlive it.

use covenant_model::version::{Incarnation, Lsn, Revision};
use covenant_runtime::apply::ApplyLane;
use covenant_runtime::backfill::lane::{AlwaysOpen, BackfillLane, Job, LaneSettings};
use covenant_runtime::capture::{BatchSeq, CaptureLane, Limits};
use covenant_runtime::deliver::adopt::Desk;
use covenant_runtime::deliver::{DeliverLane, Parts, Releases};
use covenant_runtime::error::Result;
use covenant_runtime::keys::audit::MemoryAudit;
use covenant_runtime::keys::seams::DeliveryReveal;
use covenant_runtime::landing::SourcePosition;
use covenant_runtime::replay::{PortionLimits, ReplayJob, ReplayLane, ReplayRequest};
use covenant_runtime::source::poll::PollLane;
use covenant_runtime::source::{DatumAt, RowOp, StreamItem, Transaction, TransactionPart};
use covenant_runtime::warehouse::memory::MemoryWarehouse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Mutation;
use super::parts::{ACME, Acme, Turned};
use super::rows::Table;
use super::world::World;

pub(crate) const STORE: &str = "store";
pub(crate) const CRM: &str = "salesforce";
pub(crate) const STREAM: &str = "order-events";
/// Calls a day: never the limit here.
const DAILY_SHARE: u64 = 1_000_000;

/// Portions are small, so that a crash falls between two.
const PORTION: PortionLimits = PortionLimits { rows: 9, commits: 5 };

/// The lanes of one instance. Dropping it is SIGKILL.
pub(crate) struct Process {
    /// The contracts that it was built from.
    contracts: &'static Acme,
    pub(crate) replay: ReplayLane,
    pub(crate) capture: CaptureLane,
    pub(crate) backfill: BackfillLane,
    /// None until the warehouse could be opened.
    pub(crate) apply: Option<ApplyLane>,
    pub(crate) deliver: Option<DeliverLane>,
    /// Where its adoptions are looked at and decided.
    pub(crate) desk: Desk,
    pub(crate) poll: PollLane,
    /// Where the replication stream stands.
    pub(crate) stream_at: Lsn,
    /// Changes of the transaction there that came already, in parts.
    told: usize,
    /// Events of batches whose durability their producer waits for.
    pub(crate) waiting: Vec<(BatchSeq, Vec<usize>)>,
}

impl Process {
    /// Starts from what landing says.
    pub(crate) async fn start(world: &World) -> Result<Self> {
        let clock = Arc::clone(&world.env.clock);
        let contracts = world.contracts;
        let mut capture = CaptureLane::open(
            Arc::clone(&contracts.registry),
            Arc::clone(&contracts.protector),
            world.landing(),
            Arc::clone(&clock),
            Limits::default(),
        )
        .await?;
        if capture.position(STORE).is_none() {
            capture.adopt(STORE, start_of_slot())?;
        }
        let settings = LaneSettings { chunk_rows: 3, held_chunks: 2, ..LaneSettings::default() };
        let mut backfill = BackfillLane::new(clock, Arc::new(AlwaysOpen), settings);
        for job in &world.jobs {
            order(&mut capture, job)?;
            backfill.resume(job.clone(), capture.position(&job.id))?;
        }
        let polled = match capture.position(CRM) {
            Some(SourcePosition::Salesforce { polled_to_us, .. }) => polled_to_us.clone(),
            Some(_) | None => BTreeMap::new(),
        };
        let mut deriver = capture.deriver().clone();
        if world.mutation == Mutation::OneRevision {
            deriver.stamping(|_| Revision(0));
        }
        let mut replay = ReplayLane::new(world.landing(), deriver, Arc::new(AlwaysOpen), PORTION);
        for (job, position) in ReplayJob::unfinished(capture.positions()) {
            replay.resume(job, Some(&position));
        }
        let objects = contracts.registry.objects();
        let poll = PollLane::new(world.gateway.clone(), world.env.clone(), objects, polled);
        let mut process = Self {
            contracts,
            replay,
            capture,
            backfill,
            apply: None,
            deliver: None,
            desk: Desk::default(),
            poll,
            stream_at: Lsn(0),
            told: 0,
            waiting: Vec::new(),
        };
        process.open_stream(world);
        Ok(process)
    }

    /// Where landing ends, or where the slot stands if that is later: so does the server.
    pub(crate) fn open_stream(&mut self, world: &World) {
        let durable = self.capture.progress(STORE).map_or(Lsn(0), |at| at.durable().0);
        self.stream_at = durable.max(world.server.lock().confirmed);
        if self.told > 0 {
            world.count("a transaction that came in parts begins anew");
        }
        self.told = 0;
    }

    /// Opens what is not open yet.
    pub(crate) async fn apply_lane(&mut self, world: &World) -> Result<&mut ApplyLane> {
        if self.apply.is_none() {
            let faults = world.trouble.clone();
            let warehouse =
                MemoryWarehouse::new(world.store.clone(), &self.contracts.entities, faults);
            let epoch = self.capture.epoch();
            let (landing, env) = (world.landing(), world.env.clone());
            let lane = ApplyLane::open(landing, Box::new(warehouse), Vec::new(), env, epoch);
            self.apply = Some(lane.await?);
        }
        Ok(self.apply.as_mut().unwrap())
    }

    pub(crate) fn deliver_lane(&mut self, world: &World) -> Result<&mut DeliverLane> {
        if self.deliver.is_none() {
            let parts = Parts {
                landing: world.landing(),
                ledger: Box::new(world.ledger.clone()),
                crm: world.gateway.clone(),
                reveal: Arc::new(reveal()),
                sealer: Arc::new(Turned),
                env: world.env.clone(),
                epoch: self.capture.epoch(),
                daily_share: DAILY_SHARE,
                call_life: world.call_life(),
                releases: Releases::default(),
            };
            let mut entities = self.contracts.entities.clone();
            if !world.adopts || world.mutation == Mutation::AdoptNothing {
                entities
                    .iter_mut()
                    .filter_map(|it| it.salesforce.as_mut())
                    .for_each(|it| it.adopt = None);
            }
            let mut lane = DeliverLane::new(parts, &entities)?;
            lane.attend(self.desk.clone())?;
            self.deliver = Some(lane);
        }
        Ok(self.deliver.as_mut().unwrap())
    }

    /// Takes the next item of the stream; false where there is none.
    pub(crate) fn pull(&mut self, world: &World) -> Result<bool> {
        let next = world.server.lock().next_item(self.stream_at);
        let Some((item, at)) = next else { return Ok(false) };
        let Some(item) = self.part(world, item)? else { return Ok(true) };
        match &item {
            StreamItem::Transaction(transaction) => {
                self.notice(world, transaction);
                self.backfill.observe_transaction(transaction.xid, transaction.commit);
                let given = self.capture.withheld_given();
                self.capture.accept_transaction(STORE, transaction)?;
                if self.capture.withheld_given() > given {
                    world.count("a value of a refused row was left out of the next");
                }
                self.backfill.passed(transaction.end);
            }
            StreamItem::Part(part) => self.capture.accept_part(STORE, part)?,
            StreamItem::Passed(to) => {
                self.capture.accept_passed(STORE, *to)?;
                self.backfill.passed(*to);
            }
        }
        self.told = 0;
        self.stream_at = at;
        Ok(true)
    }

    /// Some transactions are too large for this instance: it takes their next changes, and has none left for now. Else the item
    /// without the changes that came already.
    fn part(&mut self, world: &World, item: StreamItem) -> Result<Option<StreamItem>> {
        let StreamItem::Transaction(mut rest) = item else { return Ok(Some(item)) };
        rest.changes.drain(..self.told);
        if rest.changes.len() < 2 || !world.dice.once_in(3) {
            return Ok(Some(StreamItem::Transaction(rest)));
        }
        rest.changes.truncate(rest.changes.len() / 2);
        self.told += rest.changes.len();
        world.count("a transaction that came in parts");
        let (commit, committed_at_us) = (rest.commit, rest.committed_at_us);
        let part = TransactionPart { commit, committed_at_us, changes: rest.changes };
        self.capture.accept_part(STORE, &part)?;
        Ok(None)
    }

    fn notice(&self, world: &World, transaction: &Transaction) {
        let accepted = self.capture.progress(STORE).map(|at| at.accepted().0);
        if accepted >= Some(transaction.end) {
            world.count("an item of the stream that came again");
        }
        for change in &transaction.changes {
            if change.op == RowOp::Truncate {
                world.count("a truncation");
            }
            if let RowOp::Update { old, new } = &change.op {
                if old.is_some() {
                    world.count("a key change");
                }
                if new.datums.contains(&DatumAt::Unchanged) {
                    world.count("an unchanged large value");
                }
            }
        }
    }

    /// One step of the backfill; rows that it hands out.
    pub(crate) async fn backfill_step(&mut self, world: &World) -> Result<Option<usize>> {
        let mut reader = world.server.clone();
        let hazards = self.backfill.counts().hazards;
        let ready = self.backfill.step(&mut reader).await?;
        if self.backfill.counts().hazards > hazards {
            world.count("a chunk was read again");
        }
        let Some(mut chunk) = ready else { return Ok(None) };
        if !chunk.rows.is_empty() {
            world.count("a row of a table read");
        }
        let truncated = world.server.lock().truncated_at(Table::named(&chunk.relation.table));
        if !chunk.rows.is_empty() && truncated.is_some_and(|at| chunk.bound < at) {
            world.count("a read row that a TRUNCATE has overtaken");
        }
        if world.mutation == Mutation::StampWithTheRead {
            chunk.bound = Lsn(chunk.read_at_us as u64);
        }
        self.capture.accept_chunk(STORE, &chunk)?;
        Ok(Some(chunk.rows.len()))
    }

    /// Orders a replay of everything that is landed.
    pub(crate) fn order_replay(&mut self, rederive: bool) -> Result<()> {
        let request = ReplayRequest { from: 1, rederive, ..ReplayRequest::default() };
        let (newest, known) = (self.capture.last_commit(), self.capture.positions());
        let job = ReplayJob::asked(&request, newest, &[], known).unwrap();
        if self.capture.position(&job.id).is_none() {
            self.capture.adopt(&job.id, job.position(None, 0))?;
        }
        let position = self.capture.position(&job.id).cloned();
        self.replay.resume(job, position.as_ref());
        Ok(())
    }

    /// One portion of a replay; changes in it.
    pub(crate) async fn replay_step(&mut self, world: &World) -> Result<Option<u64>> {
        let Some(portion) = self.replay.step().await? else { return Ok(None) };
        assert_eq!(portion.refused, 0, "{:?}", portion.refusal);
        if !portion.changes.is_empty() {
            world.count("a change was derived again");
        }
        if !portion.files.is_empty() {
            world.count("a commit was replayed");
        }
        let changes =
            portion.changes.len() as u64 + portion.files.iter().map(|f| f.rows).sum::<u64>();
        self.capture.accept_replay(portion)?;
        Ok(Some(changes))
    }

    /// Polls what is due; records found.
    pub(crate) async fn poll_step(&mut self) -> Result<usize> {
        let Some(polled) = self.poll.step().await? else { return Ok(0) };
        let (system, object) = (polled.system.as_str(), polled.object.as_str());
        self.capture.accept_crm(system, object, &polled.records, polled.window_end_us)?;
        Ok(polled.records.len())
    }

    /// What the slot may be told.
    pub(crate) fn acknowledge(&mut self, world: &World) -> Result<()> {
        let mut to = self.capture.acknowledge(STORE)?.0;
        if world.mutation == Mutation::AcknowledgeAccepted {
            to = self.capture.progress(STORE).map_or(to, |at| at.accepted().0);
        }
        world.count("the slot was told");
        let mut server = world.server.lock();
        server.confirmed = server.confirmed.max(to);
        Ok(())
    }
}

pub(crate) fn reveal() -> DeliveryReveal {
    let audit = Arc::new(MemoryAudit::default());
    DeliveryReveal::new(Arc::clone(&ACME.protector), audit, "simulation")
}

/// Whoever orders a table read lands that it was ordered before it begins, as the runtime's capture task does.
pub(crate) fn order(capture: &mut CaptureLane, job: &Job) -> Result<()> {
    if capture.position(&job.id).is_some() {
        return Ok(());
    }
    let (entity, after) = (job.entity.clone(), None);
    capture.adopt(&job.id, SourcePosition::Backfill { entity, after, rows: 0, done: false })
}

fn start_of_slot() -> SourcePosition {
    SourcePosition::Postgres {
        incarnation: Incarnation::FIRST,
        system_id: "7".to_owned(),
        timeline: 1,
        slot: "covenant".to_owned(),
        lsn: super::postgres::SLOT_START,
    }
}

/// A read of a whole table.
pub(crate) fn job(number: usize, table: Table) -> Job {
    let columns = super::rows::relation(table, ACME.entity(table.entity()));
    Job {
        id: format!("backfill-{number}"),
        entity: table.entity().to_owned(),
        request: covenant_runtime::source::ChunkRequest {
            schema: "public".to_owned(),
            table: table.name().to_owned(),
            columns: columns.columns.iter().map(|column| column.name.clone()).collect(),
            key: vec![table.key_column().to_owned()],
            range: None,
            keys: Vec::new(),
            part: None,
            rows: None,
        },
    }
}
