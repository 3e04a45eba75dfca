//! Change sets of any entity: upserts and deletes of every owner, absent fields, nulls, moves, replays under a higher revision,
//! TRUNCATEs; and the batches in which a set arrives: shuffled, duplicated, cut anywhere.

use covenant_model::change::{Change, Key, Op, Origin, Protect, ProtectError, Site, change_of};
use covenant_model::floor::Floor;
use covenant_model::record::{Cell, Record};
use covenant_model::spec::{EntitySpec, FieldSpec, KeyChange, MergeRule};
use covenant_model::value::{LogicalType, Value};
use covenant_model::version::{Incarnation, Lsn, Position, Revision, Version};

/// Rows of a set: few keys, so that changes meet.
const KEYS: u64 = 5;
/// Microseconds between two transactions.
const STEP_US: i64 = 1_000_003;

/// Most changes of a batch: a set comes in two batches or more.
const BATCH_MAX: u64 = 36;

/// What a batch brings.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Row(Change),
    Truncate(Floor),
}

impl Told {
    pub(crate) fn row(&self) -> Option<&Change> {
        match self {
            Self::Row(change) => Some(change),
            Self::Truncate(_) => None,
        }
    }

    pub(crate) fn truncate(&self) -> Option<&Floor> {
        match self {
            Self::Row(_) => None,
            Self::Truncate(floor) => Some(floor),
        }
    }
}

/// SplitMix64: a seed names a change set for ever, whatever a library's generator becomes.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

/// A set of about `size` changes of one entity; the version of each is its place in the set.
pub(crate) fn told(entity: &EntitySpec, size: u64, dice: &mut Dice) -> Vec<Told> {
    let sources: Vec<&str> = entity.sources.keys().map(String::as_str).collect();
    let mut set = Vec::new();
    for at in 0..size {
        let source = sources[dice.below(sources.len() as u64) as usize];
        let owner = source == entity.existence_owner;
        let position = Position::streamed(Lsn(at / 3 + 1), (at % 3) as u32 + 1);
        // changes of one transaction have one time
        let committed_at_us = (at / 3) as i64 * STEP_US;
        let number = dice.below(KEYS);
        let from = (owner && entity.key_change == KeyChange::Rekey && dice.percent(25))
            .then(|| dice.below(KEYS))
            .filter(|from| *from != number);
        let truncate = owner && dice.percent(6);
        let delete = owner && from.is_none() && dice.percent(20);
        for revision in 0..if dice.percent(20) { 2 } else { 1 } {
            let version = Version::new(Incarnation::FIRST, position, Revision(revision));
            if truncate {
                let (entity, source) = (entity.name.clone(), source.to_owned());
                set.push(Told::Truncate(Floor { entity, source, version, committed_at_us }));
                continue;
            }
            let op = if delete { Op::Delete } else { Op::Upsert };
            let moved_from = from.map(|from| key(entity, from));
            let origin = Origin { source, version, committed_at_us, op, moved_from };
            let record = record(entity, source, number, dice);
            set.push(Told::Row(change_of(entity, &record, &origin, &Plainly).unwrap()));
            if let Some(from) = from {
                let gone = Origin { op: Op::Delete, moved_from: None, ..origin };
                let old = key(entity, from);
                set.push(Told::Row(covenant_model::change::delete_of(entity, old, &gone)));
            }
        }
    }
    set
}

/// Every change at least once, a third of them twice, in any order, cut anywhere.
pub(crate) fn batches(set: &[Told], dice: &mut Dice) -> Vec<Vec<Told>> {
    let mut sent: Vec<Told> = set.to_vec();
    sent.extend(set.iter().filter(|_| dice.percent(33)).cloned());
    for at in (1..sent.len()).rev() {
        sent.swap(at, dice.below(at as u64 + 1) as usize);
    }
    let mut batches = Vec::new();
    let mut rest = sent.as_slice();
    while !rest.is_empty() {
        let size = (dice.below(BATCH_MAX) as usize + 1).min(rest.len());
        let (batch, after) = rest.split_at(size);
        batches.push(batch.to_vec());
        rest = after;
    }
    batches
}

fn key(entity: &EntitySpec, number: u64) -> Key {
    Key(entity.key.iter().map(|at| key_value(&entity.fields[*at], number)).collect())
}

/// Text tells the numbers apart; where it is not there, a number does.
fn key_value(field: &FieldSpec, number: u64) -> Value {
    match &field.ty {
        LogicalType::Enum { symbols } => {
            Value::Text(symbols[number as usize % symbols.len()].clone())
        }
        LogicalType::Uuid => Value::Uuid(u128::from(number) << 64 | 0xABCD),
        LogicalType::String { .. } | LogicalType::Json => Value::Text(format!("K{number}")),
        LogicalType::Bool => Value::Bool(number.is_multiple_of(2)),
        LogicalType::Int32 | LogicalType::Int64 => Value::Int(number as i64),
        LogicalType::Decimal { .. } => Value::Decimal(i128::from(number)),
        LogicalType::Date => Value::Date(number as i32),
        LogicalType::Timestamp => Value::Timestamp(number as i64),
        LogicalType::Bytes => Value::Bytes(vec![number as u8]),
    }
}

fn record(entity: &EntitySpec, source: &str, number: u64, dice: &mut Dice) -> Record {
    let mut record = Record::absent(entity.fields.len());
    for (at, field) in entity.fields.iter().enumerate() {
        let alone = field.group.is_some_and(|group| entity.groups[group].fields.len() == 1);
        let told = field.from.contains_key(source);
        if told && !(alone && (field.optional || field.large) && dice.percent(40)) {
            let guards = field.merge == MergeRule::Ranked || generation(entity, at);
            let null = field.nullable && !guards && dice.percent(20);
            let value = if null { Value::Null } else { value(&field.ty, dice) };
            record.cells[at] = Cell::Value(value);
        }
    }
    let Key(values) = key(entity, number);
    for (at, value) in entity.key.iter().zip(values) {
        record.cells[*at] = Cell::Value(value);
    }
    record
}

/// Whether a ranked field is corrected under a higher number of this one.
fn generation(entity: &EntitySpec, at: usize) -> bool {
    entity.fields.iter().any(|field| field.generation == Some(at))
}

/// Small ranges: equal values under one rule must meet, too.
fn value(ty: &LogicalType, dice: &mut Dice) -> Value {
    let number = dice.below(9) as i64;
    match ty {
        LogicalType::Bool => Value::Bool(number > 4),
        LogicalType::Int32 => Value::Int(number),
        LogicalType::Int64 => Value::Int(number),
        LogicalType::Decimal { .. } => Value::Decimal(i128::from(number) * 7 - 20),
        LogicalType::String { .. } => Value::Text(TEXTS[number as usize % TEXTS.len()].to_owned()),
        LogicalType::Json => Value::Text(format!("{{\"n\": {number}}}")),
        LogicalType::Uuid => Value::Uuid(u128::from(dice.next())),
        LogicalType::Date => Value::Date(number as i32 * 400 - 800),
        LogicalType::Timestamp => Value::Timestamp(number * 86_399_999_999 - 5_000_001),
        LogicalType::Enum { symbols } => {
            Value::Text(symbols[number as usize % symbols.len()].clone())
        }
        LogicalType::Bytes => Value::Bytes(vec![0, number as u8, 255]),
    }
}

/// Quotes, an empty text, letters beyond ASCII, and what ends a statement.
const TEXTS: [&str; 6] = ["it's", "", "Žofie", "a;", "5 % off", "plain"];

/// Protection that only marks.
struct Plainly;

impl Protect for Plainly {
    fn encrypt(&self, site: &Site<'_>, plain: &Value) -> Result<(String, String), ProtectError> {
        Ok((format!("v1|{}", site.version.packed()), self.token(site, plain)?))
    }

    fn token(&self, site: &Site<'_>, _: &Value) -> Result<String, ProtectError> {
        Ok(format!("token {}", site.version.packed()))
    }
}
