//! The Salesforce sink of an entity.

use std::collections::BTreeSet;

use covenant_model::spec::{OnDelete, SalesforceField, SalesforceSink, SystemSpec};

use super::Cx;
use super::entity::{field_ix, filter, listed};
use super::sources::sink_shape;
use crate::ast::{EntityDecl, SinkDecl};
use crate::diagnostic::{Diagnostic, codes};

/// Hidden number field with the delivery revision; the generated validation rule refuses a lower
/// one.
const REVISION_FIELD: &str = "Covenant_Revision__c";
/// Where a sink does not say it: largest share of the records that may be removed together, percent.
const MAX_REMOVALS_PERCENT: u8 = 20;
/// Checkbox that `on_delete: flag` sets.
const DELETED_FIELD: &str = "Covenant_Deleted__c";

pub(super) fn resolve(cx: &Cx<'_>, decl: &EntityDecl, sink: &SinkDecl) -> Option<SalesforceSink> {
    let path = format!("{}/sinks/{}", decl.head.name, sink.name);
    for (key, there) in [("table", sink.table.is_some()), ("history", sink.history)] {
        if there {
            let span = cx.key(&format!("{path}/{key}"));
            sink_shape(cx, span, format!("a Salesforce sink has no `{key}`"));
        }
    }
    for (key, there) in [
        ("object", sink.object.is_some()),
        ("external_id", sink.external_id.is_some()),
        ("fields", !sink.fields.is_empty()),
    ] {
        if !there {
            sink_shape(cx, cx.key(&path), format!("a Salesforce sink needs `{key}`"));
        }
    }
    if let (Some(_), None) = (sink.on_leave, &sink.filter) {
        let span = cx.key(&format!("{path}/on_leave"));
        sink_shape(cx, span, "`on_leave` without `where`: no row can leave".to_owned());
    }
    reveal(cx, sink, &path);
    let mut parents = BTreeSet::new();
    let mut fields = Vec::new();
    for mapped in &sink.fields {
        let (target, required) = (&mapped.target, mapped.required);
        let place = format!("{path}/fields/{target}");
        let Some(source) = field_ix(cx, decl, &mapped.source, &place) else { continue };
        let (target, parent_external_id) = match target.split_once('.') {
            Some((relationship, id)) => (relationship.to_owned(), Some(id.to_owned())),
            None => (target.clone(), None),
        };
        let parent = parent_external_id.as_ref().and_then(|_| parent_of(cx, decl, source));
        parents.extend(parent.map(|(parent, _)| parent.head.name.clone()));
        let parent_object = parent.and_then(|(_, sink)| sink.object.clone());
        let field = SalesforceField { target, parent_external_id, parent_object, source, required };
        fields.push(field);
    }
    let adopt = super::adopt::resolve(cx, decl, sink, &fields);
    Some(SalesforceSink {
        system: sink.name.clone(),
        object: sink.object.clone()?,
        external_id: sink.external_id.clone()?,
        filter: sink.filter.as_ref().and_then(|found| filter(cx, decl, found, &path)),
        on_delete: sink.on_delete.unwrap_or(OnDelete::Flag),
        on_leave: sink.on_leave.or(sink.on_delete).unwrap_or(OnDelete::Flag),
        max_removals_percent: sink.max_removals.unwrap_or(MAX_REMOVALS_PERCENT),
        max_updates_percent: sink.max_updates,
        reveal: sink.reveal.clone(),
        fields,
        parents: parents.into_iter().collect(),
        revision_field: REVISION_FIELD.to_owned(),
        deleted_field: DELETED_FIELD.to_owned(),
        adopt,
    })
}

/// The entity that a field refers to, and its own Salesforce sink.
fn parent_of<'a>(
    cx: &Cx<'a>,
    decl: &EntityDecl,
    source: usize,
) -> Option<(&'a EntityDecl, &'a SinkDecl)> {
    let name = decl.fields.get(source)?.references.as_ref()?;
    let parent = cx.entities.get(name.as_str())?;
    let sink = parent.head.sinks.iter().find(|sink| {
        matches!(cx.project.systems.get(&sink.name), Some(SystemSpec::Salesforce { .. }))
    })?;
    Some((parent, sink))
}

fn reveal(cx: &Cx<'_>, sink: &SinkDecl, path: &str) {
    let Some(purpose) = &sink.reveal else { return };
    if cx.ast.project.is_none() || cx.project.purposes.contains_key(purpose) {
        return;
    }
    let known = cx.project.purposes.keys().map(String::as_str);
    cx.sink.push(
        Diagnostic::new(
            &codes::UNKNOWN_PURPOSE,
            cx.at(&format!("{path}/reveal")),
            format!("there is no purpose `{purpose}`"),
        )
        .suggest(purpose, known.clone())
        .why(format!("purposes in project.yaml: {}", listed(known)))
        .help("declare it under `pii.purposes`, with a sentence on why plaintext is needed"),
    );
}
