//! Models: their query is read for inputs, columns and lineage.

use std::collections::{BTreeMap, BTreeSet};

use covenant_model::spec::{
    ApplyForm, Compatibility, ModelField, ModelSpec, Protection, WarehouseSink,
};
use covenant_model::value::LogicalType;

use super::query::{self, Column, Output, Table};
use super::{Cx, entity, sources};
use crate::ast::{FieldDecl, ModelDecl};
use crate::diagnostic::{Applicability, Diagnostic, Fix, codes};
use crate::ir::{EntityIr, Fact, Given, ModelIr};

pub(super) fn resolve(cx: &Cx<'_>, decl: &ModelDecl, catalog: &BTreeMap<String, Table>) -> ModelIr {
    let head = &decl.head;
    let read = if decl.query.present {
        query::read(cx, &head.name, &decl.query.text, catalog, &head.key)
    } else {
        query::Read::default()
    };
    let mut fields: Vec<ModelField> =
        decl.fields.iter().map(|field| model_field(cx, &head.name, field)).collect();
    let query_sound = read.sound && outputs(cx, &head.name, &read.outputs, &decl.fields);
    for field in &mut fields {
        let output = read.outputs.iter().find(|output| output.name == field.name);
        field.lineage =
            output.map(|output| output.lineage.iter().cloned().collect()).unwrap_or_default();
    }
    let direct = read.outputs.iter().filter(|output| output.direct && output.lineage.len() == 1);
    let direct = direct.map(|output| output.name.clone()).collect();
    let shapes = read.outputs.iter().filter_map(|one| Some((one.name.clone(), one.shape.clone()?)));
    let shapes = shapes.collect();
    let facts = read.outputs.iter().map(|one| (one.name.clone(), one.fact.clone())).collect();
    let local = read.outputs.iter().map(|one| (one.name.clone(), one.local.clone())).collect();
    let tells = |key: &BTreeSet<usize>| {
        let mut names = key.iter().filter_map(|at| read.outputs.get(*at));
        names.all(|output| head.key.contains(&output.name))
    };
    let untyped = decl.fields.iter().filter(|field| field.ty.is_none());
    let mut warehouse = None;
    sources::sinks(cx, &head.name, &head.sinks, |sink, kind| match kind {
        sources::SinkKind::Warehouse(table) => warehouse = Some(table),
        sources::SinkKind::Salesforce => sources::sink_shape(
            cx,
            cx.key(&format!("{}/sinks/{}", head.name, sink.name)),
            "a model is not delivered to Salesforce".to_owned(),
        ),
    });
    let spec = ModelSpec {
        name: head.name.clone(),
        version: head.version.clone(),
        contract_hash: String::new(),
        owner: head.owner.clone(),
        purpose: head.purpose.clone(),
        compatibility: head.compatibility.unwrap_or(Compatibility::Full),
        key: head.key.clone(),
        query: decl.query.text.clone(),
        inputs: read.inputs.into_iter().collect(),
        rows_by: read.rows_by.into_iter().collect(),
        fields,
        warehouse: warehouse.clone().unwrap_or_else(no_table),
        refresh_s: decl.refresh_s,
        window: decl.window.clone(),
        key_tested: !read.keys.iter().any(tells),
        expect: entity::expectations(cx, &head.name, &head.expect),
        terms: head.terms.clone(),
    };
    ModelIr {
        spec,
        canonical_query: read.canonical,
        query_sound,
        direct,
        shapes,
        facts,
        local,
        untyped: untyped.map(|field| field.name.clone()).collect(),
        has_sink: warehouse.is_some(),
        reserved: head.reserved.clone(),
        scattered: head.scattered,
    }
}

/// Stands in until the check has reported the missing table.
fn no_table() -> WarehouseSink {
    WarehouseSink {
        system: String::new(),
        database: String::new(),
        schema: String::new(),
        table: String::new(),
        history: false,
        apply: ApplyForm::Merge,
    }
}

fn model_field(cx: &Cx<'_>, model: &str, field: &FieldDecl) -> ModelField {
    let path = format!("{model}/fields/{}", field.name);
    ModelField {
        id: field.id.unwrap_or(0),
        name: field.name.clone(),
        ty: field.ty.clone().unwrap_or(LogicalType::String { max_chars: None }),
        nullable: field.nullable,
        pii: entity::pii(cx, field.pii.as_deref(), &path),
        unit: field.unit.clone(),
        about: field.about.clone(),
        lineage: Vec::new(),
        terms: field.terms.clone(),
        declassify: field.declassify,
    }
}

/// What queries can read: fields of entities, declared columns of models.
pub(super) fn catalog(cx: &Cx<'_>, entities: &[EntityIr]) -> BTreeMap<String, Table> {
    let mut all = BTreeMap::new();
    if cx.ast.models.is_empty() {
        return all;
    }
    for entity in entities {
        let fields = &entity.spec.fields;
        let columns = fields.iter().enumerate().map(|(ix, field)| {
            // What stands in the table of a protected field is text, whatever it was.
            let plain = field.pii.is_none() && !entity.unsound.contains(&ix);
            let given =
                if plain { Given::Exact(field.read_type().into_owned()) } else { Given::Unknown };
            Column {
                name: field.name.clone(),
                dropped: field.pii.as_ref().is_some_and(|pii| pii.protect == Protection::Drop),
                fact: Fact { nullable: field.nullable, given },
            }
        });
        let key = entity.spec.key.iter().filter_map(|ix| fields.get(*ix));
        let key = key.map(|field| field.name.clone()).collect();
        all.insert(entity.spec.name.clone(), Table { columns: columns.collect(), key });
    }
    for model in &cx.ast.models {
        let columns = model.fields.iter().map(|field| {
            let given = field.ty.clone().filter(|_| field.pii.is_none());
            let given = given.map_or(Given::Unknown, Given::Exact);
            let fact = Fact { nullable: field.nullable, given };
            Column { name: field.name.clone(), dropped: false, fact }
        });
        let key = model.head.key.clone();
        all.insert(model.head.name.clone(), Table { columns: columns.collect(), key });
    }
    all
}

/// The query's columns must be the declared fields, by name and order.
fn outputs(cx: &Cx<'_>, model: &str, outputs: &[Output], fields: &[FieldDecl]) -> bool {
    let found: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
    let declared: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let Some(at) =
        (0..found.len().max(declared.len())).find(|at| found.get(*at) != declared.get(*at))
    else {
        return true;
    };
    let headline = match (found.get(at), declared.get(at)) {
        (Some(column), Some(field)) => {
            format!(
                "column {} of the query is `{column}`, the field declared there is `{field}`",
                at + 1
            )
        }
        (Some(column), None) => format!("the query's column `{column}` is no declared field"),
        (None, Some(field)) => format!("the query has no column for field `{field}`"),
        (None, None) => return true,
    };
    let span = match declared.get(at) {
        Some(field) => cx.key(&format!("{model}/fields/{field}")),
        None => cx.key(&format!("{model}/fields")),
    };
    let mut finding = Diagnostic::new(&codes::OUTPUT_COLUMNS, span, headline)
        .why(format!("the query gives: {}", found.join(", ")))
        .help("declare the fields in the order of the query's columns");
    if let Some(output) = outputs.get(at) {
        finding = finding.label(output.span, "the query's column");
        finding = finding.fix(misspelled(output, &found, declared.get(at), &declared));
    }
    cx.sink.push(finding);
    false
}

/// A column that is named like the field but for a letter or two, and like no other.
fn misspelled(
    output: &Output,
    found: &[&str],
    field: Option<&&str>,
    declared: &[&str],
) -> Option<Fix> {
    /// Edits between the two names.
    const EDITS_MAX: usize = 2;
    let (name, field) = (output.name.as_str(), *field?);
    let near = strsim::damerau_levenshtein(name, field) <= EDITS_MAX;
    let other = declared.contains(&name) || found.contains(&field);
    let title = format!("name the column `{field}`");
    (near && !other).then(|| Fix::replace(Applicability::Unsafe, title, output.span, field))
}
