//! The records of the simulator's dump.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::compare::{FoundRow, digest};
use super::shape::{CrmSink, DELETED_FLAG, Written};

/// A record as the admin port dumps it.
pub type Record = Map<String, Value>;

/// Live records without the flag of a deleted row, compared by the sink's fields. `parents`: Salesforce id -> external id,
/// by object. Records without an external id are none of ours.
pub fn rows(
    sink: &CrmSink,
    records: &[Record],
    parents: &BTreeMap<&str, BTreeMap<String, String>>,
) -> Vec<FoundRow> {
    records
        .iter()
        .filter(|record| !is_gone(record))
        .filter_map(|record| {
            let key = record.get(sink.external_id)?.as_str()?.to_owned();
            let cells = sink
                .fields
                .iter()
                .map(|(field, _, written)| {
                    digest(canonical(record.get(*field), *written, parents).as_deref())
                })
                .collect();
            Some(FoundRow { key, cells })
        })
        .collect()
}

fn is_gone(record: &Record) -> bool {
    [DELETED_FLAG, "deleted"].iter().any(|flag| record.get(*flag) == Some(&Value::Bool(true)))
}

/// Salesforce id -> external id of one object's records.
pub fn ids(records: &[Record], external_id: &str) -> BTreeMap<String, String> {
    records
        .iter()
        .filter_map(|record| {
            let id = record.get("Id")?.as_str()?.to_owned();
            Some((id, record.get(external_id)?.as_str()?.to_owned()))
        })
        .collect()
}

/// When each record was written last, by external id: seconds since 1970.
pub fn modified(records: &[Record], external_id: &str) -> BTreeMap<String, i64> {
    records
        .iter()
        .filter_map(|record| {
            let at = seconds(record.get("SystemModstamp")?.as_str()?)?;
            Some((record.get(external_id)?.as_str()?.to_owned(), at))
        })
        .collect()
}

fn canonical(
    value: Option<&Value>,
    written: Written,
    parents: &BTreeMap<&str, BTreeMap<String, String>>,
) -> Option<String> {
    let value = value.filter(|value| !value.is_null())?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(match written {
        Written::Text | Written::Date => text,
        Written::Number => plain_number(&text),
        Written::Second => seconds(&text).map_or(text, |seconds| seconds.to_string()),
        Written::Parent(object) => parents
            .get(object)
            .and_then(|ids| ids.get(&text))
            .cloned()
            .unwrap_or_else(|| "a record that is not there".to_owned()),
    })
}

/// `12.30` -> `12.3`, `7.00` -> `7`
pub fn plain_number(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

/// `2026-11-22T21:30:27.000+0000` -> seconds since 1970
fn seconds(text: &str) -> Option<i64> {
    let normal = text.strip_suffix("+0000").map_or(text.to_owned(), |rest| format!("{rest}Z"));
    normal.parse::<jiff::Timestamp>().ok().map(|at| at.as_second())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::compare::{Expected, ExpectedRow, compare};
    use super::super::shape::CRM_SINKS;
    use super::*;

    fn record(value: Value) -> Record {
        value.as_object().cloned().unwrap_or_default()
    }

    fn order(id: &str, total: Value, customer: &str, deleted: bool) -> Record {
        record(json!({
            "Order_Id__c": id, "Total__c": total, "Customer__c": customer,
            "Placed_At__c": "2026-01-01T00:00:00.000+0000", "Covenant_Deleted__c": deleted,
        }))
    }

    fn found(records: &[Record]) -> Vec<FoundRow> {
        let accounts = [record(json!({"Id": "001A", "Customer_Id__c": "C1"}))];
        let parents = BTreeMap::from([("Account", ids(&accounts, "Customer_Id__c"))]);
        rows(&CRM_SINKS[1], records, &parents)
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_flagged_records_are_gone() {
        let rows =
            found(&[order("a", json!(12.3), "001A", false), order("b", json!(1), "001A", true)]);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows, found(&[order("a", json!("12.30"), "001A", false)]));
        assert_ne!(rows, found(&[order("a", json!(12.31), "001A", false)]));
        assert_ne!(rows, found(&[order("a", json!(12.3), "001B", false)]));
    }

    #[test]
    fn two_records_of_one_external_id_are_a_duplicate() {
        let one = order("a", json!(1), "001A", false);
        let rows = found(&[one.clone(), one]);
        let mut expected = Expected {
            columns: CRM_SINKS[1].fields.iter().map(|(field, _, _)| *field).collect(),
            ..Expected::default()
        };
        expected.rows.insert("a".into(), ExpectedRow { cells: rows[0].cells.clone() });
        let told = compare(&expected, rows, |_| false);
        assert_eq!((told.duplicated, told.diverged, told.lost), (1, 0, 0));
    }

    #[test]
    fn an_order_that_is_shown_again_after_its_deletion_is_resurrected() {
        let rows = found(&[order("gone", json!(1), "001A", false)]);
        assert_eq!(compare(&Expected::default(), rows, |key| key == "gone").resurrected, 1);
    }

    #[test]
    fn instants_of_salesforce() {
        assert_eq!(seconds("2026-01-01T00:00:00.000+0000"), Some(1_767_225_600));
        assert_eq!(seconds("2026-01-01T00:00:00Z"), Some(1_767_225_600));
        assert_eq!(seconds("soon"), None);
    }
}
