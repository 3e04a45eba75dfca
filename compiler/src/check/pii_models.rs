//! Personal data stays personal data when it is computed with, and of a class that stands above every class that it is made of.

use std::collections::BTreeSet;

use covenant_model::spec::{ModelField, PiiSpec};
use covenant_model::terms::Declassifier;

use super::{Cx, declassify, finding};
use crate::diagnostic::codes;
use crate::ir::ModelIr;

pub(super) fn check(cx: &Cx<'_>) {
    for model in cx.ir.models.iter().filter(|model| model.query_sound) {
        for field in &model.spec.fields {
            let lowered = declassify::lowers(cx, model, field);
            // Nobody is left in a count of many.
            if lowered != Some(Declassifier::Count) {
                kept(cx, model, field, lowered);
            }
        }
    }
}

/// A source of a column, with its class.
type Source<'a> = (&'a (String, String), PiiSpec);

fn kept<'a>(cx: &Cx<'_>, model: &ModelIr, field: &'a ModelField, lowered: Option<Declassifier>) {
    let classed =
        |source: &'a (String, String)| Some((source, class_of(cx, &source.0, &source.1)?));
    let sources: Vec<Source<'a>> = field.lineage.iter().filter_map(classed).collect();
    let uncovered = sources.iter().find(|(_, source)| match (&field.pii, lowered) {
        (None, _) => true,
        // Cut or hashed, it is still about somebody: of any class.
        (Some(_), Some(_)) => false,
        (Some(declared), None) => !cx.ir.project.class_covers(&declared.class, &source.class),
    });
    let Some((place, source)) = uncovered else { return };
    let (table, column) = (&place.0, &place.1);
    let headline = match &field.pii {
        None => format!("`{}` is computed from personal data: {table}.{column}", field.name),
        Some(declared) => format!(
            "`{}` is of class `{}`, and computed from class `{}`: {table}.{column}",
            field.name, declared.class, source.class
        ),
    };
    let mut found = finding(&codes::PII_LOST, cx.field(&model.spec.name, &field.name), headline);
    for ((table, column), pii) in &sources {
        let text = format!("class `{}`", pii.class);
        found = found.label(cx.attribute(table, column, "pii"), text);
    }
    found = found.why("a sum, a maximum or a part of personal data is personal data");
    cx.report(match lowered {
        Some(_) => found
            .help("declare `pii` with any class: what is cut or hashed is still about somebody"),
        None => found.help(allowed(cx, &sources)),
    });
}

/// Which classes a column that is made of all of these may have.
fn allowed(cx: &Cx<'_>, sources: &[Source<'_>]) -> String {
    let classes: BTreeSet<&str> = sources.iter().map(|(_, pii)| pii.class.as_str()).collect();
    let over = cx.ir.project.classes_over(&classes);
    // The lowest that will do, where one is below all others.
    let least =
        over.iter().find(|one| over.iter().all(|other| cx.ir.project.class_covers(other, one)));
    match (least, over.is_empty()) {
        (Some(class), _) => format!("declare `pii: {class}`, or do not read the field"),
        (None, false) => {
            format!("declare `pii` with one of {}, or do not read the field", over.join(", "))
        }
        (None, true) => {
            let names = classes.into_iter().collect::<Vec<_>>().join(", ");
            format!(
                "no class covers all of {names}: declare one in project.yaml, `above: [{names}]`, or do not read the field"
            )
        }
    }
}

pub(super) fn class_of(cx: &Cx<'_>, table: &str, column: &str) -> Option<PiiSpec> {
    if let Some(entity) = cx.ir.entity(table) {
        return entity.spec.fields.iter().find(|field| field.name == column)?.pii.clone();
    }
    cx.ir.model(table)?.spec.fields.iter().find(|field| field.name == column)?.pii.clone()
}
