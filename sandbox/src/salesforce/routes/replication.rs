//! getUpdated and getDeleted.

use serde_json::{Value, json};

use crate::salesforce::errors::{ApiError, code};
use crate::salesforce::http::{Answer, Call};
use crate::salesforce::schema::ObjectIx;
use crate::salesforce::state::State;
use crate::salesforce::store::Row;
use crate::salesforce::value::{parse_instant, rest_instant};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How far back getUpdated reaches, in days.
const UPDATED_DAYS: i64 = 30;
/// How far back getDeleted reaches, in days.
const DELETED_DAYS: i64 = 15;
/// Most ids of one answer.
const MAX_IDS: usize = 600_000;
/// Shortest window, in seconds.
const SHORTEST_WINDOW: i64 = 60;

/// GET sobjects/{object}/updated
pub(super) fn updated(state: &State, call: &Call, ix: ObjectIx) -> Result<Answer, ApiError> {
    let window = window(state, call, UPDATED_DAYS)?;
    let ids = find(state, ix, &window, Row::live)?;
    let ids: Vec<&str> = ids.into_iter().map(Row::id).collect();
    Ok(Answer::json(200, json!({"ids": ids, "latestDateCovered": rest_instant(window.covered)})))
}

/// GET sobjects/{object}/deleted
pub(super) fn deleted(state: &State, call: &Call, ix: ObjectIx) -> Result<Answer, ApiError> {
    let window = window(state, call, DELETED_DAYS)?;
    let rows = find(state, ix, &window, Row::deleted)?;
    let records: Vec<Value> = rows
        .into_iter()
        .map(|row| json!({"id": row.id(), "deletedDate": rest_instant(row.modstamp())}))
        .collect();
    Ok(Answer::json(
        200,
        json!({
            "deletedRecords": records,
            "earliestDateAvailable": rest_instant(window.earliest),
            "latestDateCovered": rest_instant(window.covered),
        }),
    ))
}

struct Window {
    start: i64,
    end: i64,
    earliest: i64,
    covered: i64,
}

fn window(state: &State, call: &Call, days: i64) -> Result<Window, ApiError> {
    let bad = |why: &str| ApiError::new(400, code::INVALID_REPLICATION_DATE, why);
    let read = |name: &str| {
        let text = call.param(name).ok_or_else(|| {
            ApiError::new(400, code::MISSING_ARGUMENT, format!("The parameter {name} is required"))
        })?;
        parse_instant(text).ok_or_else(|| bad(&format!("{name} is not an ISO 8601 date and time")))
    };
    let (start, end, now) = (read("start")?, read("end")?, state.now());
    let earliest = now - days * DAY;
    if start < earliest {
        return Err(bad(&format!(
            "startDate before org replication enabled date or older than {days} days"
        )));
    }
    if end - start < SHORTEST_WINDOW {
        return Err(bad("endDate must be at least one minute greater than startDate"));
    }
    // Seconds have no finer order: the running second may still change, so it is not covered.
    Ok(Window { start, end, earliest, covered: end.min(now - 1).max(start) })
}

fn find<'a>(
    state: &'a State,
    ix: ObjectIx,
    window: &Window,
    wanted: fn(&Row) -> bool,
) -> Result<Vec<&'a Row>, ApiError> {
    let rows: Vec<&Row> = state
        .store
        .rows(ix)
        .map(|(_, row)| row)
        .filter(|row| !row.purged && wanted(row))
        .filter(|row| (window.start..window.end).contains(&row.modstamp()))
        .collect();
    if rows.len() > MAX_IDS {
        return Err(ApiError::new(400, code::EXCEEDED_ID_LIMIT, "too many ids in the date range"));
    }
    Ok(rows)
}
