//! Who uses a field or an entity: what a finding names, and the way to it.

use std::collections::BTreeSet;

use covenant_model::spec::{
    Compatibility, EntitySpec, FieldSpec, ModelSpec, Protection, WarehouseSink,
};
use serde::Serialize;

use super::finding::{Hop, Platform};
use super::query;
use super::rule::Grade;
use super::sides::{Side, View, id_of};

/// Hops that a finding shows of a lineage; what lies behind is of the same kind.
const HOPS_MAX: usize = 12;

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
    /// People: whoever answers, approves or relies on a promise.
    People,
}

/// A consumer that breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Consumer {
    /// The kind.
    pub kind: ConsumerKind,
    /// Where it runs.
    pub platform: Platform,
    /// `Order__c.Status__c`, `ANALYTICS.SALES.ORDERS.STATUS`, `analytics.daily_sales`.
    pub name: String,
    /// In which contracts its path stands.
    pub side: Side,
    /// Where it is declared: a path, to be looked up among the spans.
    pub path: String,
    /// What happens to it.
    pub how: String,
    /// How bad that is for it.
    pub suffers: Grade,
}

impl Consumer {
    /// It notices, and goes on.
    pub(super) fn mildly(mut self) -> Self {
        self.suffers = Grade::Warning;
        self
    }
}

/// All of them notice, and go on.
pub(super) fn mildly(consumers: Vec<Consumer>) -> Vec<Consumer> {
    consumers.into_iter().map(Consumer::mildly).collect()
}

/// Which half of a promise a change touches, where a rule's ceiling does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promised {
    /// The new side reads what the old one left behind.
    Backward,
    /// The old side reads what the new one makes.
    Forward,
}

/// Consumers that break in one direction: under a promise of the other one only they are named, and suffer nothing that was
/// promised.
pub(super) fn under(
    promise: Compatibility,
    half: Promised,
    consumers: Vec<Consumer>,
) -> Vec<Consumer> {
    let covered = match promise {
        Compatibility::Backward | Compatibility::BackwardTransitive => half == Promised::Backward,
        Compatibility::Forward | Compatibility::ForwardTransitive => half == Promised::Forward,
        Compatibility::Full | Compatibility::FullTransitive => true,
    };
    let spared = |one: Consumer| Consumer { suffers: Grade::Info, ..one };
    if covered { consumers } else { consumers.into_iter().map(spared).collect() }
}

/// Those who rely on a promise of a dataset and are no machines.
pub(super) fn people(side: Side, path: String, name: &str, how: &str) -> Consumer {
    Consumer {
        kind: ConsumerKind::People,
        platform: Platform::Manifest,
        name: name.to_owned(),
        side,
        path,
        how: how.to_owned(),
        suffers: Grade::Error,
    }
}

/// An entity on one side: where its consumers are looked for.
#[derive(Clone, Copy)]
pub(super) struct Bound<'a> {
    /// The side.
    pub view: &'a View<'a>,
    /// The entity.
    pub entity: &'a EntitySpec,
}

impl<'a> Bound<'a> {
    fn consumer(
        self,
        kind: ConsumerKind,
        platform: Platform,
        name: String,
        path: String,
        how: &str,
    ) -> Consumer {
        let how = how.to_owned();
        Consumer { kind, platform, name, side: self.view.side, path, how, suffers: Grade::Error }
    }

    /// The validator of the entity.
    pub(super) fn validator(self, how: &str) -> Consumer {
        let project = self.view.plan.project.name.split('-').next().unwrap_or_default();
        let name = format!("{project}_pipeline::{}", self.entity.name.replace('.', "_"));
        let path = self.entity.name.clone();
        self.consumer(ConsumerKind::RustValidator, Platform::Rust, name, path, how)
    }

    /// The table of the entity.
    pub(super) fn table(self, how: &str) -> Option<Consumer> {
        let sink = self.entity.warehouse.as_ref()?;
        Some(self.stored(sink, place(sink), how))
    }

    /// The column of a field. What is dropped has none.
    pub(super) fn column(self, field: &FieldSpec, how: &str) -> Option<Consumer> {
        let sink = self.entity.warehouse.as_ref()?;
        if field.pii.as_ref().is_some_and(|pii| pii.protect == Protection::Drop) {
            return None;
        }
        Some(self.stored(sink, format!("{}.{}", place(sink), field.name), how))
    }

    fn stored(self, sink: &WarehouseSink, name: String, how: &str) -> Consumer {
        let path = format!("{}/sinks/{}", self.entity.name, sink.system);
        self.consumer(ConsumerKind::SnowflakeTable, Platform::Snowflake, name, path, how)
    }

    /// Salesforce fields that a field of the contract feeds, the external id among them.
    pub(super) fn mappings(self, field: &FieldSpec, how: &str) -> Vec<Consumer> {
        let Some(sink) = &self.entity.salesforce else { return Vec::new() };
        let of_field = |ix: usize| id_of(self.entity, ix) == Some(field.id);
        let mapped = sink.fields.iter().filter(|mapped| of_field(mapped.source));
        let mut found: Vec<Consumer> = mapped
            .filter_map(|mapped| match &mapped.parent_external_id {
                Some(id) => self.mapping(&format!("{}.{id}", mapped.target), how),
                None => self.mapping(&mapped.target, how),
            })
            .collect();
        if self.entity.key.iter().any(|ix| of_field(*ix)) {
            found.extend(self.external_id(how));
        }
        found
    }

    /// One Salesforce field.
    pub(super) fn mapping(self, target: &str, how: &str) -> Option<Consumer> {
        let sink = self.entity.salesforce.as_ref()?;
        let path = format!("{}/sinks/{}/fields/{target}", self.entity.name, sink.system);
        Some(self.delivered(format!("{}.{target}", sink.object), path, how))
    }

    /// The field that identifies records in Salesforce.
    pub(super) fn external_id(self, how: &str) -> Option<Consumer> {
        let sink = self.entity.salesforce.as_ref()?;
        let path = format!("{}/sinks/{}/external_id", self.entity.name, sink.system);
        Some(self.delivered(format!("{}.{}", sink.object, sink.external_id), path, how))
    }

    /// The Salesforce object as a whole.
    pub(super) fn object(self, how: &str) -> Option<Consumer> {
        let sink = self.entity.salesforce.as_ref()?;
        let path = format!("{}/sinks/{}", self.entity.name, sink.system);
        Some(self.delivered(sink.object.clone(), path, how))
    }

    fn delivered(self, name: String, path: String, how: &str) -> Consumer {
        self.consumer(ConsumerKind::SalesforceMapping, Platform::Salesforce, name, path, how)
    }

    /// Models that read a field, in an output column or anywhere in their query.
    pub(super) fn models(self, field: &str, how: &str) -> Vec<Consumer> {
        models(self.view, &self.entity.name, field, how)
    }

    /// Models that read the entity at all.
    pub(super) fn readers(self, how: &str) -> Vec<Consumer> {
        readers(self.view, &self.entity.name, how)
    }

    /// Fields of other entities that hold its key.
    pub(super) fn references(self, how: &str) -> Vec<Consumer> {
        self.view
            .referring(&self.entity.name)
            .iter()
            .map(|(other, field)| {
                let path = format!("{}/fields/{}", other.name, field.name);
                let name = format!("{}.{}", other.name, field.name);
                self.consumer(ConsumerKind::Reference, Platform::Snowflake, name, path, how)
            })
            .collect()
    }

    /// The way of a field through the models.
    pub(super) fn lineage(self, field: &str) -> Vec<Hop> {
        lineage(self.view, &self.entity.name, field)
    }
}

/// `ANALYTICS.SALES.ORDERS`
pub(super) fn place(sink: &WarehouseSink) -> String {
    format!("{}.{}.{}", sink.database, sink.schema, sink.table)
}

/// The table of a model, or one column of it.
pub(super) fn model_table(
    view: &View<'_>,
    model: &ModelSpec,
    column: Option<&str>,
    how: &str,
) -> Consumer {
    let table = place(&model.warehouse);
    Consumer {
        kind: ConsumerKind::SnowflakeTable,
        platform: Platform::Snowflake,
        name: column.map_or_else(|| table.clone(), |column| format!("{table}.{column}")),
        side: view.side,
        path: format!("{}/sinks/{}", model.name, model.warehouse.system),
        how: how.to_owned(),
        suffers: Grade::Error,
    }
}

/// Models that read a field of an entity or a model.
pub(super) fn models(view: &View<'_>, dataset: &str, field: &str, how: &str) -> Vec<Consumer> {
    let reads = |model: &&&ModelSpec| {
        let shows = |(from, name): &(String, String)| from == dataset && name == field;
        model.fields.iter().any(|column| column.lineage.iter().any(shows))
            || query::mentions(&model.query, field)
    };
    view.readers(dataset).iter().filter(reads).map(|model| reader(view, model, how)).collect()
}

/// Models that read an entity or a model at all.
pub(super) fn readers(view: &View<'_>, dataset: &str, how: &str) -> Vec<Consumer> {
    view.readers(dataset).iter().map(|model| reader(view, model, how)).collect()
}

fn reader(view: &View<'_>, model: &ModelSpec, how: &str) -> Consumer {
    Consumer {
        kind: ConsumerKind::Model,
        platform: Platform::Snowflake,
        name: model.name.clone(),
        side: view.side,
        path: format!("{}/query", model.name),
        how: how.to_owned(),
        suffers: Grade::Error,
    }
}

/// The columns that a field reaches, nearest first.
pub(super) fn lineage(view: &View<'_>, dataset: &str, field: &str) -> Vec<Hop> {
    let mut hops = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![(dataset.to_owned(), field.to_owned())];
    while let Some((dataset, field)) = (!open.is_empty()).then(|| open.remove(0)) {
        for model in view.readers(&dataset) {
            for column in &model.fields {
                let from = column.lineage.iter().any(|(of, name)| *of == dataset && *name == field);
                let path = format!("{}/fields/{}", model.name, column.name);
                if !from || hops.len() >= HOPS_MAX || !seen.insert(path.clone()) {
                    continue;
                }
                let note =
                    format!("{}.{} is computed from {dataset}.{field}", model.name, column.name);
                hops.push(Hop { side: view.side, path, note });
                open.push((model.name.clone(), column.name.clone()));
            }
        }
    }
    hops
}
