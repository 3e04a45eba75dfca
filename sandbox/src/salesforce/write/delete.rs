//! Deletes, and what they do to children.

use std::sync::Arc;

use super::{Actor, RowResult, no_such_record, one, stamp};
use crate::salesforce::errors::{RowError, code};
use crate::salesforce::ids::RecordId;
use crate::salesforce::org::OnDelete;
use crate::salesforce::schema::{ObjectIx, Schema, system};
use crate::salesforce::store::{RowIx, Store};
use crate::salesforce::value::FieldValue;

impl Store {
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
}
