//! A contract that runs without being generated: the tables that generated code holds as constants are built from the
//! specification, and the loops, readers and checks of `covenant_model::support` do the rest. So the interpreter and the
//! generated code can differ in the quality rules only (tables of tokens here, Rust there), and a differential test holds
//! them together.

use covenant_model::codec::{ColumnMap, EventRecord, PgDatum};
use covenant_model::expr::Expr;
use covenant_model::record::{Cell, Record, Violations};
use covenant_model::spec::{EntitySpec, FieldIx, FieldSpec, SourceSpec, UnknownMembers};
use covenant_model::support::check::{self, Check};
use covenant_model::support::drive;
use covenant_model::support::generated::Row;
use covenant_model::support::pattern::Pattern;
use covenant_model::support::raw::Raw;
use covenant_model::support::scalar::Any;
use covenant_model::support::table::{self, Entity, Field, Member, Quality, Role, Source, Ty};
use covenant_model::value::{LogicalType, Value};

use crate::emit::EmitError;
use crate::emit::rust::{bounds, refusing, source};

/// A contract that can be asked.
#[derive(Clone, Copy)]
pub struct Interpreter<'c> {
    spec: &'c EntitySpec,
    entity: &'c Entity<'c>,
    /// One per rule of [`Entity::quality`].
    rules: &'c [&'c Expr],
}

/// Builds the tables of a contract and hands over its interpreter.
///
/// # Errors
/// Where the contract cannot be expressed in Rust either.
pub fn with<R>(spec: &EntitySpec, run: impl FnOnce(Interpreter<'_>) -> R) -> Result<R, EmitError> {
    let symbols: Vec<Vec<&str>> = spec.fields.iter().map(symbols_of).collect();
    let patterns: Vec<Option<Pattern<'_>>> =
        spec.fields.iter().map(|field| field.pattern.as_deref().map(Pattern::regex)).collect();
    let renamed: Vec<Vec<(&str, &str)>> = spec.fields.iter().map(renamed_of).collect();
    let fields = spec
        .fields
        .iter()
        .zip(symbols.iter().zip(&patterns))
        .zip(&renamed)
        .map(|((field, (symbols, pattern)), renamed)| {
            Ok(field_of(spec, field, symbols, pattern.as_ref())?.renamed(renamed))
        })
        .collect::<Result<Vec<_>, EmitError>>()?;
    let named: Vec<Vec<source::Member>> =
        spec.sources.keys().map(|name| source::members(spec, name)).collect::<Result<_, _>>()?;
    let aliases: Vec<Vec<Vec<&str>>> =
        named.iter().map(|all| all.iter().map(aliases_of).collect()).collect();
    let members: Vec<Vec<Member<'_>>> = named
        .iter()
        .zip(&aliases)
        .map(|(all, aliases)| {
            all.iter().zip(aliases).map(|(of, names)| member_of(of, names)).collect()
        })
        .collect();
    let sources: Vec<Source<'_>> = spec
        .sources
        .iter()
        .zip(&members)
        .map(|((name, of), members)| source_of(name, of, members))
        .collect();
    let names: Vec<String> = refusing(spec).map(|rule| format!("quality:{}", rule.name)).collect();
    let quality: Vec<Quality<'_>> = refusing(spec)
        .zip(&names)
        .map(|(rule, name)| Quality { rule: name, text: &rule.text })
        .collect();
    let rules: Vec<&Expr> = refusing(spec).map(|rule| &rule.expect).collect();
    let entity = Entity {
        name: &spec.name,
        contract_hash: &spec.contract_hash,
        fields: &fields,
        key: &spec.key,
        groups: spec.groups.len(),
        sources: &sources,
        quality: &quality,
    };
    Ok(run(Interpreter { spec, entity: &entity, rules: &rules }))
}

pub(crate) fn symbols_of(field: &FieldSpec) -> Vec<&str> {
    match &field.ty {
        LogicalType::Enum { symbols } => symbols.iter().map(String::as_str).collect(),
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Json
        | LogicalType::Bytes => Vec::new(),
    }
}

fn renamed_of(field: &FieldSpec) -> Vec<(&str, &str)> {
    field.evolution.renamed.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect()
}

fn aliases_of(member: &source::Member) -> Vec<&str> {
    member.aliases.iter().map(String::as_str).collect()
}

fn source_of<'c>(name: &'c str, spec: &SourceSpec, members: &'c [Member<'c>]) -> Source<'c> {
    let source = Source::new(name, kind_of(spec), members);
    match spec {
        SourceSpec::Stream { unknown: UnknownMembers::Closed, .. } => source.closed(),
        SourceSpec::Stream { unknown: UnknownMembers::Open, .. }
        | SourceSpec::Postgres { .. }
        | SourceSpec::Salesforce { .. } => source,
    }
}

fn field_of<'c>(
    spec: &EntitySpec,
    field: &'c FieldSpec,
    symbols: &'c [&'c str],
    pattern: Option<&'c Pattern<'c>>,
) -> Result<Field<'c>, EmitError> {
    let mut built = Field::new(&field.name, ty_of(&field.read_type(), symbols));
    built.nullable = field.nullable;
    built.optional = field.optional;
    built.default = field.evolution.default.as_deref();
    let bound = |text: &Option<String>| {
        text.as_deref().map(|text| bounds::number(spec, field, text)).transpose()
    };
    built.min = bound(&field.min)?;
    built.max = bound(&field.max)?;
    built.pattern = pattern;
    built.email = field.format.as_deref() == Some("email");
    Ok(built)
}

pub(crate) fn ty_of<'c>(ty: &LogicalType, symbols: &'c [&'c str]) -> Ty<'c> {
    match ty {
        LogicalType::Bool => Ty::Bool,
        LogicalType::Int32 => Ty::Int32,
        LogicalType::Int64 => Ty::Int64,
        LogicalType::Decimal { precision, scale } => Ty::decimal(*precision, *scale),
        LogicalType::String { max_chars } => Ty::text(max_chars.unwrap_or(0)),
        LogicalType::Uuid => Ty::Uuid,
        LogicalType::Date => Ty::Date,
        LogicalType::Timestamp => Ty::Timestamp,
        LogicalType::Enum { .. } => Ty::one_of(symbols),
        LogicalType::Json => Ty::Json,
        LogicalType::Bytes => Ty::Bytes,
    }
}

fn member_of<'c>(member: &'c source::Member, aliases: &'c [&'c str]) -> Member<'c> {
    let role = match member.role {
        source::Role::Plain => Role::Plain,
        source::Role::EventId => Role::EventId,
        source::Role::Order => Role::Order,
        source::Role::OccurredAt => Role::OccurredAt,
    };
    Member::new(&member.name, &member.fields).role(role).aliases(aliases)
}

fn kind_of(spec: &SourceSpec) -> table::Kind {
    match spec {
        SourceSpec::Postgres { .. } => table::Kind::Postgres,
        SourceSpec::Stream { order, .. } => table::Kind::Stream { sequenced: order.is_some() },
        SourceSpec::Salesforce { .. } => table::Kind::Salesforce,
    }
}

/// The methods of the generated `EntityCodec`, over any contract.
impl<'c> Interpreter<'c> {
    /// The contract.
    pub fn spec(&self) -> &'c EntitySpec {
        self.spec
    }

    /// The same contract as far as one member of one source goes: no other is asked for, and no quality rule.
    pub(super) fn alone<R>(
        self,
        source: &str,
        member: &str,
        ask: impl FnOnce(Interpreter<'_>) -> R,
    ) -> R {
        let all = self.source(source);
        let kind = all.map_or(table::Kind::Postgres, |source| source.kind);
        let members: Vec<Member<'_>> = all
            .into_iter()
            .flat_map(|source| source.members)
            .filter(|one| one.name == member)
            .map(|one| Member::new(one.name, one.fields).role(one.role))
            .collect();
        let sources = [Source::new(source, kind, &members)];
        let entity = Entity {
            name: self.entity.name,
            contract_hash: self.entity.contract_hash,
            fields: self.entity.fields,
            key: self.entity.key,
            groups: self.entity.groups,
            sources: if all.is_some() { &sources } else { &[] },
            quality: &[],
        };
        ask(Interpreter { spec: self.spec, entity: &entity, rules: &[] })
    }

    /// The source of that name, with its members.
    pub fn source(&self, name: &str) -> Option<&'c Source<'c>> {
        self.entity.sources.iter().find(|source| source.name == name)
    }

    /// Finds the fields that `source` tells among a relation's columns.
    pub fn columns(&self, source: &str, relation: &[&str]) -> ColumnMap {
        drive::columns(self.entity, source, relation)
    }

    /// Decodes and validates a tuple.
    ///
    /// # Errors
    /// Every rule that it breaks.
    pub fn decode_pg(
        &self,
        source: &str,
        map: &ColumnMap,
        tuple: &[PgDatum<'_>],
    ) -> Result<Record, Violations> {
        let mut row = AnyRow::of(*self);
        drive::pg(self.entity, &mut row, source, map, tuple)?;
        Ok(row.record)
    }

    /// Decodes the key alone.
    ///
    /// # Errors
    /// Where a part of it is missing or malformed.
    pub fn decode_pg_key(
        &self,
        map: &ColumnMap,
        tuple: &[PgDatum<'_>],
    ) -> Result<Vec<Value>, Violations> {
        drive::pg_key(self.entity, &mut AnyRow::of(*self), map, tuple)
    }

    /// Decodes and validates an event.
    ///
    /// # Errors
    /// Every rule that it breaks; `malformed` alone where it is no JSON object.
    pub fn decode_event(&self, source: &str, json: &[u8]) -> Result<EventRecord, Violations> {
        let mut row = AnyRow::of(*self);
        let envelope = drive::event(self.entity, &mut row, source, json)?;
        Ok(EventRecord {
            event_id: envelope.event_id,
            order: envelope.order,
            occurred_at_us: envelope.occurred_at_us,
            record: row.record,
        })
    }

    /// Decodes and validates a Salesforce record.
    ///
    /// # Errors
    /// As [`Interpreter::decode_event`].
    pub fn decode_salesforce(&self, source: &str, json: &[u8]) -> Result<Record, Violations> {
        let mut row = AnyRow::of(*self);
        drive::salesforce(self.entity, &mut row, source, json)?;
        Ok(row.record)
    }
}

/// A record of any contract that is being read.
struct AnyRow<'c> {
    of: Interpreter<'c>,
    record: Record,
}

impl<'c> AnyRow<'c> {
    fn of(of: Interpreter<'c>) -> Self {
        Self { of, record: Record::absent(of.spec.fields.len()) }
    }
}

impl<'a> Row<'a> for AnyRow<'_> {
    fn set(&mut self, field: FieldIx, raw: Raw<'a>, check: &mut Check<'_>) {
        if let Some(cell) = self.record.cells.get_mut(field) {
            *cell = check::take::<Any>(raw, check).into_cell();
        }
    }

    fn into_cells(self) -> Vec<Cell> {
        self.record.cells
    }

    fn key(&self) -> Vec<Value> {
        let value = |ix: &FieldIx| self.record.cells.get(*ix).and_then(Cell::value).cloned();
        self.of.spec.key.iter().map(|ix| value(ix).unwrap_or(Value::Null)).collect()
    }

    fn quality(&self, check: &mut Check<'_>) {
        if self.of.rules.is_empty() {
            return;
        }
        // What is said of a key that broke a rule is unknown, as in generated code.
        let mut record = self.record.clone();
        for ix in self.of.spec.key.iter().filter(|ix| check.broken(**ix)) {
            record.cells.get_mut(*ix).into_iter().for_each(|cell| *cell = Cell::Absent);
        }
        for (place, rule) in self.of.rules.iter().enumerate() {
            if !rule.holds(self.of.spec, &record) {
                check.quality(place);
            }
        }
    }
}
