//! Records told to a contract, and what it makes of them: refused with every reason, or folded into rows. Rows are compared by
//! field id, so that a renamed field is the same field.

use std::collections::BTreeMap;

use covenant_model::change::{self, Change, Key, Op, Origin, Protect, ProtectError, Site};
use covenant_model::codec::PgDatum;
use covenant_model::columns::{self, ColumnPart, StoredColumn};
use covenant_model::join::{RowState, Table};
use covenant_model::record::{Record, Violation};
use covenant_model::spec::{EntitySpec, SourceSpec};
use covenant_model::value::{LogicalType, Value};
use covenant_model::version::{Incarnation, Lsn, Position, Revision, Version};
use serde::Serialize;

use super::interpret::Interpreter;
use super::told::{Act, Form, Token, Told};

/// Whether a contract takes a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is valid.
    Accepted,
    /// Every rule that it breaks.
    Refused(Vec<Violation>),
}

impl Verdict {
    /// Whether it is valid.
    pub fn accepted(&self) -> bool {
        matches!(self, Self::Accepted)
    }
}

/// Which stored column: the field's stable id, and what is stored of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnId {
    /// Stable id of the field.
    pub field: u32,
    /// What the column holds of it.
    pub part: Part,
}

/// [`ColumnPart`], ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The value itself.
    Plain,
    /// Ciphertext.
    Cipher,
    /// Keyed token.
    Token,
}

/// A value with the type that gives it meaning.
#[derive(Clone, PartialEq, Eq)]
pub struct Typed {
    /// The value.
    pub value: Value,
    /// Its column's type.
    pub ty: LogicalType,
}

impl Typed {
    /// Whether both mean the same: values of decimals count with their scale, limits of types do not count.
    pub fn same(&self, other: &Self) -> bool {
        let scale = |ty: &LogicalType| match ty {
            LogicalType::Decimal { scale, .. } => Some(*scale),
            LogicalType::Bool
            | LogicalType::Int32
            | LogicalType::Int64
            | LogicalType::String { .. }
            | LogicalType::Uuid
            | LogicalType::Date
            | LogicalType::Timestamp
            | LogicalType::Enum { .. }
            | LogicalType::Json
            | LogicalType::Bytes => None,
        };
        self.value == other.value && (self.value.is_null() || scale(&self.ty) == scale(&other.ty))
    }
}

/// A folded row.
#[derive(Clone, PartialEq, Eq)]
pub struct Folded {
    /// Whether it is there, deleted (`false`), or not heard of by the owner of its existence.
    pub alive: Option<bool>,
    /// What its columns hold; nothing for a group that nobody has told.
    pub columns: BTreeMap<ColumnId, Typed>,
}

/// What a contract makes of a sequence of records.
#[derive(Clone)]
pub struct Outcome {
    /// One per record.
    pub verdicts: Vec<Verdict>,
    /// By key: (field id, value), by field id.
    pub rows: BTreeMap<Vec<(u32, Value)>, Folded>,
}

impl Outcome {
    /// Whether every record is valid.
    pub fn accepted(&self) -> bool {
        self.verdicts.iter().all(Verdict::accepted)
    }
}

/// Tells a contract a sequence of records.
pub fn run(interpreter: Interpreter<'_>, told: &[Told]) -> Outcome {
    let mut table = Table::default();
    let mut verdicts = Vec::with_capacity(told.len());
    for one in told {
        verdicts.push(match change_of(interpreter, one) {
            Ok(change) => {
                table.fold(&change);
                Verdict::Accepted
            }
            Err(violations) => Verdict::Refused(violations),
        });
    }
    let spec = interpreter.spec();
    let rows = table.rows().iter().map(|(key, state)| (key_of(spec, key), folded(spec, state)));
    Outcome { verdicts, rows: rows.collect() }
}

/// Reads one record.
///
/// # Errors
/// Every rule that it breaks.
pub fn read(interpreter: Interpreter<'_>, told: &Told) -> Result<Record, Vec<Violation>> {
    let read = match told.form {
        Form::Row => {
            let names: Vec<&str> = told.members.keys().map(String::as_str).collect();
            let tuple: Vec<PgDatum<'_>> = told.members.values().map(datum).collect();
            let map = interpreter.columns(&told.source, &names);
            interpreter.decode_pg(&told.source, &map, &tuple)
        }
        Form::Event => {
            interpreter.decode_event(&told.source, told.json().as_bytes()).map(|event| event.record)
        }
        Form::Salesforce => interpreter.decode_salesforce(&told.source, told.json().as_bytes()),
    };
    read.map_err(|violations| violations.all)
}

fn datum(token: &Token) -> PgDatum<'_> {
    match token {
        Token::Null => PgDatum::Null,
        Token::Unchanged => PgDatum::Unchanged,
        Token::Text(text) | Token::Json(text) => PgDatum::Text(text.as_bytes()),
    }
}

fn change_of(interpreter: Interpreter<'_>, told: &Told) -> Result<Change, Vec<Violation>> {
    let spec = interpreter.spec();
    let (order, event_id) = order_of(interpreter, told);
    let position = match told.form {
        Form::Row => Position::streamed(Lsn(order), 1),
        Form::Event => Position::event(order, &event_id),
        Form::Salesforce => Position::polled(order),
    };
    let op = match told.act {
        Act::Upsert => Op::Upsert,
        Act::Delete => Op::Delete,
    };
    let origin = Origin {
        source: &told.source,
        version: Version::new(Incarnation::FIRST, position, Revision(0)),
        committed_at_us: 0,
        op,
        moved_from: None,
    };
    if told.act == Act::Delete {
        let key = delete_key(interpreter, told)?;
        return Ok(change::delete_of(spec, key, &origin));
    }
    let record = read(interpreter, told)?;
    change::change_of(spec, &record, &origin, &Sealed).map_err(|error| {
        let message = error.to_string();
        vec![Violation { field: None, rule: "change".to_owned(), message }]
    })
}

/// What orders a record, and the id that breaks ties.
fn order_of(interpreter: Interpreter<'_>, told: &Told) -> (u64, String) {
    let by_hand = (u64::from(told.at), String::new());
    if told.form != Form::Event {
        return by_hand;
    }
    interpreter
        .decode_event(&told.source, told.json().as_bytes())
        .map_or(by_hand, |event| (event.order, event.event_id))
}

/// The key of a deleted row: only tables tell deletes.
fn delete_key(interpreter: Interpreter<'_>, told: &Told) -> Result<Key, Vec<Violation>> {
    let names: Vec<&str> = told.members.keys().map(String::as_str).collect();
    let tuple: Vec<PgDatum<'_>> = told.members.values().map(datum).collect();
    let map = interpreter.columns(&told.source, &names);
    interpreter.decode_pg_key(&map, &tuple).map(Key).map_err(|violations| violations.all)
}

fn key_of(spec: &EntitySpec, key: &Key) -> Vec<(u32, Value)> {
    let ids = spec.key.iter().map(|ix| spec.fields.get(*ix).map_or(0, |field| field.id));
    let mut named: Vec<(u32, Value)> = ids.zip(key.0.iter().cloned()).collect();
    named.sort();
    named
}

fn folded(spec: &EntitySpec, state: &RowState) -> Folded {
    let mut found = BTreeMap::new();
    for (ix, group) in state.groups.iter().enumerate() {
        let Some(group) = group else { continue };
        for (column, value) in columns::of_group(spec, ix).into_iter().zip(&group.values) {
            let id = column_id(spec, &column);
            found.insert(id, Typed { value: value.clone(), ty: column.ty });
        }
    }
    Folded { alive: state.existence.map(|existence| existence.alive), columns: found }
}

fn column_id(spec: &EntitySpec, column: &StoredColumn) -> ColumnId {
    let part = match column.part {
        ColumnPart::Plain => Part::Plain,
        ColumnPart::Cipher => Part::Cipher,
        ColumnPart::Token => Part::Token,
    };
    ColumnId { field: spec.fields.get(column.field).map_or(0, |field| field.id), part }
}

/// How a source of a contract spells its records.
pub fn form_of(spec: &SourceSpec) -> Form {
    match spec {
        SourceSpec::Postgres { .. } => Form::Row,
        SourceSpec::Stream { .. } => Form::Event,
        SourceSpec::Salesforce { .. } => Form::Salesforce,
    }
}

/// Stands in for the keys: equal plaintexts of a class seal to equal texts, others to others.
pub struct Sealed;

impl Sealed {
    fn text(what: &str, class: &str, plain: &Value) -> String {
        let mut bytes = Vec::new();
        plain.canonical(&mut bytes);
        format!("{what}({class}, {})", hex::encode(bytes))
    }
}

impl Protect for Sealed {
    fn encrypt(&self, site: &Site<'_>, plain: &Value) -> Result<(String, String), ProtectError> {
        Ok((Self::text("sealed", site.class, plain), Self::text("token", site.class, plain)))
    }

    fn token(&self, site: &Site<'_>, plain: &Value) -> Result<String, ProtectError> {
        Ok(Self::text("token", site.class, plain))
    }
}

/// How two outcomes of one telling differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Other keys: the rows are other rows.
    Keys,
    /// One side holds the row alive, the other deleted or unheard of.
    Alive,
    /// The columns of fields that both sides have, by stable id, sorted.
    Fields(Vec<u32>),
}

/// Compares what both sides know: fields that only one of them has are left out. `None`: the same.
pub fn difference(
    (old_spec, old): (&EntitySpec, &Outcome),
    (new_spec, new): (&EntitySpec, &Outcome),
) -> Option<Difference> {
    if !old.rows.keys().eq(new.rows.keys()) {
        return Some(Difference::Keys);
    }
    let shared = |id: u32| {
        let has = |spec: &EntitySpec| spec.fields.iter().any(|field| field.id == id);
        has(old_spec) && has(new_spec)
    };
    let mut fields = Vec::new();
    for (mine, theirs) in old.rows.values().zip(new.rows.values()) {
        if mine.alive != theirs.alive {
            return Some(Difference::Alive);
        }
        let ids = mine.columns.keys().chain(theirs.columns.keys());
        for id in ids.filter(|id| shared(id.field)) {
            if !same(mine.columns.get(id), theirs.columns.get(id)) {
                fields.push(id.field);
            }
        }
    }
    fields.sort_unstable();
    fields.dedup();
    (!fields.is_empty()).then_some(Difference::Fields(fields))
}

/// A column that nobody has told holds NULL.
fn same(mine: Option<&Typed>, theirs: Option<&Typed>) -> bool {
    match (mine, theirs) {
        (Some(mine), Some(theirs)) => mine.same(theirs),
        (Some(one), None) | (None, Some(one)) => one.value.is_null(),
        (None, None) => true,
    }
}
