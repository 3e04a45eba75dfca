//! Reads the org as it is, by pages and by ids, and gives records their external id.

use reqwest::Method;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{Salesforce, bounded, parsed, parts, wire};
use crate::crm::{CrmObject, Having, OrgRecord, PAGE_ROWS, RowOutcome, STAMP_REVISION, Stamp};
use crate::error::Result;

/// What every record of an answer is known by.
#[derive(serde::Deserialize)]
struct Known {
    #[serde(rename = "Id")]
    id: String,
}

/// A request for records by id.
#[derive(Serialize)]
struct Wanted<'a> {
    ids: &'a [String],
    fields: &'a [String],
}

/// Records that get an external id: all or none is off, so that good rows are not lost with bad ones.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stamps<'a> {
    all_or_none: bool,
    records: Vec<One<'a>>,
}

struct One<'a> {
    object: &'a CrmObject,
    stamp: &'a Stamp,
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        let kind = std::collections::BTreeMap::from([("type", &self.object.name)]);
        map.serialize_entry("attributes", &kind)?;
        map.serialize_entry("Id", &self.stamp.id)?;
        map.serialize_entry(&self.object.external_id_field, &self.stamp.external_id)?;
        map.serialize_entry(&self.object.revision_field, &STAMP_REVISION)?;
        map.end()
    }
}

impl Salesforce {
    pub(super) async fn org_page(
        &self,
        object: &str,
        fields: &[String],
        having: Having<'_>,
        after: Option<&str>,
    ) -> Result<Vec<OrgRecord>> {
        let mut conditions = Vec::new();
        match having {
            Having::Anything => {}
            Having::No(field) => conditions.push(format!("{field} = null")),
            Having::Some(field) => conditions.push(format!("{field} != null")),
        }
        conditions.extend(after.map(|id| format!("Id > {}", wire::literal(id))));
        let filter = match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        };
        let soql = format!(
            "SELECT {} FROM {object}{filter} ORDER BY Id ASC LIMIT {PAGE_ROWS}",
            with_id(fields).join(", ")
        );
        let mut found = Vec::new();
        self.query(&soql, false, &mut |json| {
            found.push(record(json)?);
            Ok(())
        })
        .await?;
        Ok(found)
    }

    pub(super) async fn org_records(
        &self,
        object: &str,
        ids: &[String],
        fields: &[String],
    ) -> Result<Vec<Option<OrgRecord>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        bounded(ids.len())?;
        let path = self.path(&format!("composite/sobjects/{object}"));
        let fields = with_id(fields);
        let answer = self.call(Method::POST, &path, Some(&Wanted { ids, fields: &fields })).await?;
        let found: Vec<Option<&serde_json::value::RawValue>> = parsed(&answer)?;
        // In the order of the request, and looked up by id all the same: a mix-up here would stamp the wrong record.
        let mut known = std::collections::BTreeMap::new();
        for json in found.into_iter().flatten() {
            let record = record(json.get())?;
            known.insert(short(&record.id).to_owned(), record);
        }
        Ok(ids.iter().map(|id| known.get(short(id)).cloned()).collect())
    }

    pub(super) async fn org_holding(
        &self,
        object: &CrmObject,
        external_ids: &[String],
        fields: &[String],
    ) -> Result<Vec<OrgRecord>> {
        bounded(external_ids.len())?;
        let (name, key) = (&object.name, &object.external_id_field);
        let columns = with_id(fields).join(", ");
        let mut found = Vec::new();
        for part in parts(external_ids) {
            let list = part.iter().map(|id| wire::literal(id)).collect::<Vec<_>>().join(",");
            let soql = format!("SELECT {columns} FROM {name} WHERE {key} IN ({list})");
            self.query(&soql, false, &mut |json| {
                found.push(record(json)?);
                Ok(())
            })
            .await?;
        }
        Ok(found)
    }

    pub(super) async fn org_stamp(
        &self,
        object: &CrmObject,
        stamps: &[Stamp],
    ) -> Result<Vec<RowOutcome>> {
        if stamps.is_empty() {
            return Ok(Vec::new());
        }
        bounded(stamps.len())?;
        let path = self.path("composite/sobjects");
        let records = stamps.iter().map(|stamp| One { object, stamp }).collect();
        let body = Stamps { all_or_none: false, records };
        self.rows(Method::PATCH, &path, Some(&body), stamps.len()).await
    }
}

/// Ids have 15 characters that tell them apart, and 3 that only guard their case.
fn short(id: &str) -> &str {
    id.get(..15).unwrap_or(id)
}

fn with_id(fields: &[String]) -> Vec<String> {
    let mut columns = vec!["Id".to_owned()];
    for field in fields {
        if !columns.iter().any(|known| known.eq_ignore_ascii_case(field)) {
            columns.push(field.clone());
        }
    }
    columns
}

fn record(json: &str) -> Result<OrgRecord> {
    let known: Known = parsed(json.as_bytes())?;
    Ok(OrgRecord { id: known.id, json: json.as_bytes().to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_tells_an_external_id_and_the_lowest_revision_and_nothing_else() {
        let object = CrmObject {
            name: "Account".into(),
            external_id_field: "Customer_Id__c".into(),
            revision_field: "Covenant_Revision__c".into(),
        };
        let stamp = Stamp { id: "001000000000001".into(), external_id: "C1".into() };
        let body =
            Stamps { all_or_none: false, records: vec![One { object: &object, stamp: &stamp }] };
        let said = serde_json::to_value(&body).unwrap();
        let wanted = serde_json::json!({
            "allOrNone": false,
            "records": [{
                "attributes": {"type": "Account"}, "Id": "001000000000001", "Customer_Id__c": "C1",
                "Covenant_Revision__c": 0
            }],
        });
        assert_eq!(said, wanted);
    }
}
