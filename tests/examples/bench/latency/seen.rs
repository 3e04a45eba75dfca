//! Watches both targets, and afterwards tells when each order was seen in them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use covenant_sandbox::demo::api::Api;
use covenant_sandbox::demo::systems::Crm;
use covenant_sandbox::verify::shape::CRM_SINKS;
use tokio::task::JoinHandle;

use super::load::{Written, now_us};
use crate::Failure;
use crate::shop::ORDER_ID;

/// How often each target is looked at: also how exactly the moment is known.
const LOOK: Duration = Duration::from_millis(20);
/// The object that orders become.
const OBJECT: &str = "Order__c";

/// How far a target had come, and when that was first seen (microseconds since 1970).
type Steps = Arc<Mutex<BTreeMap<u64, i64>>>;

/// What was seen.
pub(super) struct Seen {
    /// Landing commits applied to the warehouse.
    commits: Steps,
    /// Records made in Salesforce.
    records: Steps,
    crm: Arc<Crm>,
    watchers: [JoinHandle<()>; 2],
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.watchers.iter().for_each(JoinHandle::abort);
    }
}

impl Seen {
    /// Watches from now on.
    pub(super) fn watch(api: Api, crm: Crm) -> Self {
        let crm = Arc::new(crm);
        let (commits, records) = (Steps::default(), Steps::default());
        let steps = Arc::clone(&commits);
        let warehouse = tokio::spawn(async move {
            loop {
                let status = api.status().await;
                note(&steps, status.and_then(|status| status.lane_commit("apply")).unwrap_or(0));
                tokio::time::sleep(LOOK).await;
            }
        });
        let (steps, org) = (Arc::clone(&records), Arc::clone(&crm));
        let salesforce = tokio::spawn(async move {
            loop {
                note(&steps, org.stats()["rows"][OBJECT]["created"].as_u64().unwrap_or(0));
                tokio::time::sleep(LOOK).await;
            }
        });
        Self { commits, records, crm, watchers: [warehouse, salesforce] }
    }

    /// The last landing commit in the warehouse.
    pub(super) fn applied(&self) -> u64 {
        last(&self.commits)
    }

    /// Records in Salesforce.
    pub(super) fn crm_count(&self) -> u64 {
        last(&self.records)
    }

    /// External ids of all records, in the order of their making.
    pub(super) async fn crm_records(&self) -> Result<Vec<String>, Failure> {
        let sink = CRM_SINKS.iter().find(|sink| sink.object == OBJECT).ok_or("no such sink")?;
        let mut made = Vec::new();
        for record in self.crm.dump(sink).await? {
            let text = |field: &str| record.get(field).and_then(|value| value.as_str());
            let id = text("Id").ok_or("a record without an id")?.to_owned();
            made.push((id, text(sink.external_id).unwrap_or_default().to_owned()));
        }
        made.sort_unstable();
        Ok(made.into_iter().map(|(_, external)| external).collect())
    }

    /// Seconds from the timetable to the warehouse, of every order that is in it.
    pub(super) fn warehouse_delays_s(
        &self,
        written: &Written,
        commits: &BTreeMap<String, u64>,
    ) -> Result<Vec<f64>, Failure> {
        delays(written, &self.commits, commits.iter().map(|(key, commit)| (key.as_str(), *commit)))
    }

    /// Seconds from the timetable to Salesforce, of every order that is there.
    pub(super) fn crm_delays_s(
        &self,
        written: &Written,
        records: &[String],
    ) -> Result<Vec<f64>, Failure> {
        delays(written, &self.records, records.iter().map(String::as_str).zip(1..))
    }
}

/// `found`: order ids, and the step that made each visible.
fn delays<'a>(
    written: &Written,
    steps: &Steps,
    found: impl Iterator<Item = (&'a str, u64)>,
) -> Result<Vec<f64>, Failure> {
    let steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
    let mut seconds = Vec::new();
    for (id, step) in found {
        let Some(hex) = id.strip_prefix(ORDER_ID) else { continue };
        let Some(due_us) = written.due_us(u64::from_str_radix(hex, 16)?) else { continue };
        let (_, seen_us) = steps.range(step..).next().ok_or("an order that was never seen")?;
        seconds.push((seen_us - due_us) as f64 / 1e6);
    }
    Ok(seconds)
}

fn note(steps: &Steps, step: u64) {
    let mut steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
    if steps.last_key_value().is_none_or(|(last, _)| *last < step) {
        steps.insert(step, now_us());
    }
}

fn last(steps: &Steps) -> u64 {
    let steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
    steps.last_key_value().map_or(0, |(step, _)| *step)
}

/// Quantiles of samples.
pub(super) struct Quantiles {
    /// Samples.
    pub(super) samples: usize,
    /// Half were faster, seconds.
    pub(super) p50_s: f64,
    /// 99 % were faster, seconds.
    pub(super) p99_s: f64,
}

impl Quantiles {
    /// Of at least one sample.
    pub(super) fn of(mut samples: Vec<f64>) -> Result<Self, Failure> {
        samples.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (samples.len() as f64 * share).ceil() as usize;
            samples.get(rank.clamp(1, samples.len().max(1)) - 1).copied().ok_or("no samples")
        };
        Ok(Self { samples: samples.len(), p50_s: at(0.50)?, p99_s: at(0.99)? })
    }
}
