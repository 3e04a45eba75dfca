//! What columns hold: the length of a text, the digits of a number, the fraction of a second. A value that a column of one side holds and
//! the same column of the other side does not shows a change that no validator notices.

use covenant_model::spec::{EntitySpec, FieldSpec, ModelSpec, Protection, WarehouseSink};
use covenant_model::value::{LogicalType, Value, decimal_to_text};
use serde_json::json;

use super::compose;
use super::sql::value::Sql;
use super::values::{Declared, candidates, limits as ends};
use crate::compat::{Finding, Outcome, Witness, WitnessKind};
use crate::physical::{self, PhysicalType, Platform, Shape, TextKind};
use crate::plan::Plan;

/// Microseconds of a second have six digits.
const FRACTION_DIGITS: u8 = 6;

/// Why a column does not hold a value; nothing where it does.
pub fn refusal(ty: &PhysicalType, value: &Value, of: &LogicalType) -> Option<String> {
    match (&ty.shape, value) {
        (_, Value::Null) | (Shape::Unknown { .. } | Shape::Lookup { .. }, _) => None,
        (Shape::Text { max_chars, kind }, value) => {
            let text = Sql::of(value, of).to_string();
            let (chars, most) = (text.chars().count(), max_chars.unwrap_or(u32::MAX));
            if *kind == TextKind::Email && !text.contains('@') {
                return Some("no address".to_owned());
            }
            (chars > most as usize).then(|| format!("{chars} characters"))
        }
        (Shape::Choice { symbols }, value) => {
            let text = Sql::of(value, of).to_string();
            (!symbols.contains(&text)).then(|| "none of its values".to_owned())
        }
        (Shape::Fixed { precision, scale }, value) => match number(value, of) {
            Some((unscaled, from)) => digits(unscaled, from, *precision, *scale),
            None => Some("no number".to_owned()),
        },
        (Shape::Integer { bits }, value) => match number(value, of) {
            Some((unscaled, 0)) => {
                let limit = 1i128.checked_shl(u32::from(*bits) - 1).unwrap_or(i128::MAX);
                (unscaled >= limit || unscaled < -limit).then(|| "out of range".to_owned())
            }
            Some((unscaled, from)) => digits(unscaled, from, 38, 0),
            None => Some("no number".to_owned()),
        },
        (Shape::Float { .. }, value) => number(value, of).is_none().then(|| "no number".to_owned()),
        (Shape::Timestamp { digits, .. }, Value::Timestamp(us)) => {
            let lost = FRACTION_DIGITS.saturating_sub(*digits);
            let unit = 10i64.checked_pow(u32::from(lost)).unwrap_or(1);
            (us % unit != 0).then(|| format!("more than {digits} digits of a second"))
        }
        (Shape::Timestamp { .. }, Value::Date(_))
        | (Shape::Date, Value::Date(_))
        | (Shape::Boolean, Value::Bool(_))
        | (Shape::Uuid, Value::Uuid(_))
        | (Shape::Document, Value::Text(_)) => None,
        (Shape::Date, Value::Timestamp(_)) => Some("more than a day".to_owned()),
        (Shape::Binary { max_bytes }, Value::Bytes(bytes)) => {
            let most = max_bytes.unwrap_or(u32::MAX) as usize;
            (bytes.len() > most).then(|| format!("{} bytes", bytes.len()))
        }
        (
            Shape::Timestamp { .. }
            | Shape::Date
            | Shape::Boolean
            | Shape::Uuid
            | Shape::Document
            | Shape::Binary { .. },
            _,
        ) => Some("a value of another kind".to_owned()),
    }
}

fn number(value: &Value, of: &LogicalType) -> Option<(i128, u8)> {
    match (value, of) {
        (Value::Int(number), _) => Some((i128::from(*number), 0)),
        (Value::Decimal(unscaled), LogicalType::Decimal { scale, .. }) => Some((*unscaled, *scale)),
        (_, _) => None,
    }
}

fn digits(unscaled: i128, from: u8, precision: u8, scale: u8) -> Option<String> {
    let text = decimal_to_text(unscaled.saturating_abs(), from);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0').len();
    let whole = whole.trim_start_matches('0').len();
    if fraction > usize::from(scale) {
        return Some(format!("{fraction} digits behind the point"));
    }
    let room = usize::from(precision.saturating_sub(scale));
    (whole > room).then(|| format!("{whole} digits before the point"))
}

/// A column that holds a field.
struct Column {
    /// What it is on both sides: its place, without its name.
    which: (Platform, String, u32),
    /// `ANALYTICS.SALES.ORDERS.total`
    name: String,
    ty: PhysicalType,
}

/// The value of a finding, tried on both sides. `None`: none was found.
pub fn witness(old: &Plan, new: &Plan, finding: &Finding) -> Option<Witness> {
    let mut parts = finding.subject.split('/');
    let (dataset, named) = (parts.next()?, parts.next().zip(parts.next()));
    let field = named.filter(|(what, _)| *what == "fields").map(|(_, name)| name)?;
    if let Some(after) = new.entity(dataset) {
        let before = old.predecessor(after)?;
        let (at, is) = after.fields.iter().enumerate().find(|(_, one)| one.name == field)?;
        let (from, was) = before.fields.iter().enumerate().find(|(_, one)| one.id == is.id)?;
        let sides = Sides {
            old: columns(old, before, was),
            new: columns(new, after, is),
            types: (was.ty.clone(), is.ty.clone()),
            values: (
                candidates(
                    Declared { entity: before, field: was },
                    Some(Declared { entity: after, field: is }),
                ),
                candidates(
                    Declared { entity: after, field: is },
                    Some(Declared { entity: before, field: was }),
                ),
            ),
        };
        let takes = |new: bool, value: &Value| match new {
            true => compose::takes(after, at, value),
            false => compose::takes(before, from, value),
        };
        return sides.parted(field, &takes);
    }
    let model = |plan: &Plan| plan.models.iter().position(|model| model.name == dataset);
    let (before, after) = (old.models.get(model(old)?)?, new.models.get(model(new)?)?);
    let is = after.fields.iter().find(|one| one.name == field)?;
    let was = before.fields.iter().find(|one| one.id == is.id)?;
    let sides = Sides {
        old: vec![of_model(before, &was.name, was.id, &was.ty)],
        new: vec![of_model(after, &is.name, is.id, &is.ty)],
        types: (was.ty.clone(), is.ty.clone()),
        values: (edges(&was.ty), edges(&is.ty)),
    };
    sides.parted(field, &|_, _| true)
}

struct Sides {
    old: Vec<Column>,
    new: Vec<Column>,
    types: (LogicalType, LogicalType),
    values: (Vec<Value>, Vec<Value>),
}

impl Sides {
    /// An old value that its column holds no longer; or a new value that some column does not hold.
    fn parted(&self, field: &str, takes: &dyn Fn(bool, &Value) -> bool) -> Option<Witness> {
        for value in self.values.0.iter().filter(|value| takes(false, value)) {
            for old in &self.old {
                let holds = refusal(&old.ty, value, &self.types.0).is_none();
                let Some(new) = self.new.iter().find(|new| new.which == old.which) else {
                    continue;
                };
                let Some(why) = refusal(&new.ty, value, &self.types.0) else { continue };
                if holds {
                    let shown = Sql::of(value, &self.types.0).json();
                    return Some(shown_as(field, shown, held(old), fails(new, &why)));
                }
            }
        }
        for value in self.values.1.iter().filter(|value| takes(true, value)) {
            let shown = || Sql::of(value, &self.types.1).json();
            for new in &self.new {
                if let Some(why) = refusal(&new.ty, value, &self.types.1) {
                    if takes(false, value) {
                        continue;
                    }
                    let never =
                        vec!["the old contract refuses the value before it gets there".to_owned()];
                    let old = Outcome::Rejected { reasons: never };
                    return Some(shown_as(field, shown(), old, fails(new, &why)));
                }
                let old = self.old.iter().find(|old| old.which == new.which);
                let why = old.and_then(|old| Some((old, refusal(&old.ty, value, &self.types.1)?)));
                if let Some((old, why)) = why {
                    return Some(shown_as(field, shown(), fails(old, &why), held(new)));
                }
            }
        }
        None
    }
}

fn held(column: &Column) -> Outcome {
    Outcome::Accepted { state: json!({ column.name.as_str(): column.ty.to_string() }) }
}

fn fails(column: &Column, why: &str) -> Outcome {
    Outcome::Rejected { reasons: vec![format!("{} is {}: {why}", column.name, column.ty)] }
}

fn shown_as(field: &str, value: serde_json::Value, old: Outcome, new: Outcome) -> Witness {
    Witness {
        kind: WitnessKind::Limit,
        source: None,
        changes: vec![json!({ field: value })],
        part: false,
        decisive: vec![field.to_owned()],
        personal: Vec::new(),
        sql: None,
        old,
        new,
        confirmed: true,
    }
}

/// Where the values of a field are kept: its table, Salesforce fields, columns of models that show it as it is.
fn columns(plan: &Plan, entity: &EntitySpec, field: &FieldSpec) -> Vec<Column> {
    let mut found = Vec::new();
    // What is protected is kept as text of any length.
    let plain = match field.pii.as_ref().map(|pii| pii.protect) {
        Some(Protection::Encrypt | Protection::Tokenize | Protection::Drop) => false,
        Some(Protection::Mask) | None => true,
    };
    if let Some(sink) = entity.warehouse.as_ref().filter(|_| plain) {
        for (name, ty) in physical::of(Platform::Snowflake, field) {
            let which = (Platform::Snowflake, entity.name.clone(), field.id);
            found.push(Column { which, name: format!("{}.{name}", place(sink)), ty });
        }
    }
    if let Some(sink) = &entity.salesforce {
        let fed = sink.fields.iter().filter(|mapped| {
            entity.fields.get(mapped.source).is_some_and(|one| one.id == field.id)
                && mapped.parent_external_id.is_none()
        });
        for mapped in fed {
            for (_, ty) in physical::of(Platform::Salesforce, field) {
                let which = (Platform::Salesforce, mapped.target.clone(), field.id);
                let name = format!("{}.{}", sink.object, mapped.target);
                found.push(Column { which, name, ty });
            }
        }
    }
    let shows = (entity.name.clone(), field.name.clone());
    for model in &plan.models {
        let columns = model.fields.iter().filter(|column| column.lineage == [shows.clone()]);
        let same = columns.filter(|column| same_kind(&column.ty, &field.ty));
        found.extend(same.map(|column| of_model(model, &column.name, column.id, &column.ty)));
    }
    found
}

/// Whether a column can show a field as it is.
fn same_kind(column: &LogicalType, field: &LogicalType) -> bool {
    std::mem::discriminant(column) == std::mem::discriminant(field)
}

fn of_model(model: &ModelSpec, name: &str, id: u32, ty: &LogicalType) -> Column {
    Column {
        which: (Platform::Snowflake, model.name.clone(), id),
        name: format!("{}.{name}", place(&model.warehouse)),
        ty: physical::of_logical(Platform::Snowflake, ty),
    }
}

fn place(sink: &WarehouseSink) -> String {
    format!("{}.{}.{}", sink.database, sink.schema, sink.table)
}

/// The largest values of a type.
fn edges(ty: &LogicalType) -> Vec<Value> {
    let (least, most) = ends(ty);
    let narrow = |number: i128| i64::try_from(number).ok();
    match ty {
        LogicalType::Int32 | LogicalType::Int64 => {
            [most, least].into_iter().filter_map(narrow).map(Value::Int).collect()
        }
        LogicalType::Decimal { .. } => vec![Value::Decimal(most), Value::Decimal(least)],
        LogicalType::String { max_chars } => {
            let chars = max_chars.unwrap_or(u32::from(u16::MAX)) as usize;
            vec![Value::Text("x".to_owned()), Value::Text("x".repeat(chars))]
        }
        LogicalType::Enum { symbols } => symbols.iter().cloned().map(Value::Text).collect(),
        LogicalType::Bool => vec![Value::Bool(true)],
        LogicalType::Uuid => vec![Value::Uuid(1)],
        LogicalType::Date => vec![Value::Date(0)],
        LogicalType::Timestamp => vec![Value::Timestamp(1)],
        LogicalType::Json => vec![Value::Text("{}".to_owned())],
        LogicalType::Bytes => vec![Value::Bytes(vec![0])],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(ty: &str, value: Value, of: &LogicalType) -> Option<String> {
        refusal(&PhysicalType::parse(Platform::Snowflake, ty), &value, of)
    }

    #[test]
    fn columns_hold_what_fits_and_nothing_else() {
        let text = LogicalType::String { max_chars: None };
        assert_eq!(why("VARCHAR(2)", Value::Text("😀😀".to_owned()), &text), None);
        assert!(why("VARCHAR(2)", Value::Text("abc".to_owned()), &text).is_some());
        let money = LogicalType::Decimal { precision: 12, scale: 2 };
        assert_eq!(why("NUMBER(4,2)", Value::Decimal(-9999), &money), None);
        assert!(why("NUMBER(4,2)", Value::Decimal(10000), &money).is_some());
        assert!(why("NUMBER(4,1)", Value::Decimal(1), &money).is_some());
        assert_eq!(why("NUMBER(4,1)", Value::Decimal(10), &money), None);
        let instant = LogicalType::Timestamp;
        let salesforce = PhysicalType::parse(Platform::Salesforce, "DateTime");
        assert!(refusal(&salesforce, &Value::Timestamp(1), &instant).is_some());
        assert_eq!(refusal(&salesforce, &Value::Timestamp(1000), &instant), None);
    }
}
