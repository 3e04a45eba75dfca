//! Made-up changes of any contract, told under an old and under a new one: the same source, place and field id say the same
//! thing, spelled in the types of the contract that reads it. Values are valid under both contracts.

use covenant_compiler::witness::values::{Declared, candidates};
use covenant_model::change::{Change, Op, Origin, change_of, delete_of, key_of};
use covenant_model::record::{Cell, Record};
use covenant_model::spec::{EntitySpec, FieldSpec, SourceSpec};
use covenant_model::value::{LogicalType, Value};
use covenant_model::version::{Incarnation, Lsn, Position, Revision, Version};

use crate::world::Plainly;

/// Times that every source tells something.
const PLACES: u64 = 30;
/// Rows.
const KEYS: u64 = 7;
/// The row that its owner deletes at last.
const DELETED: u64 = 6;
const DAY_US: i64 = 86_400_000_000;
/// 2026-01-01.
const FIRST_DAY: i32 = 20_454;

/// An entity that speaks, and what it was or becomes.
#[derive(Clone, Copy)]
pub(crate) struct Speaker<'a> {
    pub(crate) entity: &'a EntitySpec,
    pub(crate) other: Option<&'a EntitySpec>,
}

/// How often and when.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// As it happened.
    Happened,
    /// Landed before, derived again by the new contract.
    Again,
    /// What the source holds now, read from it.
    Read,
}

impl Speaker<'_> {
    /// Everything that a source says.
    pub(crate) fn told(&self, source: &str, telling: Telling) -> Vec<Change> {
        let Some(spec) = self.entity.sources.get(source) else { return Vec::new() };
        let deletes = self.entity.existence_owner == source;
        let last = |key: u64| (0..PLACES).rev().find(|place| key_at(*place) == key);
        let mut all = Vec::new();
        for place in 0..PLACES {
            let key = key_at(place);
            let gone = deletes && key == DELETED;
            if telling == Telling::Read && (last(key) != Some(place) || gone) {
                continue;
            }
            let version = version(spec, place, telling);
            all.push(self.change(source, place, key, version, Op::Upsert));
        }
        if deletes && telling != Telling::Read {
            let version = version(spec, PLACES, telling);
            all.push(self.change(source, PLACES, DELETED, version, Op::Delete));
        }
        all
    }

    fn change(&self, source: &str, place: u64, key: u64, version: Version, op: Op) -> Change {
        let entity = self.entity;
        let mut record = Record::absent(entity.fields.len());
        for (ix, field) in entity.fields.iter().enumerate() {
            let is_key = entity.key.contains(&ix);
            if !is_key && !field.from.contains_key(source) {
                continue;
            }
            let seed = if is_key { key } else { place * 7 + u64::from(field.id) };
            let before =
                self.other.and_then(|other| other.fields.iter().find(|one| one.id == field.id));
            let nullable = |field: &FieldSpec| field.nullable;
            let may_be_null = !is_key && nullable(field) && before.is_none_or(nullable);
            let value = if may_be_null && seed.is_multiple_of(5) {
                Value::Null
            } else {
                value(Declared { entity, field }, before.zip(self.other), seed)
            };
            record.cells[ix] = Cell::Value(value);
        }
        let origin = Origin {
            source,
            version,
            committed_at_us: 1_767_225_600_000_000 + place as i64 * 1_000,
            op,
            moved_from: None,
        };
        match op {
            Op::Delete => delete_of(entity, key_of(entity, &record).unwrap(), &origin),
            Op::Upsert => change_of(entity, &record, &origin, &Plainly).unwrap(),
        }
    }
}

fn key_at(place: u64) -> u64 {
    place * 5 % KEYS
}

/// A table that is read tells the state of a place behind all that was told; an event and a record of Salesforce keep theirs.
fn version(spec: &SourceSpec, place: u64, telling: Telling) -> Version {
    let position = match (spec, telling) {
        (SourceSpec::Postgres { .. }, Telling::Read) => Position::read(Lsn(10_000)),
        (SourceSpec::Postgres { .. }, Telling::Happened | Telling::Again) => {
            Position::streamed(Lsn(place + 1), 1)
        }
        (SourceSpec::Stream { .. }, _) => Position::event(place + 1, &format!("event {place}")),
        (SourceSpec::Salesforce { .. }, _) => Position::polled((place + 1) * 1_000_000),
    };
    let revision = Revision(u16::from(telling != Telling::Happened));
    Version::new(Incarnation::FIRST, position, revision)
}

/// What a value says, whatever its type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Truth {
    Symbol,
    Number,
    Day,
    Plain,
}

fn truth(types: &[&LogicalType]) -> Truth {
    let any = |is: fn(&LogicalType) -> bool| types.iter().any(|ty| is(ty));
    if any(|ty| matches!(ty, LogicalType::Enum { .. })) {
        return Truth::Symbol;
    }
    if any(|ty| matches!(ty, LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. }))
    {
        return Truth::Number;
    }
    if any(|ty| matches!(ty, LogicalType::Date | LogicalType::Timestamp)) {
        return Truth::Day;
    }
    Truth::Plain
}

fn value(of: Declared<'_>, other: Option<(&FieldSpec, &EntitySpec)>, seed: u64) -> Value {
    let fields: Vec<&FieldSpec> =
        [Some(of.field), other.map(|(field, _)| field)].into_iter().flatten().collect();
    let types: Vec<&LogicalType> = fields.iter().map(|field| &field.ty).collect();
    match truth(&types) {
        Truth::Symbol => {
            let symbols = symbols(of.field, other.map(|(field, _)| field));
            Value::Text(symbols[(seed % symbols.len() as u64) as usize].clone())
        }
        Truth::Number => number(&of.field.ty, within(&fields, seed)),
        Truth::Day => {
            let day = FIRST_DAY + (seed % 300) as i32;
            match &of.field.ty {
                LogicalType::Date => Value::Date(day),
                LogicalType::Timestamp => Value::Timestamp(i64::from(day) * DAY_US),
                _ => Value::Text(format!("day {day}")),
            }
        }
        Truth::Plain => plain(of, other, seed),
    }
}

/// A number that both sides' `min` and `max` let through.
fn within(fields: &[&FieldSpec], seed: u64) -> i64 {
    let whole =
        |text: &Option<String>| -> Option<i64> { text.as_deref()?.split('.').next()?.parse().ok() };
    let low = fields.iter().filter_map(|field| whole(&field.min)).max().unwrap_or(1);
    let high = fields.iter().filter_map(|field| whole(&field.max)).min().unwrap_or(low + 60);
    // The base says that tax, field 7, is at most total, field 6.
    let (from, room) = if fields.iter().any(|field| field.id == 6) { (30, 30) } else { (0, 30) };
    low + from + (seed % (high - low + 1).clamp(1, room) as u64) as i64
}

fn number(ty: &LogicalType, number: i64) -> Value {
    match ty {
        LogicalType::Int32 | LogicalType::Int64 => Value::Int(number),
        LogicalType::Decimal { scale, .. } => {
            Value::Decimal(i128::from(number) * 10i128.pow(u32::from(*scale)))
        }
        _ => Value::Text(number.to_string()),
    }
}

/// Symbols that both sides know, as this side calls them.
fn symbols(field: &FieldSpec, other: Option<&FieldSpec>) -> Vec<String> {
    let of = |field: &FieldSpec| match &field.ty {
        LogicalType::Enum { symbols } => Some(symbols.clone()),
        _ => None,
    };
    let (mine, theirs) = (of(field), other.and_then(of));
    let names = |field: &FieldSpec| field.evolution.renamed.clone();
    let called = other.map(names).unwrap_or_default();
    let own = names(field);
    match (mine, theirs) {
        (Some(mine), Some(theirs)) => {
            let known = |symbol: &&String| {
                theirs.contains(symbol)
                    || called.contains_key(*symbol)
                    || own.iter().any(|(was, is)| is == *symbol && theirs.contains(was))
            };
            // in the order of the old names, so that both sides pick the same
            let mut both: Vec<String> = mine.iter().filter(known).cloned().collect();
            let old = |symbol: &String| {
                let was = own.iter().find(|(_, is)| *is == symbol).map(|(was, _)| was.clone());
                was.unwrap_or(symbol.clone())
            };
            both.sort_by_key(old);
            both
        }
        (Some(all), None) | (None, Some(all)) => all,
        (None, None) => Vec::new(),
    }
}

fn plain(of: Declared<'_>, other: Option<(&FieldSpec, &EntitySpec)>, seed: u64) -> Value {
    match &of.field.ty {
        LogicalType::String { .. } => Value::Text(text(of, other, seed)),
        LogicalType::Bool => Value::Bool(seed.is_multiple_of(2)),
        LogicalType::Uuid => Value::Uuid(0x4000_8000_0000_0000_0000 + u128::from(seed)),
        LogicalType::Bytes => Value::Bytes(vec![seed as u8]),
        LogicalType::Json => Value::Text(format!("{{\"a\":{seed}}}")),
        _ => unreachable!("numbers, days and symbols are told apart before"),
    }
}

fn text(of: Declared<'_>, other: Option<(&FieldSpec, &EntitySpec)>, seed: u64) -> String {
    let fields: Vec<&FieldSpec> =
        [Some(of.field), other.map(|(field, _)| field)].into_iter().flatten().collect();
    if fields.iter().any(|field| field.format.is_some()) {
        return format!("s{seed}@shop.example");
    }
    if let Some(strict) = fields.iter().find(|field| field.pattern.is_some()) {
        let entity = if std::ptr::eq(*strict, of.field) { of.entity } else { other.unwrap().1 };
        let declared = Declared { entity, field: strict };
        let found = candidates(declared, None);
        let Some(Value::Text(text)) = found.into_iter().next() else { unreachable!() };
        return text;
    }
    if fields.iter().any(|field| field.ty == LogicalType::Uuid) {
        let number = 0x4000_8000_0000_0000_0000 + u128::from(seed);
        let hex = format!("{number:032x}");
        return [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    }
    let chars = fields.iter().filter_map(|field| match field.ty {
        LogicalType::String { max_chars } => max_chars,
        _ => None,
    });
    // the digits that differ stay
    let all = seed.to_string();
    let room = chars.min().unwrap_or(10).min(10) as usize;
    let tail = &all[all.len().saturating_sub(room)..];
    format!("{tail}tttttttttt")[..room].to_owned()
}
