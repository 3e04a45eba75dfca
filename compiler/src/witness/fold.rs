//! Records told to a contract, and what it makes of them: refused with every reason, or folded into rows. Rows are compared by
//! field id, so that a renamed field is the same field.

use std::collections::BTreeMap;

use covenant_model::change::{
    self, Change, ChangeError, Key, Op, Origin, Protect, ProtectError, Site,
};
use covenant_model::codec::PgDatum;
use covenant_model::columns::{self, ColumnPart, StoredColumn};
use covenant_model::join::{RowState, Table};
use covenant_model::record::{Record, Violation};
use covenant_model::spec::{EntitySpec, FieldSpec, KeyChange, PiiSpec, Protection, SourceSpec};
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
    /// What it counts, where the contract says so: `EUR`.
    pub unit: Option<String>,
    /// The class that hides it from most readers, where it is stored in the open.
    pub masked: Option<String>,
}

impl Typed {
    /// A value of a field, as the field's contract declares it.
    pub fn of(field: &FieldSpec, value: Value) -> Self {
        let hides = |pii: &&PiiSpec| pii.protect == Protection::Mask;
        let masked = field.pii.as_ref().filter(hides).map(|pii| pii.class.clone());
        Self { value, ty: field.read_type().into_owned(), unit: field.unit.clone(), masked }
    }

    /// Whether both mean the same: numbers count with their scale and unit, open texts with who may see them; limits of types do
    /// not count.
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
        let meant = |one: &Self| (scale(&one.ty), one.unit.clone(), one.masked.clone());
        self.value == other.value && (self.value.is_null() || meant(self) == meant(other))
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
        let derived = derive(interpreter, one);
        for change in &derived.changes {
            table.fold(change);
        }
        verdicts.push(match derived.refused.is_empty() {
            true => Verdict::Accepted,
            false => Verdict::Refused(derived.refused),
        });
    }
    let spec = interpreter.spec();
    let rows = table.rows().iter().map(|(key, state)| (key_of(spec, key), folded(spec, state)));
    Outcome { verdicts, rows: rows.collect() }
}

/// What one record comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Derived {
    /// In the order in which they are folded. A refused record may leave one: the old key of a row that moved.
    pub changes: Vec<Change>,
    /// Every rule that it breaks; empty for a valid one.
    pub refused: Vec<Violation>,
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

/// The changes of one record, as capture derives them.
pub fn derive(interpreter: Interpreter<'_>, told: &Told) -> Derived {
    let spec = interpreter.spec();
    let made = match told.act {
        Act::Delete => delete_key(interpreter, told, &told.members)
            .map(|key| vec![change::delete_of(spec, key, &origin(interpreter, told, 1, None))]),
        Act::Upsert if told.before.is_empty() => {
            upsert(interpreter, told, 1, None).map(|change| vec![change])
        }
        Act::Upsert => return moved(interpreter, told),
    };
    match made {
        Ok(changes) => Derived { changes, refused: Vec::new() },
        Err(refused) => Derived { changes: Vec::new(), refused },
    }
}

/// Where a record stands. `ordinal`: its place among the changes that one record makes, from 1.
fn origin<'t>(
    interpreter: Interpreter<'_>,
    told: &'t Told,
    ordinal: u32,
    moved_from: Option<Key>,
) -> Origin<'t> {
    let (order, event_id) = order_of(interpreter, told);
    let position = match told.form {
        Form::Row => Position::streamed(Lsn(order), ordinal),
        Form::Event => Position::event(order, &event_id),
        Form::Salesforce => Position::polled(order),
    };
    let op = match told.act {
        Act::Upsert => Op::Upsert,
        Act::Delete => Op::Delete,
    };
    let version = Version::new(Incarnation::FIRST, position, Revision(told.revision));
    Origin { source: &told.source, version, committed_at_us: 0, op, moved_from }
}

fn upsert(
    interpreter: Interpreter<'_>,
    told: &Told,
    ordinal: u32,
    moved_from: Option<Key>,
) -> Result<Change, Vec<Violation>> {
    let record = read(interpreter, told)?;
    let origin = origin(interpreter, told, ordinal, moved_from);
    change::change_of(interpreter.spec(), &record, &origin, &Sealed).map_err(|error| {
        let message = error.to_string();
        vec![Violation { field: Some(field_of(error)), rule: "change".to_owned(), message }]
    })
}

/// The field that a valid record cannot become a change for.
fn field_of(error: ChangeError) -> String {
    match error {
        ChangeError::KeyMissing { field, .. }
        | ChangeError::PartialGroup { field, .. }
        | ChangeError::NoGuard { field, .. } => field,
        ChangeError::Protect(error) => error.field,
    }
}

/// An update of the key: the row that was is deleted, and all that is known of it goes along. As in capture, the old key is gone
/// even where the new row is refused, and only the source that owns a row's existence may move it.
fn moved(interpreter: Interpreter<'_>, told: &Told) -> Derived {
    let spec = interpreter.spec();
    let refuse = |refused| Derived { changes: Vec::new(), refused };
    let before = match delete_key(interpreter, told, &told.before) {
        Ok(before) => before,
        Err(refused) => return refuse(refused),
    };
    let after = delete_key(interpreter, told, &told.members);
    if after.is_err() || after.as_ref() == Ok(&before) {
        return match upsert(interpreter, told, 1, None) {
            Ok(change) => Derived { changes: vec![change], refused: Vec::new() },
            Err(refused) => refuse(refused),
        };
    }
    if spec.key_change != KeyChange::Rekey || spec.existence_owner != told.source {
        let message = "the key of the row has changed, which its contract rejects".to_owned();
        return refuse(vec![Violation { field: None, rule: "key_change".to_owned(), message }]);
    }
    let gone = Origin { op: Op::Delete, ..origin(interpreter, told, 1, None) };
    let mut changes = vec![change::delete_of(spec, before.clone(), &gone)];
    match upsert(interpreter, told, 2, Some(before)) {
        Ok(change) => changes.push(change),
        Err(refused) => return Derived { changes, refused },
    }
    Derived { changes, refused: Vec::new() }
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

/// The key alone, of a row that was deleted or moved: only tables tell those.
fn delete_key(
    interpreter: Interpreter<'_>,
    told: &Told,
    members: &BTreeMap<String, Token>,
) -> Result<Key, Vec<Violation>> {
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    let tuple: Vec<PgDatum<'_>> = members.values().map(datum).collect();
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
            let field = spec.fields.get(column.field);
            let plain = field.filter(|_| id.part == Part::Plain);
            let meant = plain.map(|field| Typed::of(field, Value::Null));
            let (unit, masked) = meant.map_or((None, None), |one| (one.unit, one.masked));
            found.insert(id, Typed { value: value.clone(), ty: column.ty, unit, masked });
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
    /// The text of a column that is stored protected.
    pub fn sealed(part: Part, class: &str, plain: &Value) -> String {
        Self::text(if part == Part::Token { "token" } else { "sealed" }, class, plain)
    }

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
