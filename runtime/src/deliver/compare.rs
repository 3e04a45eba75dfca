//! What a record should say against what the CRM shows: per field that we own, in one form for both.

use covenant_model::spec::OnDelete;
use covenant_model::value::LogicalType;
use serde_json::Value;

use super::record::{Mapping, Reveal, reference_field};
use crate::crm::{CrmRecord, CrmValue, Shown};
use crate::error::{ErrorKind, Result};
use crate::ledger::{Standing, Status};

/// What the CRM should show of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever it shows is right: the sink keeps what is there.
    Anything,
    /// This record.
    Record(CrmRecord),
    /// No record, or one that is flagged as deleted.
    Flagged,
    /// No record.
    Gone,
}

/// How the CRM differs from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// There is no record.
    Missing,
    /// There is a record of a row that is gone.
    Extra,
    /// Fields that we own say something else.
    Diverged {
        /// Their names in the CRM.
        fields: Vec<String>,
    },
}

impl Mapping {
    /// The fields to read for a comparison: the external id, the revision, and those that we own, parents by their external
    /// id.
    pub fn columns(&self) -> Vec<String> {
        let path = |target: &String, lookup: &Option<(String, String)>| match lookup {
            Some((_, external_id)) => format!("{target}.{external_id}"),
            None => target.clone(),
        };
        let own = self.fields.iter().map(|field| path(&field.target, &field.lookup));
        let ids = [self.object.external_id_field.clone(), self.object.revision_field.clone()];
        ids.into_iter().chain(own).chain(self.flags().then(|| self.deleted_field.clone())).collect()
    }

    /// Whether a record is flagged as deleted.
    pub fn is_flagged(&self, found: &Shown) -> bool {
        self.flags() && found.at(&self.deleted_field) == &Value::Bool(true)
    }

    /// What the CRM should show of a row.
    ///
    /// # Errors
    /// Of [`Reveal::reveal`], but for a ciphertext that does not open: its row cannot be delivered, and waits in quarantine.
    pub fn wanted(&self, row: &Standing, reveal: &dyn Reveal, now_us: i64) -> Result<Wanted> {
        if row.status == Status::Incomplete {
            return Ok(Wanted::Anything);
        }
        let policy = match (row.row.state.alive(), self.aged_out(&row.row, now_us)) {
            (true, false) => {
                return match self.record(&row.row, reveal) {
                    Ok(record) => Ok(Wanted::Record(record)),
                    Err(error) if error.kind == ErrorKind::Corrupt => Ok(Wanted::Anything),
                    Err(error) => Err(error),
                };
            }
            (true, true) => self.on_leave,
            (false, _) => self.on_delete,
        };
        Ok(match policy {
            OnDelete::Keep => Wanted::Anything,
            OnDelete::Flag => Wanted::Flagged,
            OnDelete::Delete => Wanted::Gone,
        })
    }

    /// How a record differs from what is wanted; none: it does not.
    pub fn difference(&self, wanted: &Wanted, found: Option<&Shown>) -> Option<Difference> {
        match (wanted, found) {
            (Wanted::Anything, _) | (Wanted::Flagged | Wanted::Gone, None) => None,
            (Wanted::Gone, Some(_)) => Some(Difference::Extra),
            (Wanted::Flagged, Some(found)) if self.is_flagged(found) => None,
            (Wanted::Flagged, Some(_)) => Some(Difference::Extra),
            (Wanted::Record(_), None) => Some(Difference::Missing),
            (Wanted::Record(record), Some(found)) => {
                let fields = self.differing(record, found);
                (!fields.is_empty()).then_some(Difference::Diverged { fields })
            }
        }
    }

    /// Names of the fields that differ. What the row never said of a field is nothing that could differ.
    fn differing(&self, record: &CrmRecord, found: &Shown) -> Vec<String> {
        let mut differing = Vec::new();
        for field in &self.fields {
            let (path, said) = match &field.lookup {
                Some((_, external_id)) => {
                    let cleared = record.fields.get(&reference_field(&field.target));
                    let said = record.fields.get(&field.target).or(cleared);
                    (format!("{}.{external_id}", field.target), said)
                }
                None => (field.target.clone(), record.fields.get(&field.target)),
            };
            if said.is_some_and(|said| !same(&field.ty, said, found.at(&path))) {
                differing.push(field.target.clone());
            }
        }
        if self.is_flagged(found) {
            differing.push(self.deleted_field.clone());
        }
        differing
    }
}

/// Whether a value of ours and one of the CRM are the same, as far as the CRM can keep one: it keeps numbers as doubles,
/// moments to the second, an empty text as nothing, no blanks at the ends of a text, and an unset checkbox as unchecked.
fn same(ty: &LogicalType, said: &CrmValue, shown: &Value) -> bool {
    match (said, shown) {
        (CrmValue::Null, shown) => {
            shown.is_null() || *shown == Value::Bool(false) || text_is(shown, "")
        }
        (CrmValue::Bool(flag), shown) => shown.as_bool().unwrap_or(false) == *flag,
        (CrmValue::Number(text), shown) => {
            let number = shown.as_f64().or_else(|| shown.as_str()?.parse().ok());
            number.is_some() && number == text.parse().ok()
        }
        (CrmValue::Lookup { external_id, .. }, shown) => shown.as_str() == Some(external_id),
        (CrmValue::Text(text), Value::Null) => text.trim().is_empty(),
        (CrmValue::Text(text), shown) if *ty == LogicalType::Timestamp => {
            let moment = shown.as_str().and_then(second);
            moment.is_some() && moment == second(text)
        }
        (CrmValue::Text(text), shown) => text_is(shown, text),
    }
}

fn text_is(shown: &Value, text: &str) -> bool {
    let plain = |text: &str| text.trim().replace("\r\n", "\n");
    shown.as_str().is_some_and(|shown| plain(shown) == plain(text))
}

/// `2026-01-01T00:00:00.000+0000` and `…Z` -> seconds since 1970.
fn second(text: &str) -> Option<i64> {
    let whole = text.strip_suffix("+0000").map_or(text.to_owned(), |rest| format!("{rest}Z"));
    Some(whole.parse::<jiff::Timestamp>().ok()?.as_microsecond().div_euclid(1_000_000))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_the_same_in_the_form_that_the_crm_keeps() {
        let text = || LogicalType::String { max_chars: None };
        let says = |text: &str| CrmValue::Text(text.to_owned());
        let number = |text: &str| CrmValue::Number(text.to_owned());
        let parent = CrmValue::Lookup {
            object: "Account".to_owned(),
            external_id_field: "Customer_Id__c".to_owned(),
            external_id: "C1".to_owned(),
        };
        let at = "2026-01-01T00:00:00.123Z";
        let cases = [
            (text(), says("a"), json!("a"), true),
            (text(), says("a"), json!("b"), false),
            (text(), says("a"), json!(null), false),
            (text(), says(" a\r\nb "), json!("a\nb"), true),
            (text(), says(""), json!(null), true),
            (text(), CrmValue::Null, json!(null), true),
            (text(), CrmValue::Null, json!("a"), false),
            (text(), CrmValue::Null, json!(0), false),
            (LogicalType::Int64, number("12.30"), json!(12.3), true),
            (LogicalType::Int64, number("12.30"), json!(12.31), false),
            (LogicalType::Int64, number("0"), json!(null), false),
            (LogicalType::Bool, CrmValue::Bool(false), json!(null), true),
            (LogicalType::Bool, CrmValue::Bool(true), json!(false), false),
            (LogicalType::Timestamp, says(at), json!("2026-01-01T00:00:00.000+0000"), true),
            (LogicalType::Timestamp, says(at), json!("2026-01-01T00:00:01.000+0000"), false),
            (LogicalType::Timestamp, says(at), json!("soon"), false),
            (text(), parent.clone(), json!("C1"), true),
            (text(), parent.clone(), json!("C2"), false),
            (text(), parent, json!(null), false),
        ];
        for (ty, said, shown, expected) in cases {
            assert_eq!(same(&ty, &said, &shown), expected, "{ty:?} {said:?} {shown}");
        }
    }
}
