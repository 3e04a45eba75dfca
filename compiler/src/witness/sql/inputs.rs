//! Rows for queries, made from the contracts of what they read: the columns that a query names, each with the plainest values, those
//! beside the query's own literals, and NULL where it may be.

use std::collections::BTreeSet;

use covenant_model::spec::{EntitySpec, FieldIx, ModelField, Protection};
use covenant_model::support::time;
use covenant_model::value::{LogicalType, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::value::{DAY_US, Sql};
use crate::plan::Plan;
use crate::witness::compose;
use crate::witness::values::{Declared, candidates};

/// Plain values of a column.
const PLAIN_MAX: usize = 3;
/// Longer texts prove nothing about a query.
const CHARS_MAX: usize = 40;

/// An entity or a model that is read.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name in the old contracts; none: the new query alone reads it.
    pub old: Option<String>,
    /// Its name in the new ones.
    pub new: Option<String>,
    /// Columns that either query names.
    pub columns: Vec<Column>,
}

/// A column that is read.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name on the old side; none: it is not there.
    pub old: Option<String>,
    /// Its name on the new side.
    pub new: Option<String>,
    /// What may stand in it, the plainest first. Never empty.
    pub values: Vec<Sql>,
}

/// Words and literals of both queries.
struct Said {
    words: BTreeSet<String>,
    numbers: Vec<i64>,
    texts: Vec<String>,
}

impl Said {
    fn by(queries: [&str; 2]) -> Self {
        let mut said = Self { words: BTreeSet::new(), numbers: Vec::new(), texts: Vec::new() };
        for query in queries {
            let tokens = Tokenizer::new(&GenericDialect {}, query).tokenize().unwrap_or_default();
            for token in tokens {
                said.hear(token);
            }
        }
        said
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "SQL has a hundred kinds of tokens; three of them are of interest"
    )]
    fn hear(&mut self, token: Token) {
        match token {
            Token::Word(word) => drop(self.words.insert(word.value.to_lowercase())),
            Token::Number(digits, _) => self.numbers.extend(digits.parse::<i64>().ok()),
            Token::SingleQuotedString(text) => self.texts.push(text),
            _ => {}
        }
    }
}

/// What both queries read, with the columns that either names.
pub fn inputs(old: &Plan, new: &Plan, names: [&[String]; 2], queries: [&str; 2]) -> Vec<Input> {
    let said = Said::by(queries);
    let mut found: Vec<Input> = Vec::new();
    for name in names[1] {
        let was = match new.entity(name) {
            Some(entity) => old.predecessor(entity).map(|entity| entity.name.clone()),
            None => old.models.iter().find(|model| model.name == *name).map(|one| one.name.clone()),
        };
        found.push(input(old, new, was.as_deref(), Some(name), &said));
    }
    for name in names[0] {
        if !found.iter().any(|input| input.old.as_ref() == Some(name)) {
            found.push(input(old, new, Some(name), None, &said));
        }
    }
    share(old, new, &mut found);
    meet(&mut found);
    found
}

/// Texts that one column of a name may hold are tried in the others of that name: patterns stand in one contract only.
fn share(old: &Plan, new: &Plan, inputs: &mut [Input]) {
    let all: Vec<Column> = inputs.iter().flat_map(|input| &input.columns).cloned().collect();
    for input in inputs {
        let sides = [(old, &input.old), (new, &input.new)];
        let sides = sides.map(|(plan, name)| name.as_ref().map(|name| fields(plan, name)));
        for column in &mut input.columns {
            let takes = |value: &Value| {
                sides.iter().zip([&column.old, &column.new]).all(|(fields, name)| {
                    let named = |field: &&Field<'_>| Some(field.name()) == name.as_deref();
                    let field = fields.as_ref().and_then(|all| all.iter().find(named));
                    field.is_none_or(|field| field.is_text() && field.takes(value))
                })
            };
            let alike = all.iter().filter(|other| other.name() == column.name());
            let texts = alike.flat_map(|other| &other.values).filter_map(|value| match value {
                Sql::Text(text) => Some(Value::Text(text.clone())),
                Sql::Null
                | Sql::Bool(_)
                | Sql::Number(_)
                | Sql::Day(_)
                | Sql::Instant(_)
                | Sql::Uuid(_)
                | Sql::Bytes(_) => None,
            });
            let more: Vec<Sql> = texts
                .filter(takes)
                .map(|value| Sql::of(&value, &LogicalType::Json))
                .filter(|value| !column.values.contains(value))
                .collect();
            column.values.extend(more);
        }
    }
}

impl Column {
    /// What it is called, on the new side where it is there.
    fn name(&self) -> Option<&String> {
        self.new.as_ref().or(self.old.as_ref())
    }
}

fn input(old: &Plan, new: &Plan, was: Option<&str>, is: Option<&str>, said: &Said) -> Input {
    let before = was.map(|name| fields(old, name)).unwrap_or_default();
    let after = is.map(|name| fields(new, name)).unwrap_or_default();
    let mut columns = Vec::new();
    for field in &after {
        let other = before.iter().find(|other| other.id() == field.id());
        columns.push((other, Some(field)));
    }
    for field in &before {
        if !after.iter().any(|other| other.id() == field.id()) {
            columns.push((Some(field), None));
        }
    }
    let named = |field: &Option<&Field<'_>>| {
        field.is_some_and(|field| said.words.contains(&field.name().to_lowercase()))
    };
    let columns = columns.into_iter().filter(|(old, new)| named(old) || named(new));
    let columns = columns.map(|(old, new)| {
        let values = match (old, new) {
            (Some(one), None) | (None, Some(one)) => values(one, None, said),
            (Some(old), Some(new)) => values(new, Some(old), said),
            (None, None) => Vec::new(),
        };
        let name = |field: Option<&Field<'_>>| field.map(|field| field.name().to_owned());
        Column { old: name(old), new: name(new), values }
    });
    let columns = columns.filter(|column| !column.values.is_empty()).collect();
    Input { old: was.map(str::to_owned), new: is.map(str::to_owned), columns }
}

/// A column that models can read.
enum Field<'a> {
    Entity(&'a EntitySpec, FieldIx),
    Model(&'a ModelField),
}

fn fields<'a>(plan: &'a Plan, name: &str) -> Vec<Field<'a>> {
    if let Some(entity) = plan.entity(name) {
        let dropped = |ix: &FieldIx| {
            let field = entity.fields.get(*ix);
            let pii = field.and_then(|field| field.pii.as_ref());
            pii.is_some_and(|pii| pii.protect == Protection::Drop)
        };
        let all = (0..entity.fields.len()).filter(|ix| !dropped(ix));
        return all.map(|ix| Field::Entity(entity, ix)).collect();
    }
    let model = plan.models.iter().find(|model| model.name == name);
    model.into_iter().flat_map(|model| &model.fields).map(Field::Model).collect()
}

impl Field<'_> {
    fn id(&self) -> u32 {
        match self {
            Self::Entity(entity, ix) => entity.fields.get(*ix).map_or(0, |field| field.id),
            Self::Model(field) => field.id,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Entity(entity, ix) => entity.fields.get(*ix).map_or("", |field| &field.name),
            Self::Model(field) => &field.name,
        }
    }

    /// The type of the column that is read: what is protected is a text.
    fn ty(&self) -> LogicalType {
        let (ty, pii) = match self {
            Self::Entity(entity, ix) => match entity.fields.get(*ix) {
                Some(field) => (field.read_type().into_owned(), field.pii.as_ref()),
                None => (LogicalType::Bool, None),
            },
            Self::Model(field) => (field.ty.clone(), field.pii.as_ref()),
        };
        match pii.map(|pii| pii.protect) {
            Some(Protection::Encrypt | Protection::Tokenize) => {
                LogicalType::String { max_chars: None }
            }
            Some(Protection::Mask | Protection::Drop) | None => ty,
        }
    }

    fn nullable(&self) -> bool {
        match self {
            Self::Entity(entity, ix) => {
                entity.fields.get(*ix).is_some_and(|field| field.nullable || field.optional)
            }
            Self::Model(field) => field.nullable,
        }
    }

    fn is_text(&self) -> bool {
        matches!(self.ty(), LogicalType::String { .. } | LogicalType::Enum { .. })
    }

    fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Entity(entity, ix) => compose::takes(entity, *ix, value),
            Self::Model(_) => true,
        }
    }
}

/// What both sides take.
fn values(field: &Field<'_>, other: Option<&Field<'_>>, said: &Said) -> Vec<Sql> {
    let ty = field.ty();
    let mut plain = match field {
        Field::Entity(entity, ix) => entity
            .fields
            .get(*ix)
            .map_or_else(Vec::new, |field| candidates(Declared { entity, field }, None)),
        Field::Model(_) => ordinary(&ty),
    };
    if !matches!(ty, LogicalType::Enum { .. }) {
        plain.retain(|value| {
            matches!(value, Value::Text(text) if text.chars().count() <= CHARS_MAX)
                || !matches!(value, Value::Text(_))
        });
    }
    let takes = |value: &Value| field.takes(value) && other.is_none_or(|other| other.takes(value));
    plain.retain(takes);
    if !matches!(ty, LogicalType::Enum { .. } | LogicalType::Bool) {
        plain.truncate(PLAIN_MAX);
    }
    let mut beside = beside(&ty, said);
    beside.retain(takes);
    let nulls = field.nullable() && other.is_none_or(Field::nullable);
    let mut found: Vec<Sql> = Vec::new();
    for value in plain.into_iter().chain(beside).chain(nulls.then_some(Value::Null)) {
        let value = Sql::of(&value, &ty);
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

/// Plain values of a type that nobody told more of.
fn ordinary(ty: &LogicalType) -> Vec<Value> {
    let day = time::date(b"2000-01-01").unwrap_or_default();
    match ty {
        LogicalType::Bool => vec![Value::Bool(false), Value::Bool(true)],
        LogicalType::Int32 | LogicalType::Int64 => [1, 2, 0].map(Value::Int).to_vec(),
        LogicalType::Decimal { scale, .. } => {
            let one = 10i128.checked_pow(u32::from(*scale)).unwrap_or(1);
            [one, 2 * one, 0].map(Value::Decimal).to_vec()
        }
        LogicalType::String { .. } => {
            ["x", "y", "z"].map(|one| Value::Text(one.to_owned())).to_vec()
        }
        LogicalType::Enum { symbols } => symbols.iter().cloned().map(Value::Text).collect(),
        LogicalType::Uuid => [1, 2, 3].map(Value::Uuid).to_vec(),
        LogicalType::Date => [day, day + 1, day + 2].map(Value::Date).to_vec(),
        LogicalType::Timestamp => {
            [0, 1, 2].map(|nth| Value::Timestamp(i64::from(day + nth) * DAY_US)).to_vec()
        }
        LogicalType::Json | LogicalType::Bytes => Vec::new(),
    }
}

/// Values at and beside the literals of the queries.
fn beside(ty: &LogicalType, said: &Said) -> Vec<Value> {
    let numbers = || said.numbers.iter().flat_map(|number| [*number, number + 1, number - 1]);
    match ty {
        LogicalType::Int32 | LogicalType::Int64 => numbers().map(Value::Int).collect(),
        LogicalType::Decimal { scale, .. } => {
            let one = 10i128.checked_pow(u32::from(*scale)).unwrap_or(1);
            numbers().map(|number| Value::Decimal(i128::from(number) * one)).collect()
        }
        LogicalType::String { .. } | LogicalType::Enum { .. } => {
            said.texts.iter().cloned().map(Value::Text).collect()
        }
        LogicalType::Date | LogicalType::Timestamp => {
            let days = said
                .texts
                .iter()
                .filter_map(|text| time::date(text.as_bytes().get(..10).unwrap_or_default()));
            // Intervals in days lead back from the plainest day.
            let plain = time::date(b"2000-01-01").unwrap_or_default();
            let back = numbers().filter_map(|days| plain.checked_sub(i32::try_from(days).ok()?));
            let all = days.flat_map(|day| [day, day + 1, day - 1]).chain(back);
            match ty {
                LogicalType::Date => all.map(Value::Date).collect(),
                LogicalType::Bool
                | LogicalType::Int32
                | LogicalType::Int64
                | LogicalType::Decimal { .. }
                | LogicalType::String { .. }
                | LogicalType::Uuid
                | LogicalType::Timestamp
                | LogicalType::Enum { .. }
                | LogicalType::Json
                | LogicalType::Bytes => {
                    all.map(|day| Value::Timestamp(i64::from(day) * DAY_US)).collect()
                }
            }
        }
        LogicalType::Bool | LogicalType::Uuid | LogicalType::Json | LogicalType::Bytes => {
            Vec::new()
        }
    }
}

/// Columns of one name in several tables begin with what all of them take, so that joins on them find something.
fn meet(inputs: &mut [Input]) {
    let all: Vec<Column> = inputs.iter().flat_map(|input| &input.columns).cloned().collect();
    for column in inputs.iter_mut().flat_map(|input| &mut input.columns) {
        let named = |other: &&Column| other.name() == column.name();
        let alike = || all.iter().filter(named).map(|other| &other.values);
        // The order of the first of them counts for all.
        let first = alike().next().cloned().unwrap_or_default();
        let shared: Vec<Sql> = alike()
            .flatten()
            .filter(|value| alike().all(|values| values.contains(value)))
            .cloned()
            .collect();
        let place = |value: &Sql| first.iter().position(|one| one == value).unwrap_or(usize::MAX);
        column.values.sort_by_key(|value| (!shared.contains(value), place(value)));
    }
}
