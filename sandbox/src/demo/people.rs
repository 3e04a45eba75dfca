//! What people did in Salesforce before there was a pipeline, and the one person who settles what only a person can: accounts
//! without an external id, some of them of Acme's customers, some twice, some of nobody.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::api::Api;
use super::screen::Screen;
use super::systems::Crm;
use crate::error::{At, Result, SandboxError};
use crate::shop::rows::{FIRST_CUSTOMER, customer_id};

/// Accounts that are found by their e-mail address, which people write in capitals.
const BY_EMAIL: usize = 40;
/// Accounts without an address, found by their telephone number, which people write in many ways.
const BY_PHONE: usize = 10;
/// Customers with two accounts: a person merges them.
const DOUBLED: usize = 4;
/// Couples with one address and one account: a person says whose it is.
const COUPLES: usize = 3;
/// Accounts of nobody.
const STRANGERS: usize = 20;
/// Between two looks of the person.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Longest time until everything is settled.
const SETTLE_BOUND: Duration = Duration::from_secs(300);
const PLACE: &str = "people";
const OBJECT: &str = "Account";
const ENTITY: &str = "sales.customer";
/// What stands in the audit.
const BY: &str = "demo person";

/// An account that somebody made by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// `001…`
    pub id: String,
    /// Its name as it was made.
    pub name: String,
    /// The customers whose account it may be; none: nobody's.
    pub of: Vec<String>,
}

/// What people made.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// All accounts.
    pub made: Vec<Made>,
}

impl People {
    /// Customers whose accounts people made: the shop leaves their addresses alone, so that the proof knows whose is whose.
    pub fn customers(&self) -> impl Iterator<Item = &str> {
        self.made.iter().flat_map(|made| &made.of).map(String::as_str)
    }
}

struct Customer {
    id: String,
    name: String,
    email: String,
    phone: Option<String>,
}

/// Makes the accounts; two customers of a couple share an address from then on.
///
/// # Errors
/// Where the source or the simulator refuses.
pub async fn before_us(source: &Client, crm: &Crm) -> Result<People> {
    let wanted = BY_EMAIL + 2 * BY_PHONE + DOUBLED + 2 * COUPLES;
    let mut customers = customers(source, wanted * 2).await?;
    let mut people = People::default();
    // Every third number is left out by the shop; one that two customers have would find neither.
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for customer in &customers {
        *numbers.entry(customer.phone.clone().unwrap_or_default()).or_default() += 1;
    }
    let (mut by_phone, mut others) = (Vec::new(), Vec::new());
    for customer in customers.drain(..) {
        let number = customer.phone.clone().unwrap_or_default();
        let alone = !number.is_empty() && numbers.get(&number) == Some(&1);
        if alone && by_phone.len() < BY_PHONE {
            by_phone.push(customer)
        } else {
            others.push(customer)
        }
    }
    for (at, one) in by_phone.iter().enumerate() {
        let written = spelled(one.phone.as_deref().unwrap_or_default(), at);
        people.make(crm, one, json!({ "Phone": written })).await?;
    }
    let mut others = others.into_iter();
    for one in others.by_ref().take(BY_EMAIL) {
        people.make(crm, &one, json!({ "Email__c": one.email.to_uppercase() })).await?;
    }
    for one in others.by_ref().take(DOUBLED) {
        for email in [one.email.clone(), one.email.to_uppercase()] {
            people.make(crm, &one, json!({ "Email__c": email })).await?;
        }
    }
    for _ in 0..COUPLES {
        let (Some(one), Some(other)) = (others.next(), others.next()) else { break };
        let share = format!(
            "UPDATE public.customers SET email = '{}' WHERE customer_id = '{}'",
            one.email, other.id
        );
        source.batch_execute(&share).await.at(PLACE, "an address was not shared", "")?;
        people.make(crm, &one, json!({ "Email__c": one.email })).await?;
        people.made.iter_mut().last().into_iter().for_each(|made| made.of.push(other.id.clone()));
    }
    for at in 0..STRANGERS {
        let name = format!("Prospect {at}");
        let fields = json!({ "Name": name, "Email__c": format!("prospect{at}@other.example") });
        let id = crm.make(OBJECT, &fields).await?;
        people.made.push(Made { id, name, of: Vec::new() });
    }
    Ok(people)
}

impl People {
    async fn make(&mut self, crm: &Crm, customer: &Customer, mut fields: Value) -> Result<()> {
        let name = customer.name.to_uppercase();
        fields["Name"] = json!(name);
        let id = crm.make(OBJECT, &fields).await?;
        self.made.push(Made { id, name, of: vec![customer.id.clone()] });
        Ok(())
    }
}

/// The same number as people write it.
fn spelled(number: &str, at: usize) -> String {
    match at % 3 {
        0 => number.replace(' ', ""),
        1 => number.replacen("+49 40 ", "0049 (40) ", 1),
        _ => number.replacen(' ', "-", 2),
    }
}

async fn customers(source: &Client, count: usize) -> Result<Vec<Customer>> {
    let sql = format!(
        "SELECT customer_id, display_name, email, phone FROM public.customers \
         WHERE customer_id >= '{}' ORDER BY customer_id LIMIT {count}",
        customer_id(FIRST_CUSTOMER)
    );
    let rows = source.query(&sql, &[]).await.at(PLACE, "customers cannot be read", "")?;
    let one = |row: &tokio_postgres::Row| Customer {
        id: row.get(0),
        name: row.get(1),
        email: row.get(2),
        phone: row.get(3),
    };
    Ok(rows.iter().map(one).collect())
}

/// The part of an adoption that the person looks at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Standing {
    entity: String,
    open: bool,
    held: u64,
    state: String,
    plan: Option<Plan>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Plan {
    ambiguous_groups: Vec<Group>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Group {
    rows: Vec<String>,
    records: Vec<String>,
}

/// Plays the person: merges doubled accounts, says whose a couple's account is, and has it planned again.
///
/// # Errors
/// Where it takes too long, or a command is refused for good.
pub async fn settle(api: &Api, crm: &Crm, screen: &Screen) -> Result<()> {
    let started = Instant::now();
    let mut told = false;
    while started.elapsed() < SETTLE_BOUND {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(standing) = look(api).await else { continue };
        if standing.state != "adopted" || !standing.open {
            continue;
        }
        if standing.held == 0 {
            screen.say("accounts that people made are adopted");
            return Ok(());
        }
        let groups = standing.plan.unwrap_or_default().ambiguous_groups;
        if !told {
            told = true;
            screen.say(&format!("a person decides on {} ambiguous accounts", groups.len()));
        }
        let mut merged = false;
        for group in groups {
            merged |= decide(api, crm, &group).await?;
        }
        if merged {
            ask(api, json!({ "command": "plan", "entity": ENTITY })).await;
        }
    }
    Err(SandboxError::new(PLACE, "accounts were not adopted in time", "See the runtime's log."))
}

/// True: accounts were merged, and only a new plan can know it.
async fn decide(api: &Api, crm: &Crm, group: &Group) -> Result<bool> {
    match (group.rows.as_slice(), group.records.as_slice()) {
        ([_], [_, doubles @ ..]) if !doubles.is_empty() => {
            for double in doubles {
                crm.remove(OBJECT, double).await?;
            }
            Ok(true)
        }
        ([row, ..], [record]) => {
            let pick = json!({
                "command": "pick", "entity": ENTITY, "row": row, "record": record, "by": BY
            });
            let taken = ask(api, pick).await;
            Ok(!taken)
        }
        _ => Ok(true),
    }
}

async fn look(api: &Api) -> Option<Standing> {
    let answer = api.get("/api/adopt").await?;
    let all: Vec<Standing> = serde_json::from_value(answer).ok()?;
    all.into_iter().find(|it| it.entity == ENTITY)
}

/// Whether the runtime took it. A command that it does not take now (it is dead, or at work, or its plan has moved on since) is
/// given again by the next look, which asks for what is true then.
async fn ask(api: &Api, command: Value) -> bool {
    matches!(api.command("/api/adopt", &command).await, Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_numbers_in_many_ways() {
        let all: Vec<String> = (0..3).map(|at| spelled("+49 40 0012345", at)).collect();
        assert_eq!(all, ["+49400012345", "0049 (40) 0012345", "+49-40-0012345"]);
    }
}
