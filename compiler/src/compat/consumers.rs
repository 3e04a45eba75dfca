//! Who uses a field or an entity: what a finding names.

use covenant_model::spec::{EntitySpec, FieldSpec};
use serde::Serialize;

use crate::plan::Plan;

/// What kind of consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsumerKind {
    /// Generated Rust validator.
    RustValidator,
    /// Snowflake table.
    SnowflakeTable,
    /// Salesforce mapping.
    SalesforceMapping,
    /// Model downstream.
    Model,
    /// Another entity that refers to this one.
    Reference,
}

/// A consumer that breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Consumer {
    /// The kind.
    pub kind: ConsumerKind,
    /// `Order__c.Status__c`, `ANALYTICS.SALES.ORDERS.STATUS`, `analytics.daily_sales`.
    pub name: String,
    /// Where it is declared: a path, to be looked up among the spans.
    pub path: String,
    /// What happens to it.
    pub how: String,
}

impl Consumer {
    fn new(kind: ConsumerKind, name: String, path: String, how: &str) -> Self {
        Self { kind, name, path, how: how.to_owned() }
    }
}

/// The validator of an entity.
pub(super) fn validator(entity: &EntitySpec, how: &str) -> Consumer {
    let name = format!("acme_pipeline::{}", entity.name.replace('.', "_"));
    Consumer::new(ConsumerKind::RustValidator, name, entity.name.clone(), how)
}

/// The warehouse column of a field, if the entity has a warehouse sink.
pub(super) fn column(entity: &EntitySpec, field: &FieldSpec, how: &str) -> Option<Consumer> {
    let sink = entity.warehouse.as_ref()?;
    let name = format!("{}.{}.{}.{}", sink.database, sink.schema, sink.table, field.name);
    let path = format!("{}/sinks/{}", entity.name, sink.system);
    Some(Consumer::new(ConsumerKind::SnowflakeTable, name, path, how))
}

/// The table of an entity.
pub(super) fn table(entity: &EntitySpec, how: &str) -> Option<Consumer> {
    let sink = entity.warehouse.as_ref()?;
    let name = format!("{}.{}.{}", sink.database, sink.schema, sink.table);
    let path = format!("{}/sinks/{}", entity.name, sink.system);
    Some(Consumer::new(ConsumerKind::SnowflakeTable, name, path, how))
}

/// Salesforce fields that a field of the contract feeds.
pub(super) fn mappings(entity: &EntitySpec, field: &FieldSpec, how: &str) -> Vec<Consumer> {
    let Some(sink) = &entity.salesforce else { return Vec::new() };
    let of_field = |source: usize| entity.fields.get(source).is_some_and(|f| f.id == field.id);
    let mut found: Vec<Consumer> = sink
        .fields
        .iter()
        .filter(|mapped| of_field(mapped.source))
        .map(|mapped| {
            let path = format!("{}/sinks/{}/fields/{}", entity.name, sink.system, mapped.target);
            let name = format!("{}.{}", sink.object, mapped.target);
            Consumer::new(ConsumerKind::SalesforceMapping, name, path, how)
        })
        .collect();
    if entity.key.iter().any(|ix| of_field(*ix)) {
        let path = format!("{}/sinks/{}/external_id", entity.name, sink.system);
        let name = format!("{}.{}", sink.object, sink.external_id);
        found.push(Consumer::new(ConsumerKind::SalesforceMapping, name, path, how));
    }
    found
}

/// Models that read a field of an entity, in an output column or anywhere in their query.
pub(super) fn models(plan: &Plan, entity: &str, field: &str, how: &str) -> Vec<Consumer> {
    plan.models
        .iter()
        .filter(|model| model.inputs.iter().any(|input| input == entity))
        .filter(|model| {
            let in_output = model.fields.iter().any(|column| {
                column.lineage.iter().any(|(from, name)| from == entity && name == field)
            });
            in_output || mentions(&model.query, field)
        })
        .map(|model| {
            let path = format!("{}/query", model.name);
            Consumer::new(ConsumerKind::Model, model.name.clone(), path, how)
        })
        .collect()
}

/// Models that read an entity or a model at all.
pub(super) fn readers(plan: &Plan, dataset: &str, how: &str) -> Vec<Consumer> {
    plan.models
        .iter()
        .filter(|model| model.inputs.iter().any(|input| input == dataset))
        .map(|model| {
            let path = format!("{}/query", model.name);
            Consumer::new(ConsumerKind::Model, model.name.clone(), path, how)
        })
        .collect()
}

/// Entities with a field that refers to this entity.
pub(super) fn references(plan: &Plan, entity: &str, how: &str) -> Vec<Consumer> {
    plan.entities
        .iter()
        .flat_map(|other| other.fields.iter().map(move |field| (other, field)))
        .filter(|(_, field)| field.references.as_deref() == Some(entity))
        .map(|(other, field)| {
            let path = format!("{}/fields/{}", other.name, field.name);
            let name = format!("{}.{}", other.name, field.name);
            Consumer::new(ConsumerKind::Reference, name, path, how)
        })
        .collect()
}

/// Whether a query names an identifier, as a whole word.
fn mentions(query: &str, name: &str) -> bool {
    query
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|word| word.eq_ignore_ascii_case(name))
}
