//! From what a client sent to values for fields: names, types, bounds, parents.

use serde_json::{Map, Value};

use super::{Prepared, RowResult, is_key, no_such_record, one, several_match, wrong_type};
use crate::salesforce::errors::{RowError, code};
use crate::salesforce::ids::RecordId;
use crate::salesforce::org::{FieldDef, FieldKind};
use crate::salesforce::schema::{FieldIx, ObjectSchema, system};
use crate::salesforce::store::{Row, Store};
use crate::salesforce::validate::fit;
use crate::salesforce::value::{FieldValue, TypeMismatch, plain};

/// The first value of a record whose JSON type its field cannot read. REST refuses the whole call for it.
#[must_use]
pub fn type_mismatch(object: &ObjectSchema, input: &Map<String, Value>) -> Option<RowError> {
    input.iter().find_map(|(name, value)| {
        let field = object.field(object.field_ix(name)?);
        let TypeMismatch { wanted, got } = FieldValue::read(&field.kind, value).err()?;
        let kind = json_kind(value);
        let message = format!(
            "Cannot deserialize instance of {wanted} from {kind} value {got} or request may be missing a required field"
        );
        Some(RowError::on(code::JSON_PARSER_ERROR, message, &field.name))
    })
}

fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "VALUE_NULL",
        Value::Bool(_) => "VALUE_BOOLEAN",
        Value::Number(_) => "VALUE_NUMBER",
        Value::String(_) => "VALUE_STRING",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}

impl Store {
    pub(super) fn prepare(
        &self,
        object: &ObjectSchema,
        input: &Map<String, Value>,
    ) -> RowResult<Prepared> {
        let mut out = Vec::with_capacity(input.len());
        for (name, value) in input {
            if name.eq_ignore_ascii_case("attributes") {
                continue;
            }
            if let Some(ix) = object.field_ix(name) {
                if let Some(value) = self.prepare_field(object, ix, value)? {
                    out.push((ix, value));
                }
            } else if let Some(ix) = object.relationship(name) {
                out.push((ix, self.parent_by_key(object, ix, value)?));
            } else {
                let message = format!("No such column '{name}' on sobject of type {}", object.name);
                return one(RowError::new(code::INVALID_FIELD, message));
            }
        }
        Ok(out)
    }

    fn prepare_field(
        &self,
        object: &ObjectSchema,
        ix: FieldIx,
        value: &Value,
    ) -> RowResult<Option<FieldValue>> {
        let field = object.field(ix);
        if ix == system::ID && (value.is_null() || value.as_str() == Some("")) {
            return Ok(None);
        }
        if !field.writable || !object.writable {
            let message = format!(
                "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
                field.name
            );
            return one(RowError::on(code::INVALID_FIELD_FOR_INSERT_UPDATE, message, &field.name));
        }
        let read = FieldValue::read(&field.kind, value).map_err(|e| vec![wrong_type(field, &e)])?;
        let fitted = fit(field, read).map_err(|e| vec![e])?;
        match (&field.kind, fitted) {
            (FieldKind::Reference { to, .. }, FieldValue::Text(id)) => {
                self.parent_by_id(field, to, &id).map(Some).map_err(|e| vec![e])
            }
            (_, fitted) => Ok(Some(fitted)),
        }
    }

    fn parent_by_id(&self, field: &FieldDef, to: &str, id: &str) -> Result<FieldValue, RowError> {
        let wrong = || {
            let message = format!("{}: id value of incorrect type: {id}", field.label);
            RowError::on(code::MALFORMED_ID, message, &field.name)
        };
        let missing = || {
            RowError::on(
                code::INVALID_CROSS_REFERENCE_KEY,
                "invalid cross reference id",
                &field.name,
            )
        };
        let parent = self.schema().object(to).ok_or_else(missing)?;
        let parsed = RecordId::parse(id).ok_or_else(wrong)?;
        if parsed.key_prefix() != parent.key_prefix {
            return Err(wrong());
        }
        let at = self.find_id(parent, &parsed).ok_or_else(missing)?;
        if self.row(parent.ix, at).is_some_and(Row::deleted) {
            return Err(RowError::on(code::ENTITY_IS_DELETED, "entity is deleted", &field.name));
        }
        Ok(FieldValue::text(parsed.as_str()))
    }

    /// Resolves `"Customer__r": {"Customer_Id__c": "C1"}`.
    fn parent_by_key(
        &self,
        object: &ObjectSchema,
        ix: FieldIx,
        value: &Value,
    ) -> RowResult<FieldValue> {
        let field = object.field(ix);
        let FieldKind::Reference { to, relationship, .. } = &field.kind else {
            return one(no_such_record());
        };
        if value.is_null() {
            return Ok(FieldValue::Null);
        }
        let malformed = || {
            let message =
                format!("{relationship} must be an object with exactly one external id field");
            vec![RowError::on(code::INVALID_FIELD, message, relationship)]
        };
        let parent = self.schema().object(to).ok_or_else(malformed)?;
        let map = value.as_object().ok_or_else(malformed)?;
        let mut keys = map.iter().filter(|(name, _)| name.as_str() != "attributes");
        let (Some((name, key)), None) = (keys.next(), keys.next()) else { return Err(malformed()) };
        let key_field =
            parent.field_ix(name).filter(|ix| is_key(parent, *ix)).ok_or_else(|| {
                let message = format!(
                    "Field name provided, {name} is not an External ID or indexed field for {}",
                    parent.name
                );
                vec![RowError::on(code::INVALID_FIELD, message, name)]
            })?;
        if key.is_null() || key.as_str() == Some("") {
            return Ok(FieldValue::Null);
        }
        let key_def = parent.field(key_field);
        let wanted =
            FieldValue::read(&key_def.kind, key).map_err(|e| vec![wrong_type(key_def, &e)])?;
        match self.find_key(parent, key_field, &wanted) {
            [found] => Ok(FieldValue::text(self.row(parent.ix, *found).map_or("", Row::id))),
            [] => {
                let message = format!(
                    "Foreign key external ID: {} not found for field {} in entity {}",
                    plain(key),
                    key_def.name,
                    parent.name
                );
                one(RowError::new(code::INVALID_FIELD, message))
            }
            several => {
                let ids: Vec<String> = several
                    .iter()
                    .filter_map(|r| self.id_of(parent.ix, *r))
                    .map(|id| id.to_string())
                    .collect();
                one(several_match(&key_def.label, &key_def.name, &ids))
            }
        }
    }
}
