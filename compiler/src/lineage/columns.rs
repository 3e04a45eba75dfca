//! The graph of columns: from where a field is told to where its value is kept and what is computed from it.

use covenant_model::columns::{ColumnPart, of_field};
use covenant_model::spec::{
    EntitySpec, FieldSpec, MergeRule, ModelField, ModelSpec, PiiSpec, Protection, RowUse,
    SalesforceSink,
};
use covenant_model::terms::Declassifier;

use super::datasets::{of_source, of_table};
use super::{Builder, Graph, Kind, Node};
use crate::plan::{Plan, source_name};

/// Every column of a plan.
pub(super) fn graph(plan: &Plan) -> Graph {
    let mut all = Builder::default();
    for entity in &plan.entities {
        for (ix, field) in entity.fields.iter().enumerate() {
            let me = all.node(field_node(&entity.name, field));
            told(&mut all, entity, ix, me);
            stored(&mut all, entity, ix, me);
            if let Some(sink) = &entity.salesforce {
                delivered(&mut all, sink, (ix, field), me);
            }
        }
    }
    for model in &plan.models {
        for field in &model.fields {
            computed(&mut all, plan, model, field);
        }
    }
    all.finish()
}

fn field_node(entity: &str, field: &FieldSpec) -> Node {
    Node {
        kind: Kind::Entity,
        name: format!("{entity}.{}", field.name),
        system: None,
        dataset: Some(entity.to_owned()),
        about: field.ty.to_string(),
        pii: class(field.pii.as_ref()),
    }
}

fn class(pii: Option<&PiiSpec>) -> Vec<String> {
    pii.map(|pii| pii.class.clone()).into_iter().collect()
}

/// A column of a table, a stream or an object.
fn column_of(dataset: Node, name: &str, about: String, pii: Vec<String>) -> Node {
    let name = format!("{}.{name}", dataset.name);
    Node { dataset: Some(dataset.name), name, about, pii, ..dataset }
}

fn told(all: &mut Builder, entity: &EntitySpec, ix: usize, me: usize) {
    let Some(field) = entity.fields.get(ix) else { return };
    let how = [settled(field), field.pii.as_ref().and_then(|pii| protected(pii.protect))];
    let how = how.into_iter().flatten().collect::<Vec<_>>().join(", ");
    for (source, spec) in &entity.sources {
        let Some(theirs) = source_name(entity, source, ix) else { continue };
        let pii = class(field.pii.as_ref());
        let from = all.node(column_of(of_source(spec), theirs, String::new(), pii));
        all.edge(from, me, &how);
    }
}

/// How several values become one, where that is not simply the newest.
fn settled(field: &FieldSpec) -> Option<&'static str> {
    match field.merge {
        MergeRule::Latest => None,
        MergeRule::Ranked => Some("the highest rank stays"),
        MergeRule::Max => Some("the largest stays"),
        MergeRule::Min => Some("the smallest stays"),
        MergeRule::First => Some("the first stays"),
    }
}

/// What capture does, before anything is written down.
fn protected(protect: Protection) -> Option<&'static str> {
    match protect {
        Protection::Encrypt => Some("encrypted at capture"),
        Protection::Tokenize => Some("tokenized at capture"),
        Protection::Drop => Some("dropped at capture"),
        Protection::Mask => None,
    }
}

fn stored(all: &mut Builder, entity: &EntitySpec, ix: usize, me: usize) {
    let (Some(field), Some(sink)) = (entity.fields.get(ix), &entity.warehouse) else { return };
    for column in of_field(field, ix) {
        let masked = field.pii.as_ref().is_some_and(|pii| pii.protect == Protection::Mask);
        let how = match column.part {
            ColumnPart::Plain if masked => "masked for whoever reads",
            ColumnPart::Plain => "",
            ColumnPart::Cipher => "ciphertext",
            ColumnPart::Token => "token",
        };
        let pii = class(field.pii.as_ref());
        let to = all.node(column_of(of_table(sink), &column.name, column.ty.to_string(), pii));
        all.edge(me, to, how);
    }
}

fn delivered(all: &mut Builder, sink: &SalesforceSink, field: (usize, &FieldSpec), me: usize) {
    let (ix, field) = field;
    for mapped in sink.fields.iter().filter(|mapped| mapped.source == ix) {
        let object = Node {
            kind: Kind::Sink,
            name: sink.object.clone(),
            system: Some(sink.system.clone()),
            dataset: None,
            about: String::new(),
            pii: Vec::new(),
        };
        let how = match (&field.pii, &sink.reveal) {
            (Some(_), Some(purpose)) => format!("delivered, in plaintext for {purpose}"),
            (Some(_), None) | (None, _) => "delivered".to_owned(),
        };
        let about = mapped.parent_object.as_ref().map(|parent| format!("lookup of {parent}"));
        let pii = class(field.pii.as_ref());
        let to = all.node(column_of(object, &mapped.target, about.unwrap_or_default(), pii));
        all.edge(me, to, &how);
    }
}

fn computed(all: &mut Builder, plan: &Plan, model: &ModelSpec, field: &ModelField) {
    let me = all.node(Node {
        kind: Kind::Model,
        name: format!("{}.{}", model.name, field.name),
        system: None,
        dataset: Some(model.name.clone()),
        about: field.ty.to_string(),
        pii: class(field.pii.as_ref()),
    });
    let how = match &field.declassify {
        None => "computed",
        Some(declassify) => match declassify.by {
            Declassifier::Truncate => "computed, truncated: less personal",
            Declassifier::Bucket => "computed, in buckets: less personal",
            Declassifier::Hash => "computed, hashed: less personal",
            Declassifier::Count => "computed, counted: less personal",
        },
    };
    for (dataset, column) in &field.lineage {
        let kind = if plan.entity(dataset).is_some() { Kind::Entity } else { Kind::Model };
        if let Some(from) = all.contract(kind, &format!("{dataset}.{column}")) {
            all.edge(from, me, how);
        }
    }
    for by in &model.rows_by {
        // What it shows says enough.
        if field.lineage.contains(&(by.dataset.clone(), by.column.clone())) {
            continue;
        }
        let kind = if plan.entity(&by.dataset).is_some() { Kind::Entity } else { Kind::Model };
        let how = match by.how {
            RowUse::Filter => "filters its rows",
            RowUse::Join => "joins its rows",
            RowUse::Group => "groups its rows",
        };
        if let Some(from) = all.contract(kind, &format!("{}.{}", by.dataset, by.column)) {
            all.edge(from, me, how);
        }
    }
    let pii = class(field.pii.as_ref());
    let table = column_of(of_table(&model.warehouse), &field.name, field.ty.to_string(), pii);
    let to = all.node(table);
    all.edge(me, to, "");
}
