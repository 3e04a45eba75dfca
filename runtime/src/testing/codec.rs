//! A codec that interprets a spec: the behaviour that generated codecs must have, in the plainest form.

use covenant_model::codec::{ColumnMap, EntityCodec, EventRecord, PgDatum};
use covenant_model::record::{Cell, Record, Violation, Violations};
use covenant_model::spec::{EntitySpec, FieldSpec, OnFail, SourceSpec};
use covenant_model::support::time::Spelling;
use covenant_model::support::{email, number, time};
use covenant_model::value::{LogicalType, Value};
use serde_json::{Map, Value as Json};

/// Interprets a spec. For tests: it leaks the entity's name and hash, once per codec.
pub struct SpecCodec {
    spec: EntitySpec,
    name: &'static str,
    hash: &'static str,
}

impl SpecCodec {
    /// A codec of this entity.
    pub fn new(spec: EntitySpec) -> Self {
        let name = String::leak(spec.name.clone());
        let hash = String::leak(spec.contract_hash.clone());
        Self { spec, name, hash }
    }

    /// Collects the cells of all fields that `source` tells, then checks the rules of the capture.
    fn record(
        &self,
        source: &str,
        mut read: impl FnMut(usize, &FieldSpec, &str, &mut Vec<Violation>) -> Cell,
    ) -> Result<Record, Violations> {
        let mut record = Record::absent(self.spec.fields.len());
        let mut all = Vec::new();
        for (ix, field) in self.spec.fields.iter().enumerate() {
            let Some(name) = field.from.get(source) else { continue };
            let cell = read(ix, field, name, &mut all);
            if let (Cell::Value(value), Some(slot)) = (&cell, record.cells.get_mut(ix)) {
                check(field, value, &mut all);
                *slot = cell;
            }
        }
        for rule in self.spec.quality.iter().filter(|rule| rule.at_capture) {
            if rule.on_fail == OnFail::Quarantine && !rule.expect.holds(&self.spec, &record) {
                all.push(violation(None, &format!("quality:{}", rule.name), &rule.text));
            }
        }
        if all.is_empty() {
            return Ok(record);
        }
        let key = self.spec.key.iter().map(|ix| record.get(*ix).cloned()).collect();
        Err(Violations { key, all })
    }

    fn object(&self, json: &[u8]) -> Result<Map<String, Json>, Violations> {
        serde_json::from_slice(json).map_err(|_| Violations {
            key: None,
            all: vec![violation(None, "malformed", "a JSON object was expected")],
        })
    }

    fn object_record(
        &self,
        source: &str,
        object: &Map<String, Json>,
    ) -> Result<Record, Violations> {
        self.record(source, |_, field, name, all| match object.get(name) {
            None if field.optional => Cell::Absent,
            None => {
                all.push(violation(
                    Some(field),
                    "required",
                    "a value was expected, none was found",
                ));
                Cell::Absent
            }
            Some(Json::Null) => null(field, all),
            Some(json) => scalar(field, &json_text(json), Spelling::Rfc3339, all),
        })
    }
}

impl EntityCodec for SpecCodec {
    fn entity(&self) -> &'static str {
        self.name
    }

    fn contract_hash(&self) -> &'static str {
        self.hash
    }

    fn columns(&self, source: &str, relation: &[&str]) -> ColumnMap {
        let place = |field: &FieldSpec| {
            let name = field.from.get(source)?;
            relation.iter().position(|column| column == name)
        };
        ColumnMap(self.spec.fields.iter().map(place).collect())
    }

    fn decode_pg(
        &self,
        source: &str,
        map: &ColumnMap,
        tuple: &[PgDatum<'_>],
    ) -> Result<Record, Violations> {
        self.record(source, |ix, field, _, all| match datum(map, tuple, ix) {
            PgDatum::Unchanged => Cell::Absent,
            PgDatum::Null => null(field, all),
            PgDatum::Text(bytes) => {
                scalar(field, &String::from_utf8_lossy(bytes), Spelling::Postgres, all)
            }
        })
    }

    fn decode_pg_key(
        &self,
        map: &ColumnMap,
        tuple: &[PgDatum<'_>],
    ) -> Result<Vec<Value>, Violations> {
        let mut all = Vec::new();
        let mut key = Vec::new();
        for ix in &self.spec.key {
            let Some(field) = self.spec.fields.get(*ix) else { continue };
            if let PgDatum::Text(bytes) = datum(map, tuple, *ix) {
                let text = String::from_utf8_lossy(bytes);
                if let Cell::Value(value) = scalar(field, &text, Spelling::Postgres, &mut all) {
                    key.push(value);
                }
            } else {
                all.push(violation(Some(field), "required", "a key value was expected"));
            }
        }
        if all.is_empty() { Ok(key) } else { Err(Violations { key: None, all }) }
    }

    fn decode_event(&self, source: &str, json: &[u8]) -> Result<EventRecord, Violations> {
        let object = self.object(json)?;
        let mut missing = Vec::new();
        let (mut event_id, mut order, mut at) = (String::new(), 0, 0);
        if let Some(SourceSpec::Stream { event_id: id, order: by, occurred_at, .. }) =
            self.spec.sources.get(source)
        {
            let text = |name: &str| object.get(name).map(json_text);
            let mut absent = |name: &str| {
                missing.push(violation(None, "required", &format!("{name} was expected")));
            };
            match text(id) {
                Some(text) => event_id = text,
                None => absent(id),
            }
            let time = text(occurred_at)
                .and_then(|text| time::timestamp(text.as_bytes(), Spelling::Rfc3339));
            match time {
                Some(us) => at = us,
                None => absent(occurred_at),
            }
            order = match by {
                None => u64::try_from(at).unwrap_or(0),
                Some(by) => object.get(by).and_then(Json::as_u64).unwrap_or_else(|| {
                    absent(by);
                    0
                }),
            };
        }
        match self.object_record(source, &object) {
            Ok(record) if missing.is_empty() => {
                Ok(EventRecord { event_id, order, occurred_at_us: at, record })
            }
            Ok(record) => {
                let key = self.spec.key.iter().map(|ix| record.get(*ix).cloned()).collect();
                Err(Violations { key, all: missing })
            }
            Err(mut violations) => {
                violations.all.extend(missing);
                Err(violations)
            }
        }
    }

    fn check_fields(&self, record: &Record) -> Result<(), Violations> {
        let mut all = Vec::new();
        for (field, cell) in self.spec.fields.iter().zip(&record.cells) {
            match cell {
                Cell::Value(Value::Null) => {
                    null(field, &mut all);
                }
                Cell::Value(value) => check(field, value, &mut all),
                Cell::Absent => {}
            }
        }
        if all.is_empty() { Ok(()) } else { Err(Violations { key: None, all }) }
    }

    fn decode_salesforce(&self, source: &str, json: &[u8]) -> Result<Record, Violations> {
        let object = self.object(json)?;
        self.object_record(source, &object)
    }
}

fn datum<'a>(map: &ColumnMap, tuple: &[PgDatum<'a>], ix: usize) -> PgDatum<'a> {
    let at = map.0.get(ix).copied().flatten();
    at.and_then(|at| tuple.get(at)).copied().unwrap_or(PgDatum::Null)
}

fn json_text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            json.to_string()
        }
    }
}

fn violation(field: Option<&FieldSpec>, rule: &str, message: &str) -> Violation {
    Violation {
        field: field.map(|field| field.name.clone()),
        rule: rule.to_owned(),
        message: message.to_owned(),
    }
}

fn null(field: &FieldSpec, all: &mut Vec<Violation>) -> Cell {
    if !field.nullable {
        all.push(violation(Some(field), "required", "a value was expected, null was found"));
    }
    Cell::Value(Value::Null)
}

fn scalar(field: &FieldSpec, text: &str, spelling: Spelling, all: &mut Vec<Violation>) -> Cell {
    let bytes = text.as_bytes();
    let value = match &field.ty {
        LogicalType::Bool => match text {
            "t" | "true" => Some(Value::Bool(true)),
            "f" | "false" => Some(Value::Bool(false)),
            _ => None,
        },
        LogicalType::Int32 => {
            number::int(bytes).filter(|n| i32::try_from(*n).is_ok()).map(Value::Int)
        }
        LogicalType::Int64 => number::int(bytes).map(Value::Int),
        LogicalType::Decimal { precision, scale } => {
            number::decimal(text, *precision, *scale).map(Value::Decimal)
        }
        LogicalType::Uuid => number::uuid(bytes).map(Value::Uuid),
        LogicalType::Date => time::date(bytes).map(Value::Date),
        LogicalType::Timestamp => time::timestamp(bytes, spelling).map(Value::Timestamp),
        LogicalType::Bytes => number::pg_bytes(bytes).map(Value::Bytes),
        LogicalType::String { .. } | LogicalType::Json | LogicalType::Enum { .. } => {
            Some(Value::Text(text.to_owned()))
        }
    };
    value.map_or_else(
        || {
            all.push(violation(Some(field), "type", &format!("{} was expected", field.ty)));
            Cell::Absent
        },
        Cell::Value,
    )
}

fn check(field: &FieldSpec, value: &Value, all: &mut Vec<Violation>) {
    let Value::Text(text) = value else { return };
    match &field.ty {
        LogicalType::Enum { symbols } if !symbols.contains(text) => {
            all.push(violation(Some(field), "symbol", "another symbol was found"));
        }
        LogicalType::String { max_chars: Some(max) } if text.chars().count() > *max as usize => {
            all.push(violation(Some(field), "max_chars", &format!("at most {max} characters")));
        }
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => {}
    }
    if field.format.as_deref() == Some("email") && !email::is_email(text) {
        all.push(violation(Some(field), "format", "an e-mail address was expected"));
    }
}
