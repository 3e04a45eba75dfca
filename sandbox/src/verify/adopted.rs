//! Accounts that people made before the pipeline: each is its customer's own now, or nobody's, and no customer has one beside the
//! one that the pipeline keeps. Computed from the source and from what people did; the runtime is not asked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio_postgres::Client;

use super::compare::Differences;
use super::crm::Record;
use crate::error::{At, Result};

/// Examples of each kind that are told.
const EXAMPLES_MAX: usize = 5;

/// An account that a person made.
#[derive(Clone, Copy, Debug)]
pub struct ByHand<'a> {
    /// `001…`
    pub id: &'a str,
    /// Its name when it was made.
    pub name: &'a str,
    /// The customers whose account it may be; none: nobody's.
    pub of: &'a [String],
}

/// What a customer can be recognised by.
#[derive(Debug, Default)]
pub struct Known {
    emails: BTreeSet<String>,
    phones: BTreeSet<String>,
}

impl Known {
    /// Reads the source.
    ///
    /// # Errors
    /// Where it refuses.
    pub async fn read(source: &Client) -> Result<Self> {
        let sql = "SELECT email, phone FROM public.customers";
        let rows = source.query(sql, &[]).await.at("verifier", "customers cannot be read", "")?;
        let mut known = Self::default();
        for row in rows {
            known.emails.insert(address(&row.get::<_, String>(0)));
            known.phones.extend(row.get::<_, Option<String>>(1).map(|it| digits(&it)));
        }
        Ok(known)
    }

    fn has(&self, record: &Record) -> bool {
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        text("Email__c").is_some_and(|it| self.emails.contains(&address(it)))
            || text("Phone").is_some_and(|it| self.phones.contains(&digits(it)))
    }
}

fn address(text: &str) -> String {
    text.trim().to_lowercase()
}

fn digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').to_owned()
}

/// Counts every account without an external id that is a customer's by its address or number: that customer is there twice.
/// Returns findings about single accounts: one that is nobody's and was taken or changed, one that is somebody's and was not.
pub fn check(
    records: &[Record],
    known: &Known,
    by_hand: &[ByHand<'_>],
    external_id: &str,
    differences: &mut Differences,
) -> Vec<String> {
    let live = |record: &&Record| record.get("deleted") != Some(&Value::Bool(true));
    let text =
        |record: &Record, name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
    for record in records.iter().filter(live) {
        if text(record, external_id).is_none() && known.has(record) {
            differences.duplicated += 1;
            if differences.examples.len() < EXAMPLES_MAX {
                let id = text(record, "Id").unwrap_or_default();
                differences.examples.push(format!("{id} is an account beside its customer's"));
            }
        }
    }
    let by_id: BTreeMap<String, &Record> = records
        .iter()
        .filter(live)
        .filter_map(|record| Some((text(record, "Id")?, record)))
        .collect();
    let mut findings = Vec::new();
    for made in by_hand {
        let Some(record) = by_id.get(made.id) else {
            if made.of.is_empty() {
                findings.push(format!("{} is nobody's, and is gone", made.id));
            }
            continue;
        };
        match text(record, external_id) {
            Some(id) if !made.of.contains(&id) => {
                findings.push(format!("{} was given to {id}, whose it is not", made.id));
            }
            None if made.of.is_empty() && text(record, "Name").as_deref() != Some(made.name) => {
                findings.push(format!("{} is nobody's, and was changed", made.id));
            }
            Some(_) | None => {}
        }
    }
    findings.truncate(EXAMPLES_MAX);
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(value: Value) -> Record {
        value.as_object().cloned().unwrap_or_default()
    }

    fn found(records: &[Value]) -> (u64, Vec<String>) {
        let known = Known {
            emails: BTreeSet::from([address(" Ann@Mail.example")]),
            phones: BTreeSet::from([digits("+49 40 1")]),
        };
        let (ann, none) = (["C1".to_owned()], []);
        let by_hand = [
            ByHand { id: "001A", name: "ANN", of: &ann },
            ByHand { id: "001B", name: "Prospect", of: &none },
        ];
        let records: Vec<Record> = records.iter().cloned().map(record).collect();
        let mut differences = Differences::default();
        let findings = check(&records, &known, &by_hand, "Customer_Id__c", &mut differences);
        (differences.duplicated, findings)
    }

    #[test]
    fn an_account_beside_its_customers_is_a_duplicate() {
        let ours = json!({"Id": "001C", "Customer_Id__c": "C1", "Email__c": "ann@mail.example"});
        let stranger = json!({"Id": "001B", "Name": "Prospect", "Email__c": "x@other.example"});
        let twin = json!({"Id": "001A", "Name": "ANN", "Email__c": "ANN@MAIL.EXAMPLE"});
        assert_eq!(found(&[ours.clone(), stranger.clone()]), (0, vec![]));
        assert_eq!(found(&[ours.clone(), stranger.clone(), twin]).0, 1);
        let merged = json!({"Id": "001A", "Email__c": "ann@mail.example", "deleted": true});
        assert_eq!(found(&[ours.clone(), stranger.clone(), merged]).0, 0);
        let by_phone = json!({"Id": "001A", "Phone": "0049 (40) 1"});
        assert_eq!(found(&[ours, stranger, by_phone]).0, 1);
    }

    #[test]
    fn who_is_nobodys_stays_so() {
        let taken = json!({"Id": "001B", "Name": "Prospect", "Customer_Id__c": "C1"});
        assert_eq!(found(&[taken]).1.len(), 1);
        let changed = json!({"Id": "001B", "Name": "Ann"});
        assert_eq!(found(&[changed]).1.len(), 1);
        assert_eq!(found(&[]).1.len(), 1);
    }
}
