//! Source tables and the shop's log -> the rows that must be there, in plain.

use futures::TryStreamExt;
use tokio_postgres::Client;

use super::compare::{Expected, ExpectedRow, digest};
use super::shape::{self, CrmSink, Entity, Stored, Written};
use super::told::{OrderNews, Told, key_text};
use super::{Unseal, crm};
use crate::error::{At, Result, SandboxError};
use crate::shop::catalog::{STATUSES, rank};
use crate::shop::tables::Table;

const PLACE: &str = "verifier";
/// Salesforce fields that flow back, by column of the customer.
const CRM_OWNED: &[(&str, &str)] = &[
    ("tier", "Tier__c"),
    ("account_owner", "Account_Owner__c"),
    ("next_review_on", "Next_Review__c"),
];

/// A row that must be there: one text per column of its entity, in plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainRow {
    /// Its key.
    pub key: String,
    /// In the entity's column order; instants as microseconds since 1970.
    pub values: Vec<Option<String>>,
}

/// Reads the expected rows of an entity.
///
/// # Errors
/// Where the source cannot be read.
pub async fn rows(
    client: &Client,
    entity: &Entity,
    told: &Told,
    mut each: impl FnMut(PlainRow) -> Result<()>,
) -> Result<()> {
    let Some(table) = entity.table else { return events(entity, told, each) };
    let sql = format!("SELECT {} FROM public.{}", table.canonical_columns(), table.name);
    let told_what = format!("{} cannot be read", table.name);
    let none: [&str; 0] = [];
    let stream = client.query_raw(sql.as_str(), none).await.at(PLACE, &told_what, "")?;
    let mut stream = std::pin::pin!(stream);
    while let Some(row) = stream.try_next().await.at(PLACE, &told_what, "")? {
        let mut texts = Vec::with_capacity(table.columns.len());
        for at in 0..table.columns.len() {
            texts.push(row.try_get::<_, Option<String>>(at).at(PLACE, &told_what, "")?);
        }
        if let Some(expected) = expected_row(entity, table, texts, told) {
            each(expected)?;
        }
    }
    Ok(())
}

/// The row as it must be shown: its last valid state, what events told, what account managers set.
fn expected_row(
    entity: &Entity,
    table: Table,
    texts: Vec<Option<String>>,
    told: &Told,
) -> Option<PlainRow> {
    let key = key_text(texts.iter().take(entity.key_columns).flatten().map(String::as_str));
    let texts = match told.poisoned.get(&(table.name.to_owned(), key.clone())) {
        Some(last_valid) => last_valid.clone()?,
        None => texts,
    };
    let source = |name: &str| table.column(name).and_then(|at| texts.get(at).cloned()).flatten();
    let news = told.news.get(&key).filter(|_| entity.name == shape::ORDER.name);
    let values = entity
        .columns
        .iter()
        .map(|column| match column.from {
            shape::From::Table => source(column.name),
            shape::From::TableAndEvents => higher(source(column.name), news),
            shape::From::Events => news.and_then(|news| from_events(column.name, news)),
            shape::From::Crm => edited(column.name, &key, told),
        })
        .collect();
    Some(PlainRow { key, values })
}

/// The higher rank of the table's and the events' states.
fn higher(in_table: Option<String>, news: Option<&OrderNews>) -> Option<String> {
    let by_table = in_table.as_deref().and_then(rank);
    let highest = by_table.max(news.and_then(|news| news.rank));
    highest.and_then(|rank| STATUSES.get(rank)).map(|status| (*status).to_owned())
}

fn from_events(column: &str, news: &OrderNews) -> Option<String> {
    match column {
        "carrier" => news.carrier().map(str::to_owned),
        "tracking_number" => news.tracking_number().map(str::to_owned),
        "last_event_at" => news.last_event_at_us.map(|us| us.to_string()),
        _ => None,
    }
}

fn edited(column: &str, customer: &str, told: &Told) -> Option<String> {
    let (_, field) = CRM_OWNED.iter().find(|(name, _)| *name == column)?;
    let value = told.crm_edits.get(customer)?.get(*field)?;
    value.as_str().map(str::to_owned)
}

/// Events are kept as told, whatever became of their order.
fn events(
    entity: &Entity,
    told: &Told,
    mut each: impl FnMut(PlainRow) -> Result<()>,
) -> Result<()> {
    for (event_id, body) in &told.events {
        let mut values = Vec::with_capacity(entity.columns.len());
        for column in entity.columns {
            let value = body.get(column.name).filter(|value| !value.is_null());
            let text = value.map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
            values.push(match (column.stored, text) {
                (Stored::Instant, Some(text)) => Some(micros(&text)?),
                (_, text) => text,
            });
        }
        each(PlainRow { key: event_id.clone(), values })?;
    }
    Ok(())
}

fn micros(text: &str) -> Result<String> {
    let at: jiff::Timestamp = text.parse().at(PLACE, "an event's time cannot be read", "")?;
    Ok(at.as_microsecond().to_string())
}

/// Names of the compared columns in the warehouse, in order.
pub fn warehouse_columns(entity: &Entity) -> Vec<&'static str> {
    entity
        .columns
        .iter()
        .filter(|column| column.stored != Stored::Dropped)
        .map(|column| column.name)
        .collect()
}

/// Adds a row to what the warehouse must hold.
///
/// # Errors
/// Where a token cannot be computed.
pub fn add_for_warehouse(
    expected: &mut Expected,
    entity: &Entity,
    row: &PlainRow,
    unseal: &dyn Unseal,
) -> Result<()> {
    let mut cells = Vec::with_capacity(row.values.len());
    for (column, value) in entity.columns.iter().zip(&row.values) {
        let value = value.as_deref();
        match column.stored {
            Stored::Dropped => {}
            Stored::Plain | Stored::Instant | Stored::Sealed(_) => cells.push(digest(value)),
            Stored::Token(class) => {
                let token = value.map(|plain| unseal.token(class, plain)).transpose();
                let told = |why| {
                    SandboxError::new(PLACE, format!("no token of {}: {why}", column.name), "")
                };
                cells.push(digest(token.map_err(told)?.as_deref()));
            }
        }
    }
    expected.rows.insert(row.key.clone(), ExpectedRow { cells: cells.into() });
    Ok(())
}

/// Adds a row to what Salesforce must hold, where its age lets it be there.
pub fn add_for_crm(expected: &mut Expected, sink: &CrmSink, row: &PlainRow, now: jiff::Timestamp) {
    let value = |name: &str| {
        sink.entity.column(name).and_then(|at| row.values.get(at)).and_then(|text| text.as_deref())
    };
    if let Some((column, months)) = sink.younger_than {
        let written: Option<i64> = value(column).and_then(|text| text.parse().ok());
        if written.is_none_or(|us| us <= months_ago(now, months)) {
            return;
        }
    }
    let cells = sink
        .fields
        .iter()
        .map(|(_, column, written)| digest(canonical(value(column), *written).as_deref()))
        .collect();
    expected.rows.insert(row.key.clone(), ExpectedRow { cells });
}

/// Microseconds since 1970 of the instant that many calendar months ago.
fn months_ago(now: jiff::Timestamp, months: u32) -> i64 {
    let zoned = now.to_zoned(jiff::tz::TimeZone::UTC);
    let span = jiff::Span::new().months(i64::from(months));
    zoned.checked_sub(span).map_or(0, |then| then.timestamp().as_microsecond())
}

/// The form in which both sides are compared.
fn canonical(value: Option<&str>, written: Written) -> Option<String> {
    let text = value?;
    Some(match written {
        Written::Number => crm::plain_number(text),
        Written::Second => {
            text.parse().map_or(text.to_owned(), |us: i64| us.div_euclid(1_000_000).to_string())
        }
        Written::Text | Written::Date | Written::Parent(_) => text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::log::{Entry, Why};
    use crate::shop::rows::{Maker, Size};
    use crate::shop::tables::ORDERS;
    use serde_json::json;

    fn order(status: &str) -> Vec<Option<String>> {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let mut maker = Maker::new(1, Size::of_orders(100));
        maker.order("C100000001", 1, at, status).order.values
    }

    fn told(order_id: &str, status: &str) -> Told {
        let body = json!({"event_id": "e", "order_id": order_id, "sequence": 1, "status": status,
                          "occurred_at": "2026-01-01T00:00:00Z"});
        let sent = Entry::Sent { body, valid: true, status: 202, why: Why::Late, at_us: 0 };
        Told::fold(&[sent]).unwrap()
    }

    fn status_of(row: &PlainRow) -> Option<&str> {
        row.values[shape::ORDER.column("status").unwrap()].as_deref()
    }

    #[test]
    fn the_higher_state_wins_whoever_tells_it() {
        for (in_table, by_event, wanted) in
            [("delivered", "paid", "delivered"), ("paid", "shipped", "shipped")]
        {
            let texts = order(in_table);
            let news = told(texts[0].as_deref().unwrap(), by_event);
            let row = expected_row(&shape::ORDER, ORDERS, texts, &news).unwrap();
            assert_eq!(status_of(&row), Some(wanted));
        }
    }

    #[test]
    fn a_poisoned_row_is_expected_in_its_last_valid_state_or_not_at_all() {
        let (now, before) = (order("shipped"), order("paid"));
        let key = ("orders".to_owned(), now[0].clone().unwrap());
        let mut told = Told::default();
        told.poisoned.insert(key.clone(), Some(before));
        let row = expected_row(&shape::ORDER, ORDERS, now.clone(), &told).unwrap();
        assert_eq!(status_of(&row), Some("paid"));
        told.poisoned.insert(key, None);
        assert_eq!(expected_row(&shape::ORDER, ORDERS, now, &told), None);
    }

    #[test]
    fn what_is_too_old_is_not_expected_in_salesforce() {
        let now: jiff::Timestamp = "2026-06-15T00:00:00Z".parse().unwrap();
        let sink = &shape::CRM_SINKS[1];
        for (updated, wanted) in [("2024-12-14T00:00:00Z", 0), ("2024-12-16T00:00:00Z", 1)] {
            let at: jiff::Timestamp = updated.parse().unwrap();
            let mut values = vec![None; shape::ORDER.columns.len()];
            values[shape::ORDER.column("updated_at").unwrap()] =
                Some(at.as_microsecond().to_string());
            let mut expected = Expected::default();
            add_for_crm(&mut expected, sink, &PlainRow { key: "o".into(), values }, now);
            assert_eq!(expected.rows.len(), wanted, "{updated}");
        }
    }
}
