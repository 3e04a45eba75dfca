//! Rows that a read asked for by their keys and that were not there: their absence is told at the read's bound. Everything
//! that the snapshot did not see stands above the bound, so an insert that was under way wins.

use std::collections::BTreeSet;

use covenant_model::change::Key;

use super::lane::CaptureLane;
use crate::backfill::lane::ReadyChunk;
use crate::error::Result;
use crate::source::{Relation, RowOp, Tuple};

impl CaptureLane {
    /// A delete for every asked key without a row. None at all where a row's key cannot be read: it may be one of them.
    pub(super) fn absent(&mut self, system: &str, chunk: &ReadyChunk) -> Result<Vec<RowOp>> {
        if chunk.asked.is_empty() {
            return Ok(Vec::new());
        }
        self.map(system, &chunk.relation)?;
        let (schema, table) = (chunk.relation.schema.clone(), chunk.relation.table.clone());
        let Some(known) = self.maps.get(&(system.to_owned(), schema, table)) else {
            return Ok(Vec::new());
        };
        let registry = self.deriver.registry();
        let is_entity =
            |at: usize| registry.bound().get(at).filter(|bound| bound.spec.name == chunk.entity);
        let found = known
            .maps
            .iter()
            .find_map(|(binding, map)| is_entity(binding.entity).map(|bound| (bound, map)));
        let Some((bound, map)) = found else { return Ok(Vec::new()) };
        let key_of = |tuple: &Tuple| bound.codec.decode_pg_key(map, &tuple.datums()).map(Key).ok();
        let there: Option<BTreeSet<Key>> = chunk.rows.iter().map(key_of).collect();
        let Some(there) = there else { return Ok(Vec::new()) };
        let asked = chunk.asked.iter().map(|key| key_tuple(&chunk.relation, &chunk.key, key));
        let gone = asked.filter(|tuple| key_of(tuple).is_some_and(|key| !there.contains(&key)));
        Ok(gone.map(|old| RowOp::Delete { old }).collect())
    }
}

/// The texts of a key as a row of the relation, with NULL in every other column.
fn key_tuple(relation: &Relation, names: &[String], texts: &[String]) -> Tuple {
    Tuple::from_texts(relation.columns.iter().map(|column| {
        let at = names.iter().position(|name| *name == column.name);
        at.and_then(|at| texts.get(at)).map(String::as_bytes)
    }))
}
