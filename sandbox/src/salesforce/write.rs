//! The one write path: every create, update, upsert and delete, over REST, collections, Bulk or by a human, runs here.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::errors::{RowError, code};
use super::formula::Scope;
use super::ids::RecordId;
use super::org::{FieldKind, OnDelete};
use super::schema::{FieldIx, ObjectIx, ObjectSchema, Schema, system};
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

fn one<T>(error: RowError) -> RowResult<T> {
    Err(vec![error])
}

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

    /// Moves a record (and what cascades from it) to the recycle bin.
    ///
    /// # Errors
    /// When it is already there, or a child restricts the delete.
    pub fn delete(&mut self, object: ObjectIx, at: RowIx, actor: &Actor) -> RowResult<RecordId> {
        let schema = Arc::clone(self.schema());
        let Some(row) = self.row(object, at) else { return one(no_such_record()) };
        let Some(id) = RecordId::parse(row.id()) else { return one(no_such_record()) };
        if row.deleted() {
            return one(RowError::new(code::ENTITY_IS_DELETED, "entity is deleted"));
        }
        if let Some(child) = self.restricting_child(&schema, object, &id) {
            let message = format!(
                "Your attempt to delete {id} could not be completed because some {child} refer to it"
            );
            return one(RowError::new(code::DELETE_FAILED, message));
        }
        let mut bin = row.clone();
        bin.values[system::IS_DELETED.0] = FieldValue::Bool(true);
        stamp(&mut bin.values, actor);
        self.put(object, at, bin);
        self.release_children(&schema, object, &id, actor)?;
        Ok(id)
    }

    /// Removes a record for good (Bulk `hardDelete`).
    ///
    /// # Errors
    /// As [`Store::delete`], unless the record is in the recycle bin already.
    pub fn hard_delete(
        &mut self,
        object: ObjectIx,
        at: RowIx,
        actor: &Actor,
    ) -> RowResult<RecordId> {
        if self.row(object, at).is_some_and(|row| !row.deleted()) {
            self.delete(object, at, actor)?;
        }
        let Some(mut row) = self.row(object, at).cloned() else { return one(no_such_record()) };
        row.purged = true;
        let id = RecordId::parse(row.id());
        self.put(object, at, row);
        id.map_or_else(|| one(no_such_record()), Ok)
    }

    fn restricting_child(
        &self,
        schema: &Schema,
        object: ObjectIx,
        id: &RecordId,
    ) -> Option<String> {
        let key = FieldValue::text(id.as_str());
        schema.at(object).children.iter().filter(|c| c.on_delete == OnDelete::Restrict).find_map(
            |c| {
                let child = schema.at(c.object);
                (!self.find_key(child, c.field, &key).is_empty())
                    .then(|| child.label_plural.clone())
            },
        )
    }

    fn release_children(
        &mut self,
        schema: &Schema,
        object: ObjectIx,
        id: &RecordId,
        actor: &Actor,
    ) -> RowResult<()> {
        let key = FieldValue::text(id.as_str());
        for child in &schema.at(object).children {
            let rows = self.find_key(schema.at(child.object), child.field, &key).to_vec();
            for at in rows {
                match child.on_delete {
                    OnDelete::Restrict => {}
                    OnDelete::Cascade => {
                        self.delete(child.object, at, actor)?;
                    }
                    OnDelete::SetNull => {
                        let Some(mut row) = self.row(child.object, at).cloned() else { continue };
                        row.values[child.field.0] = FieldValue::Null;
                        stamp(&mut row.values, actor);
                        self.put(child.object, at, row);
                    }
                }
            }
        }
        Ok(())
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

    fn prepare(&self, object: &ObjectSchema, input: &Map<String, Value>) -> RowResult<Prepared> {
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

    fn parent_by_id(
        &self,
        field: &super::org::FieldDef,
        to: &str,
        id: &str,
    ) -> Result<FieldValue, RowError> {
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

    fn check_record(
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
