//! What Salesforce gets of a row: the same rows, delivered as the old contract says and as the new one says.

use std::collections::BTreeMap;

use covenant_model::spec::EntitySpec;
use covenant_model::value::{LogicalType, Value};
use serde_json::Value as Json;

use super::compose::{Choice, Roles};
use super::fold::{self, Folded, Part};
use super::search::{self, Pair};
use super::sql::value::{DAY_US, Sql};
use super::told::{Token, Told};
use super::{Direction, interpret};
use crate::compat::{Outcome, WitnessKind};
use crate::emit::EmitError;

/// Other values of a member that are tried.
const TRIED_MAX: usize = 4;

/// Records, and what becomes of their row in Salesforce.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// In order.
    pub told: Vec<Told>,
    /// As the old contract delivers it.
    pub old: Outcome,
    /// As the new one does.
    pub new: Outcome,
}

impl Delivered {
    /// The kind of such a witness.
    pub const KIND: WitnessKind = WitnessKind::Delivery;
}

/// Records whose row the two contracts deliver differently; of one Salesforce field where `target` names it.
///
/// # Errors
/// Where a contract cannot be expressed in Rust.
pub fn find(
    old: &EntitySpec,
    new: &EntitySpec,
    target: Option<&str>,
) -> Result<Option<Delivered>, EmitError> {
    interpret::with(old, |old| {
        interpret::with(new, |new| {
            let pair = Pair { old, new };
            [Direction::Backward, Direction::Forward]
                .into_iter()
                .find_map(|direction| directed(pair, direction, target))
        })
    })?
}

/// One row told by every source: the plainest records, then each member with other values.
fn directed(pair: Pair<'_>, direction: Direction, target: Option<&str>) -> Option<Delivered> {
    let roles = search::roles(pair, direction);
    let sheets = search::sheets(pair, direction, &[]);
    let tell = |changed: Option<(usize, usize, &Choice)>| -> Vec<Told> {
        let all = sheets.iter().enumerate().map(|(at, sheet)| {
            let fixed = changed.filter(|(of, ..)| *of == at);
            let fixed = fixed.map(|(_, place, choice)| (place, choice.clone()));
            let number = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
            sheet.compose(roles, &BTreeMap::from_iter(fixed), number, &|_| true)
        });
        all.collect()
    };
    let smaller = |told| parted(pair, roles, fewer(pair, roles, told, target), target);
    let told = tell(None);
    if parted(pair, roles, told.clone(), target).is_some() {
        return smaller(told);
    }
    for (at, sheet) in sheets.iter().enumerate() {
        for place in 0..sheet.slots.len() {
            let valid = sheet.valid(roles, place);
            let few = valid.iter().skip(1).take(TRIED_MAX);
            let nothing = valid.iter().filter(|one| matches!(one, None | Some(Token::Null)));
            for choice in few.chain(nothing) {
                let told = tell(Some((at, place, choice)));
                if parted(pair, roles, told.clone(), target).is_some() {
                    return smaller(told);
                }
            }
        }
    }
    None
}

/// Only the records, and of them the members, without which nothing would differ.
fn fewer(pair: Pair<'_>, roles: Roles<'_>, mut told: Vec<Told>, target: Option<&str>) -> Vec<Told> {
    for at in (0..told.len()).rev() {
        let mut less = told.clone();
        less.remove(at);
        if parted(pair, roles, less.clone(), target).is_some() {
            told = less;
        }
    }
    for at in 0..told.len() {
        let names: Vec<String> =
            told.get(at).map(|one| search::spare(roles.writer, one)).unwrap_or_default();
        for name in names {
            let mut less = told.clone();
            less.get_mut(at).into_iter().for_each(|one| drop(one.members.remove(&name)));
            if parted(pair, roles, less.clone(), target).is_some() {
                told = less;
            }
        }
    }
    told
}

fn parted(
    pair: Pair<'_>,
    roles: Roles<'_>,
    told: Vec<Told>,
    target: Option<&str>,
) -> Option<Delivered> {
    let rows = fold::run(roles.writer, &told);
    let row = rows.accepted().then(|| rows.rows.iter().next()).flatten()?;
    if rows.rows.len() != 1 {
        return None;
    }
    let now = now(pair, row.1);
    let writer = roles.writer.spec();
    let old = delivered(pair.old.spec(), writer, row, now)?;
    let new = delivered(pair.new.spec(), writer, row, now)?;
    let (old, new) = apart(old, new, target)?;
    Some(Delivered { told, old, new })
}

/// What Salesforce makes of a row.
#[derive(Clone, Debug, PartialEq)]
enum Got {
    /// `Order__c.Note__c` -> value.
    Record(BTreeMap<String, Json>),
    /// The row is not delivered.
    Aged(String),
    /// Salesforce refuses it.
    Refused(String),
}

/// What differs of two deliveries.
fn apart(old: Got, new: Got, target: Option<&str>) -> Option<(Outcome, Outcome)> {
    if old == new {
        return None;
    }
    let (old, new) = match (old, new) {
        (Got::Record(old), Got::Record(new)) => {
            let names = old.keys().chain(new.keys()).cloned().collect::<Vec<_>>();
            let differs = |name: &&String| {
                // A lookup is one field, by whatever it finds its parent.
                let below = name.split('.').nth(1);
                let of = |target: &str| target.split('.').next() == below;
                let named = target.is_none_or(of);
                named && old.get(*name) != new.get(*name)
            };
            let names: Vec<&String> = names.iter().filter(differs).collect();
            if names.is_empty() {
                return None;
            }
            let only = |record: &BTreeMap<String, Json>| {
                let of = names
                    .iter()
                    .filter_map(|name| Some(((*name).clone(), record.get(*name)?.clone())));
                Got::Record(of.collect())
            };
            (only(&old), only(&new))
        }
        (old, new) => (old, new),
    };
    Some((outcome(old), outcome(new)))
}

fn outcome(got: Got) -> Outcome {
    match got {
        Got::Record(fields) => {
            Outcome::Accepted { state: Json::Object(fields.into_iter().collect()) }
        }
        Got::Aged(why) | Got::Refused(why) => Outcome::Rejected { reasons: vec![why] },
    }
}

/// A moment at which one of two filters lets the row go and the other does not, where there is one.
fn now(pair: Pair<'_>, row: &Folded) -> i64 {
    let leaves = |spec: &EntitySpec| {
        let filter = spec.salesforce.as_ref()?.filter.as_ref()?;
        let us = instant(spec, filter.field, row)?;
        us.checked_add(i64::from(filter.keep_days).checked_mul(DAY_US)?)
    };
    let (old, new) = (leaves(pair.old.spec()), leaves(pair.new.spec()));
    let first = old.into_iter().chain(new).min().filter(|_| old != new);
    first.map_or(0, |first| first.saturating_add(1))
}

fn instant(spec: &EntitySpec, field: usize, row: &Folded) -> Option<i64> {
    match held(spec.fields.get(field)?.id, row)? {
        (Value::Timestamp(us), _) => Some(*us),
        (Value::Date(days), _) => i64::from(*days).checked_mul(DAY_US),
        (
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Text(_)
            | Value::Uuid(_)
            | Value::Bytes(_),
            _,
        ) => None,
    }
}

/// What is stored of a field: the plaintext, or the ciphertext that delivery reveals.
fn held(id: u32, row: &Folded) -> Option<(&Value, &LogicalType)> {
    let part = |part| {
        let typed = row.columns.get(&fold::ColumnId { field: id, part })?;
        Some((&typed.value, &typed.ty))
    };
    part(Part::Plain).or_else(|| part(Part::Cipher)).or_else(|| part(Part::Token))
}

/// `None`: the entity does not go to Salesforce on this side.
fn delivered(
    spec: &EntitySpec,
    writer: &EntitySpec,
    (key, row): (&Vec<(u32, Value)>, &Folded),
    now: i64,
) -> Option<Got> {
    let sink = spec.salesforce.as_ref()?;
    if let Some(filter) = &sink.filter {
        let leaves = instant(spec, filter.field, row)
            .map(|us| us.saturating_add(i64::from(filter.keep_days).saturating_mul(DAY_US)));
        if leaves.is_some_and(|leaves| leaves < now) {
            let at = Sql::Instant(now);
            return Some(Got::Aged(format!(
                "not delivered at {at}: `where: {}` does not hold",
                filter.text
            )));
        }
    }
    let mut fields = BTreeMap::new();
    for mapped in &sink.fields {
        let Some(field) = spec.fields.get(mapped.source) else { continue };
        let stored = held(field.id, row).or_else(|| in_key(field.id, key, writer));
        let Some((value, ty)) = stored else { continue };
        if value.is_null() && mapped.required {
            return Some(Got::Refused(format!(
                "Salesforce demands {}.{}, and {} is null",
                sink.object, mapped.target, field.name
            )));
        }
        let target = match &mapped.parent_external_id {
            Some(id) => format!("{}.{}.{id}", sink.object, mapped.target),
            None => format!("{}.{}", sink.object, mapped.target),
        };
        fields.insert(target, Sql::of(value, ty).json());
    }
    fields.insert(format!("{}.{}", sink.object, sink.external_id), external(spec, key, writer));
    Some(Got::Record(fields))
}

fn in_key<'k>(
    id: u32,
    key: &'k [(u32, Value)],
    writer: &'k EntitySpec,
) -> Option<(&'k Value, &'k LogicalType)> {
    let value = key.iter().find(|(other, _)| *other == id)?;
    let field = writer.fields.iter().find(|field| field.id == id)?;
    Some((&value.1, &field.ty))
}

/// The parts of the key in the contract's order, joined.
fn external(spec: &EntitySpec, key: &[(u32, Value)], writer: &EntitySpec) -> Json {
    let parts = spec.key.iter().filter_map(|ix| {
        let (value, ty) = in_key(spec.fields.get(*ix)?.id, key, writer)?;
        Some(Sql::of(value, ty).to_string())
    });
    parts.collect::<Vec<_>>().join("|").into()
}
