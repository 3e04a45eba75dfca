//! Running a bound query over the store.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::bind::{BoundAggregate, BoundQuery, BoundSelect, Column, Filter, Path};
use super::like;
use super::parse::{AggregateFunction, Comparison};
use crate::salesforce::decimal::Decimal;
use crate::salesforce::ids::RecordId;
use crate::salesforce::org::FieldKind;
use crate::salesforce::schema::{FieldIx, ObjectIx, system};
use crate::salesforce::store::{Row, RowIx, Store};
use crate::salesforce::value::{FieldValue, fold};

/// The records a query found, or its aggregates.
#[derive(Debug)]
pub enum Matches {
    /// Only a count.
    Count(usize),
    /// Positions, in order.
    Rows(Vec<RowIx>),
    /// The one row of aggregates.
    Aggregates(Map<String, Value>),
}

/// Runs a query; `with_deleted` as queryAll does.
#[must_use]
pub fn run(store: &Store, query: &BoundQuery, with_deleted: bool) -> Matches {
    let scan = Scan { store, object: query.object, with_deleted };
    let mut rows = scan.candidates(query.filter.as_ref());
    rows.retain(|ix| {
        scan.row(*ix).is_some_and(|row| {
            (with_deleted || !row.deleted())
                && query.filter.as_ref().is_none_or(|filter| scan.holds(filter, row))
        })
    });
    if let BoundSelect::Aggregates(aggregates) = &query.select {
        return Matches::Aggregates(scan.aggregate(aggregates, &rows));
    }
    if !query.order.is_empty() {
        scan.sort(query, &mut rows);
    }
    let rows: Vec<RowIx> =
        rows.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).collect();
    match query.select {
        BoundSelect::Count => Matches::Count(rows.len()),
        BoundSelect::Columns(_) | BoundSelect::Aggregates(_) => Matches::Rows(rows),
    }
}

/// One record of an answer: attributes, then the columns; parents are objects of their own.
#[must_use]
pub fn render(store: &Store, query: &BoundQuery, at: RowIx, version: &str) -> Value {
    let scan = Scan { store, object: query.object, with_deleted: true };
    let Some(row) = scan.row(at) else { return Value::Null };
    let mut out = Map::new();
    out.insert("attributes".to_owned(), attributes(store, query.object, row, version));
    for column in query.columns().unwrap_or_default() {
        scan.place(&mut out, column, row, version);
    }
    Value::Object(out)
}

/// One column of a record, as a CSV cell.
#[must_use]
pub fn cell(store: &Store, query: &BoundQuery, at: RowIx, column: &Column) -> String {
    let scan = Scan { store, object: query.object, with_deleted: true };
    scan.row(at).map_or_else(String::new, |row| scan.value(&column.path, row).to_csv())
}

/// `{"type": …, "url": …}` of a record.
#[must_use]
pub fn attributes(store: &Store, object: ObjectIx, row: &Row, version: &str) -> Value {
    let name = &store.schema().at(object).name;
    json!({"type": name, "url": format!("/services/data/v{version}/sobjects/{name}/{}", row.id())})
}

struct Scan<'a> {
    store: &'a Store,
    object: ObjectIx,
    with_deleted: bool,
}

const NULL: &FieldValue = &FieldValue::Null;

impl<'a> Scan<'a> {
    fn row(&self, at: RowIx) -> Option<&'a Row> {
        self.store.row(self.object, at).filter(|row| !row.purged)
    }

    /// Rows that can match: by an index where a conjunct allows it, else all.
    fn candidates(&self, filter: Option<&Filter>) -> Vec<RowIx> {
        let indexed = match filter {
            Some(Filter::And(parts)) => parts.iter().find_map(|part| self.by_index(part)),
            Some(filter) => self.by_index(filter),
            None => None,
        };
        let mut rows =
            indexed.unwrap_or_else(|| self.store.rows(self.object).map(|(ix, _)| ix).collect());
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    fn by_index(&self, filter: &Filter) -> Option<Vec<RowIx>> {
        let (path, values) = match filter {
            Filter::Compare(path, Comparison::Equal, value) => (path, std::slice::from_ref(value)),
            Filter::In(path, values, false) => (path, values.as_slice()),
            Filter::Compare(..)
            | Filter::In(..)
            | Filter::And(_)
            | Filter::Or(_)
            | Filter::Not(_)
            | Filter::Like(..) => return None,
        };
        if !path.hops.is_empty() || values.iter().any(FieldValue::is_null) {
            return None;
        }
        let object = self.store.schema().at(self.object);
        if path.field == system::ID {
            let find = |value: &FieldValue| {
                RecordId::parse(value.as_text()?).and_then(|id| self.store.find_id(object, &id))
            };
            return Some(values.iter().filter_map(find).collect());
        }
        // Indexes hold live records only.
        if self.with_deleted || !object.indexed(path.field) {
            return None;
        }
        Some(
            values
                .iter()
                .flat_map(|v| self.store.find_key(object, path.field, v).to_vec())
                .collect(),
        )
    }

    fn value(&self, path: &Path, row: &'a Row) -> &'a FieldValue {
        self.follow(path, row).map_or(NULL, |leaf| leaf.get(path.field))
    }

    fn follow(&self, path: &Path, row: &'a Row) -> Option<&'a Row> {
        path.hops.iter().try_fold(row, |row, (field, to)| self.parent(row, *field, *to))
    }

    fn parent(&self, row: &'a Row, field: FieldIx, to: ObjectIx) -> Option<&'a Row> {
        let id = RecordId::parse(row.get(field).as_text()?)?;
        let at = self.store.find_id(self.store.schema().at(to), &id)?;
        self.store.row(to, at)
    }

    fn holds(&self, filter: &Filter, row: &'a Row) -> bool {
        match filter {
            Filter::And(parts) => parts.iter().all(|part| self.holds(part, row)),
            Filter::Or(parts) => parts.iter().any(|part| self.holds(part, row)),
            Filter::Not(inner) => !self.holds(inner, row),
            Filter::Compare(path, comparison, wanted) => {
                self.compare(path, *comparison, self.value(path, row), wanted)
            }
            Filter::Like(path, pattern) => {
                let value = self.value(path, row);
                !value.is_null() && like::matches(&value.to_csv(), pattern)
            }
            Filter::In(path, wanted, negated) => {
                let value = self.value(path, row);
                let found = wanted.iter().any(|w| self.compare(path, Comparison::Equal, value, w));
                found != *negated
            }
        }
    }

    /// Whether the field distinguishes case: ids do, or two of them would be one to a client that pages by id.
    fn exact(&self, path: &Path) -> bool {
        let field = self.store.schema().at(path.object).field(path.field);
        field.case_sensitive || matches!(field.kind, FieldKind::Id | FieldKind::Reference { .. })
    }

    fn order(&self, path: &Path, a: &FieldValue, b: &FieldValue) -> Ordering {
        if self.exact(path) { a.exact_order(b) } else { a.order(b) }
    }

    fn compare(
        &self,
        path: &Path,
        comparison: Comparison,
        value: &FieldValue,
        wanted: &FieldValue,
    ) -> bool {
        let same = || match (value.as_text(), wanted.as_text()) {
            (Some(a), Some(b)) if !self.exact(path) => fold(a) == fold(b),
            _ => value == wanted,
        };
        let ordered = |test: fn(Ordering) -> bool| {
            !value.is_null() && !wanted.is_null() && test(self.order(path, value, wanted))
        };
        match comparison {
            Comparison::Equal => same(),
            Comparison::Differs => !same(),
            Comparison::Less => ordered(Ordering::is_lt),
            Comparison::AtMost => ordered(Ordering::is_le),
            Comparison::More => ordered(Ordering::is_gt),
            Comparison::AtLeast => ordered(Ordering::is_ge),
            Comparison::Like => wanted.as_text().is_some_and(|p| like::matches(&value.to_csv(), p)),
        }
    }

    fn sort(&self, query: &BoundQuery, rows: &mut [RowIx]) {
        rows.sort_by(|a, b| {
            let (Some(a), Some(b)) = (self.row(*a), self.row(*b)) else { return Ordering::Equal };
            for by in &query.order {
                let (x, y) = (self.value(&by.path, a), self.value(&by.path, b));
                let order = match (x.is_null(), y.is_null()) {
                    (true, true) => Ordering::Equal,
                    (true, false) if by.nulls_last => Ordering::Greater,
                    (true, false) => Ordering::Less,
                    (false, true) if by.nulls_last => Ordering::Less,
                    (false, true) => Ordering::Greater,
                    (false, false) if by.descending => self.order(&by.path, y, x),
                    (false, false) => self.order(&by.path, x, y),
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
            Ordering::Equal
        });
    }

    fn place(&self, out: &mut Map<String, Value>, column: &Column, row: &'a Row, version: &str) {
        let (mut here, mut row) = (out, row);
        for ((field, to), name) in column.path.hops.iter().zip(&column.names) {
            let Some(parent) = self.parent(row, *field, *to) else {
                here.insert(name.clone(), Value::Null);
                return;
            };
            let slot = here.entry(name.clone()).or_insert_with(
                || json!({"attributes": attributes(self.store, *to, parent, version)}),
            );
            let Some(map) = slot.as_object_mut() else { return };
            (here, row) = (map, parent);
        }
        let kind = &self.store.schema().at(column.path.object).field(column.path.field).kind;
        if let Some(name) = column.names.last() {
            here.insert(name.clone(), row.get(column.path.field).to_json(kind));
        }
    }

    fn aggregate(&self, aggregates: &[BoundAggregate], rows: &[RowIx]) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("attributes".to_owned(), json!({"type": "AggregateResult"}));
        for aggregate in aggregates {
            let values: Vec<&FieldValue> = rows
                .iter()
                .filter_map(|ix| self.row(*ix))
                .map(|row| self.value(&aggregate.path, row))
                .filter(|value| !value.is_null())
                .collect();
            let kind =
                &self.store.schema().at(aggregate.path.object).field(aggregate.path.field).kind;
            out.insert(aggregate.name.clone(), reduce(aggregate.function, &values, kind));
        }
        out
    }
}

fn reduce(function: AggregateFunction, values: &[&FieldValue], kind: &FieldKind) -> Value {
    let sum = || {
        values.iter().fold(Decimal::ZERO, |sum, value| match value {
            FieldValue::Number(n) => sum.plus(*n).unwrap_or(sum),
            FieldValue::Null
            | FieldValue::Bool(_)
            | FieldValue::Text(_)
            | FieldValue::Date(_)
            | FieldValue::Instant(_) => sum,
        })
    };
    let shown = |value: Option<&&FieldValue>| value.map_or(Value::Null, |v| v.to_json(kind));
    match function {
        AggregateFunction::Count => json!(values.len()),
        AggregateFunction::CountDistinct => {
            json!(values.iter().map(|v| fold(&v.to_csv())).collect::<BTreeSet<_>>().len())
        }
        AggregateFunction::Min => shown(values.iter().min_by(|a, b| a.order(b))),
        AggregateFunction::Max => shown(values.iter().max_by(|a, b| a.order(b))),
        AggregateFunction::Sum if values.is_empty() => Value::Null,
        AggregateFunction::Sum => json!(sum().as_f64()),
        AggregateFunction::Avg => match u32::try_from(values.len()) {
            Ok(n) if n > 0 => json!(sum().as_f64() / f64::from(n)),
            Ok(_) | Err(_) => Value::Null,
        },
    }
}
