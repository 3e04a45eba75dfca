//! A source that keeps its promises, and what the CRM must show of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use covenant_model::change::Change;
use covenant_model::join::Table;
use covenant_model::value::Value;
use covenant_runtime::crm::memory::MemoryRecord;
use covenant_runtime::crm::{CrmValue, external_id_of};

use crate::support::floor;
use crate::support::spec::{CUSTOMER, ORDER};
use crate::world::{Dice, gone, key, says};

/// What the CRM must show of a table: rows that are there, by external id.
pub(crate) fn expected(table: &Table) -> BTreeMap<String, Vec<CrmValue>> {
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        _ => panic!("text was expected"),
    };
    table
        .presented()
        .map(|(key, state)| {
            let values: Vec<_> =
                state.groups.iter().map(|group| &group.as_ref().unwrap().values[0]).collect();
            let Value::Int(points) = values[2] else { panic!("a number was expected") };
            let shown = vec![
                CrmValue::Text(text(values[0])),
                CrmValue::Text(text(values[1])),
                CrmValue::Number(points.to_string()),
            ];
            (external_id_of(key), shown)
        })
        .collect()
}

pub(crate) fn shown(
    records: &BTreeMap<String, MemoryRecord>,
    first: &str,
) -> BTreeMap<String, Vec<CrmValue>> {
    let deleted = |record: &MemoryRecord| {
        record.fields.get("Covenant_Deleted__c") == Some(&CrmValue::Bool(true))
    };
    records
        .iter()
        .filter(|(_, record)| !deleted(record))
        .map(|(id, record)| {
            let first = match &record.fields[first] {
                CrmValue::Lookup { external_id, .. } => CrmValue::Text(external_id.clone()),
                plain => plain.clone(),
            };
            let values =
                vec![first, record.fields["Status__c"].clone(), record.fields["Points__c"].clone()];
            (id.clone(), values)
        })
        .collect()
}

pub(crate) type Shown = BTreeMap<String, Vec<CrmValue>>;

pub(crate) fn difference(found: &Shown, wanted: &Shown) -> String {
    let extra: Vec<_> = found.keys().filter(|id| !wanted.contains_key(*id)).collect();
    let missing: Vec<_> = wanted.keys().filter(|id| !found.contains_key(*id)).collect();
    let diverged = found.iter().filter(|(id, row)| wanted.get(*id).is_some_and(|it| it != *row));
    let diverged: Vec<_> = diverged.map(|(id, _)| id).collect();
    format!("extra {extra:?}, missing {missing:?}, diverged {diverged:?}")
}

/// A source that keeps its promises: customers come, change, move and go; orders refer to customers that are there.
pub(crate) struct Shop {
    dice: Arc<Dice>,
    place: u64,
    next: u64,
    customers: Vec<u64>,
    orders: Vec<(u64, u64)>,
    pub(crate) tables: [Table; 2],
}

impl Shop {
    pub(crate) fn new(dice: Arc<Dice>) -> Self {
        let tables = [Table::default(), Table::default()];
        Self { dice, place: 0, next: 0, customers: Vec::new(), orders: Vec::new(), tables }
    }

    pub(crate) fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// One transaction's changes of customers and orders.
    pub(crate) fn act(&mut self) -> (Vec<Change>, Vec<Change>) {
        self.place += 1;
        let place = self.place;
        let rank = self.dice.below(4) as u16;
        let (mut customers, mut orders) = (Vec::new(), Vec::new());
        let pick = self.dice.below(self.customers.len().max(1) as u64) as usize;
        match (self.dice.below(10), self.customers.get(pick).copied()) {
            (0..=2, _) | (_, None) => {
                let id = self.fresh();
                self.customers.push(id);
                customers.push(says(place, key(id), &format!("name {place}"), rank, None));
            }
            (3..=5, Some(customer)) => {
                let id = self.fresh();
                self.orders.push((id, customer));
                orders.push(says(place, key(id), &format!("K{customer}"), rank, None));
            }
            (6, Some(customer)) => {
                customers.push(says(place, key(customer), &format!("name {place}"), rank, None));
            }
            (7, Some(customer)) => {
                // a key change: the row moves, and its orders with it
                let id = self.fresh();
                self.customers[pick] = id;
                customers.push(gone(place, key(customer)));
                let name = format!("name {place}");
                customers.push(says(place, key(id), &name, rank, Some(key(customer))));
                for (order, owner) in &mut self.orders {
                    if *owner == customer {
                        *owner = id;
                        orders.push(says(place, key(*order), &format!("K{id}"), rank, None));
                    }
                }
            }
            (8, Some(customer)) => {
                let all = self.orders.iter().filter(|(_, owner)| *owner == customer);
                orders.extend(all.map(|(order, _)| gone(place, key(*order))));
                self.orders.retain(|(_, owner)| *owner != customer);
                self.customers.remove(pick);
                customers.push(gone(place, key(customer)));
            }
            (_, Some(_)) => {
                if let Some((order, _)) = self.orders.pop() {
                    orders.push(gone(place, key(order)));
                }
            }
        }
        customers.iter().for_each(|change| drop(self.tables[0].fold(change)));
        orders.iter().for_each(|change| drop(self.tables[1].fold(change)));
        (customers, orders)
    }

    /// TRUNCATE of both tables, or of the orders alone.
    pub(crate) fn empty(&mut self) -> (Vec<&'static str>, u64) {
        self.place += 1;
        let guard = floor(ORDER, self.place).guard();
        self.orders.clear();
        self.tables[1].raise(guard);
        if self.dice.below(2) == 0 {
            return (vec![ORDER], self.place);
        }
        self.customers.clear();
        self.tables[0].raise(guard);
        (vec![CUSTOMER, ORDER], self.place)
    }
}
