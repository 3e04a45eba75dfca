//! What the project and its classes of personal data demand of every contract: a class for every field, and an end.

use covenant_model::spec::{Expectations, PiiSpec, Protection};

use super::{Cx, finding};
use crate::diagnostic::codes;
use crate::parse::PROJECT;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        let spec = &entity.spec;
        if cx.ir.project.classify_required {
            for (ix, field) in entity.sound_fields() {
                if field.pii.is_none() && !entity.impersonal.contains(&ix) {
                    unclassified(cx, &spec.name, &field.name);
                }
            }
        }
        let classes = spec.fields.iter().map(|field| (field.name.as_str(), field.pii.as_ref()));
        kept(cx, &spec.name, &spec.expect, classes);
    }
    for model in &cx.ir.models {
        let spec = &model.spec;
        let classes = spec.fields.iter().map(|field| (field.name.as_str(), field.pii.as_ref()));
        kept(cx, &spec.name, &spec.expect, classes);
    }
}

fn unclassified(cx: &Cx<'_>, dataset: &str, field: &str) {
    cx.report(
        finding(
            &codes::UNCLASSIFIED,
            cx.field(dataset, field),
            format!("`{field}` does not say whether it is personal data"),
        )
        .label(cx.value(&format!("{PROJECT}/pii/classify")), "demanded here")
        .why("a field that nobody thought about is the one that leaks")
        .help("add `pii: <class>`, or `pii: none`"),
    );
}

/// No dataset keeps personal data for longer than its class allows.
fn kept<'a>(
    cx: &Cx<'_>,
    dataset: &str,
    expect: &Expectations,
    fields: impl Iterator<Item = (&'a str, Option<&'a PiiSpec>)>,
) {
    for (name, pii) in fields {
        let Some(pii) = pii.filter(|pii| pii.protect != Protection::Drop) else { continue };
        let class = cx.ir.project.pii_classes.get(&pii.class);
        let Some(most) = class.and_then(|class| class.terms.max_retention_days) else { continue };
        if expect.retention_days.is_some_and(|days| days <= most) {
            continue;
        }
        let kept =
            expect.retention_days.map_or("for ever".to_owned(), |days| format!("{days} days"));
        let limit = cx.value(&format!("{PROJECT}/pii/classes/{}/max_retention", pii.class));
        let headline =
            format!("{dataset} keeps `{name}` {kept}, class `{}` at most {most} days", pii.class);
        cx.report(
            finding(
                &codes::KEPT_TOO_LONG,
                cx.value(&format!("{dataset}/expect/retention")),
                headline,
            )
            .label(limit, "the limit")
            .label(cx.attribute(dataset, name, "pii"), "the class")
            .help("shorten `retention` under `expect`, or keep the field elsewhere"),
        );
        // One retention, one finding.
        return;
    }
}
