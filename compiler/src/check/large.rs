//! Fields that a change may leave out must be declared, or an older value would win for good.

use covenant_model::spec::{FieldSpec, Protection, SourceSpec};
use covenant_model::value::LogicalType;

use super::{Cx, finding, is_key};
use crate::diagnostic::codes;
use crate::ir::EntityIr;

/// 500 characters take at most 2,000 bytes, which is where PostgreSQL begins to store values out of
/// line.
const INLINE_CHARS_MAX: u32 = 500;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        let name = &entity.spec.name;
        for (ix, field) in entity.sound_fields() {
            let postgres = from_postgres(entity, field);
            let dropped = field.pii.as_ref().is_some_and(|pii| pii.protect == Protection::Drop);
            if postgres && may_be_out_of_line(&field.ty) && !field.large && !dropped {
                cx.report(
                    finding(
                        &codes::NOT_LARGE,
                        cx.attribute(name, &field.name, "type"),
                        format!("`{}` must be `large: true`", field.name),
                    )
                    .why("PostgreSQL may store it out of line, and then leaves it out of updates that do not touch it")
                    .help(format!("add `large: true`, or limit it: `string({INLINE_CHARS_MAX})`")),
                );
            }
            // A source with errors is none yet; that has been reported.
            let known = field.from.keys().all(|from| entity.spec.sources.contains_key(from));
            if field.large && !postgres && known {
                cx.report(
                    finding(
                        &codes::LARGE_SOURCE,
                        cx.attribute(name, &field.name, "large"),
                        format!("`{}` is large, but no PostgreSQL source tells it", field.name),
                    )
                    .help("say `optional: true` where a change may come without it"),
                );
            }
            if field.optional && !field.nullable && !is_key(&entity.spec, ix) {
                cx.report(
                    finding(
                        &codes::OPTIONAL_NOT_NULLABLE,
                        cx.attribute(name, &field.name, "optional"),
                        format!("`{}` is optional but not nullable", field.name),
                    )
                    .why("a row has no value for it until some change carries one")
                    .help("add `nullable: true`"),
                );
            }
        }
    }
}

fn from_postgres(entity: &EntityIr, field: &FieldSpec) -> bool {
    field
        .from
        .keys()
        .any(|source| matches!(entity.spec.sources.get(source), Some(SourceSpec::Postgres { .. })))
}

/// Whether PostgreSQL may store it out of line, so that changes may leave it out.
pub(crate) fn may_be_out_of_line(ty: &LogicalType) -> bool {
    match ty {
        LogicalType::String { max_chars } => max_chars.is_none_or(|max| max > INLINE_CHARS_MAX),
        LogicalType::Json | LogicalType::Bytes => true,
        LogicalType::Bool
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::Decimal { .. }
        | LogicalType::Uuid
        | LogicalType::Date
        | LogicalType::Timestamp
        | LogicalType::Enum { .. } => false,
    }
}
