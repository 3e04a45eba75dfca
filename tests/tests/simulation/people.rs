//! Who worked in the CRM before us, and who reviews adoptions: the records that people made, what they decide about them, and what
//! must have become of both.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::repeat;

use covenant_runtime::crm::CrmValue;
use covenant_runtime::crm::memory::MemoryCrm;
use covenant_runtime::deliver::adopt::{AdoptCommand, Desk};

use super::chance::Dice;
use super::postgres::Server;
use super::rows::{Table, key_text, mailbox_text};

const ENTITY: &str = "sales.customer";
const OBJECT: &str = "Account";
const REVIEWER: &str = "reviewer";
/// Records of people whom no table knows.
const STRANGERS_MAX: usize = 3;

/// People and their records.
#[derive(Default)]
pub(crate) struct People {
    /// Mailbox -> records that were made before us.
    made: BTreeMap<u32, BTreeSet<String>>,
    /// Mailboxes of which some row has, by a person's word, no record among those.
    strangers: BTreeSet<u32>,
}

impl People {
    /// Some customers have a record already, some two, and some records are of nobody whom the shop knows.
    pub(crate) fn before_us(dice: &Dice, crm: &MemoryCrm, server: &Server) -> Self {
        let mut people = Self::default();
        let mailboxes: BTreeSet<u32> =
            server.lock().customers.values().map(|row| row.now.parent).collect();
        for mailbox in mailboxes {
            let records = if dice.once_in(2) { 1 + usize::from(dice.once_in(4)) } else { 0 };
            for _ in 0..records {
                let id = make(crm, &mailbox_text(mailbox).to_uppercase());
                people.made.entry(mailbox).or_default().insert(id);
            }
        }
        for number in 0..dice.below(STRANGERS_MAX + 1) {
            make(crm, &format!("stranger{number}@example.com"));
        }
        people
    }

    /// Looks at what waits for a person, and decides: the first record is the first row's, other rows get one of their own.
    /// Returns decisions.
    pub(crate) fn review(&mut self, desk: &Desk) -> usize {
        let mut decided = 0;
        let waits = desk.look().into_iter().filter(|it| it.entity == ENTITY && it.open);
        for standing in waits {
            let undecided = standing.plan.as_ref().is_some_and(|plan| plan.ambiguous > 0);
            if standing.held > 0 && !undecided {
                // Rows that changed since the plan was made: somebody has to ask for another.
                let entity = ENTITY.to_owned();
                decided += usize::from(desk.ask(AdoptCommand::Plan { entity }).is_ok());
            }
            for group in standing.plan.iter().flat_map(|plan| &plan.ambiguous_groups) {
                let records = group.records.iter().take(1).map(Some).chain(repeat(None));
                for (row, record) in group.rows.iter().zip(records) {
                    if record.is_none() {
                        let of_group = |made: &BTreeSet<String>| {
                            group.records.iter().any(|id| made.contains(id))
                        };
                        let mailboxes = self.made.iter().filter(|(_, made)| of_group(made));
                        self.strangers.extend(mailboxes.map(|(mailbox, _)| *mailbox));
                    }
                    let pick = AdoptCommand::Pick {
                        entity: ENTITY.to_owned(),
                        row: row.clone(),
                        record: record.cloned(),
                        by: REVIEWER.to_owned(),
                    };
                    // Busy: it is still there at the next look.
                    decided += usize::from(desk.ask(pick).is_ok());
                }
            }
        }
        decided
    }

    /// Every customer who had a record has that one, unless a person said otherwise. Returns how many were adopted.
    pub(crate) fn check(&self, crm: &MemoryCrm, server: &Server) -> Result<usize, String> {
        let records = crm.records(OBJECT);
        let mut adopted = 0;
        let server = server.lock();
        let good = server.customers.iter().filter_map(|(key, row)| Some((key, row.good?)));
        for (key, body) in good {
            let Some(made) = self.made.get(&body.parent) else { continue };
            let row = key_text(Table::Customers, *key);
            let Some(record) = records.get(&row) else { continue };
            if made.contains(&record.id) {
                adopted += 1;
            } else if !self.strangers.contains(&body.parent) {
                return Err(format!("Account {row} is a double of {made:?}"));
            }
        }
        Ok(adopted)
    }
}

fn make(crm: &MemoryCrm, mailbox: &str) -> String {
    crm.make(OBJECT, &[("Email__c", CrmValue::Text(mailbox.to_owned()))])
}
