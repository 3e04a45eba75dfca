//! Names of a query to fields of the org, literals to values.

use super::SoqlError;
use super::parse::{AggregateFunction, Comparison, Condition, Literal, Name, Query, Select};
use crate::salesforce::decimal::Decimal;
use crate::salesforce::errors::code;
use crate::salesforce::org::{FieldDef, FieldKind};
use crate::salesforce::schema::{FieldIx, ObjectIx, ObjectSchema, Schema};
use crate::salesforce::value::{FieldValue, parse_date, parse_instant};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Most hops from a record to a parent.
const MAX_HOPS: usize = 5;
/// `FIELDS(ALL)` needs a limit of at most this.
const MAX_ALL_FIELDS: usize = 200;

/// A query ready to run.
#[derive(Debug, Clone)]
pub struct BoundQuery {
    /// The object.
    pub object: ObjectIx,
    /// What to return.
    pub select: BoundSelect,
    pub(super) filter: Option<Filter>,
    pub(super) order: Vec<BoundOrder>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
}

/// What a query returns.
#[derive(Debug, Clone)]
pub enum BoundSelect {
    /// Only the number of rows.
    Count,
    /// Columns of each row.
    Columns(Vec<Column>),
    /// One row of aggregates.
    Aggregates(Vec<BoundAggregate>),
}

/// A column: a field of the record or of a parent.
#[derive(Debug, Clone)]
pub struct Column {
    pub(super) path: Path,
    /// Relationship names and field name, in the org's spelling.
    pub names: Vec<String>,
}

/// One aggregate.
#[derive(Debug, Clone)]
pub struct BoundAggregate {
    pub(super) function: AggregateFunction,
    pub(super) path: Path,
    /// Key in the answer.
    pub name: String,
}

#[derive(Debug, Clone)]
pub(super) struct Path {
    /// Reference field and the object it leads to, per hop.
    pub(super) hops: Vec<(FieldIx, ObjectIx)>,
    pub(super) object: ObjectIx,
    pub(super) field: FieldIx,
}

#[derive(Debug, Clone)]
pub(super) struct BoundOrder {
    pub(super) path: Path,
    pub(super) descending: bool,
    pub(super) nulls_last: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Path, Comparison, FieldValue),
    Like(Path, String),
    In(Path, Vec<FieldValue>, bool),
}

impl BoundQuery {
    /// The columns, when the query returns records.
    #[must_use]
    pub fn columns(&self) -> Option<&[Column]> {
        match &self.select {
            BoundSelect::Columns(columns) => Some(columns),
            BoundSelect::Count | BoundSelect::Aggregates(_) => None,
        }
    }
}

pub(super) fn bind(schema: &Schema, query: &Query, now: i64) -> Result<BoundQuery, SoqlError> {
    let object = schema.object(&query.from.text).ok_or_else(|| {
        let message = format!(
            "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
            query.from.text
        );
        SoqlError::at(code::INVALID_TYPE, query.from.at, message)
    })?;
    let binder = Binder { schema, object, now };
    let mut order = Vec::new();
    for by in &query.order {
        let (path, _) = binder.path(&by.by)?;
        // Ascending puts nulls first, descending last, unless the query says otherwise.
        let nulls_last = by.nulls_last.unwrap_or(by.descending);
        order.push(BoundOrder { path, descending: by.descending, nulls_last });
    }
    Ok(BoundQuery {
        object: object.ix,
        select: binder.select(query)?,
        filter: query.filter.as_ref().map(|c| binder.filter(c)).transpose()?,
        order,
        limit: query.limit,
        offset: query.offset,
    })
}

struct Binder<'a> {
    schema: &'a Schema,
    object: &'a ObjectSchema,
    now: i64,
}

impl Binder<'_> {
    fn select(&self, query: &Query) -> Result<BoundSelect, SoqlError> {
        match &query.select {
            Select::Count => Ok(BoundSelect::Count),
            Select::AllFields => {
                if query.limit.is_none_or(|n| n > MAX_ALL_FIELDS) {
                    return Err(SoqlError::malformed(
                        "The SOQL FIELDS function must have a LIMIT of at most 200",
                    ));
                }
                let column = |ix: FieldIx| Column {
                    path: Path { hops: Vec::new(), object: self.object.ix, field: ix },
                    names: vec![self.object.field(ix).name.clone()],
                };
                Ok(BoundSelect::Columns(self.object.field_ixs().map(column).collect()))
            }
            Select::Fields(names) => {
                let mut columns = Vec::new();
                for name in names {
                    let (path, spelled) = self.path(name)?;
                    columns.push(Column { path, names: spelled });
                }
                Ok(BoundSelect::Columns(columns))
            }
            Select::Aggregates(aggregates) => {
                let mut out = Vec::new();
                let mut unnamed = 0;
                for aggregate in aggregates {
                    let (path, _) = self.path(&aggregate.of)?;
                    let name = aggregate.alias.clone().unwrap_or_else(|| {
                        unnamed += 1;
                        format!("expr{}", unnamed - 1)
                    });
                    out.push(BoundAggregate { function: aggregate.function, path, name });
                }
                Ok(BoundSelect::Aggregates(out))
            }
        }
    }

    /// Follows `Customer__r.Customer_Id__c`; a leading object name (`Account.Name FROM Account`) is accepted.
    fn path(&self, name: &Name) -> Result<(Path, Vec<String>), SoqlError> {
        let mut parts: Vec<&str> = name.text.split('.').collect();
        if parts.len() > 1
            && parts[0].eq_ignore_ascii_case(&self.object.name)
            && self.object.relationship(parts[0]).is_none()
        {
            parts.remove(0);
        }
        let (mut object, mut hops, mut spelled) = (self.object, Vec::new(), Vec::new());
        let (leaf, parents) = parts.split_last().map_or(("", [].as_slice()), |(l, p)| (*l, p));
        if parents.len() > MAX_HOPS {
            return Err(no_relationship(name, leaf, object));
        }
        for part in parents {
            let ix =
                object.relationship(part).ok_or_else(|| no_relationship(name, part, object))?;
            let FieldKind::Reference { to, relationship, .. } = &object.field(ix).kind else {
                return Err(no_relationship(name, part, object));
            };
            spelled.push(relationship.clone());
            object = self.schema.object(to).ok_or_else(|| no_relationship(name, part, object))?;
            hops.push((ix, object.ix));
        }
        let field = object.field_ix(leaf).ok_or_else(|| no_column(name, leaf, object))?;
        spelled.push(object.field(field).name.clone());
        Ok((Path { hops, object: object.ix, field }, spelled))
    }

    fn field(&self, path: &Path) -> &FieldDef {
        self.schema.at(path.object).field(path.field)
    }

    fn filter(&self, condition: &Condition) -> Result<Filter, SoqlError> {
        let all = |inner: &[Condition]| -> Result<Vec<Filter>, SoqlError> {
            inner.iter().map(|c| self.filter(c)).collect()
        };
        match condition {
            Condition::And(inner) => Ok(Filter::And(all(inner)?)),
            Condition::Or(inner) => Ok(Filter::Or(all(inner)?)),
            Condition::Not(inner) => Ok(Filter::Not(Box::new(self.filter(inner)?))),
            Condition::In(name, list, negated) => {
                let path = self.filterable(name)?;
                let values: Result<Vec<_>, _> =
                    list.iter().map(|literal| self.literal(name, &path, literal)).collect();
                Ok(Filter::In(path, values?, *negated))
            }
            Condition::Compare(name, Comparison::Like, Literal::Text(pattern)) => {
                Ok(Filter::Like(self.filterable(name)?, pattern.clone()))
            }
            Condition::Compare(_, Comparison::Like, Literal::Word(word)) => {
                Err(SoqlError::malformed(format!("unexpected token: '{}'", word.text)))
            }
            Condition::Compare(name, comparison, literal) => {
                let path = self.filterable(name)?;
                let value = self.literal(name, &path, literal)?;
                Ok(Filter::Compare(path, *comparison, value))
            }
        }
    }

    fn filterable(&self, name: &Name) -> Result<Path, SoqlError> {
        let (path, _) = self.path(name)?;
        if matches!(self.field(&path).kind, FieldKind::LongText { .. }) {
            let message = format!("field '{}' can not be filtered in a query call", name.text);
            return Err(SoqlError::at(code::INVALID_FIELD, name.at, message));
        }
        Ok(path)
    }

    fn literal(
        &self,
        name: &Name,
        path: &Path,
        literal: &Literal,
    ) -> Result<FieldValue, SoqlError> {
        let field = self.field(path);
        let wrong = |wanted: &str| {
            let message = format!(
                "value of filter criterion for field '{}' must be of type {wanted}",
                field.name
            );
            SoqlError::at(code::INVALID_FIELD, name.at, message)
        };
        let quoted = matches!(literal, Literal::Text(_));
        let text = match literal {
            Literal::Text(text) => text,
            Literal::Word(word) if word.text.eq_ignore_ascii_case("null") => {
                return Ok(FieldValue::Null);
            }
            Literal::Word(word) => &word.text,
        };
        if field.kind.is_number() {
            let number = (!quoted).then(|| Decimal::parse(text)).flatten();
            return number.map(FieldValue::Number).ok_or_else(|| wrong("double"));
        }
        if quoted {
            quoted_literal(field, text, name, wrong)
        } else {
            self.bare_literal(field, text, wrong)
        }
    }

    fn bare_literal(
        &self,
        field: &FieldDef,
        text: &str,
        wrong: impl Fn(&str) -> SoqlError,
    ) -> Result<FieldValue, SoqlError> {
        match field.kind {
            FieldKind::Checkbox => match text.to_ascii_lowercase().as_str() {
                "true" => Ok(FieldValue::Bool(true)),
                "false" => Ok(FieldValue::Bool(false)),
                _ => Err(wrong("boolean")),
            },
            FieldKind::Date => self.day(text).map(FieldValue::Date).ok_or_else(|| wrong("date")),
            FieldKind::DateTime => parse_instant(text)
                .or_else(|| self.start_of_day(text))
                .map(FieldValue::Instant)
                .ok_or_else(|| wrong("dateTime")),
            FieldKind::Id
            | FieldKind::Text { .. }
            | FieldKind::TextArea { .. }
            | FieldKind::LongText { .. }
            | FieldKind::Email { .. }
            | FieldKind::Phone { .. }
            | FieldKind::Url { .. }
            | FieldKind::Number { .. }
            | FieldKind::Currency { .. }
            | FieldKind::Percent { .. }
            | FieldKind::Int { .. }
            | FieldKind::Picklist { .. }
            | FieldKind::MultiPicklist { .. }
            | FieldKind::Reference { .. }
            | FieldKind::AutoNumber { .. } => Err(wrong("string and should be enclosed in quotes")),
        }
    }

    fn day(&self, text: &str) -> Option<jiff::civil::Date> {
        if let Some(day) = parse_date(text) {
            return Some(day);
        }
        let start = self.start_of_day(text)?;
        let at = jiff::Timestamp::from_second(start).ok()?;
        Some(at.to_zoned(jiff::tz::TimeZone::UTC).date())
    }

    /// `TODAY`, `YESTERDAY`, `TOMORROW` and `LAST_N_DAYS:n` as the start of that day in UTC. Real date literals are
    /// ranges; comparing with their start is exact for `<` and `>=`.
    fn start_of_day(&self, text: &str) -> Option<i64> {
        let today = self.now - self.now.rem_euclid(DAY);
        let upper = text.to_ascii_uppercase();
        match upper.as_str() {
            "TODAY" => Some(today),
            "YESTERDAY" => Some(today - DAY),
            "TOMORROW" => Some(today + DAY),
            other => {
                let days: i64 = other.strip_prefix("LAST_N_DAYS:")?.parse().ok()?;
                Some(today - days.clamp(0, 36_500) * DAY)
            }
        }
    }
}

fn quoted_literal(
    field: &FieldDef,
    text: &str,
    name: &Name,
    wrong: impl Fn(&str) -> SoqlError,
) -> Result<FieldValue, SoqlError> {
    match field.kind {
        FieldKind::Checkbox => Err(wrong("boolean and should not be enclosed in quotes")),
        FieldKind::Date => Err(wrong("date and should not be enclosed in quotes")),
        FieldKind::DateTime => Err(wrong("dateTime and should not be enclosed in quotes")),
        FieldKind::Id | FieldKind::Reference { .. } => {
            let id = crate::salesforce::ids::RecordId::parse(text).ok_or_else(|| {
                let message = format!("invalid ID field: {text}");
                SoqlError::at(code::INVALID_QUERY_FILTER_OPERATOR, name.at, message)
            })?;
            Ok(FieldValue::text(id.as_str()))
        }
        FieldKind::Text { .. }
        | FieldKind::TextArea { .. }
        | FieldKind::LongText { .. }
        | FieldKind::Email { .. }
        | FieldKind::Phone { .. }
        | FieldKind::Url { .. }
        | FieldKind::Number { .. }
        | FieldKind::Currency { .. }
        | FieldKind::Percent { .. }
        | FieldKind::Int { .. }
        | FieldKind::Picklist { .. }
        | FieldKind::MultiPicklist { .. }
        | FieldKind::AutoNumber { .. } => {
            Ok(if text.is_empty() { FieldValue::Null } else { FieldValue::text(text) })
        }
    }
}

fn no_column(name: &Name, leaf: &str, object: &ObjectSchema) -> SoqlError {
    let message = format!(
        "No such column '{leaf}' on entity '{}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
        object.name
    );
    SoqlError::at(code::INVALID_FIELD, name.at, message)
}

fn no_relationship(name: &Name, part: &str, object: &ObjectSchema) -> SoqlError {
    let message = format!(
        "Didn't understand relationship '{part}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names. (on entity '{}')",
        object.name
    );
    SoqlError::at(code::INVALID_FIELD, name.at, message)
}
