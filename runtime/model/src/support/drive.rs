//! The loops: over a tuple's columns, and over a JSON object's members. Not generic, so they are compiled once.

use crate::codec::{ColumnMap, PgDatum};
use crate::record::{Cell, Violations};
use crate::spec::FieldIx;
use crate::support::check::Check;
use crate::support::generated::Row;
use crate::support::json::{Malformed, Members};
use crate::support::number;
use crate::support::raw::Raw;
use crate::support::scalar::{event_id, instant};
use crate::support::table::{Entity, Kind, Member, Role, Source, Ty};
use crate::support::time::Spelling;
use crate::value::Value;

/// What orders an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Unique id.
    pub event_id: String,
    /// The sequence, or microseconds of the event time.
    pub order: u64,
    /// Microseconds since 1970.
    pub occurred_at_us: i64,
}

/// Finds the fields that `source` tells among a relation's columns.
pub fn columns(entity: &Entity<'_>, source: &str, relation: &[&str]) -> ColumnMap {
    let mut map = vec![None; entity.fields.len()];
    for member in entity.source(source).map(|source| source.members).unwrap_or_default() {
        let place = relation.iter().position(|column| *column == member.name);
        for field in member.fields {
            if let Some(slot) = map.get_mut(*field) {
                *slot = place;
            }
        }
    }
    ColumnMap(map)
}

/// Reads a tuple.
///
/// # Errors
/// Every rule that it breaks.
pub fn pg<'a, 'c: 'a>(
    entity: &'c Entity<'c>,
    row: &mut dyn Row<'a>,
    source: &str,
    map: &ColumnMap,
    tuple: &[PgDatum<'a>],
) -> Result<(), Violations> {
    let mut check = Check::new(entity, Spelling::Postgres);
    let source = known(entity, source, |kind| kind == Kind::Postgres)?;
    for field in source.members.iter().flat_map(|member| member.fields) {
        pg_field(entity, row, *field, map, tuple, &mut check);
    }
    finish(entity, row, check)
}

/// Reads the key alone.
///
/// # Errors
/// Where a part of it is missing or malformed.
pub fn pg_key<'a, 'c: 'a>(
    entity: &'c Entity<'c>,
    row: &mut dyn Row<'a>,
    map: &ColumnMap,
    tuple: &[PgDatum<'a>],
) -> Result<Vec<Value>, Violations> {
    let mut check = Check::new(entity, Spelling::Postgres);
    for field in entity.key {
        pg_field(entity, row, *field, map, tuple, &mut check);
    }
    if check.passed() { Ok(row.key()) } else { Err(check.finish(None)) }
}

fn pg_field<'a, 'c: 'a>(
    entity: &Entity<'_>,
    row: &mut dyn Row<'a>,
    field: FieldIx,
    map: &ColumnMap,
    tuple: &[PgDatum<'a>],
    check: &mut Check<'c>,
) {
    check.at(field);
    let place = map.0.get(field).copied().flatten();
    match place.and_then(|place| tuple.get(place)) {
        Some(PgDatum::Text(bytes)) => row.set(field, Raw::Pg(bytes), check),
        Some(PgDatum::Null) => row.set(field, Raw::Null, check),
        // Absent, never null: the change does not say what the value is.
        Some(PgDatum::Unchanged) if !entity.key.contains(&field) => {}
        Some(PgDatum::Unchanged) => check.missing("a value that is not in the message"),
        None if by_default(row, field, check) => {}
        None if check.spec().is_some_and(|field| field.optional) => {}
        None => check.missing("no such column"),
    }
}

/// Gives a field that the record leaves out its default; false where it has none.
fn by_default<'a, 'c: 'a>(row: &mut dyn Row<'a>, field: FieldIx, check: &mut Check<'c>) -> bool {
    let Some((ty, text)) = check.spec().and_then(|spec| Some((spec.ty, spec.default?))) else {
        return false;
    };
    let raw = match ty {
        Ty::Bool => Raw::Bool(text == "true"),
        Ty::Int32 | Ty::Int64 => Raw::Number(text),
        Ty::Decimal { .. }
        | Ty::String { .. }
        | Ty::Uuid
        | Ty::Date
        | Ty::Timestamp
        | Ty::Enum { .. }
        | Ty::Json
        | Ty::Bytes => Raw::Str { text, escaped: false },
    };
    row.set(field, raw, check);
    true
}

/// Reads an event.
///
/// # Errors
/// Every rule that it breaks; `malformed` alone where it is no JSON object.
pub fn event<'a, 'c: 'a>(
    entity: &'c Entity<'c>,
    row: &mut dyn Row<'a>,
    source: &str,
    json: &'a [u8],
) -> Result<Envelope, Violations> {
    let mut check = Check::new(entity, Spelling::Rfc3339);
    let source = known(entity, source, |kind| matches!(kind, Kind::Stream { .. }))?;
    let mut read = EnvelopeRead::default();
    members(entity, row, source, json, &mut check, &mut read)?;
    let envelope = read.finish(source, &mut check);
    finish(entity, row, check)?;
    Ok(envelope)
}

/// Reads a Salesforce record.
///
/// # Errors
/// As [`event`].
pub fn salesforce<'a, 'c: 'a>(
    entity: &'c Entity<'c>,
    row: &mut dyn Row<'a>,
    source: &str,
    json: &'a [u8],
) -> Result<(), Violations> {
    let mut check = Check::new(entity, Spelling::Salesforce);
    let source = known(entity, source, |kind| kind == Kind::Salesforce)?;
    let mut read = EnvelopeRead::default();
    members(entity, row, source, json, &mut check, &mut read)?;
    finish(entity, row, check)
}

fn known<'c>(
    entity: &'c Entity<'c>,
    name: &str,
    fits: impl Fn(Kind) -> bool,
) -> Result<&'c Source<'c>, Violations> {
    entity.source(name).filter(|source| fits(source.kind)).ok_or_else(|| {
        let mut check = Check::new(entity, Spelling::Rfc3339);
        let message = format!("{} declares no source {name} of this kind", entity.name);
        check.note_whole(None, "malformed", &message);
        check.finish(None)
    })
}

/// Which members were seen: a bit per member of the source.
#[derive(Default)]
struct Seen([u64; Seen::WORDS]);

impl Seen {
    /// Room for 512 members; the compiler refuses entities with more.
    const WORDS: usize = 8;

    /// Whether the member was seen before.
    fn mark(&mut self, member: usize) -> bool {
        let Some(word) = self.0.get_mut(member / 64) else { return false };
        let bit = 1 << (member % 64);
        let before = *word & bit != 0;
        *word |= bit;
        before
    }

    fn has(&self, member: usize) -> bool {
        self.0.get(member / 64).is_some_and(|word| word >> (member % 64) & 1 == 1)
    }
}

fn members<'a, 'c: 'a>(
    entity: &'c Entity<'c>,
    row: &mut dyn Row<'a>,
    source: &'c Source<'c>,
    json: &'a [u8],
    check: &mut Check<'c>,
    envelope: &mut EnvelopeRead,
) -> Result<(), Violations> {
    let malformed = |Malformed| {
        let mut check = Check::new(entity, Spelling::Rfc3339);
        check.note_whole(None, "malformed", "expected one JSON object (RFC 8259) in UTF-8");
        check.finish(None)
    };
    let mut reader = Members::open(json).map_err(malformed)?;
    let (mut seen, mut expected) = (Seen::default(), 0);
    // Members under a name of before, at most one each: read at the end, unless they came under their own name.
    let mut late: Vec<(usize, Raw<'a>)> = Vec::new();
    while let Some((name, value)) = reader.next_member().map_err(malformed)? {
        let Some((at, alias)) = find(source.members, name, expected) else {
            if source.closed {
                unknown(name, check);
            }
            continue;
        };
        expected = at + 1;
        let Some(member) = source.members.get(at) else { continue };
        if alias {
            if late.iter().all(|(other, _)| *other != at) {
                late.push((at, value));
            }
            continue;
        }
        if seen.mark(at) {
            duplicate(member, check);
            continue;
        }
        take(row, member, value, check, envelope);
    }
    for (at, value) in late {
        if let Some(member) = source.members.get(at).filter(|_| !seen.mark(at)) {
            take(row, member, value, check, envelope);
        }
    }
    for (at, member) in source.members.iter().enumerate() {
        if !seen.has(at) {
            missing(entity, row, source, member, check);
        }
    }
    Ok(())
}

fn take<'a>(
    row: &mut dyn Row<'a>,
    member: &Member<'_>,
    value: Raw<'a>,
    check: &mut Check<'_>,
    envelope: &mut EnvelopeRead,
) {
    for field in member.fields {
        check.at(*field);
        row.set(*field, value, check);
    }
    envelope.take(member, value, check);
}

/// Place of a member, and whether it was found by a name of before; most producers write members in one order, so the
/// one after the last is tried first.
fn find(members: &[Member<'_>], name: Raw<'_>, expected: usize) -> Option<(usize, bool)> {
    if let Raw::Str { text, escaped: false } = name {
        if members.get(expected).is_some_and(|member| member.name == text) {
            return Some((expected, false));
        }
        return named(members, text);
    }
    named(members, &name.text()?)
}

fn named(members: &[Member<'_>], name: &str) -> Option<(usize, bool)> {
    let own = members.iter().position(|member| member.name == name);
    let alias = || members.iter().position(|member| member.aliases.contains(&name));
    own.map(|at| (at, false)).or_else(|| alias().map(|at| (at, true)))
}

/// A member that a closed source does not have. Its name is shown only where it looks like one: names are the producer's,
/// and a map from addresses to something would show addresses.
#[cold]
fn unknown(name: Raw<'_>, check: &mut Check<'_>) {
    /// Longer ones are no names that anybody chose.
    const NAME_CHARS_MAX: usize = 64;
    /// More are a number of something.
    const NAME_DIGITS_MAX: usize = 4;
    let name = name.text().filter(|name| {
        name.len() <= NAME_CHARS_MAX
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
            && name.chars().filter(char::is_ascii_digit).count() <= NAME_DIGITS_MAX
    });
    check.note_whole(name.as_deref(), "unknown", "is no member that the contract knows");
}

#[cold]
fn duplicate(member: &Member<'_>, check: &mut Check<'_>) {
    const MESSAGE: &str = "stands in the object more than once";
    match member.fields.first() {
        Some(field) => {
            check.at(*field);
            check.note("duplicate_field", MESSAGE);
        }
        None => check.note_whole(Some(member.name), "duplicate_field", MESSAGE),
    }
}

/// A member that is not there: Salesforce leaves out what did not change, others only what is optional.
fn missing<'a, 'c: 'a>(
    entity: &Entity<'_>,
    row: &mut dyn Row<'a>,
    source: &Source<'_>,
    member: &Member<'_>,
    check: &mut Check<'c>,
) {
    for field in member.fields {
        check.at(*field);
        if by_default(row, *field, check) {
            continue;
        }
        let optional =
            check.spec().is_some_and(|field| field.optional) || source.kind == Kind::Salesforce;
        if !optional || entity.key.contains(field) {
            check.missing("nothing");
        }
    }
    if member.role != Role::Plain && member.fields.is_empty() {
        check.note_whole(Some(member.name), "required", "is required, found nothing");
    }
}

/// The envelope as it is read.
#[derive(Default)]
struct EnvelopeRead {
    event_id: Option<String>,
    order: Option<u64>,
    occurred_at_us: Option<i64>,
}

impl EnvelopeRead {
    fn take(&mut self, member: &Member<'_>, raw: Raw<'_>, check: &mut Check<'_>) {
        let (found, expected) = match member.role {
            Role::Plain => return,
            Role::EventId => {
                self.event_id = event_id(raw);
                (self.event_id.is_some(), "expected text of 1 to 200 characters, or an integer")
            }
            Role::Order => {
                self.order = match raw {
                    Raw::Number(text) => {
                        number::json_int(text).and_then(|order| u64::try_from(order).ok())
                    }
                    Raw::Null | Raw::Pg(_) | Raw::Str { .. } | Raw::Bool(_) | Raw::Composite(_) => {
                        None
                    }
                };
                (self.order.is_some(), "expected an integer from 0 to 2^63-1")
            }
            Role::OccurredAt => {
                self.occurred_at_us = instant(raw, Spelling::Rfc3339);
                (self.occurred_at_us.is_some(), "expected a time as RFC 3339 writes it")
            }
        };
        if !found {
            check.note_whole(Some(member.name), "type", expected);
        }
    }

    fn finish(self, source: &Source<'_>, check: &mut Check<'_>) -> Envelope {
        let occurred_at_us = self.occurred_at_us.unwrap_or_default();
        let order = match source.kind {
            Kind::Stream { sequenced: false } => u64::try_from(occurred_at_us).ok(),
            Kind::Stream { sequenced: true } | Kind::Postgres | Kind::Salesforce => self.order,
        };
        if source.kind == (Kind::Stream { sequenced: false }) && order.is_none() {
            let message = "expected a time from 1970 on: it orders the events";
            let named = source.members.iter().find(|member| member.role == Role::OccurredAt);
            check.note_whole(named.map(|member| member.name), "min", message);
        }
        Envelope {
            event_id: self.event_id.unwrap_or_default(),
            order: order.unwrap_or_default(),
            occurred_at_us,
        }
    }
}

/// Quality rules last; then all violations, with the key where it could be read.
fn finish(entity: &Entity<'_>, row: &dyn Row<'_>, mut check: Check<'_>) -> Result<(), Violations> {
    row.quality(&mut check);
    if check.passed() {
        return Ok(());
    }
    let readable = !entity.key.iter().any(|field| check.broken(*field));
    Err(check.finish(readable.then(|| row.key())))
}

/// Checks cells against every rule of their fields.
///
/// # Errors
/// Every rule that they break.
pub fn validate<'c>(
    entity: &'c Entity<'c>,
    cells: &[Cell],
    quality: impl FnOnce(&mut Check),
    key: Vec<Value>,
) -> Result<(), Violations> {
    let mut check = Check::new(entity, Spelling::Rfc3339);
    for (field, cell) in cells.iter().enumerate() {
        check.at(field);
        match cell {
            Cell::Absent => {}
            Cell::Value(value) => value_of(value, &mut check),
        }
    }
    quality(&mut check);
    if check.passed() { Ok(()) } else { Err(check.finish(Some(key))) }
}

fn value_of(value: &Value, check: &mut Check<'_>) {
    match value {
        Value::Null => {
            if !check.spec().is_some_and(|field| field.nullable) {
                check.missing("null");
            }
        }
        Value::Int(number) | Value::Timestamp(number) => check.number(i128::from(*number)),
        Value::Date(days) => check.number(i128::from(*days)),
        Value::Decimal(unscaled) => {
            let ty = check.spec().map(|field| field.ty);
            if let Some(Ty::Decimal { precision, .. }) = ty
                && 10u128.checked_pow(u32::from(precision)) <= Some(unscaled.unsigned_abs())
            {
                check.wrong_type(Raw::Number(""));
            }
            check.number(*unscaled);
        }
        Value::Text(text) => check.text(text),
        Value::Bool(_) | Value::Uuid(_) | Value::Bytes(_) => {}
    }
}
