//! A codec as it was, or will be, under another contract.

use std::sync::Arc;

use covenant_model::codec::{ColumnMap, EntityCodec, EventRecord, PgDatum};
use covenant_model::record::{Record, Violations};
use covenant_model::value::Value;

/// A codec under another contract's hash.
pub struct Under(pub Arc<dyn EntityCodec>, pub &'static str);

impl EntityCodec for Under {
    fn entity(&self) -> &'static str {
        self.0.entity()
    }
    fn contract_hash(&self) -> &'static str {
        self.1
    }
    fn columns(&self, source: &str, relation: &[&str]) -> ColumnMap {
        self.0.columns(source, relation)
    }
    fn decode_pg(
        &self,
        source: &str,
        map: &ColumnMap,
        tuple: &[PgDatum<'_>],
    ) -> Result<Record, Violations> {
        self.0.decode_pg(source, map, tuple)
    }
    fn decode_pg_key(
        &self,
        map: &ColumnMap,
        tuple: &[PgDatum<'_>],
    ) -> Result<Vec<Value>, Violations> {
        self.0.decode_pg_key(map, tuple)
    }
    fn decode_event(&self, source: &str, json: &[u8]) -> Result<EventRecord, Violations> {
        self.0.decode_event(source, json)
    }
    fn check_fields(&self, record: &Record) -> Result<(), Violations> {
        self.0.check_fields(record)
    }
    fn decode_salesforce(&self, source: &str, json: &[u8]) -> Result<Record, Violations> {
        self.0.decode_salesforce(source, json)
    }
}
