//! What follows the last fault: rounds of every lane until nothing is left to do.

use covenant_runtime::landing::Landing;
use covenant_runtime::ledger::Ledger;
use futures::executor::block_on;

use super::{ROUND_US, ROUNDS_AT_REST, ROUNDS_MAX, World, told};
use crate::process::{Process, STREAM};

impl World {
    /// No more faults: everything that was promised must come to an end.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        while self.gateway.execute_one() {}
        self.trouble.end();
        self.zombie = None;
        self.hand.skew(0);
        self.server.lock().settle();
        let mut at_rest = 0;
        for round in 0..ROUNDS_MAX {
            self.hand.advance(ROUND_US);
            self.review();
            let worked = self.round()?;
            self.say(|| format!("round {round}: {worked}"));
            let mut watch = std::mem::take(&mut self.watch);
            let checked = watch.check(self);
            self.watch = watch;
            checked.map_err(|what| format!("round {round}: {what}"))?;
            let waiting = self.waiting()? + self.unfolded()?;
            at_rest = if worked == 0 && waiting == 0 { at_rest + 1 } else { 0 };
            if at_rest >= ROUNDS_AT_REST {
                return Ok(());
            }
        }
        Err(format!("not at rest after {ROUNDS_MAX} rounds: {}", self.what_waits()))
    }

    /// What the ledger and the adoptions say of themselves, for whoever reads the failure.
    fn what_waits(&mut self) -> String {
        let adoptions = self.process.as_ref().map(|process| process.desk.look());
        format!("{:?}; {adoptions:?}", self.ledger.counts())
    }

    /// Records that wait for the CRM: some until no call of the past can execute any more.
    fn waiting(&mut self) -> Result<u64, String> {
        let counts = self.ledger.counts().map_err(told)?;
        Ok(counts.values().map(|rows| rows.waiting).sum())
    }

    /// Landing commits that delivery has not folded: it takes so many in a step, and sends nothing of those behind.
    fn unfolded(&mut self) -> Result<u64, String> {
        let newest = block_on(self.calm_landing().newest()).map_err(told)?;
        let folded = self.ledger.folded().map_err(told)?;
        Ok(newest.map_or(0, |commit| commit.number.0.saturating_sub(folded.0)))
    }

    /// Every lane until it has nothing more to do; how much was done.
    fn round(&mut self) -> Result<u64, String> {
        let mut process = match self.process.take() {
            Some(process) => process,
            None => block_on(Process::start(self)).map_err(told)?,
        };
        let mut worked = 0;
        while process.pull(self).map_err(told)? {}
        while let Some(rows) = block_on(process.backfill_step(self)).map_err(told)? {
            worked += rows as u64 + 1;
        }
        worked += u64::from(!process.backfill.is_idle());
        if std::mem::take(&mut self.rederive) {
            process.order_replay(true).map_err(told)?;
        }
        while let Some(changes) = block_on(process.replay_step(self)).map_err(told)? {
            worked += changes + 1;
        }
        let unsure: Vec<usize> = self.producer.unsure.iter().copied().collect();
        if !unsure.is_empty() {
            let bodies: Vec<_> =
                unsure.iter().map(|at| self.producer.log[*at].json(0).into()).collect();
            let accepted = process.capture.accept_events(STREAM, &bodies).map_err(told)?;
            process.waiting.push((accepted.batch, unsure));
            worked += 1;
        }
        worked += block_on(process.poll_step()).map_err(told)? as u64;
        worked += self.commit(&mut process)?;
        // an earlier batch may have stood in the way of this one
        worked += self.commit(&mut process)?;
        self.answer(&mut process);
        while self.apply(&mut process)? > 0 {}
        let mut sent = self.deliver(&mut process)?;
        while sent > 0 {
            worked += sent;
            sent = self.deliver(&mut process)?;
            if worked > 10_000 {
                return Err("delivery does not come to an end".to_owned());
            }
        }
        self.process = Some(process);
        Ok(worked)
    }
}
