//! Personal data stays personal data when it is computed with.

use covenant_model::spec::{PiiSpec, Protection};

use super::{Cx, finding};
use crate::diagnostic::codes;

pub(super) fn check(cx: &Cx<'_>) {
    for model in cx.ir.models.iter().filter(|model| model.query_sound) {
        for field in &model.spec.fields {
            let declared = field.pii.as_ref().map(strength).unwrap_or(0);
            for (table, column) in &field.lineage {
                let Some(source) = class_of(cx, table, column) else { continue };
                if strength(&source) <= declared {
                    continue;
                }
                cx.report(
                    finding(
                        &codes::PII_LOST,
                        cx.field(&model.spec.name, &field.name),
                        format!(
                            "`{}` is computed from personal data: {table}.{column}",
                            field.name
                        ),
                    )
                    .label(cx.attribute(table, column, "pii"), format!("class `{}`", source.class))
                    .why("a sum, a maximum or a part of personal data is personal data")
                    .help(format!("declare `pii: {}`, or do not read the field", source.class)),
                );
            }
        }
    }
}

/// Weakest first.
fn strength(pii: &PiiSpec) -> u8 {
    match pii.protect {
        Protection::Mask => 1,
        Protection::Encrypt => 2,
        Protection::Tokenize => 3,
        Protection::Drop => 4,
    }
}

fn class_of(cx: &Cx<'_>, table: &str, column: &str) -> Option<PiiSpec> {
    if let Some(entity) = cx.ir.entity(table) {
        return entity.spec.fields.iter().find(|field| field.name == column)?.pii.clone();
    }
    cx.ir.model(table)?.spec.fields.iter().find(|field| field.name == column)?.pii.clone()
}
