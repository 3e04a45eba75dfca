//! A sunset is a day, and only what goes has one. What goes is not read anew.

use covenant_model::spec::ModelField;
use covenant_model::terms::{DatasetTerms, FieldTerms, Status};
use jiff::civil::Date;

use super::{Cx, finding};
use crate::diagnostic::codes;
use crate::source::Span;

pub(super) fn check(cx: &Cx<'_>) {
    for entity in &cx.ir.entities {
        let spec = &entity.spec;
        sunsets(cx, &spec.name, &spec.terms, spec.fields.iter().map(|one| (&one.name, &one.terms)));
        if spec.terms.status == Status::Active {
            references(cx, spec);
            mappings(cx, spec);
        }
    }
    for model in &cx.ir.models {
        let spec = &model.spec;
        sunsets(cx, &spec.name, &spec.terms, spec.fields.iter().map(|one| (&one.name, &one.terms)));
        if spec.terms.status == Status::Active {
            inputs(cx, spec);
        }
    }
}

/// Of a dataset and of its fields.
fn sunsets<'a>(
    cx: &Cx<'_>,
    dataset: &str,
    terms: &DatasetTerms,
    fields: impl Iterator<Item = (&'a String, &'a FieldTerms)>,
) {
    sunset(cx, dataset, terms.status, terms.sunset.as_deref());
    for (name, terms) in fields {
        let path = format!("{dataset}/fields/{name}");
        sunset(cx, &path, terms.status, terms.sunset.as_deref());
    }
}

fn sunset(cx: &Cx<'_>, path: &str, status: Status, day: Option<&str>) {
    let Some(day) = day else { return };
    let at = cx.value(&format!("{path}/sunset"));
    // Days are compared as texts later, so there is one way to write each.
    let is_day = day.parse::<Date>().is_ok_and(|date| date.to_string() == day);
    if !is_day {
        cx.report(
            finding(&codes::BAD_SUNSET, at, format!("`{day}` is no day"))
                .help("write it as `2027-06-30`"),
        );
    } else if status == Status::Active {
        cx.report(
            finding(&codes::BAD_SUNSET, at, "what is active has no last day".to_owned())
                .why("readers are told to leave by the status, and until when by the sunset")
                .help("add `status: deprecated`, or remove the sunset"),
        );
    }
}

/// What is on its way out: its status and the day.
fn ending(cx: &Cx<'_>, dataset: &str, column: Option<&str>) -> Option<(String, Span)> {
    let (status, sunset) = terms(cx, dataset, column)?;
    if status == Status::Active {
        return None;
    }
    let until = sunset.map(|day| format!(", to be read until {day}")).unwrap_or_default();
    let path = match column {
        Some(column) => format!("{dataset}/fields/{column}/status"),
        None => format!("{dataset}/status"),
    };
    Some((format!("{}{until}", status.word()), cx.value(&path)))
}

fn terms<'a>(
    cx: &Cx<'a>,
    dataset: &str,
    column: Option<&str>,
) -> Option<(Status, Option<&'a String>)> {
    let entity = cx.ir.entity(dataset).map(|entity| &entity.spec);
    let model = cx.ir.model(dataset).map(|model| &model.spec);
    let Some(column) = column else {
        let terms = entity.map(|spec| &spec.terms).or(model.map(|spec| &spec.terms))?;
        return Some((terms.status, terms.sunset.as_ref()));
    };
    let of_entity = entity.and_then(|spec| spec.fields.iter().find(|one| one.name == column));
    let of_model = model.and_then(|spec| spec.fields.iter().find(|one| one.name == column));
    let terms = of_entity.map(|one| &one.terms).or(of_model.map(|one| &one.terms))?;
    Some((terms.status, terms.sunset.as_ref()))
}

fn report(cx: &Cx<'_>, at: Span, who: &str, what: &str, (told, span): (String, Span)) {
    cx.report(
        finding(&codes::READS_WHAT_ENDS, at, format!("{who} reads {what}, which is {told}"))
            .label(span, "declared here")
            .help("read what replaces it, or deprecate the reader too"),
    );
}

fn references(cx: &Cx<'_>, spec: &covenant_model::spec::EntitySpec) {
    for field in spec.fields.iter().filter(|field| field.terms.status == Status::Active) {
        let Some(target) = &field.references else { continue };
        if let Some(told) = ending(cx, target, None) {
            let at = cx.attribute(&spec.name, &field.name, "references");
            report(cx, at, &format!("`{}`", field.name), target, told);
        }
    }
}

fn mappings(cx: &Cx<'_>, spec: &covenant_model::spec::EntitySpec) {
    let Some(sink) = &spec.salesforce else { return };
    for mapping in &sink.fields {
        let Some(field) = spec.fields.get(mapping.source) else { continue };
        if let Some(told) = ending(cx, &spec.name, Some(&field.name)) {
            let at = cx.key(&super::salesforce::mapping_path(spec, sink, mapping));
            report(cx, at, &format!("`{}`", mapping.target), &format!("`{}`", field.name), told);
        }
    }
}

fn inputs(cx: &Cx<'_>, spec: &covenant_model::spec::ModelSpec) {
    for input in &spec.inputs {
        if let Some(told) = ending(cx, input, None) {
            report(cx, cx.value(&format!("{}/query", spec.name)), &spec.name, input, told);
        }
    }
    let active = |field: &&ModelField| field.terms.status == Status::Active;
    for field in spec.fields.iter().filter(active) {
        for (dataset, column) in &field.lineage {
            if let Some(told) = ending(cx, dataset, Some(column)) {
                let at = cx.field(&spec.name, &field.name);
                report(cx, at, &format!("`{}`", field.name), &format!("{dataset}.{column}"), told);
            }
        }
    }
}
