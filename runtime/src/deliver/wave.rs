//! Which calls may be under way at the same time.

use std::collections::BTreeSet;

use crate::crm::{CrmRecord, CrmValue};

/// Upserts under way at the same time. Few: every lock that two calls want costs more than a wait, and what runs for 20 seconds
/// counts against the 25 long calls that an org may have (reference: Salesforce's limit of concurrent requests).
pub(super) const CALLS_IN_FLIGHT: usize = 4;

/// Takes calls out that may be under way together: no two of them write the same record, or children of the same parent, which
/// Salesforce would lock for one of them. The others stay, in their order.
pub(super) fn wave<'a, T>(
    calls: &mut Vec<&'a [T]>,
    record: impl Fn(&'a T) -> &'a CrmRecord,
) -> Vec<&'a [T]> {
    let mut touched: BTreeSet<&str> = BTreeSet::new();
    let (mut wave, mut later) = (Vec::new(), Vec::new());
    for call in calls.drain(..) {
        let touches: BTreeSet<&str> = call.iter().flat_map(|row| touches(record(row))).collect();
        if wave.len() < CALLS_IN_FLIGHT && touched.is_disjoint(&touches) {
            touched.extend(touches);
            wave.push(call);
        } else {
            later.push(call);
        }
    }
    *calls = later;
    wave
}

/// External ids of the record and of all its parents.
fn touches(record: &CrmRecord) -> impl Iterator<Item = &str> {
    let parents = record.fields.values().filter_map(|value| match value {
        CrmValue::Lookup { external_id, .. } => Some(external_id.as_str()),
        CrmValue::Null | CrmValue::Bool(_) | CrmValue::Number(_) | CrmValue::Text(_) => None,
    });
    parents.chain([record.external_id.as_str()])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn child(id: &str, parents: &[&str]) -> CrmRecord {
        let lookup = |parent: &&str| {
            let to = CrmValue::Lookup {
                object: "Account".to_owned(),
                external_id_field: "Customer_Id__c".to_owned(),
                external_id: (*parent).to_owned(),
            };
            (format!("to {parent}"), to)
        };
        let fields: BTreeMap<String, CrmValue> = parents.iter().map(lookup).collect();
        CrmRecord { external_id: id.to_owned(), revision: 1, fields }
    }

    fn waves(calls: &[Vec<CrmRecord>]) -> Vec<Vec<String>> {
        let mut left: Vec<&[CrmRecord]> = calls.iter().map(Vec::as_slice).collect();
        let mut waves = Vec::new();
        while !left.is_empty() {
            let wave = wave(&mut left, |record| record);
            waves.push(wave.iter().map(|call| call[0].external_id.clone()).collect());
        }
        waves
    }

    #[test]
    fn children_of_one_parent_are_never_under_way_together() {
        let call = |id: &str, parents: &[&str]| vec![child(id, parents)];
        let calls = [call("o1", &["a"]), call("o2", &["a"]), call("o3", &["b"])];
        assert_eq!(waves(&calls), [vec!["o1", "o3"], vec!["o2"]]);
        // The second parent counts as well, and a record that is the parent of another one.
        let calls = [call("o1", &["a", "b"]), call("o2", &["c", "b"]), call("a", &[])];
        assert_eq!(waves(&calls), [vec!["o1"], vec!["o2", "a"]]);
    }

    #[test]
    fn a_record_is_in_one_call_at_a_time_and_calls_are_few() {
        let calls: Vec<Vec<CrmRecord>> =
            (0..6).map(|n| vec![child(&format!("c{n}"), &[])]).collect();
        let sizes: Vec<usize> = waves(&calls).iter().map(Vec::len).collect();
        assert_eq!(sizes, [CALLS_IN_FLIGHT, 2]);
        let twice = [vec![child("c", &[])], vec![child("c", &[])]];
        assert_eq!(waves(&twice), [vec!["c"], vec!["c"]]);
    }
}
