//! Bodies of requests and answers.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::crm::errors::{ApiError, row_class, scrub};
use crate::crm::{CrmObject, CrmRecord, RowErrorClass, RowOutcome};

/// A collections request: all or none is off, so that good rows are not lost with bad ones.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Collection<'a> {
    pub all_or_none: bool,
    pub records: Vec<Record<'a>>,
}

/// A record as the API takes it, its external id in the body: in collections and in a PATCH by Id it stands there (in a PATCH by
/// external id it must not).
pub(super) struct Record<'a> {
    pub object: &'a CrmObject,
    pub record: &'a CrmRecord,
    pub attributes: bool,
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.attributes {
            map.serialize_entry("attributes", &BTreeMap::from([("type", &self.object.name)]))?;
        }
        map.serialize_entry(&self.object.external_id_field, &self.record.external_id)?;
        map.serialize_entry(&self.object.revision_field, &self.record.revision)?;
        for (name, value) in &self.record.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// What became of a row, as collections tell it.
#[derive(Deserialize)]
pub(super) struct RowResult {
    #[serde(default)]
    id: Option<String>,
    success: bool,
    #[serde(default)]
    created: bool,
    #[serde(default)]
    errors: Vec<ApiError>,
}

impl RowResult {
    pub(super) fn outcome(self) -> RowOutcome {
        match (self.success, self.id) {
            (true, id) => RowOutcome::Written { id: id.unwrap_or_default(), created: self.created },
            (false, _) => refused(&self.errors),
        }
    }
}

/// The first error decides; Salesforce stops at the first one of a row in most cases.
pub(super) fn refused(errors: &[ApiError]) -> RowOutcome {
    match errors.first() {
        Some(error) => RowOutcome::Refused {
            class: row_class(error),
            code: error.code.clone(),
            message: scrub(&error.message),
        },
        None => RowOutcome::Refused {
            class: RowErrorClass::Transient,
            code: "NO_REASON".into(),
            message: "the row was refused without a reason".into(),
        },
    }
}

/// A page of a query.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<'a> {
    pub done: bool,
    #[serde(default)]
    pub next_records_url: Option<String>,
    #[serde(borrow)]
    pub records: Vec<&'a RawValue>,
}

/// What every queried record carries.
#[derive(Deserialize)]
pub(super) struct Stamped {
    #[serde(rename = "Id")]
    pub id: String,
    #[serde(rename = "SystemModstamp")]
    pub modified: String,
    #[serde(rename = "IsDeleted", default)]
    pub deleted: bool,
}

/// A text as a SOQL literal.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

/// Microseconds since 1970 as a SOQL date-time literal in whole seconds.
pub(super) fn moment(us: i64) -> Option<String> {
    let at = jiff::Timestamp::from_second(us.div_euclid(1_000_000)).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// `2024-01-01T00:00:00.000+0000` as microseconds since 1970.
pub(super) fn parse_moment(text: &str) -> Option<i64> {
    let parsed = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?;
    Some(parsed.to_timestamp().ok()?.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_escaped() {
        assert_eq!(literal("O'Hara\\x"), "'O\\'Hara\\\\x'");
    }

    #[test]
    fn moments_round_trip() {
        let us = parse_moment("2024-01-01T00:00:01.000+0000").unwrap();
        assert_eq!(us, 1_704_067_201_000_000);
        assert_eq!(moment(us).unwrap(), "2024-01-01T00:00:01Z");
        assert!(parse_moment("yesterday").is_none());
    }
}
