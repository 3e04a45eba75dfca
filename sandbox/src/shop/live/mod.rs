//! The live shop: carries out a plan against PostgreSQL, the event endpoint and Salesforce.

mod customers;
mod orders;
mod poison;
mod stock;
mod telling;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::events::Sender;
use super::log::{Entry, ShopLog, now_us};
use super::plan::{Act, Planned};
use super::rows::Maker;
use super::tables::{Table, key_is};
use super::world::World;
use crate::error::{At, Result};

const PLACE: &str = "live shop";

/// Edits records inside Salesforce as a person there would; implemented over the simulator's admin port.
pub trait AccountManagers: Send + Sync {
    /// Sets fields of the account with that customer number; false where there is no such account yet.
    ///
    /// # Errors
    /// Where the simulator does not answer.
    fn edit(
        &self,
        customer_id: &str,
        fields: serde_json::Map<String, serde_json::Value>,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Acts carried out.
    pub acts: u64,
    /// Rows changed and events sent.
    pub changes: u64,
}

/// A shop at work.
pub struct Shop<M> {
    client: Client,
    maker: Maker,
    world: World,
    log: Arc<ShopLog>,
    sender: Sender,
    managers: M,
    tally: Tally,
}

impl<M: AccountManagers> Shop<M> {
    /// Opens the shop.
    pub fn new(
        client: Client,
        maker: Maker,
        world: World,
        log: Arc<ShopLog>,
        sender: Sender,
        managers: M,
    ) -> Self {
        Self { client, maker, world, log, sender, managers, tally: Tally::default() }
    }

    /// Carries out the plan; `progress` is told after every act. What falls behind is caught up, nothing is left out.
    ///
    /// # Errors
    /// Where the database or the log refuses.
    pub async fn run(&mut self, plan: &[Planned], mut progress: impl FnMut(&Tally)) -> Result<()> {
        let opened = Instant::now();
        for planned in plan {
            let early = planned.at.saturating_sub(opened.elapsed());
            if !early.is_zero() {
                tokio::time::sleep(early).await;
            }
            self.act(planned.act).await?;
            self.tally.acts += 1;
            progress(&self.tally);
        }
        Ok(())
    }

    /// Closes: waits until every event is answered.
    ///
    /// # Errors
    /// Where that takes longer than `bound`.
    pub async fn close(self, bound: Duration) -> Result<Tally> {
        self.sender.finish(bound).await?;
        Ok(self.tally)
    }

    async fn act(&mut self, act: Act) -> Result<()> {
        match act {
            Act::NewOrder => self.new_order().await,
            Act::NewCustomer => self.new_customer().await,
            Act::Advance => self.advance(true, true).await,
            Act::AdvanceInTable => self.advance(true, false).await,
            Act::AdvanceByEvent => self.advance(false, true).await,
            Act::EditCustomer => self.edit_customer().await,
            Act::EditNotes => self.edit_notes().await,
            Act::MoveStock => self.move_stock().await,
            Act::Bulk => self.bulk().await,
            Act::DeleteOrder => self.delete_order().await,
            Act::Rekey => self.rekey().await,
            Act::PoisonOrder => self.poison_order().await,
            Act::PoisonCustomer => self.poison_customer().await,
            Act::PoisonLevel => self.poison_level().await,
            Act::PoisonLine => self.poison_line().await,
            Act::PoisonNewOrder => self.poison_new_order().await,
            Act::Heal => self.heal().await,
            Act::DuplicateEvent => self.duplicate_event().await,
            Act::LateEvent => self.late_event().await,
            Act::StaleEvent => self.stale_event().await,
            Act::StrayEvent => self.stray_event().await,
            Act::MalformedEvent => self.malformed_event().await,
            Act::AddColumn => self.add_column().await,
            Act::EditInCrm => self.edit_in_crm().await,
        }
    }

    /// Runs statements in one transaction. A refusal is a bug of the shop: nothing of it is sent again.
    async fn transaction(&mut self, statements: &[String], changes: u64) -> Result<()> {
        let sql = format!("BEGIN; {}; COMMIT", statements.join("; "));
        self.client.batch_execute(&sql).await.at(PLACE, "a transaction was refused", "")?;
        self.tally.changes += changes;
        Ok(())
    }

    /// Tells the log that a row was just committed.
    fn wrote(&self, table: Table, key: &[&str]) -> Result<()> {
        self.log.put(&Entry::Wrote {
            table: table.name.to_owned(),
            key: key.iter().map(|part| (*part).to_owned()).collect(),
            at_us: now_us(),
        })
    }

    /// A row as the verifier will read it; none where it is not there.
    async fn row(&self, table: Table, key: &[String]) -> Result<Option<Vec<Option<String>>>> {
        let sql = format!(
            "SELECT {} FROM public.{} WHERE {}",
            table.canonical_columns(),
            table.name,
            key_is(table, key)
        );
        Ok(self.texts(&sql, table.columns.len()).await?.into_iter().next())
    }

    /// Rows of a query, as texts.
    async fn texts(&self, sql: &str, columns: usize) -> Result<Vec<Vec<Option<String>>>> {
        let answers = self.client.simple_query(sql).await.at(PLACE, "a query was refused", "")?;
        let rows = answers.into_iter().filter_map(|answer| {
            if let SimpleQueryMessage::Row(row) = answer {
                Some((0..columns).map(|at| row.get(at).map(str::to_owned)).collect())
            } else {
                None
            }
        });
        Ok(rows.collect())
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.maker.rng().random_range(0..bound)
    }
}
