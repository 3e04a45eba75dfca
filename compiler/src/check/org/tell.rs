//! What is read from an object: that it is there, and that whatever people may write fits the contract.

use std::collections::BTreeMap;

use super::{CUSTOM, Pair, fit};
use crate::check::{Cx, finding};
use crate::describe::{Kind, SObject};
use crate::diagnostic::codes;
use crate::ir::EntityIr;
use crate::source::Span;

/// Changes are found by it.
const MODSTAMP: &str = "SystemModstamp";

pub(super) fn check(
    cx: &Cx<'_>,
    entity: &EntityIr,
    source: &str,
    key: &BTreeMap<String, String>,
    object: &SObject,
) {
    let spec = &entity.spec;
    let base = format!("{}/sources/{source}", spec.name);
    let at = cx.value(&format!("{base}/object"));
    if !object.queryable {
        let headline = format!("records of `{}` cannot be read", object.name);
        cx.report(
            finding(&codes::NOT_IN_ORG, at, headline)
                .label(object.span("queryable"), "`queryable` is false")
                .help("grant it to the integration user and commit the new describe"),
        );
    }
    Pair { cx, entity, object, at }.named(MODSTAMP, false);
    for (field, name) in key {
        let delivered = spec.salesforce.as_ref().is_some_and(|sink| {
            sink.object.eq_ignore_ascii_case(&object.name)
                && sink.external_id.eq_ignore_ascii_case(name)
        });
        // the external id has been judged where it is delivered
        if !delivered {
            let at = cx.value(&format!("{base}/key/{field}"));
            Pair { cx, entity, object, at }.named(name, false);
        }
    }
    for (ix, field) in entity.sound_fields() {
        let Some(name) = field.from.get(source) else { continue };
        let pair =
            Pair { cx, entity, object, at: place(cx, &base, spec.name.as_str(), &field.name) };
        let Some(there) = pair.named(name, name.ends_with(CUSTOM)) else { continue };
        let declared = cx.field(&spec.name, &field.name);
        if let Some(misfit) = fit::told(field, there) {
            let headline =
                format!("`{name}` {}, and `{}` {}", misfit.theirs, field.name, misfit.ours);
            cx.report(
                pair.finding(misfit.code, there, misfit.attribute, headline)
                    .label(declared, "declared here")
                    .help(misfit.help),
            );
        }
        let filled = !there.nillable || there.kind == Kind::Boolean;
        if !filled && !field.nullable && !spec.key.contains(&ix) {
            let headline =
                format!("people may leave `{name}` empty, and `{}` is never null", field.name);
            cx.report(
                pair.finding(&codes::ORG_TELLS_MORE, there, "nillable", headline)
                    .label(declared, "declared here")
                    .help("declare it `nullable: true`, or make the field required in the org"),
            );
        }
    }
}

/// Where the contract names the Salesforce field of a field.
fn place(cx: &Cx<'_>, base: &str, dataset: &str, field: &str) -> Span {
    let listed = cx.ir.spans.get(&format!("{base}/fields/{field}"));
    listed.map_or_else(|| cx.attribute(dataset, field, "from"), |found| found.value)
}
