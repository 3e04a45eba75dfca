//! From a field of a contract to its type on a platform: the emitters' answer.

use covenant_model::columns::{self, ColumnPart, LandingType};
use covenant_model::spec::FieldSpec;
use covenant_model::value::LogicalType;

use super::declared::of_column;
use super::parse::SALESFORCE_EMAIL;
use super::{PhysicalType, Platform, Shape, TextKind, Zone};
use crate::emit::salesforce::FieldType;
use crate::emit::sql::Dialect;

/// What a field is on a platform: one type for each stored column (a ciphertext has its token beside it). Empty where
/// the platform does not hold it: its class is dropped, or Salesforce has no such type.
pub fn of(platform: Platform, field: &FieldSpec) -> Vec<(String, PhysicalType)> {
    match platform {
        Platform::Snowflake | Platform::DuckDb => columns::of_field(field, 0)
            .into_iter()
            .map(|column| {
                let ty = match column.part {
                    ColumnPart::Plain => of_column(platform, &column.ty, &field.terms),
                    ColumnPart::Cipher | ColumnPart::Token => of_logical(platform, &column.ty),
                };
                (column.name, ty)
            })
            .collect(),
        Platform::Salesforce => {
            let ty = FieldType::of(field).ok().map(|ty| salesforce(&ty));
            ty.map(|ty| (field.name.clone(), ty)).into_iter().collect()
        }
        Platform::Postgres | Platform::Json | Platform::Rust => {
            vec![(field.name.clone(), of_logical(platform, &field.read_type()))]
        }
    }
}

/// What a logical type is on a platform, without what a field adds to it. In Salesforce, where a field's format counts
/// and some types have no counterpart, ask [`of`]; this gives the type's name there, related to nothing.
pub fn of_logical(platform: Platform, ty: &LogicalType) -> PhysicalType {
    match platform {
        Platform::Snowflake => emitted(platform, Dialect::Snowflake, ty),
        Platform::DuckDb => emitted(platform, Dialect::DuckDb, ty),
        Platform::Postgres => PhysicalType::parse(platform, &postgres(ty)),
        Platform::Salesforce => PhysicalType::parse(platform, &ty.to_string()),
        Platform::Json | Platform::Rust => PhysicalType { name: ty.to_string(), shape: value(ty) },
    }
}

fn emitted(platform: Platform, dialect: Dialect, ty: &LogicalType) -> PhysicalType {
    PhysicalType::parse(platform, &dialect.type_name(LandingType::of(ty)))
}

/// The type that a source column of such a field would be given. Nothing is generated for it (the tables belong to
/// the source); the runtime's preflight takes it whole.
fn postgres(ty: &LogicalType) -> String {
    match ty {
        LogicalType::Bool => "boolean".to_owned(),
        LogicalType::Int32 => "integer".to_owned(),
        LogicalType::Int64 => "bigint".to_owned(),
        LogicalType::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
        LogicalType::String { max_chars: Some(max) } => format!("varchar({max})"),
        LogicalType::String { max_chars: None } | LogicalType::Enum { .. } => "text".to_owned(),
        LogicalType::Uuid => "uuid".to_owned(),
        LogicalType::Date => "date".to_owned(),
        LogicalType::Timestamp => "timestamptz".to_owned(),
        LogicalType::Json => "jsonb".to_owned(),
        LogicalType::Bytes => "bytea".to_owned(),
    }
}

pub(super) fn salesforce(ty: &FieldType) -> PhysicalType {
    let shape = match ty {
        FieldType::Checkbox => Shape::Boolean,
        FieldType::Number { precision, scale } => {
            Shape::Fixed { precision: *precision, scale: *scale }
        }
        FieldType::Text { length } => {
            Shape::Text { max_chars: Some(*length), kind: TextKind::Plain }
        }
        FieldType::LongTextArea { length } => {
            Shape::Text { max_chars: Some(*length), kind: TextKind::Long }
        }
        FieldType::Email => {
            Shape::Text { max_chars: Some(SALESFORCE_EMAIL), kind: TextKind::Email }
        }
        FieldType::Date => Shape::Date,
        FieldType::DateTime => Shape::Timestamp { zone: Zone::Instant, digits: 3 },
        FieldType::Picklist { symbols } => {
            Shape::Choice { symbols: symbols.iter().cloned().collect() }
        }
    };
    PhysicalType { name: ty.to_string(), shape }
}

/// What generated validators and decoders of events take.
fn value(ty: &LogicalType) -> Shape {
    match ty {
        LogicalType::Bool => Shape::Boolean,
        LogicalType::Int32 => Shape::Integer { bits: 32 },
        LogicalType::Int64 => Shape::Integer { bits: 64 },
        LogicalType::Decimal { precision, scale } => {
            Shape::Fixed { precision: *precision, scale: *scale }
        }
        LogicalType::String { max_chars } => {
            Shape::Text { max_chars: *max_chars, kind: TextKind::Plain }
        }
        LogicalType::Uuid => Shape::Uuid,
        LogicalType::Date => Shape::Date,
        LogicalType::Timestamp => Shape::Timestamp { zone: Zone::Instant, digits: 6 },
        LogicalType::Enum { symbols } => {
            Shape::Choice { symbols: symbols.iter().cloned().collect() }
        }
        LogicalType::Json => Shape::Document,
        LogicalType::Bytes => Shape::Binary { max_bytes: None },
    }
}
