//! Polls Salesforce for what people changed there: objects with fields that Salesforce owns.
//!
//! A polled row's version is the end of the second of its SystemModstamp, so a second is read only when it is over: two states
//! within one second could not be told apart. Rows can become visible late, so every window reaches back a little; what was
//! seen there already is not handed out again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::crm::{Crm, ModifiedRecord};
use crate::env::Env;
use crate::error::Result;

/// Time between two polls of one object: 8,640 calls a day, a third of Acme's share.
pub const POLL_EVERY: Duration = Duration::from_secs(10);
/// How long after its end a second is read, microseconds: transactions that began in it have become visible by then, and clocks
/// may differ by as much.
pub const LAG_US: i64 = 3_000_000;
/// How far a window reaches back behind the last one, microseconds.
pub const OVERLAP_US: i64 = 30_000_000;
const SECOND_US: i64 = 1_000_000;

/// An object to poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolledObject {
    /// Name of the system in the project.
    pub system: String,
    /// `Account`
    pub object: String,
    /// The fields that are read: the key and what Salesforce owns.
    pub fields: Vec<String>,
    /// Those of them that hold a key. A record without any is a person's own, until it is adopted.
    pub keys: Vec<String>,
}

/// What a poll found.
#[derive(Clone, Debug)]
pub struct Polled {
    /// Name of the system.
    pub system: String,
    /// Name of the object.
    pub object: String,
    /// In the order of their change.
    pub records: Vec<ModifiedRecord>,
    /// Everything before this is read, microseconds since 1970.
    pub window_end_us: i64,
}

/// The lane.
pub struct PollLane {
    crm: Arc<dyn Crm>,
    env: Env,
    objects: Vec<PolledObject>,
    /// Object -> end of the last window.
    polled_to_us: BTreeMap<String, i64>,
    /// Object -> (id, SystemModstamp) of what the overlap may show again. Bounded by what changes within the overlap.
    seen: BTreeMap<String, BTreeSet<(i64, String)>>,
    due_us: BTreeMap<String, i64>,
}

impl PollLane {
    /// Goes on from where landing says; an object that was never polled is read from the start.
    pub fn new(
        crm: Arc<dyn Crm>,
        env: Env,
        objects: Vec<PolledObject>,
        polled_to_us: BTreeMap<String, i64>,
    ) -> Self {
        Self { crm, env, objects, polled_to_us, seen: BTreeMap::new(), due_us: BTreeMap::new() }
    }

    /// Polls one object whose time has come; none: nothing is due.
    ///
    /// # Errors
    /// The CRM's; the object is polled again by the next step.
    pub async fn step(&mut self) -> Result<Option<Polled>> {
        let now_us = self.env.clock.now_us();
        let due = |object: &PolledObject| {
            self.due_us.get(&object.object).is_none_or(|due_us| *due_us <= now_us)
        };
        let Some(object) = self.objects.iter().find(|object| due(object)).cloned() else {
            return Ok(None);
        };
        let end_us = (now_us - LAG_US).div_euclid(SECOND_US) * SECOND_US;
        let last_us = self.polled_to_us.get(&object.object).copied();
        let from_us = last_us.map_or(0, |last| last - OVERLAP_US);
        let found = if end_us > from_us.max(last_us.unwrap_or(0)) {
            self.crm.modified(&object.object, &object.fields, from_us, end_us).await?
        } else {
            Vec::new()
        };
        let every_us = i64::try_from(POLL_EVERY.as_micros()).unwrap_or(i64::MAX);
        self.due_us.insert(object.object.clone(), now_us.saturating_add(every_us));
        let end_us = end_us.max(last_us.unwrap_or(0));
        let ours = found.into_iter().filter(|record| has_key(record, &object.keys)).collect();
        let records = self.unseen(&object.object, ours, end_us);
        self.polled_to_us.insert(object.object.clone(), end_us);
        Ok(Some(Polled {
            system: object.system,
            object: object.object,
            records,
            window_end_us: end_us,
        }))
    }

    fn unseen(
        &mut self,
        object: &str,
        found: Vec<ModifiedRecord>,
        end_us: i64,
    ) -> Vec<ModifiedRecord> {
        let seen = self.seen.entry(object.to_owned()).or_default();
        let new: Vec<ModifiedRecord> = found
            .into_iter()
            .filter(|record| seen.insert((record.modified_at_us, record.id.clone())))
            .collect();
        // The next window begins behind these: they cannot come again.
        *seen = seen.split_off(&(end_us - OVERLAP_US, String::new()));
        new
    }
}

/// Whether a record may be a row of ours: what has no key at all was made by a person, and nothing here waits for it.
fn has_key(record: &ModifiedRecord, keys: &[String]) -> bool {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(&record.json) else {
        // Told as malformed where it is decoded.
        return true;
    };
    keys.is_empty() || keys.iter().any(|key| json.get(key).is_some_and(|value| !value.is_null()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::crm::memory::MemoryCrm;
    use crate::crm::{CrmObject, CrmRecord};
    use crate::env::{Clock, SystemChance};
    use crate::fault::NoFaults;

    struct Hand(AtomicI64);

    #[async_trait]
    impl Clock for Hand {
        fn now_us(&self) -> i64 {
            self.0.load(Ordering::SeqCst)
        }
        async fn sleep(&self, _: Duration) {}
    }

    #[tokio::test]
    async fn a_second_is_read_when_it_is_over_and_once() {
        let clock = Arc::new(Hand(AtomicI64::new(1_000 * SECOND_US)));
        let env = Env { clock: clock.clone(), chance: Arc::new(SystemChance) };
        let crm = Arc::new(MemoryCrm::new(env.clone(), Arc::new(NoFaults)));
        let account = CrmObject {
            name: "Account".into(),
            external_id_field: "Customer_Id__c".into(),
            revision_field: "Covenant_Revision__c".into(),
        };
        let record = CrmRecord { external_id: "C1".into(), revision: 1, fields: BTreeMap::new() };
        crm.upsert(&account, &[record]).await.unwrap();
        crm.make("Account", &[]);
        let object = PolledObject {
            system: "salesforce".into(),
            object: "Account".into(),
            fields: vec!["Customer_Id__c".into()],
            keys: vec!["Customer_Id__c".into()],
        };
        let mut lane = PollLane::new(crm, env, vec![object], BTreeMap::new());
        let mut counts = Vec::new();
        for second in [1_000, 1_011, 1_022, 1_033] {
            clock.0.store(second * SECOND_US, Ordering::SeqCst);
            counts.push(lane.step().await.unwrap().unwrap().records.len());
            assert!(lane.step().await.unwrap().is_none(), "not due again yet");
        }
        assert_eq!(counts, [0, 1, 0, 0], "too early, then once, then never again");
    }
}
