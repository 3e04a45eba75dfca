//! What is unique besides the key: over fields that the warehouse can compare.

use covenant_model::spec::{EntitySpec, FieldSpec, Protection};
use covenant_model::value::LogicalType;

use super::{Cx, finding};
use crate::diagnostic::codes;
use crate::source::Span;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in cx.ir.entities.iter().filter(|entity| entity.key_sound) {
        let spec = &entity.spec;
        for ids in &spec.unique {
            let fields: Vec<&FieldSpec> =
                ids.iter().filter_map(|id| spec.fields.iter().find(|one| one.id == *id)).collect();
            one(cx, spec, &fields, place(cx, spec, &fields));
        }
    }
}

/// The mark at the field, or else the list.
fn place(cx: &Cx<'_>, spec: &EntitySpec, fields: &[&FieldSpec]) -> Span {
    let marked = match fields {
        [only] => cx.ir.spans.get(&format!("{}/fields/{}/unique", spec.name, only.name)),
        _ => None,
    };
    marked.map_or_else(|| cx.value(&format!("{}/unique", spec.name)), |spans| spans.value)
}

fn one(cx: &Cx<'_>, spec: &EntitySpec, fields: &[&FieldSpec], at: Span) {
    let report = |headline: String, why: &str, help: &str| {
        cx.report(finding(&codes::BAD_UNIQUE, at, headline).why(why).help(help));
    };
    if spec.warehouse.is_none() {
        let headline = format!("{} has no table in which that could be checked", spec.name);
        return report(headline, "rows are compared in the warehouse", "give it one under `sinks`");
    }
    let key: Vec<u32> =
        spec.key.iter().filter_map(|ix| spec.fields.get(*ix)).map(|field| field.id).collect();
    if key.iter().all(|id| fields.iter().any(|field| field.id == *id)) {
        let why = "no two rows have the same key anyway";
        return report("the key is among the fields".to_owned(), why, "leave it out");
    }
    if fields.windows(2).any(|pair| matches!(pair, [a, b] if a.id == b.id)) {
        return report("a field is there twice".to_owned(), "once says it", "name it once");
    }
    for field in fields {
        let dropped = field.pii.as_ref().is_some_and(|pii| pii.protect == Protection::Drop);
        let odd = matches!(field.ty, LogicalType::Json | LogicalType::Bytes);
        if dropped || odd {
            let what = if dropped { "is never landed" } else { "has no exact equality" };
            let why = "equal values are looked for by GROUP BY";
            return report(format!("`{}` {what}", field.name), why, "leave it out");
        }
    }
}
