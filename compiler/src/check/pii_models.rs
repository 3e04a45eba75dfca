//! Personal data stays personal data when it is computed with.

use covenant_model::spec::{PiiSpec, Protection};
use covenant_model::terms::Declassifier;

use super::{Cx, declassify, finding};
use crate::diagnostic::codes;

pub(super) fn check(cx: &Cx<'_>) {
    for model in cx.ir.models.iter().filter(|model| model.query_sound) {
        for field in &model.spec.fields {
            let declared = field.pii.as_ref().map(strength).unwrap_or(0);
            let lowered = declassify::lowers(cx, model, field);
            for (table, column) in &field.lineage {
                let Some(source) = class_of(cx, table, column) else { continue };
                let needed = match lowered {
                    // Nobody is left in a count of many.
                    Some(Declassifier::Count) => 0,
                    // Cut or hashed, it is still about somebody: of any class.
                    Some(Declassifier::Truncate | Declassifier::Bucket | Declassifier::Hash) => {
                        strength(&source).min(WEAKEST)
                    }
                    None => strength(&source),
                };
                if needed <= declared {
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
                    .help(match lowered {
                        None => format!("declare `pii: {}`, or do not read the field", source.class),
                        Some(_) => "declare `pii` with any class: what is cut or hashed is still about somebody".to_owned(),
                    }),
                );
            }
        }
    }
}

/// Strength of the weakest class.
const WEAKEST: u8 = 1;

/// Weakest first.
fn strength(pii: &PiiSpec) -> u8 {
    match pii.protect {
        Protection::Mask => 1,
        Protection::Encrypt => 2,
        Protection::Tokenize => 3,
        Protection::Drop => 4,
    }
}

pub(super) fn class_of(cx: &Cx<'_>, table: &str, column: &str) -> Option<PiiSpec> {
    if let Some(entity) = cx.ir.entity(table) {
        return entity.spec.fields.iter().find(|field| field.name == column)?.pii.clone();
    }
    cx.ir.model(table)?.spec.fields.iter().find(|field| field.name == column)?.pii.clone()
}
