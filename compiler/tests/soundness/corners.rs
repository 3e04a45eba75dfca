//! The steps of the hunt, and the corners that it has to meet: a hunt that tells plain records only proves nothing. Every corner is
//! counted, with the first seed that met it.

use std::collections::BTreeMap;

use covenant_compiler::witness::compose::{self, Roles, Sheet};
use covenant_compiler::witness::told::{Act, Form, Token, Told};
use covenant_model::spec::{EntitySpec, FieldSpec};
use covenant_model::value::LogicalType;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// Keys of a sequence: few, so that rows meet.
const KEYS: usize = 2;
/// Between the places of two records: room for late ones. More than there are records in a sequence.
pub(crate) const SPACE: u32 = 10;
/// Members that are drawn; the others are plain.
const DRAWN: usize = 4;

/// What may be special about a record or a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Corner {
    LongestText,
    EmptyText,
    BeyondAscii,
    FullPrecision,
    LastDigit,
    LargestInteger,
    Zero,
    Negative,
    OldestOrNewestDay,
    UndeclaredSymbol,
    LeftOut,
    Null,
    NullBesideLeftOut,
    UnknownMember,
    OldName,
    Unchanged,
    SeveralSources,
    Deleted,
    ToldAfterDelete,
    Late,
    Replayed,
    Moved,
}

const ALL: [Corner; 22] = [
    Corner::LongestText,
    Corner::EmptyText,
    Corner::BeyondAscii,
    Corner::FullPrecision,
    Corner::LastDigit,
    Corner::LargestInteger,
    Corner::Zero,
    Corner::Negative,
    Corner::OldestOrNewestDay,
    Corner::UndeclaredSymbol,
    Corner::LeftOut,
    Corner::Null,
    Corner::NullBesideLeftOut,
    Corner::UnknownMember,
    Corner::OldName,
    Corner::Unchanged,
    Corner::SeveralSources,
    Corner::Deleted,
    Corner::ToldAfterDelete,
    Corner::Late,
    Corner::Replayed,
    Corner::Moved,
];

/// Corners with how often they were met, and first by which seed.
#[derive(Default)]
pub(crate) struct Corners(BTreeMap<Corner, (u32, u64)>);

impl Corners {
    pub(crate) fn notice(&mut self, seed: u64, spec: &EntitySpec, all: &[Told]) {
        for corner in all.iter().flat_map(|told| of_record(spec, told)).chain(of_sequence(all)) {
            let (count, _) = self.0.entry(corner).or_insert((0, seed));
            *count += 1;
        }
    }

    pub(crate) fn missing(&self) -> Vec<Corner> {
        ALL.into_iter().filter(|corner| !self.0.contains_key(corner)).collect()
    }

    pub(crate) fn told(&self) -> String {
        let one = |(corner, (count, seed)): (&Corner, &(u32, u64))| {
            format!("{corner:?} {count} times, first by seed {seed}")
        };
        self.0.iter().map(one).collect::<Vec<_>>().join("\n")
    }
}

/// The text of a token, without quotes.
fn text(token: &Token) -> String {
    match token {
        Token::Null | Token::Unchanged => String::new(),
        Token::Text(text) => text.clone(),
        Token::Json(json) => match serde_json::from_str::<serde_json::Value>(json) {
            Ok(serde_json::Value::String(text)) => text,
            Ok(_) | Err(_) => json.clone(),
        },
    }
}

fn of_record(spec: &EntitySpec, told: &Told) -> Vec<Corner> {
    if told.act == Act::Delete {
        return vec![Corner::Deleted];
    }
    let mut found = Vec::new();
    let (mut nulls, mut left_out) = (false, false);
    for (ix, field) in spec.fields.iter().enumerate() {
        let Some(name) = covenant_compiler::plan::source_name(spec, &told.source, ix) else {
            continue;
        };
        match told.members.get(name) {
            None if field.evolution.aliases.iter().all(|one| !told.members.contains_key(one)) => {
                left_out = true;
            }
            None => found.push(Corner::OldName),
            Some(Token::Null) => nulls = true,
            Some(Token::Unchanged) => found.push(Corner::Unchanged),
            Some(token) => found.extend(of_value(field, &text(token))),
        }
    }
    let pairs = [
        (nulls, Corner::Null),
        (left_out, Corner::LeftOut),
        (nulls && left_out, Corner::NullBesideLeftOut),
        (told.members.contains_key("unheard_of"), Corner::UnknownMember),
        (!told.before.is_empty(), Corner::Moved),
        (told.revision > 0, Corner::Replayed),
    ];
    found.extend(pairs.into_iter().filter(|(is, _)| *is).map(|(_, corner)| corner));
    found
}

fn of_value(field: &FieldSpec, text: &str) -> Vec<Corner> {
    let chars = text.chars().count();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let mut found = Vec::new();
    let mut when = |is: bool, corner| {
        if is {
            found.push(corner)
        }
    };
    match &*field.read_type() {
        LogicalType::String { max_chars } => {
            when(max_chars.is_some_and(|max| chars == max as usize), Corner::LongestText);
            when(text.is_empty(), Corner::EmptyText);
            when(!text.is_ascii(), Corner::BeyondAscii);
        }
        LogicalType::Decimal { precision, scale } => {
            let whole = digits.trim_start_matches('0').len();
            when(whole == usize::from(*precision), Corner::FullPrecision);
            let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
            let last = fraction.len() == usize::from(*scale) && !fraction.ends_with('0');
            when(last && *scale > 0, Corner::LastDigit);
        }
        LogicalType::Int32 => when(text == i32::MAX.to_string(), Corner::LargestInteger),
        LogicalType::Int64 => when(text == i64::MAX.to_string(), Corner::LargestInteger),
        LogicalType::Date | LogicalType::Timestamp => {
            when(text.starts_with("0001") || text.starts_with("9999"), Corner::OldestOrNewestDay);
        }
        LogicalType::Bool
        | LogicalType::Uuid
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => {}
    }
    if let LogicalType::Enum { symbols } = &field.ty {
        when(!symbols.iter().any(|symbol| symbol == text), Corner::UndeclaredSymbol);
    }
    if matches!(field.ty, LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. }) {
        when(digits.chars().all(|digit| digit == '0'), Corner::Zero);
        when(text.starts_with('-'), Corner::Negative);
    }
    found
}

fn of_sequence(all: &[Told]) -> Vec<Corner> {
    let mut found = Vec::new();
    let mut newest = BTreeMap::new();
    let mut deleted = false;
    for told in all {
        let newest = newest.entry(&told.source).or_insert(told.at);
        if told.at < *newest {
            found.push(Corner::Late);
        }
        *newest = told.at.max(*newest);
        if deleted && told.act == Act::Upsert {
            found.push(Corner::ToldAfterDelete);
        }
        deleted |= told.act == Act::Delete;
    }
    if newest.len() > 1 {
        found.push(Corner::SeveralSources);
    }
    found
}

/// The next record of a sequence, valid by itself or not.
pub(crate) fn step(
    dice: &mut StdRng,
    roles: Roles<'_>,
    sheets: &[Sheet],
    before: &[Told],
    at: u32,
) -> Option<Told> {
    let earlier = before.choose(dice).cloned();
    let row = |told: &Told| told.form == Form::Row && told.act == Act::Upsert;
    match (dice.random_range(0..10), earlier) {
        (0, Some(told)) if row(&told) => Some(told.deleted(at)),
        (1, Some(told)) if row(&told) => {
            let sheet = sheets.iter().find(|sheet| sheet.source == told.source)?;
            Some(record(dice, roles, sheet, at)?.moving(&told))
        }
        (2, Some(told)) => Some(Told { revision: told.revision + 1, ..told }),
        (3, Some(_)) => {
            // A place of its own: two different changes at one place are no source's order.
            let late = dice.random_range(0..at / SPACE) * SPACE + at / SPACE;
            let sheet = sheets.choose(dice)?;
            record(dice, roles, sheet, late)
        }
        _ => {
            let sheet = sheets.choose(dice)?;
            record(dice, roles, sheet, at)
        }
    }
}

/// A record of one of a few keys, with some members as they may be.
fn record(dice: &mut StdRng, roles: Roles<'_>, sheet: &Sheet, at: u32) -> Option<Told> {
    let spec = roles.writer.spec();
    let keys = compose::ids(spec, &spec.key);
    let mut fixed = BTreeMap::new();
    for (place, slot) in sheet.slots.iter().enumerate() {
        if slot.fields.iter().any(|id| keys.contains(id)) {
            let few = slot.valid.get(..slot.valid.len().min(KEYS))?;
            fixed.insert(place, few.choose(dice)?.clone());
        }
    }
    for _ in 0..DRAWN {
        let place = dice.random_range(0..sheet.slots.len());
        let slot = sheet.slots.get(place)?;
        // An envelope says where a record stands: no two say the same.
        if slot.fields.is_empty() && slot.name != "unheard_of" {
            continue;
        }
        let choice = slot.valid.choose(dice)?;
        fixed.entry(place).or_insert_with(|| choice.clone());
    }
    let told = sheet.compose(roles, &fixed, at, &|_| true);
    Some(by_old_name(dice, spec, sheet, &told).unwrap_or(told))
}

/// The record with one of the old names of a field, if it has any; every other time.
fn by_old_name(dice: &mut StdRng, spec: &EntitySpec, sheet: &Sheet, told: &Told) -> Option<Told> {
    let of = |field: &FieldSpec| {
        let place = sheet.slot_of(field.id)?;
        let alias = field.evolution.aliases.first()?;
        Some((place, alias.clone()))
    };
    let known: Vec<(usize, String)> = spec.fields.iter().filter_map(of).collect();
    let (place, alias) = known.choose(dice)?;
    dice.random_ratio(1, 2).then(|| sheet.calling(told, *place, alias))?
}
