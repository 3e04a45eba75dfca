//! Records as the org itself holds them: what adoption and comparisons read, page by page.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;

use super::CrmObject;

/// Records of one page of [`super::Crm::page`]. A page that has fewer is the last one.
pub const PAGE_ROWS: usize = 2_000;

/// Which records of an object are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Having<'a> {
    /// All of them.
    Anything,
    /// Those without a value in this field.
    No(&'a str),
    /// Those with one.
    Some(&'a str),
}

/// A record as the org holds it. `Debug` shows its id only.
#[derive(Clone, PartialEq, Eq)]
pub struct OrgRecord {
    /// `001…`
    pub id: String,
    /// The record's JSON, with the fields that were asked for.
    pub json: Vec<u8>,
}

impl OrgRecord {
    /// Its fields, as written: numbers keep every digit. Empty where the JSON is no object.
    pub fn fields(&self) -> BTreeMap<&str, &RawValue> {
        serde_json::from_slice(&self.json).unwrap_or_default()
    }
}

/// What a record shows of an object that is delivered. `Debug` shows no field: a sink may reveal plaintext to the CRM.
#[derive(Clone, PartialEq)]
pub struct Shown {
    /// `001…`
    pub id: String,
    /// Value of the external id. Never PII; empty where there is none.
    pub external_id: String,
    /// Its delivery revision; 0 where nothing was ever delivered to it.
    pub revision: u64,
    json: Value,
}

impl Shown {
    /// Reads a record that was asked for with the object's external id and revision.
    pub fn of(object: &CrmObject, record: &OrgRecord) -> Self {
        let json: Value = serde_json::from_slice(&record.json).unwrap_or_default();
        let text = json.get(&object.external_id_field).and_then(Value::as_str);
        // Salesforce writes whole numbers as 7.0; revisions stay below 2^53.
        let revision = json.get(&object.revision_field).and_then(Value::as_f64).unwrap_or(0.0);
        Self {
            id: record.id.clone(),
            external_id: text.unwrap_or_default().to_owned(),
            revision: revision as u64,
            json,
        }
    }

    /// A field, or one of a parent by its path `Customer__r.Customer_Id__c`; nothing where the parent is not there.
    pub fn at(&self, path: &str) -> &Value {
        let value = path.split('.').try_fold(&self.json, |value, name| value.get(name));
        value.unwrap_or(&Value::Null)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shown({}, revision {}, content hidden)", self.id, self.revision)
    }
}

impl fmt::Debug for OrgRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrgRecord({}, content hidden)", self.id)
    }
}

/// The external id that a record is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// `001…`
    pub id: String,
    /// Never PII.
    pub external_id: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_read_with_its_parents_field() {
        let object = CrmObject {
            name: "Order__c".to_owned(),
            external_id_field: "Order_Id__c".to_owned(),
            revision_field: "Covenant_Revision__c".to_owned(),
        };
        let of = |json: serde_json::Value| {
            Shown::of(&object, &OrgRecord { id: "a01".to_owned(), json: json.to_string().into() })
        };
        let shown = of(json!({
            "Id": "a01", "Order_Id__c": "o1", "Covenant_Revision__c": 7.0, "Total__c": 1.5,
            "Customer__r": {"attributes": {"type": "Account"}, "Customer_Id__c": "C1"},
        }));
        assert_eq!((shown.external_id.as_str(), shown.revision), ("o1", 7));
        assert_eq!(shown.at("Customer__r.Customer_Id__c"), "C1");
        let orphan = of(json!({"Id": "a01", "Order_Id__c": "o1", "Customer__r": null}));
        assert_eq!((orphan.revision, orphan.at("Customer__r.Customer_Id__c")), (0, &Value::Null));
        assert!(!format!("{orphan:?}").contains("o1"));
    }
}
