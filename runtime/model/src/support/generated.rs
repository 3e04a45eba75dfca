//! What a generated module implements, and the codec that follows from it.

use crate::codec::{ColumnMap, EntityCodec, EventRecord, PgDatum};
use crate::record::{Cell, Record, Violations};
use crate::spec::FieldIx;
use crate::support::check::Check;
use crate::support::drive::{self, Envelope};
use crate::support::raw::Raw;
use crate::support::table::Entity;
use crate::value::Value;

/// A typed record that is being read.
pub trait Row<'a> {
    /// Reads one field.
    fn set(&mut self, field: FieldIx, raw: Raw<'a>, check: &mut Check<'_>);

    /// One cell per field. Fields of the key are always set.
    fn into_cells(self) -> Vec<Cell>
    where
        Self: Sized;

    /// The values of the key.
    fn key(&self) -> Vec<Value>;

    /// Notes every quality rule of the capture that does not hold.
    fn quality(&self, check: &mut Check<'_>);
}

/// A generated module: implemented by its `Codec`, which by that is an [`EntityCodec`].
pub trait Generated: Send + Sync + 'static {
    /// The typed record.
    type Row<'a>: Row<'a> + Default + Clone;

    /// The contract as constants.
    const ENTITY: &'static Entity<'static>;

    /// Reads a tuple into a typed record.
    ///
    /// # Errors
    /// Every rule that it breaks.
    fn typed_pg<'a>(
        source: &str,
        map: &ColumnMap,
        tuple: &[PgDatum<'a>],
    ) -> Result<Self::Row<'a>, Violations> {
        let mut row = Self::Row::default();
        drive::pg(Self::ENTITY, &mut row, source, map, tuple)?;
        Ok(row)
    }

    /// Reads an event into a typed record.
    ///
    /// # Errors
    /// Every rule that it breaks; `malformed` where it is no JSON object.
    fn typed_event<'a>(
        source: &str,
        json: &'a [u8],
    ) -> Result<(Envelope, Self::Row<'a>), Violations> {
        let mut row = Self::Row::default();
        let envelope = drive::event(Self::ENTITY, &mut row, source, json)?;
        Ok((envelope, row))
    }

    /// Reads a Salesforce record into a typed record.
    ///
    /// # Errors
    /// As [`Generated::typed_event`].
    fn typed_salesforce<'a>(source: &str, json: &'a [u8]) -> Result<Self::Row<'a>, Violations> {
        let mut row = Self::Row::default();
        drive::salesforce(Self::ENTITY, &mut row, source, json)?;
        Ok(row)
    }

    /// The same as an untyped record.
    fn record(row: Self::Row<'_>) -> Record {
        Record { cells: row.into_cells() }
    }

    /// Checks a typed record that was not read but built, against every rule of its fields and of the capture.
    ///
    /// # Errors
    /// Every rule that it breaks.
    fn validate(row: &Self::Row<'_>) -> Result<(), Violations> {
        let cells = row.clone().into_cells();
        drive::validate(Self::ENTITY, &cells, |check| row.quality(check), row.key())
    }
}

impl<G: Generated> EntityCodec for G {
    fn entity(&self) -> &'static str {
        G::ENTITY.name
    }

    fn contract_hash(&self) -> &'static str {
        G::ENTITY.contract_hash
    }

    fn columns(&self, source: &str, relation: &[&str]) -> ColumnMap {
        drive::columns(G::ENTITY, source, relation)
    }

    fn decode_pg(
        &self,
        source: &str,
        map: &ColumnMap,
        tuple: &[PgDatum<'_>],
    ) -> Result<Record, Violations> {
        G::typed_pg(source, map, tuple).map(G::record)
    }

    fn decode_pg_key(
        &self,
        map: &ColumnMap,
        tuple: &[PgDatum<'_>],
    ) -> Result<Vec<Value>, Violations> {
        let mut row = G::Row::default();
        drive::pg_key(G::ENTITY, &mut row, map, tuple)
    }

    fn decode_event(&self, source: &str, json: &[u8]) -> Result<EventRecord, Violations> {
        let (envelope, row) = G::typed_event(source, json)?;
        Ok(EventRecord {
            event_id: envelope.event_id,
            order: envelope.order,
            occurred_at_us: envelope.occurred_at_us,
            record: G::record(row),
        })
    }

    fn check_fields(&self, record: &Record) -> Result<(), Violations> {
        drive::validate(G::ENTITY, &record.cells, |_| (), Vec::new())
    }

    fn decode_salesforce(&self, source: &str, json: &[u8]) -> Result<Record, Violations> {
        G::typed_salesforce(source, json).map(G::record)
    }
}
