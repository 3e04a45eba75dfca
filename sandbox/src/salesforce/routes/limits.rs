//! What the org may still do today.

use serde_json::{Map, Value, json};

use crate::salesforce::errors::ApiError;
use crate::salesforce::http::{Answer, Call};
use crate::salesforce::state::State;

/// Bulk batches of a day (10,000 records each).
const DAILY_BULK_BATCHES: u64 = 15_000;
/// Bulk query jobs of a day.
const DAILY_QUERY_JOBS: u64 = 10_000;
/// Entries the simulator does not use up: name and maximum.
const UNUSED: [(&str, u64); 6] = [
    ("DailyBulkV2QueryFileStorageMB", 976_562),
    ("DailyDeliveredPlatformEvents", 10_000),
    ("HourlyPublishedPlatformEvents", 50_000),
    ("MonthlyPlatformEventsUsageEntitlement", 0),
    ("DataStorageMB", 1_024),
    ("FileStorageMB", 1_024),
];

/// GET limits, limits/recordCount
pub(super) fn route(state: &mut State, call: &Call, tail: &[&str]) -> Result<Answer, ApiError> {
    match tail {
        [] => Ok(limits(state)),
        [word] if word.eq_ignore_ascii_case("recordCount") => Ok(record_count(state, call)),
        _ => Err(ApiError::not_found()),
    }
}

fn limits(state: &mut State) -> Answer {
    let now = state.now();
    let entry = |max: u64, used: u64| json!({"Max": max, "Remaining": max.saturating_sub(used)});
    let mut out = Map::new();
    out.insert("DailyApiRequests".to_owned(), entry(state.usage.max(), state.usage.used(now)));
    let (batches, queries) = state.jobs.used();
    out.insert("DailyBulkApiBatches".to_owned(), entry(DAILY_BULK_BATCHES, batches));
    out.insert("DailyBulkV2QueryJobs".to_owned(), entry(DAILY_QUERY_JOBS, queries));
    for (name, max) in UNUSED {
        out.insert(name.to_owned(), entry(max, 0));
    }
    Answer::json(200, Value::Object(out))
}

fn record_count(state: &State, call: &Call) -> Answer {
    let wanted: Vec<&str> = call.param("sObjects").unwrap_or("").split(',').collect();
    let counts: Vec<Value> = state
        .store
        .schema()
        .objects()
        .iter()
        .filter(|o| wanted.iter().any(|w| w.is_empty() || w.eq_ignore_ascii_case(&o.name)))
        .map(|o| json!({"count": state.store.live_count(o.ix), "name": o.name}))
        .filter(|entry| entry["count"] != json!(0))
        .collect();
    Answer::json(200, json!({"sObjects": counts}))
}
