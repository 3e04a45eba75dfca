//! The rows that there are, and those that a test expects.

use covenant_model::spec::{EntitySpec, FieldSpec, Protection};
use covenant_model::support::check::{self, Check};
use covenant_model::support::raw::Raw;
use covenant_model::support::scalar::Any;
use covenant_model::support::table::{Entity, Field};
use covenant_model::support::time::Spelling;
use covenant_model::value::{LogicalType, Value};

use super::tell::is_harmless;
use super::{Case, Expected, ExpectedRow};
use crate::diagnostic::{Diagnostic, Sink, codes};
use crate::parse::{Kind, Node};
use crate::witness::fold::{Folded, Outcome, Part, Sealed};
use crate::witness::interpret;
use crate::witness::told::{Form, spellings};

/// A row that everybody sees: its key by field id, and what it holds.
type Row<'o> = (&'o Vec<(u32, Value)>, &'o Folded);

/// A field of a row that is expected, and its value.
struct Wanted<'c> {
    field: &'c FieldSpec,
    value: Value,
    node: &'c Node,
}

/// Compares what there is with what is expected; whether it is the same.
pub(super) fn judge(spec: &EntitySpec, case: &Case, outcome: &Outcome, sink: &Sink) -> bool {
    let Some(expected) = &case.expect else { return true };
    let before = sink.len();
    let mut left: Vec<Row<'_>> =
        outcome.rows.iter().filter(|(_, row)| row.alive == Some(true)).collect();
    let alone = left.len() == 1 && expected.rows.len() == 1;
    for row in &expected.rows {
        let Some(wanted) = wanted(spec, row, sink) else { continue };
        let place = match key(spec, &wanted) {
            Some(key) => left.iter().position(|(at, _)| **at == key),
            None if alone => Some(0),
            None => {
                without_key(spec, row, sink);
                continue;
            }
        };
        match place {
            Some(place) => compare(spec, case, left.remove(place), &wanted, sink),
            None => absent(spec, case, row, &wanted, outcome, sink),
        }
    }
    // With a row that could not be read nobody knows which are left.
    if sink.len() == before {
        unexpected(spec, case, expected, &left, sink);
    }
    sink.len() == before
}

fn wanted<'c>(spec: &'c EntitySpec, row: &'c ExpectedRow, sink: &Sink) -> Option<Vec<Wanted<'c>>> {
    let mut found = Vec::new();
    let before = sink.len();
    for entry in &row.fields {
        let Some(field) = spec.fields.iter().find(|field| field.name == entry.key) else {
            let text = format!("{} has no field `{}`", spec.name, entry.key);
            let names = spec.fields.iter().map(|field| field.name.as_str());
            sink.push(
                Diagnostic::new(&codes::CASE_NAMES, entry.key_span, text)
                    .suggest(&entry.key, names)
                    .why("rows have the contract's names, whatever the sources call them"),
            );
            continue;
        };
        if field.pii.as_ref().is_some_and(|pii| pii.protect == Protection::Drop) {
            let text = format!("{} is never kept", field.name);
            sink.push(Diagnostic::new(&codes::CASE_NAMES, entry.key_span, text));
            continue;
        }
        if !is_harmless(sink, field, &entry.value) {
            continue;
        }
        match value(field, &entry.value) {
            Ok(value) => found.push(Wanted { field, value, node: &entry.value }),
            Err(why) => {
                let text = format!("{} never holds this value", field.name);
                sink.push(
                    Diagnostic::new(&codes::CASE_NAMES, entry.value.span, text)
                        .at(why)
                        .why(format!("it is declared as {}", field.ty)),
                );
            }
        }
    }
    (sink.len() == before).then_some(found)
}

/// A value as the contract reads it.
fn value(field: &FieldSpec, node: &Node) -> Result<Value, String> {
    if node.is_nothing() {
        return Ok(Value::Null);
    }
    let Kind::Scalar { text, .. } = &node.kind else {
        return Err("a value is written as one text".to_owned());
    };
    let symbols = interpret::symbols_of(field);
    let fields = [Field::new(&field.name, interpret::ty_of(&field.ty, &symbols))];
    let entity = Entity {
        name: "",
        contract_hash: "",
        fields: &fields,
        key: &[],
        groups: 0,
        sources: &[],
        quality: &[],
    };
    let raw = match (&field.ty, text.as_str()) {
        (LogicalType::Bool, "true") => Raw::Bool(true),
        (LogicalType::Bool, "false") => Raw::Bool(false),
        (LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. }, _) => {
            Raw::Number(text)
        }
        (LogicalType::Json, _) => return Ok(Value::Text(text.clone())),
        (_, _) => Raw::Pg(text.as_bytes()),
    };
    let mut check = Check::new(&entity, Spelling::Rfc3339);
    let read = check::take::<Any>(raw, &mut check).into_cell();
    match read.value() {
        Some(value) if check.passed() => Ok(value.clone()),
        Some(_) | None => {
            let said = check.finish(None).all.into_iter().next();
            Err(said.map_or_else(|| "it cannot be read".to_owned(), |one| one.message))
        }
    }
}

/// The key that a row is expected to have, where it names all of it.
fn key(spec: &EntitySpec, wanted: &[Wanted<'_>]) -> Option<Vec<(u32, Value)>> {
    let part = |ix: &usize| {
        let id = spec.fields.get(*ix)?.id;
        let named = wanted.iter().find(|one| one.field.id == id)?;
        Some((id, named.value.clone()))
    };
    let mut key: Vec<(u32, Value)> = spec.key.iter().map(part).collect::<Option<_>>()?;
    key.sort();
    Some(key)
}

fn key_names(spec: &EntitySpec) -> String {
    let names = spec.key.iter().filter_map(|ix| spec.fields.get(*ix));
    names.map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn without_key(spec: &EntitySpec, row: &ExpectedRow, sink: &Sink) {
    let text = "nobody knows which row this is";
    sink.push(
        Diagnostic::new(&codes::CASE_STATE, row.at, text)
            .why("only where there is one row, and one is expected, its key may be left out")
            .help(format!("name its key too: {}", key_names(spec))),
    );
}

fn compare(
    spec: &EntitySpec,
    case: &Case,
    (key, row): Row<'_>,
    wanted: &[Wanted<'_>],
    sink: &Sink,
) {
    for one in wanted {
        let in_key = key.iter().find(|(id, _)| *id == one.field.id);
        let found = match in_key {
            Some((_, value)) => {
                (value == &one.value).then_some(()).ok_or_else(|| shown(one.field, value))
            }
            None => holds(spec, row, one),
        };
        if let Err(found) = found {
            let text = format!("{} is {found}", one.field.name);
            sink.push(
                Diagnostic::new(&codes::CASE_STATE, one.node.span, text)
                    .at(format!("expected {}", shown(one.field, &one.value)))
                    .label(case.at, "in this test"),
            );
        }
    }
}

/// Whether a row holds a value; what it holds otherwise.
fn holds(spec: &EntitySpec, row: &Folded, wanted: &Wanted<'_>) -> Result<(), String> {
    let columns = row.columns.iter().filter(|(id, _)| id.field == wanted.field.id);
    let mut told = false;
    for (id, typed) in columns {
        told = true;
        let expected = match id.part {
            Part::Plain => wanted.value.clone(),
            Part::Cipher | Part::Token if wanted.value.is_null() => Value::Null,
            Part::Cipher | Part::Token => {
                let class = wanted.field.pii.as_ref().map_or("", |pii| pii.class.as_str());
                Value::Text(Sealed::sealed(id.part, class, &wanted.value))
            }
        };
        if typed.value != expected {
            return Err(match id.part {
                Part::Plain => shown(wanted.field, &typed.value),
                Part::Cipher | Part::Token if typed.value.is_null() => "null".to_owned(),
                Part::Cipher | Part::Token => "another value (it is stored protected)".to_owned(),
            });
        }
    }
    if told || wanted.value.is_null() {
        return Ok(());
    }
    Err(format!("null: nothing that was told to {} says otherwise", spec.name))
}

fn shown(field: &FieldSpec, value: &Value) -> String {
    let token = spellings(Form::Event, &field.ty, value).into_iter().next();
    token.map_or_else(|| "a value of another type".to_owned(), |token| token.to_string())
}

fn absent(
    spec: &EntitySpec,
    case: &Case,
    row: &ExpectedRow,
    wanted: &[Wanted<'_>],
    outcome: &Outcome,
    sink: &Sink,
) {
    let there = key(spec, wanted).and_then(|key| outcome.rows.get(&key));
    let why = match there.map(|row| row.alive) {
        None => "nothing that was told is about this key".to_owned(),
        Some(Some(false)) => "its delete is the newest that is known of it".to_owned(),
        Some(_) => format!(
            "`{}` owns whether the row is there, and has not told of it",
            spec.existence_owner
        ),
    };
    sink.push(
        Diagnostic::new(&codes::CASE_STATE, row.at, "there is no such row")
            .at("expected")
            .label(case.at, "in this test")
            .why(why),
    );
}

fn unexpected(spec: &EntitySpec, case: &Case, expected: &Expected, left: &[Row<'_>], sink: &Sink) {
    for (key, _) in left {
        let parts = key.iter().filter_map(|(id, value)| {
            let field = spec.fields.iter().find(|field| field.id == *id)?;
            Some(format!("{} = {}", field.name, shown(field, value)))
        });
        let text = format!("a row that is not expected: {}", parts.collect::<Vec<_>>().join(", "));
        sink.push(
            Diagnostic::new(&codes::CASE_STATE, expected.at, text)
                .label(case.at, "in this test")
                .why("`expect` names every row that there is"),
        );
    }
}
