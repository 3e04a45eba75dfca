//! One to three edits of leaves. Names of sources follow their field unless an edit says otherwise, as a careless author would
//! have it.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::contracts::{self, CLASSES, Contract, MERGES, RULES, TYPES};

/// Another contract, or the same one where the edits undo each other.
pub(crate) fn mutated(dice: &mut StdRng, contract: &Contract) -> Contract {
    let mut changed = contract.clone();
    for _ in 0..dice.random_range(1..=3) {
        if dice.random_ratio(2, 3) {
            of_field(dice, &mut changed);
        } else {
            of_entity(dice, &mut changed);
        }
    }
    changed
}

fn of_field(dice: &mut StdRng, contract: &mut Contract) {
    let from = contracts::sources(dice, contract);
    let at = dice.random_range(0..contract.fields.len());
    let is_key = contract.fields.get(at).is_some_and(|field| contract.key.contains(&field.name));
    let id = 100 + dice.random_range(0..900);
    let other = contract.fields.choose(dice).map(|field| field.name.clone());
    let Some(field) = contract.fields.get_mut(at) else { return };
    match dice.random_range(0..14) {
        0..=2 => {
            if let Some(ty) = TYPES.choose(dice) {
                field.ty = (*ty).to_owned();
            }
        }
        3 => field.nullable = !field.nullable,
        4 => {
            field.optional = !field.optional;
            field.nullable |= field.optional;
        }
        5..=7 => {
            let drawn = contracts::attribute(dice, &field.ty);
            let name = drawn.as_ref().map_or("unit", |(name, _)| name);
            field.attributes.retain(|(other, _)| *other != name);
            if dice.random_ratio(3, 4) {
                field.attributes.extend(drawn);
            }
        }
        8 => field.merge = MERGES.choose(dice).copied().unwrap_or("latest"),
        9 => field.from = from,
        // Renamed: with or without its name at the source.
        10 if !is_key => {
            let old = std::mem::replace(&mut field.name, format!("f{id}"));
            if dice.random_ratio(1, 3) {
                field.attributes.retain(|(name, _)| *name != "aliases");
                field.attributes.push(("aliases", old.clone()));
            }
            if dice.random_ratio(1, 2) {
                for (_, name) in &mut field.from {
                    name.get_or_insert_with(|| old.clone());
                }
            }
        }
        11 => {
            if let Some((_, name)) = field.from.first_mut() {
                *name = Some(format!("w{id}"));
            }
        }
        12 => field.generation = other.filter(|_| field.merge == "ranked"),
        _ => {
            let class = CLASSES.choose(dice).map(|class| ("pii", (*class).to_owned()));
            field.attributes.retain(|(name, _)| *name != "pii");
            field.attributes.extend(class);
        }
    }
}

fn of_entity(dice: &mut StdRng, contract: &mut Contract) {
    match dice.random_range(0..15) {
        13 | 14 => contract.closed = !contract.closed,
        0 | 1 => {
            let id = 20 + dice.random_range(0..80);
            let field = contracts::field(dice, contract, id);
            if contract.fields.iter().all(|other| other.id != id) {
                contract.fields.push(field);
            }
        }
        2 | 3 => {
            let at = dice.random_range(0..contract.fields.len());
            if contract.fields.get(at).is_some_and(|field| !contract.key.contains(&field.name)) {
                let gone = contract.fields.remove(at);
                if dice.random_ratio(3, 4) {
                    contract.reserved.push((gone.id, gone.name));
                }
            }
        }
        4 => contract.key_reuse_never = !contract.key_reuse_never,
        5 => contract.rekey = !contract.rekey,
        6 => {
            contract.key.reverse();
        }
        7 => {
            let name = contract.fields.choose(dice).map(|field| field.name.clone());
            match name.filter(|name| !contract.key.contains(name)) {
                Some(name) => contract.key.push(name),
                None if contract.key.len() > 1 => contract.key.truncate(1),
                None => {}
            }
        }
        8 => {
            contract.sequence = [None, Some("seq"), Some("number")].choose(dice).copied().flatten()
        }
        9 => contract.event_id = ["eid", "event"].choose(dice).copied().unwrap_or("eid"),
        10 => contract.table = "public.others",
        _ => quality(dice, contract),
    }
}

fn quality(dice: &mut StdRng, contract: &mut Contract) {
    let rule = RULES.choose(dice).map_or("small >= 0", |rule| rule).to_owned();
    let on_fail = ["quarantine", "quarantine", "alarm"].choose(dice).copied().unwrap_or("alarm");
    match (contract.quality.is_empty(), dice.random_range(0..4)) {
        (false, 0) => contract.quality.clear(),
        (false, 1) => {
            contract.quality.iter_mut().for_each(|(_, expect, _)| expect.clone_from(&rule))
        }
        (false, 2) => contract.quality.iter_mut().for_each(|(.., action)| *action = on_fail),
        (_, _) => {
            let name = format!("r{}", contract.quality.len() + 1);
            contract.quality.push((name, rule, on_fail));
        }
    }
}
