//! `mapping.json`: which field of which entity stands where in Salesforce.

use covenant_model::spec::{
    Adoption, EntitySpec, FieldIx, MatchPart, OnDelete, SalesforceSink, SourceSpec, SystemSpec,
};
use serde_json::{Map, Value, json};

use super::API_VERSION;
use crate::emit::json;
use crate::plan::Plan;

/// Everything that is delivered and everything that is read.
pub(super) fn mapping(plan: &Plan) -> Value {
    let mut delivered = Map::new();
    let mut read = Map::new();
    for entity in &plan.entities {
        if let Some(sink) = &entity.salesforce {
            delivered.insert(entity.name.clone(), sent(entity, sink));
        }
        for (source, spec) in &entity.sources {
            if let SourceSpec::Salesforce { object, key, .. } = spec {
                let fields: Map<String, Value> = entity
                    .fields
                    .iter()
                    .filter_map(|field| {
                        let name = field.from.get(source)?;
                        Some((field.name.clone(), Value::from(name.as_str())))
                    })
                    .collect();
                let told = json!({ "object": object, "key": key, "fields": fields });
                read.insert(entity.name.clone(), told);
            }
        }
    }
    let mut mapping = json!({
        "api_version": api_version(plan), "delivered": delivered, "read": read,
    });
    json::mark(&mut mapping, "_generated", &plan.project.name);
    mapping
}

/// The version that the project's Salesforce system declares.
pub(super) fn api_version(plan: &Plan) -> &str {
    plan.project
        .systems
        .values()
        .find_map(|system| match system {
            SystemSpec::Salesforce { api_version, .. } => Some(api_version.as_str()),
            SystemSpec::Postgres { .. }
            | SystemSpec::Stream { .. }
            | SystemSpec::Snowflake { .. } => None,
        })
        .unwrap_or(API_VERSION)
}

fn sent(entity: &EntitySpec, sink: &SalesforceSink) -> Value {
    let name = |ix: FieldIx| entity.fields.get(ix).map(|field| field.name.as_str());
    let fields: Map<String, Value> = sink
        .fields
        .iter()
        .map(|field| {
            let target = match &field.parent_external_id {
                Some(external_id) => format!("{}.{external_id}", field.target),
                None => field.target.clone(),
            };
            (target, json!(name(field.source)))
        })
        .collect();
    let required: Vec<&str> = sink
        .fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.target.as_str())
        .collect();
    let key: Vec<_> = entity.key.iter().filter_map(|ix| name(*ix)).collect();
    json!({
        "object": sink.object,
        "external_id": { "field": sink.external_id, "key": key },
        "where": sink.filter.as_ref().map(|filter| filter.text.as_str()),
        "on_delete": word(sink.on_delete),
        "on_leave": sink.filter.as_ref().map(|_| word(sink.on_leave)),
        "max_removals_percent": sink.max_removals_percent,
        "max_updates_percent": sink.max_updates_percent,
        "reveal": sink.reveal,
        "adopt": sink.adopt.as_ref().map(|adopt| adopted(entity, adopt)),
        "parents": sink.parents,
        "revision_field": sink.revision_field,
        "deleted_field": sink.deleted_field,
        "fields": fields,
        "required": required,
    })
}

fn adopted(entity: &EntitySpec, adopt: &Adoption) -> Value {
    let name = |ix: FieldIx| entity.fields.get(ix).map(|field| field.name.as_str());
    let part = |part: &MatchPart| json!({ "field": name(part.field), "in": part.target, "as": part.compare.word() });
    let rules: Vec<Vec<Value>> =
        adopt.rules.iter().map(|rule| rule.iter().map(part).collect()).collect();
    json!({ "match": rules, "unmatched": adopt.unmatched, "review": adopt.review })
}

fn word(removal: OnDelete) -> &'static str {
    match removal {
        OnDelete::Keep => "keep",
        OnDelete::Flag => "flag",
        OnDelete::Delete => "delete",
    }
}
