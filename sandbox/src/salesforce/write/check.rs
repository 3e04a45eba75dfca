//! What must hold of a record as it would be: required fields, validation rules, uniqueness.

use super::{RowResult, one};
use crate::salesforce::errors::{RowError, code};
use crate::salesforce::formula::Scope;
use crate::salesforce::schema::{FieldIx, ObjectSchema};
use crate::salesforce::store::{RowIx, Store};
use crate::salesforce::value::FieldValue;

struct Change<'a> {
    after: &'a [FieldValue],
    before: Option<&'a [FieldValue]>,
}

impl Scope for Change<'_> {
    fn current(&self, field: FieldIx) -> &FieldValue {
        &self.after[field.0]
    }
    fn prior(&self, field: FieldIx) -> Option<&FieldValue> {
        self.before.map(|values| &values[field.0])
    }
}

impl Store {
    pub(super) fn check_record(
        &self,
        object: &ObjectSchema,
        at: RowIx,
        after: &[FieldValue],
        before: Option<&[FieldValue]>,
    ) -> RowResult<()> {
        let missing: Vec<String> = object
            .fields
            .iter()
            .zip(after)
            .filter(|(field, value)| field.required && value.is_null())
            .map(|(field, _)| field.name.clone())
            .collect();
        if !missing.is_empty() {
            let message = format!("Required fields are missing: [{}]", missing.join(", "));
            return one(RowError { code: code::REQUIRED_FIELD_MISSING, message, fields: missing });
        }
        let change = Change { after, before };
        let broken: Vec<RowError> = object
            .rules
            .iter()
            .filter(|rule| rule.formula.holds(&change))
            .map(|rule| RowError {
                code: code::FIELD_CUSTOM_VALIDATION_EXCEPTION,
                message: rule.def.message.clone(),
                fields: rule.def.field.iter().cloned().collect(),
            })
            .collect();
        if !broken.is_empty() {
            return Err(broken);
        }
        self.check_unique(object, at, after)
    }

    fn check_unique(
        &self,
        object: &ObjectSchema,
        at: RowIx,
        after: &[FieldValue],
    ) -> RowResult<()> {
        for ix in object.field_ixs().filter(|ix| object.field(*ix).unique) {
            let other = self.find_key(object, ix, &after[ix.0]).iter().find(|r| **r != at);
            if let Some(other) = other {
                let name = &object.field(ix).name;
                let id = self
                    .id_of(object.ix, *other)
                    .map_or_else(String::new, |id| id.short().to_owned());
                let message = format!(
                    "duplicate value found: {name} duplicates value on record with id: {id}"
                );
                return one(RowError::on(code::DUPLICATE_VALUE, message, name));
            }
        }
        Ok(())
    }
}
