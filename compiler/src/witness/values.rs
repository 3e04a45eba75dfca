//! Values worth telling: where types and rules of a field begin and end, the plainest first. Clearly made up: nothing here looks
//! like anybody's data.

use covenant_model::expr::Expr;
use covenant_model::spec::{EntitySpec, FieldSpec};
use covenant_model::value::{LogicalType, Value};

use super::language::{self, Texts};
use super::told::{Form, instant};
use crate::emit::rust::bounds;

/// Longest text that is tried; beyond it stands no limit that a sink has (Salesforce: 131,072).
const TEXT_CHARS_MAX: u32 = 140_000;
/// 2000-01-01.
const PLAIN_DAY: i32 = 10_957;
/// 2000-01-01T00:00:00Z.
const PLAIN_INSTANT_US: i64 = 946_684_800_000_000;
const US_PER_DAY: i128 = 86_400_000_000;
/// 0001-01-01 and 9999-12-31.
const DAYS: (i128, i128) = (-719_162, 2_932_896);
/// A UUID of version 4 that nobody has drawn.
const PLAIN_UUID: u128 = 0x0000_0000_0000_4000_8000_0000_0000_0001;
const PLAIN_MAIL: &str = "witness@example.invalid";
/// For short columns.
const SHORT_MAILS: [&str; 3] = ["x@y.zz", "x@y.z", "x@y"];

/// The n-th second of 2000, as RFC 3339 writes it.
pub(super) fn nth_instant(nth: u32) -> String {
    instant(Form::Event, PLAIN_INSTANT_US + i64::from(nth) * 1_000_000).unwrap_or_default()
}

/// A field as a contract declares it.
#[derive(Clone, Copy)]
pub struct Declared<'a> {
    /// The contract.
    pub entity: &'a EntitySpec,
    /// The field.
    pub field: &'a FieldSpec,
}

/// Values of the writer's type at the edges of both declarations, valid or not, without repeats.
pub fn candidates(writer: Declared<'_>, other: Option<Declared<'_>>) -> Vec<Value> {
    let sides: Vec<Declared<'_>> = [Some(writer), other].into_iter().flatten().collect();
    let narrow = |number: i128| i64::try_from(number).ok();
    let numbers = || numbers(writer, &sides);
    let found: Vec<Value> = match &writer.field.ty {
        LogicalType::Bool => vec![Value::Bool(false), Value::Bool(true)],
        LogicalType::Int32 | LogicalType::Int64 => {
            numbers().into_iter().filter_map(narrow).map(Value::Int).collect()
        }
        LogicalType::Decimal { .. } => numbers().into_iter().map(Value::Decimal).collect(),
        LogicalType::Date => {
            let day = |number: i128| i32::try_from(number).ok().map(Value::Date);
            numbers().into_iter().filter_map(day).collect()
        }
        LogicalType::Timestamp => {
            numbers().into_iter().filter_map(narrow).map(Value::Timestamp).collect()
        }
        LogicalType::String { .. } | LogicalType::Enum { .. } => {
            texts(writer, &sides).into_iter().map(Value::Text).collect()
        }
        LogicalType::Uuid => (0..3).map(|nth| Value::Uuid(PLAIN_UUID + nth)).collect(),
        LogicalType::Json => ["{}", "[]", "{\"a\":1}", "1", "\"x\""].map(text).to_vec(),
        LogicalType::Bytes => [&[0][..], &[], &[255, 0]].map(|b| Value::Bytes(b.to_vec())).to_vec(),
    };
    let mut unique = Vec::with_capacity(found.len());
    for value in found {
        if !unique.contains(&value) {
            unique.push(value);
        }
    }
    unique
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Numbers in the unit of the writer's type.
fn numbers(writer: Declared<'_>, sides: &[Declared<'_>]) -> Vec<i128> {
    let Some(unit) = Unit::of(&writer.field.ty) else { return Vec::new() };
    let plain = unit.plain();
    let mut found = Vec::new();
    let mut edges = Vec::new();
    for side in sides {
        let Some(from) = Unit::of(&side.field.ty) else { continue };
        let (low, high) = limits(&side.field.ty);
        let declared = [&side.field.min, &side.field.max].map(|bound| {
            bound.as_ref().and_then(|text| bounds::number(side.entity, side.field, text).ok())
        });
        let inner = [declared[0], declared[1], Some(low), Some(high)];
        edges.extend(inner.into_iter().flatten().filter_map(|number| unit.from(from, number)));
        let said = literals(*side).into_iter().filter_map(|literal| match literal {
            Literal::Number(unscaled, scale) => unit.from(Unit::Scaled(scale), unscaled),
            Literal::Text(_) => None,
        });
        edges.extend(said);
    }
    // The plainest number within the declared bounds stands first.
    let low = edges.first().copied().filter(|_| writer.field.min.is_some());
    found.extend(plain.iter().copied().map(|number| low.map_or(number, |low| number.max(low))));
    found.extend(plain);
    for edge in edges {
        found.extend([edge, edge.saturating_add(1), edge.saturating_sub(1)]);
    }
    found
}

/// The literals of every quality rule that reads the field: values beside them are where rules begin and end.
fn literals(of: Declared<'_>) -> Vec<Literal<'_>> {
    let mut found = Vec::new();
    for rule in &of.entity.quality {
        let read = rule.expect.fields();
        let named = |ix: &usize| of.entity.fields.get(*ix).map(|field| field.id);
        if read.iter().any(|ix| named(ix) == Some(of.field.id)) {
            collect(&rule.expect, &mut found);
        }
    }
    found
}

enum Literal<'a> {
    /// Unscaled, and its scale.
    Number(i128, u8),
    Text(&'a str),
}

fn collect<'a>(expr: &'a Expr, found: &mut Vec<Literal<'a>>) {
    match expr {
        Expr::Number { unscaled, scale } => {
            found.push(Literal::Number(i128::from(*unscaled), *scale));
        }
        Expr::Text(text) => found.push(Literal::Text(text)),
        Expr::Field(_) | Expr::IsNull(_) | Expr::Bool(_) => {}
        Expr::Arithmetic(_, left, right)
        | Expr::Compare(_, left, right)
        | Expr::And(left, right)
        | Expr::Or(left, right) => {
            collect(left, found);
            collect(right, found);
        }
        Expr::Not(inner) => collect(inner, found),
        Expr::In(inner, options) => {
            collect(inner, found);
            options.iter().for_each(|option| collect(option, found));
        }
    }
}

/// What a number of a type counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Powers of ten below one.
    Scaled(u8),
    Days,
    Micros,
}

impl Unit {
    fn of(ty: &LogicalType) -> Option<Self> {
        match ty {
            LogicalType::Int32 | LogicalType::Int64 => Some(Self::Scaled(0)),
            LogicalType::Decimal { scale, .. } => Some(Self::Scaled(*scale)),
            LogicalType::Date => Some(Self::Days),
            LogicalType::Timestamp => Some(Self::Micros),
            LogicalType::Bool
            | LogicalType::String { .. }
            | LogicalType::Uuid
            | LogicalType::Enum { .. }
            | LogicalType::Json
            | LogicalType::Bytes => None,
        }
    }

    fn plain(self) -> Vec<i128> {
        match self {
            Self::Scaled(0) => vec![1, 2, 0, -1],
            Self::Scaled(scale) => {
                let one = 10i128.checked_pow(u32::from(scale)).unwrap_or(1);
                vec![one, one * 2, 0, 1, -one]
            }
            Self::Days => (0..3).map(|nth| i128::from(PLAIN_DAY) + nth).collect(),
            Self::Micros => {
                // A part of a second and a part of a day show what a coarser type loses.
                let plain = i128::from(PLAIN_INSTANT_US);
                vec![plain, plain + 3_600_000_000, plain + 1]
            }
        }
    }

    /// A number of another unit in this one; none where they count different things.
    fn from(self, other: Self, number: i128) -> Option<i128> {
        match (self, other) {
            (Self::Scaled(to), Self::Scaled(from)) if to >= from => {
                number.checked_mul(10i128.checked_pow(u32::from(to - from))?)
            }
            (Self::Scaled(to), Self::Scaled(from)) => {
                Some(number.div_euclid(10i128.checked_pow(u32::from(from - to))?))
            }
            (Self::Days, Self::Days) | (Self::Micros, Self::Micros) => Some(number),
            (Self::Scaled(_) | Self::Days | Self::Micros, _) => None,
        }
    }
}

/// The least and the largest number of a type.
pub(super) fn limits(ty: &LogicalType) -> (i128, i128) {
    match ty {
        LogicalType::Int32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
        LogicalType::Int64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
        LogicalType::Decimal { precision, .. } => {
            let most = 10i128.checked_pow(u32::from(*precision)).unwrap_or(i128::MAX) - 1;
            (-most, most)
        }
        LogicalType::Date => DAYS,
        LogicalType::Timestamp => (DAYS.0 * US_PER_DAY, (DAYS.1 + 1) * US_PER_DAY - 1),
        LogicalType::Bool
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => (0, 0),
    }
}

fn texts(writer: Declared<'_>, sides: &[Declared<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    let mut within: Vec<Texts<'_>> = sides.iter().map(|side| texts_of(side.field)).collect();
    within.dedup();
    if sides.iter().any(|side| side.field.format.is_some()) {
        found.push(PLAIN_MAIL.to_owned());
        found.extend((1..3).map(|nth| format!("witness-{nth}@example.invalid")));
        found.extend(SHORT_MAILS.map(str::to_owned));
    }
    for side in sides {
        found.extend(literals(*side).into_iter().filter_map(|literal| match literal {
            Literal::Text(text) => Some(text.to_owned()),
            Literal::Number(..) => None,
        }));
        if let LogicalType::Enum { symbols } = &side.field.ty {
            found.extend(symbols.iter().cloned());
            found.extend(side.field.evolution.renamed.keys().cloned());
        }
    }
    for set in &within {
        if let (Some(_), Ok(Some(shape))) = (set.pattern, language::example(*set)) {
            found.extend((0..3).map(|nth| shape.text(nth)));
        }
    }
    // What only one side takes, both ways.
    let pairs = within.iter().flat_map(|a| within.iter().map(move |b| (a, b)));
    for (these, those) in pairs.filter(|(these, those)| these != those) {
        if let Ok(Some(shape)) = language::outside(*these, *those) {
            found.push(shape.text(0));
        }
    }
    found.extend(["x", "y", "z", "", "1", "true", "2000-01-01", "😀"].map(str::to_owned));
    if matches!(*writer.field.read_type(), LogicalType::String { .. }) {
        let limits = sides.iter().filter_map(|side| texts_of(side.field).max_chars);
        for limit in limits.filter(|limit| *limit < TEXT_CHARS_MAX) {
            found.extend([limit, limit + 1].map(|chars| "x".repeat(chars as usize)));
            found.push(mail_of(limit + 1));
        }
    }
    found
}

/// An address of so many characters, where there is room for one.
fn mail_of(chars: u32) -> String {
    const LOCAL_CHARS: usize = 10;
    const LABEL_CHARS: usize = 60;
    let mut mail = format!("{}@", "w".repeat(LOCAL_CHARS));
    let end = ".invalid";
    let room = (chars as usize).saturating_sub(mail.len() + end.len());
    let labels: Vec<String> = (0..room)
        .map(|place| if place % (LABEL_CHARS + 1) == LABEL_CHARS { '.' } else { 'x' })
        .collect::<String>()
        .split('.')
        .map(str::to_owned)
        .collect();
    mail.push_str(labels.join(".").trim_end_matches('.'));
    mail.push_str(end);
    mail
}

/// The texts that a declaration allows, its format aside.
fn texts_of(field: &FieldSpec) -> Texts<'_> {
    let max_chars = match &*field.read_type() {
        LogicalType::String { max_chars } => *max_chars,
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => None,
    };
    Texts { pattern: field.pattern.as_deref(), max_chars }
}
