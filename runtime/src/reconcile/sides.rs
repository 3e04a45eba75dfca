//! The two sides as comparison sees them: what the source tells, and what a target shows.

use std::collections::BTreeMap;

use covenant_model::change::Key;
use covenant_model::codec::ColumnMap;
use covenant_model::spec::EntitySpec;
use covenant_model::value::{LogicalType, Value, decimal_to_text};
use covenant_model::version::{Incarnation, Lsn};

use super::{Told, content};
use crate::capture::derive::Deriver;
use crate::capture::input::RowInput;
use crate::capture::registry::{Binding, Bound};
use crate::crm::external_id_of;
use crate::error::{ErrorKind, Result, RuntimeError};
use crate::landing::CommitNumber;
use crate::ledger::{Digest, Ledger, Sealer, Status};
use crate::source::{Chunk, RowOp};
use crate::warehouse::Warehouse;

/// One entity under one source.
pub(super) struct Subject<'a> {
    pub(super) deriver: &'a Deriver,
    pub(super) sealer: &'a dyn Sealer,
    pub(super) bound: &'a Bound,
    pub(super) binding: Binding,
}

impl Subject<'_> {
    pub(super) fn spec(&self) -> &EntitySpec {
        &self.bound.spec
    }

    /// What a chunk tells of each of its rows. Rows whose key cannot be read are counted apart: no target can have them.
    pub(super) fn told(&self, chunk: &Chunk) -> Result<(BTreeMap<Key, Told>, u64)> {
        let map = self.deriver.map(&self.binding, &chunk.relation)?;
        let (mut told, mut unreadable) = (BTreeMap::new(), 0);
        for tuple in &chunk.rows {
            let Some(key) = self.key_of(&map, tuple) else {
                unreadable += 1;
                continue;
            };
            let op = RowOp::Insert { new: tuple.clone() };
            // The digest leaves out everything that depends on the version.
            let row = RowInput {
                relation: &chunk.relation,
                op: &op,
                incarnation: Incarnation::FIRST,
                lsn: Lsn(0),
                ordinal: 0,
                committed_at_us: chunk.read_at_us,
            };
            let derived = self.deriver.row(&self.binding, &map, &row)?;
            let said = match derived.changes.first() {
                Some((_, change)) => Told::Row(self.digest(&change.state)?),
                None => Told::Refused,
            };
            told.insert(key, said);
        }
        Ok((told, unreadable))
    }

    fn key_of(&self, map: &ColumnMap, tuple: &crate::source::Tuple) -> Option<Key> {
        self.bound.codec.decode_pg_key(map, &tuple.datums()).ok().map(Key)
    }

    fn digest(&self, state: &covenant_model::join::RowState) -> Result<Digest> {
        content(self.spec(), &self.binding.source, state, self.sealer)
    }
}

/// Something that is compared with the source.
pub(super) enum Target {
    Warehouse(Box<dyn Warehouse>),
    Ledger(Box<dyn Ledger>),
}

/// A page of what a target shows.
pub(super) struct Page {
    /// Rows that are there.
    pub(super) shown: BTreeMap<Key, Digest>,
    /// Of those, rows that the CRM does not have yet.
    pub(super) undelivered: u64,
    /// Where the next page starts; none: that was the last.
    pub(super) next: Option<Key>,
}

impl Target {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Warehouse(_) => "warehouse",
            Self::Ledger(_) => "ledger",
        }
    }

    /// Whether it keeps the entity.
    pub(super) fn keeps(&self, entity: &EntitySpec) -> bool {
        match self {
            Self::Warehouse(_) => entity.warehouse.is_some(),
            Self::Ledger(_) => entity.salesforce.is_some(),
        }
    }

    /// The last landing commit that it has.
    pub(super) async fn upto(&mut self) -> Result<CommitNumber> {
        match self {
            Self::Warehouse(warehouse) => warehouse.applied().await,
            Self::Ledger(ledger) => ledger.folded(),
        }
    }

    pub(super) async fn page(
        &mut self,
        subject: &Subject<'_>,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page> {
        let spec = subject.spec();
        let mut page = Page { shown: BTreeMap::new(), undelivered: 0, next: None };
        match self {
            Self::Warehouse(warehouse) => {
                let rows = warehouse.scan(spec, after, limit).await?;
                page.next = rows.last().map(|(key, _)| key.clone());
                for (key, state) in rows.into_iter().filter(|(_, state)| state.alive()) {
                    page.shown.insert(key, subject.digest(&state)?);
                }
            }
            Self::Ledger(ledger) => {
                let rows = ledger.scan(&spec.name, after, limit)?;
                page.next = rows.last().map(|row| row.key.clone());
                for row in rows.into_iter().filter(|row| row.state.alive()) {
                    page.undelivered += u64::from(row.status != Status::Settled);
                    page.shown.insert(row.key, subject.digest(&row.state)?);
                }
            }
        }
        Ok(page)
    }

    /// What it shows under these keys.
    pub(super) async fn rows(
        &mut self,
        subject: &Subject<'_>,
        keys: &[Key],
    ) -> Result<BTreeMap<Key, Digest>> {
        let spec = subject.spec();
        let mut shown = BTreeMap::new();
        match self {
            Self::Warehouse(warehouse) => {
                let rows = warehouse.rows(spec, keys).await?;
                for (key, state) in rows.into_iter().filter(|(_, state)| state.alive()) {
                    shown.insert(key, subject.digest(&state)?);
                }
            }
            Self::Ledger(ledger) => {
                for key in keys {
                    if let Some(row) = ledger.row(&spec.name, key)?.filter(|row| row.state.alive())
                    {
                        shown.insert(row.key, subject.digest(&row.state)?);
                    }
                }
            }
        }
        Ok(shown)
    }
}

/// A key as texts that PostgreSQL casts to the columns' types.
pub(super) fn key_texts(entity: &EntitySpec, key: &Key) -> Result<Vec<String>> {
    let fields = entity.key.iter().filter_map(|ix| entity.fields.get(*ix));
    fields.zip(&key.0).map(|(field, value)| key_text(entity, &field.ty, value)).collect()
}

fn key_text(entity: &EntitySpec, ty: &LogicalType, value: &Value) -> Result<String> {
    let odd = || {
        let what = format!("a key of {} has a value that is none of its type", entity.name);
        RuntimeError::new(ErrorKind::Corrupt, "reconcile", what, "Look for who wrote the target.")
    };
    Ok(match (value, ty) {
        (Value::Decimal(unscaled), LogicalType::Decimal { scale, .. }) => {
            decimal_to_text(*unscaled, *scale)
        }
        (Value::Date(days), _) => jiff::civil::date(1970, 1, 1)
            .checked_add(jiff::Span::new().days(i64::from(*days)))
            .map_err(|_| odd())?
            .to_string(),
        (Value::Timestamp(us), _) => {
            jiff::Timestamp::from_microsecond(*us).map_err(|_| odd())?.to_string()
        }
        (Value::Bytes(bytes), _) => format!("\\x{}", hex::encode(bytes)),
        (Value::Null | Value::Decimal(_), _) => return Err(odd()),
        (Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::Uuid(_), _) => {
            external_id_of(&Key(vec![value.clone()]))
        }
    })
}
