//! The shop's log, folded: everything that the source tables alone do not say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::error::{Result, SandboxError};
use crate::shop::catalog::rank;
use crate::shop::log::Entry;

/// Parts of a key in one text; no key of Acme's holds this character.
pub const KEY_SEPARATOR: char = '\u{1f}';

/// One text for a key.
pub fn key_text<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let parts: Vec<&str> = parts.into_iter().collect();
    parts.join(&KEY_SEPARATOR.to_string())
}

/// A value and what it is compared by: the event's sequence, then the tie-break of its id.
type Latest = Option<((u64, u32), Option<String>)>;

/// What all valid events of one order say together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderNews {
    /// Highest rank.
    pub rank: Option<usize>,
    /// Latest time, microseconds since 1970.
    pub last_event_at_us: Option<i64>,
    carrier: Latest,
    tracking_number: Latest,
}

impl OrderNews {
    /// The carrier of the event with the highest sequence among those that name one.
    pub fn carrier(&self) -> Option<&str> {
        self.carrier.as_ref().and_then(|(_, value)| value.as_deref())
    }

    /// As [`OrderNews::carrier`].
    pub fn tracking_number(&self) -> Option<&str> {
        self.tracking_number.as_ref().and_then(|(_, value)| value.as_deref())
    }
}

/// The last valid row: PostgreSQL's texts in the table's column order; none where it never was valid.
pub type LastValid = Option<Vec<Option<String>>>;

/// Everything that the log says, at the end.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// (table, key) -> the last valid row, for rows that are poisoned now.
    pub poisoned: BTreeMap<(String, String), LastValid>,
    /// Rules broken, by table, over the whole run.
    pub poisonings: BTreeMap<String, u64>,
    /// (table, key) of deleted rows, and old keys of moved ones.
    pub gone: BTreeSet<(String, String)>,
    /// Order -> what its events say.
    pub news: BTreeMap<String, OrderNews>,
    /// Event id -> a valid event.
    pub events: BTreeMap<String, Value>,
    /// Malformed events that were taken all the same, to be quarantined.
    pub malformed_taken: u64,
    /// Malformed events that were refused at the door.
    pub malformed_refused: u64,
    /// Valid events that were refused: must be zero.
    pub valid_refused: u64,
    /// Customer (by the number at the end) -> field -> what an account manager set last.
    pub crm_edits: BTreeMap<String, BTreeMap<String, Value>>,
    /// Last change of each row by the shop: (table, key) -> microseconds since 1970.
    pub last_written_us: BTreeMap<(String, String), i64>,
    renamed: BTreeMap<String, String>,
}

impl Told {
    /// Folds the log.
    ///
    /// # Errors
    /// Where a valid event lacks what every valid event has: the log is damaged.
    pub fn fold(entries: &[Entry]) -> Result<Self> {
        let mut told = Self::default();
        for entry in entries {
            told.hear(entry)?;
        }
        Ok(told)
    }

    fn hear(&mut self, entry: &Entry) -> Result<()> {
        let text = |key: &[String]| key_text(key.iter().map(String::as_str));
        match entry {
            Entry::Sent { body, valid, status, at_us, .. } => {
                self.hear_event(body, *valid, *status, *at_us)?;
            }
            Entry::Poisoned { table, key, last_valid, .. } => {
                *self.poisonings.entry(table.clone()).or_default() += 1;
                self.poisoned.insert((table.clone(), text(key)), last_valid.clone());
            }
            Entry::Healed { table, key } => {
                self.poisoned.remove(&(table.clone(), text(key)));
            }
            Entry::Deleted { table, key } => {
                self.gone.insert((table.clone(), text(key)));
            }
            Entry::Rekeyed { from, to } => self.hear_rekeyed(from, to),
            Entry::EditedInCrm { customer_id, fields } => {
                let edits = self.crm_edits.entry(customer_id.clone()).or_default();
                edits.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
            Entry::Wrote { table, key, at_us } => {
                self.wrote(table, &text(key), *at_us);
            }
            Entry::Noted { .. } => {}
        }
        Ok(())
    }

    fn wrote(&mut self, table: &str, key: &str, at_us: i64) {
        let last = self.last_written_us.entry((table.to_owned(), key.to_owned())).or_default();
        *last = at_us.max(*last);
    }

    /// Edits stay with the person, not with the number.
    fn hear_rekeyed(&mut self, from: &str, to: &str) {
        self.gone.insert(("customers".to_owned(), from.to_owned()));
        self.renamed.insert(from.to_owned(), to.to_owned());
        if let Some(edits) = self.crm_edits.remove(from) {
            self.crm_edits.insert(to.to_owned(), edits);
        }
    }

    fn hear_event(&mut self, body: &Value, valid: bool, status: u16, at_us: i64) -> Result<()> {
        let taken = status == 202;
        match (valid, taken) {
            (false, true) => self.malformed_taken += 1,
            (false, false) => self.malformed_refused += 1,
            (true, false) => self.valid_refused += 1,
            (true, true) => {}
        }
        if !valid {
            return Ok(());
        }
        let damaged =
            || SandboxError::new("verifier", "a valid event in the log lacks a field", "");
        let text = |name: &str| body.get(name).and_then(Value::as_str).ok_or_else(damaged);
        let event_id = text("event_id")?;
        let sequence = body.get("sequence").and_then(Value::as_u64).ok_or_else(damaged)?;
        let at: jiff::Timestamp = text("occurred_at")?.parse().map_err(|_| damaged())?;
        let guard = (sequence, tie_break(event_id));
        let order_id = text("order_id")?.to_owned();
        self.wrote("orders", &order_id, at_us);
        self.wrote("order_events", event_id, at_us);
        let news = self.news.entry(order_id).or_default();
        news.rank = news.rank.max(rank(text("status")?));
        news.last_event_at_us = news.last_event_at_us.max(Some(at.as_microsecond()));
        latest(&mut news.carrier, guard, body.get("carrier"));
        latest(&mut news.tracking_number, guard, body.get("tracking_number"));
        self.events.insert(event_id.to_owned(), body.clone());
        Ok(())
    }
}

/// A field that the event leaves out says nothing.
fn latest(have: &mut Latest, guard: (u64, u32), value: Option<&Value>) {
    let Some(value) = value else { return };
    if have.as_ref().is_none_or(|(old, _)| *old < guard) {
        *have = Some((guard, value.as_str().map(str::to_owned)));
    }
}

/// Two events of one order with the same sequence are ordered by 32 bits of their ids: FNV-1a of 64 bits, its halves
/// combined by exclusive or. Written again here after the documentation of versions.
fn tie_break(event_id: &str) -> u32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in event_id.bytes() {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    }
    (hash ^ (hash >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shop::log::Why;

    fn sent(body: Value) -> Entry {
        Entry::Sent { body, valid: true, status: 202, why: Why::News, at_us: 0 }
    }

    fn event(id: &str, sequence: u64, status: &str, at: &str) -> Value {
        json!({"event_id": id, "order_id": "o", "sequence": sequence, "status": status,
               "occurred_at": at, "producer": "floor"})
    }

    #[test]
    fn order_of_arrival_does_not_matter() {
        let mut shipped = event("a", 3, "shipped", "2026-01-03T00:00:00Z");
        shipped["carrier"] = json!("DHL");
        let mut late = event("b", 1, "paid", "2026-01-05T00:00:00Z");
        late["carrier"] = json!("PostNL");
        let plain = event("c", 9, "picked", "2026-01-01T00:00:00Z");
        let entries = [sent(shipped), sent(late), sent(plain)];
        let forward = Told::fold(&entries).unwrap();
        let reversed: Vec<Entry> = entries.iter().rev().cloned().collect();
        let news = &forward.news["o"];
        assert_eq!(*news, Told::fold(&reversed).unwrap().news["o"]);
        assert_eq!((news.rank, news.carrier()), (Some(3), Some("DHL")));
        assert_eq!(news.last_event_at_us, Some(1_767_571_200_000_000));
    }

    #[test]
    fn edits_follow_a_customer_to_the_next_number() {
        let fields = json!({"Tier__c": "gold"}).as_object().cloned().unwrap();
        let told = Told::fold(&[
            Entry::EditedInCrm { customer_id: "C1".into(), fields },
            Entry::Rekeyed { from: "C1".into(), to: "C2".into() },
        ])
        .unwrap();
        assert_eq!(told.crm_edits["C2"]["Tier__c"], "gold");
        assert!(told.gone.contains(&("customers".into(), "C1".into())));
    }

    #[test]
    fn a_healed_row_is_expected_as_it_is() {
        let key = vec!["o".to_owned()];
        let poisoned = Entry::Poisoned {
            table: "orders".into(),
            key: key.clone(),
            last_valid: None,
            rule: "r".into(),
        };
        let healed = Entry::Healed { table: "orders".into(), key };
        assert_eq!(Told::fold(std::slice::from_ref(&poisoned)).unwrap().poisoned.len(), 1);
        assert!(Told::fold(&[poisoned, healed]).unwrap().poisoned.is_empty());
    }
}
