//! The graph of whole datasets: tables, streams and objects into entities, entities into models, both into what is written.

use std::collections::BTreeSet;

use covenant_model::spec::{EntitySpec, PiiSpec, SourceSpec, WarehouseSink};

use super::{Builder, Graph, Kind, Node};
use crate::plan::Plan;

/// Every dataset of a plan.
pub(super) fn graph(plan: &Plan) -> Graph {
    let mut all = Builder::default();
    for entity in &plan.entities {
        let pii = classes(entity.fields.iter().filter_map(|field| field.pii.as_ref()));
        let me = all.node(contract(Kind::Entity, &entity.name, &entity.purpose, pii));
        for source in entity.sources.values() {
            let from = all.node(of_source(source));
            all.edge(from, me, "");
        }
    }
    for model in &plan.models {
        let pii = classes(model.fields.iter().filter_map(|field| field.pii.as_ref()));
        let me = all.node(contract(Kind::Model, &model.name, &model.purpose, pii));
        for input in &model.inputs {
            let kind = if plan.entity(input).is_some() { Kind::Entity } else { Kind::Model };
            if let Some(from) = all.contract(kind, input) {
                all.edge(from, me, "computed");
            }
        }
        let table = all.node(of_table(&model.warehouse));
        all.edge(me, table, "");
    }
    for entity in &plan.entities {
        sinks(&mut all, entity);
    }
    all.finish()
}

fn sinks(all: &mut Builder, entity: &EntitySpec) {
    let Some(me) = all.contract(Kind::Entity, &entity.name) else { return };
    if let Some(sink) = &entity.warehouse {
        let table = all.node(of_table(sink));
        all.edge(me, table, "");
    }
    if let Some(sink) = &entity.salesforce {
        let object = all.node(Node {
            kind: Kind::Sink,
            name: sink.object.clone(),
            system: Some(sink.system.clone()),
            dataset: None,
            about: format!("by {}", sink.external_id),
            pii: Vec::new(),
        });
        all.edge(me, object, "delivered");
    }
}

fn contract(kind: Kind, name: &str, purpose: &str, pii: Vec<String>) -> Node {
    let about = purpose.trim().to_owned();
    Node { kind, name: name.to_owned(), system: None, dataset: None, about, pii }
}

fn classes<'a>(of: impl Iterator<Item = &'a PiiSpec>) -> Vec<String> {
    let all: BTreeSet<&str> = of.map(|pii| pii.class.as_str()).collect();
    all.into_iter().map(str::to_owned).collect()
}

/// What a source reads.
pub(super) fn of_source(source: &SourceSpec) -> Node {
    let (system, name, about) = match source {
        SourceSpec::Postgres { system, schema, table, .. } => {
            (system, format!("{schema}.{table}"), "table")
        }
        SourceSpec::Stream { system, stream, .. } => (system, stream.clone(), "event stream"),
        SourceSpec::Salesforce { system, object, .. } => (system, object.clone(), "object"),
    };
    Node {
        kind: Kind::Source,
        name,
        system: Some(system.clone()),
        dataset: None,
        about: about.to_owned(),
        pii: Vec::new(),
    }
}

/// A table of the warehouse.
pub(super) fn of_table(sink: &WarehouseSink) -> Node {
    Node {
        kind: Kind::Sink,
        name: format!("{}.{}.{}", sink.database, sink.schema, sink.table),
        system: Some(sink.system.clone()),
        dataset: None,
        about: "table".to_owned(),
        pii: Vec::new(),
    }
}
