//! Counters of what clients did, for tests and the demo.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::errors::RowError;

/// Most endpoints counted by name; the rest count as `other`.
const MAX_ENDPOINTS: usize = 500;
/// Most keys watched for concurrent requests.
const MAX_WATCHED_KEYS: usize = 100_000;

/// The counters.
#[derive(Debug, Default)]
pub struct Stats {
    calls: BTreeMap<String, u64>,
    statuses: BTreeMap<u16, u64>,
    rows: BTreeMap<String, BTreeMap<&'static str, u64>>,
    errors: BTreeMap<String, u64>,
    tokens_issued: u64,
    dropped: u64,
    in_flight: u64,
    max_in_flight: u64,
    keys: BTreeMap<String, u64>,
    max_per_key: u64,
    max_per_parent: u64,
}

impl Stats {
    /// A call came in.
    pub fn call(&mut self, endpoint: String) {
        let known = self.calls.len() < MAX_ENDPOINTS || self.calls.contains_key(&endpoint);
        let name = if known { endpoint } else { "other".to_owned() };
        *self.calls.entry(name).or_default() += 1;
    }

    /// A call was answered.
    pub fn status(&mut self, status: u16) {
        *self.statuses.entry(status).or_default() += 1;
    }

    /// A connection was dropped on purpose.
    pub fn dropped(&mut self) {
        self.dropped += 1;
    }

    /// A token was issued.
    pub fn token(&mut self) {
        self.tokens_issued += 1;
    }

    /// A record was written.
    pub fn row(&mut self, object: &str, what: &'static str) {
        *self.rows.entry(object.to_owned()).or_default().entry(what).or_default() += 1;
    }

    /// A record was refused.
    pub fn row_errors(&mut self, object: &str, errors: &[RowError]) {
        self.row(object, "failed");
        for error in errors {
            *self.errors.entry(error.code.as_str().to_owned()).or_default() += 1;
        }
    }

    /// A request that touches these keys starts; keys of parents start with `^`.
    pub fn start(&mut self, keys: &[String]) {
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
        for key in keys {
            if self.keys.len() >= MAX_WATCHED_KEYS && !self.keys.contains_key(key) {
                continue;
            }
            let now = self.keys.entry(key.clone()).or_default();
            *now += 1;
            let max =
                if key.starts_with('^') { &mut self.max_per_parent } else { &mut self.max_per_key };
            *max = (*max).max(*now);
        }
    }

    /// The request is over.
    pub fn finish(&mut self, keys: &[String]) {
        self.in_flight = self.in_flight.saturating_sub(1);
        for key in keys {
            let Some(now) = self.keys.get_mut(key) else { continue };
            *now -= 1;
            if *now == 0 {
                self.keys.remove(key);
            }
        }
    }

    /// All counters.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "calls": self.calls,
            "statuses": self.statuses,
            "rows": self.rows,
            "row_errors": self.errors,
            "tokens_issued": self.tokens_issued,
            "dropped_connections": self.dropped,
            "max_concurrent": {
                "requests": self.max_in_flight,
                "per_key": self.max_per_key,
                "per_parent": self.max_per_parent,
            },
        })
    }
}

/// Keys a body writes (`Account/External_Id__c/K`) and parents it names (`^Account__r/…/K`), each once.
#[must_use]
pub fn keys_of(path: &[String], body: Option<&Value>) -> Vec<String> {
    let Some(at) = path.iter().position(|s| s == "sobjects") else { return Vec::new() };
    let mut keys = Vec::new();
    let (object, field) = (path.get(at + 1), path.get(at + 2));
    let collections = at > 0 && path[at - 1] == "composite";
    let records: Vec<&Value> = match body {
        Some(body) if collections => body
            .get("records")
            .and_then(Value::as_array)
            .map_or_else(Vec::new, |r| r.iter().collect()),
        Some(body) => vec![body],
        None => Vec::new(),
    };
    if let (false, Some(object), Some(field), Some(key)) =
        (collections, object, field, path.get(at + 3))
    {
        keys.push(format!("{object}/{field}/{key}"));
    }
    for record in records {
        if let (true, Some(object), Some(field)) = (collections, object, field)
            && let Some(key) = record.get(field)
        {
            keys.push(format!("{object}/{field}/{}", super::value::plain(key)));
        }
        for (name, value) in record.as_object().into_iter().flatten() {
            if name == "attributes" {
                continue;
            }
            for (key_field, key) in value.as_object().into_iter().flatten() {
                keys.push(format!("^{name}/{key_field}/{}", super::value::plain(key)));
            }
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Stats, keys_of};

    #[test]
    fn overlap_is_seen_per_key_and_per_parent() {
        let path: Vec<String> =
            ["services", "data", "v60.0", "composite", "sobjects", "Order__c", "Key__c"]
                .map(str::to_owned)
                .into();
        let row = |key: &str| json!({"Key__c": key, "Customer__r": {"Id__c": "C1"}});
        let a = keys_of(&path, Some(&json!({"records": [row("1"), row("2")]})));
        assert_eq!(a, ["Order__c/Key__c/1", "Order__c/Key__c/2", "^Customer__r/Id__c/C1"]);
        let b = keys_of(&path, Some(&json!({"records": [row("3")]})));
        let mut stats = Stats::default();
        stats.start(&a);
        stats.start(&b);
        stats.finish(&a);
        stats.finish(&b);
        let max = &stats.to_json()["max_concurrent"];
        assert_eq!(
            (&max["per_key"], &max["per_parent"], &max["requests"]),
            (&json!(1), &json!(2), &json!(2))
        );
        assert!(stats.keys.is_empty());
    }
}
