//! Records in memory, with the indexes that keys, uniqueness and parents need, and an undo log.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::ids::RecordId;
use super::org::{FieldDef, FieldKind};
use super::schema::{FieldIx, ObjectIx, ObjectSchema, Schema, system};
use super::value::{FieldValue, fold};

/// Position of a record in its object; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowIx(pub usize);

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// One value per field of the object.
    pub values: Vec<FieldValue>,
    /// Gone for good: hard-deleted, or created by a call that was rolled back.
    pub purged: bool,
}

impl Row {
    /// True in the recycle bin.
    #[must_use]
    pub fn deleted(&self) -> bool {
        self.values[system::IS_DELETED.0] == FieldValue::Bool(true)
    }

    /// Neither purged nor in the recycle bin.
    #[must_use]
    pub fn live(&self) -> bool {
        !self.purged && !self.deleted()
    }

    /// A field's value.
    #[must_use]
    pub fn get(&self, field: FieldIx) -> &FieldValue {
        &self.values[field.0]
    }

    /// The id in text.
    #[must_use]
    pub fn id(&self) -> &str {
        self.values[system::ID.0].as_text().unwrap_or("")
    }

    /// SystemModstamp in seconds.
    #[must_use]
    pub fn modstamp(&self) -> i64 {
        match self.values[system::MODSTAMP.0] {
            FieldValue::Instant(seconds) => seconds,
            FieldValue::Null
            | FieldValue::Bool(_)
            | FieldValue::Text(_)
            | FieldValue::Number(_)
            | FieldValue::Date(_) => 0,
        }
    }
}

#[derive(Debug, Default)]
struct Table {
    rows: Vec<Row>,
    indexes: HashMap<FieldIx, HashMap<String, Vec<RowIx>>>,
    live: usize,
    next_number: u64,
}

/// A place in the undo log to return to.
#[derive(Debug, Clone, Copy)]
pub struct Savepoint(usize);

#[derive(Debug)]
struct Undo {
    object: ObjectIx,
    row: RowIx,
    before: Option<Row>,
}

/// All records of an org.
#[derive(Debug)]
pub struct Store {
    schema: Arc<Schema>,
    tables: Vec<Table>,
    undo: Option<Vec<Undo>>,
    dirty: BTreeSet<(ObjectIx, RowIx)>,
    track_dirty: bool,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(schema: Arc<Schema>) -> Self {
        let tables = schema.objects().iter().map(|_| Table::default()).collect();
        Self { schema, tables, undo: None, dirty: BTreeSet::new(), track_dirty: false }
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The record at a position.
    #[must_use]
    pub fn row(&self, object: ObjectIx, row: RowIx) -> Option<&Row> {
        self.tables[object.0].rows.get(row.0)
    }

    /// All records of an object, purged ones included, in order of creation.
    pub fn rows(&self, object: ObjectIx) -> impl Iterator<Item = (RowIx, &Row)> {
        self.tables[object.0].rows.iter().enumerate().map(|(i, row)| (RowIx(i), row))
    }

    /// How many records of an object are live.
    #[must_use]
    pub fn live_count(&self, object: ObjectIx) -> usize {
        self.tables[object.0].live
    }

    /// The position of an id, when the object has had such a record.
    #[must_use]
    pub fn find_id(&self, object: &ObjectSchema, id: &RecordId) -> Option<RowIx> {
        if id.key_prefix() != object.key_prefix {
            return None;
        }
        let ix = usize::try_from(id.counter()?.checked_sub(1)?).ok()?;
        let row = self.tables[object.ix.0].rows.get(ix)?;
        (!row.purged).then_some(RowIx(ix))
    }

    /// Live records whose indexed field has this value.
    #[must_use]
    pub fn find_key(&self, object: &ObjectSchema, field: FieldIx, key: &FieldValue) -> &[RowIx] {
        let Some(key) = index_key(object.field(field), key) else { return &[] };
        self.tables[object.ix.0]
            .indexes
            .get(&field)
            .and_then(|index| index.get(&key))
            .map_or(&[], Vec::as_slice)
    }

    /// The id and position that the next record of an object gets.
    #[must_use]
    pub fn next_id(&self, object: &ObjectSchema) -> (RowIx, RecordId) {
        let ix = self.tables[object.ix.0].rows.len();
        let counter = u64::try_from(ix).unwrap_or(u64::MAX).saturating_add(1);
        (RowIx(ix), RecordId::new(&object.key_prefix, counter))
    }

    /// The next number of an object's auto-number field.
    pub fn next_number(&mut self, object: ObjectIx) -> u64 {
        let table = &mut self.tables[object.0];
        table.next_number += 1;
        table.next_number
    }

    /// Writes a record, new or changed, keeping indexes, counts and the undo log.
    pub fn put(&mut self, object: ObjectIx, at: RowIx, row: Row) {
        let schema = Arc::clone(&self.schema);
        let schema = schema.at(object);
        let before = self.tables[object.0].rows.get(at.0).cloned();
        self.reindex(schema, at, before.as_ref(), &row);
        let table = &mut self.tables[object.0];
        table.live += usize::from(row.live());
        table.live -= usize::from(before.as_ref().is_some_and(Row::live));
        if at.0 < table.rows.len() {
            table.rows[at.0] = row;
        } else {
            table.rows.push(row);
        }
        if let Some(undo) = &mut self.undo {
            undo.push(Undo { object, row: at, before });
        }
        if self.track_dirty {
            self.dirty.insert((object, at));
        }
    }

    /// Moves a record from its old keys to its new ones; keys that stay are not touched.
    fn reindex(&mut self, schema: &ObjectSchema, at: RowIx, before: Option<&Row>, after: &Row) {
        let key = |row: &Row, field| {
            if row.live() { index_key(schema.field(field), row.get(field)) } else { None }
        };
        for field in &schema.indexes {
            let (old, new) = (before.and_then(|row| key(row, *field)), key(after, *field));
            if old == new {
                continue;
            }
            let index = self.tables[schema.ix.0].indexes.entry(*field).or_default();
            if let Some(old) = old
                && let Some(rows) = index.get_mut(&old)
            {
                rows.retain(|r| *r != at);
                if rows.is_empty() {
                    index.remove(&old);
                }
            }
            if let Some(new) = new {
                index.entry(new).or_default().push(at);
            }
        }
    }

    /// Whether a savepoint is set.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.undo.is_some()
    }

    /// From here on what writes replace is remembered, until `commit`.
    pub fn savepoint(&mut self) -> Savepoint {
        Savepoint(self.undo.get_or_insert_default().len())
    }

    /// Keeps everything written since the first savepoint.
    pub fn commit(&mut self) {
        self.undo = None;
    }

    /// Takes back what was written since the savepoint; records created meanwhile are purged, their ids not reused.
    pub fn rollback_to(&mut self, savepoint: Savepoint) {
        let Some(undo) = &mut self.undo else { return };
        let steps = undo.split_off(savepoint.0.min(undo.len()));
        let outer = self.undo.take();
        for step in steps.into_iter().rev() {
            let restored = step.before.or_else(|| {
                let row = self.row(step.object, step.row)?;
                Some(Row { values: row.values.clone(), purged: true })
            });
            if let Some(row) = restored {
                self.put(step.object, step.row, row);
            }
        }
        self.undo = outer;
    }

    /// Takes a record back from a snapshot; records of an object must come in order.
    pub fn restore(&mut self, object: ObjectIx, at: RowIx, row: Row) {
        self.put(object, at, row);
        let table = &mut self.tables[object.0];
        table.next_number = table.next_number.max(u64::try_from(table.rows.len()).unwrap_or(0));
        self.dirty.remove(&(object, at));
    }

    /// From now on remembers which records changed.
    pub fn track_changes(&mut self) {
        self.track_dirty = true;
    }

    /// Up to `limit` changed records, which are then no longer counted as changed.
    pub fn take_changes(&mut self, limit: usize) -> Vec<(ObjectIx, RowIx)> {
        let mut out = Vec::new();
        while out.len() < limit {
            let Some(next) = self.dirty.pop_first() else { break };
            out.push(next);
        }
        out
    }
}

/// The form in which a value is indexed: folded unless the field distinguishes case; `None` for null.
fn index_key(field: &FieldDef, value: &FieldValue) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let text = value.to_csv();
    let exact = field.case_sensitive || matches!(field.kind, FieldKind::Reference { .. });
    Some(if exact { text } else { fold(&text) })
}
