//! One landing commit into the ledger: the same join as `covenant_model::join::Table`, over rows that are read once and
//! written once, and the identities that move along.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use covenant_model::change::{Change, Key};
use covenant_model::version::Guard;
use rusqlite::{Connection, params};

use super::store::{self, Stored, Told, storage};
use super::{Cells, Sealer, Status, floors};
use crate::error::Result;

type Address = (String, Vec<u8>);

/// The rows that a commit touches.
pub(super) struct Fold<'a> {
    connection: &'a Connection,
    sealer: &'a dyn Sealer,
    rows: BTreeMap<Address, Slot>,
    moves: Vec<(String, Key, Key)>,
    /// By entity, as far as asked for.
    floors: BTreeMap<String, Option<Guard>>,
    cells: &'a BTreeMap<String, Cells>,
}

struct Slot {
    row: Stored,
    dirty: bool,
    changed: bool,
}

impl<'a> Fold<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        sealer: &'a dyn Sealer,
        cells: &'a BTreeMap<String, Cells>,
    ) -> Self {
        Self {
            connection,
            sealer,
            cells,
            rows: BTreeMap::new(),
            moves: Vec::new(),
            floors: BTreeMap::new(),
        }
    }

    /// Folds one change, and whatever follows from a move.
    pub(super) fn change(&mut self, entity: &str, change: &Change, again: bool) -> Result<()> {
        let groups = change.state.groups.len();
        let (_, position, _) = change.version.parts();
        let told = Told { at_us: change.committed_at_us, history: again || position.is_read() };
        let floor = self.floor(entity)?;
        let cells = self.cells.get(entity);
        let slot = self.slot(entity, &change.key, groups)?;
        let delivered = cells.and_then(|cells| slot.row.delivered(cells));
        let joined = slot.row.state.join(&change.state);
        if slot.row.state.lift(floor) || joined {
            let same =
                delivered.is_some() && delivered == cells.and_then(|c| slot.row.delivered(c));
            if same { slot.dirty = true } else { slot.touch(told) }
        }
        if let Some(old) = &change.moved_from {
            self.remember_move(entity, old, &change.key)?;
            self.carry(entity, old, told)?;
            self.moves.push((entity.to_owned(), old.clone(), change.key.clone()));
        }
        self.carry(entity, &change.key, told)
    }

    /// Moves identities, then writes every touched row; returns how many rows changed.
    pub(super) fn finish(mut self) -> Result<u64> {
        for (entity, old, new) in std::mem::take(&mut self.moves) {
            self.move_identity(&entity, &old, &new)?;
        }
        let mut changed = 0;
        for ((entity, canonical), slot) in &self.rows {
            changed += u64::from(slot.changed);
            if slot.dirty {
                store::save(self.connection, self.sealer, entity, canonical, &slot.row)?;
            }
        }
        Ok(changed)
    }

    fn floor(&mut self, entity: &str) -> Result<Option<Guard>> {
        if let Some(known) = self.floors.get(entity) {
            return Ok(*known);
        }
        let floor = floors::of(self.connection, entity)?;
        self.floors.insert(entity.to_owned(), floor);
        Ok(floor)
    }

    fn slot(&mut self, entity: &str, key: &Key, groups: usize) -> Result<&mut Slot> {
        let canonical = key.canonical();
        match self.rows.entry((entity.to_owned(), canonical.clone())) {
            Entry::Occupied(taken) => Ok(taken.into_mut()),
            Entry::Vacant(free) => {
                let found = store::load(self.connection, self.sealer, entity, &canonical)?;
                let fresh = found.is_none();
                let row = found.unwrap_or_else(|| Stored::new(key.clone(), groups));
                Ok(free.insert(Slot { row, dirty: fresh, changed: false }))
            }
        }
    }

    /// As [`Fold::slot`], but none where the row is unknown.
    fn known(&mut self, entity: &str, key: &Key) -> Result<Option<&mut Slot>> {
        let canonical = key.canonical();
        match self.rows.entry((entity.to_owned(), canonical.clone())) {
            Entry::Occupied(taken) => Ok(Some(taken.into_mut())),
            Entry::Vacant(free) => {
                let found = store::load(self.connection, self.sealer, entity, &canonical)?;
                Ok(found.map(|row| free.insert(Slot { row, dirty: false, changed: false })))
            }
        }
    }

    fn remember_move(&self, entity: &str, old: &Key, new: &Key) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO moves (entity, old, new, new_json) VALUES (?1, ?2, ?3, ?4)",
            )
            .map_err(storage)?
            .execute(params![entity, old.canonical(), new.canonical(), store::key_json(new)?])
            .map_err(storage)?;
        Ok(())
    }

    /// Carries a row's groups along its moves until nothing changes. Ends: every step raises a guard to one that some change
    /// carries, and there are finitely many.
    fn carry(&mut self, entity: &str, from: &Key, told: Told) -> Result<()> {
        let mut open = vec![from.clone()];
        while let Some(key) = open.pop() {
            let targets = self.targets(entity, &key)?;
            if targets.is_empty() {
                continue;
            }
            let Some(slot) = self.known(entity, &key)? else { continue };
            let state = slot.row.state.clone();
            for target in targets {
                let slot = self.slot(entity, &target, state.groups.len())?;
                if slot.row.state.join_groups(&state) {
                    slot.touch(told);
                    open.push(target);
                }
            }
        }
        Ok(())
    }

    fn targets(&self, entity: &str, old: &Key) -> Result<Vec<Key>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT new_json FROM moves WHERE entity = ?1 AND old = ?2")
            .map_err(storage)?;
        let found = statement
            .query_map(params![entity, old.canonical()], |row| row.get::<_, String>(0))
            .map_err(storage)?;
        found.map(|text| store::json(&text.map_err(storage)?)).collect()
    }

    /// The record in the CRM goes with the row, unless the new key already has one of its own. Also where nothing is known
    /// to be sent: a lost ledger that is rebuilt does not know what the CRM holds, and looking is cheap.
    fn move_identity(&mut self, entity: &str, old: &Key, new: &Key) -> Result<()> {
        if old == new {
            return Ok(());
        }
        let from = self.known(entity, old)?.map(|slot| slot.row.clone());
        let Some(to) = self.known(entity, new)? else { return Ok(()) };
        if to.row.sent || !to.row.delivered_as.is_empty() {
            return Ok(());
        }
        // An earlier rekey may have got through although its answer was lost: the record can stand under any of these.
        let mut known_as = from.as_ref().map(|from| from.delivered_as.clone()).unwrap_or_default();
        known_as.retain(|key| key != old && key != new);
        known_as.push(old.clone());
        to.row.delivered_as.clone_from(&known_as);
        to.dirty = true;
        if let Some(from) = &from {
            to.row.crm_id.clone_from(&from.crm_id);
            to.row.revision = to.row.revision.max(from.revision);
            to.row.sent = from.sent;
        }
        store::clear_aliases(self.connection, entity, old)?;
        store::add_aliases(self.connection, entity, new, &known_as)?;
        let Some(from) = self.known(entity, old)? else { return Ok(()) };
        from.row.sent = false;
        from.row.crm_id = None;
        from.row.delivered_as = Vec::new();
        from.row.digest = None;
        if from.row.status != Status::Incomplete && !from.row.state.alive() {
            from.row.status = Status::Settled;
            from.row.waiting_since_us = None;
        }
        from.dirty = true;
        Ok(())
    }
}

impl Slot {
    fn touch(&mut self, told: Told) {
        self.dirty = true;
        self.changed = true;
        self.row.changed(told);
    }
}
