//! Salesforce mappings: no loops, no target twice, lookups that lead somewhere, names that
//! Salesforce takes.

use std::collections::BTreeMap;

use covenant_model::spec::{EntitySpec, SalesforceField, SalesforceSink, SourceSpec};
use covenant_model::value::LogicalType;

use super::{Cx, finding};
use crate::diagnostic::codes;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        let spec = &entity.spec;
        let Some(sink) = &spec.salesforce else { continue };
        for mapping in &sink.fields {
            loops(cx, spec, sink, mapping);
            lookup(cx, spec, sink, mapping);
            required(cx, spec, sink, mapping);
        }
        targets(cx, spec, sink);
        names(cx, spec, sink);
        filter(cx, spec, sink);
    }
}

/// Path of a mapping in the contract.
pub(super) fn mapping_path(
    spec: &EntitySpec,
    sink: &SalesforceSink,
    mapping: &SalesforceField,
) -> String {
    let base = format!("{}/sinks/{}/fields/{}", spec.name, sink.system, mapping.target);
    match &mapping.parent_external_id {
        Some(id) => format!("{base}.{id}"),
        None => base,
    }
}

fn loops(cx: &Cx<'_>, spec: &EntitySpec, sink: &SalesforceSink, mapping: &SalesforceField) {
    let sources: Vec<&str> = spec
        .sources
        .iter()
        .filter(|(_, source)| match source {
            SourceSpec::Salesforce { system, object, .. } => {
                *system == sink.system && *object == sink.object
            }
            SourceSpec::Postgres { .. } | SourceSpec::Stream { .. } => false,
        })
        .map(|(name, _)| name.as_str())
        .collect();
    let owned = spec.fields.iter().find(|field| {
        sources
            .iter()
            .any(|source| field.from.get(*source).is_some_and(|column| *column == mapping.target))
    });
    let own = spec
        .fields
        .get(mapping.source)
        .filter(|field| sources.iter().any(|source| field.from.contains_key(*source)));
    if let Some(field) = own.or(owned) {
        cx.report(
            finding(
                &codes::LOOP,
                cx.key(&mapping_path(spec, sink, mapping)),
                format!("{} owns `{}` and would get it back", sink.system, field.name),
            )
            .label(cx.attribute(&spec.name, &field.name, "from"), "comes from there")
            .why("the write would come back as a change, and be written again")
            .help("map each Salesforce field in one direction only"),
        );
    }
}

fn lookup(cx: &Cx<'_>, spec: &EntitySpec, sink: &SalesforceSink, mapping: &SalesforceField) {
    let Some(external_id) = &mapping.parent_external_id else { return };
    let Some(field) = spec.fields.get(mapping.source) else { return };
    let at = cx.key(&mapping_path(spec, sink, mapping));
    let report = |headline: String, help: &str| {
        cx.report(
            finding(&codes::LOOKUP_PARENT, at, headline)
                .label(cx.field(&spec.name, &field.name), "the field")
                .why("the record is found by the parent's external id, and the parent is delivered first")
                .help(help),
        );
    };
    let Some(name) = &field.references else {
        let headline = format!("`{}` refers to no entity", field.name);
        return report(
            headline,
            "add `references: <entity>` to the field, or map it to a plain field",
        );
    };
    // An unknown entity has been reported.
    let Some(parent) = cx.ir.entity(name) else { return };
    match &parent.spec.salesforce {
        Some(other) if other.system == sink.system && other.external_id == *external_id => {}
        Some(other) if other.system == sink.system => report(
            format!("{name} is delivered under `{}`, not `{external_id}`", other.external_id),
            "use the parent's external id behind the point",
        ),
        Some(_) | None => report(
            format!("{name} is not delivered to {}", sink.system),
            "give the parent a Salesforce sink, or map the field to a plain field",
        ),
    }
}

/// What Salesforce demands of every record must be there in every row, from its first delivery on.
fn required(cx: &Cx<'_>, spec: &EntitySpec, sink: &SalesforceSink, mapping: &SalesforceField) {
    let Some(field) = spec.fields.get(mapping.source).filter(|_| mapping.required) else { return };
    let told = field.from.contains_key(&spec.existence_owner) || field.from.is_empty();
    let what = if mapping.parent_external_id.is_some() {
        "feeds a lookup, which is emptied where its parent goes"
    } else if field.nullable || field.optional {
        "may be null or left out"
    } else if !told {
        "is told by another source than the one that creates rows"
    } else if field.ty == LogicalType::Bool {
        "is a checkbox, which always has a value"
    } else {
        return;
    };
    let path = mapping_path(spec, sink, mapping);
    cx.report(
        finding(
            &codes::REQUIRED_AND_MISSING,
            cx.value(&format!("{path}/required")),
            format!("Salesforce demands `{}`, and `{}` {what}", mapping.target, field.name),
        )
        .label(cx.field(&spec.name, &field.name), "declared here")
        .why("every record without it would be refused, again and again")
        .help("remove `required`, or let the field always be there"),
    );
}

fn targets(cx: &Cx<'_>, spec: &EntitySpec, sink: &SalesforceSink) {
    let base = format!("{}/sinks/{}", spec.name, sink.system);
    let mut taken: BTreeMap<String, (String, &str)> = BTreeMap::new();
    for (name, what) in [
        (&sink.external_id, "the external id"),
        (&sink.revision_field, "the delivery revision"),
        (&sink.deleted_field, "the flag of deleted rows"),
    ] {
        taken.insert(name.to_lowercase(), (format!("{base}/external_id"), what));
    }
    for mapping in &sink.fields {
        let path = mapping_path(spec, sink, mapping);
        let target = mapping.target.to_lowercase();
        match taken.get(&target) {
            Some((first, what)) => cx.report(
                finding(
                    &codes::MAPPED_TWICE,
                    cx.key(&path),
                    format!("`{}` is written twice", mapping.target),
                )
                .label(cx.value(first), format!("{what} is here"))
                .help("map it once"),
            ),
            None => {
                taken.insert(target, (path, "the first mapping"));
            }
        }
    }
}

/// Most characters of an API name without its suffix.
const API_NAME_CHARS_MAX: usize = 40;

/// Letters, digits and single underscores, beginning with a letter, not ending with an underscore;
/// perhaps a suffix.
pub(super) fn is_api_name(name: &str, suffixes: &[&str]) -> bool {
    let bare = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    bare.len() <= API_NAME_CHARS_MAX
        && bare.starts_with(|first: char| first.is_ascii_alphabetic())
        && bare.bytes().all(|at| at.is_ascii_alphanumeric() || at == b'_')
        && !bare.contains("__")
        && !bare.ends_with('_')
}

fn names(cx: &Cx<'_>, spec: &EntitySpec, sink: &SalesforceSink) {
    let base = format!("{}/sinks/{}", spec.name, sink.system);
    let report = |span, name: &str, expected: &str| {
        cx.report(
            finding(&codes::BAD_SALESFORCE_NAME, span, format!("`{name}` is no Salesforce name"))
                .why(format!("expected {expected}, letters, digits and single `_`"))
                .help("take the API name from Salesforce's set-up pages"),
        );
    };
    if !is_api_name(&sink.object, &["__c"]) {
        report(cx.value(&format!("{base}/object")), &sink.object, "`Account` or `Order__c`");
    }
    if !is_api_name(&sink.external_id, &["__c"]) || !sink.external_id.ends_with("__c") {
        report(
            cx.value(&format!("{base}/external_id")),
            &sink.external_id,
            "a custom field: `Order_Id__c`",
        );
    }
    for mapping in &sink.fields {
        let span = cx.key(&mapping_path(spec, sink, mapping));
        match &mapping.parent_external_id {
            None if is_api_name(&mapping.target, &["__c"]) => {}
            None => report(span, &mapping.target, "`Phone` or `Status__c`"),
            Some(id) if is_api_name(&mapping.target, &["__r"]) && is_api_name(id, &["__c"]) => {}
            Some(id) => {
                let name = format!("{}.{id}", mapping.target);
                report(
                    span,
                    &name,
                    "a relationship and the parent's external id: `Customer__r.Customer_Id__c`",
                );
            }
        }
    }
}

fn filter(cx: &Cx<'_>, spec: &EntitySpec, sink: &SalesforceSink) {
    let Some(field) = sink.filter.as_ref().and_then(|filter| spec.fields.get(filter.field)) else {
        return;
    };
    let dated = matches!(field.ty, LogicalType::Date | LogicalType::Timestamp);
    if !dated || field.nullable || field.pii.is_some() {
        let what = if !dated {
            format!("of type {}", field.ty)
        } else if field.nullable {
            "nullable".to_owned()
        } else {
            "personal data".to_owned()
        };
        cx.report(
            finding(
                &codes::BAD_FILTER_FIELD,
                cx.value(&format!("{}/sinks/{}/where", spec.name, sink.system)),
                format!("`{}` is {what}, and says nothing of a row's age", field.name),
            )
            .label(cx.field(&spec.name, &field.name), "declared here")
            .help("use a date or timestamp that every row has"),
        );
    }
}
