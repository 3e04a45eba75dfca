//! SOQL over REST, page by page.

use serde_json::{Value, json};

use crate::salesforce::errors::{ApiError, code};
use crate::salesforce::http::{Answer, ApiVersion, Call};
use crate::salesforce::soql::{self, Matches};
use crate::salesforce::state::State;

/// Rows per page unless the client asks otherwise.
const PAGE: usize = 2_000;
/// Fewest rows per page that a client may ask for.
const SMALLEST_PAGE: usize = 200;

/// GET query?q= and queryAll?q=
pub(super) fn first(
    state: &mut State,
    call: &Call,
    version: ApiVersion,
    with_deleted: bool,
) -> Result<Answer, ApiError> {
    let text = call.param("q").ok_or_else(|| {
        ApiError::new(400, code::MALFORMED_QUERY, "A query string has to be specified")
    })?;
    let now = state.now();
    let query =
        soql::compile(state.store.schema(), text, now).map_err(|e| e.into_api_error(text))?;
    let rows = match soql::run(&state.store, &query, with_deleted) {
        Matches::Count(n) => {
            return Ok(Answer::json(200, json!({"totalSize": n, "done": true, "records": []})));
        }
        Matches::Aggregates(row) => {
            return Ok(Answer::json(200, json!({"totalSize": 1, "done": true, "records": [row]})));
        }
        Matches::Rows(rows) => rows,
    };
    let batch = batch_size(call);
    if rows.len() <= batch {
        let version = version.to_string();
        let records: Vec<Value> =
            rows.iter().map(|at| soql::render(&state.store, &query, *at, &version)).collect();
        let body = json!({"totalSize": rows.len(), "done": true, "records": records});
        return Ok(Answer::json(200, body));
    }
    let locator = state.cursors.open(query, rows, batch);
    page(state, version, &locator, 0)
}

fn batch_size(call: &Call) -> usize {
    call.header("sforce-query-options")
        .and_then(|options| {
            let (name, size) = options.split(',').find_map(|o| o.trim().split_once('='))?;
            name.trim().eq_ignore_ascii_case("batchSize").then(|| size.trim().parse().ok())?
        })
        .map_or(PAGE, |size: usize| size.clamp(SMALLEST_PAGE, PAGE))
}

/// GET query/{locator}-{offset}
pub(super) fn more(state: &State, version: ApiVersion, locator: &str) -> Result<Answer, ApiError> {
    let (name, offset) = locator.rsplit_once('-').ok_or_else(gone)?;
    page(state, version, name, offset.parse().map_err(|_| gone())?)
}

fn gone() -> ApiError {
    ApiError::new(400, code::INVALID_QUERY_LOCATOR, "invalid query locator")
}

fn page(
    state: &State,
    version: ApiVersion,
    locator: &str,
    offset: usize,
) -> Result<Answer, ApiError> {
    let cursor = state.cursors.find(locator).ok_or_else(gone)?;
    let total = cursor.rows.len();
    let end = total.min(offset.saturating_add(cursor.batch));
    let rows = cursor.rows.get(offset..end).ok_or_else(gone)?;
    let text = version.to_string();
    let records: Vec<Value> =
        rows.iter().map(|at| soql::render(&state.store, &cursor.query, *at, &text)).collect();
    let mut body = json!({"totalSize": total, "done": end == total, "records": records});
    if let (true, Some(map)) = (end < total, body.as_object_mut()) {
        let next = format!("/services/data/v{version}/query/{locator}-{end}");
        map.insert("nextRecordsUrl".to_owned(), Value::String(next));
    }
    Ok(Answer::json(200, body))
}
