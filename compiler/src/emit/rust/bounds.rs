//! `min` and `max` as the numbers that generated code compares.

use covenant_model::spec::{EntitySpec, FieldSpec};
use covenant_model::support::time::{self, Spelling};
use covenant_model::value::{LogicalType, decimal_from_text};

use super::inexpressible;
use crate::emit::EmitError;

/// A bound as a number: integers as they are, decimals unscaled, dates in days, timestamps in microseconds.
///
/// # Errors
/// Where the text is no value of the field's type, or the type has no order.
pub(crate) fn number(
    entity: &EntitySpec,
    field: &FieldSpec,
    text: &str,
) -> Result<i128, EmitError> {
    let parsed = match &field.ty {
        LogicalType::Int32 | LogicalType::Int64 => text.parse().ok(),
        LogicalType::Decimal { precision, scale } => {
            decimal_from_text(text, *precision, *scale).ok()
        }
        LogicalType::Date => time::date(text.as_bytes()).map(i128::from),
        LogicalType::Timestamp => {
            time::timestamp(text.as_bytes(), Spelling::Rfc3339).map(i128::from)
        }
        LogicalType::Bool
        | LogicalType::String { .. }
        | LogicalType::Uuid
        | LogicalType::Enum { .. }
        | LogicalType::Json
        | LogicalType::Bytes => {
            let why = format!("{} has no `min` or `max`: remove it", field.ty);
            return Err(inexpressible(entity, &field.name, why));
        }
    };
    parsed.ok_or_else(|| {
        let why = format!("`{text}` is no bound of a {}: write a value of the type", field.ty);
        inexpressible(entity, &field.name, why)
    })
}
