//! Customers: new ones, edits, another number, many at once, and what account managers do in Salesforce.

use jiff::Timestamp;
use serde_json::{Map, json};

use super::{AccountManagers, Shop};
use crate::error::Result;
use crate::shop::catalog::{ACCOUNT_MANAGERS, STREETS, TIERS};
use crate::shop::log::Entry;
use crate::shop::rows::customer_id;
use crate::shop::tables::{CUSTOMERS, literal};

/// Customers in one transaction of [`Shop::bulk`].
const BULK_ROWS: usize = 40;
/// Accounts tried until one is found that has reached Salesforce.
const CRM_TRIES: usize = 5;

impl<M: AccountManagers> Shop<M> {
    pub(super) async fn new_customer(&mut self) -> Result<()> {
        self.world.last_customer += 1;
        let row = self.maker.customer(self.world.last_customer, Timestamp::now());
        self.transaction(&[row.insert()], 1).await?;
        self.world.customers.push(row.get("customer_id").to_owned());
        self.wrote(CUSTOMERS, &[row.get("customer_id")])
    }

    /// Leaves `notes` alone: where they lie out of line, the change does not carry them.
    pub(super) async fn edit_customer(&mut self) -> Result<()> {
        let Some(at) = self.world.any_customer(self.maker.rng()) else { return Ok(()) };
        let id = self.world.customers[at].clone();
        let set = match self.below(4) {
            0 => format!("phone = '+49 40 {:07}'", self.below(10_000_000)),
            1 => {
                let street = format!("{} {}", self.maker.pick(STREETS), self.below(300) + 1);
                format!("street = {}", literal(&street))
            }
            2 => format!("email = 'moved{}@mail.example'", self.below(1_000_000)),
            _ => format!("loyalty_points = loyalty_points + {}", self.below(50) + 1),
        };
        self.update_customer(&id, &set).await
    }

    pub(super) async fn edit_notes(&mut self) -> Result<()> {
        let Some(at) = self.world.any_customer(self.maker.rng()) else { return Ok(()) };
        let id = self.world.customers[at].clone();
        let notes = self.maker.large_text("Wrote about");
        self.update_customer(&id, &format!("notes = {}", literal(&notes))).await
    }

    async fn update_customer(&mut self, id: &str, set: &str) -> Result<()> {
        let update = format!(
            "UPDATE public.customers SET {set}, updated_at = now() WHERE customer_id = '{id}'"
        );
        self.transaction(&[update], 1).await?;
        self.wrote(CUSTOMERS, &[id])
    }

    /// One transaction over many rows: all of it arrives, or nothing.
    pub(super) async fn bulk(&mut self) -> Result<()> {
        let mut ids = Vec::new();
        for _ in 0..BULK_ROWS {
            if let Some(at) = self.world.any_customer(self.maker.rng()) {
                ids.push(literal(&self.world.customers[at]));
            }
        }
        let update = format!(
            "UPDATE public.customers SET loyalty_points = loyalty_points + 10, updated_at = now() \
             WHERE customer_id IN ({})",
            ids.join(", ")
        );
        self.transaction(&[update], ids.len() as u64).await?;
        self.log.put(&Entry::Noted { what: format!("{} customers in one transaction", ids.len()) })
    }

    /// A guest registers: another number, everything else stays, and their orders follow. Every other time it is a customer
    /// whose notes lie out of line, so that the change does not carry them.
    pub(super) async fn rekey(&mut self) -> Result<()> {
        let Some(at) = self.rekey_candidate().await? else { return Ok(()) };
        let from = self.world.customers[at].clone();
        self.world.last_customer += 1;
        let to = customer_id(self.world.last_customer);
        let update = format!(
            "UPDATE public.customers SET customer_id = '{to}', updated_at = now() \
             WHERE customer_id = '{from}'"
        );
        self.transaction(&[update], 2).await?;
        for order in self.world.orders.iter_mut().filter(|order| order.customer_id == from) {
            order.customer_id.clone_from(&to);
        }
        self.world.customers[at].clone_from(&to);
        self.wrote(CUSTOMERS, &[&to])?;
        self.log.put(&Entry::Rekeyed { from, to })
    }

    async fn rekey_candidate(&mut self) -> Result<Option<usize>> {
        let Some(at) = self.world.any_customer(self.maker.rng()) else { return Ok(None) };
        if self.maker.one_in(2) {
            return Ok(Some(at));
        }
        let sql = format!(
            "SELECT customer_id FROM public.customers \
             WHERE notes IS NOT NULL AND customer_id >= {} ORDER BY customer_id LIMIT 1",
            literal(&self.world.customers[at])
        );
        let found =
            self.texts(&sql, 1).await?.into_iter().next().and_then(|row| row.into_iter().next());
        let Some(Some(id)) = found else { return Ok(Some(at)) };
        let with_notes = self.world.customers.iter().position(|known| *known == id);
        Ok(with_notes.filter(|_| !self.world.untouchable.contains(&id)).or(Some(at)))
    }

    /// Tier and account owner belong to Salesforce and flow back.
    pub(super) async fn edit_in_crm(&mut self) -> Result<()> {
        for _ in 0..CRM_TRIES {
            let Some(at) = self.world.any_customer(self.maker.rng()) else { return Ok(()) };
            let customer_id = self.world.customers[at].clone();
            let mut fields = Map::new();
            fields.insert("Tier__c".to_owned(), json!(self.maker.pick(TIERS)));
            if self.maker.one_in(2) {
                let owner = self.maker.pick(ACCOUNT_MANAGERS);
                fields.insert("Account_Owner__c".to_owned(), json!(owner));
            }
            if self.managers.edit(&customer_id, fields.clone()).await? {
                self.tally.changes += 1;
                return self.log.put(&Entry::EditedInCrm { customer_id, fields });
            }
        }
        Ok(())
    }
}
