//! One raw record to changes, or to a quarantined record with every reason. A function of its inputs: the same record derived
//! again (after a crash, by a retry) gives the same changes and the same quarantine ids.

use std::sync::Arc;

use covenant_model::change::{
    Change, ChangeError, Key, Op, Origin, ProtectError, change_of, delete_of,
};
use covenant_model::codec::ColumnMap;
use covenant_model::floor::Floor;
use covenant_model::record::{Record, Violation, Violations};
use covenant_model::spec::{EntitySpec, KeyChange, SourceSpec};
use covenant_model::value::Value;
use covenant_model::version::{Position, Revision, Version};

use super::input::{CrmInput, EventInput, RowInput};
use super::raw::{Raw, RawBytes, RawRecord};
use super::registry::{Binding, Bound, Registry};
use crate::crm::{ModifiedRecord, external_id_of};
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::keys::protector::Protector;
use crate::keys::provider::BlobKind;
use crate::landing::Quarantined;
use crate::source::{Relation, RowOp, Tuple};

/// Rule of a key change that the contract rejects.
pub const RULE_KEY_CHANGE: &str = "key_change";
/// Rules that want a human at once.
pub const ALARMS: [&str; 1] = [RULE_KEY_CHANGE];

/// Microseconds in a second: a polled row's version is the end of the second of its SystemModstamp.
const SECOND_US: i64 = 1_000_000;

/// What one record gave.
#[derive(Default)]
pub struct Derived {
    /// (entity index, change).
    pub changes: Vec<(usize, Change)>,
    /// Refused, with every reason.
    pub quarantined: Vec<Quarantined>,
    /// Raised by TRUNCATEs.
    pub floors: Vec<Floor>,
    /// Records that say nothing that the contract keeps.
    pub ignored: u64,
}

/// Derives changes for the entities of a registry.
#[derive(Clone)]
pub struct Deriver {
    registry: Arc<Registry>,
    protector: Arc<Protector>,
    /// By entity index.
    revisions: Arc<[Revision]>,
}

/// One entity under one of its sources, deriving.
struct Target<'a> {
    at: usize,
    bound: &'a Bound,
    source: &'a str,
    protector: &'a Protector,
    revision: Revision,
}

impl Deriver {
    /// Over these, as the first derivation of every contract.
    pub fn new(registry: Arc<Registry>, protector: Arc<Protector>) -> Self {
        let revisions = vec![Revision(0); registry.bound().len()].into();
        Self { registry, protector, revisions }
    }

    /// Stamps what it derives with these revisions, which `of` gives by entity name.
    pub fn stamping(&mut self, of: impl Fn(&str) -> Revision) {
        let revisions = self.registry.bound().iter().map(|bound| of(&bound.spec.name));
        self.revisions = revisions.collect();
    }

    /// The revision of what it derives for an entity, by index.
    pub fn revision(&self, entity: usize) -> Revision {
        self.revisions.get(entity).copied().unwrap_or_default()
    }

    /// What it derives for.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// What it protects with.
    pub fn protector(&self) -> &Protector {
        &self.protector
    }

    /// Where a binding's fields stand in a relation.
    ///
    /// # Errors
    /// `Bug`.
    pub fn map(&self, binding: &Binding, relation: &Relation) -> Result<ColumnMap> {
        let names: Vec<_> = relation.columns.iter().map(|column| column.name.as_str()).collect();
        Ok(self.target(binding)?.bound.codec.columns(&binding.source, &names))
    }

    /// A row of a table.
    ///
    /// # Errors
    /// Where protection fails: nothing may then be landed.
    pub fn row(&self, binding: &Binding, map: &ColumnMap, row: &RowInput<'_>) -> Result<Derived> {
        self.target(binding)?.row(map, row)
    }

    /// An event.
    ///
    /// # Errors
    /// As [`Deriver::row`].
    pub fn event(&self, binding: &Binding, event: &EventInput<'_>) -> Result<Derived> {
        self.target(binding)?.event(event)
    }

    /// A polled record.
    ///
    /// # Errors
    /// As [`Deriver::row`].
    pub fn crm(&self, binding: &Binding, record: &CrmInput<'_>) -> Result<Derived> {
        self.target(binding)?.crm(record)
    }

    /// A quarantined record once more, by the validators and contracts of today, with the version that it had.
    ///
    /// # Errors
    /// `Rejected` where its entity or source is no longer in the contracts, `Corrupt` where its payload cannot be opened.
    pub fn again(&self, record: &Quarantined) -> Result<Derived> {
        let raw = self.raw_of(record)?;
        let gone = || {
            RuntimeError::new(
                ErrorKind::Rejected,
                "quarantine",
                format!("no contract has {} from source {} any more", record.entity, record.source),
                "Discard the record, or bring the contract back.",
            )
        };
        let entity = self.registry.position_of(&record.entity).ok_or_else(gone)?;
        let binding = Binding { entity, source: record.source.clone() };
        let target = self.target(&binding)?;
        if !target.bound.spec.sources.contains_key(&record.source) {
            return Err(gone());
        }
        let (incarnation, committed_at_us) = (raw.incarnation, raw.committed_at_us);
        match &raw.record {
            RawRecord::Row { lsn, ordinal, relation, op } => {
                let (relation, op) = (Relation::from(relation), RowOp::from(op));
                let map = self.map(&binding, &relation)?;
                let (lsn, ordinal) = (*lsn, *ordinal);
                let (relation, op) = (&relation, &op);
                let row = RowInput { relation, op, incarnation, lsn, ordinal, committed_at_us };
                target.row(&map, &row)
            }
            RawRecord::Event { stream, json } => target.event(&EventInput {
                stream,
                json: &json.0,
                incarnation,
                received_at_us: committed_at_us,
            }),
            RawRecord::Crm { object, modified_at_us, deleted, json } => {
                let record = ModifiedRecord {
                    id: String::new(),
                    modified_at_us: *modified_at_us,
                    deleted: *deleted,
                    json: json.0.clone(),
                };
                target.crm(&CrmInput { object, record: &record, incarnation })
            }
        }
    }

    /// Opens the payload of a quarantined record. **Plaintext**: what shows it to somebody must audit.
    ///
    /// # Errors
    /// `Corrupt` where it was tampered with, `Credentials` where its key is not to be had.
    pub fn raw_of(&self, record: &Quarantined) -> Result<Raw> {
        let bytes =
            self.protector.open(BlobKind::Quarantine, record.id.as_bytes(), &record.payload)?;
        serde_json::from_slice(&bytes).map_err(|_| {
            RuntimeError::new(
                ErrorKind::Corrupt,
                "quarantine",
                format!("the payload of record {} is no raw record", record.id),
                "It was written by another version of the runtime, or tampered with.",
            )
        })
    }

    fn target<'a>(&'a self, binding: &'a Binding) -> Result<Target<'a>> {
        let bound = self.registry.bound().get(binding.entity).ok_or_else(|| {
            RuntimeError::new(
                ErrorKind::Bug,
                "capture",
                format!("a binding points at entity {} of none", binding.entity),
                "Please report it.",
            )
        })?;
        Ok(Target {
            at: binding.entity,
            bound,
            source: &binding.source,
            protector: &self.protector,
            revision: self.revision(binding.entity),
        })
    }
}

impl Target<'_> {
    fn spec(&self) -> &EntitySpec {
        &self.bound.spec
    }

    fn row(&self, map: &ColumnMap, row: &RowInput<'_>) -> Result<Derived> {
        let codec = &self.bound.codec;
        match row.op {
            RowOp::Insert { new } | RowOp::Update { old: None, new } => {
                if !self.takes(map, new) {
                    return Ok(Derived { ignored: 1, ..Derived::default() });
                }
                self.upsert(map, row, new, None)
            }
            RowOp::Update { old: Some(old), new } => {
                let before = match codec.decode_pg_key(map, &old.datums()) {
                    Ok(before) => Key(before),
                    Err(violations) => return self.refuse(row.raw(), &violations),
                };
                // As the publication tells it where it filters: a row that leaves is deleted, one that enters is inserted.
                match (self.takes(map, old), self.takes(map, new)) {
                    (true, true) => {}
                    (true, false) => return Ok(self.one(self.delete(row, before))),
                    (false, true) => return self.upsert(map, row, new, None),
                    (false, false) => return Ok(Derived { ignored: 1, ..Derived::default() }),
                }
                match codec.decode_pg_key(map, &new.datums()) {
                    Ok(after) if after != before.0 => self.moved(map, row, new, before, Key(after)),
                    // Where the new key cannot be read, decoding the row says so with every other reason.
                    Ok(_) | Err(_) => self.upsert(map, row, new, None),
                }
            }
            RowOp::Delete { old } => match codec.decode_pg_key(map, &old.datums()) {
                Ok(key) => Ok(self.one(self.delete(row, Key(key)))),
                Err(violations) => self.refuse(row.raw(), &violations),
            },
            RowOp::Truncate => Ok(self.truncated(row)),
        }
    }

    /// Whether the row of this tuple is the entity's; where its key cannot be read, decoding it says why.
    ///
    /// Deletions are not asked: of a row that was never taken they say nothing new, and of one that an older contract took they are
    /// what removes it.
    fn takes(&self, map: &ColumnMap, tuple: &Tuple) -> bool {
        let Some(SourceSpec::Postgres { filter: Some(filter), .. }) =
            self.spec().sources.get(self.source)
        else {
            return true;
        };
        let key = self.bound.codec.decode_pg_key(map, &tuple.datums());
        key.map_or(true, |key| filter.holds(self.spec(), &key))
    }

    fn upsert(
        &self,
        map: &ColumnMap,
        row: &RowInput<'_>,
        new: &Tuple,
        moved_from: Option<Key>,
    ) -> Result<Derived> {
        // The insert of a moved row stands behind the delete of its old key.
        let ordinal = row.ordinal.saturating_add(u32::from(moved_from.is_some()));
        let position = Position::streamed(row.lsn, ordinal);
        let origin = Origin {
            source: self.source,
            version: Version::new(row.incarnation, position, self.revision),
            committed_at_us: row.committed_at_us,
            op: Op::Upsert,
            moved_from,
        };
        match self.bound.codec.decode_pg(self.source, map, &new.datums()) {
            Ok(record) => self.change(&record, &origin, || row.raw()),
            Err(violations) => self.refuse(row.raw(), &violations),
        }
    }

    /// The key of a row has changed.
    fn moved(
        &self,
        map: &ColumnMap,
        row: &RowInput<'_>,
        new: &Tuple,
        before: Key,
        after: Key,
    ) -> Result<Derived> {
        let owns = self.spec().existence_owner == self.source;
        match self.spec().key_change {
            KeyChange::Rekey if owns => {
                let deleted = self.delete(row, before.clone());
                let mut derived = self.upsert(map, row, new, Some(before))?;
                derived.changes.insert(0, (self.at, deleted));
                Ok(derived)
            }
            KeyChange::Rekey | KeyChange::Reject => self.reject_move(row, before, after),
        }
    }

    /// Two records, one per key, so that reconciliation finds both keys in quarantine.
    fn reject_move(&self, row: &RowInput<'_>, before: Key, after: Key) -> Result<Derived> {
        let reason = |key: Key| Violations {
            key: Some(key.0),
            all: vec![violation(
                RULE_KEY_CHANGE,
                "the key of the row has changed, which its contract rejects; declare `key_change: rekey`, or correct \
                 the source, then retry",
            )],
        };
        let mut derived = self.refuse(row.raw(), &reason(after))?;
        if let RowOp::Update { old: Some(old), .. } = row.op {
            let delete = RowOp::Delete { old: old.clone() };
            let row = RowInput { op: &delete, ..*row };
            derived.quarantined.extend(self.refuse(row.raw(), &reason(before))?.quarantined);
        }
        Ok(derived)
    }

    fn delete(&self, row: &RowInput<'_>, key: Key) -> Change {
        let position = Position::streamed(row.lsn, row.ordinal);
        let origin = Origin {
            source: self.source,
            version: Version::new(row.incarnation, position, self.revision),
            committed_at_us: row.committed_at_us,
            op: Op::Delete,
            moved_from: None,
        };
        delete_of(self.spec(), key, &origin)
    }

    /// All rows of the table are gone. A table that does not own the rows' existence says nothing by it.
    fn truncated(&self, row: &RowInput<'_>) -> Derived {
        if self.spec().existence_owner != self.source {
            return Derived { ignored: 1, ..Derived::default() };
        }
        let position = Position::streamed(row.lsn, row.ordinal);
        let floor = Floor {
            entity: self.spec().name.clone(),
            source: self.source.to_owned(),
            version: Version::new(row.incarnation, position, self.revision),
            committed_at_us: row.committed_at_us,
        };
        Derived { floors: vec![floor], ..Derived::default() }
    }

    fn event(&self, event: &EventInput<'_>) -> Result<Derived> {
        let raw = || Raw {
            incarnation: event.incarnation,
            committed_at_us: event.received_at_us,
            record: RawRecord::Event {
                stream: event.stream.to_owned(),
                json: RawBytes(event.json.to_vec()),
            },
        };
        match self.bound.codec.decode_event(self.source, event.json) {
            Ok(decoded) => {
                let position = Position::event(decoded.order, &decoded.event_id);
                let origin = Origin {
                    source: self.source,
                    version: Version::new(event.incarnation, position, self.revision),
                    committed_at_us: decoded.occurred_at_us,
                    op: Op::Upsert,
                    moved_from: None,
                };
                self.change(&decoded.record, &origin, raw)
            }
            Err(violations) => self.refuse(raw(), &violations),
        }
    }

    fn crm(&self, input: &CrmInput<'_>) -> Result<Derived> {
        let record = input.record;
        let owns = self.spec().existence_owner == self.source;
        if record.deleted && !owns {
            return Ok(Derived { ignored: 1, ..Derived::default() });
        }
        let raw = || Raw {
            incarnation: input.incarnation,
            committed_at_us: record.modified_at_us,
            record: RawRecord::Crm {
                object: input.object.to_owned(),
                modified_at_us: record.modified_at_us,
                deleted: record.deleted,
                json: RawBytes(record.json.clone()),
            },
        };
        match self.bound.codec.decode_salesforce(self.source, &record.json) {
            Ok(decoded) => {
                let second = record.modified_at_us.div_euclid(SECOND_US) + 1;
                let end_us = u64::try_from(second * SECOND_US).unwrap_or(0);
                let origin = Origin {
                    source: self.source,
                    version: Version::new(
                        input.incarnation,
                        Position::polled(end_us),
                        self.revision,
                    ),
                    committed_at_us: record.modified_at_us,
                    op: if record.deleted { Op::Delete } else { Op::Upsert },
                    moved_from: None,
                };
                self.change(&decoded, &origin, raw)
            }
            Err(violations) => self.refuse(raw(), &violations),
        }
    }

    /// A validated record as a change; refused where it is none.
    fn change(
        &self,
        record: &Record,
        origin: &Origin<'_>,
        raw: impl Fn() -> Raw,
    ) -> Result<Derived> {
        let refused = |field: &str, rule: &str, error: &ChangeError| {
            let key = self.spec().key.iter().map(|ix| record.get(*ix).cloned()).collect();
            let field = Some(field.to_owned());
            let reason = Violation { field, rule: rule.to_owned(), message: error.to_string() };
            self.refuse(raw(), &Violations { key, all: vec![reason] })
        };
        match change_of(self.spec(), record, origin, self.protector) {
            Ok(change) => Ok(self.one(change)),
            Err(ref error @ ChangeError::KeyMissing { ref field, .. }) => {
                refused(field, "required", error)
            }
            Err(ref error @ ChangeError::PartialGroup { ref field, .. }) => {
                refused(field, "partial", error)
            }
            Err(ref error @ ChangeError::NoGuard { ref field, .. }) => {
                refused(field, "merge_rule", error)
            }
            Err(ChangeError::Protect(error)) => Err(no_keys(error)),
        }
    }

    fn one(&self, change: Change) -> Derived {
        Derived { changes: vec![(self.at, change)], ..Derived::default() }
    }

    /// Into quarantine: payload encrypted whole, reasons and key in the open (they hold no PII).
    fn refuse(&self, raw: Raw, violations: &Violations) -> Result<Derived> {
        let bug = |error: serde_json::Error| {
            let what = format!("a refused record of {} cannot be kept: {error}", self.spec().name);
            RuntimeError::new(ErrorKind::Bug, "capture", what, "Please report it.")
        };
        let content = serde_json::to_vec(&raw.record).map_err(bug)?;
        let mut position = raw.position();
        let parts: [&[u8]; 5] = [
            b"quarantine",
            self.spec().name.as_bytes(),
            self.source.as_bytes(),
            position.as_bytes(),
            &content,
        ];
        let id = self.protector.digest(&parts);
        if matches!(raw.record, RawRecord::Event { .. }) {
            position = format!("{position}:{id}");
        }
        let plain = serde_json::to_vec(&raw).map_err(bug)?;
        let payload = self.protector.seal(BlobKind::Quarantine, id.as_bytes(), &plain)?;
        let record = Quarantined {
            entity: self.spec().name.clone(),
            source: self.source.to_owned(),
            key: violations.key.clone().map(key_text),
            position,
            committed_at_us: raw.committed_at_us,
            reasons: violations.all.clone(),
            payload,
            id,
        };
        Ok(Derived { quarantined: vec![record], ..Derived::default() })
    }
}

/// Nothing is landed that could not be protected.
pub(super) fn no_keys(error: ProtectError) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Unavailable,
        "keys",
        error,
        "Check the key service or the key file. Capture goes on by itself once keys are to be had.",
    )
}

fn key_text(key: Vec<Value>) -> String {
    external_id_of(&Key(key))
}

fn violation(rule: &str, message: &str) -> Violation {
    Violation { field: None, rule: rule.to_owned(), message: message.to_owned() }
}
