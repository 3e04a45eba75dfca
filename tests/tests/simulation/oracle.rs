//! What the targets must show in the end, told by the tables and the producer's log alone.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::change::{Key, Protect, Site};
use covenant_model::columns::{self, ColumnPart};
use covenant_model::join::RowState;
use covenant_model::spec::EntitySpec;
use covenant_model::value::{Value, decimal_to_text};
use covenant_model::version::Version;
use covenant_runtime::crm::{CrmValue, external_id_of};
use covenant_runtime::deliver::record::{Reveal, RevealSite};
use covenant_runtime::landing::{CommitNumber, Landing};
use covenant_runtime::ledger::Ledger;
use futures::executor::block_on;

use super::parts::ACME;
use super::process::reveal;
use super::rows::{STATES, Table, has_left, key_text, large_text, name_text, total_text};
use super::world::World;

/// Key -> field -> text; NULL and unheard are both empty.
pub(crate) type Shown = BTreeMap<String, BTreeMap<String, String>>;

/// Compares everything.
pub(crate) fn check(world: &World) -> Result<(), String> {
    let customers = customers(world);
    let orders = orders(world);
    let accounts =
        [("display_name", "Name"), ("loyalty_points", "Loyalty_Points__c"), ("tier", "Tier__c")];
    same("crm Account", &crm(world, "Account", &accounts), &renamed(&customers, &accounts))?;
    let sent = [
        ("customer_id", "Customer__r"),
        ("status", "Status__c"),
        ("total", "Total__c"),
        ("carrier", "Carrier__c"),
    ];
    let mut delivered = orders.clone();
    let left = left(world);
    delivered.retain(|key, _| !left.contains(key));
    same("crm Order__c", &crm(world, "Order__c", &sent), &renamed(&delivered, &sent))?;
    same("warehouse sales.customer", &warehouse("sales.customer", world, &customers)?, &customers)?;
    same("warehouse sales.order", &warehouse("sales.order", world, &orders)?, &orders)?;
    let events = events(world);
    let stored = warehouse("sales.order_event", world, &events)?;
    same("warehouse sales.order_event", &stored, &events)?;
    tokens(world)?;
    quarantine(world)
}

fn row(fields: Vec<(&str, Option<String>)>) -> BTreeMap<String, String> {
    fields.into_iter().map(|(name, text)| (name.to_owned(), text.unwrap_or_default())).collect()
}

fn customers(world: &World) -> Shown {
    let server = world.server.lock();
    let accounts = world.records("Account");
    let tier = |key: &str| {
        let id = accounts.get(key).map(|record| record.id.clone())?;
        world.tiers.get(&id).cloned()
    };
    let good = server.customers.iter().filter_map(|(key, row)| Some((key, row.good?)));
    good.map(|(key, body)| {
        let key = key_text(Table::Customers, *key);
        let fields = row(vec![
            ("display_name", Some(name_text(&body))),
            ("loyalty_points", Some(body.number.to_string())),
            ("notes", body.large.map(large_text)),
            ("tier", tier(&key)),
        ]);
        (key, fields)
    })
    .collect()
}

fn orders(world: &World) -> Shown {
    let server = world.server.lock();
    let good = server.orders.iter().filter_map(|(key, row)| Some((key, row.good?)));
    good.map(|(key, body)| {
        let told = || world.producer.log.iter().filter(|event| !event.bad && event.order == *key);
        let rank = told().map(|event| event.rank).fold(body.rank, usize::max);
        let carrier = told().filter(|event| event.carrier.is_some()).max_by_key(|e| e.sequence);
        let fields = row(vec![
            ("customer_id", Some(key_text(Table::Customers, body.parent))),
            ("status", Some(STATES[rank].to_owned())),
            ("total", Some(total_text(&body))),
            ("gift_message", body.large.map(large_text)),
            ("carrier", carrier.and_then(|e| e.carrier).map(|n| format!("Carrier {n}"))),
        ]);
        (key_text(Table::Orders, *key), fields)
    })
    .collect()
}

/// Orders that are too old for Salesforce.
fn left(world: &World) -> BTreeSet<String> {
    let now_us = world.env.clock.now_us();
    let server = world.server.lock();
    let good = server.orders.iter().filter_map(|(key, row)| Some((key, row.good?)));
    good.filter(|(_, body)| has_left(body, now_us))
        .map(|(key, _)| key_text(Table::Orders, *key))
        .collect()
}

fn events(world: &World) -> Shown {
    let good = world.producer.log.iter().filter(|event| !event.bad);
    good.map(|event| {
        let fields = row(vec![
            ("order_id", Some(key_text(Table::Orders, event.order))),
            ("sequence", Some(event.sequence.to_string())),
            ("status", Some(STATES[event.rank].to_owned())),
            ("carrier", event.carrier.map(|n| format!("Carrier {n}"))),
        ]);
        (event.id.clone(), fields)
    })
    .collect()
}

/// The presented rows, with the fields that `wanted` speaks of.
fn warehouse(entity: &str, world: &World, wanted: &Shown) -> Result<Shown, String> {
    let names: Vec<String> =
        wanted.values().next().map(|row| row.keys().cloned().collect()).unwrap_or_default();
    let table = world.store.table(entity);
    table
        .presented()
        .map(|(key, state)| {
            let fields = names.iter().map(|name| Ok((name.clone(), field(entity, state, name)?)));
            Ok((external_id_of(key), fields.collect::<Result<_, String>>()?))
        })
        .collect()
}

/// A field's plaintext.
fn field(entity: &str, state: &RowState, name: &str) -> Result<String, String> {
    let entity = ACME.entity(entity);
    let ix = entity.fields.iter().position(|field| field.name == name).ok_or("no such field")?;
    let spec = &entity.fields[ix];
    let group = spec.group.ok_or("not stored")?;
    let at = columns::of_group(entity, group)
        .iter()
        .position(|column| {
            column.field == ix && matches!(column.part, ColumnPart::Plain | ColumnPart::Cipher)
        })
        .ok_or("no such column")?;
    let Some(Some(group)) = state.groups.get(group) else { return Ok(String::new()) };
    let value = &group.values[at];
    Ok(match (&spec.pii, value) {
        (Some(pii), Value::Text(cipher)) => {
            let site =
                RevealSite { entity: &entity.name, field: name, class: &pii.class, ty: &spec.ty };
            text(&reveal().reveal(&site, cipher).map_err(|error| error.to_string())?)
        }
        (_, value) => text(value),
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Int(number) => number.to_string(),
        Value::Decimal(unscaled) => decimal_to_text(*unscaled, 2),
        Value::Text(text) => text.clone(),
        Value::Uuid(_) => external_id_of(&covenant_model::change::Key(vec![value.clone()])),
        Value::Bool(_) | Value::Date(_) | Value::Timestamp(_) | Value::Bytes(_) => {
            format!("<{}>", value.kind())
        }
    }
}

/// Every token is that of its plaintext under the class that the contracts have now, whatever they had when it was landed.
fn tokens(world: &World) -> Result<(), String> {
    for entity in &world.contracts.entities {
        let mut ledger = world.ledger.clone();
        let kept = ledger.scan(&entity.name, None, usize::MAX >> 1).map_err(|e| e.to_string())?;
        let kept = kept.into_iter().map(|row| ("the ledger", row.key, row.state));
        let table = world.store.table(&entity.name);
        let rows = table.rows().iter();
        let rows = rows.map(|(key, state)| ("the warehouse", key.clone(), state.clone()));
        for (place, key, state) in rows.chain(kept) {
            if let Some(field) = stale_token(world, entity, &key, &state)? {
                let key = external_id_of(&key);
                return Err(format!("{place}: {field} of {} {key} has an old token", entity.name));
            }
        }
    }
    Ok(())
}

/// A field whose token is not that of its plaintext.
fn stale_token(
    world: &World,
    entity: &EntitySpec,
    key: &Key,
    state: &RowState,
) -> Result<Option<String>, String> {
    for (ix, group) in state.groups.iter().enumerate() {
        let Some(group) = group else { continue };
        let stored: Vec<_> = columns::of_group(entity, ix).into_iter().zip(&group.values).collect();
        for pair in stored.windows(2) {
            let [(cipher, Value::Text(sealed)), (_, Value::Text(token))] = pair else { continue };
            if cipher.part != ColumnPart::Cipher {
                continue;
            }
            let spec = &entity.fields[cipher.field];
            let class = &spec.pii.as_ref().unwrap().class;
            let site = RevealSite { entity: &entity.name, field: &spec.name, class, ty: &spec.ty };
            let plain = reveal().reveal(&site, sealed).map_err(|error| error.to_string())?;
            let version = Version::from_packed(0).unwrap();
            let site = Site { entity: &entity.name, field: &spec.name, class, key, version };
            let wanted =
                world.contracts.protector.token(&site, &plain).map_err(|e| e.to_string())?;
            if *token != wanted {
                return Ok(Some(spec.name.clone()));
            }
        }
    }
    Ok(None)
}

/// Records that are not flagged as deleted.
fn crm(world: &World, object: &str, fields: &[(&str, &str)]) -> Shown {
    let deleted = |fields: &BTreeMap<String, CrmValue>| {
        fields.get("Covenant_Deleted__c") == Some(&CrmValue::Bool(true))
    };
    let records = world.records(object).into_iter();
    records
        .filter(|(_, record)| !deleted(&record.fields))
        .map(|(id, record)| {
            let text = |name: &str| match record.fields.get(name) {
                Some(CrmValue::Text(text) | CrmValue::Number(text)) => text.clone(),
                Some(CrmValue::Lookup { external_id, .. }) => external_id.clone(),
                Some(CrmValue::Bool(flag)) => flag.to_string(),
                Some(CrmValue::Null) | None => String::new(),
            };
            (id, fields.iter().map(|(_, name)| ((*name).to_owned(), text(name))).collect())
        })
        .collect()
}

fn renamed(rows: &Shown, fields: &[(&str, &str)]) -> Shown {
    rows.iter()
        .map(|(key, row)| {
            let fields = fields.iter().map(|(from, to)| ((*to).to_owned(), row[*from].clone()));
            (key.clone(), fields.collect())
        })
        .collect()
}

fn same(what: &str, found: &Shown, wanted: &Shown) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    let extra: Vec<_> = found.keys().filter(|key| !wanted.contains_key(*key)).collect();
    let lost: Vec<_> = wanted.keys().filter(|key| !found.contains_key(*key)).collect();
    let diverged: Vec<_> = found
        .iter()
        .filter_map(|(key, row)| Some((key, row, wanted.get(key)?)))
        .filter(|(_, row, wanted)| row != wanted)
        .collect();
    Err(format!("{what}: lost {lost:?}, extra {extra:?}, diverged (found, wanted) {diverged:?}"))
}

/// Every refused event is kept, and nothing but records that break their contract is.
fn quarantine(world: &World) -> Result<(), String> {
    let landing = world.calm_landing();
    let mut kept = BTreeSet::new();
    let mut number = CommitNumber(1);
    while let Some(commit) = block_on(landing.commit_at(number)).map_err(|e| e.to_string())? {
        if let Some(file) = &commit.quarantine {
            let records = block_on(landing.quarantined(file)).map_err(|e| e.to_string())?;
            kept.extend(records.into_iter().map(|r| (r.entity, r.source, r.key)));
        }
        number = number.next();
    }
    for event in world.producer.log.iter().filter(|event| event.bad) {
        let about = ("sales.order_event".to_owned(), "events".to_owned(), Some(event.id.clone()));
        if !kept.contains(&about) {
            return Err(format!("event {} is neither landed nor quarantined", event.sequence));
        }
    }
    let good = world.producer.log.iter().filter(|event| !event.bad);
    for event in good {
        let about = ("sales.order_event".to_owned(), "events".to_owned(), Some(event.id.clone()));
        if kept.contains(&about) {
            return Err(format!("event {} keeps its contract and is quarantined", event.sequence));
        }
    }
    Ok(())
}
