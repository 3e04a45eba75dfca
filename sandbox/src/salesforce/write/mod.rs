//! The one write path: every create, update, upsert and delete, over REST, collections, Bulk or by a human, runs here.

mod check;
mod delete;
mod prepare;

use std::sync::Arc;

pub use prepare::type_mismatch;

use serde_json::{Map, Value};

use super::errors::{RowError, code};
use super::ids::RecordId;
use super::org::FieldKind;
use super::schema::{FieldIx, ObjectIx, ObjectSchema, system};
use super::store::{Row, RowIx, Store};
use super::validate::fit;
use super::value::{FieldValue, TypeMismatch, plain};

/// Who writes, and when (seconds since 1970 UTC).
#[derive(Debug, Clone)]
pub struct Actor {
    /// The user's id.
    pub user: RecordId,
    /// Now.
    pub now: i64,
}

/// What became of an upsert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upserted {
    /// A new record.
    Created(RecordId),
    /// An existing record.
    Updated(RecordId),
    /// Several records carry the key; nothing was written.
    Several(Vec<RecordId>),
}

/// The result of a write of one record.
pub type RowResult<T> = Result<T, Vec<RowError>>;

/// Values read for their fields, ready to be stored.
type Prepared = Vec<(FieldIx, FieldValue)>;

fn one<T>(error: RowError) -> RowResult<T> {
    Err(vec![error])
}

impl Store {
    /// Creates a record.
    ///
    /// # Errors
    /// Every reason of the first check that failed; nothing was written.
    pub fn create(
        &mut self,
        object: ObjectIx,
        input: &Map<String, Value>,
        actor: &Actor,
    ) -> RowResult<RecordId> {
        let schema = Arc::clone(self.schema());
        let object = schema.at(object);
        let prepared = self.prepare(object, input)?;
        let (at, id) = self.next_id(object);
        let mut values = vec![FieldValue::Null; object.fields.len()];
        for (i, field) in object.fields.iter().enumerate() {
            if matches!(field.kind, FieldKind::Checkbox) {
                values[i] = FieldValue::Bool(false);
            }
        }
        let user = FieldValue::text(actor.user.as_str());
        values[system::ID.0] = FieldValue::text(id.as_str());
        values[system::OWNER.0] = user.clone();
        values[system::CREATED_BY.0] = user;
        values[system::CREATED_DATE.0] = FieldValue::Instant(actor.now);
        for (field, value) in prepared {
            values[field.0] = value;
        }
        self.fill_generated(object, &mut values);
        stamp(&mut values, actor);
        self.check_record(object, at, &values, None)?;
        self.put(object.ix, at, Row { values, purged: false });
        Ok(id)
    }

    /// Changes a record.
    ///
    /// # Errors
    /// As [`Store::create`], and when the record is in the recycle bin or does not exist.
    pub fn update(
        &mut self,
        object: ObjectIx,
        at: RowIx,
        input: &Map<String, Value>,
        actor: &Actor,
    ) -> RowResult<RecordId> {
        let schema = Arc::clone(self.schema());
        let object = schema.at(object);
        let Some(row) = self.row(object.ix, at).cloned() else { return one(no_such_record()) };
        if row.deleted() {
            return one(RowError::new(code::ENTITY_IS_DELETED, "entity is deleted"));
        }
        let prepared = self.prepare(object, input)?;
        let before = row.values;
        let mut values = before.clone();
        for (field, value) in prepared {
            values[field.0] = value;
        }
        fill_person_name(object, &mut values);
        stamp(&mut values, actor);
        self.check_record(object, at, &values, Some(&before))?;
        let id = RecordId::parse(before[system::ID.0].as_text().unwrap_or(""));
        self.put(object.ix, at, Row { values, purged: false });
        id.map_or_else(|| one(no_such_record()), Ok)
    }

    /// Creates or changes the record that carries this key.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn upsert(
        &mut self,
        object: ObjectIx,
        key_field: FieldIx,
        key: &Value,
        input: &Map<String, Value>,
        actor: &Actor,
        update_only: bool,
    ) -> RowResult<Upserted> {
        let schema = Arc::clone(self.schema());
        let shape = schema.at(object);
        if key_field == system::ID {
            return self.upsert_by_id(shape, key, input, actor);
        }
        let field = shape.field(key_field);
        let read = FieldValue::read(&field.kind, key).map_err(|e| vec![wrong_type(field, &e)])?;
        let wanted = fit(field, read).map_err(|e| vec![e])?;
        if wanted.is_null() {
            let message = format!("{} not specified", field.name);
            return one(RowError::new(code::MISSING_ARGUMENT, message));
        }
        match self.find_key(shape, key_field, &wanted) {
            [] if update_only => {
                one(RowError::new(code::NOT_FOUND, "The requested resource does not exist"))
            }
            [] => {
                let mut input = input.clone();
                input.insert(field.name.clone(), key.clone());
                self.create(object, &input, actor).map(Upserted::Created)
            }
            [found] => {
                let found = *found;
                self.update(object, found, input, actor).map(Upserted::Updated)
            }
            several => {
                let several = several.to_vec();
                Ok(Upserted::Several(
                    several.iter().filter_map(|r| self.id_of(object, *r)).collect(),
                ))
            }
        }
    }

    fn upsert_by_id(
        &mut self,
        object: &ObjectSchema,
        key: &Value,
        input: &Map<String, Value>,
        actor: &Actor,
    ) -> RowResult<Upserted> {
        if key.is_null() || key.as_str() == Some("") {
            return self.create(object.ix, input, actor).map(Upserted::Created);
        }
        let at = self.locate(object, &plain(key))?;
        self.update(object.ix, at, input, actor).map(Upserted::Updated)
    }

    /// Position of a record named by id in a row.
    ///
    /// # Errors
    /// MALFORMED_ID or INVALID_CROSS_REFERENCE_KEY.
    pub fn locate(&self, object: &ObjectSchema, id: &str) -> RowResult<RowIx> {
        let Some(parsed) = RecordId::parse(id) else {
            let message = format!("{} ID: id value of incorrect type: {id}", object.label);
            return one(RowError::on(code::MALFORMED_ID, message, "Id"));
        };
        self.find_id(object, &parsed).map_or_else(|| one(no_such_record()), Ok)
    }

    /// Creates a user, which the API cannot.
    pub fn put_user(&mut self, object: ObjectIx, name: &str, login: &str, actor: &Actor) {
        let schema = Arc::clone(self.schema());
        let object = schema.at(object);
        let (at, id) = self.next_id(object);
        let mut values = vec![FieldValue::Null; object.fields.len()];
        values[system::ID.0] = FieldValue::text(id.as_str());
        values[system::IS_DELETED.0] = FieldValue::Bool(false);
        values[system::CREATED_DATE.0] = FieldValue::Instant(actor.now);
        stamp(&mut values, actor);
        let texts = [("Name", FieldValue::text(name)), ("Username", FieldValue::text(login))];
        for (field, value) in texts.into_iter().chain([("IsActive", FieldValue::Bool(true))]) {
            if let Some(ix) = object.field_ix(field) {
                values[ix.0] = value;
            }
        }
        self.put(object.ix, at, Row { values, purged: false });
    }

    /// The id of a record.
    #[must_use]
    pub fn id_of(&self, object: ObjectIx, at: RowIx) -> Option<RecordId> {
        RecordId::parse(self.row(object, at)?.id())
    }

    fn fill_generated(&mut self, object: &ObjectSchema, values: &mut [FieldValue]) {
        for ix in object.field_ixs() {
            if let FieldKind::AutoNumber { format } = &object.field(ix).kind {
                let number = self.next_number(object.ix);
                values[ix.0] = FieldValue::text(&auto_number(format, number));
            }
        }
        fill_person_name(object, values);
        let name = object.field_ix("Name").filter(|ix| object.custom() && values[ix.0].is_null());
        if let Some(ix) = name {
            values[ix.0] = values[system::ID.0].clone();
        }
    }
}

/// Whether upserts and lookups may use the field as key.
#[must_use]
pub fn is_key(object: &ObjectSchema, ix: FieldIx) -> bool {
    let field = object.field(ix);
    ix == system::ID || field.external_id || field.id_lookup
}

/// The error for a key that several records carry.
#[must_use]
pub fn several_match(label: &str, field: &str, ids: &[String]) -> RowError {
    let message =
        format!("{label}: more than one record found for external id field: [{}]", ids.join(", "));
    RowError::on(code::DUPLICATE_EXTERNAL_ID, message, field)
}

fn no_such_record() -> RowError {
    RowError::new(code::INVALID_CROSS_REFERENCE_KEY, "invalid cross reference id")
}

fn wrong_type(field: &super::org::FieldDef, mismatch: &TypeMismatch) -> RowError {
    let message = format!("{}: value not of required type: {}", field.label, mismatch.got);
    RowError::on(code::INVALID_TYPE_ON_FIELD_IN_RECORD, message, &field.name)
}

/// A person's full name is computed from its parts.
fn fill_person_name(object: &ObjectSchema, values: &mut [FieldValue]) {
    let (Some(name), Some(last)) = (object.field_ix("Name"), object.field_ix("LastName")) else {
        return;
    };
    let first = object.field_ix("FirstName").and_then(|ix| values[ix.0].as_text());
    let last = values[last.0].as_text();
    let full = first.into_iter().chain(last).collect::<Vec<_>>().join(" ");
    values[name.0] = FieldValue::text(&full);
}

fn stamp(values: &mut [FieldValue], actor: &Actor) {
    values[system::MODIFIED_DATE.0] = FieldValue::Instant(actor.now);
    values[system::MODIFIED_BY.0] = FieldValue::text(actor.user.as_str());
    values[system::MODSTAMP.0] = FieldValue::Instant(actor.now);
}

/// `INV-{0000}` and 7 give `INV-0007`.
fn auto_number(format: &str, number: u64) -> String {
    let (Some(open), Some(close)) = (format.find('{'), format.find('}')) else {
        return format!("{format}{number}");
    };
    let width = close.saturating_sub(open + 1);
    format!("{}{number:0width$}{}", &format[..open], &format[close + 1..])
}
