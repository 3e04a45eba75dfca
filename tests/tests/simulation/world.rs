//! The world of one seed: the systems, the instances of the runtime, and the scheduler that lets the seed choose every step.

mod rest;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use covenant_runtime::backfill::lane::Job;
use covenant_runtime::capture::EventOutcome;
use covenant_runtime::crm::CrmValue;
use covenant_runtime::crm::memory::{MemoryCrm, MemoryRecord};
use covenant_runtime::deliver::CALL_LIFE;
use covenant_runtime::env::Env;
use covenant_runtime::error::{ErrorKind, Result as Ran};
use covenant_runtime::fault::NoFaults;
use covenant_runtime::landing::Landing;
use covenant_runtime::landing::memory::MemoryLanding;
use covenant_runtime::warehouse::memory::MemoryStore;
use futures::executor::block_on;

use super::Mutation;
use super::chance::{Dice, Hand, START_US, Trouble};
use super::invariants::Watch;
use super::late::LateCrm;
use super::parts::{ACME, Acme, BEFORE, Kept, Overwriting};
use super::people::People;
use super::postgres::Server;
use super::process::{Process, STREAM, job};
use super::reached::Reached;
use super::rows::{Table, relation};
use super::shop::{Producer, Shop};

/// Steps under faults: at least this many, and up to twice as many.
const STEPS: usize = 120;
/// Choices of a step below this leave the runtime alone.
const FIRST_OF_RUNTIME: usize = 24;
/// Rounds after the last fault: a world that is not at rest then never will be.
const ROUNDS_MAX: usize = 60;
/// Rounds without anything to do that count as rest.
const ROUNDS_AT_REST: usize = 2;
/// The delivery ledger is lost with one crash in so many.
const LEDGER_LOST_ONCE_IN: usize = 12;
/// Between two rounds: longer than every wait of a lane, microseconds.
const ROUND_US: i64 = 61_000_000;
/// Table reads beside live traffic in one world.
const JOBS_MAX: usize = 6;
/// What account managers choose from.
const TIERS: [&str; 4] = ["bronze", "silver", "gold", "platinum"];

pub(crate) struct World {
    pub(crate) dice: Arc<Dice>,
    hand: Arc<Hand>,
    pub(crate) env: Env,
    pub(crate) trouble: Arc<Trouble>,
    pub(crate) server: Server,
    memory: MemoryLanding,
    pub(crate) store: MemoryStore,
    pub(crate) crm: Arc<MemoryCrm>,
    /// The same CRM, as lanes reach it.
    pub(crate) gateway: Arc<LateCrm>,
    pub(crate) ledger: Kept,
    pub(crate) jobs: Vec<Job>,
    people: People,
    /// Whether records of people are adopted, as the contract says.
    pub(crate) adopts: bool,
    shop: Shop,
    pub(crate) producer: Producer,
    /// Record id -> what a person chose last.
    pub(crate) tiers: BTreeMap<String, String>,
    /// What an instance that starts now is built from.
    pub(crate) contracts: &'static Acme,
    /// Everything that was landed under the contracts of before is to be derived again.
    rederive: bool,
    process: Option<Process>,
    /// An instance that does not know that another has taken over.
    zombie: Option<Process>,
    watch: Watch,
    pub(crate) mutation: Mutation,
    traced: bool,
    reached: Mutex<Reached>,
}

impl World {
    pub(crate) fn new(seed: u64, mutation: Mutation, traced: bool) -> Self {
        let dice = Dice::new(seed);
        let hand = Hand::new(Arc::new(AtomicI64::new(START_US)));
        let env = hand.env(&dice);
        let trouble = Trouble::new(Arc::clone(&dice));
        let tables = [Table::Customers, Table::Orders];
        let server = Server::new(tables.map(|table| relation(table, ACME.entity(table.entity()))));
        let shop = {
            let mut server = server.lock();
            server.unchanged_is_null = mutation == Mutation::UnchangedIsNull;
            Shop::open(&dice, &mut server)
        };
        // The CRM has its own clock; the runtime's may be off by as much as polls bear.
        let org = hand.org_env(&dice);
        let crm = Arc::new(MemoryCrm::new(org, trouble.clone()));
        // While an adoption waits nothing is delivered: other worlds have nobody before us, and more happens in them.
        let adopts = dice.once_in(2);
        let people =
            if adopts { People::before_us(&dice, &crm, &server) } else { People::default() };
        let unguarded = mutation == Mutation::NoRevisionRule;
        let gateway = LateCrm::new(crm.clone(), trouble.clone(), Arc::clone(&dice), unguarded);
        Self {
            crm,
            gateway: Arc::new(gateway),
            reached: Mutex::default(),
            memory: MemoryLanding::with_faults(trouble.clone()),
            store: MemoryStore::default(),
            ledger: Kept::new(),
            jobs: vec![job(1, Table::Customers), job(2, Table::Orders)],
            people,
            adopts,
            producer: Producer::default(),
            tiers: BTreeMap::new(),
            contracts: if dice.once_in(2) { &BEFORE } else { &ACME },
            rederive: false,
            process: None,
            zombie: None,
            watch: Watch::default(),
            dice,
            hand,
            env,
            trouble,
            server,
            shop,
            mutation,
            traced,
        }
    }

    pub(crate) fn landing(&self) -> Arc<dyn Landing> {
        match self.mutation {
            Mutation::UnconditionalPut => Arc::new(Overwriting(self.memory.clone())),
            Mutation::None
            | Mutation::AcknowledgeAccepted
            | Mutation::StampWithTheRead
            | Mutation::NoRevisionRule
            | Mutation::RekeyAtOnce
            | Mutation::AdoptNothing
            | Mutation::OneRevision
            | Mutation::UnchangedIsNull => Arc::new(self.memory.clone()),
        }
    }

    /// How long a lane believes that a call which it gave up may execute.
    pub(crate) fn call_life(&self) -> Duration {
        if self.mutation == Mutation::RekeyAtOnce { Duration::ZERO } else { CALL_LIFE }
    }

    /// The same content without faults: for those who only look.
    pub(crate) fn calm_landing(&self) -> MemoryLanding {
        self.memory.under(Arc::new(NoFaults))
    }

    pub(crate) fn records(&self, object: &str) -> BTreeMap<String, MemoryRecord> {
        self.crm.records(object)
    }

    /// What a step of a lane did: something, nothing, or a failure that heals.
    fn healed<T>(&self, what: &str, ran: Ran<T>) -> Result<Option<T>, String> {
        match ran {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.kind == ErrorKind::Unavailable => {
                self.count("a failed step that heals");
                Ok(None)
            }
            Err(error) => Err(format!("{what}: {:?}: {error}", error.kind)),
        }
    }

    pub(crate) fn count(&self, what: &'static str) {
        self.reached.lock().unwrap().count(what);
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.traced {
            println!("{}", what());
        }
    }

    /// The whole life of a world.
    pub(crate) fn run(mut self, reached: &mut Reached) -> Result<(), String> {
        let steps = STEPS + self.dice.below(STEPS);
        for at in 0..steps {
            self.hand.advance(self.dice.below(400_000) as i64);
            let touched = self.step(at).map_err(|what| format!("step {at}: {what}"))?;
            if !touched {
                continue;
            }
            let mut watch = std::mem::take(&mut self.watch);
            let checked = watch.check(&self);
            self.watch = watch;
            checked.map_err(|what| format!("behind step {at}: {what}"))?;
        }
        self.settle()?;
        reached.add(&self.reached.lock().unwrap());
        super::oracle::check(&self)?;
        let adopted = self.people.check(&self.crm, &self.server)?;
        if adopted > 0 {
            reached.count("a record of a person was adopted");
        }
        Ok(())
    }

    /// Whether the runtime had a part in it.
    fn step(&mut self, at: usize) -> Result<bool, String> {
        let choice = self.dice.below(64);
        match choice {
            0..=19 => self.source(choice),
            20 => self.edit(),
            21 if self.dice.once_in(2) => self.edit(),
            21 => self.review(),
            22 => self.hand.advance(self.dice.below(20) as i64 * 1_000_000),
            23 => self.hand.skew(self.dice.below(4_000_000) as i64 - 2_000_000),
            24 if self.jobs.len() < JOBS_MAX => self.order_backfill(),
            25 => self.crash(at),
            26 => self.take_over(at),
            27 => self.zombie_step()?,
            28 => self.late_call(at),
            29 => {
                self.say(|| format!("{at}: the stream is cut"));
                if let Some(mut process) = self.process.take() {
                    process.open_stream(self);
                    self.process = Some(process);
                }
            }
            _ => self.lane(at, choice)?,
        }
        Ok(choice >= FIRST_OF_RUNTIME)
    }

    /// The shop, the server and the producer.
    fn source(&mut self, choice: usize) {
        let draw = self.dice.below(64);
        let mut server = self.server.lock();
        match choice {
            0..=5 => {
                let began = self.shop.act(&self.dice, &mut server);
                drop(server);
                self.say(|| format!("the shop begins a transaction: {began}"));
            }
            6..=9 => server.write_commit(draw),
            10..=13 => server.become_visible(draw),
            14..=16 => server.flush(),
            17 => server.other_records(),
            18 if self.dice.once_in(4) => server.abort(draw),
            _ => self.producer.tell(&self.dice, self.shop.orders_told()),
        }
    }

    /// An account manager chooses a tier.
    fn edit(&mut self) {
        let records: Vec<MemoryRecord> = self.records("Account").into_values().collect();
        let (Some(record), Some(tier)) = (self.dice.pick(&records), self.dice.pick(&TIERS)) else {
            return;
        };
        let edit = [("Tier__c", CrmValue::Text(tier.to_owned()))];
        if self.crm.edit("Account", &record.external_id, &edit) {
            self.count("a person's choice");
            self.say(|| format!("{} becomes {tier}", record.external_id));
            self.tiers.insert(record.id, tier.to_owned());
        }
    }

    /// Somebody looks at the adoptions that wait for a person.
    fn review(&mut self) {
        let Some(process) = &self.process else { return };
        if process.desk.look().iter().any(|standing| standing.held > 0) {
            self.count("a row that waited for a person");
        }
        let decided = self.people.review(&process.desk);
        if decided > 0 {
            self.count("a person decided whose a record is");
            self.say(|| format!("{decided} decisions about adoptions"));
        }
    }

    fn order_backfill(&mut self) {
        let table = if self.dice.once_in(2) { Table::Customers } else { Table::Orders };
        let job = job(self.jobs.len() + 1, table);
        self.say(|| format!("{} of {} is ordered", job.id, table.name()));
        self.jobs.push(job.clone());
        if let Some(process) = &mut self.process {
            super::process::order(&mut process.capture, &job).unwrap();
            let position = process.capture.position(&job.id).cloned();
            process.backfill.resume(job, position.as_ref()).unwrap();
        }
    }

    /// SIGKILL: what the instance held in memory is gone.
    fn crash(&mut self, at: usize) {
        self.say(|| format!("{at}: killed"));
        if self.process.take().is_some() {
            self.count("a crash");
        }
        self.correct();
        if self.dice.once_in(LEDGER_LOST_ONCE_IN) {
            self.say(|| "and its disk is gone".to_owned());
            self.count("a ledger was lost");
            self.ledger = Kept::new();
        }
    }

    /// The next instance is built from the corrected contracts.
    fn correct(&mut self) {
        if !std::ptr::eq(self.contracts, &raw const *ACME) && self.dice.once_in(2) {
            self.say(|| "the next instance has the corrected contracts".to_owned());
            self.count("a contract was corrected");
            (self.contracts, self.rederive) = (&ACME, true);
        }
    }

    /// A call that a lane gave up on executes all the same.
    fn late_call(&mut self, at: usize) {
        if self.gateway.execute_one() {
            self.say(|| format!("{at}: a call of the past executes"));
            self.count("a call that executed late");
        }
    }

    /// Another instance starts while this one still believes that it is the one.
    fn take_over(&mut self, at: usize) {
        self.say(|| format!("{at}: another instance is to take over"));
        self.zombie = self.process.take();
        self.correct();
    }

    /// The overtaken instance goes on with what it has; it must not get anything through once another has begun.
    fn zombie_step(&mut self) -> Result<(), String> {
        let Some(mut zombie) = self.zombie.take() else { return Ok(()) };
        let overtaken =
            self.process.as_ref().is_some_and(|new| new.capture.epoch() > zombie.capture.epoch());
        let newest = || block_on(self.calm_landing().newest()).map_err(|e| e.to_string());
        let before = newest()?.map(|commit| commit.number);
        if self.dice.once_in(2) {
            if zombie.capture.may_accept() {
                // what stood in its socket still
                zombie.pull(self).map_err(|error| error.to_string())?;
            }
            let ran = block_on(zombie.capture.commit());
            self.say(|| format!("the overtaken instance commits: {:?}", ran.as_ref().err()));
            if fenced_or_healed("overtaken capture", ran)? {
                self.count("an older instance was fenced at landing");
            }
        } else {
            let ran = match block_on(zombie.apply_lane(self)) {
                Ok(lane) => block_on(lane.step()).map(drop),
                Err(error) => Err(error),
            };
            self.say(|| format!("the overtaken instance applies: {:?}", ran.as_ref().err()));
            if fenced_or_healed("overtaken apply", ran)? {
                self.count("an older instance was fenced at the warehouse");
            }
        }
        let after = newest()?.map(|commit| commit.number);
        if overtaken && before != after {
            return Err("an overtaken instance has landed a commit".to_owned());
        }
        self.zombie = Some(zombie);
        Ok(())
    }

    /// One step of one lane; the instance is started where there is none.
    fn lane(&mut self, at: usize, choice: usize) -> Result<(), String> {
        let Some(mut process) = self.process.take() else {
            self.process = self.healed("start", block_on(Process::start(self)))?;
            if self.process.is_none() {
                self.count("a start that failed");
            }
            let started = self.process.as_ref().map(|process| process.capture.epoch().0);
            self.say(|| format!("{at}: started under epoch {started:?}"));
            return Ok(());
        };
        match choice {
            30..=37 => {
                let mut pulled = 0;
                while pulled <= self.dice.below(3) && process.pull(self).map_err(told)? {
                    pulled += 1;
                }
                self.say(|| format!("{at}: {pulled} items, stream at {}", process.stream_at));
            }
            38..=43 => {
                self.commit(&mut process)?;
                self.answer(&mut process);
            }
            44..=46 => self.send_events(&mut process)?,
            50 | 51 => {
                if process.replay.is_idle() && self.dice.once_in(4) {
                    let rederive = self.dice.once_in(2);
                    self.say(|| format!("{at}: a replay is ordered, rederive {rederive}"));
                    process.order_replay(rederive).map_err(told)?;
                }
                let ran = self.healed("replay", block_on(process.replay_step(self)))?.flatten();
                self.say(|| format!("{at}: replayed {ran:?}"));
            }
            47..=49 => {
                let ran = self.healed("backfill", block_on(process.backfill_step(self)))?;
                self.say(|| format!("{at}: backfill hands out {ran:?}"));
            }
            52..=55 => {
                self.apply(&mut process)?;
            }
            56..=60 => {
                self.deliver(&mut process)?;
            }
            _ => {
                let ran = self.healed("poll", block_on(process.poll_step()))?;
                self.say(|| format!("{at}: polled {ran:?}"));
            }
        }
        self.process = Some(process);
        Ok(())
    }

    fn commit(&self, process: &mut Process) -> Result<u64, String> {
        let committed = self.healed("capture", block_on(process.capture.commit()))?.flatten();
        self.say(|| {
            let durable = process.capture.progress(super::process::STORE).map(|at| at.durable().0);
            format!("commit {:?}, durable {durable:?}", committed.as_ref().map(|c| c.number))
        });
        // The slot is told what may be forgotten; an answer to it can always be lost.
        if !self.trouble.is_on() || !self.dice.once_in(4) {
            process.acknowledge(self).map_err(told)?;
        }
        if committed.as_ref().is_some_and(|done| done.quarantined > 0) {
            self.count("a record was refused by its contract");
        }
        Ok(committed.map_or(0, |done| done.changes))
    }

    fn send_events(&mut self, process: &mut Process) -> Result<(), String> {
        let batch = self.producer.batch(&self.dice);
        let bodies: Vec<_> =
            batch.iter().map(|at| self.producer.log[*at].json(self.dice.below(2)).into()).collect();
        let accepted = process.capture.accept_events(STREAM, &bodies).map_err(told)?;
        self.say(|| format!("events {batch:?} in batch {}", accepted.batch.0));
        if accepted.outcomes.contains(&EventOutcome::Duplicate) {
            self.count("an event that came again");
        }
        process.waiting.push((accepted.batch, batch));
        Ok(())
    }

    /// 202: events of durable batches are no longer the producer's care.
    fn answer(&mut self, process: &mut Process) {
        let (done, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut process.waiting)
            .into_iter()
            .partition(|(batch, _)| process.capture.is_durable(*batch));
        process.waiting = waiting;
        for (_, events) in done {
            // A producer that hears nothing sends again.
            if !self.trouble.is_on() || !self.dice.once_in(8) {
                self.producer.unsure.retain(|event| !events.contains(event));
            }
        }
    }

    fn apply(&self, process: &mut Process) -> Result<u64, String> {
        let ran = match block_on(process.apply_lane(self)) {
            Ok(lane) => block_on(lane.step()),
            Err(error) => Err(error),
        };
        let done = self.healed("apply", ran)?;
        self.say(|| format!("applied {:?}", done.as_ref().map(|done| done.commits)));
        Ok(done.map_or(0, |done| done.changes))
    }

    fn deliver(&self, process: &mut Process) -> Result<u64, String> {
        let ran = match process.deliver_lane(self) {
            Ok(lane) => block_on(lane.step()),
            Err(error) => Err(error),
        };
        let done = self.healed("delivery", ran)?;
        self.say(|| format!("delivered {done:?}"));
        self.say(|| format!("adoptions: {:?}", process.desk.look()));
        if done.as_ref().is_some_and(|done| done.removed > 0) {
            self.count("a removal");
        }
        if done.as_ref().is_some_and(|done| done.left > 0) {
            self.count("a record that left its sink");
        }
        if done.as_ref().is_some_and(|done| done.held > 0) {
            self.count("a record that waited for a call of the past");
        }
        // A fold of commits without changes is no work.
        Ok(done.map_or(1, |done| {
            done.written + done.unchanged + done.removed + done.left + done.refused + done.adopting
        }))
    }
}

fn told(error: covenant_runtime::error::RuntimeError) -> String {
    format!("{:?}: {error}", error.kind)
}

/// What an overtaken instance may hear; whether it was fenced.
fn fenced_or_healed<T>(what: &str, ran: Ran<T>) -> Result<bool, String> {
    match ran {
        Ok(_) => Ok(false),
        Err(error) if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Fenced) => {
            Ok(error.kind == ErrorKind::Fenced)
        }
        Err(error) => Err(format!("{what}: {:?}: {error}", error.kind)),
    }
}
